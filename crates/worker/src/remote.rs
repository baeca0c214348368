//! Starting, stopping and scheduling runs on Temporal.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use m365_model::{ConnectorId, TenantId};
use m365_store::Store;
use m365_sync::runner::{Answer, Elsewhere, Plan, RunnerError, Started};
use temporalio_client::errors::{WorkflowGetResultError, WorkflowInteractionError, WorkflowStartError};
use temporalio_client::schedules::{
    CreateScheduleOptions, ScheduleAction, ScheduleError, ScheduleOverlapPolicy, ScheduleSpec, ScheduleUpdate,
};
use temporalio_client::tonic::Code;
use temporalio_client::{
    Client, RpcOptions, WorkflowCancelOptions, WorkflowDescribeOptions, WorkflowExecutionStatus,
    WorkflowGetResultOptions, WorkflowHandle, WorkflowIdConflictPolicy, WorkflowStartOptions,
};
use temporalio_common::HasWorkflowDefinition;

use crate::connection::Temporal;
use crate::workflow::{SyncConnector, SyncInput, SyncOnSchedule, name_of};

/// Runs of this installation's connectors on Temporal.
pub struct Remote {
    temporal: Temporal,
    store: Store,
    /// What was last kept, so that the server is asked when something changed.
    kept: Mutex<HashMap<ConnectorId, Plan>>,
}

impl Remote {
    /// Runs that are asked for over this connection.
    pub fn new(temporal: Temporal, store: Store) -> Self {
        Self { temporal, store, kept: Mutex::default() }
    }

    /// What the workflow and the schedule of a connector are called.
    fn name_of(&self, connector: &ConnectorId) -> String {
        name_of(&self.temporal.task_queue, connector)
    }

    async fn connector(&self, tenant: &TenantId) -> Result<ConnectorId, RunnerError> {
        Ok(self.store.connector(tenant).await?.id)
    }

    fn workflow(&self, connector: &ConnectorId) -> WorkflowHandle<Client, impl HasWorkflowDefinition> {
        handle(&self.temporal.client, self.name_of(connector), SyncConnector::run)
    }

    /// Waits until the run of `tenant` that is at work is over.
    ///
    /// # Errors
    /// When Temporal does not answer.
    pub async fn finished(&self, tenant: &TenantId) -> Result<(), RunnerError> {
        let connector = self.connector(tenant).await?;
        match self.workflow(&connector).get_result(WorkflowGetResultOptions::default()).await {
            Err(WorkflowGetResultError::Rpc(error)) if error.code() != Code::NotFound => Err(unreachable(&error)),
            // However it ended: the database says that.
            _ => Ok(()),
        }
    }

    async fn start_run(&self, tenant: &TenantId) -> Result<Started, RunnerError> {
        let connector = self.connector(tenant).await?;
        let options = WorkflowStartOptions::new(&self.temporal.task_queue, self.name_of(&connector))
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .build();
        let started = self.temporal.client.start_workflow(SyncConnector::run, SyncInput::new(connector), options);
        match started.await {
            Ok(_) => Ok(Started::New),
            Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(Started::Joined),
            Err(error) => Err(unreachable(&error)),
        }
    }

    async fn cancel_run(&self, tenant: &TenantId) -> Result<bool, RunnerError> {
        // The steps look there, also while Temporal does not answer.
        let noted = self.store.ask_run_to_stop(tenant).await?.is_some();
        let connector = self.connector(tenant).await?;
        match self.workflow(&connector).cancel(WorkflowCancelOptions::default()).await {
            Ok(()) => Ok(true),
            Err(WorkflowInteractionError::NotFound(_)) => Ok(noted),
            Err(error) => Err(unreachable(&error)),
        }
    }

    async fn is_running(&self, tenant: &TenantId) -> Result<bool, RunnerError> {
        let connector = self.connector(tenant).await?;
        match self.workflow(&connector).describe(WorkflowDescribeOptions::default()).await {
            Ok(description) => Ok(description.status() == WorkflowExecutionStatus::Running),
            Err(WorkflowInteractionError::NotFound(_)) => Ok(false),
            Err(error) => Err(unreachable(&error)),
        }
    }

