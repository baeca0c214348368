//! `sync`

use std::collections::BTreeMap;

use m365_model::{RunStatus, TenantId};
use m365_sync::summary::Problem;
use m365_sync::{Engine, sync_until};

use super::{failed, sync_failed};
use crate::exit::Exit;
use crate::output::line;
use crate::signals::Requests;
use crate::terminal::Bar;

pub async fn run(engine: &Engine, tenant: &TenantId, json: bool, mut requests: Requests) -> Exit {
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
