//! A run: the gate, the rules, the users, the mailboxes side by side, the summary.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use m365_database::{DpaAccepted, GateError, assert_dpa_accepted};
use m365_graph::{
    Credentials, Endpoints, Graph, GraphError, GraphOptions, Limits, SetupError, StoredToken, TokenVault, VaultFuture,
};
use m365_model::{Ended, EntraTenantId, GraphUserId, RunStatus, TenantId, UserId};
use m365_store::config::InternalSource;
use m365_store::mailboxes::MailboxState;
use m365_store::settings::MailDedupe;
use m365_store::{PageError, Store, StoreError};
use thiserror::Error;
use tokio::sync::watch;

use crate::directory;
use crate::mailbox::{Access, Failure, MailboxEnd, MailboxSync};
use crate::parting;
use crate::plan::Terms;
use crate::remedy;
use crate::rules::Rules;
use crate::summary::{Counts, MailboxCounts, Problem, RunSummary};
use crate::{Progress, Watcher};

/// How many mailboxes are read side by side; the client bounds the requests in flight.
pub(crate) const MAILBOXES_AT_ONCE: usize = 16;

/// What every run of this installation has in common.
#[derive(Clone)]
pub struct Engine {
    /// What is kept.
    pub store: Store,
    /// Where Microsoft is.
    pub endpoints: Endpoints,
    /// Who the connector is.
    pub credentials: Credentials,
    /// The client's bounds.
    pub limits: Limits,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// What it says of itself.
    pub summary: RunSummary,
}

/// Why there is no summary.
#[derive(Debug, Error)]
pub enum SyncError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client could not be built.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl Engine {
    /// The client for an Entra tenant, with the tokens of `tenant`.
    pub(crate) fn graph(
        &self,
        tenant: &TenantId,
        entra_tenant: EntraTenantId,
        mail_dedupe: MailDedupe,
    ) -> Result<Graph, SetupError> {
        Graph::new(GraphOptions {
            endpoints: self.endpoints.clone(),
            credentials: self.credentials.clone(),
            entra_tenant,
            vault: Arc::new(Vault { store: self.store.clone(), tenant: tenant.clone() }),
            limits: self.limits.clone(),
            with_message_ids: mail_dedupe == MailDedupe::InternetMessageId,
            surroundings: self.store.surroundings().clone(),
        })
    }
}

/// The store as a place for tokens.
struct Vault {
    store: Store,
    tenant: TenantId,
}

const TOKEN: &str = "graph";

impl TokenVault for Vault {
    fn load(&self) -> VaultFuture<'_, Option<StoredToken>> {
        Box::pin(async {
            let token = self.store.load_token(&self.tenant, TOKEN).await.ok()??;
            Some(StoredToken { access_token: token.0, expires_at: token.1 })
        })
    }

    fn save(&self, token: StoredToken) -> VaultFuture<'_, ()> {
        Box::pin(async move {
            // Without a cache the next run asks for a token of its own: no reason to stop this one.
            if self.store.save_token(&self.tenant, TOKEN, &token.access_token, token.expires_at).await.is_err() {
                tracing::warn!("the token could not be kept; the next run asks for a new one");
            }
        })
    }
}

/// Reads what is new in every mailbox of `tenant` and stores the records of it.
///
/// # Errors
/// When the database fails; what Microsoft or the agreement refuse is in the outcome.
pub async fn sync(tenant: &TenantId, engine: &Engine, watcher: &dyn Watcher) -> Result<Outcome, SyncError> {
    sync_until(tenant, engine, watcher, std::future::pending()).await
}

/// As [`sync`], until `asked_to_stop` comes true. Pages that were read by then are stored, nothing more is asked for, and the
/// run is noted as failed because it was stopped.
///
/// # Errors
/// As [`sync`].
pub async fn sync_until(
    tenant: &TenantId,
    engine: &Engine,
    watcher: &dyn Watcher,
    asked_to_stop: impl Future<Output = ()>,
) -> Result<Outcome, SyncError> {
    let stop = watch::Sender::new(false);
    let mut work = pin!(sync_heeding(tenant, engine, watcher, stop.subscribe()));
    tokio::select! {
        outcome = &mut work => outcome,
        () = asked_to_stop => {
            stop.send_replace(true);
            work.await
        }
    }
}

async fn sync_heeding(
    tenant: &TenantId,
    engine: &Engine,
    watcher: &dyn Watcher,
    stop: watch::Receiver<bool>,
) -> Result<Outcome, SyncError> {
    let gate = assert_dpa_accepted(tenant, engine.store.database()).await;
    engine.store.assert_key(tenant).await?;
    let gate = match gate {
        Ok(gate) => gate,
        Err(error) => return shut(tenant, engine, error).await,
    };
    tidy(tenant, engine).await?;
    let store = &engine.store;
    let id = store.run_began(tenant, store.surroundings().now()).await?;
    tracing::info!(run = %id, "sync began");
    let outcome = match run(&gate, engine, watcher, stop).await {
        Err(SyncError::Store(error)) => {
            // The run is noted as failed if that can still be written; the error itself is the caller's.
            let summary = RunSummary::nothing(RunStatus::Failed, None);
            store.run_ended(tenant, &id, Ended::Failed, &json(&summary)).await.ok();
            return Err(error.into());
        }
        outcome => parting::told(outcome?, tenant, store).await?,
    };
    store.run_ended(tenant, &id, outcome.ended, &json(&outcome.summary)).await?;
    tracing::info!(run = %id, status = outcome.summary.status.word(), requests = outcome.summary.requests, "sync ended");
    Ok(outcome)
}

