//! Who gets in.
//!
//! A **gate** is what a handler asks for first; it says who may pass, and hands over who is there. Each has a [`Rule`]
//! beside it, so that a table of routes can be printed and tried.

mod browser;
mod clerk;
mod client;
mod limits;
mod local;
mod proof;

use std::convert::Infallible;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use m365_clerk::Refusal;
use m365_model::{TenantId, UserId};

pub use crate::form::{Button, Fields, Form};
pub(crate) use browser::{Browser, cookie};
pub(crate) use clerk::script as clerk_script;
use client::Client;
pub use client::{InvalidProxies, TrustedProxies};
pub(crate) use limits::{Limiter, knock};
pub(crate) use local::{LINK_PATH, expired_session_cookie, session_cookie};
pub(crate) use proof::{PROOF, make as make_proof};

use self::clerk::Found;
use crate::app::{App, Doors};
use crate::problem::Problem;

/// Who may pass a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Whoever asks.
    Anyone,
    /// Whoever is signed in for the tenant.
    Member,
    /// An administrator of the tenant.
    Admin,
    /// The same, with a proof that the form came from one of our pages, and not in somebody else's name.
    Change,
}

/// A gate.
pub trait Gate {
    /// Who may pass.
    const RULE: Rule;
}

/// Whoever asks, without a look at who it is: for machines that watch.
pub struct Open(pub App);

/// Whoever asks; perhaps he is signed in.
pub struct Anyone {
    /// The dashboard.
    pub app: App,
    /// His browser.
    pub(crate) browser: Browser,
    /// Who he is, if he is signed in.
    pub who: Option<Who>,
    /// Why he is not, though he brought a token.
    pub refusal: Option<Refusal>,
}

/// Somebody who is signed in for a tenant.
#[derive(Debug, Clone)]
pub struct Who {
    /// The tenant.
    pub tenant: TenantId,
    /// Who.
    pub user: UserId,
    /// Whether he may change something.
    pub is_admin: bool,
    /// Whether somebody else acts in his name: he may look then, and change nothing.
    pub is_impersonated: bool,
    /// What binds forms to the session. No secret.
    pub session: String,
}

/// A member of the tenant.
pub struct Viewer {
    /// The dashboard.
    pub app: App,
    /// His browser.
    pub(crate) browser: Browser,
    /// Who he is.
    pub who: Who,
}

/// An administrator of the tenant, who looks.
pub struct Admin {
    /// The dashboard.
    pub app: App,
    /// His browser.
    pub(crate) browser: Browser,
    /// Who he is.
    pub who: Who,
    /// What he sent with it, to be judged again.
    pub(crate) headers: HeaderMap,
}

/// An administrator of the tenant, who changes something with a form of ours.
pub struct Change<F> {
    /// Who.
    pub admin: Admin,
    /// What he typed.
    pub form: F,
}

/// A member of the tenant, who asks for something with a form of ours, because what he typed must not stand in an address bar.
pub struct Asked<F> {
    /// Who.
    pub viewer: Viewer,
    /// What he typed.
    pub form: F,
}

/// Somebody who sends a form of ours, signed in or not.
pub struct Sent<F> {
    /// Who.
    pub anyone: Anyone,
    /// What he typed.
    pub form: F,
}

impl Gate for Open {
    const RULE: Rule = Rule::Anyone;
}
impl Gate for Anyone {
    const RULE: Rule = Rule::Anyone;
}
impl Gate for Viewer {
    const RULE: Rule = Rule::Member;
}
impl Gate for Admin {
    const RULE: Rule = Rule::Admin;
}
impl<F> Gate for Change<F> {
    const RULE: Rule = Rule::Change;
}
impl<F> Gate for Asked<F> {
    const RULE: Rule = Rule::Member;
}
impl<F> Gate for Sent<F> {
    const RULE: Rule = Rule::Anyone;
}

impl FromRequestParts<App> for Open {
    type Rejection = Infallible;
    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(app.clone()))
    }
}

impl FromRequestParts<App> for Anyone {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let browser = Browser::of(parts, app);
        let (who, refusal) = match &app.options.doors {
            Doors::Local(tenant) => (local::who(app, tenant, &parts.headers).await?, None),
            Doors::Clerk(verifier) => match clerk::who(app, verifier, &parts.headers).await? {
                Found::Somebody(who) => (Some(who), None),
                Found::Nobody => (None, None),
                Found::Refused(refusal) => (None, Some(refusal)),
            },
        };
        Ok(Self { app: app.clone(), browser, who, refusal })
    }
}

impl FromRequestParts<App> for Viewer {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Anyone { app, browser, who, .. } = Anyone::from_request_parts(parts, app).await?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let who = who.ok_or_else(|| Problem::SignIn { next: path.to_owned() })?;
        Ok(Self { app, browser, who })
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Viewer { app, browser, who } = Viewer::from_request_parts(parts, app).await?;
        let headers = parts.headers.clone();
        if who.is_admin { Ok(Self { app, browser, who, headers }) } else { Err(Problem::NoAdministrator) }
    }
}

impl Admin {
    /// Whether the session that this began in is still an administrator's: for answers that go on for long. A token of
    /// Clerk's lasts a minute; the browser asks anew with the next one.
    pub(crate) async fn is_still_in(&self) -> bool {
        match &self.app.options.doors {
            Doors::Local(tenant) => local::is_open(&self.app, tenant, &self.who).await,
            Doors::Clerk(verifier) => {
                let found = clerk::who(&self.app, verifier, &self.headers).await;
                matches!(found, Ok(Found::Somebody(who)) if who.is_admin)
            }
        }
    }
}

/// A form, and whoever sent it, before its proof is looked at.
async fn form_of(request: Request, app: &App) -> Result<(Parts, Fields, Anyone), Problem> {
    let (mut parts, body) = request.into_parts();
    let fields = proof::read(body).await?;
    let anyone = Anyone::from_request_parts(&mut parts, app).await?;
    Ok((parts, fields, anyone))
}

/// A form of somebody who is signed in, before its proof is looked at.
async fn form_of_viewer(request: Request, app: &App) -> Result<(Parts, Fields, Viewer), Problem> {
    let (parts, fields, Anyone { app, browser, who, .. }) = form_of(request, app).await?;
    match who {
        Some(who) => Ok((parts, fields, Viewer { app, browser, who })),
        None => Err(proof::unproven(&parts, &app, &fields, &browser, None)),
    }
}

impl<F: Form> FromRequest<App> for Sent<F> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, fields, anyone) = form_of(request, app).await?;
        proof::assert_holds(&parts, app, &fields, &anyone.browser, anyone.who.as_ref())?;
        Ok(Self { anyone, form: F::read(&fields) })
    }
}

impl<F: Form> FromRequest<App> for Asked<F> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, fields, viewer) = form_of_viewer(request, app).await?;
        proof::assert_holds(&parts, app, &fields, &viewer.browser, Some(&viewer.who))?;
        Ok(Self { viewer, form: F::read(&fields) })
    }
}

impl<F: Form> FromRequest<App> for Change<F> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, fields, viewer) = form_of_viewer(request, app).await?;
        if !viewer.who.is_admin {
            return Err(Problem::NoAdministrator);
        }
        if viewer.who.is_impersonated {
            return Err(Problem::Impersonated);
        }
        proof::assert_holds(&parts, app, &fields, &viewer.browser, Some(&viewer.who))?;
        let Viewer { app, browser, who } = viewer;
        Ok(Self { admin: Admin { app, browser, who, headers: parts.headers }, form: F::read(&fields) })
    }
}
