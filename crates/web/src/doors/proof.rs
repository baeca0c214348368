//! The proof that a form came from one of our own pages
//! (<https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html>): a keyed hash
//! over session, tenant and user, whose key is the browser's cookie. Nobody else's page can know it, and it is of no use in
//! another session, tenant or browser.

use axum::body::{Body, to_bytes};
use axum::http::header;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{Browser, Fields, Who};
use crate::app::App;
use crate::problem::{Again, Problem};

/// The field that holds the proof.
pub const PROOF: &str = "proof";

/// The longest form that is read, in bytes: ten thousand domains fit in easily.
const LONGEST: usize = 1 << 20;

pub(super) async fn read(body: Body) -> Result<Fields, Problem> {
    let body = to_bytes(body, LONGEST).await.map_err(|_| Problem::TooLong)?;
    Ok(Fields::parse(&body))
}

fn mac(browser: &Browser, who: Option<&Who>) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(browser.secret().as_bytes()).expect("any length is a key");
    let parts = who.map_or(["", "", ""], |who| [who.session.as_str(), who.tenant.as_str(), who.user.as_str()]);
    for part in parts {
        mac.update(part.as_bytes());
        // None of the three holds a zero.
        mac.update(&[0]);
    }
    mac
}

/// The proof that a page puts into its forms.
pub fn make(browser: &Browser, who: Option<&Who>) -> String {
    URL_SAFE_NO_PAD.encode(mac(browser, who).finalize().into_bytes())
}

/// Lets a form through that brings the proof.
pub(super) fn assert_holds(
    parts: &Parts,
    app: &App,
    fields: &Fields,
    browser: &Browser,
    who: Option<&Who>,
) -> Result<(), Problem> {
    if holds(fields, browser, who) { Ok(()) } else { Err(unproven(parts, app, fields, browser, who)) }
}

fn holds(fields: &Fields, browser: &Browser, who: Option<&Who>) -> bool {
    let given = URL_SAFE_NO_PAD.decode(fields.text(PROOF)).unwrap_or_default();
    mac(browser, who).verify_slice(&given).is_ok()
}

/// What becomes of a form without a proof. Sent by another site it is refused. Sent by one of our pages, the session ended or
/// changed while it was filled in: it is shown again, to be sent once more, so that nothing that was typed is lost.
pub(super) fn unproven(parts: &Parts, app: &App, fields: &Fields, browser: &Browser, who: Option<&Who>) -> Problem {
    let is_ours = parts.headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes() == app.origin().as_bytes());
    if !is_ours {
        return Problem::Foreign;
    }
    Problem::Again(Box::new(Again {
        action: parts.uri.path().to_owned(),
        fields: fields.typed().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        proof: make(browser, who),
        is_signed_in: who.is_some(),
        cookie: browser.cookie(),
    }))
}
