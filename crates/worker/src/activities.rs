//! The steps of a run as activities. Each asserts the agreement for itself; what must not be tried again is no failure here, it is
//! what the run comes to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use m365_database::DatabaseError;
use m365_graph::Graph;
use m365_model::{ConnectorId, RunId, TenantId};
use m365_store::{ConnectorLock, LockError, StoreError};
use m365_sync::steps::{self, Begun, Read};
use m365_sync::{Engine, SyncError, Watcher};
use serde::{Deserialize, Serialize};
use temporalio_common::error::ApplicationFailure;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How often a step says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How many mailboxes are read side by side at the most, over all workers.
const LANES: usize = 8;

/// Does the steps with one engine.
pub struct SyncActivities {
    engine: Engine,
    /// What the connectors are called here: they do not change hands.
    tenants: Mutex<HashMap<ConnectorId, TenantId>>,
    /// One client a tenant: its connections and its token are shared by the mailboxes that are read here.
    clients: Mutex<HashMap<TenantId, Graph>>,
    /// The locks of connectors that are read here at this moment, each as long as somebody reads.
    turns: tokio::sync::Mutex<HashMap<TenantId, Weak<Turn>>>,
    watcher: Arc<dyn Watcher>,
    leaving: watch::Receiver<bool>,
}

/// A lock that several activities hold together. Nobody looks inside.
type Turn = Mutex<ConnectorLock>;

/// A run of a connector.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunOf {
    pub connector: ConnectorId,
    pub run: RunId,
}

/// One mailbox of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MailboxOf {
    pub of: RunOf,
    /// Its place in the run, from 1 on.
    pub place: u32,
    /// How many requests it may have in flight.
    pub requests: usize,
}

/// How wide a run is read.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Width {
    /// How many mailboxes there are.
    pub mailboxes: u32,
    /// How many are read side by side.
    pub lanes: usize,
    /// How many requests each of those may have in flight. All lanes together keep to the bound of the whole connector, however
    /// many workers there are.
    pub requests: usize,
}

/// What became of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailboxEnd {
    /// The run goes on.
    GoesOn,
    /// It does not.
    EndsRun,
}

impl SyncActivities {
    /// Steps that end soon, for other workers to go on, once `leaving` comes true.
    pub fn new(engine: Engine, watcher: Arc<dyn Watcher>, leaving: watch::Receiver<bool>) -> Self {
        Self {
            engine,
            tenants: Mutex::default(),
            clients: Mutex::default(),
            turns: tokio::sync::Mutex::default(),
            watcher,
            leaving,
        }
    }

