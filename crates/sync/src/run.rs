//! What a run, or the part of one that a process does, has at hand.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use m365_database::DpaAccepted;
use m365_graph::{Graph, Usage};
use m365_model::{GraphUserId, MailboxId};
use m365_store::config::InternalSource;
use m365_store::{PageError, Store, StoreError};
use tokio::sync::watch;

use crate::ending::{Ending, broken_off};
use crate::mailbox::{Failure, MailboxEnd, MailboxSync};
use crate::plan::Terms;
use crate::rules::Rules;
use crate::summary::{Counts, Problem};
use crate::{Engine, Progress, SyncError, Watcher, directory, remedy};

/// A run behind the gate.
pub(crate) struct Run<'r> {
    pub gate: &'r DpaAccepted<'r>,
    pub store: Store,
    pub graph: Graph,
    pub watcher: &'r dyn Watcher,
    rules: Mutex<Arc<Rules>>,
    counts: Mutex<Counts>,
    mailbox_wide_delta_is_open: AtomicBool,
    has_mail_rounds: bool,
    stop: watch::Receiver<bool>,
}

/// What the directory says of a run.
pub(crate) enum Opening {
    /// These mailboxes are read; so many were left out by an administrator.
    Mailboxes(Vec<(GraphUserId, MailboxId)>, u64),
    /// Nothing is.
    Over(Ending),
}

impl<'r> Run<'r> {
    /// A run of the gate's tenant with this client.
    pub async fn new(
        gate: &'r DpaAccepted<'r>,
        engine: &Engine,
        graph: Graph,
        watcher: &'r dyn Watcher,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, SyncError> {
        let connector = engine.store.connector(gate.tenant()).await?;
        let has_mail_rounds = engine.endpoints.has_message_delta();
        Ok(Self {
            gate,
            store: engine.store.clone(),
            graph,
            watcher,
            rules: Mutex::new(Arc::new(Rules::load(&engine.store, gate.tenant()).await?)),
            counts: Mutex::default(),
            mailbox_wide_delta_is_open: AtomicBool::new(has_mail_rounds && !connector.mailbox_wide_delta_refused),
            has_mail_rounds,
            stop,
        })
    }

    pub fn rules(&self) -> Arc<Rules> {
        self.rules.lock().expect("no holder of this lock panics").clone()
    }

    pub fn terms(&self) -> Terms {
        let rules = self.rules();
        Terms {
            window_version: rules.window_version,
            lookback_days: rules.settings.lookback_days,
            now: self.store.surroundings().now(),
            has_mail_rounds: self.has_mail_rounds,
        }
    }

    /// Someone changed the allow-list or a setting: pages from here on are filtered anew.
    pub async fn reload_rules(&self) -> Result<(), StoreError> {
        let fresh = Arc::new(Rules::load(&self.store, self.gate.tenant()).await?);
        *self.rules.lock().expect("no holder of this lock panics") = fresh;
        Ok(())
    }

    /// Does `work`, unless the run is asked to stop before it is done. It is dropped then, and a transaction that it was in leaves nothing.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            Ok(_) = stop.wait_for(|stop| *stop) => Err(Failure::Stopped),
            done = work => Ok(done),
        }
    }

    pub fn add(&self, counts: &Counts) {
        self.counts.lock().expect("no holder of this lock panics").merge(counts);
    }

    /// What was seen and kept so far, and what that cost.
    pub fn so_far(&self) -> (Counts, Usage) {
        (self.counts.lock().expect("no holder of this lock panics").clone(), self.graph.usage())
    }

    /// True once a run, as long as no mailbox has refused.
    pub fn asks_mailbox_wide_delta(&self) -> bool {
        self.mailbox_wide_delta_is_open.swap(false, Ordering::Relaxed)
    }

    /// Leaves it to another part of the run to ask.
    pub fn leave_mailbox_wide_delta(&self) {
        self.mailbox_wide_delta_is_open.store(false, Ordering::Relaxed);
    }

    /// Reads the directory: whose mailboxes are read, and who is internal.
    pub async fn open(&self) -> Result<Opening, StoreError> {
        if self.rules().filter.is_empty() {
            let problem = Problem {
                mailbox: None,
                code: "empty_allow_list".to_owned(),
                resolution: remedy::ADD_DOMAINS.to_owned(),
            };
            return Ok(Opening::Over(Ending::done_with(problem)));
        }
        let members = match self.unless_stopped(self.list_members()).await.flatten() {
            Ok(members) => members,
            Err(failure) => return broken_off(failure).map(Opening::Over),
        };
        self.reload_rules().await?;
        let mailboxes = match self.store.mailboxes(self.gate, &members).await {
            Ok(mailboxes) => mailboxes,
            Err(PageError::Store(error)) => return Err(error),
            Err(error) => return broken_off(error.into()).map(Opening::Over),
        };
        let left_out = members.len() - mailboxes.len();
        self.watcher.on(Progress::Mailboxes(mailboxes.len() as u64));
        Ok(Opening::Mailboxes(mailboxes, left_out as u64))
    }

    /// The tenant's members; the company's own domains are noted.
    async fn list_members(&self) -> Result<Vec<GraphUserId>, Failure> {
        let directory = directory::read(&self.graph, self.gate).await?;
        let tenant = self.gate.tenant();
        self.store.set_internal_domains(tenant, InternalSource::Member, &directory.used).await?;
        if let Some(verified) = directory.verified {
            self.store.set_internal_domains(tenant, InternalSource::Verified, &verified).await?;
        }
        Ok(directory.members)
    }

    /// Reads one mailbox, if the run is not asked to stop before.
    pub async fn read(&self, user: GraphUserId, mailbox: MailboxId) -> Result<MailboxEnd, Failure> {
        // Those that have not begun do not begin.
        self.unless_stopped(std::future::ready(())).await?;
        let end = MailboxSync::new(self, user, mailbox).sync().await;
        self.watcher.on(Progress::MailboxDone);
        end
    }

    /// Tells what is asked, for as long as the run lasts.
    pub async fn tell_traffic(&self) -> Infallible {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            let usage = self.graph.usage();
            self.watcher.on(Progress::Traffic { requests: usage.requests, waiting: usage.waiting });
        }
    }
}
