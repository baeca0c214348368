//! `copy`

use m365_database::{Database, DatabaseError};
use m365_model::Surroundings;

use super::failed;
use crate::exit::{Exit, explain};
use crate::logging;
use crate::settings::{ProcessEnvironment, Reader};

pub async fn run(from: &str, to: &str) -> Exit {
    let mut reader = Reader::new(&ProcessEnvironment);
    let (level, format) = reader.logging();
    if let Err(mistakes) = reader.finish() {
        explain(&mistakes);
        return Exit::Usage;
    }
    logging::start(&level, format);
    let (source, target) = match open(from, to).await {
        Ok(both) => both,
        Err(error) => return failed(&error),
    };
    let exit = copy(&source, &target).await;
    source.close().await;
    target.close().await;
    exit
}

async fn open(from: &str, to: &str) -> Result<(Database, Database), DatabaseError> {
    let source = Database::open(from, Surroundings::system()).await?;
    source.assert_current().await?;
    let target = Database::open(to, Surroundings::system()).await?;
    target.migrate().await?;
    Ok((source, target))
}

async fn copy(source: &Database, target: &Database) -> Exit {
    let tenants = match source.tenants().await {
        Ok(tenants) => tenants,
        Err(error) => return failed(&error),
    };
    // No sync changes the source meanwhile.
    let mut turns = Vec::new();
    for tenant in &tenants {
        match source.lock(tenant).await {
            Ok(lock) => turns.push(lock),
            Err(error) => return failed(&error),
        }
    }
    match source.copy_to(target).await {
        Ok(copied) => {
            for (table, rows) in copied {
                eprintln!("{table:<24} {rows:>10} rows, checked");
            }
            eprintln!("Point DATABASE_URL at the new database; the same CONNECTOR_ENCRYPTION_KEY opens it.");
            Exit::Done
        }
        Err(error) => failed(&error),
    }
}
