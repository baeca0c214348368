//! What comes back wrongly, too late, twice, or to somebody else.

use jiff::ToSpan as _;
use m365_model::Clock as _;
use m365_onboarding::{Callback, Step, Visitor, tenant_of};
use serde_json::json;

use crate::world::{EVERY_MEMBER, OTHER, TENANT, World, assert_quiet, entra, tenant};

/// The code with which a callback is refused.
async fn refused(world: &World, visitor: &Visitor<'_>, back: Callback) -> &'static str {
    let refusal = world.onboarding.callback(visitor, back).await.unwrap_err();
    assert_quiet(&refusal);
    refusal.code()
}

/// Fails when `take_state` does not look at the session or at the browser, or a state is good for another tenant.
#[tokio::test]
async fn an_answer_is_taken_once_in_time_by_who_set_out() {
    let world = World::new().await;
    let (ours, theirs) = (tenant("default"), tenant("another"));
    let visitor = world.visitor(&ours);
    let back = world.sign_in(&visitor, |_| {}).await;
    assert_eq!(tenant_of(back.state.as_deref().unwrap()), Some(ours.clone()));
    let elsewhere = Visitor { browser: "cookie-2", ..visitor };
    assert_eq!(refused(&world, &elsewhere, back.clone()).await, "other_session", "two browsers");
    let later = Visitor { session: "session-2", ..visitor };
    assert_eq!(refused(&world, &later, back.clone()).await, "other_session", "two sessions");
    let stranger = world.onboarding.callback_invited(&ours, "cookie-1", back.clone()).await.unwrap_err();
    assert_eq!(stranger.code(), "other_session", "no session");
    assert_eq!(refused(&world, &Visitor { tenant: &theirs, ..visitor }, back.clone()).await, "foreign_state");
    let turned = back.state.as_ref().map(|state| state.replace(".default", ".another"));
    let turned = Callback { state: turned, ..back.clone() };
    assert_eq!(refused(&world, &Visitor { tenant: &theirs, ..visitor }, turned).await, "foreign_state");
    for state in [None, Some("0123.default"), Some("0123"), Some("")] {
        let foreign = Callback { state: state.map(str::to_owned), ..back.clone() };
        assert_eq!(refused(&world, &visitor, foreign).await, "foreign_state", "{state:?}");
    }
    assert_eq!(world.stub.asked("code="), 0, "a code was exchanged for nobody");
    world.onboarding.callback(&visitor, back.clone()).await.unwrap();
    assert_eq!(refused(&world, &visitor, back).await, "replayed");

    let late = world.sign_in(&visitor, |_| {}).await;
    world.clock.set(world.clock.now() + 10.minutes());
    assert_eq!(refused(&world, &visitor, late).await, "expired");
}

/// Microsoft's sentence chooses ours and is not repeated.
#[tokio::test]
async fn microsofts_no_is_told_in_our_words() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    for (error, description, code) in [
        ("access_denied", "AADSTS65004: CANARY declined", "declined"),
        ("access_denied", "CANARY", "declined"),
        ("access_denied", "AADSTS53003: CANARY", "microsoft_refused"),
        ("access_denied", "AADSTS90094: CANARY", "approval_needed"),
        ("consent_required", "CANARY", "approval_needed"),
        ("CANARY<script>", "CANARY", "microsoft_refused"),
        ("invalid_client", "AADSTS650056: CANARY", "microsoft_refused"),
    ] {
        let back = world.sign_in(&visitor, |_| {}).await;
        let (error, error_description) = (Some(error.to_owned()), Some(description.to_owned()));
        let back = Callback { error, error_description, code: None, ..back };
        assert_eq!(refused(&world, &visitor, back).await, code, "{description}");
    }
    let back = world.sign_in(&visitor, |_| {}).await;
    assert_eq!(refused(&world, &visitor, Callback { code: None, ..back }).await, "invalid_proof");
}

