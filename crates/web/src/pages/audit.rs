//! What was done, by whom.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;

use crate::doors::Admin;
use crate::problem::Problem;
use crate::render::{Behind as _, Shell, Time};

/// How many entries a page has.
const PAGE: u16 = 50;

/// Where the page begins.
#[derive(Deserialize)]
pub struct Place {
    before: Option<i64>,
}

struct Row {
    at: Time,
    actor: String,
    action: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    rows: Vec<Row>,
    older: Option<i64>,
}

/// The page.
pub async fn show(admin: Admin, Query(place): Query<Place>) -> Result<Response, Problem> {
    let entries = admin.app.store().audit_trail(&admin.who.tenant, place.before, PAGE).await?;
    let older = (entries.len() == usize::from(PAGE)).then(|| entries.last().map(|entry| entry.number)).flatten();
    let row = |entry: m365_store::overview::AuditEntry| Row {
        at: entry.at.into(),
        actor: entry.actor,
        detail: if entry.detail == "{}" { String::new() } else { entry.detail },
        action: entry.action,
    };
    let rows = entries.into_iter().map(row).collect();
    Ok(admin.page(&AuditPage { shell: admin.shell("Audit trail", "audit"), rows, older }))
}
