//! What a browser may do with an answer. Everything is forbidden, and then a little is allowed.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::{App, Doors};

/// The word that scripts and styles of this one answer carry.
#[derive(Clone)]
pub struct Nonce(pub String);

tokio::task_local! {
    /// The nonce of the answer that is being made.
    pub static NONCE: Nonce;
}

/// The present answer's nonce.
pub fn nonce() -> String {
    NONCE.try_with(|nonce| nonce.0.clone()).unwrap_or_default()
}

const FIXED: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// Adds them to every answer.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut bytes = [0_u8; 16];
    app.store().surroundings().entropy.fill(&mut bytes);
    let nonce = URL_SAFE_NO_PAD.encode(bytes);
    let is_sign_in = request.uri().path() == "/sign-in";
    let mut answer = NONCE.scope(Nonce(nonce.clone()), next.run(request)).await;
    let headers = answer.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy(&nonce, &app, is_sign_in)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Pages name people: no copy of one stays in a cache. Files with their hash in the name may.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if app.is_secure() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    answer
}

/// A form may lead to Microsoft's sign-in: browsers hold the redirect after a form to `form-action` too. What Clerk needs is
/// allowed where Clerk is (<https://clerk.com/docs/guides/secure/best-practices/csp-headers>), and its forms on the page that
/// shows them alone.
fn policy(nonce: &str, app: &App, is_sign_in: bool) -> String {
    let authority = app.authority();
    let fixed = format!("default-src 'none'; form-action 'self' {authority}; base-uri 'none'; frame-ancestors 'none'");
    let Doors::Clerk(verifier) = &app.options.doors else {
        return format!(
            "{fixed}; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self'; connect-src 'self'"
        );
    };
    let clerk = verifier.publishable_key().issuer();
    let reads = format!("{fixed}; script-src 'nonce-{nonce}' {clerk}");
    if !is_sign_in {
        return format!("{reads}; style-src 'nonce-{nonce}'; img-src 'self'; connect-src 'self' {clerk}");
    }
    format!(
        "{reads} https://challenges.cloudflare.com; style-src 'self' 'unsafe-inline'; \
         img-src 'self' https://img.clerk.com; connect-src 'self' {clerk}; worker-src 'self' blob:; \
         frame-src https://challenges.cloudflare.com"
    )
}
