//! The application's own token, and the connection.

use m365_onboarding::{Callback, Step};
use m365_store::allow_list::Leftovers;
use serde_json::json;

use crate::world::{CLIENT, OTHER, TENANT, World, assert_quiet, entra, query, tenant, yes};

#[tokio::test]
async fn an_administrator_signs_in_consents_and_is_connected() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    let back = world.sign_in(&visitor, |_| {}).await;
    let step = world.onboarding.callback(&visitor, back).await.unwrap();
    let Step::GoTo(page) = &step else { panic!("{step:?}") };
    assert_eq!(page.path(), format!("/{TENANT}/v2.0/adminconsent"));
    assert_eq!(query(page)["scope"], format!("{}/.default", world.stub.url));
    let exchange = world.stub.last("authorization_code");
    for part in [
        "/organizations/oauth2/v2.0/token",
        "code=a-code",
        "client_id=client-1",
        "client_secret=s3cret",
        "code_verifier=",
    ] {
        assert!(exchange.contains(part), "{part} is not in the exchange");
    }
    assert!(world.store.connector(&tenant).await.is_err(), "connected before the consent");
    let step = world.onboarding.callback(&visitor, yes(&step)).await.unwrap();
    let domain = "contoso.com".parse().unwrap();
    assert_eq!(step, Step::Bound { entra_tenant: entra(TENANT), domain, missing_permissions: vec![] });
    let connector = world.store.connector(&tenant).await.unwrap();
    assert_eq!((connector.entra_tenant, connector.tenant_domain.as_str()), (entra(TENANT), "contoso.com"));
    assert!(world.onboarding.waiting(&visitor).await.unwrap().tenants.is_empty());
    // Nobody was asked for: there is no agreement yet.
    assert_eq!(world.stub.asked("/v1.0/"), 0);
}

/// Fails when `assert_ours` leaves one of the two out, or takes a token that does not tell.
#[tokio::test]
async fn a_token_of_another_tenant_or_application_binds_nothing() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    for token in [
        json!({ "tid": OTHER, "appid": CLIENT, "roles": ["Calendars.Read"] }),
        json!({ "tid": TENANT, "appid": "client-2", "roles": ["Calendars.Read"] }),
        json!({ "tid": TENANT, "roles": ["Calendars.Read"] }),
        json!({ "appid": CLIENT, "roles": ["Calendars.Read"] }),
    ] {
        world.stub.set(|says| says.app_token = token.clone());
        let back = world.consented(&visitor).await;
        let refusal = world.onboarding.callback(&visitor, back).await.unwrap_err();
        assert_eq!(refusal.code(), "wrong_tid", "{token}");
    }
    assert!(world.store.connector(&tenant).await.is_err());
}

#[tokio::test]
async fn what_is_not_granted_is_named() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    world.stub.set(|says| says.app_token = json!({ "tid": TENANT, "appid": CLIENT, "roles": ["Calendars.Read"] }));
    let back = world.consented(&visitor).await;
    let step = world.onboarding.callback(&visitor, back).await.unwrap();
    let Step::Bound { missing_permissions, .. } = step else { panic!("{step:?}") };
    assert_eq!(missing_permissions, ["Mail.ReadBasic.All", "User.Read.All"]);
}

/// A consent takes minutes to arrive. What RBAC for Applications grants never shows in a token, so a second look asks Graph.
///
/// Fails when nothing granted is bound at the first look, or the second does not ask.
#[tokio::test]
async fn a_consent_that_has_not_arrived_is_looked_for_again() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    let waits = Step::StillBeingApplied { entra_tenant: entra(TENANT) };
    world.stub.set(|says| says.app_refused = Some((400, "unauthorized_client", "AADSTS700016: CANARY")));
    let back = world.consented(&visitor).await;
    assert_eq!(world.onboarding.callback(&visitor, back).await.unwrap(), waits);
    assert_eq!(world.onboarding.check_again(&visitor).await.unwrap(), waits);

    world.stub.set(|says| (says.app_refused, says.app_token) = (None, json!({ "tid": TENANT, "appid": CLIENT })));
    let back = world.consented(&visitor).await;
    assert_eq!(world.onboarding.callback(&visitor, back).await.unwrap(), waits);
    world.stub.set(|says| says.organization = (401, json!({ "error": { "code": "InvalidAuthenticationToken" } })));
    assert_eq!(world.onboarding.check_again(&visitor).await.unwrap(), waits);
    assert!(world.store.connector(&tenant).await.is_err());
    world.stub.set(|says| says.organization = (200, json!({ "value": [{ "id": OTHER }] })));
    assert_eq!(world.onboarding.check_again(&visitor).await.unwrap_err().code(), "wrong_tid");
    let denied = json!({ "error": { "code": "Authorization_RequestDenied", "message": "CANARY" } });
    world.stub.set(|says| says.organization = (403, denied));
    let step = world.onboarding.check_again(&visitor).await.unwrap();
    assert!(matches!(step, Step::Bound { ref missing_permissions, .. } if missing_permissions.len() == 3), "{step:?}");

    world.stub.set(|says| says.app_refused = Some((401, "invalid_client", "AADSTS7000215: CANARY")));
    let back = world.consented(&visitor).await;
    let refusal = world.onboarding.callback(&visitor, back).await.unwrap_err();
    assert_eq!(refusal.code(), "microsoft_refused");
    assert!(refusal.meaning().contains("secret"), "{refusal}");
    assert_quiet(&refusal);
}

