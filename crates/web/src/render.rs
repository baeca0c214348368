//! From a page to an answer, and what all pages have in common.

use std::sync::LazyLock;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::app::{App, Doors};
use crate::doors::{Admin, Anyone, Browser, Viewer, Who, clerk_script};
use crate::headers::nonce;

/// The style of every page.
pub const STYLE: &str = include_str!("../assets/style.css");
/// The one script of our own: progress, and what it takes to copy a text.
pub const SCRIPT: &str = include_str!("../assets/live.js");

/// A file's address holds its hash, so that browsers may keep it for ever.
fn hashed(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..8])
}

/// Where the style is.
pub static STYLE_PATH: LazyLock<String> = LazyLock::new(|| format!("/assets/style-{}.css", hashed(STYLE)));
/// Where the script is.
pub static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| format!("/assets/live-{}.js", hashed(SCRIPT)));

/// What surrounds a page.
pub struct Shell {
    /// What the page is called.
    pub title: String,
    /// The word that its scripts and styles carry.
    pub nonce: String,
    /// The proof of its forms.
    pub proof: String,
    /// Who looks at it.
    pub who: Option<Who>,
    /// Which entry of the menu it belongs to.
    pub section: &'static str,
    /// The style's address.
    pub style: &'static str,
    /// The script's address.
    pub script: &'static str,
    /// ClerkJS, where people sign in with Clerk.
    pub clerk: Option<Clerk>,
}

/// What a page needs to load ClerkJS, which keeps the session's token fresh.
pub struct Clerk {
    /// Where it is.
    pub script: String,
    /// The instance.
    pub key: String,
}

impl Clerk {
    fn of(app: &App) -> Option<Self> {
        match &app.options.doors {
            Doors::Local(_) => None,
            Doors::Clerk(verifier) => {
                let key = verifier.publishable_key().as_str().to_owned();
                Some(Self { script: clerk_script(verifier), key })
            }
        }
    }
}

impl Shell {
    /// For a page that nobody need be signed in for.
    pub fn bare(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            nonce: nonce(),
            proof: String::new(),
            who: None,
            section: "",
            style: &STYLE_PATH,
            script: &SCRIPT_PATH,
            clerk: None,
        }
    }

    fn of(app: &App, title: &str, section: &'static str, browser: &Browser, who: Option<&Who>) -> Self {
        let proof = crate::doors::make_proof(browser, who);
        Self { proof, who: who.cloned(), section, clerk: Clerk::of(app), ..Self::bare(title) }
    }
}

/// A gate that a page can be made behind.
pub trait Behind {
    /// What surrounds the page.
    fn shell(&self, title: &str, section: &'static str) -> Shell;
    /// The browser that it is for.
    fn browser(&self) -> &Browser;
    /// The page, as an answer.
    fn page(&self, page: &impl Template) -> Response {
        self.page_as(StatusCode::OK, page)
    }
    /// The same with another status.
    fn page_as(&self, status: StatusCode, page: &impl Template) -> Response {
        let mut answer = html(status, page);
        if let Some(cookie) = self.browser().cookie() {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        answer
    }
}

impl Behind for Anyone {
    fn shell(&self, title: &str, section: &'static str) -> Shell {
        Shell::of(&self.app, title, section, &self.browser, self.who.as_ref())
    }
    fn browser(&self) -> &Browser {
        &self.browser
    }
}

impl Behind for Viewer {
    fn shell(&self, title: &str, section: &'static str) -> Shell {
        Shell::of(&self.app, title, section, &self.browser, Some(&self.who))
    }
    fn browser(&self) -> &Browser {
        &self.browser
    }
}

impl Behind for Admin {
    fn shell(&self, title: &str, section: &'static str) -> Shell {
        Shell::of(&self.app, title, section, &self.browser, Some(&self.who))
    }
    fn browser(&self) -> &Browser {
        &self.browser
    }
}

/// A page as an answer.
pub fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            (status, [kind], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A time for people, in UTC and said so; the browser shows it in its own zone.
pub struct Time {
    /// For the browser.
    pub iso: String,
    /// For people.
    pub text: String,
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        let text = at.strftime("%-d %b %Y, %H:%M UTC").to_string();
        Self { iso: m365_model::to_text(at), text }
    }
}

/// How something stands: a word and its colour.
pub struct Pill {
    /// The word.
    pub word: &'static str,
    /// `good`, `warn`, `bad`, or nothing.
    pub tone: &'static str,
}

/// A number for people.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }
}
