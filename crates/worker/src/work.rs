//! A worker: does the runs of every connector that Temporal hands to it.

use std::sync::Arc;
use std::time::Duration;

use m365_sync::{Engine, Watcher};
use temporalio_sdk::{Worker, WorkerOptions};
use thiserror::Error;
use tokio::sync::watch;

use crate::activities::SyncActivities;
use crate::connection::Temporal;
use crate::workflow::{SyncConnector, SyncOnSchedule};

/// Cancellations arrive with the answers to heartbeats: a person who stops a sync does not wait long.
const HEARTBEATS: Duration = Duration::from_secs(2);

/// Why a worker does not work.
#[derive(Debug, Error)]
pub enum WorkError {
    /// It could not begin.
    #[error(
        "the worker could not begin: check that the namespace of TEMPORAL_NAMESPACE is there, and that the keys may use it"
    )]
    Begin,
    /// It was broken off.
    #[error(
        "the worker was broken off: what it had in hand is done by another one, or by this one when it is started again"
    )]
    BrokenOff,
}

/// Works until `asked_to_stop` comes true; then ends the pages in hand and leaves the rest to others. `watcher` is told of the
/// mailboxes of every connector.
///
/// # Errors
/// When the worker cannot begin, or Temporal breaks it off.
pub async fn work(
    temporal: Temporal,
    engine: Engine,
    watcher: Arc<dyn Watcher>,
    asked_to_stop: impl Future<Output = ()>,
) -> Result<(), WorkError> {
    let Temporal { client, task_queue } = temporal;
    let leaving = watch::Sender::new(false);
    let options = WorkerOptions::new(task_queue)
        .max_heartbeat_throttle_interval(HEARTBEATS)
        .register_activities(SyncActivities::new(engine, watcher, leaving.subscribe()))
        .register_workflow::<SyncConnector>()
        .map_err(|_| WorkError::Begin)?
        .register_workflow::<SyncOnSchedule>()
        .map_err(|_| WorkError::Begin)?
        .build();
    let runtime = Temporal::runtime().map_err(|_| WorkError::Begin)?;
    let mut worker = Worker::new(&runtime, client, options).map_err(|_| WorkError::Begin)?;
    let end = worker.shutdown_handle();
    let mut asked_to_stop = std::pin::pin!(asked_to_stop);
    let mut working = std::pin::pin!(worker.run());
    let ended = tokio::select! {
        ended = &mut working => ended,
        () = &mut asked_to_stop => {
            leaving.send_replace(true);
            end();
            working.await
        }
    };
    ended.map_err(|_| WorkError::BrokenOff)
}
