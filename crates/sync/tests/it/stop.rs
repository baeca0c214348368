//! A run that is asked to stop.

use crate::kit::{Kit, On};
use m365_model::RunStatus;
use m365_sync::{Ended, sync_until};
use serde_json::{Value, json};

use crate::moments::FirstPage;

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

/// The run stands still after its first page; what it waits for never comes. Fails when a stop is looked for after an answer
/// alone: this test would not end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_stores_what_was_read_and_asks_for_nothing_more() {
    for on in On::each() {
        let kit = on.ready_behind_turnstile(&DOMAINS, |_| {}).await;
        let first_page = FirstPage::of(kit.turnstile());
        let outcome = sync_until(&kit.tenant, &kit.engine, &first_page, first_page.reached()).await.unwrap();
        assert_eq!(outcome.ended, Ended::Failed);
        let summary = serde_json::to_value(&outcome.summary).unwrap();
        assert_eq!(summary["problems"][0]["code"], json!("stopped"));
        assert_eq!(summary["problems"].as_array().unwrap().len(), 1);
        let stored = kit.records(true).await;
        assert_eq!(summary["activities"]["created"], json!(stored.len()), "the summary says what was stored");
        assert!(!stored.is_empty());

        let run = kit.store.last_run(&kit.tenant).await.unwrap().unwrap();
        assert_eq!((run.status, run.ended), (RunStatus::Failed, Some(Ended::Failed)));
        let noted: Value = serde_json::from_str(&run.summary.unwrap()).unwrap();
        assert_eq!(noted, summary);

        kit.turnstile().open();
        let next = kit.sync().await;
        assert_eq!(next.ended, Ended::Done);
        let whole = kit.records(true).await;
        assert!(whole.len() > stored.len(), "it was not stopped in the middle");
        let activities = serde_json::to_value(&next.summary).unwrap()["activities"].clone();
        let count = |what: &str| usize::try_from(activities[what].as_u64().unwrap()).unwrap();
        let new = count("created") - count("retracted");
        assert_eq!(new, whole.len() - stored.len(), "it did not go on from there");
        assert_eq!(kit.falsehood(&DOMAINS).await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_stopped_before_it_begins_asks_nothing() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    let outcome = sync_until(&kit.tenant, &kit.engine, &m365_sync::Unwatched, std::future::ready(())).await.unwrap();
    assert_eq!(outcome.ended, Ended::Failed);
    assert!(kit.records(true).await.is_empty());
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
}
