//! What stands in the way, and what to do about it.

use m365_database::{AgreementState, DpaAccepted, agreement_state, assert_dpa_accepted};
use m365_graph::{Granted, Graph, GraphError, Permission};
use m365_model::{RunStatus, TenantId};
use m365_store::StoreError;
use m365_store::notes::SecretEnd;
use m365_store::settings::MailDedupe;
use serde::Serialize;

use crate::{Engine, SyncError, remedy};

/// How much a check weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Hint,
    /// Something is missing from the result, or more is granted than needed.
    Warning,
    /// Nothing works until it is mended.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it stands.
    pub level: Level,
    /// What was found.
    pub detail: String,
    /// What to do; empty when there is nothing to do.
    pub resolution: String,
}

/// Everything that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// Whether no check is an error.
    pub ok: bool,
    /// In the order of set-up.
    pub checks: Vec<Check>,
}

struct Checks(Vec<Check>);

impl Checks {
    fn add(&mut self, name: &'static str, level: Level, detail: impl Into<String>, resolution: impl Into<String>) {
        self.0.push(Check { name, level, detail: detail.into(), resolution: resolution.into() });
    }

    fn ok(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, Level::Ok, detail, "");
    }

    fn done(self) -> Health {
        Health { ok: self.0.iter().all(|check| check.level != Level::Error), checks: self.0 }
    }
}

