//! A run as a workflow: begin, read the mailboxes side by side, conclude.
//!
//! Histories are replayed against this code. What they depend on, such as the number of lanes, comes out of inputs and results,
//! never out of the program's settings.

use std::cell::Cell;
use std::time::Duration;

use m365_model::{ConnectorId, RunId};
use m365_sync::steps::How;
use serde::{Deserialize, Serialize};
use temporalio_common::RetryPolicy;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::workflows::join_all;
use temporalio_sdk::{
    ActivityCancellationType, ActivityExecutionError, ActivityOptions, ChildWorkflowOptions, ContinueAsNewOptions,
    ParentClosePolicy, WorkflowCancellationToken, WorkflowContext, WorkflowResult,
};

use crate::activities::{MailboxEnd, MailboxOf, RunOf, SyncActivities, Width};

/// How many mailboxes one history tells of. A mailbox takes some six events; the server
/// [warns at 10,240](https://docs.temporal.io/workflow-execution/limits).
const MAILBOXES_A_HISTORY: u32 = 200;

/// A first sync of a large mailbox takes hours; a step that is silent for longer than [`SILENCE`] is made again elsewhere.
const LONGEST: Duration = Duration::from_hours(72);

/// For how long a step may be silent.
const SILENCE: Duration = Duration::from_secs(15);

/// The longest wait before a step is made again.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Whose run it is, and how far it has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncInput {
    connector: ConnectorId,
    progress: Option<Progress>,
}

/// How far a run has come when its history is continued in another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Progress {
    run: RunId,
    width: Width,
    /// The place that is read next.
    next: u32,
}

impl SyncInput {
    /// A run of this connector, from its beginning.
    pub fn new(connector: ConnectorId) -> Self {
        Self { connector, progress: None }
    }
}

/// Reads what is new in every mailbox of a connector.
#[workflow]
#[derive(Default)]
pub struct SyncConnector;

#[workflow_methods]
impl SyncConnector {
    /// One run, or what is left of one.
    #[run(name = "sync_connector")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: SyncInput) -> WorkflowResult<()> {
        let SyncInput { connector, progress } = input;
        let progress = if let Some(progress) = progress {
            progress
        } else {
            let Ok(run) = format!("run_{}", ctx.uuid4()).parse::<RunId>() else { return Ok(()) };
            let of = RunOf { connector: connector.clone(), run: run.clone() };
            match ctx.execute_activity(SyncActivities::begin, of.clone(), options()).await {
                Ok(Some(width)) => Progress { run, width, next: 1 },
                Ok(None) => return conclude(ctx, of, How::Finished).await,
                Err(error) => return conclude(ctx, of, how(&error)).await,
            }
        };
        let of = RunOf { connector: connector.clone(), run: progress.run.clone() };
        let Progress { run, width, next } = progress;
        let end = width.mailboxes.saturating_add(1).min(next.saturating_add(MAILBOXES_A_HISTORY));
        let reading = Reading { next: Cell::new(next), end, how: Cell::new(None) };
        join_all((0..width.lanes).map(|_| reading.lane(ctx, &of, width))).await;
        match reading.how.get() {
            Some(how) => conclude(ctx, of, how).await,
            None if end > width.mailboxes => conclude(ctx, of, How::Finished).await,
            None => {
                let progress = Some(Progress { run, width, next: end });
                ctx.continue_as_new(SyncInput { connector, progress }, ContinueAsNewOptions::default())?;
                Ok(())
            }
        }
    }
}

/// Begins a run when its time has come, unless one is at work. Runs of a schedule get names of their own from the server; the run
/// itself has the one name that a run has which a person starts, so there is one at a time.
#[workflow]
#[derive(Default)]
pub struct SyncOnSchedule;

#[workflow_methods]
impl SyncOnSchedule {
    /// One run, awaited so that the schedule begins no second one meanwhile.
    #[run(name = "sync_on_schedule")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: SyncInput) -> WorkflowResult<()> {
        let options = ChildWorkflowOptions::builder()
            .workflow_id(name_of(ctx.task_queue(), &input.connector))
            .parent_close_policy(ParentClosePolicy::Abandon)
            .build();
        if let Ok(run) = ctx.start_child_workflow(SyncConnector::run, input, options).await {
            // How it ended stands in the database.
            run.result().await.ok();
        }
        Ok(())
    }
}

/// What a connector's run is called: by the queue, which is the installation's own, and by the connector's random id. Nothing tells
/// whose it is.
pub(crate) fn name_of(task_queue: &str, connector: &ConnectorId) -> String {
    format!("{task_queue}-{connector}")
}

/// What the lanes of one history have in common.
struct Reading {
    next: Cell<u32>,
    /// The first place that another history reads.
    end: u32,
    /// Why no further mailbox is read.
    how: Cell<Option<How>>,
}

impl Reading {
    /// Reads one mailbox after the other, of those that no other lane has taken.
    async fn lane(&self, ctx: &WorkflowContext<SyncConnector>, of: &RunOf, width: Width) {
        while self.how.get().is_none() && self.next.get() < self.end {
            let place = self.next.replace(self.next.get() + 1);
            let mailbox = MailboxOf { of: of.clone(), place, requests: width.requests };
            match ctx.execute_activity(SyncActivities::read, mailbox, options()).await {
                Ok(MailboxEnd::GoesOn) => {}
                Ok(MailboxEnd::EndsRun) => self.how.set(Some(How::Finished)),
                Err(error) => self.how.set(Some(how(&error))),
            }
        }
    }
}

fn how(error: &ActivityExecutionError) -> How {
    match error {
        ActivityExecutionError::Cancelled(_) => How::Stopped,
        _ => How::Failed,
    }
}

/// Ends the run in the database, also when the workflow was cancelled.
async fn conclude(ctx: &WorkflowContext<SyncConnector>, of: RunOf, how: How) -> WorkflowResult<()> {
    let how = if ctx.cancellation_token().is_cancelled() { How::Stopped } else { how };
    let mut options = options();
    options.cancellation_token = Some(WorkflowCancellationToken::new());
    ctx.execute_activity(SyncActivities::conclude, (of, how), options).await?;
    Ok(())
}

/// What every step is done under: as often as it takes, unless the step itself says that it is of no use.
fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(LONGEST)
        .heartbeat_timeout(SILENCE)
        .retry_policy(RetryPolicy::builder().maximum_interval(LONGEST_WAIT).build())
        // Whoever cancels waits until the page in hand is stored.
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .build()
}
