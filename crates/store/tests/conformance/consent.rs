//! States, invitations, proofs, and whose Microsoft tenant is whose.

use jiff::ToSpan as _;
use m365_model::{Clock as _, EntraTenantId, TenantId, UserId};
use m365_privacy::DomainName;
use m365_store::Store;
use m365_store::allow_list::Leftovers;
use m365_store::config::ConnectError;
use m365_store::consent::{Claim, Errand, Origin, Reason, StateError, Traveller};
use m365_store::invitations::InvitationState;
use m365_store::owners::MoveError;
use secrecy::{ExposeSecret as _, SecretString};

use crate::engines::{Engine, tenant};

const SESSION: &str = "the key of a session";
const BROWSER: &str = "a cookie";

fn user() -> UserId {
    "user_1".parse().unwrap()
}

fn other() -> TenantId {
    "another".parse().unwrap()
}

fn entra() -> EntraTenantId {
    "11111111-2222-3333-4444-555555555555".parse().unwrap()
}

fn domain() -> DomainName {
    "contoso.com".parse().unwrap()
}

/// A sign-in that sets out from a session.
async fn set_out(store: &Store) -> SecretString {
    let (origin, user, tenant) = (Origin::Session(SESSION.to_owned()), user(), tenant());
    let traveller = Traveller { tenant: &tenant, user: &user, origin: &origin, browser: BROWSER };
    store.set_out_to_sign_in(traveller, None).await.unwrap().state
}

/// An administrator's sign-in, proven for `tenant`.
async fn proven(store: &Store, tenant: &TenantId) -> Claim {
    store.admit(tenant, &user()).await.unwrap();
    store.note_sign_in(tenant, &user(), &entra(), Reason::Administrator, Some(&domain())).await.unwrap();
    store.claim(tenant, Some(&entra())).await.unwrap().unwrap()
}

async fn audited(store: &Store, tenant: &TenantId, action: &str) -> i64 {
    let mut reader = store.database().reader(tenant).await.unwrap();
    sqlx::query_scalar("SELECT COUNT(*) FROM audit_event WHERE tenant_id = $1 AND action = $2")
        .bind(tenant.as_str())
        .bind(action)
        .fetch_one(reader.connection())
        .await
        .unwrap()
}

/// Fails when `take_state` leaves out the session, the browser, `used_at`, `expires_at` or the tenant.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_good_once_in_time_and_where_it_set_out() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let state = set_out(&store).await;
        let state = state.expose_secret();
        let take = async |session, browser| store.take_state(&tenant(), state, session, browser).await;
        let refused = take(Some("another session"), BROWSER).await.unwrap_err();
        assert!(matches!(refused, StateError::OtherSession), "{}: {refused}", engine.name);
        assert!(matches!(take(None, BROWSER).await.unwrap_err(), StateError::OtherSession));
        assert!(matches!(take(Some(SESSION), "another").await.unwrap_err(), StateError::OtherSession));
        let elsewhere = store.take_state(&other(), state, Some(SESSION), BROWSER).await.unwrap_err();
        assert!(matches!(elsewhere, StateError::Foreign), "{elsewhere}");
        let unknown = store.take_state(&tenant(), "0123", Some(SESSION), BROWSER).await.unwrap_err();
        assert!(matches!(unknown, StateError::Foreign), "{unknown}");

        let (first, second) = tokio::join!(take(Some(SESSION), BROWSER), take(Some(SESSION), BROWSER));
        assert!(first.is_ok() != second.is_ok(), "{}: used twice, or never", engine.name);
        assert!(matches!(take(Some(SESSION), BROWSER).await.unwrap_err(), StateError::Replayed));

        let late = set_out(&store).await;
        engine.clock.set(engine.clock.now() + 10.minutes());
        let late = store.take_state(&tenant(), late.expose_secret(), Some(SESSION), BROWSER).await.unwrap_err();
        assert!(matches!(late, StateError::Expired), "{late}");
    }
}

