//! A database that others hold, cut off, or encrypted.

use std::time::Duration;

use crate::kit::{Kit, On};
use m365_database::DatabaseError;
use m365_store::{Crypter, MasterKey, Store, StoreError};
use m365_sync::{Ended, SyncError, Unwatched, health, sync};
use sqlx::Executor as _;

use crate::moments::FirstPage;

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

async fn assert_whole(kit: &Kit) {
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
    let quiet = serde_json::to_value(kit.sync().await.summary).expect("JSON");
    assert_eq!(quiet["activities"], serde_json::json!({"created": 0, "updated": 0, "retracted": 0}));
}

fn assert_locked(error: &SyncError) {
    assert!(matches!(error, SyncError::Store(StoreError::Database(DatabaseError::Locked))), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("locked by another process") && text.contains("try again"), "{text}");
}

/// Fails when a lock that is not freed in time is waited for without an end, or told as anything else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_another_process_locks_is_told() {
    let on = On::sqlite().patient_for(Duration::from_millis(100));
    let kit = on.ready_behind_turnstile(&DOMAINS, |_| {}).await;
    let mut other = kit.sqlite().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    assert_locked(&kit.try_sync(&Unwatched).await.unwrap_err());
    assert_eq!(kit.turnstile().count(), 0, "something was asked before the run could be noted");
    other.execute("ROLLBACK").await.unwrap();

    let first_page = FirstPage::of(kit.turnstile());
    let interruption = async {
        first_page.reached().await;
        other.execute("BEGIN IMMEDIATE").await.unwrap();
        kit.turnstile().open();
    };
    let (ended, ()) = tokio::join!(kit.try_sync(&first_page), interruption);
    assert_locked(&ended.unwrap_err());
    other.execute("ROLLBACK").await.unwrap();
    assert!(!kit.records(true).await.is_empty());
    assert_whole(&kit).await;
}

/// Cut in the middle of a transaction: one that waits for a lock which is held against it. Fails when pages are not stored in
/// one transaction with their cursor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_in_the_middle_of_a_page_loses_nothing() {
    let Some(on) = On::postgres() else { return };
    let kit = on.ready_behind_turnstile(&DOMAINS, |_| {}).await;
    let first_page = FirstPage::of(kit.turnstile());
    let interruption = async {
        first_page.reached().await;
        let mut other = kit.connection().await;
        // Readers pass; whoever stores a record waits.
        other.execute("BEGIN").await.unwrap();
        other.execute("LOCK TABLE activity IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
        kit.turnstile().open();
        kit.statements_wait(1).await;
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        assert!(!other.fetch_all(others).await.unwrap().is_empty());
        other.execute("ROLLBACK").await.unwrap();
    };
    let (ended, ()) = tokio::join!(kit.try_sync(&first_page), interruption);
    let error = ended.unwrap_err();
    assert!(matches!(error, SyncError::Store(StoreError::Database(DatabaseError::Unreachable))), "{error:?}");
    assert_whole(&kit).await;
}

/// Fails when `sync` does not begin with `assert_key`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_installations_key_opens_nothing_and_changes_nothing() {
    for on in On::each() {
        let kit = on.ready(&DOMAINS, |_| {}).await;
        let runs = async || kit.store.last_run(&kit.tenant).await.unwrap().map(|run| run.id);
        kit.sync().await;
        let (stored, asked, run) = (kit.records(true).await, kit.sim.request_log().len(), runs().await);
        let key = MasterKey::from_hex(&"ab".repeat(32).into()).unwrap();
        let mut other = kit.engine.clone();
        other.store = Store::new(kit.reopen().await.database().clone(), Crypter::new(key, Vec::new()));

        for _ in 0..2 {
            let error = sync(&kit.tenant, &other, &Unwatched).await.unwrap_err();
            assert!(matches!(error, SyncError::Store(StoreError::OtherKey)), "{error:?}");
            let text = error.to_string();
            assert!(text.contains("CONNECTOR_ENCRYPTION_KEY") && text.contains("nothing was changed"), "{text}");
            // What people may still do is done by them alone.
            kit.withdraw().await;
        }
        let sick = health(&kit.tenant, &other).await.unwrap();
        assert!(!sick.ok && sick.checks.iter().any(|check| check.name == "encryption_key"), "{:?}", sick.checks);
        assert_eq!(kit.sim.request_log().len(), asked, "something was asked");
        assert_eq!((kit.records(true).await, runs().await), (stored, run), "something was written");

        kit.accept().await;
        assert_whole(&kit).await;
    }
}

/// Names of what goes away are sealed for the feed: sealed under another key, no reader could open them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_purged_under_another_key() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    kit.sync().await;
    let stored = kit.records(true).await;
    let key = MasterKey::from_hex(&"ab".repeat(32).into()).unwrap();
    let other = Store::new(kit.store.database().clone(), Crypter::new(key, Vec::new()));
    let (domain, actor) = ("acme.com".parse().unwrap(), "operator".parse().unwrap());
    let refused =
        other.disallow(&kit.tenant, &actor, &domain, m365_store::allow_list::Leftovers::Purge).await.unwrap_err();
    assert!(matches!(refused, StoreError::OtherKey), "{refused:?}");
    assert_eq!(kit.records(true).await, stored);
    assert_eq!(kit.store.allow_list(&kit.tenant).await.unwrap().entries.len(), 2);
}

/// Nobody reads the feed, and no limit is set. Fails when a sync does not forget names by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_names_of_erased_records_are_forgotten_by_syncs_alone() {
    for on in On::each() {
        let kit = on.ready(&["acme.com"], |_| {}).await;
        kit.sync().await;
        kit.store.sequence_feed(&kit.tenant).await.unwrap();
        let whom = m365_store::erase::Target::Domain("acme.com".parse().unwrap());
        kit.store.erase(&kit.tenant, &"operator".parse().unwrap(), &whom).await.unwrap();
        let mut past = kit.connection().await;
        let mut names = async || -> i64 {
            let count = "SELECT COUNT(*) FROM feed_tombstone WHERE sealed_external_id IS NOT NULL";
            sqlx::query_scalar(count).fetch_one(&mut past).await.unwrap()
        };
        let sealed = names().await;
        assert!(sealed > 10, "{sealed}");
        kit.advance(jiff::SignedDuration::from_hours(30 * 24));
        kit.sync().await;
        assert_eq!(names().await, sealed, "forgotten too early");
        kit.advance(jiff::SignedDuration::from_secs(1));
        // People's rights do not depend on an agreement.
        kit.withdraw().await;
        kit.sync().await;
        assert_eq!(names().await, 0);
    }
}
