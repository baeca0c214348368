//! No agreement: no request, and no record.

use crate::kit::{Kit, On};
use m365_database::{OwnText, accept_dpa, set_agreement, withdraw_dpa};
use m365_model::RunStatus;
use m365_sync::{Ended, Outcome};
use serde_json::{Value, json};

use crate::moments::FirstPage;

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

async fn assert_blocked_without_a_request(kit: &Kit, asked_before: usize) {
    let outcome = kit.sync().await;
    assert_eq!(outcome.ended, Ended::Blocked);
    assert_eq!(kit.sim.request_log().len(), asked_before, "something was asked, a token perhaps");
    let run = kit.store.last_run(&kit.tenant).await.expect("runs").expect("a run");
    assert_eq!(run.status, RunStatus::Blocked);
    let summary: Value = serde_json::from_str(&run.summary.expect("a summary")).expect("JSON");
    assert_eq!(summary["problems"][0]["code"], json!("dpa_not_accepted"));
    assert_eq!(summary, serde_json::to_value(&outcome.summary).expect("JSON"));
}

/// Fails when `assert_dpa_accepted` hands out a proof for a connector that was never accepted for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_acceptance_nothing_is_asked() {
    for on in On::each() {
        let kit = on.kit(|_| {}).await;
        kit.allow(&DOMAINS).await;
        assert_blocked_without_a_request(&kit, 0).await;
        assert!(kit.records(true).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_withdrawal_nothing_is_asked_and_what_is_stored_stays() {
    let kit = Kit::ready(&DOMAINS, |_| {}).await;
    kit.sync().await;
    let (stored, asked) = (kit.records(true).await, kit.sim.request_log().len());
    assert!(!stored.is_empty());
    assert!(kit.withdraw().await);
    kit.tick();
    assert_blocked_without_a_request(&kit, asked).await;
    assert_eq!(kit.records(true).await, stored);
    kit.accept().await;
    assert_eq!(kit.sync().await.ended, Ended::Done);
}

/// Everything that a run writes for people to see, beside its own end.
async fn everything_read(kit: &Kit) -> Vec<i64> {
    let mut connection = kit.connection().await;
    let mut counts = Vec::new();
    for count in [
        "SELECT COUNT(*) FROM activity",
        "SELECT COUNT(*) FROM activity_participant",
        "SELECT COUNT(*) FROM event_copy",
        "SELECT COUNT(*) FROM event_participant",
        "SELECT COUNT(*) FROM mail_folder",
        "SELECT CAST(COALESCE(SUM(version), 0) AS BIGINT) FROM delta_state",
        "SELECT COUNT(*) FROM mailbox WHERE state <> 'new'",
    ] {
        counts.push(sqlx::query_scalar(count).fetch_one(&mut connection).await.expect("a count"));
    }
    counts
}

/// Runs a sync that stands still after its first page for as long as `meanwhile` takes. What was stored by the end of
/// `meanwhile`, and how the run ended.
async fn interrupted(kit: &Kit, meanwhile: impl AsyncFnOnce()) -> (Vec<i64>, Vec<Value>, Outcome) {
    let first_page = FirstPage::of(kit.turnstile());
    let interruption = async {
        first_page.reached().await;
        meanwhile().await;
        let stored = (everything_read(kit).await, kit.records(true).await);
        kit.turnstile().open();
        stored
    };
    let (outcome, (counts, records)) = tokio::join!(kit.sync_watched(&first_page), interruption);
    (counts, records, outcome)
}

async fn assert_nothing_more_was_stored(kit: &Kit, (counts, records, outcome): (Vec<i64>, Vec<Value>, Outcome)) {
    assert_eq!(outcome.ended, Ended::Blocked);
    assert!(!records.is_empty(), "the run was interrupted before it stored anything");
    assert_eq!(everything_read(kit).await, counts);
    assert_eq!(kit.records(true).await, records);
    let run = kit.store.last_run(&kit.tenant).await.expect("runs").expect("a run");
    assert_eq!(run.status, RunStatus::Blocked);
}

/// Fails when `begin_accepted` does not look at the acceptance again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_in_the_middle_of_a_run_stores_nothing_more() {
    for on in On::each() {
        let kit = on.ready_behind_turnstile(&DOMAINS, |_| {}).await;
        let end = interrupted(&kit, async || assert!(kit.withdraw().await)).await;
        assert_nothing_more_was_stored(&kit, end).await;
    }
}

/// As another process would withdraw it, with a handle of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_by_another_process_stores_nothing_more() {
    for on in On::each() {
        let kit = on.ready_behind_turnstile(&DOMAINS, |_| {}).await;
        let other = kit.reopen().await;
        let admin = "user_other".parse().unwrap();
        let end = interrupted(&kit, async || {
            assert!(withdraw_dpa(&kit.tenant, &admin, other.database()).await.unwrap());
        });
        assert_nothing_more_was_stored(&kit, end.await).await;
    }
}