/// What goes along comes back, and stands nowhere in clear; a used row holds none of it.
///
/// Fails when the nonce or the verifier is stored unsealed, or kept after its use.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_along_comes_back_and_is_forgotten() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let (origin, user, tenant) = (Origin::Session(SESSION.to_owned()), user(), tenant());
        let traveller = Traveller { tenant: &tenant, user: &user, origin: &origin, browser: BROWSER };
        let out = store.set_out_to_sign_in(traveller, Some(&domain())).await.unwrap();
        let stored = "SELECT sealed_nonce, sealed_verifier FROM consent_state WHERE tenant_id = 'default'";
        let read = async || -> (Option<Vec<u8>>, Option<Vec<u8>>) {
            let mut reader = store.database().reader(&tenant).await.unwrap();
            sqlx::query_as(stored).fetch_one(reader.connection()).await.unwrap()
        };
        let (nonce, verifier) = read().await;
        for (cell, secret) in [(nonce, &out.nonce), (verifier, &out.verifier)] {
            let (cell, secret) = (cell.unwrap(), secret.expose_secret().as_bytes());
            assert!(!cell.windows(secret.len()).any(|window| window == secret), "{}: in clear", engine.name);
        }
        let back = store.take_state(&tenant, out.state.expose_secret(), Some(SESSION), BROWSER).await.unwrap();
        let Errand::SignIn { nonce, verifier, domain: named } = back.errand else { panic!("another errand") };
        assert_eq!(nonce.expose_secret(), out.nonce.expose_secret());
        assert_eq!(verifier.expose_secret(), out.verifier.expose_secret());
        assert_eq!((named, back.origin, back.user), (Some(domain()), origin.clone(), user.clone()));
        assert_eq!(read().await, (None, None));
        assert!(!format!("{out:?}").contains(out.state.expose_secret()));
    }
}

/// Fails when `connect_in` does not ask `own_in`, or `own_in` gives the row to whoever asks last.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_tenants_that_claim_one_entra_tenant_at_once_one_has_it() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let (ours, theirs) = (proven(&store, &tenant()).await, proven(&store, &other()).await);
        let actor = user();
        let own = domain();
        let (first, second) = tokio::join!(store.bind(&ours, &own, &actor), store.bind(&theirs, &own, &actor));
        assert!(first.is_ok() != second.is_ok(), "{}: both or neither", engine.name);
        let (loser, refused) = if first.is_ok() { (other(), second) } else { (tenant(), first) };
        assert!(matches!(refused.unwrap_err(), ConnectError::OwnedElsewhere));
        assert_eq!(audited(&store, &loser, "connector.claim_refused").await, 1, "{}", engine.name);
        assert!(store.connector(&loser).await.is_err());
        let operators = store.connect(&loser, &entra(), &domain(), &user()).await.unwrap_err();
        assert!(matches!(operators, ConnectError::OwnedElsewhere), "the operator's way passes: {operators}");
    }
}

/// A proof is used once, and a week; without one nothing is bound.
///
/// Fails when `bind` does not take the proof, or its age is not asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_binds_once_and_ends() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let claim = proven(&store, &tenant()).await;
        engine.clock.set(engine.clock.now() + (7 * 24).hours());
        assert_eq!(store.claim(&tenant(), None).await.unwrap(), None, "{}", engine.name);
        let late = store.bind(&claim, &domain(), &user()).await.unwrap_err();
        assert!(matches!(late, ConnectError::NotProven), "{late}");
        let claim = proven(&store, &tenant()).await;
        store.bind(&claim, &domain(), &user()).await.unwrap();
        let again = store.bind(&claim, &domain(), &user()).await.unwrap_err();
        assert!(matches!(again, ConnectError::NotProven), "{again}");
        assert!(store.confirmations(&tenant()).await.unwrap().is_empty());
    }
}

