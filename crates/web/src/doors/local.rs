//! The local administrator, where nobody else says who people are.

use axum::http::{HeaderMap, HeaderValue};
use m365_model::TenantId;

use super::Who;
use super::browser::{cookie, set_cookie};
use crate::app::App;
use crate::problem::Problem;

/// Where the link leads that the program prints.
pub const LINK_PATH: &str = "/sign-in/";

const fn name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-m365_session" } else { "m365_session" }
}

/// Whoever has a session.
pub(super) async fn who(app: &App, tenant: &TenantId, headers: &HeaderMap) -> Result<Option<Who>, Problem> {
    let Some(token) = cookie(headers, name(app.is_secure())) else { return Ok(None) };
    let Some(session) = app.store().session(tenant, token).await? else { return Ok(None) };
    Ok(Some(Who {
        tenant: tenant.clone(),
        user: session.user().clone(),
        is_admin: true,
        is_impersonated: false,
        session: session.key().to_owned(),
    }))
}

/// Whether a session is open still.
pub(super) async fn is_open(app: &App, tenant: &TenantId, who: &Who) -> bool {
    app.store().session_is_open(tenant, &who.session).await.unwrap_or(false)
}

/// The cookie of a session that was opened just now.
pub fn session_cookie(app: &App, token: &str) -> Option<HeaderValue> {
    set_cookie(name(app.is_secure()), token, app.is_secure(), "Max-Age=43200")
}

/// The same, taken back.
pub fn expired_session_cookie(app: &App) -> Option<HeaderValue> {
    set_cookie(name(app.is_secure()), "", app.is_secure(), "Max-Age=0")
}
