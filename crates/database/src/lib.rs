//! The database handle, its migrations, and the gate of the data processing agreement.
//!
//! A [`Database`] is a pool of connections to SQLite that knows the time. Whoever wants to read from Microsoft calls
//! [`assert_dpa_accepted`] first and is handed a [`DpaAccepted`]; fetching, transforming and storing all ask for one.
//! Whoever writes what was read opens a [`WriteTx`] with it, which checks the acceptance once more in the transaction
//! that writes: a withdrawal in between writes nothing.
//!
//! To change the schema, add the next numbered file under `migrations/` and name it in `migrate.rs`; a file that was
//! released is never changed.

mod agreement;
mod database;
mod error;
mod migrate;
mod write;

pub use agreement::{
    AGREEMENT_TEXT, AGREEMENT_VERSION, Acceptance, AgreementState, DpaAccepted, GateError, accept_dpa,
    agreement_sha256, agreement_state, assert_dpa_accepted, withdraw_dpa,
};
pub use database::{Database, Dialect};
pub use error::DatabaseError;
pub use write::{WriteError, WriteTx};
