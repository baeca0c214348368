//! The way back to the application, for whose sake the browser came.

use axum::http::{Method, header};
use url::Url;

use super::answer::Answer;
use super::login;
use super::page;
use super::request::Request;
use crate::Simulator;

/// A redirect URI that is registered for an application that is known. Without one nobody is sent
/// anywhere: the browser is shown a page.
#[derive(Debug)]
pub(crate) struct Back {
    uri: Url,
    /// The URI as it was written; it is compared letter by letter.
    pub written: String,
    state: Option<String>,
}

impl Back {
    pub fn read(sim: &Simulator, request: &Request) -> Result<Self, Answer> {
        if request.method != Method::GET {
            return Err(Answer::empty(405));
        }
        let query = |name: &str| request.query.get(name).unwrap_or_default();
        let client = query("client_id");
        if !client.eq_ignore_ascii_case(&sim.options().client_id) {
            let text = format!("AADSTS700016: Application with identifier '{client}' was not found in the directory.");
            return Err(page::refuse(400, &text));
        }
        let written = query("redirect_uri");
        let uri = Url::parse(written).ok().filter(|uri| is_registered(sim, written, uri));
        let Some(uri) = uri else {
            let text = format!(
                "AADSTS50011: The redirect URI '{written}' specified in the request does not match the redirect \
                 URIs configured for the application '{client}'."
            );
            return Err(page::refuse(400, &text));
        };
        let state = request.query.get("state").map(str::to_owned);
        Ok(Self { uri, written: written.to_owned(), state })
    }

    /// A parameter that must be there.
    pub fn required<'a>(&self, sim: &Simulator, request: &'a Request, name: &str) -> Result<&'a str, Answer> {
        let value = request.query.get(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            let text = format!("AADSTS900144: The request body must contain the following parameter: '{name}'.");
            self.refuse(sim, "invalid_request", &text, &[])
        })
    }

    /// Sends the browser back with these, and the state.
    pub fn with(&self, pairs: &[(&str, &str)]) -> Answer {
        let mut uri = self.uri.clone();
        uri.query_pairs_mut().extend_pairs(pairs).extend_pairs(self.state.as_ref().map(|state| ("state", state)));
        let mut answer = Answer::empty(302);
        answer.headers.push((header::LOCATION, uri.to_string()));
        answer.headers.push((header::CACHE_CONTROL, "no-store".to_owned()));
        answer
    }

    /// Sends it back with an error, and these beside it.
    pub fn refuse(&self, sim: &Simulator, error: &str, description: &str, beside: &[(&str, &str)]) -> Answer {
        let description = login::described(sim, description);
        let pairs = [&[("error", error), ("error_description", &description)], beside].concat();
        self.with(&pairs)
    }
}

fn is_registered(sim: &Simulator, written: &str, uri: &Url) -> bool {
    if uri.fragment().is_some() {
        return false;
    }
    let entra = sim.entra();
    let is_here = uri.scheme() == "http" && matches!(uri.host_str(), Some("localhost" | "127.0.0.1"));
    entra.redirect_uris.iter().any(|known| known == written) || (entra.loopback_redirects && is_here)
}
