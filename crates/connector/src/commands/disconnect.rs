//! `disconnect`

use m365_model::TenantId;
use m365_store::Store;
use m365_store::allow_list::Leftovers;

use super::{operator, purge_lines, store_failed};
use crate::exit::Exit;

pub async fn run(store: &Store, tenant: &TenantId, purge: bool) -> Exit {
    if purge && store.ledger().is_none() {
        eprintln!(
            "warning: ERASURE_LEDGER names no file, so a backup of the database that is put back would not know that everything \
             was deleted. It is done all the same."
        );
    }
    let leftovers = if purge { Leftovers::Purge } else { Leftovers::Keep };
    let done = match store.disconnect(tenant, leftovers, &operator()).await {
        Ok(done) => done,
        Err(error) => return store_failed(&error),
    };
    eprintln!("Disconnected since {}: nothing is read any more.", m365_model::to_text(done.at));
    match &done.tables {
        None => {
            eprintln!(
                "{} records are kept, with the lists and settings; the agreement was not withdrawn.",
                done.records_kept
            );
        }
        Some(tables) => {
            eprintln!("The connection was deleted, with everything that was read and set:");
            for line in purge_lines(tables) {
                eprintln!("{line}");
            }
            for (table, rows) in done.settings.iter().filter(|(_, rows)| *rows > 0) {
                eprintln!("  {table:<22} {rows} deleted");
            }
        }
    }
    eprintln!(
        "The Microsoft tenant still belongs to this tenant here; m365-connector tenants move gives it to another. The consent \
         stands at Microsoft until an administrator removes the application under Enterprise applications."
    );
    Exit::Done
}
