//! Where a ground's database is.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use m365_database::DatabaseOptions;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;

/// An engine for a [`crate::Ground`], and the bounds within which its database is opened.
///
/// A test that shows something of the store on both engines loops over [`On::each`]; what it prints when it fails says on
/// which engine that was.
#[derive(Clone, Debug)]
pub struct On {
    /// PostgreSQL's server; SQLite without one.
    server: Option<String>,
    /// Where SQLite's folder is made, if not where temporary folders are.
    place: Option<PathBuf>,
    pub(crate) bounds: DatabaseOptions,
}

impl On {
    /// A file of SQLite's.
    pub fn sqlite() -> Self {
        Self { server: None, place: None, bounds: DatabaseOptions::default() }
    }

    /// A new database on the server that tests were given (`scripts/with-postgres`), if they were.
    pub fn postgres() -> Option<Self> {
        Some(Self { server: Some(server()?), ..Self::sqlite() })
    }

    /// Every engine that there is.
    pub fn each() -> Vec<Self> {
        std::iter::once(Self::sqlite()).chain(Self::postgres()).collect()
    }

    /// Whether it is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    /// Which engine it is.
    pub fn name(&self) -> &'static str {
        if self.server.is_some() { "PostgreSQL" } else { "SQLite" }
    }

    /// The same, with SQLite's files in a folder under `place`.
    #[must_use]
    pub fn under(self, place: &Path) -> Self {
        Self { place: Some(place.to_owned()), ..self }
    }

    /// The same, but a statement waits no longer than this for another's lock.
    #[must_use]
    pub fn patient_for(mut self, timeout: Duration) -> Self {
        self.bounds.timeout = timeout;
        self
    }

    /// An empty database: the folder for its files, and its URL.
    pub(crate) async fn make(&self) -> (TempDir, String) {
        let folder = match &self.place {
            Some(place) => tempfile::tempdir_in(place),
            None => tempfile::tempdir(),
        };
        let folder = folder.expect("a folder");
        // Seen when a test fails.
        println!("on {}", self.name());
        let url = match &self.server {
            Some(server) => format!("{server}/{}", fresh_database(server).await),
            None => format!("sqlite://{}", folder.path().join("connector.db").display()),
        };
        (folder, url)
    }
}

async fn fresh_database(server: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("kit_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    sqlx::any::install_default_drivers();
    let mut admin = AnyConnection::connect(&format!("{server}/postgres")).await.expect("the server for tests");
    let create = format!("CREATE DATABASE {name}");
    admin.execute(sqlx::raw_sql(AssertSqlSafe(create))).await.expect("a database");
    admin.close().await.expect("a connection that ends");
    name
}

#[expect(clippy::disallowed_methods, reason = "where a server for tests runs is told to tests alone")]
fn server() -> Option<String> {
    std::env::var("TEST_POSTGRES_URL").ok()
}
