//! Runs on Temporal: a workflow for each connector, an activity for each step of a run, and nothing of people in what Temporal
//! keeps.
//!
//! [`Temporal`] is a connection. [`Remote`] starts, stops and schedules runs there for the dashboard and the command line;
//! [`work`] does them. What a run does is not here: the activities call [`m365_sync::steps`], the same functions that a run in one
//! process is made of. Between the steps a run stands in the database, so inputs and results hold ids of ours and counts alone,
//! and those are sealed by the installation's key (`codec.rs`).
//!
//! To change the workflow, keep what is recorded replayable ([`replay`]): a run that an old worker began is ended by a new one.
//! `tests/histories` holds recorded ones against it.

mod activities;
mod codec;
mod connection;
mod remote;
mod replay;
mod work;
mod workflow;

pub use connection::{ConnectError, Temporal, TemporalOptions, Tls};
pub use remote::Remote;
pub use replay::{ReplayError, replay};
pub use work::{WorkError, work};
pub use workflow::{Progress, SyncConnector, SyncInput, SyncOnSchedule};
