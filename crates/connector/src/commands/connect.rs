//! `connect`

use m365_model::{EntraTenantId, TenantId};
use m365_privacy::DomainName;
use m365_store::Store;

use super::{failed, operator, with_database};
use crate::exit::{Exit, explain};
use crate::settings::{ProcessEnvironment, Reader};

pub async fn run(tenant: &TenantId, entra_tenant: &EntraTenantId, domain: &str) -> Exit {
    let mut reader = Reader::new(&ProcessEnvironment);
    let pinned = reader.pinned_tenant();
    if let Err(mistakes) = reader.finish() {
        explain(&mistakes);
        return Exit::Usage;
    }
    if pinned.is_some_and(|pinned| pinned != *entra_tenant) {
        explain(&"this installation is pinned to another Entra tenant by O365_TENANT_ID");
        return Exit::Usage;
    }
    let domain: DomainName = match domain.parse() {
        Ok(domain) => domain,
        Err(error) => {
            explain(&format_args!("--tenant-domain: {error}"));
            return Exit::Usage;
        }
    };
    with_database(true, async |store| connect(&store, tenant, entra_tenant, &domain).await).await
}

async fn connect(store: &Store, tenant: &TenantId, entra_tenant: &EntraTenantId, domain: &DomainName) -> Exit {
    let _turn = match store.database().lock(tenant).await {
        Ok(lock) => lock,
        Err(error) => return failed(&error),
    };
    match store.connect(tenant, entra_tenant, domain, &operator()).await {
        Ok(_) => {
            eprintln!("Connected to the Entra tenant {entra_tenant}; {domain} is internal. Nothing is read yet.");
            eprintln!("Next: m365-connector dpa show, then dpa accept --user ID");
            Exit::Done
        }
        Err(error) => failed(&error),
    }
}
