//! `demo`: the whole job on an invented tenant, by the same functions that the other commands call.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use graph_sim::{SimOptions, Simulator};
use m365_database::{AGREEMENT_VERSION, Database, accept_dpa};
use m365_graph::{Credentials, Endpoints, Limits, SetupError};
use m365_model::{Surroundings, TenantId, UserId};
use m365_privacy::DomainName;
use m365_store::export::RecordQuery;
use m365_store::sign_in::SignInWay;
use m365_store::{Crypter, MasterKey, Store, StoreError};
use m365_sync::runner::Runner;
use m365_sync::{Engine, sync};
use m365_web::{App, AppOptions, Doors, TrustedProxies};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use url::Url;

use super::{failed, operator, serve, sign_in_link};
use crate::exit::Exit;
use crate::logging::{self, Format};
use crate::output::{Stopped, line};
use crate::settings::CALLBACK;
use crate::terminal::Bar;

/// How many records the demo shows.
const SHOWN: usize = 5;

pub async fn run(once: bool) -> Exit {
    logging::start("warn", Format::Text);
    let Ok(folder) = tempfile::Builder::new().prefix("m365-demo-").tempdir() else {
        return failed(&"no temporary folder can be made: check that the disk has room");
    };
    match tell(folder.path(), once).await {
        Ok(exit) => exit,
        Err(Trouble::Output(stopped)) => stopped.exit(),
        Err(Trouble::Other(text)) => failed(&text),
    }
}

/// What stopped the demo.
enum Trouble {
    Output(Stopped),
    Other(String),
}

impl From<Stopped> for Trouble {
    fn from(stopped: Stopped) -> Self {
        Self::Output(stopped)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Other(error.to_string())
    }
}

fn other(error: impl std::fmt::Display) -> Trouble {
    Trouble::Other(error.to_string())
}

async fn tell(folder: &Path, once: bool) -> Result<Exit, Trouble> {
    let surroundings = Surroundings::system();
    let simulator = Simulator::new(SimOptions::new(surroundings.now()));
    let about = simulator.options().clone();
    let running = simulator.serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).map_err(|_| other("no port is free"))?;

    line("Microsoft 365 Connector: the whole job on an invented tenant; nothing leaves this machine.\n")?;
    line(&format!("1. Microsoft Graph is played by a simulator at {}.", running.url()))?;

    let url = format!("sqlite://{}", folder.join("demo.db").display());
    let key = fresh_key(&surroundings);
    let database = Database::open(&url, surroundings.clone()).await.map_err(other)?;
    database.migrate().await.map_err(other)?;
    let store = Store::new(database, Crypter::new(MasterKey::from_hex(&key).map_err(other)?, Vec::new()));
    let tenant: TenantId = "default".parse().map_err(other)?;
    let entra_tenant = about.tenant_id.parse().map_err(other)?;
    let domain: DomainName = "contoso.com".parse().map_err(other)?;
    let connector = store.connect(&tenant, &entra_tenant, &domain, &operator()).await.map_err(other)?;
    line(&format!("2. Connected to the Entra tenant {entra_tenant} (contoso.com). Nothing is read yet."))?;

    let user: UserId = "demo_admin".parse().map_err(other)?;
    accept_dpa(&tenant, &user, &connector, store.database()).await.map_err(other)?;
    line(&format!("3. The data processing agreement, version {AGREEMENT_VERSION}, was accepted by {user}."))?;

    let allowed = ["acme.com", "globex.com"].map(str::parse::<DomainName>);
    let allowed: Vec<DomainName> = allowed.into_iter().collect::<Result<_, _>>().map_err(other)?;
    store.allow(&tenant, &operator(), &allowed, false).await?;
    line("4. Two external domains may pass: acme.com and globex.com. The list was empty before.")?;
    line("5. Reading calendars and mail metadata:\n")?;

    let engine = Engine {
        store: store.clone(),
        endpoints: Endpoints::custom(&running.url(), &running.url()).map_err(other)?,
        credentials: Credentials::new(&about.client_id, &about.client_secret.clone().into()).map_err(other)?,
        limits: Limits::default(),
    };
    let bar = Bar::new();
    let outcome = sync(&tenant, &engine, &bar).await.map_err(other)?;
    bar.finish();
    for text in outcome.summary.lines() {
        line(&format!("   {text}"))?;
    }

    line(&format!("\n6. The newest {SHOWN} records:\n"))?;
    for record in newest(&store, &tenant).await? {
        line(&format!("   {record}"))?;
    }
    if once {
        line("\nDone. The database was temporary and is gone.")?;
        return Ok(outcome.ended.into());
    }
    let (listener, public_url) = listen().await?;
    let app = dashboard(&engine, &tenant, &running.url(), &public_url).map_err(other)?;
    store.settle_sign_in(SignInWay::Local).await?;
    let link = sign_in_link::make(&store, &tenant, &public_url).await?;
    line("\n7. The dashboard, by a link that works once:")?;
    line(&format!("   {link}"))?;
    line("\nThe simulator keeps running, and the database lasts as long. In another terminal:")?;
    line(&format!("   export DATABASE_URL={url} CONNECTOR_ENCRYPTION_KEY={}", key.expose_secret()))?;
    line("   m365-connector activities")?;
    line("Ctrl-C ends it.")?;
    m365_web::serve(listener, app).await.map_err(|_| other("the dashboard stopped listening"))?;
    Ok(Exit::Done)
}

/// The usual port, or a free one.
async fn listen() -> Result<(TcpListener, Url), Trouble> {
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, 8365)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|_| other("no port is free"))?,
    };
    let port = listener.local_addr().map_err(|_| other("no port is free"))?.port();
    let public_url = Url::parse(&format!("http://localhost:{port}")).map_err(other)?;
    Ok((listener, public_url))
}

fn dashboard(engine: &Engine, tenant: &TenantId, authority: &str, public_url: &Url) -> Result<App, SetupError> {
    let mut redirect_uri = public_url.clone();
    redirect_uri.set_path(CALLBACK);
    let onboarding = serve::onboarding(engine.clone(), &redirect_uri, None)?;
    Ok(App::new(AppOptions {
        store: engine.store.clone(),
        runner: Some(Runner::new(engine.clone())),
        onboarding: Some(onboarding),
        authority: authority.to_owned(),
        redirect_uri,
        public_url: public_url.clone(),
        doors: Doors::Local(tenant.clone()),
        proxies: TrustedProxies::default(),
    }))
}

async fn newest(store: &Store, tenant: &TenantId) -> Result<Vec<String>, Trouble> {
    let mut last = std::collections::VecDeque::with_capacity(SHOWN);
    let query = RecordQuery { since: None, include_upcoming: false };
    store
        .each_record(tenant, query, |record| {
            if last.len() == SHOWN {
                last.pop_front();
            }
            let text = serde_json::to_string(record).map_err(|_| StoreError::Unreadable("activity"))?;
            last.push_back(text);
            Ok::<_, StoreError>(())
        })
        .await?;
    Ok(last.into())
}

/// A key that lives as long as the demo.
fn fresh_key(surroundings: &Surroundings) -> SecretString {
    let parts: String = (0..4).map(|_| surroundings.fresh_id("")).collect();
    parts.into()
}
