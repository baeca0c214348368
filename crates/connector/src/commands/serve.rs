//! `serve`: the dashboard, and syncs on schedule, in one process.

use std::sync::Arc;

use m365_clerk::{ClerkSettings, Verifier};
use m365_graph::{Limits, SetupError};
use m365_model::{EntraTenantId, TenantId};
use m365_onboarding::{Onboarding, OnboardingOptions};
use m365_store::Store;
use m365_store::sign_in::SignInWay;
use m365_sync::Engine;
use m365_sync::runner::Runner;
use m365_web::{App, AppOptions, Doors};
use m365_worker::{Remote, Temporal, TemporalOptions};
use tokio::net::TcpListener;
use url::Url;

use super::{failed, open, sign_in_link, store_failed};
use crate::exit::{Exit, explain};
use crate::logging;
use crate::metrics::{self, Tells};
use crate::settings::{DashboardSettings, MicrosoftSettings, ProcessEnvironment, Reader};
use crate::signals::Requests;

pub async fn run(tenant: &TenantId, requests: Requests) -> Exit {
    let mut reader = Reader::new(&ProcessEnvironment);
    let (level, format) = reader.logging();
    let (store, dashboard, temporal, metrics_at) =
        (reader.store(), reader.dashboard(), reader.temporal(), reader.metrics());
    if let Err(mistakes) = reader.finish() {
        explain(&mistakes);
        return Exit::Usage;
    }
    let (Some(settings), Some(dashboard)) = (store, dashboard) else { return Exit::Usage };
    logging::start(&level, format);
    let store = match open(settings, false).await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    if let Err(error) = store.database().migrate().await {
        return failed(&error);
    }
    let exit = match metrics::start(metrics_at, &store, Tells::Everything).await {
        Ok(_metrics) => serve(&store, dashboard, temporal, tenant, requests).await,
        Err(exit) => exit,
    };
    store.database().close().await;
    exit
}

async fn serve(
    store: &Store,
    settings: DashboardSettings,
    temporal: Option<TemporalOptions>,
    tenant: &TenantId,
    mut requests: Requests,
) -> Exit {
    let Ok(listener) = TcpListener::bind(settings.listen).await else {
        return failed(&format_args!("{} is not free: choose another LISTEN_ADDR", settings.listen));
    };
    let doors = match doors(store, settings.clerk, tenant).await {
        Ok(doors) => doors,
        Err(exit) => return exit,
    };
    let is_local = matches!(doors, Doors::Local(_));
    let engine = settings.microsoft.map(|MicrosoftSettings { endpoints, credentials }| Engine {
        store: store.clone(),
        endpoints,
        credentials,
        limits: Limits::default(),
    });
    let mut runner = engine.as_ref().map(|engine| Runner::new(engine.clone()));
    if let Some(options) = temporal {
        let temporal = match Temporal::connect(options, store).await {
            Ok(temporal) => temporal,
            Err(error) => return failed(&error),
        };
        runner = runner.map(|runner| runner.elsewhere(Arc::new(Remote::new(temporal, store.clone()))));
    }
    let onboarding = engine.map(|engine| onboarding(engine, &settings.redirect_uri, settings.pinned)).transpose();
    let onboarding = match onboarding {
        Ok(onboarding) => onboarding,
        Err(error) => return failed(&error),
    };
    let app = App::new(AppOptions {
        store: store.clone(),
        runner: runner.clone(),
        onboarding,
        authority: settings.authority,
        redirect_uri: settings.redirect_uri,
        public_url: settings.public_url.clone(),
        doors,
        proxies: settings.proxies,
    });
    eprintln!("The dashboard is at {}settings/connectors", settings.public_url);
    if is_local && let Err(error) = greet(store, tenant, &settings.public_url).await {
        return store_failed(&error);
    }
    let service = m365_web::serve(listener, app);
    tokio::select! {
        ended = service => {
            if ended.is_err() {
                return failed(&"the dashboard stopped listening");
            }
        }
        () = keep_schedule(runner.as_ref()) => {}
        () = requests.first() => eprintln!("stopping: what was read is being stored; once more to leave at once"),
    }
    if let Some(runner) = runner {
        runner.drain().await;
    }
    Exit::Done
}

/// What finds out whose Microsoft tenant is whose, by the same credentials that the syncs use.
pub fn onboarding(engine: Engine, redirect_uri: &Url, pinned: Option<EntraTenantId>) -> Result<Onboarding, SetupError> {
    let Engine { store, endpoints, credentials, limits } = engine;
    Onboarding::new(OnboardingOptions {
        store,
        endpoints,
        credentials,
        limits,
        redirect_uri: redirect_uri.clone(),
        pinned,
    })
}

/// How people get in, as it was decided at the first start: variables that are unset later open nothing.
async fn doors(store: &Store, clerk: Option<ClerkSettings>, tenant: &TenantId) -> Result<Doors, Exit> {
    let wanted = if clerk.is_some() { SignInWay::Clerk } else { SignInWay::Local };
    let settled = store.settle_sign_in(wanted).await.map_err(|error| store_failed(&error))?;
    match (settled, clerk) {
        (SignInWay::Local, None) => Ok(Doors::Local(tenant.clone())),
        (SignInWay::Clerk, Some(clerk)) => match Verifier::new(clerk) {
            Ok(verifier) => Ok(Doors::Clerk(Box::new(verifier))),
            Err(error) => Err(failed(&error)),
        },
        (SignInWay::Clerk, None) => {
            explain(&"people sign in with Clerk here, as was decided at the first start: set the CLERK_ variables");
            Err(Exit::Usage)
        }
        (SignInWay::Local, Some(_)) => {
            explain(
                &"a local administrator signs in here, as was decided at the first start: unset the CLERK_ variables, or \
                  begin with a new database",
            );
            Err(Exit::Usage)
        }
    }
}

/// A link for the first administrator, as long as nobody is signed in.
async fn greet(store: &Store, tenant: &TenantId, public_url: &Url) -> Result<(), m365_store::StoreError> {
    if !store.has_open_session(tenant).await? {
        let link = sign_in_link::make(store, tenant, public_url).await?;
        eprintln!("To sign in, open this within an hour; it works once:");
        eprintln!("  {link}");
    }
    Ok(())
}

async fn keep_schedule(runner: Option<&Runner>) {
    match runner {
        Some(runner) => runner.keep_schedule().await,
        None => std::future::pending().await,
    }
}
