//! A run: the gate, the rules, the users, the mailboxes side by side, the summary.

use std::pin::pin;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use m365_database::{DpaAccepted, GateError, assert_dpa_accepted};
use m365_graph::{
    Credentials, Endpoints, Graph, GraphOptions, Limits, SetupError, StoredToken, TokenVault, VaultFuture,
};
use m365_model::{Ended, EntraTenantId, RunStatus, TenantId, UserId};
use m365_store::settings::MailDedupe;
use m365_store::{Store, StoreError};
use thiserror::Error;
use tokio::sync::watch;

use crate::Watcher;
use crate::ending::{Ending, broken_off, conclude};
use crate::mailbox::Failure;
use crate::parting;
use crate::run::{Opening, Run};
use crate::summary::{MailboxCounts, RunSummary};

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
    /// The client for the Entra tenant that `tenant` is connected to.
    ///
    /// # Errors
    /// When nothing is connected, the database fails, or the client cannot be built.
    pub async fn graph(&self, tenant: &TenantId) -> Result<Graph, SyncError> {
        let connector = self.store.connector(tenant).await?;
        let settings = self.store.settings(tenant).await?;
        Ok(self.client(tenant, connector.entra_tenant, settings.mail_dedupe)?)
    }

    /// The client for an Entra tenant, with the tokens of `tenant`.
    pub(crate) fn client(
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
            let summary = RunSummary::nothing(RunStatus::Failed, vec![]);
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
pub(crate) async fn tidy(tenant: &TenantId, engine: &Engine) -> Result<(), StoreError> {
    engine.store.reconcile_ledger(tenant).await?;
    let scheduler: UserId = "retention".parse().map_err(|_| StoreError::Unreadable("a user id"))?;
    if let Some(counts) = engine.store.apply_retention(tenant, &scheduler).await? {
        tracing::info!(records = counts.of("activity").deleted, "records older than the limit were deleted");
    }
    engine.store.forget_old_names(tenant).await?;
    Ok(())
}

pub(crate) fn json(summary: &RunSummary) -> String {
    serde_json::to_string(summary).expect("a summary is JSON")
}

/// The gate is shut. Nothing was asked; the attempt is noted where there is a connector to note it for.
async fn shut(tenant: &TenantId, engine: &Engine, error: GateError) -> Result<Outcome, SyncError> {
    let Ending { ended, problems } = shut_ending(error)?;
    // People's rights and the limit of what is kept do not depend on an agreement.
    tidy(tenant, engine).await?;
    let summary = RunSummary::nothing(ended.status(), problems);
    let id = engine.store.run_began(tenant, engine.store.surroundings().now()).await?;
    engine.store.run_ended(tenant, &id, ended, &json(&summary)).await?;
    Ok(Outcome { ended, summary })
}

/// What a shut gate says of a run.
pub(crate) fn shut_ending(error: GateError) -> Result<Ending, StoreError> {
    match error {
        GateError::Database(error) => Err(error.into()),
        GateError::NotConnected => Err(StoreError::NotConnected),
        GateError::Disconnected => Ok(Ending::disconnected()),
        GateError::NotAccepted | GateError::Outdated => Ok(Ending::blocked()),
    }
}

async fn run(
    gate: &DpaAccepted<'_>,
    engine: &Engine,
    watcher: &dyn Watcher,
    stop: watch::Receiver<bool>,
) -> Result<Outcome, SyncError> {
    let graph = engine.graph(gate.tenant()).await?;
    let run = Run::new(gate, engine, graph, watcher, stop).await?;
    let (mailboxes, ending) = tokio::select! {
        ended = read_everything(&run) => ended?,
        never = run.tell_traffic() => match never {},
    };
    let (counts, usage) = run.so_far();
    let summary = RunSummary::new(ending.ended.status(), mailboxes, &counts, &usage, ending.problems);
    Ok(Outcome { ended: ending.ended, summary })
}

async fn read_everything(run: &Run<'_>) -> Result<(MailboxCounts, Ending), StoreError> {
    let (mailboxes, left_out) = match run.open().await? {
        Opening::Mailboxes(mailboxes, left_out) => (mailboxes, left_out),
        Opening::Over(ending) => return Ok((MailboxCounts::default(), ending)),
    };
    let reads = mailboxes.into_iter().map(|(user, mailbox)| run.read(user, mailbox));
    let mut reads = pin!(stream::iter(reads).buffer_unordered(MAILBOXES_AT_ONCE));
    let mut ends = Vec::new();
    let mut is_stopped = false;
    while let Some(end) = reads.next().await {
        match end {
            Ok(end) => ends.push(end),
            // The others store what they have read.
            Err(Failure::Stopped) => is_stopped = true,
            Err(failure) => return Ok((MailboxCounts::default(), broken_off(failure)?)),
        }
    }
    if is_stopped {
        return Ok((MailboxCounts::default(), Ending::stopped()));
    }
    Ok(conclude(ends, left_out, run.rules().has_paused_entries))
}