/// Two tenants here, one Microsoft tenant, one instant.
///
/// Fails when `bind` does not hold the owner's row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_bind_one_tenant_at_once_one_has_it() {
    let world = World::new().await;
    let (ours, theirs) = (tenant("default"), tenant("another"));
    let (first, second) = (world.visitor(&ours), world.visitor(&theirs));
    let (back, other_back) = (world.consented(&first).await, world.consented(&second).await);
    let (one, two) =
        tokio::join!(world.onboarding.callback(&first, back), world.onboarding.callback(&second, other_back));
    assert!(one.is_ok() != two.is_ok(), "both or neither");
    let refusal = one.err().or(two.err()).unwrap();
    assert_eq!(refusal.code(), "already_bound");
}

/// A guest's name does not tell the company's domain: somebody must.
#[tokio::test]
async fn a_domain_that_is_not_told_is_asked_for() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    let guest = |claims: &mut serde_json::Value| {
        claims["preferred_username"] = json!("CANARY_fabrikam.com#EXT#@contoso.onmicrosoft.com");
    };
    let back = world.sign_in(&visitor, guest).await;
    let step = world.onboarding.callback(&visitor, back).await.unwrap();
    let refusal = world.onboarding.callback(&visitor, yes(&step)).await.unwrap_err();
    assert_eq!(refusal.code(), "domain_unknown");
    assert_eq!(world.onboarding.check_again(&visitor).await.unwrap_err().code(), "domain_unknown");

    let domain = "contoso.co.uk".parse().unwrap();
    let url = world.onboarding.begin_with_domain(&visitor, &domain).await.unwrap();
    let step = world.onboarding.callback(&visitor, world.answer_to(&url, guest)).await.unwrap();
    let step = world.onboarding.callback(&visitor, yes(&step)).await.unwrap();
    assert!(matches!(step, Step::Bound { domain: ref bound, .. } if *bound == domain), "{step:?}");
    let another = "contoso.com".parse().unwrap();
    assert_eq!(world.onboarding.check_again_with_domain(&visitor, &another).await.unwrap_err().code(), "not_proven");
}

/// What was disconnected and kept is connected again by the same way, and keeps its domain.
#[tokio::test]
async fn after_a_disconnect_the_same_tenant_comes_back() {
    let world = World::new().await;
    let (ours, theirs) = (tenant("default"), tenant("another"));
    let visitor = world.visitor(&ours);
    let back = world.consented(&visitor).await;
    world.onboarding.callback(&visitor, back).await.unwrap();
    world.onboarding.disconnect(&visitor, Leftovers::Keep).await.unwrap();
    let other = world.visitor(&theirs);
    let taken = world.sign_in(&other, |_| {}).await;
    assert_eq!(world.onboarding.callback(&other, taken).await.unwrap_err().code(), "already_bound");
    let back =
        world.sign_in(&visitor, |claims| claims["preferred_username"] = json!("a@contoso.onmicrosoft.com")).await;
    let step = world.onboarding.callback(&visitor, back).await.unwrap();
    let step = world.onboarding.callback(&visitor, Callback { ..yes(&step) }).await.unwrap();
    assert!(matches!(step, Step::Bound { ref domain, .. } if domain.as_str() == "contoso.com"), "{step:?}");
    assert_eq!(world.store.connector(&ours).await.unwrap().disconnected_at, None);
}
