//! What is kept about people: every table of the database in sentences, with the number of its rows.

use askama::Template;
use axum::response::Response;
use m365_store::kept::{About, Kept};
use m365_store::overview::AuditEntry;
use serde_json::Value;

use crate::doors::Viewer;
use crate::problem::Problem;
use crate::render::{Behind as _, Shell, Time, number};

/// A table.
struct Line {
    kept: Kept,
    rows: Option<String>,
}

/// Something that was done last.
struct Last {
    at: Time,
    said: String,
}

#[derive(Template)]
#[template(path = "kept.html")]
struct KeptPage {
    shell: Shell,
    outsiders: Vec<Line>,
    own: Vec<Line>,
    nobody: Vec<Line>,
    retention: Option<u16>,
    retained: Option<Last>,
    erased: Option<Last>,
    audited: Option<Time>,
}

/// The page.
pub async fn show(viewer: Viewer) -> Result<Response, Problem> {
    let (store, tenant) = (viewer.app.store(), &viewer.who.tenant);
    let (mut outsiders, mut own, mut nobody) = (Vec::new(), Vec::new(), Vec::new());
    for (kept, rows) in store.kept(tenant).await? {
        let line = Line { kept, rows: rows.map(number) };
        match kept.about {
            About::Outsiders => outsiders.push(line),
            About::Own => own.push(line),
            About::Nobody => nobody.push(line),
        }
    }
    let page = KeptPage {
        shell: viewer.shell("What is kept", "kept"),
        outsiders,
        own,
        nobody,
        retention: store.settings(tenant).await?.retention_days,
        retained: store.last_done(tenant, "retention.applied").await?.as_ref().map(last),
        erased: store.last_done(tenant, "erasure.done").await?.as_ref().map(last),
        audited: store.audit_trail(tenant, None, 1).await?.first().map(|entry| entry.at.into()),
    };
    Ok(viewer.page(&page))
}

/// When it was, and what became of records. Who did it stands in the audit trail, for administrators.
fn last(entry: &AuditEntry) -> Last {
    let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
    let records = &detail["tables"]["activity"];
    let n = |name: &str| number(records[name].as_u64().unwrap_or_default());
    Last { at: entry.at.into(), said: format!("{} records deleted, {} changed", n("deleted"), n("changed")) }
}
