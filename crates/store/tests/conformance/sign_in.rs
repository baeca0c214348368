//! Links, sessions, and how people sign in.

use jiff::ToSpan as _;
use m365_model::{Clock as _, TenantId, UserId};
use m365_store::Store;
use m365_store::sign_in::{LocalSession, SignInWay};
use secrecy::ExposeSecret as _;

use crate::engines::{Engine, tenant};

async fn session(store: &Store, of: &TenantId, token: &str) -> Option<LocalSession> {
    store.session(of, token).await.unwrap()
}

/// What was decided first stands, also for a process that wants it otherwise; Clerk admits nobody by itself.
///
/// Fails when `settle_sign_in` answers with `wanted`, or admits the local tenant whatever was decided.
#[tokio::test(flavor = "multi_thread")]
async fn how_people_sign_in_is_decided_once() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        assert_eq!(store.settle_sign_in(SignInWay::Clerk).await.unwrap(), SignInWay::Clerk, "{}", engine.name);
        assert_eq!(store.settle_sign_in(SignInWay::Local).await.unwrap(), SignInWay::Clerk, "{}", engine.name);
        assert!(!store.admitted(&tenant()).await.unwrap());
        let actor: UserId = "operator".parse().unwrap();
        assert!(store.admit(&tenant(), &actor).await.unwrap() && !store.admit(&tenant(), &actor).await.unwrap());
        assert!(store.admitted(&tenant()).await.unwrap());
    }
}

/// Fails when the link's row is only read, and not deleted, by `open_session`.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_use_a_link_at_once_one_gets_in() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let link = store.create_sign_in_link(&tenant()).await.unwrap();
        let open = async || store.open_session(&tenant(), link.expose_secret()).await.unwrap();
        let (first, second) = tokio::join!(open(), open());
        assert!(first.is_some() != second.is_some(), "{}: both or neither", engine.name);
        assert!(open().await.is_none());
    }
}

/// Fails when `open_session` or `session` leaves `expires_at` out, or `create_sign_in_link` leaves earlier links.
#[tokio::test(flavor = "multi_thread")]
async fn links_and_sessions_end() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let early = store.create_sign_in_link(&tenant()).await.unwrap();
        let late = store.create_sign_in_link(&tenant()).await.unwrap();
        assert!(store.open_session(&tenant(), early.expose_secret()).await.unwrap().is_none(), "an earlier link works");
        engine.clock.set(engine.clock.now() + 1.hour());
        assert!(store.open_session(&tenant(), late.expose_secret()).await.unwrap().is_none(), "an old link works");

        let link = store.create_sign_in_link(&tenant()).await.unwrap();
        engine.clock.set(engine.clock.now() + 59.minutes());
        let token = store.open_session(&tenant(), link.expose_secret()).await.unwrap().unwrap();
        let open = session(&store, &tenant(), token.expose_secret()).await.unwrap();
        assert_eq!((open.user().as_str(), open.key().len()), ("local-admin", 64));
        engine.clock.set(open.expires_at() - 1.second());
        assert!(session(&store, &tenant(), token.expose_secret()).await.is_some());
        engine.clock.set(open.expires_at());
        assert!(
            session(&store, &tenant(), token.expose_secret()).await.is_none(),
            "{}: 12 hours are over",
            engine.name
        );
    }
}

/// Fails when a statement here leaves out its tenant on SQLite (on PostgreSQL the policy holds even then).
#[tokio::test(flavor = "multi_thread")]
async fn a_link_and_a_session_are_their_tenants_own() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let other: TenantId = "another".parse().unwrap();
        let link = store.create_sign_in_link(&tenant()).await.unwrap();
        store.create_sign_in_link(&other).await.unwrap();
        assert!(store.open_session(&other, link.expose_secret()).await.unwrap().is_none());
        let token = store.open_session(&tenant(), link.expose_secret()).await.unwrap().unwrap();
        let open = session(&store, &tenant(), token.expose_secret()).await.unwrap();
        assert!(session(&store, &other, token.expose_secret()).await.is_none());
        store.end_session(&other, open.key()).await.unwrap();
        assert!(session(&store, &tenant(), token.expose_secret()).await.is_some(), "another tenant ended it");
        // The key is no token, though it opens what is bound to the session.
        assert!(session(&store, &tenant(), open.key()).await.is_none());
        store.end_session(&tenant(), open.key()).await.unwrap();
        assert!(session(&store, &tenant(), token.expose_secret()).await.is_none());
    }
}

/// Fails when a secret itself is written anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_database() {
    let engine = Engine::sqlite();
    let store = engine.store(7).await;
    let link = store.create_sign_in_link(&tenant()).await.unwrap();
    let token = store.open_session(&tenant(), link.expose_secret()).await.unwrap().unwrap();
    let unused = store.create_sign_in_link(&tenant()).await.unwrap();
    let file = store.database().file().unwrap().to_owned();
    store.database().close().await;
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(std::fs::read(file.with_extension("db-wal")).unwrap_or_default());
    for secret in [&link, &token, &unused] {
        let secret = secret.expose_secret().as_bytes();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "a secret is in the file");
    }
}
