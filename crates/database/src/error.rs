//! What can go wrong with a database, in sentences for the person who runs it.

use thiserror::Error;

/// A failure of the database. No sentence repeats a value, a statement or a foreign text.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The URL names no database of a kind that is known here.
    #[error("DATABASE_URL is not understood: use sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE")]
    Url,
    /// No server answers, or it refused the login.
    #[error("the database server cannot be reached, or refused the login: check DATABASE_URL and that the server runs")]
    Unreachable,
    /// The file or its folder cannot be opened.
    #[error(
        "the database file cannot be opened: check that its folder exists and that this user may read and write it"
    )]
    Open,
    /// The file was moved, replaced or deleted while it was open.
    #[error(
        "the database file was moved, replaced or deleted while this program had it open: nothing was changed; put it back, or \
         start the program again with the file that is to be used"
    )]
    Replaced,
    /// The file may be read but not written.
    #[error("the database is read-only: nothing was changed; make the file and its folder writable for this user")]
    ReadOnly,
    /// Another process held the write lock for longer than the time-out.
    #[error("the database is locked by another process: nothing was changed; try again when it has finished")]
    Locked,
    /// The disk has no room left.
    #[error("the disk that holds the database is full: nothing was changed; make room and run the command again")]
    Full,
    /// The file is no database, or is damaged.
    #[error("the file is not a usable database: restore a backup, or name another file in DATABASE_URL")]
    Damaged,
    /// No tables yet, or those of an older version.
    #[error("the database is not set up for this version: run `m365-connector migrate`")]
    NotMigrated,
    /// A later version of the program has upgraded the database.
    #[error("the database was made by a newer version of this program: install that version or a later one")]
    Newer,
    /// A migration that was applied differs from the one in this program.
    #[error("the database's migrations differ from this program's: it was changed by hand or by another build")]
    MigrationChanged,
    /// A rule of the schema refused a write: a bug, reported without the values.
    #[error("the database refused a write that breaks one of its rules ({0})")]
    Refused(&'static str),
    /// Anything else, by class and the engine's own code.
    #[error("the database failed ({class}{}): nothing was changed", code.as_deref().map(|c| format!(", code {c}")).unwrap_or_default())]
    Other {
        /// Which kind of failure it was.
        class: &'static str,
        /// The engine's code, digits and letters only.
        code: Option<String>,
    },
}

impl DatabaseError {
    /// Whether the same may succeed a while later without anybody changing the program, its settings or its files.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable | Self::Open | Self::ReadOnly | Self::Locked | Self::Full | Self::Other { .. } => true,
            Self::Url
            | Self::Damaged
            | Self::Replaced
            | Self::NotMigrated
            | Self::Newer
            | Self::MigrationChanged
            | Self::Refused(_) => false,
        }
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(engine) => from_engine(engine.as_ref()),
            sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::StorageFull => Self::Full,
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => Self::Unreachable,
            sqlx::Error::PoolTimedOut => Self::Locked,
            sqlx::Error::Configuration(_) => Self::Url,
            sqlx::Error::RowNotFound => other("a row that must exist is missing"),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => other("a stored value is of another kind"),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => other("the connection is gone"),
            _ => other("the driver gave up"),
        }
    }
}

fn other(class: &'static str) -> DatabaseError {
    DatabaseError::Other { class, code: None }
}

/// SQLite's result codes (<https://www.sqlite.org/rescode.html>) are short numbers, PostgreSQL's
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>) have five signs.
fn from_engine(engine: &dyn sqlx::error::DatabaseError) -> DatabaseError {
    let code = engine.code().map(|c| c.chars().filter(char::is_ascii_alphanumeric).collect::<String>());
    if engine.is_foreign_key_violation() {
        return DatabaseError::Refused("foreign key");
    }
    if engine.is_unique_violation() {
        return DatabaseError::Refused("unique key");
    }
    if engine.is_check_violation() {
        return DatabaseError::Refused("check");
    }
    if let Some(state) = code.as_deref().filter(|code| code.len() == 5) {
        return from_sqlstate(state);
    }
    // The low byte of an extended code is the primary one.
    match code.as_deref().and_then(|c| c.parse::<u32>().ok()).map(|c| c & 0xff) {
        Some(5 | 6) => DatabaseError::Locked,
        Some(8) => DatabaseError::ReadOnly,
        Some(11 | 26) => DatabaseError::Damaged,
        Some(13) => DatabaseError::Full,
        Some(14) => DatabaseError::Open,
        _ => DatabaseError::Other { class: "the engine refused a statement", code },
    }
}

fn from_sqlstate(state: &str) -> DatabaseError {
    match state {
        "53100" => DatabaseError::Full,
        "25006" => DatabaseError::ReadOnly,
        "40001" | "40P01" | "55P03" | "57014" | "53300" => DatabaseError::Locked,
        "42P01" => DatabaseError::NotMigrated,
        "42501" => DatabaseError::Refused("row-level security, or a right that this login lacks"),
        "P0001" => DatabaseError::Refused("trigger"),
        "3D000" => DatabaseError::Unreachable,
        _ if state.starts_with("28") || state.starts_with("08") || state.starts_with("57P") => {
            DatabaseError::Unreachable
        }
        _ => DatabaseError::Other { class: "the engine refused a statement", code: Some(state.to_owned()) },
    }
}
