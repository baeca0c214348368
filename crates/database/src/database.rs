//! Opening a database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use m365_model::Surroundings;
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyPool, Executor as _};
use tokio::sync::Mutex;

use crate::DatabaseError;

/// Which engine answers. The statements are the same for all; only how rows are locked for a check differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite: one writer at a time, so a check inside a write transaction holds until its end.
    Sqlite,
}

/// A pool of connections, and the time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) pool: AnyPool,
    pub(crate) dialect: Dialect,
    pub(crate) surroundings: Surroundings,
    /// SQLite has one writer: taking turns here costs less than retrying on its lock.
    pub(crate) writer: Arc<Mutex<()>>,
    path: PathBuf,
}

/// How long a statement waits for another process's write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

impl Database {
    /// Opens the database that `url` names, and creates an empty file where there is none.
    ///
    /// # Errors
    /// When the URL is not understood or the file cannot be opened.
    pub async fn open(url: &str, surroundings: Surroundings) -> Result<Self, DatabaseError> {
        install_default_drivers();
        let path = sqlite_path(url)?;
        create_private(&path)?;
        let pool = AnyPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(BUSY_TIMEOUT)
            .after_connect(|connection, _| Box::pin(async move { prepare(connection).await }))
            .connect(&driver_url(&path)?)
            .await?;
        Ok(Self { pool, dialect: Dialect::Sqlite, surroundings, writer: Arc::new(Mutex::new(())), path })
    }

    /// The time and chance that this database stamps and names rows with.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The connections, for reading. What was read from Microsoft is written through [`crate::WriteTx`] alone.
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Which engine this is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where a lock file for `tenant` belongs: beside the database.
    pub fn lock_path(&self, tenant: &m365_model::TenantId) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{tenant}.lock"));
        PathBuf::from(name)
    }

    /// Closes every connection and waits until that is done.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// What every SQLite connection is told first.
async fn prepare(connection: &mut sqlx::AnyConnection) -> sqlx::Result<()> {
    let timeout = BUSY_TIMEOUT.as_millis();
    // `secure_delete` overwrites freed content: what was erased does not linger in free pages.
    connection
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "PRAGMA busy_timeout = {timeout}; PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; \
             PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;"
        ))))
        .await?;
    // A read-only file cannot change its journal; whoever writes to it is told so then.
    connection.execute("PRAGMA journal_mode = WAL").await.ok();
    Ok(())
}

fn sqlite_path(url: &str) -> Result<PathBuf, DatabaseError> {
    let path = url.strip_prefix("sqlite://").ok_or(DatabaseError::Url)?;
    if path.is_empty() || path.contains(['?', '#']) {
        return Err(DatabaseError::Url);
    }
    std::path::absolute(path).map_err(|_| DatabaseError::Url)
}

fn driver_url(path: &Path) -> Result<String, DatabaseError> {
    let text = path.to_str().ok_or(DatabaseError::Url)?;
    let escaped: String = text
        .bytes()
        .map(|b| match b {
            b'/' | b'.' | b'-' | b'_' | b'~' => char::from(b).to_string(),
            b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect();
    Ok(format!("sqlite://{escaped}"))
}

/// The file is its owner's alone from its first moment; SQLite gives its side files the same rights.
fn create_private(path: &Path) -> Result<(), DatabaseError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if path.exists() {
        return Ok(());
    }
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop).map_err(|e| {
        match e.kind() {
            std::io::ErrorKind::StorageFull => DatabaseError::Full,
            _ => DatabaseError::Open,
        }
    })
}
