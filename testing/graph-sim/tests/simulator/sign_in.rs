//! Signing in, refusals first.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use graph_sim::{OTHER_TENANT, Persona, Spoiled};
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::client::{Answer, CLIENT, Office, TENANT, start};

const REDIRECT: &str = "http://localhost:8365/connectors/microsoft-365/callback";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";

fn encoded<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// What an application sends a browser off with.
fn wish() -> BTreeMap<&'static str, String> {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    [
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("response_mode", "query"),
        ("scope", "openid profile"),
        ("state", "a state & more"),
        ("nonce", "a-nonce"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

fn query(wish: &BTreeMap<&'static str, String>) -> String {
    encoded(wish.iter().map(|(name, value)| (*name, value.as_str())))
}

async fn press(office: &Office, tenant: &str, choice: &str) -> Answer {
    office.visit(&format!("/{tenant}/oauth2/v2.0/authorize/as/{choice}?{}", query(&wish()))).await
}

async fn code(office: &Office, persona: Persona) -> String {
    press(office, "organizations", persona.slug()).await.sent_back()["code"].clone()
}

async fn redeem_with(office: &Office, code: &str, changed: &[(&str, &str)]) -> Answer {
    let mut form = BTreeMap::from([
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("client_secret", "simulated-secret"),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("code", code),
    ]);
    form.extend(changed.iter().copied());
    office.send_form("/organizations/oauth2/v2.0/token", &encoded(form)).await
}

async fn redeem(office: &Office, code: &str) -> Answer {
    redeem_with(office, code, &[]).await
}

fn error(answer: &Answer) -> (u16, String, u64) {
    let json = answer.json();
    (answer.status, json["error"].as_str().unwrap_or_default().to_owned(), json["error_codes"][0].as_u64().unwrap_or(0))
}

/// The claims, unread by anyone.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

async fn id_token(office: &Office, persona: Persona) -> String {
    let answer = redeem(office, &code(office, persona).await).await;
    answer.json()["id_token"].as_str().expect("an id_token").to_owned()
}

/// What an application that checks everything makes of a token.
async fn checked(office: &Office, token: &str, tenant: &str) -> Result<Value, String> {
    let header = jsonwebtoken::decode_header(token).map_err(|e| e.to_string())?;
    let keys = office.visit(&format!("/{tenant}/discovery/v2.0/keys")).await.json();
    let keys = keys["keys"].as_array().expect("keys");
    let key = keys.iter().find(|key| key["kid"] == json!(header.kid)).ok_or("no such key")?;
    let text = |name: &str| key[name].as_str().expect("a text");
    let key = DecodingKey::from_rsa_components(text("n"), text("e")).expect("a key");
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&[CLIENT]);
    rules.set_issuer(&[format!("{}/{tenant}/v2.0", office.url())]);
    // The simulator's clock is not this machine's.
    rules.validate_exp = false;
    jsonwebtoken::decode(token, &key, &rules).map(|token| token.claims).map_err(|e| e.to_string())
}

#[tokio::test]
async fn a_redirect_uri_that_is_not_registered_is_sent_nothing() {
    let office = Office::small().await;
    let elsewhere = ["https://localhost/a", "http://localhost.evil.example/", "http://evil.example/", "nonsense", ""];
    for address in elsewhere.into_iter().chain(["http://localhost/#fragment", "http://127.0.0.1@evil.example/"]) {
        let mut wish = wish();
        wish.insert("redirect_uri", address.to_owned());
        // Broken once by taking every address where those of this machine are registered.
        for path in ["authorize", "authorize/as/administrator", "authorize/as/decline"] {
            let answer = office.visit(&format!("/organizations/oauth2/v2.0/{path}?{}", query(&wish))).await;
            assert_eq!((answer.status, &answer.location), (400, &None), "{address}");
            assert!(answer.text.contains("AADSTS50011"), "{address}");
        }
    }
    office.sim.set_redirect_uris(&["https://app.example/callback"]);
    let answer = press(&office, "organizations", "administrator").await;
    assert_eq!((answer.status, answer.location), (400, None), "those of this machine are no longer registered");
    let mut wish = wish();
    wish.insert("redirect_uri", "https://app.example/callback".to_owned());
    let path = format!("/organizations/oauth2/v2.0/authorize/as/administrator?{}", query(&wish));
    let location = office.visit(&path).await.location.expect("a way back");
    assert!(location.starts_with("https://app.example/callback?code="), "{location}");
    let mut wish = self::wish();
    wish.insert("client_id", TENANT.to_owned());
    let answer = office.visit(&format!("/organizations/oauth2/v2.0/authorize?{}", query(&wish))).await;
    assert_eq!((answer.status, answer.location), (400, None), "an application that nobody knows");
}

