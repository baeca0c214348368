//! The front door, and whether the service is well.

use axum::http::StatusCode;
use axum::response::Redirect;

use crate::doors::{Open, Viewer};

pub async fn home(_: Viewer) -> Redirect {
    Redirect::to("/settings/connectors/microsoft-365")
}

/// Whether the process is there.
pub async fn healthz(_: Open) -> &'static str {
    "ok\n"
}

/// Whether the database answers.
pub async fn readyz(Open(app): Open) -> (StatusCode, &'static str) {
    match app.store().database().tenants().await {
        Ok(_) => (StatusCode::OK, "ok\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
