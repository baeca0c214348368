//! Pages for people: one sheet of paper, with choices that are links. There is no script, and nothing
//! is loaded from anywhere.

use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::answer::Answer;
use super::request::Request;

const STYLE: &str = include_str!("page.css");

/// Something that can be chosen.
pub(crate) struct Choice {
    /// The id of the link.
    pub id: String,
    /// The attribute that names the choice for tests, and the name.
    pub data: (&'static str, &'static str),
    /// What comes behind the page's own path.
    pub place: String,
    pub label: String,
    /// Whether it is one of those that lead nowhere.
    pub is_quiet: bool,
}

impl Choice {
    fn html(&self, request: &Request) -> String {
        let href = format!("{}/{}?{}", request.raw_path.trim_end_matches('/'), self.place, request.query.rewritten());
        let ((data, name), quiet) = (self.data, if self.is_quiet { " class=\"quiet\"" } else { "" });
        let (id, href, label) = (&self.id, escape(&href), escape(&self.label));
        format!("<li><a id=\"{id}\" data-{data}=\"{name}\" href=\"{href}\"{quiet}>{label}</a></li>")
    }
}

/// A page that asks for a choice. `text` is HTML.
pub(crate) fn ask(request: &Request, heading: &str, text: &str, choices: &[Choice]) -> Answer {
    let choices: String = choices.iter().map(|choice| choice.html(request)).collect();
    html(200, heading, &format!("{text}<ul class=\"choices\">{choices}</ul>"))
}

/// A page that ends the matter: the browser is sent nowhere.
pub(crate) fn refuse(status: u16, description: &str) -> Answer {
    html(status, "Sorry, but there is trouble signing you in", &format!("<p id=\"error\">{}</p>", escape(description)))
}

fn html(status: u16, heading: &str, content: &str) -> Answer {
    let heading = escape(heading);
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{heading}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"note\">A simulator: everything here is invented, and nothing of it is Microsoft’s.</p>\n\
         <h1>{heading}</h1>\n{content}\n</main>\n</body>\n</html>\n"
    );
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = vec![
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Answer { status, body: text.into_bytes(), headers }
}

/// A text as HTML shows it.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
