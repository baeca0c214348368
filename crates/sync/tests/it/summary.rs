//! The run summary adds up, and says nothing of anyone.

use crate::kit::Kit;
use m365_sync::Outcome;
use serde_json::Value;

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

fn assert_adds_up(outcome: &Outcome, what: &str) {
    let summary = serde_json::to_value(&outcome.summary).expect("JSON");
    let of = |group: &str, field: &str| number(&summary[group][field]);
    let dropped: u64 = summary["dropped"].as_object().expect("an object").values().map(number).sum();
    let (seen, kept) = (of("events", "seen") + of("messages", "seen"), of("events", "kept") + of("messages", "kept"));
    assert_eq!(seen, kept + dropped, "{what}: {summary}");
    for group in ["mailboxes", "activities", "addresses"] {
        assert!(summary[group].as_object().expect("an object").values().all(Value::is_u64), "{what}: {summary}");
    }
    for field in ["requests", "throttled", "resyncs"] {
        assert!(summary[field].is_u64(), "{what}: {summary}");
    }
    let text = summary.to_string() + &outcome.summary.lines().join("\n");
    assert!(!text.contains('@'), "{what}: {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seen_is_kept_and_dropped() {
    for seed in 31..=38 {
        let kit = Kit::ready(&["acme.com", "globex.com"], |options| options.seed = seed).await;
        for round in 0..3 {
            let outcome = kit.sync().await;
            assert_adds_up(&outcome, &format!("seed {seed}, round {round}"));
            kit.ticks(8);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn also_when_things_go_wrong() {
    for seed in 41..=44 {
        let kit = Kit::ready(&["acme.com"], |options| options.seed = seed).await;
        let someone = kit.sim.world().mailboxes().next().unwrap().0;
        kit.sim.malformed_item(graph_sim::Scope::All, 3);
        kit.sim.page_without_links(someone, 1);
        assert_adds_up(&kit.sync().await, "malformed");
        kit.sim.expire_links(graph_sim::Scope::All);
        assert_adds_up(&kit.sync().await, "expired");
        kit.sim.throttle(graph_sim::Scope::All, 5, 1);
        kit.sim.mailbox_error(someone, 500, "UnknownError");
        let outcome = kit.sync().await;
        assert_adds_up(&outcome, "failed");
        assert!(outcome.summary.throttled > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn also_when_the_list_changes_in_the_middle() {
    let kit = Kit::ready_behind_turnstile(&["acme.com", "globex.com"], |_| {}).await;
    let first_page = crate::moments::FirstPage::of(kit.turnstile());
    let interruption = async {
        first_page.reached().await;
        kit.disallow("acme.com").await;
        kit.turnstile().open();
    };
    let (outcome, ()) = tokio::join!(kit.sync_watched(&first_page), interruption);
    assert_adds_up(&outcome, "changed list");
}
