//! `activities`

use m365_model::TenantId;
use m365_store::Store;
use m365_store::records::RecordQuery;

use crate::cli::Format;
use crate::exit::Exit;
use crate::output::{Printer, Stopped};

pub async fn run(store: &Store, tenant: &TenantId, format: Format, query: RecordQuery) -> Exit {
    match print(store, tenant, format, query).await {
        Ok(()) => Exit::Done,
        Err(stopped) => stopped.exit(),
    }
}

async fn print(store: &Store, tenant: &TenantId, format: Format, query: RecordQuery) -> Result<(), Stopped> {
    let mut printer = Printer::new(format)?;
    store.each_record(tenant, query, |record| printer.print(record)).await?;
    printer.finish()
}
