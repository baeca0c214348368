//! Invitations: an administrator who has no account here.

use m365_onboarding::{Step, tenant_of};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::world::{EVERY_MEMBER, TENANT, World, entra, query, tenant, yes};

/// Fails when an invitation's state is asked for a session, is good in another browser, or the invitation is not used up.
#[tokio::test]
async fn whoever_is_invited_connects_once_without_a_session() {
    let world = World::new().await;
    let ours = tenant("default");
    let visitor = world.visitor(&ours);
    let link = world.onboarding.invite(&visitor).await.unwrap();
    let secret = link.secret.expose_secret();
    world.onboarding.open_invitation(&ours, secret).await.unwrap();
    let wrong = world.onboarding.begin_invited(&tenant("another"), secret, "their cookie").await.unwrap_err();
    assert_eq!(wrong.code(), "invitation_expired");

    // The wrong account goes astray, and the invitation is still good.
    let url = world.onboarding.begin_invited(&ours, secret, "their cookie").await.unwrap();
    let back = world.answer_to(&url, |claims| claims["wids"] = json!([EVERY_MEMBER]));
    let astray = world.onboarding.callback_invited(&ours, "their cookie", back).await.unwrap_err();
    assert_eq!(astray.code(), "not_an_administrator");

    let url = world.onboarding.begin_invited(&ours, secret, "their cookie").await.unwrap();
    assert_eq!(tenant_of(&query(&url)["state"]), Some(ours.clone()));
    let back = world.answer_to(&url, |_| {});
    let elsewhere = world.onboarding.callback_invited(&ours, "another cookie", back.clone()).await.unwrap_err();
    assert_eq!(elsewhere.code(), "other_session");
    let step = world.onboarding.callback_invited(&ours, "their cookie", back).await.unwrap();
    let step = world.onboarding.callback_invited(&ours, "their cookie", yes(&step)).await.unwrap();
    assert!(matches!(step, Step::Bound { .. }), "{step:?}");
    for refusal in [
        world.onboarding.open_invitation(&ours, secret).await.unwrap_err(),
        world.onboarding.begin_invited(&ours, secret, "their cookie").await.unwrap_err(),
    ] {
        assert_eq!(refusal.code(), "invitation_used");
    }
}

/// Of two who went to Microsoft with one invitation, the second comes too late, and binds nothing.
///
/// Fails when `use_invitation` is not asked on the way back.
#[tokio::test]
async fn an_invitation_that_was_used_meanwhile_binds_nothing() {
    let world = World::new().await;
    let ours = tenant("default");
    let link = world.onboarding.invite(&world.visitor(&ours)).await.unwrap();
    let mut consents = Vec::new();
    for browser in ["first", "second"] {
        let url = world.onboarding.begin_invited(&ours, link.secret.expose_secret(), browser).await.unwrap();
        let step = world.onboarding.callback_invited(&ours, browser, world.answer_to(&url, |_| {})).await.unwrap();
        consents.push((browser, yes(&step)));
    }
    let (browser, back) = consents.remove(0);
    world.onboarding.callback_invited(&ours, browser, back).await.unwrap();
    // A new proof, so that the invitation alone is in the way.
    world.store.confirm_entra_tenant(&ours, &entra(TENANT), &"operator".parse().unwrap()).await.unwrap();
    let (browser, back) = consents.remove(0);
    let late = world.onboarding.callback_invited(&ours, browser, back).await.unwrap_err();
    assert_eq!(late.code(), "invitation_used");
}

#[tokio::test]
async fn an_invitation_ends_and_can_be_taken_back() {
    let world = World::new().await;
    let ours = tenant("default");
    let visitor = world.visitor(&ours);
    let revoked = world.onboarding.invite(&visitor).await.unwrap();
    assert!(world.store.revoke_invitation(&ours, &world.user, &revoked.id).await.unwrap());
    let late = world.onboarding.invite(&visitor).await.unwrap();
    assert_eq!(world.onboarding.waiting(&visitor).await.unwrap().invitations.len(), 2);
    world.clock.set(late.expires_at);
    for link in [revoked, late] {
        let refusal = world.onboarding.open_invitation(&ours, link.secret.expose_secret()).await.unwrap_err();
        assert_eq!(refusal.code(), "invitation_expired");
    }
    assert_eq!(world.onboarding.open_invitation(&ours, "0123").await.unwrap_err().code(), "invitation_expired");
}
