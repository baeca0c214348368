//! Connecting: whose Microsoft tenant it is, proven at Microsoft.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_model::TenantId;
use m365_onboarding::{Callback, Onboarding, Refusal, Step as Way, Visitor, tenant_of};
use m365_store::invitations::InvitationState;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::register::{PERMISSIONS, Permission};
use super::setup::{RailStep, Setup, Step};
use crate::app::App;
use crate::doors::{Admin, Anyone, Browser, Button, Change, Fields, Form, Sent, Who, knock};
use crate::problem::{Problem, Said};
use crate::render::{Behind as _, Shell, Time};

const HOME: &str = "/settings/connectors/microsoft-365/connect";
const CONNECTOR: &str = "/settings/connectors/microsoft-365";

/// An invitation that was sent.
struct Sending {
    until: Time,
    said: &'static str,
}

#[derive(Template)]
#[template(path = "connect.html")]
struct ConnectPage {
    shell: Shell,
    rail: Vec<RailStep>,
    connected: Option<String>,
    permissions: [Permission; 3],
    /// Microsoft tenants that wait for the operator.
    unconfirmed: Vec<String>,
    /// Those that are proven and not connected yet.
    proven: bool,
    invitations: Vec<Sending>,
    link: Option<(String, Time)>,
    notice: String,
}

fn visitor<'a>(who: &'a Who, browser: &'a Browser) -> Visitor<'a> {
    Visitor { tenant: &who.tenant, user: &who.user, session: &who.session, browser: browser.secret() }
}

fn onboarding(app: &App) -> Result<&Onboarding, Problem> {
    app.options.onboarding.as_ref().ok_or(Problem::NotRegistered)
}

fn refused(refusal: Refusal) -> Problem {
    if let Refusal::Failed(error) = refusal {
        return error.into();
    }
    tracing::info!(reason = refusal.code(), "connecting was refused");
    let status = match refusal {
        Refusal::KeysUnreachable | Refusal::MicrosoftUnreachable => StatusCode::BAD_GATEWAY,
        Refusal::AlreadyBound | Refusal::AlreadyConnected => StatusCode::CONFLICT,
        _ => StatusCode::FORBIDDEN,
    };
    Problem::Said(Box::new(Said {
        status,
        title: refusal.title().to_owned(),
        meaning: refusal.meaning().to_owned(),
        remedy: refusal.remedy().to_owned(),
        link: Some((HOME, "Back to Connect")),
    }))
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    page(&admin, None, String::new()).await
}

async fn page(admin: &Admin, link: Option<(String, Time)>, notice: String) -> Result<Response, Problem> {
    let onboarding = onboarding(&admin.app)?;
    let setup = Setup::of(&admin.app, &admin.who.tenant).await?;
    let waiting = onboarding.waiting(&visitor(&admin.who, &admin.browser)).await.map_err(refused)?;
    let unconfirmed = waiting.tenants.iter().filter(|tenant| tenant.confirmed_at.is_none());
    let said = |state: InvitationState| match state {
        InvitationState::Open => "waiting for the administrator",
        InvitationState::Used => "used",
        InvitationState::Expired => "too old",
        InvitationState::Revoked => "taken back",
    };
    let page = ConnectPage {
        shell: admin.shell("Connect", "connectors"),
        rail: setup.rail(),
        connected: setup.connector.as_ref().map(|connector| connector.tenant_domain.as_str().to_owned()),
        permissions: PERMISSIONS,
        unconfirmed: unconfirmed.map(|tenant| tenant.entra_tenant.to_string()).collect(),
        proven: setup.step == Step::Connect && waiting.tenants.iter().any(|tenant| tenant.confirmed_at.is_some()),
        invitations: waiting
            .invitations
            .iter()
            .map(|invitation| Sending { until: invitation.expires_at.into(), said: said(invitation.state) })
            .collect(),
        link,
        notice,
    };
    Ok(admin.page(&page))
}

/// Sends the administrator to Microsoft's sign-in.
pub async fn begin(change: Change<Button>) -> Result<Response, Problem> {
    let Admin { app, browser, who, .. } = &change.admin;
    knock(app, browser)?;
    let url = onboarding(app)?.begin(&visitor(who, browser)).await.map_err(refused)?;
    Ok(Redirect::to(url.as_str()).into_response())
}

/// Makes a link for somebody else, who is shown it once.
pub async fn invite(change: Change<Button>) -> Result<Response, Problem> {
    let admin = &change.admin;
    let made = onboarding(&admin.app)?.invite(&visitor(&admin.who, &admin.browser)).await.map_err(refused)?;
    let (base, tenant) = (&admin.app.options.public_url, &admin.who.tenant);
    let link = format!("{base}invitations/{tenant}/{}", made.secret.expose_secret());
    page(admin, Some((link, made.expires_at.into())), String::new()).await
}

