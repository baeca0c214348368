//! What a caller of the store is told.

use m365_database::DatabaseError;
use thiserror::Error;

use crate::{LedgerError, LockError, OpenError};

/// A failure of the store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// An encrypted value does not open.
    #[error(transparent)]
    Sealed(#[from] OpenError),
    /// The tenant's own secret does not open: another installation's database, or another key.
    #[error(
        "CONNECTOR_ENCRYPTION_KEY does not open this database, so nothing was read and nothing was changed: give the key that \
         it was made with; if that key was replaced, add it to CONNECTOR_ENCRYPTION_KEY_PREVIOUS; or check that DATABASE_URL \
         names the database of this installation"
    )]
    OtherKey,
    /// The ledger of erasures is not usable.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Turns cannot be taken at the connector.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A stored value is not of the kind that its column holds.
    #[error(
        "a stored value is not of the kind that its column holds ({0}): it was changed by hand or by another build"
    )]
    Unreadable(&'static str),
    /// A cursor that is not of this feed.
    #[error(
        "the cursor is of another feed: the connector was purged, or the database put back to an earlier state; \
         read the feed from the beginning, and drop what it does not bring"
    )]
    ForeignCursor,
    /// The tenant has no connector.
    #[error("nothing is connected: run `m365-connector connect`, or connect Microsoft 365 in Settings > Connectors")]
    NotConnected,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
