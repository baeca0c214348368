//! Disconnecting: what stays and what goes, with numbers, before it happens.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_model::{TenantId, UserId};
use m365_store::allow_list::Leftovers;
use m365_store::{Store, StoreError};

use crate::app::App;
use crate::doors::{Admin, Change, Fields, Form};
use crate::problem::Problem;
use crate::render::{Behind as _, Shell, number};

#[derive(Template)]
#[template(path = "disconnect.html")]
struct DisconnectPage {
    shell: Shell,
    is_syncing: bool,
    domain: String,
    records: String,
    wrong: String,
}

#[derive(Template)]
#[template(path = "parting.html")]
struct PartingPage {
    shell: Shell,
    is_purge: bool,
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    page(&admin, String::new()).await
}

async fn page(admin: &Admin, wrong: String) -> Result<Response, Problem> {
    let (store, tenant) = (admin.app.store(), &admin.who.tenant);
    let domain = store.connector(tenant).await?.tenant_domain.as_str().to_owned();
    let records = number(store.count_records(tenant).await?.unsigned_abs());
    let (shell, is_syncing) = (admin.shell("Disconnect", "connectors"), is_syncing(&admin.app, tenant).await?);
    Ok(admin.page(&DisconnectPage { shell, is_syncing, domain, records, wrong }))
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
    // Nothing is read from here on; what is left of it waits for the sync that is at work, here or in another process.
    store.stop_reading(tenant, &admin.who.user).await?;
    let is_syncing = is_syncing(&admin.app, tenant).await?;
    if let Some(runner) = &admin.app.options.runner {
        // The gate is shut either way; this only makes the run end sooner.
        runner.cancel(tenant).await.ok();
    }
    let parting = tokio::spawn(part(store.clone(), tenant.clone(), leftovers, admin.who.user.clone()));
    if is_syncing {
        let shell = admin.shell("Disconnected", "connectors");
        return Ok(admin.page(&PartingPage { shell, is_purge: leftovers == Leftovers::Purge }));
    }
    parting.await.map_err(|_| Problem::Store("a disconnect broke off".to_owned()))??;
    Ok(Redirect::to("/settings/connectors").into_response())
}

/// It goes on when whoever asked closes the page.
async fn part(store: Store, tenant: TenantId, leftovers: Leftovers, user: UserId) -> Result<(), StoreError> {
    let parted = store.disconnect(&tenant, leftovers, &user).await.map(drop);
    if let Err(error) = &parted {
        tracing::error!(%error, "a disconnect was not finished; it can be repeated");
    }
    parted
}

/// Whether a sync has the connector's lock.
async fn is_syncing(app: &App, tenant: &TenantId) -> Result<bool, Problem> {
    Ok(app.store().database().try_lock(tenant).await.map_err(StoreError::from)?.is_none())
}
