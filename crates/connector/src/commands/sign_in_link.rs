//! `sign-in-link`

use m365_model::TenantId;
use m365_store::{Store, StoreError};
use secrecy::ExposeSecret as _;
use url::Url;

use super::store_failed;
use crate::exit::{Exit, explain};
use crate::output::line;
use crate::settings::{ProcessEnvironment, Reader};

pub async fn run(store: &Store, tenant: &TenantId) -> Exit {
    let mut reader = Reader::new(&ProcessEnvironment);
    let settings = reader.dashboard();
    if let Err(mistakes) = reader.finish() {
        explain(&mistakes);
        return Exit::Usage;
    }
    let Some(settings) = settings else { return Exit::Usage };
    match make(store, tenant, &settings.public_url).await {
        Ok(link) => {
            eprintln!("Open this within an hour; it works once:");
            line(&link).map_or_else(|stopped| stopped.exit(), |()| Exit::Done)
        }
        Err(error) => store_failed(&error),
    }
}

/// A link of the dashboard at `public_url` that signs the local administrator in, once.
pub async fn make(store: &Store, tenant: &TenantId, public_url: &Url) -> Result<String, StoreError> {
    let secret = store.create_sign_in_link(tenant).await?;
    Ok(format!("{public_url}sign-in/{}", secret.expose_secret()))
}
