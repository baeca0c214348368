//! Who is let through, and who is not.

use std::time::Duration;

use m365_database::{
    AGREEMENT_TEXT, AGREEMENT_VERSION, AgreementState, GateError, WriteError, accept_dpa, agreement_sha256,
    agreement_state, assert_dpa_accepted, withdraw_dpa,
};

use crate::ground::{Ground, tenant, user};

/// Each fails when `assert_dpa_accepted` lets its state through.
#[tokio::test]
async fn without_a_connector_nobody_is_let_through() {
    let ground = Ground::new().await;
    let who = tenant("default");
    let refused = assert_dpa_accepted(&who, &ground.db).await.unwrap_err();
    assert!(matches!(refused, GateError::NotConnected), "{refused}");
    assert_eq!(agreement_state(&who, &ground.db).await.unwrap(), AgreementState::NotConnected);
    assert!(!withdraw_dpa(&who, &user("u"), &ground.db).await.unwrap());
}

#[tokio::test]
async fn before_an_acceptance_nobody_is_let_through() {
    let ground = Ground::new().await;
    let who = tenant("default");
    ground.connect(&who).await;
    let refused = assert_dpa_accepted(&who, &ground.db).await.unwrap_err();
    assert!(matches!(refused, GateError::NotAccepted), "{refused}");
    assert!(refused.to_string().starts_with("sync blocked by DPA"), "{refused}");
    assert_eq!(agreement_state(&who, &ground.db).await.unwrap(), AgreementState::Never);
    assert!(ground.audit_lines().await.is_empty());
}

#[tokio::test]
async fn after_a_withdrawal_nobody_is_let_through() {
    let ground = Ground::new().await;
    let who = tenant("default");
    let connector = ground.connect(&who).await;
    accept_dpa(&who, &user("admin"), &connector, &ground.db).await.unwrap();
    ground.clock.advance(Duration::from_mins(1));
    assert!(withdraw_dpa(&who, &user("admin"), &ground.db).await.unwrap());
    let refused = assert_dpa_accepted(&who, &ground.db).await.unwrap_err();
    assert!(matches!(refused, GateError::NotAccepted), "{refused}");
    let AgreementState::Withdrawn(acceptance, at) = agreement_state(&who, &ground.db).await.unwrap() else {
        panic!("not withdrawn");
    };
    assert_eq!((acceptance.by, at.to_string().as_str()), (user("admin"), "2026-03-02T15:01:00Z"));
    assert!(!withdraw_dpa(&who, &user("admin"), &ground.db).await.unwrap(), "it was withdrawn twice");
}

/// An acceptance of another text than today's, as an older program wrote it.
#[tokio::test]
async fn an_older_version_lets_nobody_through() {
    let ground = Ground::new().await;
    let who = tenant("default");
    let connector = ground.connect(&who).await;
    accept_dpa(&who, &user("admin"), &connector, &ground.db).await.unwrap();
    let older = "UPDATE o365_config SET dpa_version = '2020-01'";
    sqlx::query(older).execute(&mut ground.sqlite().await).await.unwrap();
    let refused = assert_dpa_accepted(&who, &ground.db).await.unwrap_err();
    assert!(matches!(refused, GateError::Outdated), "{refused}");
    accept_dpa(&who, &user("admin"), &connector, &ground.db).await.unwrap();
    assert!(assert_dpa_accepted(&who, &ground.db).await.is_ok());
}

#[tokio::test]
async fn a_tenant_accepts_for_its_own_connector_alone() {
    let ground = Ground::new().await;
    let (ours, theirs) = (tenant("ours"), tenant("theirs"));
    let connector = ground.connect(&ours).await;
    ground.connect(&theirs).await;
    let refused = accept_dpa(&theirs, &user("admin"), &connector, &ground.db).await.unwrap_err();
    assert!(matches!(refused, GateError::NotConnected), "{refused}");
    accept_dpa(&ours, &user("admin"), &connector, &ground.db).await.unwrap();
    assert!(assert_dpa_accepted(&theirs, &ground.db).await.is_err());
    let proof = assert_dpa_accepted(&ours, &ground.db).await.unwrap();
    assert_eq!((proof.tenant(), proof.connector()), (&ours, &connector));
}

