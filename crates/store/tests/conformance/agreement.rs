//! The text that is in force: the company's own may take the place of the built-in one, and each change asks again.

use m365_database::{
    Agreement, AgreementState, GateError, OwnText, OwnTextError, SetTextError, WriteError, accept_dpa,
    accept_dpa_as_shown, agreement_in_force, agreement_state, assert_dpa_accepted, set_agreement,
    use_built_in_agreement, withdraw_dpa,
};
use m365_model::{ConnectorId, UserId};
use m365_store::Store;

use crate::engines::{Engine, tenant};

fn admin() -> UserId {
    "user_admin".parse().unwrap()
}

async fn connected(store: &Store) -> ConnectorId {
    let (entra, domain) = ("11111111-2222-3333-4444-555555555555".parse().unwrap(), "contoso.com".parse().unwrap());
    store.connect(&tenant(), &entra, &domain, &admin()).await.unwrap()
}

async fn set(store: &Store, version: &str, text: &str) -> Result<bool, SetTextError> {
    set_agreement(&tenant(), &admin(), &OwnText::new(version, text).unwrap(), store.database()).await
}

async fn assert_outdated(store: &Store, name: &str) {
    let shut = assert_dpa_accepted(&tenant(), store.database()).await.unwrap_err();
    assert!(matches!(shut, GateError::Outdated), "{name}: {shut}");
    let state = agreement_state(&tenant(), store.database()).await.unwrap();
    assert!(matches!(state, AgreementState::Outdated(_)), "{name}: {state:?}");
}

/// Fails when the gate judges by the built-in text, when `begin_accepted` looks at the acceptance's id alone, or when what was
/// accepted once is good again because its text comes back.
#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_the_text_shuts_the_gate_until_it_is_accepted() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let (name, db) = (engine.name, store.database());
        let connector = connected(&store).await;
        assert_eq!(agreement_in_force(&tenant(), db).await.unwrap(), Agreement::built_in(), "{name}");
        accept_dpa(&tenant(), &admin(), &connector, db).await.unwrap();
        let gate = assert_dpa_accepted(&tenant(), db).await.unwrap();
        assert!(db.begin_accepted(&gate).await.is_ok(), "{name}");

        assert!(set(&store, "1", "We agree.").await.unwrap(), "{name}");
        assert_outdated(&store, name).await;
        let write = db.begin_accepted(&gate).await.err().expect("a page was stored under another text");
        assert!(matches!(write, WriteError::Withdrawn), "{name}: {write}");
        let own = agreement_in_force(&tenant(), db).await.unwrap();
        assert_eq!((own.version.as_str(), own.text.as_str(), own.is_own), ("1", "We agree.\n", true), "{name}");
        let accepted = accept_dpa(&tenant(), &admin(), &connector, db).await.unwrap();
        assert_eq!((&accepted.version, &accepted.text_sha256), (&own.version, &own.text_sha256), "{name}");
        assert!(assert_dpa_accepted(&tenant(), db).await.is_ok(), "{name}");
        assert!(!set(&store, "1", "We agree.").await.unwrap(), "{name}: nothing is new");
        assert!(assert_dpa_accepted(&tenant(), db).await.is_ok(), "{name}: nothing is new");

        let taken = set(&store, "1", "We agree to more.").await.unwrap_err();
        assert!(matches!(taken, SetTextError::Text(OwnTextError::VersionIsTaken)), "{name}: {taken}");
        assert!(set(&store, "2", "We agree.").await.unwrap(), "{name}: another version of the same words");
        assert_outdated(&store, name).await;
        assert!(set(&store, "1", "We agree.").await.unwrap(), "{name}");
        assert_outdated(&store, name).await;
        accept_dpa(&tenant(), &admin(), &connector, db).await.unwrap();
        let gate = assert_dpa_accepted(&tenant(), db).await.unwrap();

        assert!(use_built_in_agreement(&tenant(), &admin(), db).await.unwrap(), "{name}");
        assert_outdated(&store, name).await;
        assert!(db.begin_accepted(&gate).await.is_err(), "{name}");
        assert!(!use_built_in_agreement(&tenant(), &admin(), db).await.unwrap(), "{name}: nothing is new");
        accept_dpa(&tenant(), &admin(), &connector, db).await.unwrap();
        assert!(assert_dpa_accepted(&tenant(), db).await.is_ok(), "{name}");
    }
}

/// Fails when the columns of the acceptance are not cleared together, or another tenant's text counts.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_is_what_was_shown_to_this_tenant() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let (name, db) = (engine.name, store.database());
        let connector = connected(&store).await;
        let shown = agreement_in_force(&tenant(), db).await.unwrap().text_sha256;
        set(&store, "1", "We agree.").await.unwrap();
        let refused = accept_dpa_as_shown(&tenant(), &admin(), &connector, &shown, db).await.unwrap_err();
        assert!(matches!(refused, GateError::Outdated), "{name}: {refused}");
        assert!(assert_dpa_accepted(&tenant(), db).await.is_err(), "{name}");
        let shown = agreement_in_force(&tenant(), db).await.unwrap().text_sha256;
        accept_dpa_as_shown(&tenant(), &admin(), &connector, &shown, db).await.unwrap();
        withdraw_dpa(&tenant(), &admin(), db).await.unwrap();
        set(&store, "2", "We agree more.").await.unwrap();
        let shut = assert_dpa_accepted(&tenant(), db).await.unwrap_err();
        assert!(matches!(shut, GateError::NotAccepted), "{name}: {shut}");
        accept_dpa(&tenant(), &admin(), &connector, db).await.unwrap();
        assert!(assert_dpa_accepted(&tenant(), db).await.is_ok(), "{name}");

        let other = "another".parse().unwrap();
        assert_eq!(agreement_in_force(&other, db).await.unwrap(), Agreement::built_in(), "{name}");
        let own = OwnText::new("3", "Theirs.").unwrap();
        set_agreement(&other, &admin(), &own, db).await.unwrap();
        assert!(assert_dpa_accepted(&tenant(), db).await.is_ok(), "{name}: another tenant's text");
    }
}
