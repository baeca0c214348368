//! Transactions that write.

use sqlx::{Any, AnyConnection, Row as _, Transaction};
use thiserror::Error;
use tokio::sync::OwnedMutexGuard;

use crate::agreement::DpaAccepted;
use crate::{Database, DatabaseError, Dialect};

/// A transaction that may write. Dropped without [`WriteTx::save`], it changes nothing.
pub struct WriteTx {
    inner: Transaction<'static, Any>,
    _turn: OwnedMutexGuard<()>,
}

/// Why a checked write did not begin.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The acceptance that the run began with no longer stands.
    #[error("sync blocked by DPA: the agreement was withdrawn or accepted anew; nothing more was stored")]
    Withdrawn,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Database {
    /// Begins a transaction for what an administrator or the program itself decides: never for what was read from
    /// Microsoft.
    ///
    /// # Errors
    /// When the database is locked, read-only or gone.
    pub async fn begin(&self) -> Result<WriteTx, DatabaseError> {
        let turn = self.writer.clone().lock_owned().await;
        // SQLite takes its write lock at once: a later upgrade from a read could fail halfway.
        let inner = match self.dialect {
            Dialect::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
        };
        Ok(WriteTx { inner, _turn: turn })
    }

    /// Begins a transaction for what was read from Microsoft: locks the acceptance and checks that it is the one the
    /// run began with.
    ///
    /// # Errors
    /// [`WriteError::Withdrawn`] when it is not; nothing is written then.
    pub async fn begin_accepted(&self, gate: &DpaAccepted<'_>) -> Result<WriteTx, WriteError> {
        let mut tx = self.begin().await?;
        let standing = sqlx::query("SELECT dpa_acceptance_id FROM o365_config WHERE tenant_id = $1")
            .bind(gate.tenant().as_str())
            .fetch_optional(tx.connection())
            .await
            .map_err(DatabaseError::from)?
            .map(|row| row.try_get::<Option<String>, _>(0))
            .transpose()
            .map_err(DatabaseError::from)?
            .flatten();
        if standing.as_deref() == Some(gate.acceptance()) { Ok(tx) } else { Err(WriteError::Withdrawn) }
    }
}

impl WriteTx {
    /// The connection to run statements on.
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Makes everything in this transaction true at once.
    ///
    /// # Errors
    /// When the database could not; nothing has changed then.
    pub async fn save(self) -> Result<(), DatabaseError> {
        Ok(self.inner.commit().await?)
    }
}
