//! A run in steps, for whoever has several processes do it: [`begin`] it, [`read`] its mailboxes in any order and side by side,
//! [`conclude`] it. [`crate::sync`] does the same in one process. Each step asserts the agreement for itself.
//!
//! Between the steps the run stands in the database alone: which mailboxes it has, how far each came. A step that was cut off
//! is made again, and goes on from what is stored.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use m365_database::{GateError, assert_dpa_accepted};
use m365_graph::{Graph, Usage};
use m365_model::{RunId, TenantId};
use m365_store::StoreError;
use m365_store::shared_runs::{Part, PartCounts, Standing};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::ending::{self, Ending, broken_off};
use crate::engine::{Outcome, json, shut_ending, tidy};
use crate::mailbox::{Failure, MailboxEnd};
use crate::run::{Opening, Run};
use crate::summary::{Counts, MailboxCounts, RunSummary};
use crate::{Engine, Progress, SyncError, Unwatched, Watcher, parting};

/// How often a part of a run notes how far it has come, and looks whether it is to stop.
const NOTE: Duration = Duration::from_secs(1);

/// What became of a beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// So many mailboxes are to be read, at the places from 1 on.
    Reading(u32),
    /// There is nothing to read, or it may not be read: what is left is to conclude.
    Nothing,
}

/// What became of the read of one mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// It is done, well or not: the run goes on.
    Done,
    /// The other mailboxes would fare the same: what is left is to conclude.
    EndsRun,
    /// The run was asked to stop: what is left is to conclude.
    Stopped,
    /// The run is over already.
    Over,
}

/// How the reading of a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// Every mailbox was read, or one of them ended the run.
    Finished,
    /// Somebody asked it to stop.
    Stopped,
    /// A step failed, and trying again would not help.
    Failed,
}

/// What a mailbox of a run came to. It is stored as JSON for as long as the run lasts.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Report {
    counts: Counts,
    usage: Usage,
    end: Option<End>,
}

#[derive(Debug, Serialize, Deserialize)]
enum End {
    Mailbox(MailboxEnd),
    Run(Ending),
}

/// What the beginning of a run came to, stored as long.
#[derive(Debug, Default, Serialize, Deserialize)]
struct OpeningReport {
    /// The acceptance that the run began under.
    acceptance: Option<String>,
    usage: Usage,
    left_out: u64,
    ending: Option<Ending>,
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a report is JSON")
}

fn read_report<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Unreadable("run_mailbox.report"))
}

/// Begins the run `id`: reads the directory and notes whose mailboxes are read. An attempt that was cut off is made again under
/// the same id.
///
/// # Errors
/// When the database fails; what Microsoft or the agreement refuse is told by [`conclude`].
pub async fn begin(tenant: &TenantId, engine: &Engine, graph: &Graph, id: &RunId) -> Result<Begun, SyncError> {
    let store = &engine.store;
    let gate = assert_dpa_accepted(tenant, store.database()).await;
    store.assert_key(tenant).await?;
    tidy(tenant, engine).await?;
    store.run_began_as(tenant, id, store.surroundings().now()).await?;
    let (acceptance, usage, opening) = match gate {
        Ok(gate) => {
            tracing::info!(run = %id, "sync began");
            let stop = watch::Sender::new(false);
            let run = Run::new(&gate, engine, graph.clone(), &Unwatched, stop.subscribe()).await?;
            let heeding = async {
                loop {
                    heed(tenant, engine, id, &stop).await?;
                    tokio::time::sleep(NOTE).await;
                }
            };
            let opening = beside(run.open(), heeding, std::future::pending()).await??;
            (Some(gate.acceptance().to_owned()), run.so_far().1, share(&run, id, opening).await?)
        }
        Err(error) => (None, Usage::default(), Opening::Over(shut_ending(error)?)),
    };
    let (begun, left_out, ending) = match opening {
        Opening::Mailboxes(mailboxes, left_out) => {
            (Begun::Reading(u32::try_from(mailboxes.len()).unwrap_or(u32::MAX)), left_out, None)
        }
        Opening::Over(ending) => (Begun::Nothing, 0, Some(ending)),
    };
    store.note_opening(tenant, id, &text(&OpeningReport { acceptance, usage, left_out, ending })).await?;
    Ok(begun)
}

