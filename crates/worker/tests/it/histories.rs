//! What was begun by an older worker is ended by a newer one: recorded histories replay.

use std::path::PathBuf;

use m365_store::Store;
use m365_worker::replay;
use temporalio_client::{Client, UntypedWorkflow, WorkflowFetchHistoryOptions};
use testkit::Kit;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/histories")
}

/// Sees that the run `name` replays as it was just made. With `RECORD_HISTORIES` set it is kept as `kind`, for the versions to come.
pub async fn replays(kind: &str, client: &Client, name: &str, store: &Store) {
    let handle = client.get_workflow_handle::<UntypedWorkflow>(name);
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default()).to_json().await.unwrap();
    replay(&history, store).await.unwrap();
    if std::env::var_os("RECORD_HISTORIES").is_some() {
        std::fs::write(folder().join(format!("{kind}.json")), history).unwrap();
    }
}

/// Fails when a step is put before the first one, when the schedule's run gets another name, and when lanes come out of settings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_runs_replay() {
    let kit = Kit::new(|_| {}).await;
    let mut kinds = Vec::new();
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let history = std::fs::read(&path).unwrap();
        let kind = path.file_stem().unwrap().to_string_lossy().into_owned();
        replay(&history, &kit.store).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        kinds.push(kind);
    }
    kinds.sort();
    assert_eq!(kinds, ["continued", "handed_on", "scheduled", "stopped"]);
}
