//! Nobody is recorded whose domain is not on the list at that moment.

use m365_sync::Ended;
use serde_json::Value;
use testkit::truth;

use crate::kit::{Kit, On};

use crate::moments::FirstPage;

fn of_domain(records: &[Value], domain: &str) -> Vec<Value> {
    let of = format!("@{domain}\"");
    records.iter().filter(|record| record.to_string().contains(&of)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_asks_nothing() {
    let kit = Kit::new(|_| {}).await;
    kit.accept().await;
    let outcome = kit.sync().await;
    assert_eq!(outcome.ended, Ended::Done);
    assert_eq!(outcome.summary.problems[0].code, "empty_allow_list");
    assert!(kit.sim.request_log().is_empty());
    // The same after the last domain was taken off.
    kit.allow(&["acme.com"]).await;
    assert!(kit.disallow("acme.com").await);
    kit.sync().await;
    assert!(kit.sim.request_log().is_empty());
}

/// Fails when a page is stored whatever version of the list it was filtered by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_that_is_taken_off_in_the_middle_of_a_run_lets_nobody_more_in() {
    for on in On::each() {
        let kit = on.ready_behind_turnstile(&["acme.com", "globex.com"], |_| {}).await;
        let first_page = FirstPage::of(kit.turnstile());
        let interruption = async {
            first_page.reached().await;
            assert!(kit.disallow("acme.com").await);
            let stored = kit.records(true).await;
            kit.turnstile().open();
            stored
        };
        let (outcome, before) = tokio::join!(kit.sync_watched(&first_page), interruption);
        assert_eq!(outcome.ended, Ended::Done);
        let after = kit.records(true).await;
        let (acme_before, acme_after) = (of_domain(&before, "acme.com"), of_domain(&after, "acme.com"));
        let ids = |records: &[Value]| -> Vec<Value> { records.iter().map(|r| r["externalId"].clone()).collect() };
        let known = ids(&acme_before);
        let new: Vec<_> = acme_after.iter().filter(|record| !known.contains(&record["externalId"])).collect();
        assert!(new.is_empty(), "{} records were stored after their domain was taken off", new.len());
        // The others' pages were filtered anew, not lost.
        let truth = truth::within_reach(&truth::records(&kit.sim.world(), &kit.rules(&["globex.com"])), kit.now());
        let globex = ids(&of_domain(&after, "globex.com"));
        for record in truth.iter().filter(|record| record["personExternalId"].to_string().contains("@globex.com")) {
            assert!(globex.contains(&record["externalId"]), "missing: {record}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_that_is_added_brings_its_window_in() {
    let kit = Kit::ready(&["acme.com"], |_| {}).await;
    kit.sync().await;
    assert_eq!(kit.falsehood(&["acme.com"]).await, None);
    kit.allow(&["globex.com"]).await;
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_eq!(kit.falsehood(&["acme.com", "globex.com"]).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_that_is_added_in_the_middle_of_a_run_is_complete_after_the_next() {
    for on in On::each() {
        let kit = on.ready_behind_turnstile(&["acme.com"], |_| {}).await;
        let first_page = FirstPage::of(kit.turnstile());
        let interruption = async {
            first_page.reached().await;
            kit.allow(&["globex.com"]).await;
            kit.turnstile().open();
        };
        tokio::join!(kit.sync_watched(&first_page), interruption);
        kit.sync().await;
        assert_eq!(kit.falsehood(&["acme.com", "globex.com"]).await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_closed_entry_let_in_stays() {
    for on in On::each() {
        let kit = on.ready(&["acme.com", "globex.com"], |_| {}).await;
        kit.sync().await;
        let before = kit.records(false).await;
        kit.disallow("acme.com").await;
        let outcome = kit.sync().await;
        assert_eq!(outcome.ended, Ended::Done);
        assert_eq!(kit.records(false).await, before, "closing an entry keeps what it let in");
    }
}
