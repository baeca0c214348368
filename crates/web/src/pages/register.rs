//! Registering the application at Microsoft: what to copy, and what each permission allows.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_model::TenantId;
use m365_store::notes::SecretEnd;

use super::setup::{RailStep, Setup};
use crate::app::App;
use crate::doors::{Admin, Change, Fields, Form};
use crate::problem::Problem;
use crate::render::{Behind as _, Shell};

/// A permission, by the id that manifests name it by
/// (<https://learn.microsoft.com/en-us/graph/permissions-reference>).
pub struct Permission {
    /// What Microsoft calls it.
    pub name: &'static str,
    /// Its id.
    pub id: &'static str,
    /// What it lets the connector do.
    pub allows: &'static str,
    /// What of that is not used.
    pub discards: &'static str,
    /// Why a smaller one does not do.
    pub why: &'static str,
}

/// The three that are needed, and no other.
pub const PERMISSIONS: [Permission; 3] = [
    Permission {
        name: "Calendars.Read",
        id: "798ee544-9d2d-430c-a058-570e29e34338",
        allows: "Reading the calendars of the mailboxes that you choose.",
        discards: "Descriptions arrive unasked and are skipped unread. Meetings marked private are left out.",
        why: "Calendars.ReadBasic hides the subject and sends no attendees in changes.",
    },
    Permission {
        name: "Mail.ReadBasic.All",
        id: "693c5e45-0940-467d-9b8a-1022fb9d42ef",
        allows: "Reading who wrote to whom and when, and the subject.",
        discards: "Of messages without anyone from a domain on your list, nothing is kept.",
        why: "It is the smallest: it cannot read a body, a preview or an attachment at all.",
    },
    Permission {
        name: "User.Read.All",
        id: "df021288-bdef-4463-88db-98f22de89214",
        allows: "Listing your mailboxes and your own domains.",
        discards: "Names and profiles are not kept. Addresses of colleagues serve to tell them from outsiders.",
        why: "User.ReadBasic.All hides the other addresses of a user, so colleagues would pass for outsiders.",
    },
];

/// The service that the permissions are of
/// (<https://learn.microsoft.com/en-us/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in>).
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage {
    shell: Shell,
    rail: Vec<RailStep>,
    redirect_uri: String,
    manifest: String,
    permissions: [Permission; 3],
    is_registered: bool,
    secret: Option<Secret>,
    typed: String,
    wrong: &'static str,
}

/// When the application's secret ends, for people.
pub struct Secret {
    /// The day, for people.
    pub day: String,
    /// How far that is.
    pub left: String,
    /// Whether it is time to make another.
    pub is_near: bool,
    iso: String,
}

impl Secret {
    /// What was noted of it.
    pub async fn of(app: &App, tenant: &TenantId) -> Result<Option<Self>, Problem> {
        let now = app.store().surroundings().now();
        let of = |end: SecretEnd| Self {
            day: end.0.strftime("%-d %b %Y").to_string(),
            left: match end.days_left(now) {
                left if left < 0 => "that day is over".to_owned(),
                0 => "today".to_owned(),
                1 => "tomorrow".to_owned(),
                left => format!("in {left} days"),
            },
            is_near: end.is_near(now),
            iso: end.0.to_string(),
        };
        Ok(app.store().secret_end(tenant).await?.map(of))
    }
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    page(&admin, None).await
}

async fn page(admin: &Admin, wrong: Option<(Noted, &'static str)>) -> Result<Response, Problem> {
    let setup = Setup::of(&admin.app, &admin.who.tenant).await?;
    let secret = Secret::of(&admin.app, &admin.who.tenant).await?;
    let page = RegisterPage {
        shell: admin.shell("Register the application", "connectors"),
        rail: setup.rail(),
        redirect_uri: admin.app.options.redirect_uri.to_string(),
        manifest: manifest(),
        permissions: PERMISSIONS,
        is_registered: admin.app.options.runner.is_some(),
        typed: wrong.as_ref().map_or_else(
            || secret.as_ref().map(|secret| secret.iso.clone()).unwrap_or_default(),
            |(Noted(typed), _)| typed.clone(),
        ),
        wrong: wrong.map(|(_, wrong)| wrong).unwrap_or_default(),
        secret,
    };
    Ok(admin.page(&page))
}

/// A day that was typed; empty to forget it.
pub struct Noted(String);

impl Form for Noted {
    fn read(fields: &Fields) -> Self {
        Self(fields.text("day").to_owned())
    }
}

/// Microsoft lets nobody make one that lasts as long.
const LONGEST_DAYS: i32 = 3660;

/// Notes when the application's secret ends.
pub async fn note(change: Change<Noted>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    let store = admin.app.store();
    let end = match form.0.as_str() {
        "" => None,
        text => match text.parse().map(SecretEnd) {
            Ok(end) if end.days_left(store.surroundings().now()) < 0 => {
                return page(&admin, Some((form, "This day is over: note the day of the secret that is in use.")))
                    .await;
            }
            Ok(end) if end.days_left(store.surroundings().now()) <= LONGEST_DAYS => Some(end),
            _ => {
                let wrong = "Type a day as year, month and day, within ten years: 2027-05-01, say.";
                return page(&admin, Some((form, wrong))).await;
            }
        },
    };
    store.note_secret_end(&admin.who.tenant, &admin.who.user, end).await?;
    Ok(Redirect::to("/settings/connectors/microsoft-365/register").into_response())
}

/// The part of an application's manifest that asks for the three.
fn manifest() -> String {
    let access: Vec<_> =
        PERMISSIONS.iter().map(|permission| serde_json::json!({ "id": permission.id, "type": "Role" })).collect();
    let block = serde_json::json!({
        "requiredResourceAccess": [{ "resourceAppId": GRAPH, "resourceAccess": access }],
        "groupMembershipClaims": "DirectoryRole",
    });
    serde_json::to_string_pretty(&block).unwrap_or_default()
}