/// Fails when `begin_accepted` is content with any acceptance; of workers also when a step is content with any.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acceptance_anew_does_not_let_the_old_run_go_on() {
    for on in On::each() {
        let kit = on.ready_behind_turnstile(&DOMAINS, |_| {}).await;
        let end = interrupted(&kit, async || {
            assert!(kit.withdraw().await);
            kit.accept().await;
        });
        assert_nothing_more_was_stored(&kit, end.await).await;
        // A new run asserts for itself, and reads the rest.
        assert_eq!(kit.sync().await.ended, Ended::Done);
        assert_eq!(kit.falsehood(&DOMAINS).await, None);
    }
}

/// Fails when the run says that an agreement is missing, or that the next one goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnect_in_the_middle_of_a_run_stores_nothing_more_and_is_told() {
    for on in On::each() {
        let kit = on.ready_behind_turnstile(&DOMAINS, |_| {}).await;
        let operator = "operator".parse().unwrap();
        let end = interrupted(&kit, async || {
            kit.store.stop_reading(&kit.tenant, &operator).await.unwrap();
        })
        .await;
        let told: Vec<_> = end.2.summary.problems.iter().map(|problem| problem.code.clone()).collect();
        assert_eq!(told, ["disconnected"]);
        assert_nothing_more_was_stored(&kit, end).await;
    }
}

/// Fails when `begin_accepted` looks at the acceptance alone, and not at the text that is in force.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_text_in_the_middle_of_a_run_stores_nothing_more() {
    for on in On::each() {
        let kit = on.ready_behind_turnstile(&DOMAINS, |_| {}).await;
        let (own, admin) = (OwnText::new("1", "We agree.").unwrap(), "user_admin".parse().unwrap());
        let end = interrupted(&kit, async || {
            assert!(set_agreement(&kit.tenant, &admin, &own, kit.store.database()).await.unwrap());
        });
        assert_nothing_more_was_stored(&kit, end.await).await;
        assert_eq!(kit.sync().await.ended, Ended::Blocked, "the new text was not accepted");
        kit.accept().await;
        assert_eq!(kit.sync().await.ended, Ended::Done);
        assert_eq!(kit.falsehood(&DOMAINS).await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenants_acceptance_is_not_anothers() {
    for on in On::each() {
        let kit = on.ready(&DOMAINS, |_| {}).await;
        let (other, connector) = kit.another_tenant("other").await;
        let blocked = m365_sync::sync(&other, &kit.engine, &m365_sync::Unwatched).await.unwrap();
        assert_eq!(blocked.ended, Ended::Blocked);
        assert!(kit.sim.request_log().is_empty());
        // A tenant does not accept for another's connector.
        let admin = "user_admin".parse().unwrap();
        let refused = accept_dpa(&other, &admin, &kit.connector, kit.store.database()).await.unwrap_err();
        assert!(matches!(refused, m365_database::GateError::NotConnected), "{refused}");
        accept_dpa(&other, &admin, &connector, kit.store.database()).await.unwrap();
        kit.withdraw().await;
        assert_eq!(kit.sync().await.ended, Ended::Blocked, "the other's acceptance let this one in");
    }
}