    /// Makes the schedule, or changes it: every so often with a tenth of that as jitter, none while a run is at work, and paused
    /// while the plan is off.
    async fn keep_plan(&self, tenant: &TenantId, plan: Plan) -> Result<(), RunnerError> {
        // Without a connector there is nothing to schedule.
        let Ok(connector) = self.connector(tenant).await else { return Ok(()) };
        if self.kept().get(&connector) == Some(&plan) {
            return Ok(());
        }
        let client = &self.temporal.client;
        let (name, input) = (self.name_of(&connector), SyncInput::new(connector.clone()));
        let action = ScheduleAction::start_workflow(SyncOnSchedule::run, input, &self.temporal.task_queue, name);
        let schedule = client.get_schedule_handle(self.name_of(&connector));
        if let Err(error) = schedule.describe(RpcOptions::default()).await {
            if !is_missing(&error) {
                return Err(unreachable(&error));
            }
            if !plan.is_on {
                self.kept().insert(connector, plan);
                return Ok(());
            }
            let options =
                CreateScheduleOptions::builder().action(action.clone()).spec(spec(plan)).paused(!plan.is_on).build();
            client.create_schedule(self.name_of(&connector), options).await.map_err(|error| unreachable(&error))?;
        }
        let change = move |schedule: &mut ScheduleUpdate| {
            schedule
                .set_spec(spec(plan))
                .set_paused(!plan.is_on)
                .set_overlap_policy(ScheduleOverlapPolicy::Skip)
                // What was missed while the server was away is one run, not many.
                .set_catchup_window(Duration::from_mins(1))
                // What was there is sent back unsealed otherwise.
                .set_action(action);
        };
        schedule.update(change, RpcOptions::default()).await.map_err(|error| unreachable(&error))?;
        self.kept().insert(connector, plan);
        Ok(())
    }

    async fn next_run(&self, tenant: &TenantId) -> Result<Option<Timestamp>, RunnerError> {
        let connector = self.connector(tenant).await?;
        let schedule = self.temporal.client.get_schedule_handle(self.name_of(&connector));
        match schedule.describe(RpcOptions::default()).await {
            Ok(schedule) if schedule.paused() => Ok(None),
            Ok(schedule) => {
                let next = schedule.future_action_times().into_iter().next();
                Ok(next.and_then(|at| Timestamp::try_from(at).ok()))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(unreachable(&error)),
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<ConnectorId, Plan>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn handle<W: HasWorkflowDefinition>(client: &Client, name: String, _: W) -> WorkflowHandle<Client, W> {
    client.get_workflow_handle(name)
}

fn spec(plan: Plan) -> ScheduleSpec {
    let minutes = plan.every_minutes.into();
    ScheduleSpec::builder()
        .intervals(vec![Duration::from_mins(minutes).into()])
        .jitter(Duration::from_secs(minutes * 6))
        .build()
}

fn is_missing(error: &ScheduleError) -> bool {
    matches!(error, ScheduleError::Rpc(status) if status.code() == Code::NotFound)
}

/// Whatever else the server says. Its words are not repeated: they may hold what was sent.
fn unreachable(_: &dyn std::error::Error) -> RunnerError {
    RunnerError::Unreachable
}

impl Elsewhere for Remote {
    fn start<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, Started> {
        Box::pin(self.start_run(tenant))
    }

    fn cancel<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, bool> {
        Box::pin(self.cancel_run(tenant))
    }

    fn is_at_work<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, bool> {
        Box::pin(self.is_running(tenant))
    }

    fn keep<'a>(&'a self, tenant: &'a TenantId, plan: Plan) -> Answer<'a, ()> {
        Box::pin(self.keep_plan(tenant, plan))
    }

    fn next<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, Option<Timestamp>> {
        Box::pin(self.next_run(tenant))
    }
}
