//! Disconnecting: reading stops first, and what is kept or deleted is what was asked for.

use m365_database::{GateError, WriteError, accept_dpa, assert_dpa_accepted};
use m365_model::{EntraTenantId, UserId};
use m365_store::allow_list::Leftovers;
use m365_store::config::ConnectError;
use m365_store::{Store, StoreError};

use crate::engines::{Engine, tenant};

fn operator() -> UserId {
    "operator".parse().unwrap()
}

fn entra() -> EntraTenantId {
    "11111111-2222-3333-4444-555555555555".parse().unwrap()
}

async fn connect(store: &Store, entra: &EntraTenantId) -> Result<m365_model::ConnectorId, ConnectError> {
    store.connect(&tenant(), entra, &"contoso.com".parse().unwrap(), &operator()).await
}

/// A connector that was accepted and may record.
async fn ready(store: &Store) {
    let connector = connect(store, &entra()).await.unwrap();
    accept_dpa(&tenant(), &operator(), &connector, store.database()).await.unwrap();
    store.allow(&tenant(), &operator(), &["acme.com".parse().unwrap()], false).await.unwrap();
    store.save_token(&tenant(), "graph", &"a token".into(), "2026-03-02T13:00:00Z".parse().unwrap()).await.unwrap();
}

/// Fails when `begin_accepted` or the gate leaves `disconnected_at` out.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_or_stored_after_a_disconnect_and_nothing_was_withdrawn() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        ready(&store).await;
        let gate = assert_dpa_accepted(&tenant(), store.database()).await.unwrap();
        let done = store.disconnect(&tenant(), Leftovers::Keep, &operator()).await.unwrap();
        assert_eq!((done.records_kept, &done.tables), (0, &None));
        let write = store.database().begin_accepted(&gate).await.err().expect("a page was stored");
        assert!(matches!(write, WriteError::Withdrawn), "{}: {write}", engine.name);
        let shut = assert_dpa_accepted(&tenant(), store.database()).await.unwrap_err();
        assert!(matches!(shut, GateError::Disconnected) && shut.to_string().contains("disconnected"), "{shut}");
        assert!(store.load_token(&tenant(), "graph").await.unwrap().is_none(), "a token is left");
        let again = store.disconnect(&tenant(), Leftovers::Keep, &operator()).await.unwrap();
        assert_eq!(again.at, done.at);

        let other = "99999999-2222-3333-4444-555555555555".parse().unwrap();
        let refused = connect(&store, &other).await.unwrap_err();
        assert!(matches!(refused, ConnectError::AlreadyConnected), "{refused}");
        connect(&store, &entra()).await.unwrap();
        assert!(assert_dpa_accepted(&tenant(), store.database()).await.is_ok(), "the acceptance was withdrawn");
        assert_eq!(store.allow_list(&tenant()).await.unwrap().entries.len(), 1);
    }
}

/// Fails when a table that refers to the connection is left out, or the Entra tenant is given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_purge_leaves_no_connection_and_a_new_one_asks_anew() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        ready(&store).await;
        store.change_setting(&tenant(), &operator(), "lookbackDays", "30").await.unwrap();
        store.exclude(&tenant(), &operator(), &["cto@acme.com".parse().unwrap()]).await.unwrap();
        let done = store.disconnect(&tenant(), Leftovers::Purge, &operator()).await.unwrap();
        assert!(done.tables.is_some());
        for counted in [("setting", 1), ("allowed_external_domain", 1), ("exclusion", 1), ("o365_config", 1)] {
            assert!(done.settings.contains(&counted), "{}: {counted:?}: {:?}", engine.name, done.settings);
        }
        let refused = store.connector(&tenant()).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotConnected), "{refused}");
        assert_eq!(store.owners().await.unwrap(), [(tenant(), vec![entra()])]);
        assert!(store.suppressions(&tenant()).await.is_ok(), "the key that keeps people out is gone");
        let another = "99999999-2222-3333-4444-555555555555".parse().unwrap();
        connect(&store, &another).await.unwrap();
        let shut = assert_dpa_accepted(&tenant(), store.database()).await.unwrap_err();
        assert!(matches!(shut, GateError::NotAccepted), "{shut}");
    }
}
