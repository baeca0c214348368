//! What each command does.

mod activities;
mod allowlist;
mod config;
mod connect;
mod copy;
mod demo;
mod disconnect;
mod dpa;
mod erase;
mod exclude;
mod health;
mod keys;
mod mailboxes;
mod migrate;
mod preview;
mod serve;
mod sign_in_link;
mod simulate;
mod sync;
mod tenants;
mod worker;

use std::net::SocketAddr;

use m365_database::{Agreement, Database};
use m365_graph::Limits;
use m365_model::{Surroundings, TenantId, UserId};
use m365_store::{ConnectorLock, PurgeCounts, Store, StoreError};
use m365_sync::{Engine, SyncError};
use m365_worker::TemporalOptions;
use secrecy::ExposeSecret as _;

use crate::cli::{Cli, Command, Dpa};
use crate::exit::{Exit, explain};
use crate::logging;
use crate::settings::{ProcessEnvironment, Reader};
use crate::signals::Requests;

/// Does what was typed.
pub async fn run(cli: Cli, requests: Requests) -> Exit {
    let tenant = cli.tenant;
    match cli.command {
        Command::Simulate(options) => simulate::run(&options).await,
        Command::Demo { once } => demo::run(once).await,
        Command::Serve => serve::run(&tenant, requests).await,
        Command::SignInLink => with_database(true, async |store| sign_in_link::run(&store, &tenant).await).await,
        // Whoever has set up nothing yet reads what comes with the program.
        Command::Dpa(Dpa::Show) if !has_database() => dpa::show(&Agreement::built_in()),
        Command::Migrate => with_database(false, async |store| migrate::run(&store).await).await,
        Command::Connect { entra_tenant_id, tenant_domain } => {
            connect::run(&tenant, &entra_tenant_id, &tenant_domain).await
        }
        Command::Disconnect { purge, .. } => {
            with_database(true, async |store| disconnect::run(&store, &tenant, purge).await).await
        }
        Command::Tenants(command) => {
            with_database(true, async |store| tenants::run(&store, &tenant, &command).await).await
        }
        Command::Dpa(command) => with_database(true, async |store| dpa::run(&store, &tenant, &command).await).await,
        Command::Allowlist(command) => {
            with_database(true, async |store| allowlist::run(&store, &tenant, &command).await).await
        }
        Command::Exclude(command) => {
            with_database(true, async |store| exclude::run(&store, &tenant, &command).await).await
        }
        Command::Mailboxes { json, command } => {
            with_database(true, async |store| mailboxes::run(&store, &tenant, command.as_ref(), json).await).await
        }
        Command::Config(command) => {
            with_database(true, async |store| config::run(&store, &tenant, &command).await).await
        }
        Command::Activities { format, changes: true, after, .. } => activities::changes(&tenant, format, after).await,
        Command::Activities { format, since, include_upcoming, .. } => {
            let query = m365_store::export::RecordQuery { since, include_upcoming };
            with_database(true, async |store| activities::run(&store, &tenant, format, query).await).await
        }
        Command::Erase { whom, json } => {
            with_database(true, async |store| erase::run(&store, &tenant, &whom, json).await).await
        }
        Command::Copy { from, to } => copy::run(&from, &to).await,
        Command::Keys(crate::cli::Keys::Rotate) => with_database(true, async |store| keys::rotate(&store).await).await,
        Command::Sync { json } => {
            with_engine(async |engine, beside| sync::run(&engine, beside.temporal, &tenant, json, requests).await).await
        }
        Command::Worker => with_engine(async |engine, beside| worker::run(engine, beside, requests).await).await,
        Command::Preview { add, subdomains, json } => {
            with_engine(async |engine, _| preview::run(&engine, &tenant, &add, subdomains, json).await).await
        }
        Command::Health { json } => with_engine(async |engine, _| health::run(&engine, &tenant, json).await).await,
    }
}

/// Who changes something on the command line.
fn operator() -> UserId {
    "operator".parse().expect("a word is a user id")
}

