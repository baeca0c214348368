//! `serve`: the dashboard, and syncs on schedule, in one process.

use m365_graph::Limits;
use m365_model::TenantId;
use m365_store::Store;
use m365_store::sign_in::SignInWay;
use m365_sync::Engine;
use m365_sync::runner::Runner;
use m365_web::{App, AppOptions, Doors, router};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use super::{failed, open, store_failed};
use crate::exit::{Exit, explain};
use crate::logging;
use crate::settings::{DashboardSettings, ProcessEnvironment, Reader};
use crate::signals::Requests;

pub async fn run(tenant: &TenantId, requests: Requests) -> Exit {
    let mut reader = Reader::new(&ProcessEnvironment);
    let (level, format) = reader.logging();
    let (store, dashboard) = (reader.store(), reader.dashboard());
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
    let exit = serve(&store, dashboard, tenant, requests).await;
    store.database().close().await;
    exit
}

async fn serve(store: &Store, settings: DashboardSettings, tenant: &TenantId, mut requests: Requests) -> Exit {
    let listener = match TcpListener::bind(settings.listen).await {
        Ok(listener) => listener,
        Err(_) => return failed(&format_args!("{} is not free: choose another LISTEN_ADDR", settings.listen)),
    };
    match store.settle_sign_in(SignInWay::Local).await {
        Ok(SignInWay::Local) => {}
        Ok(SignInWay::Clerk) => {
            explain(&"people sign in with Clerk here, as was decided at the first start: set the CLERK_ variables");
            return Exit::Usage;
        }
        Err(error) => return store_failed(&error),
    }
    let runner = settings.microsoft.map(|microsoft| {
        Runner::new(Engine {
            store: store.clone(),
            endpoints: microsoft.endpoints,
            credentials: microsoft.credentials,
            limits: Limits::default(),
        })
    });
    let app = App::new(AppOptions {
        store: store.clone(),
        runner: runner.clone(),
        authority: settings.authority,
        redirect_uri: settings.redirect_uri,
        public_url: settings.public_url.clone(),
        doors: Doors::Local(tenant.clone()),
    });
    eprintln!("The dashboard is at {}settings/connectors", settings.public_url);
    match greet(store, tenant, &settings.public_url).await {
        Ok(()) => {}
        Err(error) => return store_failed(&error),
    }
    let service = axum::serve(listener, router(app));
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

/// A link for the first administrator, as long as nobody is signed in.
async fn greet(store: &Store, tenant: &TenantId, public_url: &url::Url) -> Result<(), m365_store::StoreError> {
    if !store.has_open_session(tenant).await? {
        let link = store.create_sign_in_link(tenant).await?;
        eprintln!("To sign in, open this within an hour; it works once:");
        eprintln!("  {public_url}sign-in/{}", link.expose_secret());
    }
    Ok(())
}

async fn keep_schedule(runner: Option<&Runner>) {
    match runner {
        Some(runner) => runner.keep_schedule().await,
        None => std::future::pending().await,
    }
}
