//! Transactions that write.

use m365_model::{MailboxId, TenantId};
use sqlx::{Any, AnyConnection, Transaction};
use thiserror::Error;

use crate::agreement::DpaAccepted;
use crate::{Database, DatabaseError, Dialect, postgres};

/// A transaction that may write. Dropped without [`WriteTx::save`], it changes nothing.
pub struct WriteTx {
    inner: Transaction<'static, Any>,
    dialect: Dialect,
}

/// What transactions of one tenant take turns at, where each must see what the one before it wrote. A transaction that takes
/// several takes them in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The company's own domains.
    InternalDomains,
    /// What is stored of one mailbox: a message that moves may come on the pages of two folders at once.
    Mailbox(MailboxId),
    /// The copies of meetings, which stand in many mailboxes.
    Meetings,
}

impl Turn {
    fn name(self, tenant: &TenantId) -> String {
        match self {
            Self::InternalDomains => format!("{tenant} internal domains"),
            Self::Mailbox(mailbox) => format!("{tenant} mailbox {}", mailbox.0),
            Self::Meetings => format!("{tenant} meetings"),
        }
    }
}

/// Why a checked write did not begin.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The acceptance that the run began with no longer stands, or the connector was disconnected.
    #[error(
        "sync blocked: the agreement was withdrawn or accepted anew, or has another text, or Microsoft 365 was disconnected; \
         nothing more was stored"
    )]
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
    pub async fn begin(&self, tenant: &TenantId) -> Result<WriteTx, DatabaseError> {
        self.assert_in_place()?;
        match self.dialect {
            Dialect::Sqlite => {
                // The write lock is taken at once: a later upgrade from a read could fail halfway.
                let inner = self.writers.begin_with("BEGIN IMMEDIATE").await?;
                Ok(WriteTx { inner, dialect: self.dialect })
            }
            Dialect::Postgres => {
                let mut inner = self.writers.begin().await?;
                postgres::enter_tenant(&mut inner, tenant).await?;
                Ok(WriteTx { inner, dialect: self.dialect })
            }
        }
    }

    /// Begins a transaction for what was read from Microsoft: locks the acceptance and checks that it is the one the
    /// run began with, and of the text that is in force.
    ///
    /// # Errors
    /// [`WriteError::Withdrawn`] when it is not; nothing is written then.
    pub async fn begin_accepted(&self, gate: &DpaAccepted<'_>) -> Result<WriteTx, WriteError> {
        let mut tx = self.begin(gate.tenant()).await?;
        if tx.still_stands(gate).await? { Ok(tx) } else { Err(WriteError::Withdrawn) }
    }
}

impl WriteTx {
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The connection to run statements on.
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Waits until no other transaction of `tenant` has this turn, and keeps others waiting until this one ends. SQLite has
    /// one writer, who has every turn.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_turn(&mut self, tenant: &TenantId, turn: Turn) -> Result<(), DatabaseError> {
        if self.dialect == Dialect::Postgres {
            sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 365))")
                .bind(turn.name(tenant))
                .execute(&mut *self.inner)
                .await?;
        }
        Ok(())
    }

    /// Makes everything in this transaction true at once.
    ///
    /// # Errors
    /// When the database could not; nothing has changed then.
    pub async fn save(self) -> Result<(), DatabaseError> {
        Ok(self.inner.commit().await?)
    }
}
