//! SQLite: a file beside the program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Connection as _, Executor as _};

use crate::DatabaseError;

/// How long a writer waits for its turn in this process: longer than any transaction takes.
pub(crate) const LONGEST_TURN: Duration = Duration::from_mins(10);

/// Makes the file that `url` names, where there is none.
pub(crate) fn create(url: &str) -> Result<PathBuf, DatabaseError> {
    let path = path_in(url)?;
    create_private(&path)?;
    Ok(path)
}

/// A file as the system knows it, by whatever name: the disk, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

/// The file that has this name now.
pub(crate) fn file_at(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|file| FileId(file.dev(), file.ino()))
}

/// Opens the file once, by itself: a pool would try a file that cannot be used again and again, and call that a lock.
pub(crate) async fn probe(path: &Path, timeout: Duration) -> Result<(), DatabaseError> {
    let mut connection = AnyConnection::connect(&driver_url(path)?).await?;
    prepare(&mut connection, timeout).await?;
    connection.fetch_one("SELECT COUNT(*) FROM sqlite_schema").await?;
    connection.close().await?;
    Ok(())
}

pub(crate) async fn open(pool: AnyPoolOptions, path: &Path, timeout: Duration) -> Result<AnyPool, DatabaseError> {
    let pool = pool
        .after_connect(move |connection, _| Box::pin(async move { prepare(connection, timeout).await }))
        // On a full disk SQLite may have rolled back by itself what the driver takes for open still
        // (<https://www.sqlite.org/lang_transaction.html>, "Response To Errors Within A Transaction"): nothing can be begun on
        // that connection any more, so another one is opened.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect(&driver_url(path)?)
        .await?;
    Ok(pool)
}

/// What every connection is told first.
async fn prepare(connection: &mut AnyConnection, timeout: Duration) -> sqlx::Result<()> {
    // `secure_delete` overwrites freed content: what was erased does not linger in free pages.
    let first = format!(
        "PRAGMA busy_timeout = {}; PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; \
         PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;",
        timeout.as_millis()
    );
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(first))).await?;
    // A read-only file cannot change its journal; whoever writes to it is told so then.
    connection.execute("PRAGMA journal_mode = WAL").await.ok();
    Ok(())
}

fn path_in(url: &str) -> Result<PathBuf, DatabaseError> {
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
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map(drop).map_err(|error| match error.kind() {
        std::io::ErrorKind::StorageFull => DatabaseError::Full,
        _ => DatabaseError::Open,
    })
}