/// Finishes erasures, and deletes and forgets what is too old, before anything is read.
async fn tidy(tenant: &TenantId, engine: &Engine) -> Result<(), StoreError> {
    engine.store.reconcile_ledger(tenant).await?;
    let scheduler: UserId = "retention".parse().map_err(|_| StoreError::Unreadable("a user id"))?;
    if let Some(counts) = engine.store.apply_retention(tenant, &scheduler).await? {
        tracing::info!(records = counts.of("activity").deleted, "records older than the limit were deleted");
    }
    engine.store.forget_old_names(tenant).await?;
    Ok(())
}

fn json(summary: &RunSummary) -> String {
    serde_json::to_string(summary).expect("a summary is JSON")
}

/// The gate is shut. Nothing was asked; the attempt is noted where there is a connector to note it for.
async fn shut(tenant: &TenantId, engine: &Engine, error: GateError) -> Result<Outcome, SyncError> {
    let summary = match error {
        GateError::Database(error) => return Err(StoreError::from(error).into()),
        GateError::NotConnected => return Err(StoreError::NotConnected.into()),
        GateError::Disconnected => disconnected(),
        GateError::NotAccepted | GateError::Outdated => blocked(remedy::ACCEPT.to_owned()),
    };
    // People's rights and the limit of what is kept do not depend on an agreement.
    tidy(tenant, engine).await?;
    let id = engine.store.run_began(tenant, engine.store.surroundings().now()).await?;
    engine.store.run_ended(tenant, &id, Ended::Blocked, &json(&summary)).await?;
    Ok(Outcome { ended: Ended::Blocked, summary })
}

fn disconnected() -> RunSummary {
    RunSummary::nothing(RunStatus::Blocked, Some(parting::problem()))
}

fn blocked(resolution: String) -> RunSummary {
    let problem = Problem { mailbox: None, code: "dpa_not_accepted".to_owned(), resolution };
    RunSummary::nothing(RunStatus::Blocked, Some(problem))
}

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

impl Run<'_> {
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

    /// True once a run, as long as no mailbox has refused.
    pub fn asks_mailbox_wide_delta(&self) -> bool {
        self.mailbox_wide_delta_is_open.swap(false, Ordering::Relaxed)
    }

    fn outcome(&self, ended: Ended, mailboxes: MailboxCounts, problems: Vec<Problem>) -> Outcome {
        let usage = self.graph.usage();
        let counts = self.counts.lock().expect("no holder of this lock panics");
        let summary = RunSummary::new(ended.status(), mailboxes, &counts, &usage, problems);
        Outcome { ended, summary }
    }
}

async fn run(
    gate: &DpaAccepted<'_>,
    engine: &Engine,
    watcher: &dyn Watcher,
    stop: watch::Receiver<bool>,
) -> Result<Outcome, SyncError> {
    let tenant = gate.tenant();
    let connector = engine.store.connector(tenant).await?;
    let rules = Rules::load(&engine.store, tenant).await?;
    let run = Run {
        gate,
        store: engine.store.clone(),
        graph: engine.graph(tenant, connector.entra_tenant, rules.settings.mail_dedupe)?,
        watcher,
        rules: Mutex::new(Arc::new(rules)),
        counts: Mutex::default(),
        mailbox_wide_delta_is_open: AtomicBool::new(
            engine.endpoints.has_message_delta() && !connector.mailbox_wide_delta_refused,
        ),
        has_mail_rounds: engine.endpoints.has_message_delta(),
        stop,
    };
    tokio::select! {
        outcome = read_everything(&run) => outcome,
        never = tell_traffic(&run) => match never {},
    }
}

/// Tells what is asked, for as long as the run lasts.
async fn tell_traffic(run: &Run<'_>) -> Infallible {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        let usage = run.graph.usage();
        run.watcher.on(Progress::Traffic { requests: usage.requests, waiting: usage.waiting });
    }
}

