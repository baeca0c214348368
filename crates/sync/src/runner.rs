//! Runs in the background: one a connector at a time, on a schedule or asked for, watched and cancelled. They are done in this
//! process, or [`Elsewhere`]; whoever asks cannot tell which.
//!
//! Whoever asks for a run while one is at work joins it. In the process the connector's lock is taken as on the command line, so
//! a run of another process is joined too: it is seen in the database, not here.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use m365_database::{AgreementState, agreement_state};
use m365_model::{RunStatus, TenantId};
use m365_privacy::DomainName;
use m365_store::{ConnectorLock, StoreError};
use serde::Serialize;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::{Engine, Preview, Progress, Watcher, preview, sync_until};

/// How far a run has come: counts alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Mailboxes to be read; 0 until the directory was read.
    pub mailboxes: u64,
    /// Mailboxes that are done.
    pub done: u64,
    /// Pages that are stored.
    pub pages: u64,
    /// Items seen.
    pub seen: u64,
    /// Items kept.
    pub kept: u64,
    /// Requests to Microsoft Graph.
    pub requests: u64,
    /// Requests that wait at this moment.
    pub waiting: u64,
    /// Whether somebody asked it to stop.
    pub is_stopping: bool,
    /// Whether it is over.
    pub is_over: bool,
}

/// Whether a run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It did.
    New,
    /// One is at work already.
    Joined,
}

/// Why a run cannot be started, stopped or looked at.
#[derive(Debug, Error)]
pub enum RunnerError {
    /// The store failed, or the connector's lock cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What does the runs does not answer.
    #[error(
        "Temporal does not answer, so syncs can be neither started nor stopped; those under way go on when it is back: check that \
         its server runs and TEMPORAL_ADDRESS names it"
    )]
    Unreachable,
}

impl From<m365_store::LockError> for RunnerError {
    fn from(error: m365_store::LockError) -> Self {
        Self::Store(error.into())
    }
}

/// When runs of a connector begin by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Minutes from one beginning to the next.
    pub every_minutes: u32,
    /// Whether they do: not before the first run, which a person starts, nor without an agreement or an allow-list, nor while
    /// the connector is disconnected or its schedule paused.
    pub is_on: bool,
}

/// What a question to [`Elsewhere`] comes to.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, RunnerError>> + Send + 'a>>;

/// What does runs elsewhere than in this process, one a connector at a time.
pub trait Elsewhere: Send + Sync {
    /// Starts a run, or joins the one that is at work.
    fn start<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, Started>;
    /// Asks the run that is at work to stop. False when none is.
    fn cancel<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, bool>;
    /// Whether a run is at work, or waits to be taken up.
    fn is_at_work<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, bool>;
    /// Has runs begin by this plan from now on.
    fn keep<'a>(&'a self, tenant: &'a TenantId, plan: Plan) -> Answer<'a, ()>;
    /// When the next run begins by itself.
    fn next<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, Option<Timestamp>>;
}

/// A run at work in this process.
struct Live {
    standing: watch::Sender<Standing>,
    stop: watch::Sender<bool>,
}

impl Watcher for Live {
    fn on(&self, progress: Progress) {
        self.standing.send_modify(|standing| match progress {
            Progress::Mailboxes(n) => standing.mailboxes = n,
            Progress::MailboxDone => standing.done += 1,
            Progress::Page { seen, kept } => {
                standing.pages += 1;
                standing.seen += seen;
                standing.kept += kept;
            }
            Progress::Traffic { requests, waiting } => (standing.requests, standing.waiting) = (requests, waiting),
        });
    }
}

/// Where a preview stands.
#[derive(Debug, Clone)]
pub enum Looked {
    /// It is being made: so many mailboxes are done, of so many.
    Looking {
        /// Done.
        done: u64,
        /// Of so many; 0 until the directory was read.
        of: u64,
    },
    /// It is made.
    Done(Box<Preview>),
    /// It cannot be made, and why.
    Failed(String),
}

/// What is proposed, and what came of looking.
type Looks = HashMap<TenantId, (Vec<(DomainName, bool)>, watch::Sender<Looked>)>;

/// Starts runs, and knows those that are at work.
#[derive(Clone)]
pub struct Runner {
    engine: Engine,
    elsewhere: Option<Arc<dyn Elsewhere>>,
    live: Arc<Mutex<HashMap<TenantId, Arc<Live>>>>,
    /// Runs elsewhere that somebody here watches.
    watched: Arc<Mutex<HashMap<TenantId, watch::Sender<Standing>>>>,
    looks: Arc<Mutex<Looks>>,
}

/// Counts mailboxes that were looked at.
struct Looking(watch::Sender<Looked>);

impl Watcher for Looking {
    fn on(&self, progress: Progress) {
        self.0.send_modify(|looked| {
            if let Looked::Looking { done, of } = looked {
                match progress {
                    Progress::Mailboxes(n) => *of = n,
                    Progress::MailboxDone => *done += 1,
                    Progress::Page { .. } | Progress::Traffic { .. } => {}
                }
            }
        });
    }
}

/// How often the schedule is looked at.
const LOOK: Duration = Duration::from_secs(10);

