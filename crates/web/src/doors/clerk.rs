//! People whom Clerk knows: the active organization is the tenant.

use axum::http::{HeaderMap, header};
use m365_clerk::{Refusal, Role, Verifier, token_of};

use super::Who;
use crate::app::App;
use crate::problem::Problem;

/// Whoever a session token names, or why it names nobody; nothing without one.
pub(super) async fn who(app: &App, verifier: &Verifier, headers: &HeaderMap) -> Result<Found, Problem> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = token_of(verifier.publishable_key(), cookies, authorization) else { return Ok(Found::Nobody) };
    let session = match verifier.verify(token, app.store().surroundings().now()).await {
        Ok(session) => session,
        Err(refusal) => {
            tracing::info!(reason = refusal.word(), "a session token was refused");
            return Ok(Found::Refused(refusal));
        }
    };
    // Anyone who has an account with Clerk may found an organization there, so an operator says which may enter here.
    if !app.store().admitted(session.tenant()).await? {
        return Err(Problem::NotAdmitted(session.tenant().clone()));
    }
    Ok(Found::Somebody(Who {
        tenant: session.tenant().clone(),
        user: session.user().clone(),
        is_admin: session.role() == Role::Admin,
        is_impersonated: session.is_impersonated(),
        session: session.session_id().as_str().to_owned(),
    }))
}

/// What a request's token is worth.
pub(super) enum Found {
    /// A session.
    Somebody(Who),
    /// No token.
    Nobody,
    /// A token that opens nothing.
    Refused(Refusal),
}

/// Where ClerkJS is, on the instance's own host.
pub fn script(verifier: &Verifier) -> String {
    format!("{}npm/@clerk/clerk-js@5/dist/clerk.browser.js", verifier.publishable_key().frontend_api())
}