/// Looks again whether a consent that was given works by now.
pub async fn check(change: Change<Button>) -> Result<Response, Problem> {
    let admin = &change.admin;
    knock(&admin.app, &admin.browser)?;
    match onboarding(&admin.app)?.check_again(&visitor(&admin.who, &admin.browser)).await.map_err(refused)? {
        Way::Bound { .. } => Ok(Redirect::to(CONNECTOR).into_response()),
        Way::GoTo(url) => Ok(Redirect::to(url.as_str()).into_response()),
        Way::AwaitsOperator { .. } => page(admin, None, "The operator has not confirmed it yet.".to_owned()).await,
        Way::StillBeingApplied { .. } => page(admin, None, APPLIED.to_owned()).await,
    }
}

const APPLIED: &str =
    "Microsoft is still applying the consent. That can take from some minutes to two hours; nothing is wrong.";

/// What Microsoft sends along with the browser.
#[derive(Deserialize)]
pub struct Answer {
    state: Option<String>,
    code: Option<String>,
    tenant: Option<String>,
    admin_consent: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

#[derive(Template)]
#[template(path = "connect_said.html")]
struct SaidPage {
    shell: Shell,
    title: &'static str,
    says: String,
    command: String,
    link: Option<(&'static str, &'static str)>,
}

/// A browser comes back from Microsoft, of an administrator here or of somebody who was invited.
pub async fn callback(anyone: Anyone, Query(answer): Query<Answer>) -> Result<Response, Problem> {
    knock(&anyone.app, &anyone.browser)?;
    let onboarding = onboarding(&anyone.app)?;
    let tenant = answer.state.as_deref().and_then(tenant_of);
    let callback = Callback {
        state: answer.state,
        code: answer.code,
        tenant: answer.tenant,
        admin_consent: answer.admin_consent,
        error: answer.error,
        error_description: answer.error_description,
    };
    let browser = anyone.browser.secret();
    let step = match (&anyone.who, &tenant) {
        (Some(who), _) if !who.is_admin => return Err(Problem::NoAdministrator),
        (Some(who), _) if who.is_impersonated => return Err(Problem::Impersonated),
        (Some(who), _) => onboarding.callback(&visitor(who, &anyone.browser), callback).await,
        (None, Some(tenant)) => onboarding.callback_invited(tenant, browser, callback).await,
        (None, None) => Err(Refusal::ForeignState),
    };
    let is_here = anyone.who.is_some();
    let said = |title, says: String, command| SaidPage {
        shell: Shell { who: None, ..anyone.shell(title, "connectors") },
        title,
        says,
        command,
        link: is_here.then_some((CONNECTOR, "Go on with the set-up")),
    };
    let page = match step.map_err(refused)? {
        Way::GoTo(url) => return Ok(Redirect::to(url.as_str()).into_response()),
        Way::Bound { .. } if is_here => return Ok(Redirect::to(CONNECTOR).into_response()),
        Way::Bound { domain, .. } => said(
            "Connected",
            format!("{domain} is connected. Nothing is read before the agreement is accepted and domains are named. You can close this page."),
            String::new(),
        ),
        Way::AwaitsOperator { entra_tenant } => said(
            "Somebody has to confirm this",
            "Microsoft did not tell whether your account is a Global Administrator or Privileged Role Administrator, and \
             membership alone proves nothing. Have whoever runs this service check it with you and run:"
                .to_owned(),
            format!("m365-connector tenants confirm --entra-tenant-id {entra_tenant}"),
        ),
        Way::StillBeingApplied { .. } => said("Almost done", APPLIED.to_owned(), String::new()),
    };
    Ok(anyone.page(&page))
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct InvitationPage {
    shell: Shell,
    permissions: [Permission; 3],
    tenant: String,
    secret: String,
    until: Time,
}

/// The page that somebody who was invited sees. Opening it uses nothing up.
pub async fn invitation(anyone: Anyone, Path((tenant, secret)): Path<(String, String)>) -> Result<Response, Problem> {
    knock(&anyone.app, &anyone.browser)?;
    let id: TenantId = tenant.parse().map_err(|_| Problem::NotFound)?;
    let found = onboarding(&anyone.app)?.open_invitation(&id, &secret).await.map_err(refused)?;
    let shell = Shell { who: None, ..anyone.shell("An invitation", "") };
    let until = found.expires_at.into();
    Ok(anyone.page(&InvitationPage { shell, permissions: PERMISSIONS, tenant, secret, until }))
}

/// An invitation that is taken up.
pub struct Invited {
    tenant: String,
    secret: String,
}

impl Form for Invited {
    fn read(fields: &Fields) -> Self {
        Self { tenant: fields.text("tenant").to_owned(), secret: fields.text("secret").to_owned() }
    }
}

/// Sends whoever was invited to Microsoft's sign-in.
pub async fn accept_invitation(sent: Sent<Invited>) -> Result<Response, Problem> {
    knock(&sent.anyone.app, &sent.anyone.browser)?;
    let tenant: TenantId = sent.form.tenant.parse().map_err(|_| Problem::NotFound)?;
    let (onboarding, browser) = (onboarding(&sent.anyone.app)?, sent.anyone.browser.secret());
    let url = onboarding.begin_invited(&tenant, &sent.form.secret, browser).await.map_err(refused)?;
    Ok(Redirect::to(url.as_str()).into_response())
}
