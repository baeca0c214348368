//! `sync`

use std::collections::BTreeMap;
use std::sync::Arc;

use m365_model::{RunStatus, TenantId};
use m365_store::StoreError;
use m365_sync::runner::{Runner, RunnerError, Standing, Started};
use m365_sync::summary::Problem;
use m365_sync::{Engine, Outcome, Progress, Watcher as _, sync_until};
use m365_worker::{Remote, Temporal, TemporalOptions};
use tokio::sync::watch::Receiver;

use super::{failed, store_failed, sync_failed};
use crate::exit::Exit;
use crate::output::line;
use crate::signals::Requests;
use crate::terminal::Bar;

/// Syncs once: in this process, or on Temporal where its address is set.
pub async fn run(
    engine: &Engine,
    temporal: Option<TemporalOptions>,
    tenant: &TenantId,
    json: bool,
    requests: Requests,
) -> Exit {
    match temporal {
        None => here(engine, tenant, json, requests).await,
        Some(options) => match Temporal::connect(options, &engine.store).await {
            Ok(temporal) => on_temporal(engine, temporal, tenant, json, requests).await,
            Err(error) => failed(&error),
        },
    }
}

/// Has a worker sync, and waits for the result.
async fn on_temporal(
    engine: &Engine,
    temporal: Temporal,
    tenant: &TenantId,
    json: bool,
    mut requests: Requests,
) -> Exit {
    let store = &engine.store;
    let runner = Runner::new(engine.clone()).elsewhere(Arc::new(Remote::new(temporal, store.clone())));
    let started = async {
        // Without a connector there is nothing to start.
        store.connector(tenant).await?;
        let before = store.last_run(tenant).await?.filter(|run| run.status != RunStatus::Running);
        if runner.start(tenant).await? == Started::Joined {
            eprintln!("A sync is running already: waiting for its result.");
        }
        Ok::<_, RunnerError>((before, runner.watch(tenant).await?))
    };
    let (before, watched) = match started.await {
        Ok(started) => started,
        Err(RunnerError::Store(error)) => return store_failed(&error),
        Err(error) => return failed(&error),
    };
    if let Some(watched) = watched {
        follow(&runner, tenant, watched, &mut requests).await;
    }
    let run = match store.last_run(tenant).await {
        Ok(run) => run.filter(|run| before.is_none_or(|before| before.id != run.id)),
        Err(error) => return store_failed(&error),
    };
    let Some((ended, Some(summary))) = run.and_then(|run| Some((run.ended?, run.summary))) else {
        return failed(&"the sync ended without a result: the log of the worker says why");
    };
    match serde_json::from_str(&summary) {
        Ok(summary) => told(&Outcome { ended, summary }, json),
        Err(_) => store_failed(&StoreError::Unreadable("sync_run.summary")),
    }
}

/// Shows how far the run is until it is over; a request to end is passed on to it.
async fn follow(runner: &Runner, tenant: &TenantId, mut watched: Receiver<Standing>, requests: &mut Requests) {
    let bar = Bar::new();
    let mut shown = Standing::default();
    let mut is_asked = false;
    loop {
        tokio::select! {
            changed = watched.changed() => {
                let now = *watched.borrow_and_update();
                if now.mailboxes != shown.mailboxes {
                    bar.on(Progress::Mailboxes(now.mailboxes));
                }
                for _ in shown.done..now.done {
                    bar.on(Progress::MailboxDone);
                }
                bar.on(Progress::Page { seen: now.seen.saturating_sub(shown.seen), kept: now.kept.saturating_sub(shown.kept) });
                shown = now;
                if changed.is_err() || now.is_over {
                    break;
                }
            }
            () = requests.first(), if !is_asked => {
                is_asked = true;
                eprintln!("stopping: what was read is being stored; once more to leave it to the workers");
                if let Err(error) = runner.cancel(tenant).await {
                    failed(&error);
                    break;
                }
            }
        }
    }
    bar.finish();
}

async fn here(engine: &Engine, tenant: &TenantId, json: bool, mut requests: Requests) -> Exit {
    let lock = match engine.store.database().try_lock(tenant).await {
        Ok(Some(lock)) => lock,
        Ok(None) => {
            eprintln!("A sync is running already: waiting for its result.");
            let joined = tokio::select! {
                joined = joined(engine, tenant, json) => joined,
                () = requests.first() => {
                    eprintln!("interrupted: the other sync goes on, and its result is not waited for");
                    return Exit::Failed;
                }
            };
            match joined {
                Ok(exit) => return exit,
                Err(lock) => match lock {
                    Some(lock) => lock,
                    None => return Exit::Failed,
                },
            }
        }
        Err(error) => return failed(&error),
    };
    let bar = Bar::new();
    let asked_to_stop = async {
        requests.first().await;
        eprintln!("stopping: what was read is being stored; once more to leave at once");
    };
    let outcome = sync_until(tenant, engine, &bar, asked_to_stop).await;
    bar.finish();
    drop(lock);
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return sync_failed(&error),
    };
    told(&outcome, json)
}

/// Tells what came of a sync.
fn told(outcome: &Outcome, json: bool) -> Exit {
    if json {
        let summary = serde_json::to_string(&outcome.summary).expect("a summary is JSON");
        if let Err(stopped) = line(&summary) {
            return stopped.exit();
        }
    } else {
        for text in outcome.summary.lines() {
            eprintln!("{text}");
        }
    }
    say_problems(&outcome.summary.problems);
    outcome.ended.into()
}

/// Each kind of problem once, with the number of mailboxes that have it.
fn say_problems(problems: &[Problem]) {
    let mut kinds: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for problem in problems {
        let mailboxes = kinds.entry((&problem.code, &problem.resolution)).or_default();
        mailboxes.extend(problem.mailbox.as_deref());
    }
    for ((code, resolution), mailboxes) in kinds {
        let whose = match mailboxes.as_slice() {
            [] => String::new(),
            [one] => format!(" (mailbox {one})"),
            many => format!(" ({} mailboxes; sync --json names them)", many.len()),
        };
        eprintln!("{code}{whose}: {resolution}");
    }
}

/// Waits for the run that holds the lock, and tells its result as ours. Without a result (its process was killed) the
/// lock is ours, and so is the work.
async fn joined(engine: &Engine, tenant: &TenantId, json: bool) -> Result<Exit, Option<m365_store::ConnectorLock>> {
    let store = &engine.store;
    let running = store.last_run(tenant).await.ok().flatten().filter(|run| run.status == RunStatus::Running);
    let lock = match store.database().lock(tenant).await {
        Ok(lock) => lock,
        Err(error) => {
            failed(&error);
            return Err(None);
        }
    };
    let Some(running) = running else { return Err(Some(lock)) };
    let ended = store.run(tenant, &running.id).await.ok().flatten();
    let Some((run, summary)) = ended.and_then(|mut run| run.summary.take().map(|summary| (run, summary))) else {
        return Err(Some(lock));
    };
    if json && let Err(stopped) = line(&summary) {
        return Ok(stopped.exit());
    }
    eprintln!("That sync ended as {}.", run.status.word());
    Ok(run.ended.map_or(Exit::Failed, Exit::from))
}
