//! Two at once.

use serde_json::Value;

use crate::office::{Ended, Office};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_sync_joins_the_first_and_says_the_same() {
    let office = Office::ready_behind_turnstile(|_| {}).await;
    let turnstile = office.turnstile.clone().unwrap();
    turnstile.shut_after(5);
    let first = office.start(&["sync", "--json"]);
    turnstile.arrived(6).await;
    let mut second = office.start(&["sync", "--json"]);
    // It says that it waits before it does.
    let mut said = String::new();
    let mut err = std::io::BufReader::new(second.stderr.take().unwrap());
    while !said.contains("running already") {
        let read = std::io::BufRead::read_line(&mut err, &mut said).unwrap();
        assert!(read > 0, "the second sync does not wait: {said}");
    }
    turnstile.open();
    let (first, second) =
        tokio::task::spawn_blocking(|| (first.wait_with_output().unwrap(), second.wait_with_output().unwrap()))
            .await
            .unwrap();
    let (first, second) = (Ended::of(first), Ended::of(second));
    assert_eq!((first.code, second.code), (Some(0), Some(0)), "{}{}", first.err, second.err);
    assert_eq!(first.summary(), second.summary());
    let created = first.summary()["activities"]["created"].clone();
    assert_ne!(created, Value::from(0));
    office.assert_true();
}

/// Whoever changes a connector while a sync is under way is heard by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_beside_a_running_sync_blocks_it() {
    let office = Office::ready_behind_turnstile(|_| {}).await;
    let turnstile = office.turnstile.clone().unwrap();
    turnstile.shut_after(20);
    let sync = office.start(&["sync", "--json"]);
    turnstile.arrived(21).await;
    office.done(&["dpa", "withdraw", "--user", "admin"]);
    let stored = office.records();
    turnstile.open();
    let ended = tokio::task::spawn_blocking(|| Ended::of(sync.wait_with_output().unwrap())).await.unwrap();
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert_eq!(ended.summary()["status"], "blocked");
    assert_eq!(office.records(), stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_a_refused_sync_ends_like_it() {
    let mut office = Office::ready_behind_turnstile(|_| {}).await;
    office.set("O365_CLIENT_SECRET", "wrong");
    let turnstile = office.turnstile.clone().unwrap();
    turnstile.shut();
    let first = office.start(&["sync"]);
    turnstile.arrived(turnstile.count() + 1).await;
    let mut second = office.start(&["sync"]);
    let mut said = String::new();
    let mut err = std::io::BufReader::new(second.stderr.take().unwrap());
    while !said.contains("running already") {
        assert!(std::io::BufRead::read_line(&mut err, &mut said).unwrap() > 0, "{said}");
    }
    turnstile.open();
    let ends = tokio::task::spawn_blocking(|| (first.wait_with_output().unwrap(), second.wait_with_output().unwrap()));
    let (first, second) = ends.await.unwrap();
    assert_eq!((first.status.code(), second.status.code()), (Some(4), Some(4)));
}