/// How often a run elsewhere is looked at for those who watch it.
const WATCH: Duration = Duration::from_secs(1);

impl Runner {
    /// A runner with nothing at work, which does runs in this process.
    pub fn new(engine: Engine) -> Self {
        Self { engine, elsewhere: None, live: Arc::default(), watched: Arc::default(), looks: Arc::default() }
    }

    /// The same, with runs done elsewhere.
    #[must_use]
    pub fn elsewhere(self, elsewhere: Arc<dyn Elsewhere>) -> Self {
        Self { elsewhere: Some(elsewhere), ..self }
    }

    /// What runs have in common.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Starts a run of `tenant`, or joins the one that is at work, here or in another process.
    ///
    /// # Errors
    /// When the connector's lock cannot be used, the database fails, or what does the runs does not answer.
    pub async fn start(&self, tenant: &TenantId) -> Result<Started, RunnerError> {
        if let Some(elsewhere) = &self.elsewhere {
            let started = elsewhere.start(tenant).await?;
            self.watch_elsewhere(tenant, elsewhere);
            return Ok(started);
        }
        if self.live().contains_key(tenant) {
            return Ok(Started::Joined);
        }
        let lock = self.engine.store.database().try_lock(tenant).await?;
        let Some(lock) = lock else { return Ok(Started::Joined) };
        let live = Arc::new(Live { standing: watch::Sender::default(), stop: watch::Sender::new(false) });
        self.live().insert(tenant.clone(), live.clone());
        let (runner, tenant) = (self.clone(), tenant.clone());
        // A thread for each run: however busy it is with pages, the dashboard answers.
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(runner.run(tenant, live, lock)));
        Ok(Started::New)
    }

    async fn run(self, tenant: TenantId, live: Arc<Live>, lock: ConnectorLock) {
        let mut stop = live.stop.subscribe();
        let asked_to_stop = async move {
            if stop.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        if let Err(error) = sync_until(&tenant, &self.engine, &*live, asked_to_stop).await {
            tracing::error!(%error, "a sync failed");
        }
        drop(lock);
        self.live().remove(&tenant);
        live.standing.send_modify(|standing| standing.is_over = true);
    }

    /// Asks the run of `tenant` to stop; what it has read is stored. False when none is at work, as far as is known here.
    ///
    /// # Errors
    /// When what does the runs does not answer.
    pub async fn cancel(&self, tenant: &TenantId) -> Result<bool, RunnerError> {
        match &self.elsewhere {
            Some(elsewhere) => elsewhere.cancel(tenant).await,
            None => Ok(self.cancel_here(tenant)),
        }
    }

    fn cancel_here(&self, tenant: &TenantId) -> bool {
        let live = self.live().get(tenant).cloned();
        if let Some(live) = &live {
            live.standing.send_modify(|standing| standing.is_stopping = true);
            live.stop.send_replace(true);
        }
        live.is_some()
    }

    /// The run of `tenant` that is at work, to be watched.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn watch(&self, tenant: &TenantId) -> Result<Option<watch::Receiver<Standing>>, RunnerError> {
        let Some(elsewhere) = &self.elsewhere else { return Ok(self.watch_here(tenant)) };
        let known = self.watched().get(tenant).map(watch::Sender::subscribe);
        if known.is_some() {
            return Ok(known);
        }
        let last = self.engine.store.last_run(tenant).await?;
        let is_running = last.is_some_and(|run| run.status == RunStatus::Running);
        Ok(is_running.then(|| self.watch_elsewhere(tenant, elsewhere)))
    }

    fn watch_here(&self, tenant: &TenantId) -> Option<watch::Receiver<Standing>> {
        self.live().get(tenant).map(|live| live.standing.subscribe())
    }

    /// Begins to look at a run elsewhere, unless that is being done.
    fn watch_elsewhere(&self, tenant: &TenantId, elsewhere: &Arc<dyn Elsewhere>) -> watch::Receiver<Standing> {
        let mut watched = self.watched();
        if let Some(standing) = watched.get(tenant) {
            return standing.subscribe();
        }
        let standing = watch::Sender::new(Standing::default());
        watched.insert(tenant.clone(), standing.clone());
        let receiver = standing.subscribe();
        let (runner, tenant, elsewhere) = (self.clone(), tenant.clone(), elsewhere.clone());
        tokio::spawn(async move {
            let mut looks = tokio::time::interval(WATCH);
            loop {
                looks.tick().await;
                match runner.look_elsewhere(&tenant, &*elsewhere).await {
                    Ok(Some(now)) => {
                        standing.send_if_modified(|then| std::mem::replace(then, now) != now);
                    }
                    Ok(None) => break,
                    Err(error) => tracing::warn!(%error, "a sync cannot be looked at; it is tried again soon"),
                }
            }
            runner.watched().remove(&tenant);
            standing.send_modify(|standing| standing.is_over = true);
        });
        receiver
    }

    /// How far a run elsewhere has come; `None` when none is at work.
    async fn look_elsewhere(
        &self,
        tenant: &TenantId,
        elsewhere: &dyn Elsewhere,
    ) -> Result<Option<Standing>, RunnerError> {
        let store = &self.engine.store;
        let progress = match store.last_run(tenant).await? {
            Some(run) if run.status == RunStatus::Running => store.run_progress(tenant, &run.id).await?,
            _ => None,
        };
        let Some(progress) = progress else {
            // It may not have been taken up yet.
            return Ok(elsewhere.is_at_work(tenant).await?.then(Standing::default));
        };
        Ok(Some(Standing {
            mailboxes: progress.mailboxes,
            done: progress.done,
            pages: progress.counts.pages,
            seen: progress.counts.seen,
            kept: progress.counts.kept,
            requests: progress.counts.requests,
            waiting: progress.counts.waiting,
            is_stopping: progress.is_stopping,
            is_over: false,
        }))
    }

    /// Begins to look at what `proposals` would bring, unless that is being done. The result is kept until something else is
    /// proposed or this process ends.
    pub fn look(&self, tenant: &TenantId, proposals: Vec<(DomainName, bool)>) {
        let begun = watch::Sender::new(Looked::Looking { done: 0, of: 0 });
        {
            let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
            let is_looking = |state: &watch::Sender<Looked>| matches!(*state.borrow(), Looked::Looking { .. });
            if looks.get(tenant).is_some_and(|(known, state)| *known == proposals && is_looking(state)) {
                return;
            }
            looks.insert(tenant.clone(), (proposals.clone(), begun.clone()));
        }
        let (engine, tenant, runtime) = (self.engine.clone(), tenant.clone(), Handle::current());
        tokio::task::spawn_blocking(move || {
            let looking = Looking(begun.clone());
            let looked = runtime.block_on(preview(&tenant, &engine, &proposals, &looking));
            begun.send_replace(match looked {
                Ok(preview) => Looked::Done(Box::new(preview)),
                Err(error) => Looked::Failed(error.to_string()),
            });
        });
    }

    /// What was proposed last, and what came of looking.
    pub fn looked(&self, tenant: &TenantId) -> Option<(Vec<(DomainName, bool)>, Looked)> {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.get(tenant).map(|(proposals, state)| (proposals.clone(), state.borrow().clone()))
    }

    /// Starts what is due, again and again, or has it started elsewhere. Never ends.
    pub async fn keep_schedule(&self) {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            if let Err(error) = self.start_what_is_due().await {
                tracing::error!(%error, "the schedule could not be looked at; it is tried again soon");
            }
        }
    }

    async fn start_what_is_due(&self) -> Result<(), RunnerError> {
        let store = &self.engine.store;
        for tenant in store.database().tenants().await.map_err(StoreError::from)? {
            if let Some(elsewhere) = &self.elsewhere {
                elsewhere.keep(&tenant, self.plan(&tenant).await?).await?;
            } else if self.next(&tenant).await?.is_some_and(|next| next <= store.surroundings().now()) {
                self.start(&tenant).await?;
            }
        }
        Ok(())
    }

    /// When runs of `tenant` begin by themselves.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn plan(&self, tenant: &TenantId) -> Result<Plan, StoreError> {
        let store = &self.engine.store;
        let off = Plan { every_minutes: 60, is_on: false };
        let AgreementState::Standing(_) = agreement_state(tenant, store.database()).await? else { return Ok(off) };
        let connector = store.connector(tenant).await?;
        let every_minutes = store.settings(tenant).await?.sync_interval_minutes;
        let is_on = connector.disconnected_at.is_none()
            && connector.schedule_paused_at.is_none()
            && store.last_run(tenant).await?.is_some()
            && !store.allow_list(tenant).await?.entries.is_empty();
        Ok(Plan { every_minutes, is_on })
    }

    /// When the next run of `tenant` begins by itself; `None` when none does, as [`Plan`] says.
    ///
    /// # Errors
    /// When the database fails, or what does the runs does not answer.
    pub async fn next(&self, tenant: &TenantId) -> Result<Option<Timestamp>, RunnerError> {
        let plan = self.plan(tenant).await?;
        if !plan.is_on {
            return Ok(None);
        }
        if let Some(elsewhere) = &self.elsewhere {
            return elsewhere.next(tenant).await;
        }
        let last = self.engine.store.last_run(tenant).await?;
        let wait = SignedDuration::from_mins(plan.every_minutes.into()) + jitter(tenant, plan.every_minutes);
        Ok(last.map(|last| last.started_at + wait))
    }

    /// Asks every run of this process to stop, and waits until they have. Runs elsewhere go on.
    pub async fn drain(&self) {
        let all: Vec<TenantId> = self.live().keys().cloned().collect();
        for tenant in &all {
            let watched = self.watch_here(tenant);
            self.cancel_here(tenant);
            if let Some(mut watched) = watched {
                watched.wait_for(|standing| standing.is_over).await.ok();
            }
        }
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<TenantId, watch::Sender<Standing>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Up to a tenth of the interval, the same for a tenant each time: many tenants do not begin at the same second.
fn jitter(tenant: &TenantId, minutes: u32) -> SignedDuration {
    let sum = tenant.as_str().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    SignedDuration::from_secs((sum % (minutes * 6).max(1)).into())
}
