//! Signing in and out.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_clerk::Refusal;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use crate::app::Doors;
use crate::doors::{self, Anyone, Button, Fields, Form, LINK_PATH, Sent};
use crate::problem::{Problem, Said};
use crate::render::{Behind as _, Shell};

/// Where to go afterwards.
#[derive(Deserialize)]
pub struct Next {
    next: Option<String>,
    /// Whether to sign out first, with Clerk's own script.
    out: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    shell: Shell,
    next: String,
    is_leaving: bool,
    /// Why a token did not open anything.
    refusal: String,
}

#[derive(Template)]
#[template(path = "sign_in_link.html")]
struct LinkPage {
    shell: Shell,
    secret: String,
}

/// How to sign in.
pub async fn explain(anyone: Anyone, Query(next): Query<Next>) -> Response {
    let (is_leaving, next) = (next.out.is_some(), own_path(next.next.as_deref()));
    if anyone.who.is_some() && !is_leaving {
        return Redirect::to(&next).into_response();
    }
    // A token that ran out is renewed by the script on this page; nobody need read of it.
    let refusal = anyone.refusal.filter(|refusal| *refusal != Refusal::Expired);
    let refusal = refusal.map_or_else(String::new, |refusal| refusal.to_string());
    let page = SignInPage { shell: bare(&anyone, "Sign in"), next, is_leaving, refusal };
    anyone.page_as(StatusCode::UNAUTHORIZED, &page)
}

/// The page of a link. Opening it uses nothing up, because mail programs and chats open links too.
pub async fn link(anyone: Anyone, Path(secret): Path<String>) -> Response {
    anyone.page(&LinkPage { shell: bare(&anyone, "Sign in"), secret })
}

/// A page outside the frame, also for somebody who is signed in.
fn bare(anyone: &Anyone, title: &str) -> Shell {
    Shell { who: None, ..anyone.shell(title, "") }
}

/// A link to be used up.
pub struct Link(String);

impl Form for Link {
    fn read(fields: &Fields) -> Self {
        Self(fields.text("link").to_owned())
    }
}

/// Opens a session.
pub async fn sign_in(sent: Sent<Link>) -> Result<Response, Problem> {
    let app = &sent.anyone.app;
    let Doors::Local(tenant) = &app.options.doors else { return Err(Problem::NotFound) };
    doors::knock(app, &sent.anyone.browser)?;
    let Some(token) = app.store().open_session(tenant, &sent.form.0).await? else {
        return Err(Problem::Said(Box::new(Said {
            status: StatusCode::FORBIDDEN,
            title: "This link does not open a session".to_owned(),
            meaning:
                "A sign-in link works once, for an hour after it was made; this one was used, is too old, or was never \
                      one."
                    .to_owned(),
            remedy: "Have whoever runs this service print a new one: m365-connector sign-in-link".to_owned(),
            link: None,
        })));
    };
    let mut answer = Redirect::to("/").into_response();
    give(&mut answer, doors::session_cookie(app, token.expose_secret()));
    Ok(answer)
}

/// Ends the session.
pub async fn sign_out(sent: Sent<Button>) -> Result<Response, Problem> {
    let app = &sent.anyone.app;
    match (&sent.anyone.who, &app.options.doors) {
        (_, Doors::Clerk(_)) => return Ok(Redirect::to("/sign-in?out=yes").into_response()),
        (Some(who), Doors::Local(tenant)) => app.store().end_session(tenant, &who.session).await?,
        (None, Doors::Local(_)) => {}
    }
    let mut answer = Redirect::to("/sign-in").into_response();
    give(&mut answer, doors::expired_session_cookie(app));
    Ok(answer)
}

fn give(answer: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Our own pages alone are gone on to: a path, and nothing that a browser takes for another host.
fn own_path(next: Option<&str>) -> String {
    let is_ours = |next: &&str| next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    next.filter(is_ours).filter(|next| !next.starts_with(LINK_PATH)).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_host() {
        for next in ["//evil.example", "https://evil.example", "/\\evil.example", "evil", ""] {
            assert_eq!(own_path(Some(next)), "/");
        }
        assert_eq!(own_path(Some("/activities?kind=meeting")), "/activities?kind=meeting");
    }
}
