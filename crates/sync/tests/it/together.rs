//! Two runs over one database.

use m365_sync::{Unwatched, sync};
use testkit::truth;

use crate::kit::On;

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

/// The program takes turns by a lock; should that ever fail, nothing is lost or doubled. Fails when a page is saved
/// whatever the version of its stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_at_once_store_the_truth() {
    for on in On::each() {
        for seed in 51..=53 {
            let kit = on.ready(&DOMAINS, |options| options.seed = seed).await;
            let mut other = kit.engine.clone();
            other.store = kit.reopen().await;
            let (first, second) = tokio::join!(kit.sync(), sync(&kit.tenant, &other, &Unwatched));
            second.unwrap();
            assert!(first.summary.requests > 0);
            // Whichever was overtaken goes on from where the other left off.
            kit.sync().await;
            assert_eq!(kit.falsehood(&DOMAINS).await, None);
            let quiet = serde_json::to_value(kit.sync().await.summary).unwrap();
            assert_eq!(quiet["activities"], serde_json::json!({"created": 0, "updated": 0, "retracted": 0}));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_new_changes_nothing() {
    for on in On::each() {
        let kit = on.ready(&DOMAINS, |_| {}).await;
        kit.sync().await;
        let before = kit.records(true).await;
        let summary = serde_json::to_value(kit.sync().await.summary).unwrap();
        assert_eq!(summary["activities"], serde_json::json!({"created": 0, "updated": 0, "retracted": 0}));
        assert_eq!(summary["events"]["seen"], 0);
        assert_eq!(summary["messages"]["seen"], 0);
        assert_eq!(kit.records(true).await, before);
    }
}

/// One tenant's connector, beside another's that reads the same office.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_in_one_database_keep_apart() {
    for on in On::each() {
        let kit = on.ready(&["acme.com"], |_| {}).await;
        kit.sync().await;
        let (other, connector) = kit.another_tenant("other").await;
        let admin = "user_admin".parse().unwrap();
        m365_database::accept_dpa(&other, &admin, &connector, kit.store.database()).await.unwrap();
        let globex = ["globex.com".parse().unwrap()];
        kit.store.allow(&other, &admin, &globex, false).await.unwrap();
        // The simulator knows one Entra tenant; the other tenant's is refused, and nothing of it reaches the first.
        let before = kit.records(true).await;
        let refused = sync(&other, &kit.engine, &Unwatched).await.unwrap();
        assert_eq!(refused.ended, m365_sync::Ended::Refused);
        assert_eq!(kit.records(true).await, before);
        assert_eq!(truth::difference(&before, &kit.records(true).await), None);
    }
}
