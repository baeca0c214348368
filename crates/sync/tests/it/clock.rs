//! A clock that is set back.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use m365_sync::Ended;
use serde_json::Value;
use testkit::truth;

use crate::kit::{Kit, On};

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

/// What a loader makes of the feed, from its beginning.
async fn loaded(kit: &Kit) -> BTreeMap<String, Value> {
    let mut table = BTreeMap::new();
    kit.store
        .each_change(&kit.tenant, None, |change| {
            let line = serde_json::to_value(change).expect("JSON");
            match &line["record"] {
                Value::Null => table.remove(change.key),
                record => table.insert(change.key.to_owned(), record.clone()),
            };
            Ok::<_, m365_store::StoreError>(())
        })
        .await
        .expect("a feed");
    table
}

async fn assert_loaded(kit: &Kit) {
    let mut records: Vec<Value> = loaded(kit).await.into_values().collect();
    records.sort_by_key(|record| (record["occurredAt"].to_string(), record["externalId"].to_string()));
    assert_eq!(records, kit.records(false).await);
}

/// The service's clock goes on; ours is set back, and later right again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_back_loses_and_doubles_nothing() {
    for on in On::each() {
        for days in [1, 90] {
            let kit = on.ready(&DOMAINS, |options| options.seed = 91).await;
            let mut ledger = truth::Ledger::new(kit.rules(&DOMAINS));
            kit.sync().await;
            ledger.read(&kit.sim.world());
            assert_loaded(&kit).await;
            let (stored, shown) = (kit.records(true).await, loaded(&kit).await);

            // A token that has run out at Microsoft looks fresh now.
            kit.sim.advance(SignedDuration::from_hours(2));
            kit.clock.set(kit.sim.now() - SignedDuration::from_hours(24 * days));
            for _ in 0..2 {
                let outcome = kit.sync().await;
                assert_eq!(outcome.ended, Ended::Done, "{days} days: {:?}", outcome.summary.problems);
                let summary = serde_json::to_value(&outcome.summary).unwrap();
                assert_eq!(summary["activities"], serde_json::json!({"created": 0, "updated": 0, "retracted": 0}));
            }
            assert_eq!(kit.records(true).await, stored, "{days} days back");
            assert_eq!(loaded(&kit).await, shown, "a loader was told something else, {days} days back");

            kit.advance(SignedDuration::ZERO);
            kit.ticks(12);
            assert_eq!(kit.sync().await.ended, Ended::Done);
            ledger.read(&kit.sim.world());
            assert_eq!(ledger.difference(&kit.records(true).await, kit.now()), None, "{days} days, and right again");
            assert_loaded(&kit).await;
        }
    }
}

/// While the clock is wrong, windows are read anew. When it is right again, what they left out is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_was_read_by_a_wrong_clock_is_read_again() {
    let kit = Kit::ready(&["acme.com"], |options| options.seed = 92).await;
    kit.sync().await;
    kit.clock.set(kit.sim.now() - SignedDuration::from_hours(24 * 90));
    kit.allow(&["globex.com"]).await;
    assert_eq!(kit.sync().await.ended, Ended::Done);
    kit.advance(SignedDuration::ZERO);
    assert_eq!(kit.sync().await.ended, Ended::Done);
    // The wrong clock looked further back than the right one.
    let mut stored = truth::within_reach(&kit.records(true).await, kit.now());
    let oldest = (kit.now() - SignedDuration::from_hours(24 * 90)).to_string();
    stored.retain(|record| record["occurredAt"].as_str() >= Some(&oldest));
    let truth = truth::records(&kit.sim.world(), &kit.rules(&DOMAINS));
    assert_eq!(truth::difference(&stored, &truth), None);
    assert_loaded(&kit).await;
}
