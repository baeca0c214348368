//! A database that is set up, and what is in its files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use m365_database::{Acceptance, Database, accept_dpa, withdraw_dpa};
use m365_model::{ConnectorId, ManualClock, SeededEntropy, Surroundings, TenantId, UserId};
use m365_store::allow_list::Leftovers;
use m365_store::erase::Target;
use m365_store::export::RecordQuery;
use m365_store::{Crypter, MasterKey, Store, StoreError};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tempfile::TempDir;

use crate::On;

/// The key that everything of a [`Ground`] is encrypted under.
const KEY: &str = "6b6579206f6620746865207465737420206b69742c206f66206e6f2076616c75";

/// A database of its own: migrated and connected, nothing accepted, nothing allowed.
pub struct Ground {
    /// The store on it.
    pub store: Store,
    /// The tenant whose connector it holds.
    pub tenant: TenantId,
    /// That connector.
    pub connector: ConnectorId,
    /// The time that it is there.
    pub clock: Arc<ManualClock>,
    /// Which engine it is on.
    pub on: On,
    /// Where its database is.
    url: String,
    /// The folder that holds its files, until it is dropped.
    folder: TempDir,
    /// How often the files were opened: no two processes draw the same chance.
    openings: AtomicU64,
}

impl Ground {
    /// A new one on SQLite, at `start`, for a company of the domain contoso.com.
    pub async fn new(start: jiff::Timestamp, entra_tenant: &str) -> Self {
        Self::on(&On::sqlite(), start, entra_tenant).await
    }

    /// The same on any engine.
    pub async fn on(on: &On, start: jiff::Timestamp, entra_tenant: &str) -> Self {
        let (folder, url) = on.make().await;
        let clock = Arc::new(ManualClock::new(start));
        let store = open(on, &url, folder.path(), clock.clone(), 1).await;
        store.database().migrate().await.expect("tables");
        let tenant: TenantId = "default".parse().expect("a tenant id");
        let entra_tenant = entra_tenant.parse().expect("a GUID");
        let domain = "contoso.com".parse().expect("a domain");
        let connector = store.connect(&tenant, &entra_tenant, &domain, &operator()).await.expect("a connection");
        Self { store, tenant, connector, clock, on: on.clone(), url, folder, openings: AtomicU64::new(1) }
    }

    /// A second handle on the same database, as another process would have it.
    pub async fn reopen(&self) -> Store {
        let seed = 1 + self.openings.fetch_add(1, Ordering::Relaxed);
        open(&self.on, &self.url, self.folder.path(), self.clock.clone(), seed).await
    }

    /// One more tenant with a connector of its own.
    pub async fn another_tenant(&self, name: &str) -> (TenantId, ConnectorId) {
        let tenant: TenantId = name.parse().expect("a tenant id");
        let entra_tenant = "99999999-8888-7777-6666-555555555555".parse().expect("a GUID");
        let domain = "fabrikam.com".parse().expect("a domain");
        let connector = self.store.connect(&tenant, &entra_tenant, &domain, &operator()).await.expect("a connection");
        (tenant, connector)
    }

    /// Accepts the agreement for the tenant.
    pub async fn accept(&self) -> Acceptance {
        accept_dpa(&self.tenant, &admin(), &self.connector, self.store.database()).await.expect("an acceptance")
    }

    /// Withdraws it. `false`: none stood.
    pub async fn withdraw(&self) -> bool {
        withdraw_dpa(&self.tenant, &admin(), self.store.database()).await.expect("a withdrawal")
    }

    /// Puts domains on the allow-list, each for itself alone.
    pub async fn allow(&self, domains: &[&str]) {
        let domains: Vec<_> = domains.iter().map(|domain| domain.parse().expect("a domain")).collect();
        self.store.allow(&self.tenant, &operator(), &domains, false).await.expect("a list");
    }

    /// Takes a domain off the list, and keeps what it let in. `false`: it was not on it.
    pub async fn disallow(&self, domain: &str) -> bool {
        let domain = domain.parse().expect("a domain");
        let outcome = self.store.disallow(&self.tenant, &operator(), &domain, Leftovers::Keep).await;
        outcome.expect("a list").is_some()
    }

    /// Takes a domain off the list, and whoever it let in out of what is stored. `false`: it was not on it.
    pub async fn purge(&self, domain: &str) -> bool {
        let domain = domain.parse().expect("a domain");
        let outcome = self.store.disallow(&self.tenant, &operator(), &domain, Leftovers::Purge).await;
        outcome.expect("a list").is_some()
    }

    /// Erases someone, who stays out from now on.
    pub async fn erase(&self, person: &str) {
        let target = Target::Person(person.parse().expect("an address"));
        self.store.erase(&self.tenant, &operator(), &target).await.expect("an erasure");
    }

    /// The stored records as they are printed, by time and then by id.
    pub async fn records(&self, include_upcoming: bool) -> Vec<Value> {
        let mut out = Vec::new();
        self.store
            .each_record(&self.tenant, RecordQuery { since: None, include_upcoming }, |record| {
                out.push(serde_json::to_value(record).map_err(|_| StoreError::Unreadable("activity"))?);
                Ok::<_, StoreError>(())
            })
            .await
            .expect("records");
        out
    }

    /// Where the database's files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection to the database past the product, on either engine, for whoever looks at rows or tampers with them. It is
    /// above row-level security.
    pub async fn connection(&self) -> AnyConnection {
        AnyConnection::connect(&self.url).await.expect("a connection")
    }

    /// Has PostgreSQL's server end every connection to this database and take no new one; or take them again.
    pub async fn cut_off(&self, is_cut: bool) {
        let (server, name) = self.url.rsplit_once('/').expect("a server");
        let mut admin = AnyConnection::connect(&format!("{server}/postgres")).await.expect("the server for tests");
        let refuse = format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {}", !is_cut);
        admin.execute(sqlx::raw_sql(AssertSqlSafe(refuse))).await.expect("a database that listens");
        if is_cut {
            let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
            admin.execute(sqlx::raw_sql(AssertSqlSafe(end))).await.expect("connections that end");
        }
    }

    /// Waits until so many statements on this database of PostgreSQL's wait for others' locks. They stand still then, so this
    /// is no race.
    pub async fn statements_wait(&self, number: i64) {
        let mut past = self.connection().await;
        let count =
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(count).fetch_one(&mut past).await.expect("a count") < number {
            tokio::task::yield_now().await;
        }
    }

    /// The same to SQLite's file, for statements that it alone understands.
    pub async fn sqlite(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.folder.path().join("connector.db"));
        options.connect().await.expect("a connection")
    }

    /// Everything that stands in SQLite's files, side files included.
    pub fn database_files(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).expect("the folder") {
            out.extend(std::fs::read(entry.expect("an entry").path()).expect("a file"));
        }
        out
    }
}

async fn open(on: &On, url: &str, folder: &Path, clock: Arc<ManualClock>, seed: u64) -> Store {
    let surroundings = Surroundings { clock, entropy: Arc::new(SeededEntropy::new(seed)) };
    let database = Database::open_with(url, on.bounds, surroundings).await.expect("a database");
    let key = MasterKey::from_hex(&KEY.to_owned().into()).expect("a key");
    Store::new(database, Crypter::new(key, Vec::new())).with_ledger(folder.join("connector.db.erasures"))
}

fn operator() -> UserId {
    "operator".parse().expect("a user id")
}

fn admin() -> UserId {
    "user_admin".parse().expect("a user id")
}
