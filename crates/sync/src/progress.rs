//! How far a run has come: counts alone.

/// A moment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many mailboxes are to be read.
    Mailboxes(u64),
    /// One of them is done.
    MailboxDone,
    /// A page is stored: items seen and kept on it.
    Page {
        /// Items on the page.
        seen: u64,
        /// Items kept.
        kept: u64,
    },
    /// What was asked so far, told every second.
    Traffic {
        /// Requests to Microsoft Graph.
        requests: u64,
        /// Requests that wait at this moment, because Microsoft asked for less or did not answer.
        waiting: u64,
    },
}

/// Whoever wants to know.
pub trait Watcher: Send + Sync {
    /// Called at each moment.
    fn on(&self, progress: Progress);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn on(&self, _: Progress) {}
}
