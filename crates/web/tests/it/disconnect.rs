//! Disconnecting while a sync is at work.

use axum::http::StatusCode;
use m365_model::RunStatus;
use testkit::Kit;

use crate::common::Desk;

const CONNECTOR: &str = "/settings/connectors/microsoft-365";
const DISCONNECT: &str = "/settings/connectors/microsoft-365/disconnect";
const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

/// Fails when the run is told as one without an agreement, or as one that the next goes on from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_is_at_work_is_stopped_and_says_why() {
    let kit = Kit::ready_behind_turnstile(&DOMAINS, |_| {}).await;
    let desk = Desk::of(&kit).await;
    assert!(!desk.get(DISCONNECT).await.text.contains("A sync is at work"));
    kit.turnstile().shut();
    desk.post(CONNECTOR, "/settings/connectors/microsoft-365/sync", &[]).await;
    assert!(desk.get(DISCONNECT).await.text.contains("A sync is at work"));
    let answer = desk.post(DISCONNECT, DISCONNECT, &[("leftovers", "keep")]).await;
    assert_eq!(answer.status, StatusCode::OK);
    for said in ["Nothing is read any more", "It was asked to stop", "The records stay"] {
        assert!(answer.text.contains(said), "{said:?} is not said: {}", answer.text);
    }
    drop(kit.store.database().lock(&kit.tenant).await.unwrap());
    let run = kit.store.last_run(&kit.tenant).await.unwrap().unwrap();
    assert_eq!(run.status, RunStatus::Blocked);
    let page = desk.get(&format!("{CONNECTOR}/runs/{}", run.id)).await.text;
    assert!(page.contains("Microsoft 365 was disconnected"), "{page}");
    assert!(!page.contains("data processing agreement") && !page.contains("goes on from"), "{page}");
}

/// As a sync of the command line. Fails when what is to be deleted is not, because whoever asked was answered before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_to_be_deleted_waits_for_a_sync_of_another_process() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    kit.sync().await;
    let desk = Desk::of(&kit).await;
    let at_work = kit.reopen().await.database().lock(&kit.tenant).await.unwrap();
    let answer = desk.post(DISCONNECT, DISCONNECT, &[("leftovers", "purge"), ("domain", "contoso.com")]).await;
    assert!(answer.text.contains("The records are deleted when it has ended"), "{}", answer.text);
    assert_eq!(desk.get("/settings/connectors").await.text.matches("Nothing is being read").count(), 1);
    assert!(kit.store.count_records(&kit.tenant).await.unwrap() > 0);
    drop(at_work);
    while kit.store.connector(&kit.tenant).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(kit.store.count_records(&kit.tenant).await.unwrap(), 0);
}