#[tokio::test]
async fn accepting_twice_is_accepting_once() {
    let ground = Ground::new().await;
    let who = tenant("default");
    let connector = ground.connect(&who).await;
    let first = accept_dpa(&who, &user("admin"), &connector, &ground.db).await.unwrap();
    ground.clock.advance(Duration::from_mins(1));
    let second = accept_dpa(&who, &user("other"), &connector, &ground.db).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(agreement_state(&who, &ground.db).await.unwrap(), AgreementState::Standing(first.clone()));
    assert_eq!(first.version, AGREEMENT_VERSION);
    assert_eq!(first.text_sha256, agreement_sha256());
    assert!(AGREEMENT_TEXT.len() > 500);
    let lines = ground.audit_lines().await;
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[tokio::test]
async fn every_decision_leaves_a_line() {
    let ground = Ground::new().await;
    let who = tenant("default");
    let connector = ground.connect(&who).await;
    accept_dpa(&who, &user("admin_1"), &connector, &ground.db).await.unwrap();
    withdraw_dpa(&who, &user("admin_2"), &ground.db).await.unwrap();
    accept_dpa(&who, &user("admin_3"), &connector, &ground.db).await.unwrap();
    let detail = format!(r#"{{"version":"{AGREEMENT_VERSION}","sha256":"{}"}}"#, agreement_sha256());
    let line = |actor: &str, action: &str, detail: &str| (actor.to_owned(), action.to_owned(), detail.to_owned());
    assert_eq!(
        ground.audit_lines().await,
        [
            line("admin_1", "dpa.accepted", &detail),
            line("admin_2", "dpa.withdrawn", "{}"),
            line("admin_3", "dpa.accepted", &detail),
        ]
    );
}

async fn rows(ground: &Ground) -> i64 {
    let count = "SELECT COUNT(*) FROM setting";
    sqlx::query_scalar(count).fetch_one(&mut ground.sqlite().await).await.expect("a count")
}

/// Fails when `begin_accepted` does not look at the acceptance again, or is content with any.
#[tokio::test]
async fn a_proof_writes_nothing_after_its_acceptance_is_gone() {
    let ground = Ground::new().await;
    let who = tenant("default");
    let connector = ground.connect(&who).await;
    accept_dpa(&who, &user("admin"), &connector, &ground.db).await.unwrap();
    let proof = assert_dpa_accepted(&who, &ground.db).await.unwrap();
    assert!(ground.db.begin_accepted(&proof).await.is_ok());
    withdraw_dpa(&who, &user("admin"), &ground.db).await.unwrap();
    let refused = ground.db.begin_accepted(&proof).await.err().expect("a refusal");
    assert!(matches!(refused, WriteError::Withdrawn), "{refused}");
    accept_dpa(&who, &user("admin"), &connector, &ground.db).await.unwrap();
    let refused = ground.db.begin_accepted(&proof).await.err().expect("a refusal");
    assert!(matches!(refused, WriteError::Withdrawn), "{refused}");
    let anew = assert_dpa_accepted(&who, &ground.db).await.unwrap();
    assert!(ground.db.begin_accepted(&anew).await.is_ok());
}

#[tokio::test]
async fn what_is_not_saved_was_never_written() {
    let ground = Ground::new().await;
    let who = tenant("default");
    let connector = ground.connect(&who).await;
    accept_dpa(&who, &user("admin"), &connector, &ground.db).await.unwrap();
    let proof = assert_dpa_accepted(&who, &ground.db).await.unwrap();
    let write = "INSERT INTO setting (tenant_id, name, value) VALUES ('default', 'subjects', 'omit')";
    let mut dropped = ground.db.begin_accepted(&proof).await.unwrap();
    sqlx::query(write).execute(dropped.connection()).await.unwrap();
    drop(dropped);
    assert_eq!(rows(&ground).await, 0);
    let mut saved = ground.db.begin_accepted(&proof).await.unwrap();
    sqlx::query(write).execute(saved.connection()).await.unwrap();
    saved.save().await.unwrap();
    assert_eq!(rows(&ground).await, 1);
}