/// Whether the environment names a database and its key.
fn has_database() -> bool {
    Reader::new(&ProcessEnvironment).store().is_some()
}

async fn with_database(must_be_current: bool, command: impl AsyncFnOnce(Store) -> Exit) -> Exit {
    let mut reader = Reader::new(&ProcessEnvironment);
    let (level, format) = reader.logging();
    let settings = reader.store();
    if let Err(mistakes) = reader.finish() {
        explain(&mistakes);
        return Exit::Usage;
    }
    let Some(settings) = settings else { return Exit::Usage };
    logging::start(&level, format);
    let store = match open(settings, must_be_current).await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let exit = command(store.clone()).await;
    store.database().close().await;
    exit
}

/// What the environment says beside the engine.
struct Beside {
    temporal: Option<TemporalOptions>,
    metrics_at: Option<SocketAddr>,
}

async fn with_engine(command: impl AsyncFnOnce(Engine, Beside) -> Exit) -> Exit {
    let mut reader = Reader::new(&ProcessEnvironment);
    let (level, format) = reader.logging();
    let (settings, microsoft) = (reader.store(), reader.microsoft());
    let beside = Beside { temporal: reader.temporal(), metrics_at: reader.metrics() };
    if let Err(mistakes) = reader.finish() {
        explain(&mistakes);
        return Exit::Usage;
    }
    let (Some(settings), Some(microsoft)) = (settings, microsoft) else { return Exit::Usage };
    logging::start(&level, format);
    let store = match open(settings, true).await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let engine = Engine {
        store: store.clone(),
        endpoints: microsoft.endpoints,
        credentials: microsoft.credentials,
        limits: Limits::default(),
    };
    let exit = command(engine, beside).await;
    store.database().close().await;
    exit
}

async fn open(settings: crate::settings::StoreSettings, must_be_current: bool) -> Result<Store, Exit> {
    let database = match Database::open_with(
        settings.database_url.expose_secret(),
        settings.database_options,
        Surroundings::system(),
    )
    .await
    {
        Ok(database) => database,
        Err(error) => {
            explain(&error);
            return Err(Exit::Failed);
        }
    };
    if must_be_current && let Err(error) = database.assert_current().await {
        explain(&error);
        return Err(Exit::Usage);
    }
    let store = Store::new(database, settings.crypter);
    Ok(match settings.erasure_ledger {
        Some(path) => store.with_ledger(path),
        None => store,
    })
}

/// Waits until no other command changes the connector, and keeps others waiting.
async fn take_turn(store: &Store, tenant: &TenantId) -> Result<ConnectorLock, Exit> {
    match store.database().try_lock(tenant).await {
        Ok(Some(turn)) => Ok(turn),
        Ok(None) => {
            eprintln!("Another command is at work on this connector: waiting for its end.");
            store.database().lock(tenant).await.map_err(|error| failed(&error))
        }
        Err(error) => Err(failed(&error)),
    }
}

/// What a purge found, table by table, in lines for people.
fn purge_lines(counts: &PurgeCounts) -> Vec<String> {
    let found = counts.iter().filter(|(_, n)| n.deleted + n.changed > 0);
    let mut lines: Vec<String> =
        found.map(|(table, n)| format!("  {table:<22} {} deleted, {} changed", n.deleted, n.changed)).collect();
    if lines.is_empty() {
        lines.push("  Nothing was stored of it.".to_owned());
    }
    lines
}

/// Says what went wrong, and that the command failed.
fn failed(error: &dyn std::fmt::Display) -> Exit {
    explain(error);
    Exit::Failed
}

/// The same of the store: a key that is not the database's is a mistake in the configuration.
fn store_failed(error: &StoreError) -> Exit {
    explain(error);
    Exit::of(error)
}

/// The same of a sync.
fn sync_failed(error: &SyncError) -> Exit {
    match error {
        SyncError::Store(error) => store_failed(error),
        SyncError::Setup(error) => failed(error),
    }
}