/// Looks at everything that a sync needs, in the order in which it is set up.
///
/// # Errors
/// When the database fails.
pub async fn health(tenant: &TenantId, engine: &Engine) -> Result<Health, SyncError> {
    let mut checks = Checks(Vec::new());
    let connector = match engine.store.connector(tenant).await {
        Ok(connector) => connector,
        Err(StoreError::NotConnected) => {
            let what = "Run m365-connector connect, or connect Microsoft 365 in Settings > Connectors.";
            checks.add("connection", Level::Error, "No Microsoft 365 tenant is connected.", what);
            return Ok(checks.done());
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(at) = connector.disconnected_at {
        let detail = format!("Microsoft 365 was disconnected at {}.", m365_model::to_text(at));
        checks.add("connection", Level::Error, detail, remedy::CONNECT_AGAIN);
        return Ok(checks.done());
    }
    checks.ok("connection", format!("Connected to the Entra tenant {}.", connector.entra_tenant));
    match engine.store.assert_key(tenant).await {
        Err(StoreError::OtherKey) => {
            let what = "Give the key that it was made with; if that key was replaced, add it to \
                        CONNECTOR_ENCRYPTION_KEY_PREVIOUS; or check that DATABASE_URL names this installation's database.";
            checks.add("encryption_key", Level::Error, "CONNECTOR_ENCRYPTION_KEY does not open this database.", what);
            return Ok(checks.done());
        }
        checked => checked?,
    }
    agreement(&mut checks, tenant, engine).await?;
    allow_list(&mut checks, tenant, engine).await?;
    secret(&mut checks, tenant, engine).await?;

    let graph = engine.client(tenant, connector.entra_tenant.clone(), MailDedupe::Off)?;
    let granted = match graph.granted_afresh().await {
        Ok(granted) => granted,
        Err(error) => {
            let detail = format!("Token acquisition fails: {error}.");
            checks.add("token", Level::Error, detail, error.resolution());
            return Ok(checks.done());
        }
    };
    checks.ok("token", "Microsoft gives a token for this application.");
    organization(&mut checks, &graph, &granted, connector.entra_tenant.as_str()).await;
    match assert_dpa_accepted(tenant, engine.store.database()).await {
        Ok(gate) => {
            let users = users(&mut checks, &graph, &gate).await;
            permissions(&mut checks, &granted, Some((&graph, &gate, users))).await;
        }
        Err(_) => permissions(&mut checks, &granted, None).await,
    }
    last_sync(&mut checks, tenant, engine).await?;
    Ok(checks.done())
}

async fn agreement(checks: &mut Checks, tenant: &TenantId, engine: &Engine) -> Result<(), StoreError> {
    match agreement_state(tenant, engine.store.database()).await? {
        AgreementState::Standing(acceptance) => {
            let when = m365_model::to_text(acceptance.at);
            checks.ok("agreement", format!("Version {} was accepted at {when}.", acceptance.version));
        }
        AgreementState::Outdated(_) => {
            checks.add(
                "agreement",
                Level::Error,
                "Another text of the agreement was accepted than the one in force.",
                remedy::ACCEPT,
            );
        }
        AgreementState::Withdrawn(_, at) => {
            let detail = format!("The agreement was withdrawn at {}.", m365_model::to_text(at));
            checks.add("agreement", Level::Error, detail, remedy::ACCEPT);
        }
        AgreementState::Never | AgreementState::NotConnected => {
            checks.add("agreement", Level::Error, "The agreement has not been accepted.", remedy::ACCEPT);
        }
    }
    Ok(())
}

async fn allow_list(checks: &mut Checks, tenant: &TenantId, engine: &Engine) -> Result<(), StoreError> {
    let list = engine.store.allow_list(tenant).await?;
    if !list.paused.is_empty() {
        let domains: Vec<_> = list.paused.iter().map(ToString::to_string).collect();
        let detail = format!("Paused, because they are your own domains now: {}.", domains.join(", "));
        checks.add("allow_list", Level::Warning, detail, remedy::PAUSED);
    }
    match list.entries.len() {
        0 => checks.add("allow_list", Level::Warning, "No domain is named.", remedy::ADD_DOMAINS),
        1 => checks.ok("allow_list", "One domain is named."),
        n => checks.ok("allow_list", format!("{n} domains are named.")),
    }
    Ok(())
}

/// The day that an administrator noted: Microsoft tells the application nothing before the secret has ended.
async fn secret(checks: &mut Checks, tenant: &TenantId, engine: &Engine) -> Result<(), StoreError> {
    let Some(end) = engine.store.secret_end(tenant).await? else { return Ok(()) };
    let now = engine.store.surroundings().now();
    let SecretEnd(day) = end;
    let detail = match end.days_left(now) {
        left if left < 0 => format!("The application's secret ended on {day}, as it was noted."),
        0 => format!("The application's secret ends today, {day}, as it was noted."),
        1 => format!("The application's secret ends tomorrow, on {day}, as it was noted."),
        left => format!("The application's secret ends in {left} days, on {day}, as it was noted."),
    };
    let (level, resolution) = if end.is_near(now) { (Level::Warning, remedy::NEW_SECRET) } else { (Level::Ok, "") };
    checks.add("secret", level, detail, resolution);
    Ok(())
}

/// The connector's three permissions do not cover this question (<https://learn.microsoft.com/graph/api/organization-list>),
/// so a refusal is no fault: the token says which tenant it is for.
async fn organization(checks: &mut Checks, graph: &Graph, granted: &Granted, expected: &str) {
    let (found, by) = match graph.organization_probe().await {
        Ok(id) => (id, "its organization"),
        Err(error) if error.status() == Some(403) => {
            (granted.tenant_id.clone(), "its organization cannot be read with these permissions, but the token")
        }
        Err(error) => {
            checks.add("organization", Level::Error, format!("{error}."), error.resolution());
            return;
        }
    };
    match found {
        Some(id) if id.as_str() == expected => {
            checks.ok("organization", format!("The connected tenant answers: {by} says so."));
        }
        Some(_) => {
            let what = "Connect the tenant that you mean, or check the authority and the Graph address.";
            checks.add("organization", Level::Error, format!("Another tenant answers, as {by} says."), what);
        }
        None => checks.add("organization", Level::Hint, "Microsoft does not say which tenant answers.", ""),
    }
}

/// Whether users can be listed, and a mailbox to try the other permissions on.
async fn users(checks: &mut Checks, graph: &Graph, gate: &DpaAccepted<'_>) -> Option<m365_model::GraphUserId> {
    if let Err(error) = graph.users_probe(gate).await {
        let resolution = if error.status() == Some(403) { remedy::USERS } else { error.resolution() };
        checks.add("users", Level::Error, format!("{error}."), resolution);
        return None;
    }
    checks.ok("users", "The users can be listed.");
    let page = graph.users_page(gate, None).await.ok()?;
    page.items.into_iter().find(|user| user.is_member() && user.has_mail).map(|user| user.id)
}

type Trial<'t> = (&'t Graph, &'t DpaAccepted<'t>, Option<m365_model::GraphUserId>);

/// What the token says was granted. Grants by RBAC for Applications do not stand in it
/// (<https://learn.microsoft.com/exchange/permissions-exo/application-rbac>), so what is missing there is tried.
async fn permissions(checks: &mut Checks, granted: &Granted, trial: Option<Trial<'_>>) {
    for (permission, name, resolution) in [
        (Permission::Calendars, "calendars", remedy::CALENDARS),
        (Permission::Mail, "mail", remedy::MAIL),
        (Permission::Users, "user_list", remedy::USERS),
    ] {
        let wanted = permission.name();
        if granted.covers(permission) {
            checks.ok(name, format!("{wanted} is granted."));
            continue;
        }
        let tried = match &trial {
            Some((graph, gate, Some(user))) => Some(try_permission(permission, graph, gate, user).await),
            _ => None,
        };
        match tried {
            Some(Ok(())) => {
                let detail = format!("{wanted} is not in the token, but reading works: it was granted another way.");
                checks.add(name, Level::Hint, detail, "");
            }
            Some(Err(error)) if error.status() == Some(403) => {
                checks.add(name, Level::Error, format!("{wanted} is not granted: {error}."), resolution);
            }
            _ => checks.add(name, Level::Warning, format!("{wanted} is not in the token."), resolution),
        }
    }
    let excessive = granted.excessive();
    if !excessive.is_empty() {
        let detail = format!("More is granted than is needed: {}.", excessive.join(", "));
        let what = "Remove these permissions in Entra: the connector never uses them, and Mail.ReadBasic.All is enough where \
                    Mail.Read was granted.";
        checks.add("excess", Level::Warning, detail, what);
    }
}

async fn try_permission(
    permission: Permission,
    graph: &Graph,
    gate: &DpaAccepted<'_>,
    user: &m365_model::GraphUserId,
) -> Result<(), GraphError> {
    match permission {
        Permission::Calendars => {
            // An instant long past: whether it may be asked is the question, not what is there.
            let at = jiff::Timestamp::UNIX_EPOCH;
            let until = at.checked_add(std::time::Duration::from_mins(1)).unwrap_or(at);
            graph.calendar_list_start(gate, user, at, until).await.map(drop)
        }
        Permission::Mail => graph.mail_folders_page(gate, user, None, None).await.map(drop),
        Permission::Users => graph.users_probe(gate).await,
    }
}

async fn last_sync(checks: &mut Checks, tenant: &TenantId, engine: &Engine) -> Result<(), StoreError> {
    let Some(run) = engine.store.last_run(tenant).await? else {
        checks.add("last_sync", Level::Hint, "No sync has run yet.", "Run m365-connector sync.");
        return Ok(());
    };
    let records = engine.store.count_records(tenant).await?;
    match run.status {
        RunStatus::Succeeded if records == 0 => {
            let empty = engine.store.allow_list(tenant).await?.entries.is_empty();
            let what = if empty {
                remedy::ADD_DOMAINS
            } else {
                "Nobody of the named domains took part in anything in the look-back window: check the domains."
            };
            checks.add("last_sync", Level::Warning, "The last sync left no records.", what);
        }
        RunStatus::Succeeded => {
            checks.ok("last_sync", format!("The last sync succeeded; {records} records are stored."));
        }
        RunStatus::Running => {
            checks.ok("last_sync", "A sync is running, or was broken off; the next one goes on from there.");
        }
        status => {
            let detail = format!("The last sync ended as {}.", status.word());
            let what = run.summary.as_deref().and_then(first_resolution).unwrap_or_default();
            checks.add("last_sync", Level::Warning, detail, what);
        }
    }
    Ok(())
}

fn first_resolution(summary: &str) -> Option<String> {
    let summary: serde_json::Value = serde_json::from_str(summary).ok()?;
    summary.pointer("/problems/0/resolution")?.as_str().map(str::to_owned)
}