/// Microsoft says never to trust the tenant that stands in a consent's answer.
///
/// Fails when it is not compared with the proven one, or a consent that says no is taken for a yes.
#[tokio::test]
async fn a_consent_for_another_tenant_binds_nothing() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    for (said, word, code) in [
        (Some(OTHER), Some("True"), "other_tenant_answered"),
        (None, Some("True"), "other_tenant_answered"),
        (Some("contoso.com"), Some("True"), "other_tenant_answered"),
        (Some(TENANT), Some("False"), "declined"),
        (Some(TENANT), None, "declined"),
    ] {
        let back = world.consented(&visitor).await;
        let back = Callback { tenant: said.map(str::to_owned), admin_consent: word.map(str::to_owned), ..back };
        assert_eq!(refused(&world, &visitor, back).await, code, "{said:?} {word:?}");
    }
    // The answer to a sign-in is no consent.
    let back = world.sign_in(&visitor, |_| {}).await;
    let (said, yes) = (Some(TENANT.to_owned()), Some("True".to_owned()));
    let back = Callback { code: None, tenant: said, admin_consent: yes, ..back };
    assert_eq!(refused(&world, &visitor, back).await, "invalid_proof");
    assert!(world.store.connector(&tenant).await.is_err());
}

/// Fails when a member passes for an administrator, or the operator's word is not asked for.
#[tokio::test]
async fn who_is_no_administrator_waits_for_the_operator() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    assert_eq!(world.refused(|claims| claims["wids"] = json!([EVERY_MEMBER])).await, "not_an_administrator");
    assert_eq!(world.refused(|claims| claims["wids"] = json!([])).await, "not_an_administrator");
    assert_eq!(world.onboarding.check_again(&visitor).await.unwrap_err().code(), "not_proven");

    let back = world.sign_in(&visitor, |claims| drop(claims.as_object_mut().unwrap().remove("wids"))).await;
    let step = world.onboarding.callback(&visitor, back).await.unwrap();
    assert_eq!(step, Step::AwaitsOperator { entra_tenant: entra(TENANT) });
    assert_eq!(world.onboarding.check_again(&visitor).await.unwrap_err().code(), "not_proven");
    let waiting = world.onboarding.waiting(&visitor).await.unwrap();
    assert_eq!((waiting.tenants[0].confirmed_at, &waiting.tenants[0].entra_tenant), (None, &entra(TENANT)));

    world.store.confirm_entra_tenant(&tenant, &entra(TENANT), &"operator".parse().unwrap()).await.unwrap();
    let step = world.onboarding.check_again(&visitor).await.unwrap();
    assert!(matches!(step, Step::Bound { ref domain, .. } if domain.as_str() == "contoso.com"), "{step:?}");
}

/// Fails when the pin or the owner is not asked before somebody is sent to consent.
#[tokio::test]
async fn a_tenant_that_may_not_be_bound_is_not_asked_to_consent() {
    let world = World::pinned(Some(OTHER)).await;
    assert_eq!(world.refused(|_| {}).await, "pinned_elsewhere");
    assert_eq!(world.stub.asked(&format!("/{OTHER}/oauth2/v2.0/token")), 1, "another authority was asked");

    let world = World::new().await;
    let (operator, domain) = ("operator".parse().unwrap(), "contoso.com".parse().unwrap());
    world.store.connect(&tenant("another"), &entra(TENANT), &domain, &operator).await.unwrap();
    assert_eq!(world.refused(|_| {}).await, "already_bound");
    let world = World::new().await;
    world.store.connect(&tenant("default"), &entra(OTHER), &domain, &operator).await.unwrap();
    assert_eq!(world.refused(|_| {}).await, "already_connected");
}

/// What is secret is in no `Debug`.
#[tokio::test]
async fn nothing_secret_is_shown() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    let back = world.consented(&visitor).await;
    let link = world.onboarding.invite(&visitor).await.unwrap();
    let shown = format!("{visitor:?} {back:?} {link:?} {:?}", world.onboarding);
    let state = back.state.clone().unwrap();
    for secret in
        ["cookie-1", "session-1", "a-code", "s3cret", &state, secrecy::ExposeSecret::expose_secret(&link.secret)]
    {
        assert!(!shown.contains(secret), "{shown}");
    }
}