/// Notes the mailboxes of a run for those who read them.
async fn share(run: &Run<'_>, id: &RunId, opening: Opening) -> Result<Opening, StoreError> {
    let Opening::Mailboxes(mailboxes, _) = &opening else { return Ok(opening) };
    let rows: Vec<_> = mailboxes.iter().map(|(_, mailbox)| *mailbox).collect();
    match run.store.share_run(run.gate, id, &rows).await {
        Ok(()) => Ok(opening),
        Err(error) => broken_off(error.into()).map(Opening::Over),
    }
}

/// Reads the mailbox at `place` of the run `id`, until `asked_to_stop` comes true or somebody noted that the run is to stop.
///
/// # Errors
/// When the database fails: the step is to be made again.
pub async fn read(
    tenant: &TenantId,
    engine: &Engine,
    graph: &Graph,
    (id, place): (&RunId, u32),
    watcher: &dyn Watcher,
    asked_to_stop: impl Future<Output = ()>,
) -> Result<Read, SyncError> {
    let store = &engine.store;
    let gate = assert_dpa_accepted(tenant, store.database()).await;
    match store.run_standing(tenant, id).await? {
        Standing::On => {}
        Standing::Stopping => return Ok(Read::Stopped),
        Standing::Over => return Ok(Read::Over),
    }
    let Some(part) = store.part(tenant, id, place).await? else { return Ok(Read::Over) };
    if part.is_done {
        return Ok(Read::Done);
    }
    let Some(opening) = part.opening.as_deref() else { return Ok(Read::Over) };
    let began_under = read_report::<OpeningReport>(opening)?.acceptance;
    // What was withdrawn meanwhile and accepted anew lets a new run in, not this one.
    let gate = gate.and_then(|gate| {
        if began_under.as_deref() == Some(gate.acceptance()) { Ok(gate) } else { Err(GateError::NotAccepted) }
    });
    // An attempt before this one has counted what it stored.
    let before: Report = part.report.as_deref().map(read_report).transpose()?.unwrap_or_default();
    let pages = Pages { stored: AtomicU64::new(0), watcher };
    let note = Note { tenant, engine, part: (id, place), before: &before, pages: &pages };
    let gate = match gate {
        Ok(gate) => gate,
        Err(error) => {
            note.save((Counts::default(), Usage::default()), Some(End::Run(shut_ending(error)?))).await?;
            return Ok(Read::EndsRun);
        }
    };
    let stop = watch::Sender::new(false);
    let run = Run::new(&gate, engine, graph.clone(), &pages, stop.subscribe()).await?;
    if place > 1 {
        run.leave_mailbox_wide_delta();
    }
    let Part { user, mailbox, .. } = part;
    let noting = async {
        loop {
            tokio::time::sleep(NOTE).await;
            note.save(run.so_far(), None).await?;
            heed(tenant, engine, id, &stop).await?;
        }
    };
    let asking = async {
        asked_to_stop.await;
        stop.send_replace(true);
        std::future::pending::<Result<Infallible, StoreError>>().await
    };
    let end = beside(run.read(user, mailbox), noting, asking).await?;
    let (end, came) = match end {
        Ok(end) => (Some(End::Mailbox(end)), Read::Done),
        Err(Failure::Stopped) => (None, Read::Stopped),
        Err(failure) => (Some(End::Run(broken_off(failure)?)), Read::EndsRun),
    };
    note.save(run.so_far(), end).await?;
    Ok(came)
}

/// Notes how far a mailbox has come.
struct Note<'n> {
    tenant: &'n TenantId,
    engine: &'n Engine,
    part: (&'n RunId, u32),
    before: &'n Report,
    pages: &'n Pages<'n>,
}

