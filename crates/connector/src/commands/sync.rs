//! `sync`

use std::collections::BTreeMap;

use m365_model::{RunStatus, TenantId};
use m365_sync::summary::Problem;
use m365_sync::{Engine, sync};

use super::failed;
use crate::exit::Exit;
use crate::output::line;
use crate::terminal::Bar;

pub async fn run(engine: &Engine, tenant: &TenantId, json: bool) -> Exit {
    let lock = match engine.store.database().try_lock(tenant).await {
        Ok(Some(lock)) => lock,
        Ok(None) => {
            eprintln!("A sync is running already: waiting for its result.");
            match joined(engine, tenant, json).await {
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
    let outcome = sync(tenant, engine, &bar).await;
    bar.finish();
    drop(lock);
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return failed(&error),
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
    let Some((status, summary)) = ended.and_then(|run| Some((run.status, run.summary?))) else {
        return Err(Some(lock));
    };
    if json && let Err(stopped) = line(&summary) {
        return Ok(stopped.exit());
    }
    eprintln!("That sync ended as {}.", status.word());
    Ok(match status {
        RunStatus::Succeeded => Exit::Done,
        RunStatus::Partial => Exit::Partly,
        RunStatus::Blocked => Exit::Blocked,
        RunStatus::Failed | RunStatus::Running => Exit::Failed,
    })
}
