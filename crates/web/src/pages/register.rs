//! Registering the application at Microsoft: what to copy, and what each permission allows.

use askama::Template;
use axum::response::Response;

use super::setup::{RailStep, Setup};
use crate::doors::Admin;
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
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    let setup = Setup::of(&admin.app, &admin.who.tenant).await?;
    let page = RegisterPage {
        shell: admin.shell("Register the application", "connectors"),
        rail: setup.rail(),
        redirect_uri: admin.app.options.redirect_uri.to_string(),
        manifest: manifest(),
        permissions: PERMISSIONS,
        is_registered: admin.app.options.runner.is_some(),
    };
    Ok(admin.page(&page))
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
