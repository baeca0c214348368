//! A new database on each engine that there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use m365_database::Database;
use m365_model::{ManualClock, SeededEntropy, Surroundings, TenantId};
use m365_store::{Crypter, MasterKey, Store};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};

/// An empty database, and what is needed to open it again.
pub struct Engine {
    pub name: &'static str,
    pub url: String,
    pub clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

pub const TENANT: &str = "default";

pub fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

pub fn key(digits: &str) -> MasterKey {
    MasterKey::from_hex(&digits.repeat(32).into()).unwrap()
}

impl Engine {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("store.db").display());
        Self { name: "SQLite", url, clock: clock(), folder }
    }

    /// A new database on the server that tests were given, if they were.
    pub async fn postgres() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = server()?;
        let name = format!("conformance_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        sqlx::any::install_default_drivers();
        let mut admin = AnyConnection::connect(&format!("{server}/postgres")).await.unwrap();
        admin.execute(sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Some(Self { name: "PostgreSQL", url: format!("{server}/{name}"), clock: clock(), folder })
    }

    /// Every engine that there is.
    pub async fn all() -> Vec<Self> {
        let mut engines = vec![Self::sqlite()];
        engines.extend(Self::postgres().await);
        engines
    }

    /// The database, migrated, with the same chance each time.
    pub async fn database(&self, seed: u64) -> Database {
        let surroundings = Surroundings { clock: self.clock.clone(), entropy: Arc::new(SeededEntropy::new(seed)) };
        let database = Database::open(&self.url, surroundings).await.unwrap();
        database.migrate().await.unwrap();
        database
    }

    /// A store on it.
    pub async fn store(&self, seed: u64) -> Store {
        let store = Store::new(self.database(seed).await, Crypter::new(key("5e"), Vec::new()));
        store.with_ledger(self.folder.path().join("erasures"))
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-03-02T12:00:00Z".parse().unwrap()))
}

#[expect(clippy::disallowed_methods, reason = "where a server for tests runs is told to tests alone")]
fn server() -> Option<String> {
    std::env::var("TEST_POSTGRES_URL").ok()
}