#[tokio::test]
async fn what_a_careful_application_sends_must_be_there() {
    let office = Office::small().await;
    let whole = wish();
    for name in whole.keys().filter(|name| !matches!(**name, "client_id" | "redirect_uri" | "response_mode")) {
        let mut wish = whole.clone();
        wish.remove(name);
        let answer = office.visit(&format!("/organizations/oauth2/v2.0/authorize?{}", query(&wish))).await;
        assert_eq!(answer.sent_back()["error"], "invalid_request", "{name}");
    }
    for (name, value, error) in [
        ("response_type", "id_token", "unsupported_response_type"),
        ("response_mode", "form_post", "invalid_request"),
        ("scope", "profile", "invalid_scope"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
    ] {
        let mut wish = whole.clone();
        wish.insert(name, value.to_owned());
        let answer = office.visit(&format!("/organizations/oauth2/v2.0/authorize?{}", query(&wish))).await;
        assert_eq!((answer.status, answer.sent_back()["error"].as_str()), (302, error), "{name}");
        assert_eq!(answer.sent_back()["state"], "a state & more");
    }
}

#[tokio::test]
async fn the_page_has_a_link_for_everybody_and_no_script() {
    let office = Office::small().await;
    let page = office.visit(&format!("/organizations/oauth2/v2.0/authorize?{}", query(&wish()))).await;
    assert_eq!(page.status, 200);
    assert!(page.headers.contains("content-type: text/html"));
    assert!(page.headers.contains("content-security-policy: default-src 'none'; style-src 'sha256-"));
    assert!(page.text.contains("<h1>Simulated Microsoft sign-in</h1>"));
    assert!(!page.text.contains("<script") && !page.text.contains("style=\""));
    for persona in Persona::ALL {
        let (slug, label) = (persona.slug(), format!(">Sign in as {}</a>", persona.title()));
        assert!(page.text.contains(&format!("id=\"as-{slug}\" data-persona=\"{slug}\"")), "{slug}");
        assert!(page.text.contains(&label), "{label}");
    }
    // Where the first link leads is where a program without a browser goes.
    let link = page.text.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    let back = office.visit(&link.replace("&amp;", "&")).await.sent_back();
    assert_eq!(back["state"], "a state & more");
    assert_eq!(redeem(&office, &back["code"]).await.status, 200);
}

#[tokio::test]
async fn what_comes_from_the_query_is_text_on_the_page() {
    let office = Office::small().await;
    let canary = "\"'><script>x</script>";
    for (redirect, status) in [("http://localhost/", 200), ("http://elsewhere.example/", 400)] {
        let mut wish = wish();
        wish.insert("redirect_uri", format!("{redirect}{canary}"));
        wish.insert("more", canary.to_owned());
        let answer = office.visit(&format!("/organizations/oauth2/v2.0/authorize?{}", query(&wish))).await;
        assert_eq!(answer.status, status);
        // Broken once by having `escape` give back what it gets: the page then holds the element.
        assert!(!answer.text.contains("<script"), "{}", answer.text);
        assert!(answer.text.contains("&quot;&#39;&gt;&lt;script&gt;"), "it is shown");
    }
}

#[tokio::test]
async fn declining_and_needing_approval_are_errors_in_the_callback() {
    let office = Office::small().await;
    for (choice, code) in [("decline", "AADSTS65004"), ("needs-approval", "AADSTS90094")] {
        let back = press(&office, "organizations", choice).await.sent_back();
        assert_eq!(back["error"], "access_denied");
        assert!(back["error_description"].starts_with(code), "{choice}");
        assert_eq!(back["state"], "a state & more");
        assert!(!back.contains_key("code"));
    }
    assert_eq!(press(&office, "organizations", "nobody").await.status, 404);
}

#[tokio::test]
async fn a_code_is_good_once_and_for_ten_minutes() {
    let office = Office::small().await;
    let first = code(&office, Persona::Administrator).await;
    assert_eq!(redeem(&office, &first).await.status, 200);
    // Broken once by not noting that a code was redeemed.
    assert_eq!(error(&redeem(&office, &first).await), (400, "invalid_grant".to_owned(), 54_005));
    assert_eq!(error(&redeem(&office, "0.none.such").await), (400, "invalid_grant".to_owned(), 70_000));

    let (old, young) = (code(&office, Persona::Employee).await, code(&office, Persona::Employee).await);
    office.sim.advance(SignedDuration::from_secs(599));
    assert_eq!(redeem(&office, &young).await.status, 200);
    office.sim.advance(SignedDuration::from_secs(1));
    assert_eq!(error(&redeem(&office, &old).await), (400, "invalid_grant".to_owned(), 70_008));

    let expired = code(&office, Persona::Employee).await;
    office.sim.expire_codes();
    assert_eq!(error(&redeem(&office, &expired).await), (400, "invalid_grant".to_owned(), 70_008));
}

#[tokio::test]
async fn a_code_is_good_for_whoever_asked_for_it() {
    let office = Office::small().await;
    let code = code(&office, Persona::Administrator).await;
    for (name, value, status, expected, number) in [
        ("code_verifier", "another-verifier", 400, "invalid_grant", 501_481),
        ("code_verifier", "", 400, "invalid_grant", 501_481),
        ("redirect_uri", "http://localhost:8365/", 400, "invalid_client", 500_112),
        ("client_secret", "wrong", 401, "invalid_client", 7_000_215),
        ("client_id", TENANT, 400, "unauthorized_client", 700_016),
        ("grant_type", "password", 400, "unsupported_grant_type", 70_003),
    ] {
        // Broken once by leaving the challenge unread.
        let answer = redeem_with(&office, &code, &[(name, value)]).await;
        assert_eq!(error(&answer), (status, expected.to_owned(), number), "{name}");
    }
    assert_eq!(redeem(&office, &code).await.status, 200, "it is still good");
}

#[tokio::test]
async fn an_id_token_says_who_signed_in() {
    let office = Office::small().await;
    let mut seen = BTreeSet::new();
    for persona in Persona::ALL {
        let tenant = if persona == Persona::OtherAdministrator { OTHER_TENANT } else { TENANT };
        let token = id_token(&office, persona).await;
        let claims = checked(&office, &token, tenant).await.expect("a sound token");
        let now = start().as_second();
        assert_eq!((claims["tid"].as_str(), claims["ver"].as_str()), (Some(tenant), Some("2.0")));
        assert_eq!((claims["nonce"].as_str(), claims["iat"].as_i64()), (Some("a-nonce"), Some(now)));
        assert_eq!((claims["nbf"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + 3_600)));
        assert!(claims["preferred_username"].as_str().is_some_and(|name| name.contains('@')));
        seen.extend(["oid", "sub"].map(|name| claims[name].as_str().expect("a text").to_owned()));
    }
    assert_eq!(seen.len(), 2 * Persona::ALL.len(), "nobody is somebody else");
}

#[tokio::test]
async fn roles_are_listed_by_persona() {
    let office = Office::small().await;
    let member = "b79fbf4d-3ef9-4689-8143-76b194e85509";
    for (persona, wids) in [
        (Persona::Administrator, json!(["62e90394-69f5-4237-9190-012177145e10", member])),
        (Persona::PrivilegedRoleAdministrator, json!(["e8611ab8-c189-46e8-94e1-60213ab1f814", member])),
        (Persona::Employee, json!([member])),
        (Persona::AdministratorWithoutRoleClaim, Value::Null),
        (Persona::OtherAdministrator, json!(["62e90394-69f5-4237-9190-012177145e10", member])),
    ] {
        let claims = claims(&id_token(&office, persona).await);
        assert_eq!((&claims["wids"], &claims["idp"]), (&wids, &Value::Null), "{persona:?}");
    }
    let guest = claims(&id_token(&office, Persona::Guest).await);
    assert_eq!(guest["idp"], format!("https://sts.windows.net/{OTHER_TENANT}/"));
    assert_eq!(guest["tid"], TENANT);
    assert_eq!(guest["wids"], json!(["13bd1c72-6f4a-4dcf-985f-18d3b80f208a"]));
}

#[tokio::test]
async fn a_tenants_own_page_takes_its_own_people_only() {
    let office = Office::small().await;
    let other = Persona::OtherAdministrator.slug();
    for (tenant, choice, is_taken) in [
        (TENANT, "administrator", true),
        ("contoso.com", "guest", true),
        (TENANT, other, false),
        (OTHER_TENANT, other, true),
        (OTHER_TENANT, "administrator", false),
        ("common", other, true),
    ] {
        let answer = press(&office, tenant, choice).await;
        // Broken once by not asking whether the authority takes the person in.
        assert_eq!(answer.location.is_some(), is_taken, "{tenant} {choice}");
        assert_eq!(answer.text.contains("AADSTS50020"), !is_taken);
    }
    assert_eq!(press(&office, "elsewhere.example", "administrator").await.status, 400);
    // A code is redeemed where its owner belongs.
    let form = |code: &str| {
        encoded([
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT),
            ("client_secret", "simulated-secret"),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("code", code),
        ])
    };
    let code = code(&office, Persona::OtherAdministrator).await;
    let answer = office.send_form(&format!("/{TENANT}/oauth2/v2.0/token"), &form(&code)).await;
    assert_eq!(error(&answer), (400, "invalid_grant".to_owned(), 70_000));
    let answer = office.send_form(&format!("/{OTHER_TENANT}/oauth2/v2.0/token"), &form(&code)).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_persons_token_reads_no_mailbox() {
    let mut office = Office::small().await;
    let answer = redeem(&office, &code(&office, Persona::Administrator).await).await.json();
    assert_eq!(answer["token_type"], "Bearer");
    answer["access_token"].as_str().expect("a token").clone_into(&mut office.token);
    assert_eq!(office.get("/users").await.status, 403);
    // Nor where rights are granted in Exchange, and no token lists any. Broken once by leaving `scp` unread.
    office.sim.set_quirks(graph_sim::Quirks { roles_in_token: false, ..office.sim.quirks() });
    assert_eq!(office.get("/users").await.status, 403);
}

#[tokio::test]
async fn an_id_token_can_be_spoilt() {
    let office = Office::small().await;
    for spoiled in [Spoiled::Audience, Spoiled::Issuer, Spoiled::Signature, Spoiled::KeyId, Spoiled::Unsigned] {
        office.sim.spoil_id_tokens(spoiled, 1);
        let token = id_token(&office, Persona::Administrator).await;
        assert!(checked(&office, &token, TENANT).await.is_err(), "{spoiled:?}");
        assert_eq!(claims(&token)["tid"], TENANT);
    }
    office.sim.spoil_id_tokens(Spoiled::Nonce, 1);
    let token = id_token(&office, Persona::Administrator).await;
    let nonce = checked(&office, &token, TENANT).await.expect("sound but for the nonce")["nonce"].clone();
    assert_ne!(nonce, "a-nonce");
    let token = id_token(&office, Persona::Administrator).await;
    assert!(checked(&office, &token, TENANT).await.is_ok(), "the next one is sound");
}

#[tokio::test]
async fn id_tokens_can_come_from_another_time() {
    let office = Office::small().await;
    office.sim.skew_id_tokens(-7_200);
    let early = claims(&id_token(&office, Persona::Administrator).await);
    assert_eq!(early["exp"], start().as_second() - 3_600);
    office.sim.skew_id_tokens(240);
    let late = claims(&id_token(&office, Persona::Administrator).await);
    assert_eq!(late["nbf"], start().as_second() + 240);
    office.sim.clear_faults();
    assert_eq!(claims(&id_token(&office, Persona::Administrator).await)["iat"], start().as_second());
}

#[tokio::test]
async fn the_keys_can_be_out_of_reach() {
    let office = Office::small().await;
    let path = "/organizations/discovery/v2.0/keys";
    office.sim.fail_keys(2);
    for status in [503, 503, 200] {
        assert_eq!(office.visit(path).await.status, status);
    }
    assert_eq!(office.sim.counters().by_kind["keys"], 3);
    let keys = office.visit(path).await.json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
    assert_eq!(keys["keys"][0]["issuer"], format!("{}/{{tenantid}}/v2.0", office.url()));
}

#[tokio::test]
async fn the_metadata_leads_to_all_of_it() {
    let office = Office::small().await;
    for (tenant, issuer) in [("organizations", "{tenantid}"), (TENANT, TENANT), ("contoso.com", TENANT)] {
        let answer = office.visit(&format!("/{tenant}/v2.0/.well-known/openid-configuration")).await.json();
        assert_eq!(answer["issuer"], format!("{}/{issuer}/v2.0", office.url()));
        let place = |name: &str| answer[name].as_str().expect("a place").replace(&office.url(), "");
        assert_eq!(office.visit(&place("jwks_uri")).await.status, 200);
        let page = office.visit(&format!("{}?{}", place("authorization_endpoint"), query(&wish()))).await;
        assert_eq!(page.status, 200);
        assert_eq!(office.send_form(&place("token_endpoint"), "").await.status, 400);
    }
}
