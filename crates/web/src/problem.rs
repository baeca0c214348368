//! What went wrong, for the person who reads it: what happened, what it means, what to do.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use m365_model::TenantId;
use m365_store::StoreError;
use m365_sync::runner::RunnerError;
use url::form_urlencoded;

use crate::render::{Shell, html};

/// Why a request has no page of its own.
pub enum Problem {
    /// Nobody is signed in.
    SignIn {
        /// Where to go on afterwards.
        next: String,
    },
    /// Whoever is signed in is no administrator.
    NoAdministrator,
    /// Whoever is signed in belongs to an organization that no operator admitted.
    NotAdmitted(TenantId),
    /// Somebody acts in another's name.
    Impersonated,
    /// A form was sent by another site.
    Foreign,
    /// A form came from one of our pages, and its session is another one by now.
    Again(Box<Again>),
    /// A form is too long.
    TooLong,
    /// Somebody tries too often.
    TooOften,
    /// Nothing is there.
    NotFound,
    /// Nothing is connected yet.
    NotConnected,
    /// The program was not told who the application is.
    NotRegistered,
    /// The database failed; the number finds the error in the log.
    Store(String),
    /// Something else, in our own sentences.
    Said(Box<Said>),
}

/// A form that is to be sent once more.
pub struct Again {
    /// Where to.
    pub action: String,
    /// What was typed.
    pub fields: Vec<(String, String)>,
    /// The proof for the session that there is now.
    pub proof: String,
    /// Whether there is one.
    pub is_signed_in: bool,
    /// The browser's cookie, if it has none.
    pub cookie: Option<HeaderValue>,
}

/// A page that says one thing.
pub struct Said {
    /// The status of the answer.
    pub status: StatusCode,
    /// What happened.
    pub title: String,
    /// What it means.
    pub meaning: String,
    /// What to do.
    pub remedy: String,
    /// Where to go from here, and what it is called.
    pub link: Option<(&'static str, &'static str)>,
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::NotConnected) {
            return Self::NotConnected;
        }
        let reference = crate::headers::nonce().chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>();
        tracing::error!(%error, reference, "a page could not be made");
        Self::Store(reference)
    }
}

impl From<RunnerError> for Problem {
    fn from(error: RunnerError) -> Self {
        match error {
            RunnerError::Store(error) => error.into(),
            RunnerError::Unreachable => Self::Said(Box::new(said(
                StatusCode::SERVICE_UNAVAILABLE,
                "Syncs can be neither started nor stopped just now",
                "Temporal, which does the syncs of this installation, does not answer. Syncs that are under way go on when it is \
                 back; nothing is lost.",
                "Try again in a few minutes. If it stays so, have the operator look at the Temporal server.",
            ))),
        }
    }
}

impl From<m365_database::DatabaseError> for Problem {
    fn from(error: m365_database::DatabaseError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<m365_database::GateError> for Problem {
    fn from(error: m365_database::GateError) -> Self {
        match error {
            m365_database::GateError::Database(error) => error.into(),
            // Pages look at the agreement first; what changed in between is seen when they are opened again.
            _ => Self::NotConnected,
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    shell: Shell,
    title: String,
    meaning: String,
    remedy: String,
    link: Option<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "again.html")]
struct AgainPage {
    shell: Shell,
    again: Again,
}

fn said(status: StatusCode, title: &str, meaning: &str, remedy: &str) -> Said {
    Said { status, title: title.to_owned(), meaning: meaning.to_owned(), remedy: remedy.to_owned(), link: None }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let said = match self {
            Self::SignIn { next } => {
                let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
                return Redirect::to(&format!("/sign-in?{query}")).into_response();
            }
            Self::Again(mut again) => {
                let cookie = again.cookie.take();
                let shell = Shell::bare("Send this once more");
                let mut page = html(StatusCode::FORBIDDEN, &AgainPage { shell, again: *again });
                if let Some(cookie) = cookie {
                    page.headers_mut().append(header::SET_COOKIE, cookie);
                }
                return page;
            }
            Self::NoAdministrator => said(
                StatusCode::FORBIDDEN,
                "This needs an administrator",
                "You are signed in as a member. Members can look at activities; the connector is in administrators’ hands.",
                "Ask an administrator of your organization to do this, or to make you one.",
            ),
            Self::NotAdmitted(tenant) => Said {
                link: Some(("/sign-in?out=yes", "Sign out")),
                ..said(
                    StatusCode::FORBIDDEN,
                    "Your organization is not admitted here",
                    "You are signed in, but whoever runs this service decides which organizations may use it.",
                    &format!("Have them run: m365-connector tenants add {tenant}"),
                )
            },
            Self::Impersonated => said(
                StatusCode::FORBIDDEN,
                "You are acting in somebody else’s name",
                "An impersonated session may look at everything and change nothing: what is accepted here binds the person.",
                "Have the person sign in and do it.",
            ),
            Self::Foreign => said(
                StatusCode::FORBIDDEN,
                "Nothing was changed",
                "This form was not sent by a page of this dashboard.",
                "Open the page here and send the form from there.",
            ),
            Self::TooLong => said(
                StatusCode::PAYLOAD_TOO_LARGE,
                "That is too much at once",
                "A form may hold one megabyte. Nothing was changed.",
                "Send it in parts: ten thousand domains fit in easily.",
            ),
            Self::TooOften => said(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many tries",
                "Whoever shares your address, or everybody together, tried to sign in or to connect very often within a minute.",
                "Wait a minute, then try again.",
            ),
            Self::NotFound => said(
                StatusCode::NOT_FOUND,
                "There is nothing here",
                "The address is mistyped, or what it showed was deleted.",
                "Go back, or start from the list of connectors.",
            ),
            Self::NotConnected => Said {
                link: Some(("/settings/connectors/microsoft-365", "Go on with the set-up")),
                ..said(
                    StatusCode::CONFLICT,
                    "Nothing is connected yet",
                    "This page shows what a connection to Microsoft 365 brings.",
                    "Connect Microsoft 365 first.",
                )
            },
            Self::NotRegistered => Said {
                link: Some(("/settings/connectors/microsoft-365/register", "Go on with the set-up")),
                ..said(
                    StatusCode::CONFLICT,
                    "The application is not registered yet",
                    "This service was started without O365_CLIENT_ID and a secret or certificate, so it cannot ask Microsoft.",
                    "Register the application as the set-up shows, give the program its values, and start it again.",
                )
            },
            Self::Store(reference) => said(
                StatusCode::SERVICE_UNAVAILABLE,
                "The database does not answer",
                "Nothing can be read or changed at the moment, and nothing was changed.",
                &format!(
                    "Try again soon. If it stays so, have whoever runs this service look for “{reference}” in its log."
                ),
            ),
            Self::Said(said) => *said,
        };
        let shell = Shell::bare(&said.title);
        let Said { status, title, meaning, remedy, link } = said;
        let link = link.or(Some(("/settings/connectors", "Connectors")));
        html(status, &ProblemPage { shell, title, meaning, remedy, link })
    }
}
