//! The database handle, its migrations, and the gate of the data processing agreement.
//!
//! A [`Database`] is a pool of connections to SQLite or PostgreSQL that knows the time. Whoever wants to read from Microsoft calls
//! [`assert_dpa_accepted`] first and is handed a [`DpaAccepted`]; fetching, transforming and storing all ask for one.
//! Whoever writes what was read opens a [`WriteTx`] with it, which checks the acceptance once more in the transaction
//! that writes: a withdrawal in between writes nothing.
//!
//! To change the schema, add the next numbered file under `migrations/sqlite` and `migrations/postgres` and name both in `migrate.rs`; a file that was
//! released is never changed.

mod agreement;
mod copy;
mod database;
mod error;
mod lock;
mod migrate;
mod postgres;
mod sqlite;
mod text;
mod write;

pub use agreement::{
    Acceptance, AgreementState, DpaAccepted, GateError, accept_dpa, accept_dpa_as_shown, agreement_state,
    assert_dpa_accepted, withdraw_dpa,
};
pub use copy::{Copied, CopyError, copied_tables};
pub use database::{Database, DatabaseOptions, Dialect, Reader};
pub use error::DatabaseError;
pub use lock::{ConnectorLock, LockError};
pub use migrate::newest_schema;
pub use text::{
    AGREEMENT_TEXT, AGREEMENT_VERSION, Agreement, OwnText, OwnTextError, SetTextError, agreement_in_force,
    agreement_sha256, set_agreement, use_built_in_agreement,
};
pub use write::{Turn, WriteError, WriteTx};