/// Fails when a sign-in that proves nothing is taken for a proof, or takes one away.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_proven_waits_for_the_operator() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        for reason in [Reason::RolesNotTold, Reason::NotAnAdministrator] {
            store.note_sign_in(&tenant(), &user(), &entra(), reason, None).await.unwrap();
            assert_eq!(store.claim(&tenant(), None).await.unwrap(), None, "{}: {reason:?}", engine.name);
            assert_eq!(store.confirmations(&tenant()).await.unwrap()[0].confirmed_at, None);
        }
        store.confirm_entra_tenant(&tenant(), &entra(), &user()).await.unwrap();
        assert!(store.claim(&other(), None).await.unwrap().is_none(), "another tenant has it");
        store.note_sign_in(&tenant(), &user(), &entra(), Reason::NotAnAdministrator, Some(&domain())).await.unwrap();
        let claim = store.claim(&tenant(), Some(&entra())).await.unwrap().unwrap();
        assert_eq!(claim.domain(), Some(&domain()));
        assert_eq!(store.confirmations(&tenant()).await.unwrap()[0].reason, Reason::Operator);
    }
}

/// Fails when a move does not look whether the owner still reads, or a disconnect gives the owner's row up.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_disconnect_only_an_operator_gives_it_over() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        store.connect(&tenant(), &entra(), &domain(), &user()).await.unwrap();
        store.admit(&other(), &user()).await.unwrap();
        let give = async || store.move_entra_tenant(&entra(), &other(), &user()).await;
        assert!(matches!(give().await.unwrap_err(), MoveError::StillConnected), "{}", engine.name);
        store.disconnect(&tenant(), Leftovers::Keep, &user()).await.unwrap();
        let taken = store.connect(&other(), &entra(), &domain(), &user()).await.unwrap_err();
        assert!(matches!(taken, ConnectError::OwnedElsewhere), "{taken}");
        assert_eq!(give().await.unwrap(), tenant());
        assert_eq!(store.owners().await.unwrap(), [(other(), vec![entra()]), (tenant(), vec![])]);
        let back = store.connect(&tenant(), &entra(), &domain(), &user()).await.unwrap_err();
        assert!(matches!(back, ConnectError::OwnedElsewhere), "{back}");
        store.connect(&other(), &entra(), &domain(), &user()).await.unwrap();
        let nobody = store.move_entra_tenant(&entra(), &"nobody".parse().unwrap(), &user()).await.unwrap_err();
        assert!(matches!(nobody, MoveError::NotAdmitted), "{nobody}");
    }
}

/// Fails when an invitation is found by its id, by another tenant, or used after it ended, was used or taken back.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_works_once_for_a_week_until_it_is_taken_back() {
    for engine in Engine::all().await {
        let store = engine.store(7).await;
        let state = async |secret: &SecretString| {
            store.invitation(&tenant(), secret.expose_secret()).await.unwrap().map(|invitation| invitation.state)
        };
        let made = store.invite(&tenant(), &user()).await.unwrap();
        assert_eq!(state(&made.secret).await, Some(InvitationState::Open), "{}", engine.name);
        assert_eq!(state(&made.id.clone().into()).await, None);
        assert_eq!(store.invitation(&other(), made.secret.expose_secret()).await.unwrap(), None);
        assert!(!store.use_invitation(&other(), &made.id).await.unwrap());
        let use_it = async || store.use_invitation(&tenant(), &made.id).await.unwrap();
        let (first, second) = tokio::join!(use_it(), use_it());
        assert!(first != second, "{}: used twice, or never", engine.name);
        assert_eq!(state(&made.secret).await, Some(InvitationState::Used));
        assert!(!store.revoke_invitation(&tenant(), &user(), &made.id).await.unwrap());

        let revoked = store.invite(&tenant(), &user()).await.unwrap();
        assert!(store.revoke_invitation(&tenant(), &user(), &revoked.id).await.unwrap());
        assert_eq!(state(&revoked.secret).await, Some(InvitationState::Revoked));
        assert!(!store.use_invitation(&tenant(), &revoked.id).await.unwrap());

        let late = store.invite(&tenant(), &user()).await.unwrap();
        engine.clock.set(late.expires_at);
        assert_eq!(state(&late.secret).await, Some(InvitationState::Expired));
        assert!(!store.use_invitation(&tenant(), &late.id).await.unwrap());
        assert_eq!(store.invitations(&tenant()).await.unwrap().len(), 3);
        assert!(!format!("{late:?}").contains(late.secret.expose_secret()));
    }
}
