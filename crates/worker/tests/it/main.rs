//! Runs on a real Temporal server. The engine's own suite is included: what it shows of a run in the process must be so of a run
//! of workers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod histories;
mod kit;
mod runs;
mod secured;

#[path = "../../../sync/tests/it/allow_list.rs"]
mod allow_list;
#[path = "../../../sync/tests/it/choices.rs"]
mod choices;
#[path = "../../../sync/tests/it/gate.rs"]
mod gate;
#[path = "../../../sync/tests/it/meetings.rs"]
mod meetings;
#[path = "../../../sync/tests/it/moments.rs"]
mod moments;
#[path = "../../../sync/tests/it/series.rs"]
mod series;
#[path = "../../../sync/tests/it/summary.rs"]
mod summary;
#[path = "../../../sync/tests/it/together.rs"]
mod together;
#[path = "../../../sync/tests/it/trouble.rs"]
mod trouble;
#[path = "../../../sync/tests/it/unneeded.rs"]
mod unneeded;
#[path = "../../../sync/tests/it/ways.rs"]
mod ways;
#[path = "../../../sync/tests/it/windows.rs"]
mod windows;