    /// A turn at the connector together with the other readers of a run: nobody who wants it alone changes it meanwhile.
    async fn turn(&self, tenant: &TenantId) -> Result<Arc<Turn>, StepError> {
        let mut turns = self.turns.lock().await;
        if let Some(turn) = turns.get(tenant).and_then(Weak::upgrade) {
            return Ok(turn);
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = self.engine.store.database().try_share(tenant).await?.ok_or(StepError::Busy)?;
        let turn = Arc::new(Mutex::new(turn));
        turns.insert(tenant.clone(), Arc::downgrade(&turn));
        Ok(turn)
    }

    async fn tenant(&self, connector: &ConnectorId) -> Result<TenantId, SyncError> {
        let known = locked(&self.tenants).get(connector).cloned();
        if let Some(tenant) = known {
            return Ok(tenant);
        }
        let tenant = self.engine.store.tenant_of(connector).await?.ok_or(StoreError::NotConnected)?;
        locked(&self.tenants).insert(connector.clone(), tenant.clone());
        Ok(tenant)
    }

    /// A new client for each run, since what was granted or set may have changed since the last.
    async fn new_client(&self, tenant: &TenantId) -> Result<Graph, SyncError> {
        let graph = self.engine.graph(tenant).await?;
        locked(&self.clients).insert(tenant.clone(), graph.clone());
        Ok(graph)
    }

    async fn client(&self, tenant: &TenantId) -> Result<Graph, SyncError> {
        let known = locked(&self.clients).get(tenant).cloned();
        match known {
            Some(graph) => Ok(graph),
            None => self.new_client(tenant).await,
        }
    }

    fn width(&self, mailboxes: u32) -> Width {
        let limits = &self.engine.limits;
        let lanes = LANES.min(mailboxes as usize).min(limits.overall).max(1);
        Width { mailboxes, lanes, requests: limits.per_mailbox.min(limits.overall / lanes) }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[activities]
impl SyncActivities {
    /// Begins a run; `None` when there is nothing to read.
    #[activity(name = "begin")]
    pub async fn begin(self: Arc<Self>, context: ActivityContext, of: RunOf) -> Result<Option<Width>, ActivityError> {
        let this = Arc::clone(&self);
        let begun = apart(&context, async move || {
            let tenant = this.tenant(&of.connector).await?;
            let turn = this.engine.store.database().try_lock(&tenant).await?.ok_or(StepError::Busy)?;
            let graph = this.new_client(&tenant).await?.part(this.engine.limits.overall);
            let begun = steps::begin(&tenant, &this.engine, &graph, &of.run).await?;
            turn.release().await;
            Ok(begun)
        });
        match begun.await? {
            Begun::Reading(mailboxes) => Ok(Some(self.width(mailboxes))),
            Begun::Nothing => Ok(None),
        }
    }

    /// Reads one mailbox.
    #[activity(name = "read")]
    pub async fn read(self: Arc<Self>, context: ActivityContext, of: MailboxOf) -> Result<MailboxEnd, ActivityError> {
        let (this, stop) = (Arc::clone(&self), context.clone());
        let read = apart(&context, async move || {
            let MailboxOf { of: RunOf { connector, run }, place, requests } = of;
            let tenant = this.tenant(&connector).await?;
            let _turn = this.turn(&tenant).await?;
            let graph = this.client(&tenant).await?.part(requests);
            let mut leaving = this.leaving.clone();
            let asked_to_stop = async {
                tokio::select! {
                    () = stop.cancelled() => {}
                    Ok(_) = leaving.wait_for(|leaving| *leaving) => {}
                }
            };
            let read = steps::read(&tenant, &this.engine, &graph, (&run, place), &*this.watcher, asked_to_stop);
            Ok(Box::pin(read).await?)
        });
        match read.await? {
            Read::Done => Ok(MailboxEnd::GoesOn),
            Read::Stopped if *self.leaving.borrow() && !context.is_cancelled() => Err(StepError::Leaving.of_activity()),
            Read::EndsRun | Read::Stopped | Read::Over => Ok(MailboxEnd::EndsRun),
        }
    }

    /// Ends a run with what its mailboxes came to.
    #[activity(name = "conclude")]
    pub async fn conclude(
        self: Arc<Self>,
        context: ActivityContext,
        (of, how): (RunOf, steps::How),
    ) -> Result<(), ActivityError> {
        let this = Arc::clone(&self);
        let concluded = apart(&context, async move || {
            let tenant = this.tenant(&of.connector).await?;
            steps::conclude(&tenant, &this.engine, &of.run, how).await?;
            locked(&this.clients).remove(&tenant);
            Ok(())
        });
        concluded.await
    }
}

/// Does a step in a thread of its own: however busy it is with pages, the worker goes on telling Temporal that it lives. Without
/// that another worker takes the step up.
async fn apart<T, W>(context: &ActivityContext, step: W) -> Result<T, ActivityError>
where
    T: Send + 'static,
    W: AsyncFnOnce() -> Result<T, StepError> + Send + 'static,
{
    let runtime = Handle::current();
    let mut step = tokio::task::spawn_blocking(move || runtime.block_on(step()));
    let mut beats = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            done = &mut step => {
                let done = done.unwrap_or(Err(StepError::Panicked));
                return done.map_err(StepError::of_activity);
            }
            _ = beats.tick() => {
                context.record_heartbeat(()).await.ok();
            }
        }
    }
}

/// What a step fails with. Temporal keeps these sentences, and they name nothing.
#[derive(Debug, Error)]
enum StepError {
    #[error(transparent)]
    Sync(#[from] SyncError),
    #[error("another process syncs or changes this connector; this is tried again soon")]
    Busy,
    #[error("this worker ends; another one goes on")]
    Leaving,
    #[error("a step panicked")]
    Panicked,
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::Sync(error.into())
    }
}

impl From<LockError> for StepError {
    fn from(error: LockError) -> Self {
        StoreError::from(error).into()
    }
}

impl StepError {
    /// A database may be back in a moment; what else fails stays as it is until a person mends it.
    fn of_activity(self) -> ActivityError {
        let error = self;
        let database = match &error {
            StepError::Busy | StepError::Leaving => return again(error.to_string()),
            StepError::Sync(SyncError::Store(
                StoreError::Database(error) | StoreError::Lock(LockError::Database(error)),
            )) => Some(error),
            StepError::Sync(_) | StepError::Panicked => None,
        };
        if database.is_some_and(DatabaseError::may_pass) {
            tracing::warn!(%error, "a step of a sync is tried again");
            return again("the database does not answer".to_owned());
        }
        tracing::error!(%error, "a step of a sync failed");
        let failure = ApplicationFailure::non_retryable("a step of the sync failed; the log of the worker says why");
        ActivityError::Application(Box::new(failure))
    }
}

fn again(why: String) -> ActivityError {
    ActivityError::Application(Box::new(ApplicationFailure::new(why)))
}
