//! Whether a recorded run is one that the workflows of this program could have done.

use m365_store::Store;
use temporalio_client::WorkflowHistory;
use temporalio_common::protos::temporal::api::history::v1::{History, history_event::Attributes};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};
use thiserror::Error;

use crate::codec::converter;
use crate::workflow::{SyncConnector, SyncOnSchedule};

/// Why a history does not replay.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It is no history.
    #[error("this is no recorded history: a JSON object with the events of one")]
    NoHistory,
    /// The workflows of this program do something else, or its keys do not open what the history holds.
    #[error("the workflows of this program do something else than this history records: {0}")]
    Otherwise(String),
}

/// Replays a history, as JSON, against the workflows of this program; `store` has the keys that it was sealed under. Nothing is read or
/// written by a replay: what the steps came to is in the history.
///
/// # Errors
/// When a worker of this program could not go on with the run that the history is of.
pub async fn replay(history: &[u8], store: &Store) -> Result<(), ReplayError> {
    let history: History = serde_json::from_slice(history).map_err(|_| ReplayError::NoHistory)?;
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
        history.events.first().and_then(|event| event.attributes.as_ref())
    else {
        return Err(ReplayError::NoHistory);
    };
    let queue = started.task_queue.as_ref().map(|queue| queue.name.clone()).unwrap_or_default();
    // Names of runs are made of the queue.
    let mut options = WorkflowReplayerOptions::new().task_queue(queue).data_converter(converter(store)).build();
    options
        .register_workflow::<SyncConnector>()
        .and_then(WorkflowReplayerOptions::register_workflow::<SyncOnSchedule>)
        .map_err(|error| ReplayError::Otherwise(error.to_string()))?;
    let replayer = WorkflowReplayer::new(options).map_err(|error| ReplayError::Otherwise(error.to_string()))?;
    let found = replayer.replay_workflow(WorkflowHistory::from(history)).await;
    found.map_err(|error| ReplayError::Otherwise(error.to_string()))
}
