//! Opening a database.

use std::path::PathBuf;
use std::time::Duration;

use m365_model::{Surroundings, TenantId};
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Transaction};

use crate::sqlite::FileId;
use crate::{DatabaseError, postgres, sqlite};

/// Which engine answers. The statements are the same for both; what differs is how a database is opened, how a row is
/// locked for a check, and how a tenant is named to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One writer at a time, so a check inside a write transaction holds until its end.
    Sqlite,
    /// Many writers; row-level security knows the tenant of a transaction.
    Postgres,
}

/// Bounds on connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// How many connections at the most.
    pub max_connections: u32,
    /// How long a statement waits for a connection or for another's lock.
    pub timeout: Duration,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self { max_connections: 8, timeout: Duration::from_secs(30) }
    }
}

/// A pool of connections, and the time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) pool: AnyPool,
    pub(crate) dialect: Dialect,
    pub(crate) surroundings: Surroundings,
    /// The connections that write. SQLite has one writer: a pool of one takes turns without retrying on the engine's lock, and
    /// keeps the pages that it wrote in its cache.
    pub(crate) writers: AnyPool,
    /// SQLite's file, by its name and as it was when it was opened.
    pub(crate) file: Option<(PathBuf, Option<FileId>)>,
}

impl Database {
    /// Opens the database that `url` names. A SQLite file is created, empty, where there is none.
    ///
    /// # Errors
    /// When the URL is not understood, the file cannot be opened, or the server does not answer.
    pub async fn open(url: &str, surroundings: Surroundings) -> Result<Self, DatabaseError> {
        Self::open_with(url, DatabaseOptions::default(), surroundings).await
    }

    /// As [`Database::open`], within other bounds.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub async fn open_with(
        url: &str,
        options: DatabaseOptions,
        surroundings: Surroundings,
    ) -> Result<Self, DatabaseError> {
        install_default_drivers();
        let pool = AnyPoolOptions::new().max_connections(options.max_connections).acquire_timeout(options.timeout);
        if postgres::is_url(url) {
            let pool = postgres::open(pool, url, options.timeout).await?;
            return Ok(Self { writers: pool.clone(), pool, dialect: Dialect::Postgres, surroundings, file: None });
        }
        let path = sqlite::create(url)?;
        sqlite::probe(&path, options.timeout).await?;
        let pool = sqlite::open(pool, &path, options.timeout).await?;
        let one = AnyPoolOptions::new().max_connections(1).acquire_timeout(sqlite::LONGEST_TURN);
        let writers = sqlite::open(one, &path, options.timeout).await?;
        let opened = sqlite::file_at(&path);
        Ok(Self { pool, writers, dialect: Dialect::Sqlite, surroundings, file: Some((path, opened)) })
    }

    /// The time and chance that this database stamps and names rows with.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// SQLite's file.
    pub fn file(&self) -> Option<&std::path::Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    /// Which engine this is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Checks that SQLite's file still has its name. Connections to one that was moved or deleted go on as if nothing had happened,
    /// and what they write is lost (<https://www.sqlite.org/howtocorrupt.html#_unlinking_or_renaming_a_database_file_while_in_use>).
    ///
    /// # Errors
    /// [`DatabaseError::Replaced`].
    pub(crate) fn assert_in_place(&self) -> Result<(), DatabaseError> {
        match &self.file {
            Some((path, opened)) if sqlite::file_at(path) != *opened => Err(DatabaseError::Replaced),
            _ => Ok(()),
        }
    }

    /// A connection that reads what belongs to `tenant`, and on PostgreSQL can see nothing else.
    ///
    /// # Errors
    /// When no connection is free in time or the server is gone.
    pub async fn reader(&self, tenant: &TenantId) -> Result<Reader, DatabaseError> {
        self.assert_in_place()?;
        match self.dialect {
            Dialect::Sqlite => Ok(Reader::Plain(self.pool.acquire().await?)),
            Dialect::Postgres => {
                let mut tx = self.pool.begin().await?;
                postgres::enter_tenant(&mut tx, tenant).await?;
                Ok(Reader::Scoped(tx))
            }
        }
    }

    /// As [`Database::reader`], but all that is read until it is dropped is of one instant, whatever others write meanwhile.
    ///
    /// # Errors
    /// As [`Database::reader`].
    pub async fn snapshot(&self, tenant: &TenantId) -> Result<Reader, DatabaseError> {
        self.assert_in_place()?;
        let begin = match self.dialect {
            Dialect::Sqlite => "BEGIN DEFERRED",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        let mut tx = self.pool.begin_with(begin).await?;
        if self.dialect == Dialect::Postgres {
            postgres::enter_tenant(&mut tx, tenant).await?;
        }
        Ok(Reader::Scoped(tx))
    }

    /// Closes every connection and waits until that is done.
    pub async fn close(&self) {
        self.pool.close().await;
        self.writers.close().await;
    }
}

/// A connection for reading, tied to a tenant.
pub enum Reader {
    /// SQLite: every statement names its tenant.
    Plain(PoolConnection<Any>),
    /// A transaction; on PostgreSQL row-level security names the tenant once more.
    Scoped(Transaction<'static, Any>),
}

impl Reader {
    /// The connection to run statements on.
    pub fn connection(&mut self) -> &mut AnyConnection {
        match self {
            Self::Plain(connection) => connection,
            Self::Scoped(tx) => tx,
        }
    }
}
