//! Connecting, through Microsoft's pages as the simulator plays them: every refusal has its page, and binds nothing.

use axum::http::StatusCode;
use graph_sim::{OTHER_TENANT, Spoiled};
use jiff::SignedDuration;
use m365_store::StoreError;
use m365_store::allow_list::Leftovers;
use testkit::Kit;

use crate::common::{Answer, Desk};

const CONNECT: &str = "/settings/connectors/microsoft-365/connect";

/// A tenant that is not connected, and its administrator's browser.
pub struct Visit {
    pub kit: Kit,
    pub desk: Desk,
    http: reqwest::Client,
}

impl Visit {
    pub async fn new() -> Self {
        let kit = Kit::new(|options| options.consented = false).await;
        let operator = "operator".parse().expect("an id");
        kit.store.disconnect(&kit.tenant, Leftovers::Purge, &operator).await.expect("a disconnect");
        let desk = Desk::of(&kit).await;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        Self { kit, desk, http: http.expect("a client") }
    }

    /// Sets out: the address of Microsoft's sign-in.
    pub async fn set_out(&self) -> String {
        let answer = self.desk.post(CONNECT, CONNECT, &[]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        answer.location().to_owned()
    }

    /// Presses a link of the page at `url`: where the browser is sent, of our own addresses the path alone.
    pub async fn press(&self, url: &str, link: &str) -> String {
        let (page, query) = url.split_once('?').expect("a query");
        let answer = self.http.get(format!("{page}/{link}?{query}")).send().await.expect("an answer");
        let to = answer.headers()["location"].to_str().expect("an address").to_owned();
        to.strip_prefix("http://localhost:8365").unwrap_or(&to).to_owned()
    }

    /// Signs in at Microsoft as this person, and comes back.
    async fn sign_in(&self, link: &str) -> Answer {
        let back = self.press(&self.set_out().await, link).await;
        self.desk.get(&back).await
    }

    pub async fn assert_refused(&self, answer: &Answer, title: &str) {
        assert!(answer.text.contains(title), "{title:?} is not said: {}", answer.text);
        assert!(!answer.text.contains("AADSTS") && !answer.text.contains("Trace ID"), "Microsoft's words are repeated");
        assert!(matches!(self.kit.store.connector(&self.kit.tenant).await, Err(StoreError::NotConnected)), "{title}");
    }
}

#[tokio::test]
async fn an_administrator_signs_in_consents_and_is_connected() {
    let visit = Visit::new().await;
    for persona in ["as/administrator", "as/privileged-role-administrator"] {
        let consent = visit.sign_in(persona).await;
        assert_eq!(consent.status, StatusCode::SEE_OTHER, "{}", consent.text);
        let back = visit.press(consent.location(), "accept").await;
        let bound = visit.desk.get(&back).await;
        assert_eq!(bound.location(), "/settings/connectors/microsoft-365", "{}", bound.text);
    }
    let connector = visit.kit.store.connector(&visit.kit.tenant).await.unwrap();
    assert_eq!(connector.entra_tenant.as_str(), visit.kit.sim.options().tenant_id);
    assert_eq!(connector.tenant_domain.as_str(), "contoso.com");
}

#[tokio::test]
async fn who_may_not_consent_binds_nothing() {
    let visit = Visit::new().await;
    for (link, title) in
        [("as/decline", "The request was declined"), ("as/needs-approval", "An administrator must approve first")]
    {
        let answer = visit.sign_in(link).await;
        visit.assert_refused(&answer, title).await;
    }
    for link in ["as/employee", "as/administrator-without-role-claim", "as/guest"] {
        let answer = visit.sign_in(link).await;
        let is_page = answer.text.contains("Somebody has to confirm this")
            || answer.text.contains("This account may not consent for its organization");
        assert!(is_page, "{link}: {} {}", answer.status, answer.text);
        visit.assert_refused(&answer, "").await;
    }
}

/// Fails when the owner of a Microsoft tenant is not asked, neither before the consent nor when it is bound.
#[tokio::test]
async fn what_belongs_to_another_tenant_here_is_not_bound() {
    let visit = Visit::new().await;
    let another = "another".parse().expect("a tenant");
    let desk = Desk::for_tenant(&visit.kit.store, &visit.kit.engine, &another).await;
    let visit = Visit { desk, ..visit };
    let answer = visit.sign_in("as/administrator").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    visit.assert_refused(&answer, "This organization is connected elsewhere").await;
    assert!(answer.text.contains("m365-connector tenants move"), "{}", answer.text);
    assert!(matches!(visit.kit.store.connector(&another).await, Err(StoreError::NotConnected)));
}

/// Fails when the pin is not looked at for a Microsoft tenant that an operator has confirmed.
#[tokio::test]
async fn an_installation_that_is_pinned_binds_nothing_else() {
    let visit = Visit::new().await;
    let (own, operator) = (visit.kit.sim.options().tenant_id.clone(), "operator".parse().expect("an id"));
    let own = own.parse().expect("a GUID");
    visit.kit.store.confirm_entra_tenant(&visit.kit.tenant, &own, &operator).await.expect("a confirmation");
    let desk = Desk::pinned(&visit.kit, OTHER_TENANT).await;
    let answer = desk.post(CONNECT, "/settings/connectors/microsoft-365/connect/check", &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    visit.assert_refused(&answer, "This installation serves another organization").await;
    assert!(answer.text.contains("O365_TENANT_ID"), "{}", answer.text);
}

/// Microsoft says that the tenant of this callback must not be trusted
/// (<https://learn.microsoft.com/en-us/entra/identity-platform/v2-admin-consent>).
#[tokio::test]
async fn a_forged_consent_binds_nothing() {
    let visit = Visit::new().await;
    let consent = visit.sign_in("as/administrator").await;
    let back = visit.press(consent.location(), "accept-as-another-organization").await;
    let answer = visit.desk.get(&back).await;
    visit.assert_refused(&answer, "Another organization answered").await;
    let consent = visit.sign_in("as/administrator").await;
    let back = visit.press(consent.location(), "decline").await;
    let answer = visit.desk.get(&back).await;
    visit.assert_refused(&answer, "The request was declined").await;
}

#[tokio::test]
async fn an_answer_is_good_once_in_its_session_for_ten_minutes() {
    let visit = Visit::new().await;
    let back = visit.press(&visit.set_out().await, "as/administrator").await;
    let another = Desk::of(&visit.kit).await;
    let answer = another.get(&back).await;
    visit.assert_refused(&answer, "This answer belongs to another session").await;
    assert_eq!(visit.desk.get(&back).await.status, StatusCode::SEE_OTHER);
    let answer = visit.desk.get(&back).await;
    visit.assert_refused(&answer, "This answer was used already").await;
    let back = visit.press(&visit.set_out().await, "as/administrator").await;
    visit.kit.advance(SignedDuration::from_mins(11));
    let answer = visit.desk.get(&back).await;
    visit.assert_refused(&answer, "It took too long").await;
    let answer = visit.desk.get("/connectors/microsoft-365/callback?state=none.default&code=x").await;
    visit.assert_refused(&answer, "This answer belongs to nothing that was asked here").await;
}

#[tokio::test]
async fn a_sign_in_that_cannot_be_checked_binds_nothing() {
    let visit = Visit::new().await;
    visit.kit.sim.fail_keys(100);
    let answer = visit.sign_in("as/administrator").await;
    visit.assert_refused(&answer, "sign-in could not be checked").await;
    visit.kit.sim.clear_faults();
    visit.kit.sim.skew_id_tokens(3_600);
    let answer = visit.sign_in("as/administrator").await;
    visit.assert_refused(&answer, "The clocks do not agree").await;
    visit.kit.sim.clear_faults();
    for spoiled in [Spoiled::Audience, Spoiled::Nonce, Spoiled::Signature, Spoiled::Unsigned] {
        visit.kit.sim.spoil_id_tokens(spoiled, 1);
        let answer = visit.sign_in("as/administrator").await;
        visit.assert_refused(&answer, "The sign-in could not be verified").await;
    }
}

/// Somebody who is invited has no session here; the link works once.
#[tokio::test]
async fn whoever_is_invited_connects_without_an_account() {
    let visit = Visit::new().await;
    let made = visit.desk.post(CONNECT, "/settings/connectors/microsoft-365/connect/invite", &[]).await;
    let link = made.text.split("http://localhost:8365/invitations/").nth(1).expect("a link");
    let link = format!("/invitations/{}", link.split('<').next().expect("its end"));
    assert!(visit.desk.get(CONNECT).await.text.contains("waiting for the administrator"));
    let (tenant, secret) = link.trim_start_matches("/invitations/").split_once('/').expect("two parts");
    let guest = Desk::closed(&visit.kit.store, &visit.kit.engine, &visit.kit.tenant);
    let page = guest.get(&link).await;
    assert!(page.text.contains("Mail.ReadBasic.All"), "{}", page.text);
    let fields = [("tenant", tenant), ("secret", secret)];
    let out = guest.post(&link, "/invitations", &fields).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER, "{}", out.text);
    let back = visit.press(out.location(), "as/administrator").await;
    let consent = guest.get(&back).await;
    let back = visit.press(consent.location(), "accept").await;
    let bound = guest.get(&back).await;
    assert!(bound.text.contains("contoso.com is connected"), "{}", bound.text);
    assert!(visit.kit.store.connector(&visit.kit.tenant).await.is_ok());
    let again = guest.get(&link).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(again.text.contains("This invitation was used already"), "{}", again.text);
    assert_eq!(guest.get("/settings/connectors").await.status, StatusCode::SEE_OTHER, "it opens nothing else");
}
