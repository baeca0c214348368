//! What is kept, and how: encrypted cells, streams, meetings, records, runs.
//!
//! A [`Store`] is a database and a [`Crypter`]. What an administrator decides is in [`config`]; where reading left off is
//! in [`streams`]; what was read goes in through a [`PageTx`], which holds a page's records, what waits for its master,
//! and the page's cursor in one transaction. Every statement names its tenant and is written for SQLite and PostgreSQL
//! alike; instants are text in UTC, so they compare as they read.
//!
//! To keep one more thing: a migration in the database room, a method here next to its neighbours, and a line in
//! `docs/data-retention.md` that says how long and why.

pub mod config;
mod crypter;
mod error;
pub mod keys;
pub mod mailboxes;
pub mod meetings;
mod page;
pub mod records;
pub mod runs;
pub mod settings;
mod sql;
pub mod streams;
mod tokens;

pub use crypter::{Cell, Crypter, InvalidKey, MasterKey, OpenError, Sealed};
pub use error::StoreError;
pub use m365_database::{ConnectorLock, LockError};
pub use page::{PageError, PageTx, Tally};

use m365_database::Database;
use m365_model::Surroundings;

/// The database and the keys to it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) db: Database,
    pub(crate) crypter: Crypter,
}

impl Store {
    /// A store on `db`, which must be of the present version.
    pub fn new(db: Database, crypter: Crypter) -> Self {
        Self { db, crypter }
    }

    /// The database, for the gate.
    pub fn database(&self) -> &Database {
        &self.db
    }

    /// The time and chance of the database.
    pub fn surroundings(&self) -> &Surroundings {
        self.db.surroundings()
    }
}
