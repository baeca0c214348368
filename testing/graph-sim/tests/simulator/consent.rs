//! Consent: before it, while it is given, and while it is still being applied.

use graph_sim::OTHER_TENANT;

use crate::client::{Answer, CLIENT, Office, TENANT};

const SCOPE: &str = "https%3A%2F%2Fgraph.microsoft.com%2F.default";

async fn visit(office: &Office, tenant: &str, choice: &str) -> Answer {
    let query = format!("client_id={CLIENT}&redirect_uri=http://localhost:8365/callback?kept=1&state=s1&scope={SCOPE}")
        .replace("?kept=1", "%3Fkept%3D1");
    office.visit(&format!("/{tenant}/v2.0/adminconsent{choice}?{query}")).await
}

async fn own_token(office: &Office, tenant: &str) -> Answer {
    office.ask_for_token(tenant, CLIENT, "simulated-secret", SCOPE).await
}

/// An office where nobody has consented yet; the token that it opens with is its own.
async fn unasked() -> Office {
    let office = Office::small().await;
    office.sim.set_consented(false);
    office
}

#[tokio::test]
async fn without_consent_the_application_is_unknown() {
    let office = unasked().await;
    let answer = own_token(&office, TENANT).await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("unauthorized_client")));
    assert_eq!(answer.json()["error_codes"][0], 700_016);
}

#[tokio::test]
async fn the_page_lists_what_is_asked_for() {
    let office = unasked().await;
    let page = visit(&office, "organizations", "").await;
    assert_eq!(page.status, 200);
    for text in ["Calendars.Read", "Mail.ReadBasic.All", "User.Read.All", CLIENT, TENANT] {
        assert!(page.text.contains(text), "{text}");
    }
    for id in ["accept", "decline", "accept-as-another-organization"] {
        assert!(page.text.contains(&format!("id=\"{id}\" data-choice=\"{id}\"")), "{id}");
    }
    assert!(page.headers.contains("default-src 'none'") && !page.text.contains("<script"));
    assert_eq!(own_token(&office, TENANT).await.status, 400, "looking at it grants nothing");
}

#[tokio::test]
async fn accepting_lets_the_application_in() {
    let office = unasked().await;
    office.sim.set_roles(&[]);
    let back = visit(&office, "organizations", "/accept").await.sent_back();
    let expected = [("admin_consent", "True"), ("tenant", TENANT), ("state", "s1"), ("kept", "1")];
    for (name, value) in expected {
        assert_eq!(back[name], value, "{name}");
    }
    assert_eq!(back["scope"].split(' ').count(), 3);
    let token = own_token(&office, TENANT).await;
    assert_eq!(token.status, 200);
    let mut office = office;
    office.sign_in().await;
    assert_eq!(office.get("/users").await.status, 200, "what had been missing is granted too");
}

#[tokio::test]
async fn declining_and_a_forged_callback_grant_nothing() {
    let office = unasked().await;
    let back = visit(&office, TENANT, "/decline").await.sent_back();
    assert_eq!((back["error"].as_str(), back["admin_consent"].as_str()), ("access_denied", "True"));
    assert!(back["error_description"].starts_with("AADSTS65004"));
    let back = visit(&office, TENANT, "/accept-as-another-organization").await.sent_back();
    assert_eq!((back["tenant"].as_str(), back["admin_consent"].as_str()), (OTHER_TENANT, "True"));
    // Broken once by granting to the tenant that the forged callback names.
    for tenant in [TENANT, OTHER_TENANT] {
        assert_eq!(own_token(&office, tenant).await.json()["error_codes"][0], 700_016, "{tenant}");
    }
}

#[tokio::test]
async fn nobody_is_sent_where_nothing_is_registered() {
    let office = unasked().await;
    office.sim.set_redirect_uris(&["https://app.example/callback"]);
    for choice in ["", "/accept", "/decline"] {
        let answer = visit(&office, TENANT, choice).await;
        assert_eq!((answer.status, answer.location), (400, None));
    }
    assert_eq!(own_token(&office, TENANT).await.status, 400);
    assert_eq!(visit(&office, "common", "").await.status, 400, "a tenant consents, not everybody");
}

#[tokio::test]
async fn another_organization_that_consents_has_no_office_here() {
    let mut office = Office::small().await;
    visit(&office, OTHER_TENANT, "/accept").await;
    let token = own_token(&office, OTHER_TENANT).await;
    token.json()["access_token"].as_str().expect("a token").clone_into(&mut office.token);
    for path in ["/users", "/organization"] {
        assert_eq!(office.get(path).await.code(), "Authorization_IdentityNotFound");
    }
}

#[tokio::test]
async fn a_fresh_grant_takes_its_time() {
    let mut office = Office::small().await;
    let id = office.sim.world().users[0].id.clone();
    office.sim.delay_grant(2);
    assert_eq!(office.get("/users").await.code(), "Authorization_RequestDenied");
    assert_eq!(office.get(&format!("/users/{id}/mailFolders/inbox")).await.code(), "ErrorAccessDenied");
    assert_eq!(office.get("/users").await.status, 200);

    office.sim.delay_roles(1);
    office.sign_in().await;
    assert_eq!(office.get("/users").await.status, 403, "a token without roles");
    office.sign_in().await;
    assert_eq!(office.get("/users").await.status, 200);
}
