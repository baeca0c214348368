//! The connectors, each with its state.

use askama::Template;
use axum::response::Response;

use super::setup::{Setup, Step};
use crate::doors::Viewer;
use crate::problem::Problem;
use crate::render::{Behind as _, Pill, Shell};

#[derive(Template)]
#[template(path = "connectors.html")]
struct ConnectorsPage {
    shell: Shell,
    state: Pill,
    said: String,
}

/// The list.
pub async fn list(viewer: Viewer) -> Result<Response, Problem> {
    let setup = Setup::of(&viewer.app, &viewer.who.tenant).await?;
    let state = super::connector::state(&setup);
    let said = match setup.connector.as_ref() {
        None => "Not connected. Nothing is being read.".to_owned(),
        Some(connector) if setup.step < Step::Done => {
            format!("Connected to {}. Set-up is not finished.", connector.tenant_domain)
        }
        Some(connector) => format!("Connected to {}.", connector.tenant_domain),
    };
    let page = ConnectorsPage { shell: viewer.shell("Connectors", "connectors"), state, said };
    Ok(viewer.page(&page))
}