impl Note<'_> {
    async fn save(&self, (mut counts, mut usage): (Counts, Usage), end: Option<End>) -> Result<(), StoreError> {
        counts.merge(&self.before.counts);
        let waiting = usage.waiting;
        usage += self.before.usage;
        let is_done = matches!(end, Some(End::Mailbox(_)));
        let seen = counts.events.seen() + counts.messages.seen();
        let kept = counts.events.kept + counts.messages.kept;
        let so_far = PartCounts { pages: self.pages.stored(), seen, kept, requests: usage.requests, waiting };
        let report = text(&Report { counts, usage, end });
        self.engine.store.note_part(self.tenant, self.part, so_far, &report, is_done).await
    }
}

/// Counts the pages of one attempt, and passes on what it is told.
struct Pages<'w> {
    stored: AtomicU64,
    watcher: &'w dyn Watcher,
}

impl Pages<'_> {
    fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }
}

impl Watcher for Pages<'_> {
    fn on(&self, progress: Progress) {
        if let Progress::Page { .. } = progress {
            self.stored.fetch_add(1, Ordering::Relaxed);
        }
        self.watcher.on(progress);
    }
}

/// Turns `stop` when somebody noted that the run is to stop.
async fn heed(tenant: &TenantId, engine: &Engine, id: &RunId, stop: &watch::Sender<bool>) -> Result<(), StoreError> {
    if engine.store.run_standing(tenant, id).await? != Standing::On {
        stop.send_replace(true);
    }
    Ok(())
}

/// Does `work` with these beside it, which end only when they fail. All are awaited at once: one that waits for the database
/// holds back none that has it.
async fn beside<T>(
    work: impl Future<Output = T>,
    first: impl Future<Output = Result<Infallible, StoreError>>,
    second: impl Future<Output = Result<Infallible, StoreError>>,
) -> Result<T, StoreError> {
    tokio::select! {
        done = work => Ok(done),
        Err(error) = first => Err(error),
        Err(error) = second => Err(error),
    }
}

/// Ends the run `id` with what its mailboxes came to. `None` when it had ended before.
///
/// # Errors
/// When the database fails: the step is to be made again.
pub async fn conclude(tenant: &TenantId, engine: &Engine, id: &RunId, how: How) -> Result<Option<Outcome>, SyncError> {
    let store = &engine.store;
    let gate = assert_dpa_accepted(tenant, store.database()).await;
    let standing = store.run_standing(tenant, id).await?;
    if standing == Standing::Over {
        return Ok(None);
    }
    let opening = store.opening(tenant, id).await?;
    let opening: Option<OpeningReport> = opening.as_deref().map(read_report).transpose()?;
    // Without one the run was broken off in its beginning.
    let opening = opening.unwrap_or_default();
    let (mut counts, mut usage, mut broken) = (Counts::default(), opening.usage, opening.ending);
    let mut ends = Vec::new();
    for report in store.part_reports(tenant, id).await? {
        let report: Report = read_report(&report)?;
        counts.merge(&report.counts);
        usage += report.usage;
        match report.end {
            Some(End::Mailbox(end)) => ends.push(end),
            Some(End::Run(ending)) => broken = broken.or(Some(ending)),
            None => {}
        }
    }
    if let Err(error) = gate {
        broken = broken.or(Some(shut_ending(error)?));
    }
    if how == How::Stopped || standing == Standing::Stopping {
        broken = broken.or_else(|| Some(Ending::stopped()));
    } else if how == How::Failed {
        broken = broken.or_else(|| Some(Ending::failed()));
    }
    let (mailboxes, ending) = if let Some(ending) = broken {
        (MailboxCounts::default(), ending)
    } else {
        let has_paused_entries = !store.allow_list(tenant).await?.paused.is_empty();
        ending::conclude(ends, opening.left_out, has_paused_entries)
    };
    let summary = RunSummary::new(ending.ended.status(), mailboxes, &counts, &usage, ending.problems);
    let outcome = parting::told(Outcome { ended: ending.ended, summary }, tenant, store).await?;
    store.run_ended(tenant, id, outcome.ended, &json(&outcome.summary)).await?;
    tracing::info!(run = %id, status = outcome.summary.status.word(), requests = outcome.summary.requests, "sync ended");
    Ok(Some(outcome))
}
