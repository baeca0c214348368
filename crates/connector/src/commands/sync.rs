//! `sync`

use m365_model::{RunStatus, TenantId};
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
    for problem in &outcome.summary.problems {
        let whose = problem.mailbox.as_ref().map(|id| format!("mailbox {id}: ")).unwrap_or_default();
        eprintln!("{whose}{} - {}", problem.code, problem.resolution);
    }
    outcome.ended.into()
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
