//! `tenants list | add | confirm | move`

use m365_model::{EntraTenantId, TenantId};
use m365_store::{Store, StoreError};

use super::{failed, operator, store_failed};
use crate::cli::Tenants;
use crate::exit::Exit;
use crate::output::line;

pub async fn run(store: &Store, tenant: &TenantId, command: &Tenants) -> Exit {
    match command {
        Tenants::List => list(store).await,
        Tenants::Add { org } => add(store, org).await,
        Tenants::Confirm { entra_tenant_id } => confirm(store, tenant, entra_tenant_id).await,
        Tenants::Move { entra_tenant_id, to } => give(store, entra_tenant_id, to).await,
    }
}

/// A line for each Microsoft tenant: whose, which, and what of it; a tenant that has none gets a line too.
async fn list(store: &Store) -> Exit {
    let lines = match lines(store).await {
        Ok(lines) => lines,
        Err(error) => return store_failed(&error),
    };
    if lines.is_empty() {
        eprintln!("There is no tenant yet: connect one, or add one with m365-connector tenants add.");
        return Exit::Done;
    }
    line(&lines.join("\n")).map_or_else(|stopped| stopped.exit(), |()| Exit::Done)
}

async fn lines(store: &Store) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    for (tenant, owned) in store.owners().await? {
        let reads = match store.connector(&tenant).await {
            Ok(connector) if connector.disconnected_at.is_none() => Some(connector.entra_tenant),
            Ok(_) | Err(StoreError::NotConnected) => None,
            Err(error) => return Err(error),
        };
        let before = lines.len();
        for entra_tenant in owned {
            let what = if reads.as_ref() == Some(&entra_tenant) { "connected" } else { "disconnected" };
            lines.push(format!("{tenant}\t{entra_tenant}\t{what}"));
        }
        for asked in store.confirmations(&tenant).await? {
            let what = if asked.confirmed_at.is_some() { "confirmed" } else { "awaits confirmation" };
            lines.push(format!("{tenant}\t{}\t{what} ({})", asked.entra_tenant, asked.reason.word()));
        }
        if lines.len() == before {
            lines.push(format!("{tenant}\t-\t-"));
        }
    }
    Ok(lines)
}

async fn add(store: &Store, org: &TenantId) -> Exit {
    match store.admit(org, &operator()).await {
        Ok(true) => eprintln!("{org} may use this installation."),
        Ok(false) => eprintln!("{org} might use this installation already; nothing was changed."),
        Err(error) => return store_failed(&error),
    }
    Exit::Done
}

async fn confirm(store: &Store, tenant: &TenantId, entra_tenant: &EntraTenantId) -> Exit {
    match store.admitted(tenant).await {
        Ok(true) => {}
        Ok(false) => {
            return failed(&format_args!("{tenant} is no tenant of this installation: add it with `tenants add`"));
        }
        Err(error) => return store_failed(&error),
    }
    if let Err(error) = store.confirm_entra_tenant(tenant, entra_tenant, &operator()).await {
        return store_failed(&error);
    }
    eprintln!(
        "Confirmed for seven days: {tenant} may connect the Microsoft tenant {entra_tenant}. Whoever asked for it goes on with \
         \"Check now\" in Settings > Connectors."
    );
    Exit::Done
}

async fn give(store: &Store, entra_tenant: &EntraTenantId, to: &TenantId) -> Exit {
    match store.move_entra_tenant(entra_tenant, to, &operator()).await {
        Ok(from) if from == *to => eprintln!("It belongs to {to} already; nothing was changed."),
        Ok(from) => eprintln!(
            "The Microsoft tenant {entra_tenant} belonged to {from} and belongs to {to} now. What {from} recorded stays there."
        ),
        Err(error) => return failed(&error),
    }
    Exit::Done
}
