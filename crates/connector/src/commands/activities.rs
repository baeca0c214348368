//! `activities`

use m365_model::TenantId;
use m365_store::export::RecordQuery;
use m365_store::feed::Cursor;
use m365_store::settings::Detail;
use m365_store::{Store, StoreError};

use crate::cli::Format;
use crate::exit::{Exit, explain};
use crate::output::{Lines, Printer, Stopped};

pub async fn run(store: &Store, tenant: &TenantId, format: Format, query: RecordQuery) -> Exit {
    match print(store, tenant, format, query).await {
        Ok(()) => Exit::Done,
        Err(stopped) => stopped.exit(),
    }
}

async fn print(store: &Store, tenant: &TenantId, format: Format, query: RecordQuery) -> Result<(), Stopped> {
    // A backup that was put back may hold people who were erased.
    store.reconcile_ledger(tenant).await?;
    let with_details = store.settings(tenant).await?.detail == Detail::Extended;
    let mut printer = Printer::new(format, with_details)?;
    store.each_record(tenant, query, |record| printer.print(record)).await?;
    printer.finish()
}

/// `activities --changes`
pub async fn changes(tenant: &TenantId, format: Format, after: Option<Cursor>) -> Exit {
    if format == Format::Csv {
        explain(&"--changes prints ndjson alone: a change is no row of a table");
        return Exit::Usage;
    }
    super::with_database(true, async |store| match print_changes(&store, tenant, after).await {
        Ok(()) => Exit::Done,
        // What was typed is wrong, not the database.
        Err(Stopped::Store(error @ StoreError::ForeignCursor)) => {
            explain(&error);
            Exit::Usage
        }
        Err(stopped) => stopped.exit(),
    })
    .await
}

async fn print_changes(store: &Store, tenant: &TenantId, after: Option<Cursor>) -> Result<(), Stopped> {
    store.reconcile_ledger(tenant).await?;
    let mut lines = Lines::new();
    store.each_change(tenant, after, |change| lines.print(change)).await?;
    lines.finish()
}
