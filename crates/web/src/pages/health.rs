//! What a sync needs, looked at one after the other.

use askama::Template;
use axum::response::Response;
use m365_sync::{Level, SyncError, health};

use crate::doors::Admin;
use crate::problem::Problem;
use crate::render::{Behind as _, Pill, Shell};

struct CheckRow {
    pill: Pill,
    name: String,
    detail: String,
    resolution: String,
}

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    shell: Shell,
    is_ok: bool,
    checks: Vec<CheckRow>,
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    let runner = admin.app.runner()?;
    let health = health(&admin.who.tenant, runner.engine()).await.map_err(|error| match error {
        SyncError::Store(error) => Problem::from(error),
        SyncError::Setup(_) => Problem::NotRegistered,
    })?;
    let row = |check: m365_sync::Check| CheckRow {
        pill: match check.level {
            Level::Ok => Pill { word: "Fine", tone: "good" },
            Level::Hint => Pill { word: "Note", tone: "" },
            Level::Warning => Pill { word: "Look at this", tone: "warn" },
            Level::Error => Pill { word: "Broken", tone: "bad" },
        },
        name: check.name.replace('_', " "),
        detail: check.detail,
        resolution: check.resolution,
    };
    let checks = health.checks.into_iter().map(row).collect();
    Ok(admin.page(&HealthPage { shell: admin.shell("Health", "connectors"), is_ok: health.ok, checks }))
}