async fn read_everything(run: &Run<'_>) -> Result<Outcome, SyncError> {
    if run.rules().filter.is_empty() {
        let problem =
            Problem { mailbox: None, code: "empty_allow_list".to_owned(), resolution: remedy::ADD_DOMAINS.to_owned() };
        return Ok(run.outcome(Ended::Done, MailboxCounts::default(), vec![problem]));
    }
    let members = match run.unless_stopped(list_members(run)).await.flatten() {
        Ok(members) => members,
        Err(Failure::Store(error)) => return Err(error.into()),
        Err(failure) => return Ok(nothing_read(run, failure, remedy::USER_LIST_CUT)),
    };
    run.reload_rules().await?;
    let mailboxes = match run.store.mailboxes(run.gate, &members).await {
        Ok(mailboxes) => mailboxes,
        Err(PageError::Store(error)) => return Err(error.into()),
        Err(error) => return Ok(nothing_read(run, error.into(), remedy::USER_LIST_CUT)),
    };
    run.watcher.on(Progress::Mailboxes(mailboxes.len() as u64));
    let left_out = members.len() - mailboxes.len();
    let reads = mailboxes.into_iter().map(async |(user, mailbox)| {
        // Those that have not begun do not begin.
        run.unless_stopped(std::future::ready(())).await?;
        let end = MailboxSync::new(run, user, mailbox).sync().await;
        run.watcher.on(Progress::MailboxDone);
        end
    });
    let mut reads = std::pin::pin!(stream::iter(reads).buffer_unordered(MAILBOXES_AT_ONCE));
    let mut ends = Vec::new();
    let mut is_stopped = false;
    while let Some(end) = reads.next().await {
        match end {
            Ok(end) => ends.push(end),
            // The others store what they have read.
            Err(Failure::Stopped) => is_stopped = true,
            Err(Failure::Store(error)) => return Err(error.into()),
            // What stands is stored; the rest is as it was before this run.
            Err(failure) => return Ok(nothing_read(run, failure, remedy::USER_LIST_CUT)),
        }
    }
    if is_stopped {
        return Ok(nothing_read(run, Failure::Stopped, remedy::USER_LIST_CUT));
    }
    Ok(conclude(run, ends, left_out as u64))
}

/// The tenant's members; the company's own domains are noted.
async fn list_members(run: &Run<'_>) -> Result<Vec<GraphUserId>, Failure> {
    let directory = directory::read(&run.graph, run.gate).await?;
    let tenant = run.gate.tenant();
    run.store.set_internal_domains(tenant, InternalSource::Member, &directory.used).await?;
    if let Some(verified) = directory.verified {
        run.store.set_internal_domains(tenant, InternalSource::Verified, &verified).await?;
    }
    Ok(directory.members)
}

/// The run ends before its mailboxes do.
fn nothing_read(run: &Run<'_>, failure: Failure, otherwise: &str) -> Outcome {
    let (ended, code, resolution) = match failure {
        Failure::Withdrawn => {
            let problems = blocked(remedy::ACCEPT.to_owned()).problems;
            return run.outcome(Ended::Blocked, MailboxCounts::default(), problems);
        }
        Failure::Stopped => (Ended::Failed, "stopped".to_owned(), remedy::STOPPED.to_owned()),
        Failure::Graph(error) => {
            let code = error.code().into_owned();
            match &error {
                GraphError::Token(m365_graph::TokenError::Refused(_)) => {
                    (Ended::Refused, code, error.resolution().to_owned())
                }
                GraphError::Token(_) | GraphError::Unreachable => (Ended::Failed, code, error.resolution().to_owned()),
                error if error.status() == Some(403) => (Ended::Refused, code, remedy::USERS.to_owned()),
                _ => (Ended::Failed, code, otherwise.to_owned()),
            }
        }
        Failure::Store(error) => (Ended::Failed, "store".to_owned(), error.to_string()),
    };
    run.outcome(ended, MailboxCounts::default(), vec![Problem { mailbox: None, code, resolution }])
}

/// What the mailboxes say together. Those that an administrator left out count as skipped.
fn conclude(run: &Run<'_>, ends: Vec<MailboxEnd>, left_out: u64) -> Outcome {
    let mut counts = MailboxCounts { skipped: left_out, ..MailboxCounts::default() };
    for end in &ends {
        match end.state {
            MailboxState::Synced => counts.synced += 1,
            MailboxState::Skipped => counts.skipped += 1,
            MailboxState::Failed => counts.failed += 1,
        }
    }
    let half_denied = |end: &MailboxEnd| end.state == MailboxState::Synced && end.problem.is_some();
    let all_denied =
        !ends.is_empty() && ends.iter().all(|end| end.calendar == Access::Denied && end.mail == Access::Denied);
    let permission_is_missing = ends.iter().any(half_denied);
    let told = ends.into_iter().flat_map(|end| end.problem.into_iter().chain(end.notes));
    let mut problems: Vec<Problem> = told.collect();
    if run.rules().has_paused_entries {
        let (code, resolution) = ("entry_paused".to_owned(), remedy::PAUSED.to_owned());
        problems.push(Problem { mailbox: None, code, resolution });
    }
    let ended = if all_denied {
        problems.push(Problem {
            mailbox: None,
            code: "nothing_granted".to_owned(),
            resolution: remedy::NOTHING_GRANTED.to_owned(),
        });
        Ended::Refused
    } else if counts.failed > 0 && counts.synced == 0 {
        Ended::Failed
    } else if counts.failed > 0 || permission_is_missing {
        Ended::Partly
    } else {
        Ended::Done
    };
    run.outcome(ended, counts, problems)
}
