//! `sign-in-link`

use m365_model::TenantId;
use m365_store::Store;
use secrecy::ExposeSecret as _;

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
    match store.create_sign_in_link(tenant).await {
        Ok(secret) => {
            eprintln!("Open this within an hour; it works once:");
            let link = format!("{}sign-in/{}", settings.public_url, secret.expose_secret());
            line(&link).map_or_else(|stopped| stopped.exit(), |()| Exit::Done)
        }
        Err(error) => store_failed(&error),
    }
}
