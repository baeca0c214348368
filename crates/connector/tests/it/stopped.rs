//! Asked to end: by Ctrl-C, or by whoever manages services.

use std::process::{Child, Command};

use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::office::{Ended, Office};

pub fn send(signal: &str, child: &Child) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status().expect("a shell");
    assert!(sent.success());
}

async fn last_run(office: &Office) -> (String, Option<String>, bool) {
    let mut connection = SqliteConnectOptions::new().filename(office.database()).connect().await.expect("a connection");
    let last = "SELECT status, outcome, ended_at IS NOT NULL FROM sync_run ORDER BY number DESC LIMIT 1";
    sqlx::query_as(last).fetch_one(&mut connection).await.expect("a run")
}

/// What it waits for never comes: it leaves all the same. Fails when the first request ends the process as for any other
/// command: the run is not noted then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_is_asked_to_end_notes_it_and_the_next_one_goes_on() {
    for signal in ["TERM", "INT"] {
        let office = Office::ready_behind_turnstile(|_| {}).await;
        let turnstile = office.turnstile.clone().unwrap();
        turnstile.shut_after(20);
        let sync = office.start(&["sync", "--json"]);
        turnstile.arrived(21).await;
        send(signal, &sync);
        let ended = tokio::task::spawn_blocking(|| Ended::of(sync.wait_with_output().unwrap())).await.unwrap();
        assert_eq!(ended.code, Some(1), "{signal}: {}", ended.err);
        assert!(ended.err.contains("asked to stop") && ended.err.contains("goes on from there"), "{}", ended.err);
        let summary = ended.summary();
        assert_eq!((&summary["status"], &summary["problems"][0]["code"]), (&"failed".into(), &"stopped".into()));
        assert_eq!(last_run(&office).await, ("failed".into(), Some("failed".into()), true));
        turnstile.open();
        office.done(&["sync"]);
        office.assert_true();
    }
}

/// Whoever waits for another's sync need not wait for its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_running_sync_leaves_when_asked_to() {
    let office = Office::ready_behind_turnstile(|_| {}).await;
    let turnstile = office.turnstile.clone().unwrap();
    turnstile.shut_after(5);
    let first = office.start(&["sync"]);
    turnstile.arrived(6).await;
    let mut second = office.start(&["sync"]);
    let (mut err, mut said) = (std::io::BufReader::new(second.stderr.take().unwrap()), String::new());
    while !said.contains("running already") {
        assert!(std::io::BufRead::read_line(&mut err, &mut said).unwrap() > 0, "{said}");
    }
    send("TERM", &second);
    let code = tokio::task::spawn_blocking(move || second.wait().unwrap().code()).await.unwrap();
    assert_eq!(code, Some(1));
    turnstile.open();
    let first = tokio::task::spawn_blocking(|| Ended::of(first.wait_with_output().unwrap())).await.unwrap();
    assert_eq!(first.code, Some(0), "{}", first.err);
    office.assert_true();
}
