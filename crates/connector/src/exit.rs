//! How a command ended.

use std::process::ExitCode;

use m365_store::{OpenError, StoreError};
use m365_sync::Ended;

/// The exit codes of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed.
    Failed,
    /// 2: wrong usage or configuration.
    Usage,
    /// 3: blocked by the DPA gate.
    Blocked,
    /// 4: Microsoft refused the credentials, or granted nothing that can be read.
    Refused,
    /// 5: done, but some mailboxes failed or a permission is missing.
    Partly,
}

impl Exit {
    /// How a command ends whose store failed: a key that is not the database's is a mistake in the configuration.
    pub fn of(error: &StoreError) -> Self {
        match error {
            StoreError::OtherKey | StoreError::Sealed(OpenError::UnknownKey) => Self::Usage,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Blocked => 3,
            Exit::Refused => 4,
            Exit::Partly => 5,
        })
    }
}

impl From<Ended> for Exit {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Done => Self::Done,
            Ended::Partly => Self::Partly,
            Ended::Blocked => Self::Blocked,
            Ended::Refused => Self::Refused,
            Ended::Failed => Self::Failed,
        }
    }
}

/// Says what went wrong, for the person at the terminal.
pub fn explain(error: &dyn std::fmt::Display) {
    eprintln!("error: {error}");
}
