//! The sync engine: what the command line and the dashboard call.
//!
//! [`sync`] opens with the gate, lists the users, and reads each mailbox's calendar and folders, stream by stream. A
//! **stream** is one delta cursor; a **round** walks it from one delta link to the next; a **page** is stored with the
//! place that it leaves its stream at, as one fact. What a page comes to is decided by pure functions (`plan`, `mail`,
//! `meeting_key`, `join`); fetching and storing are dull.
//!
//! To leave out one more kind of item, add a reason to [`summary::Dropped`] and the decision to `mail` or `calendar`. To
//! recognise one more trouble, add a check to `health` and its sentence to `remedy`.

mod calendar;
mod copies;
mod directory;
mod ending;
mod engine;
mod folders;
mod health;
mod join;
mod mail;
mod mailbox;
mod meeting_key;
mod parting;
mod plan;
mod preview;
mod progress;
mod remedy;
mod repeats;
mod rules;
mod run;
pub mod runner;
mod series;
pub mod steps;
pub mod summary;
mod walk;

pub use engine::{Engine, Outcome, SyncError, sync, sync_until};
pub use health::{Check, Health, Level, health};
pub use m365_model::Ended;
pub use preview::{DomainPreview, Preview, PreviewError, preview};
pub use progress::{Progress, Unwatched, Watcher};
