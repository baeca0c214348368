//! Disconnecting: what stays and what goes, with numbers, before it happens.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_store::allow_list::Leftovers;

use crate::doors::{Admin, Change, Fields, Form};
use crate::problem::Problem;
use crate::render::{Behind as _, Shell, number};

#[derive(Template)]
#[template(path = "disconnect.html")]
struct DisconnectPage {
    shell: Shell,
    domain: String,
    records: String,
    wrong: String,
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    page(&admin, String::new()).await
}

async fn page(admin: &Admin, wrong: String) -> Result<Response, Problem> {
    let (store, tenant) = (admin.app.store(), &admin.who.tenant);
    let domain = store.connector(tenant).await?.tenant_domain.as_str().to_owned();
    let records = number(store.count_records(tenant).await?.unsigned_abs());
    Ok(admin.page(&DisconnectPage { shell: admin.shell("Disconnect", "connectors"), domain, records, wrong }))
}

/// What is to become of the records, and the domain typed once more.
pub struct Parting {
    leftovers: String,
    domain: String,
}

impl Form for Parting {
    fn read(fields: &Fields) -> Self {
        Self { leftovers: fields.text("leftovers").to_owned(), domain: fields.text("domain").to_owned() }
    }
}

/// Disconnects.
pub async fn disconnect(change: Change<Parting>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    let (store, tenant) = (admin.app.store(), &admin.who.tenant);
    let leftovers = match form.leftovers.as_str() {
        "keep" => Leftovers::Keep,
        "purge" => Leftovers::Purge,
        _ => return page(&admin, String::new()).await,
    };
    if leftovers == Leftovers::Purge && form.domain != store.connector(tenant).await?.tenant_domain.as_str() {
        return page(&admin, "Nothing was deleted: type the domain as it stands there.".to_owned()).await;
    }
    if let Some(runner) = &admin.app.options.runner {
        runner.cancel(tenant);
    }
    store.disconnect(tenant, leftovers, &admin.who.user).await?;
    Ok(Redirect::to("/settings/connectors").into_response())
}
