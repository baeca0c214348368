//! What is kept, and how: encrypted cells, streams, meetings, records, runs.
//!
//! A [`Store`] is a database and a [`Crypter`]. What an administrator decides is in [`config`] and [`allow_list`], and whose
//! Microsoft tenant is whose in [`consent`] and [`owners`]; where reading left off is
//! in [`streams`]; what was read goes in through a [`PageTx`], which holds a page's records, what waits for its master,
//! and the page's cursor in one transaction. Every statement names its tenant and is written for SQLite and PostgreSQL
//! alike; instants are text in UTC, so they compare as they read.
//!
//! To keep one more thing: a migration in the database room, a method here next to its neighbours, and a line in
//! `docs/data-retention.md` that says how long and why.

pub mod allow_list;
pub mod config;
pub mod consent;
pub mod counts;
mod crypter;
pub mod disconnect;
pub mod downloads;
pub mod erase;
mod error;
pub mod exclusions;
pub mod export;
pub mod feed;
pub mod filter;
pub mod glance;
pub mod invitations;
pub mod kept;
pub mod keys;
mod ledger;
pub mod mailboxes;
pub mod meetings;
pub mod notes;
pub mod overview;
pub mod owners;
mod page;
mod purge;
pub mod reading;
pub mod records;
mod retention;
mod rotate;
pub mod runs;
pub mod settings;
pub mod shared_runs;
pub mod sign_in;
mod sql;
pub mod streams;
mod suppression;
mod tokens;

pub use crypter::{Cell, Crypter, Envelopes, InvalidKey, MasterKey, OpenError, Sealed};
pub use error::StoreError;
pub use ledger::LedgerError;
pub use m365_database::{ConnectorLock, LockError};
pub use page::{PageError, PageTx, Tally};
pub use purge::{PurgeCounts, TableCounts};
pub use rotate::{Rotated, sealed_columns};

use std::path::PathBuf;
use std::sync::Arc;

use m365_database::Database;
use m365_model::Surroundings;

/// The database and the keys to it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) db: Database,
    pub(crate) crypter: Crypter,
    /// Where erasures are noted outside the database.
    pub(crate) ledger: Option<Arc<PathBuf>>,
}

impl Store {
    /// A store on `db`, which must be of the present version. Beside a SQLite file stands its ledger of erasures.
    pub fn new(db: Database, crypter: Crypter) -> Self {
        let ledger = db.file().map(|file| {
            let mut name = file.as_os_str().to_owned();
            name.push(".erasures");
            Arc::new(PathBuf::from(name))
        });
        Self { db, crypter, ledger }
    }

    /// The same store, with its ledger of erasures at `path`.
    #[must_use]
    pub fn with_ledger(self, path: PathBuf) -> Self {
        Self { ledger: Some(Arc::new(path)), ..self }
    }

    /// The database, for the gate.
    pub fn database(&self) -> &Database {
        &self.db
    }

    /// Envelopes for what another keeps for this installation, sealed under its keys.
    pub fn envelopes(&self, purpose: &'static str) -> Envelopes {
        Envelopes::new(self.crypter.clone(), self.surroundings().clone(), purpose)
    }

    /// The time and chance of the database.
    pub fn surroundings(&self) -> &Surroundings {
        self.db.surroundings()
    }
}
