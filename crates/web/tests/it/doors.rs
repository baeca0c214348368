//! Who gets in, tried at every route.

use axum::http::{StatusCode, header};
use clerk_sim::{ClerkSim, ORGANIZATION, OTHER_ORGANIZATION, Person};
use m365_clerk::{ClerkSettings, KeySource, Verifier};
use m365_model::TenantId;
use m365_web::{Doors, Rule, table};
use testkit::Kit;

use crate::common::{Answer, Desk};

const ORIGIN: &str = "http://localhost:8365";

/// A dashboard where people sign in with Clerk, with a connector of the one organization.
pub struct House {
    pub kit: Kit,
    clerk: ClerkSim,
}

impl House {
    pub async fn open() -> Self {
        let (kit, clerk) = (Kit::new(|_| {}).await, ClerkSim::start().await.expect("a port"));
        let (tenant, actor) = (organization(ORGANIZATION), "operator".parse().expect("an id"));
        let (entra, domain) = ("99999999-2222-3333-4444-555555555555", "fabrikam.example");
        kit.store
            .connect(&tenant, &entra.parse().expect("a GUID"), &domain.parse().expect("a domain"), &actor)
            .await
            .expect("a connection");
        let canary = "canary-domain.example".parse().expect("a domain");
        kit.store.allow(&tenant, &actor, &[canary], false).await.expect("an entry");
        Self { kit, clerk }
    }

    fn desk(&self) -> Desk {
        let settings = ClerkSettings {
            publishable_key: self.clerk.publishable_key().parse().expect("a key"),
            key: KeySource::Pem(self.clerk.jwt_key().parse().expect("a PEM")),
            authorized_parties: ORIGIN.parse().expect("an origin"),
        };
        let verifier = Verifier::new(settings).expect("a verifier");
        Desk::behind(&self.kit.store, &self.kit.engine, Doors::Clerk(Box::new(verifier)))
    }

    /// A browser in which this person is signed in, with claims changed.
    pub fn desk_of(&self, person: Person, change: impl FnOnce(&mut serde_json::Value)) -> Desk {
        let mut claims = self.clerk.claims(person, ORIGIN, self.kit.now());
        change(&mut claims);
        let desk = self.desk();
        desk.keep_cookie("__session", &self.clerk.sign(&claims));
        desk
    }
}

fn organization(id: &str) -> TenantId {
    id.parse().expect("a tenant")
}

/// A path with something in the place of its parameters.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn knock(desk: &Desk, method: &str, path: &str) -> Answer {
    if method == "GET" { desk.get(&filled(path)).await } else { desk.send(&filled(path), &[]).await }
}

fn is_sent_to_sign_in(answer: &Answer) -> bool {
    answer.status == StatusCode::SEE_OTHER && answer.location().starts_with("/sign-in")
}

/// Tried with the check of `is_admin` taken out of the `Admin` gate: it fails there.
#[tokio::test]
async fn every_route_keeps_its_rule() {
    let house = House::open().await;
    house.kit.store.admit(&organization(OTHER_ORGANIZATION), &"operator".parse().unwrap()).await.unwrap();
    let nobody = house.desk();
    let member = house.desk_of(Person::Member, |_| {});
    let admin = house.desk_of(Person::Administrator, |_| {});
    let stranger = house.desk_of(Person::Stranger, |_| {});
    let impersonated =
        house.desk_of(Person::Administrator, |claims| claims["act"] = serde_json::json!({ "sub": "user_x" }));
    let routes = table();
    assert!(routes.len() > 30, "{routes:?}");
    for route in routes {
        let (method, path) = (route.method, route.path);
        let of_nobody = knock(&nobody, method, path).await;
        let of_member = knock(&member, method, path).await;
        let of_admin = knock(&admin, method, path).await;
        let of_stranger = knock(&stranger, method, path).await;
        let what = format!("{method} {path}");
        match (route.rule, method) {
            (Rule::Anyone, _) => assert!(!is_sent_to_sign_in(&of_nobody), "{what}"),
            (Rule::Member, "GET") => {
                assert!(is_sent_to_sign_in(&of_nobody), "{what}: {}", of_nobody.status);
                assert_ne!(of_member.status, StatusCode::FORBIDDEN, "{what}");
            }
            (Rule::Admin, _) => {
                assert!(is_sent_to_sign_in(&of_nobody), "{what}: {}", of_nobody.status);
                assert_eq!(of_member.status, StatusCode::FORBIDDEN, "{what}");
                assert!(!is_sent_to_sign_in(&of_admin) && of_admin.status != StatusCode::FORBIDDEN, "{what}");
            }
            // No form here carries a proof.
            (Rule::Change | Rule::Member, _) => {
                for answer in [&of_nobody, &of_member, &of_admin, &of_stranger] {
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
                }
                assert_eq!(knock(&impersonated, method, path).await.status, StatusCode::FORBIDDEN, "{what}");
            }
        }
        // Another organization's administrator sees his own, which is nothing.
        assert!(!of_stranger.text.contains("canary-domain") && !of_stranger.text.contains("fabrikam"), "{what}");
    }
    let page = admin.get("/settings/connectors/microsoft-365/domains").await;
    assert!(page.text.contains("canary-domain.example"), "the canary can be seen where it may be");
}

