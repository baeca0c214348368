//! A browser, known again by a cookie: forms and consents are bound to it.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Client;
use crate::app::App;

/// A browser. Its secret is in a cookie that scripts cannot read, and nowhere here.
#[derive(Clone)]
pub struct Browser {
    secret: String,
    /// Whether the cookie has yet to be given.
    is_new: bool,
    is_secure: bool,
    client: Client,
}

impl Browser {
    /// The browser that asks.
    pub(super) fn of(parts: &Parts, app: &App) -> Self {
        let known = cookie(&parts.headers, name(app.is_secure())).filter(|secret| secret.len() == 43);
        let secret = known.map_or_else(
            || {
                let mut bytes = [0_u8; 32];
                app.store().surroundings().entropy.fill(&mut bytes);
                URL_SAFE_NO_PAD.encode(bytes)
            },
            str::to_owned,
        );
        Self {
            secret,
            is_new: known.is_none(),
            is_secure: app.is_secure(),
            client: Client::of(parts, &app.options.proxies),
        }
    }

    /// What the browser alone knows.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Where it asks from.
    pub(super) fn client(&self) -> Client {
        self.client
    }

    /// The cookie to give, if the browser has none.
    pub fn cookie(&self) -> Option<HeaderValue> {
        self.is_new
            .then(|| set_cookie(name(self.is_secure), &self.secret, self.is_secure, "Max-Age=31536000"))
            .flatten()
    }
}

/// `__Host-` binds a cookie to this very host, and browsers take it by https alone
/// (<https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>).
const fn name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-m365_browser" } else { "m365_browser" }
}

/// A cookie that scripts cannot read, and that other sites' forms do not bring along.
pub fn set_cookie(name: &str, value: &str, is_secure: bool, life: &str) -> Option<HeaderValue> {
    let secure = if is_secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; {life}{secure}")).ok()
}

/// The value of a cookie that the browser sent.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}
