//! Runs in the background of one process: one a connector at a time, on a schedule or asked for, watched and cancelled.
//!
//! Whoever asks for a run while one is at work joins it. The connector's lock is taken as on the command line, so a run of
//! another process is joined too: it is seen in the database, not here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use m365_database::{AgreementState, agreement_state};
use m365_model::TenantId;
use m365_privacy::DomainName;
use m365_store::{ConnectorLock, StoreError};
use serde::Serialize;
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
    live: Arc<Mutex<HashMap<TenantId, Arc<Live>>>>,
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

impl Runner {
    /// A runner with nothing at work.
    pub fn new(engine: Engine) -> Self {
        Self { engine, live: Arc::default(), looks: Arc::default() }
    }

    /// What runs have in common.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Starts a run of `tenant`, or joins the one that is at work, here or in another process.
    ///
    /// # Errors
    /// When the connector's lock cannot be used or the database fails.
    pub async fn start(&self, tenant: &TenantId) -> Result<Started, StoreError> {
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

    /// Asks the run of `tenant` to stop; what it has read is stored. False when none is at work here.
    pub fn cancel(&self, tenant: &TenantId) -> bool {
        let live = self.live().get(tenant).cloned();
        if let Some(live) = &live {
            live.standing.send_modify(|standing| standing.is_stopping = true);
            live.stop.send_replace(true);
        }
        live.is_some()
    }

    /// The run of `tenant` that is at work here, to be watched.
    pub fn watch(&self, tenant: &TenantId) -> Option<watch::Receiver<Standing>> {
        self.live().get(tenant).map(|live| live.standing.subscribe())
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

    /// Starts what is due, again and again. Never ends.
    pub async fn keep_schedule(&self) {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            if let Err(error) = self.start_what_is_due().await {
                tracing::error!(%error, "the schedule could not be looked at; it is tried again soon");
            }
        }
    }

    async fn start_what_is_due(&self) -> Result<(), StoreError> {
        let store = &self.engine.store;
        for tenant in store.database().tenants().await? {
            if self.is_due(&tenant).await? {
                self.start(&tenant).await?;
            }
        }
        Ok(())
    }

    async fn is_due(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let AgreementState::Standing(_) = agreement_state(tenant, self.engine.store.database()).await? else {
            return Ok(false);
        };
        let next = self.next(tenant).await?;
        Ok(next.is_some_and(|next| next <= self.engine.store.surroundings().now()))
    }

    /// When the next run of `tenant` is due. `None` before its first one, which a person starts, while the list is empty, and once
    /// it is disconnected.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next(&self, tenant: &TenantId) -> Result<Option<Timestamp>, StoreError> {
        let store = &self.engine.store;
        if store.connector(tenant).await?.disconnected_at.is_some() {
            return Ok(None);
        }
        let Some(last) = store.last_run(tenant).await? else { return Ok(None) };
        if store.allow_list(tenant).await?.entries.is_empty() {
            return Ok(None);
        }
        let minutes = store.settings(tenant).await?.sync_interval_minutes;
        Ok(Some(last.started_at + SignedDuration::from_mins(minutes.into()) + jitter(tenant, minutes)))
    }

    /// Asks every run to stop, and waits until they have.
    pub async fn drain(&self) {
        let all: Vec<TenantId> = self.live().keys().cloned().collect();
        for tenant in &all {
            let watched = self.watch(tenant);
            self.cancel(tenant);
            if let Some(mut watched) = watched {
                watched.wait_for(|standing| standing.is_over).await.ok();
            }
        }
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