#[tokio::test]
async fn every_answer_forbids_what_a_browser_need_not_do() {
    let house = House::open().await;
    let admin = house.desk_of(Person::Administrator, |_| {});
    for path in ["/settings/connectors/microsoft-365", "/nothing", "/healthz", "/sign-in?out=yes"] {
        let answer = admin.get(path).await;
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        let scripts = policy.split(';').find(|part| part.trim().starts_with("script-src")).expect("a rule for scripts");
        assert!(!scripts.contains("unsafe") && !scripts.contains('*'), "{path}: {scripts}");
        assert_eq!(answer.header(header::X_FRAME_OPTIONS), "DENY", "{path}");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store", "{path}");
    }
}

/// Tried with the look at `admitted` taken out: it fails.
#[tokio::test]
async fn an_organization_that_no_operator_admitted_stays_out() {
    let house = House::open().await;
    let answer = house.desk_of(Person::Stranger, |_| {}).get("/settings/connectors").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains(&format!("tenants add {OTHER_ORGANIZATION}")), "{}", answer.text);
}

/// Tried with the check of `is_impersonated` taken out of `Change`: it fails.
#[tokio::test]
async fn who_acts_in_anothers_name_looks_and_changes_nothing() {
    let house = House::open().await;
    let desk = house.desk_of(Person::Administrator, |claims| claims["act"] = serde_json::json!({ "sub": "user_x" }));
    let page = "/settings/connectors/microsoft-365/agreement";
    let sha256 = m365_database::agreement_sha256();
    let fields = [("read", "yes"), ("sha256", sha256.as_str())];
    assert_eq!(desk.get(page).await.status, StatusCode::OK);
    let answer = desk.post(page, page, &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let desk = house.desk_of(Person::Administrator, |_| {});
    assert!(desk.get(page).await.text.contains("Accept it for your company"), "nothing was accepted");
    assert_eq!(desk.post(page, page, &fields).await.status, StatusCode::SEE_OTHER);
    assert!(desk.get(page).await.text.contains("is accepted"));
}

/// Tried with the comparison of `Origin` taken out of `unproven`: it fails.
#[tokio::test]
async fn a_form_of_another_session_is_shown_again_and_one_of_another_site_is_not() {
    let kit = Kit::new(|_| {}).await;
    let desk = Desk::of(&kit).await;
    let path = "/settings/connectors/microsoft-365/settings";
    let typed = [("proof", "old".to_owned()), ("lookbackDays", "17".to_owned()), ("was.lookbackDays", "90".to_owned())];
    let again = desk.send(path, &typed).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(again.text.contains("Send this once more") && again.text.contains("value=\"17\""), "{}", again.text);
    let retyped = [("proof", again.proof()), ("lookbackDays", "17".to_owned()), ("was.lookbackDays", "90".to_owned())];
    assert_eq!(desk.send(path, &retyped).await.status, StatusCode::SEE_OTHER);
    assert_eq!(kit.store.settings(&kit.tenant).await.unwrap().lookback_days, 17);
    let foreign = desk.send_from("https://elsewhere.example", path, &typed).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert!(!foreign.text.contains("17") && foreign.text.contains("not sent by a page of this dashboard"));
}

#[tokio::test]
async fn a_link_signs_in_once() {
    let kit = Kit::new(|_| {}).await;
    let link = kit.store.create_sign_in_link(&kit.tenant).await.unwrap();
    let secret = secrecy::ExposeSecret::expose_secret(&link).to_owned();
    for expected in [StatusCode::SEE_OTHER, StatusCode::FORBIDDEN] {
        let desk = Desk::closed(&kit.store, &kit.engine, &kit.tenant);
        let page = desk.get(&format!("/sign-in/{secret}")).await;
        let answer = desk.send("/sign-in", &[("proof", page.proof()), ("link", secret.clone())]).await;
        assert_eq!(answer.status, expected);
        let home = desk.get("/settings/connectors").await.status;
        assert_eq!(home == StatusCode::OK, expected == StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn whoever_was_first_is_not_overwritten_and_the_later_one_is_told() {
    let kit = Kit::new(|_| {}).await;
    let desk = Desk::of(&kit).await;
    let path = "/settings/connectors/microsoft-365/settings";
    let fields = |to| [("lookbackDays", to), ("was.lookbackDays", "90")];
    assert_eq!(desk.post(path, path, &fields("30")).await.status, StatusCode::SEE_OTHER);
    let later = desk.post(path, path, &fields("60")).await;
    assert_eq!(later.status, StatusCode::OK);
    assert!(later.text.contains("Somebody else changed this to “30”"), "{}", later.text);
    assert_eq!(kit.store.settings(&kit.tenant).await.unwrap().lookback_days, 30);
}

#[tokio::test]
async fn a_form_of_more_than_a_megabyte_is_refused_with_words() {
    let kit = Kit::new(|_| {}).await;
    let desk = Desk::of(&kit).await;
    let path = "/settings/connectors/microsoft-365/domains";
    let answer = desk.send(path, &[("domains", "a".repeat(1 << 20))]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text.contains("one megabyte"), "{}", answer.text);
}
