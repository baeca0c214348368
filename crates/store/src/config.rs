//! What an administrator decides: the connection, and the company's own domains.

use jiff::Timestamp;
use m365_database::{Turn, WriteTx};
use m365_model::{ConnectorId, EntraTenantId, TenantId, UserId, from_text, to_text};
use m365_privacy::DomainName;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use thiserror::Error;

use crate::allow_list::pause_internal;
use crate::owners::own_in;
use crate::settings::FILTER_AGAIN;
use crate::sign_in::admit_in;
use crate::suppression::make_key;
use crate::{Store, StoreError};

/// A tenant's connection to its Entra tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// Its id.
    pub id: ConnectorId,
    /// Microsoft's side.
    pub entra_tenant: EntraTenantId,
    /// The company's first domain.
    pub tenant_domain: DomainName,
    /// Since when.
    pub connected_at: Timestamp,
    /// Whether the mailbox-wide message delta was asked for and refused.
    pub mailbox_wide_delta_refused: bool,
    /// When it was disconnected, if what was recorded was kept: nothing is read since.
    pub disconnected_at: Option<Timestamp>,
    /// Since when no sync runs by itself.
    pub schedule_paused_at: Option<Timestamp>,
}

/// Why a connection was not made.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The tenant is bound to another Entra tenant.
    #[error("this tenant is already connected to another Entra tenant: disconnect that one first")]
    AlreadyConnected,
    /// The Entra tenant belongs to another tenant of this installation.
    #[error(
        "this Entra tenant belongs to another tenant of this installation, so nothing was changed: if it was disconnected there, \
         an operator gives it over with `m365-connector tenants move`"
    )]
    OwnedElsewhere,
    /// No proof stands that the Entra tenant is the tenant's: see [`crate::consent`].
    #[error("the proof that this Entra tenant is yours no longer stands: sign in to Microsoft again")]
    NotProven,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where an internal domain is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InternalSource {
    /// Named by an administrator, the tenant domain included.
    Configured,
    /// Verified in the Entra tenant.
    Verified,
    /// Used by one of its members.
    Member,
}

impl InternalSource {
    const fn word(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Verified => "verified",
            Self::Member => "member",
        }
    }
}

impl Store {
    /// Binds `tenant` to an Entra tenant, on an operator's word. Repeating it with another domain changes the domain; after a
    /// disconnect it connects again.
    ///
    /// # Errors
    /// When the tenant is bound to another Entra tenant, or that one belongs to another tenant here (which is noted in the audit
    /// trail), or the database fails.
    pub async fn connect(
        &self,
        tenant: &TenantId,
        entra_tenant: &EntraTenantId,
        tenant_domain: &DomainName,
        actor: &UserId,
    ) -> Result<ConnectorId, ConnectError> {
        let tx = self.db.begin(tenant).await.map_err(StoreError::from)?;
        self.connect_by(tx, tenant, entra_tenant, tenant_domain, actor).await
    }

    /// Connects in `tx`, and saves it; a refusal saves nothing of it and is noted in the audit trail.
    pub(crate) async fn connect_by(
        &self,
        mut tx: WriteTx,
        tenant: &TenantId,
        entra_tenant: &EntraTenantId,
        tenant_domain: &DomainName,
        actor: &UserId,
    ) -> Result<ConnectorId, ConnectError> {
        match self.connect_in(&mut tx, tenant, entra_tenant, tenant_domain, actor).await {
            Ok(connector) => {
                tx.save().await.map_err(StoreError::from)?;
                Ok(connector)
            }
            Err(error) => {
                drop(tx);
                self.audit_refusal(tenant, entra_tenant, actor, &error).await?;
                Err(error)
            }
        }
    }

    /// Makes `tenant` the owner of the Entra tenant, and connects it, in one transaction.
    async fn connect_in(
        &self,
        tx: &mut WriteTx,
        tenant: &TenantId,
        entra_tenant: &EntraTenantId,
        tenant_domain: &DomainName,
        actor: &UserId,
    ) -> Result<ConnectorId, ConnectError> {
        let now = self.surroundings().now();
        if let Some(existing) = connector_in(tx, tenant).await?
            && existing.entra_tenant != *entra_tenant
        {
            return Err(ConnectError::AlreadyConnected);
        }
        admit_in(tx, tenant, now).await?;
        if own_in(tx, tenant, entra_tenant, now).await? != *tenant {
            return Err(ConnectError::OwnedElsewhere);
        }
        let insert = sqlx::query(
            "INSERT INTO o365_config (tenant_id, connector_id, entra_tenant_id, tenant_domain, connected_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id) DO UPDATE SET tenant_domain = excluded.tenant_domain, \
             disconnected_at = NULL",
        );
        insert
            .bind(tenant.as_str())
            .bind(self.surroundings().fresh_id("con_"))
            .bind(entra_tenant.as_str())
            .bind(tenant_domain.as_str())
            .bind(to_text(now))
            .execute(tx.connection())
            .await
            .map_err(StoreError::from)?;
        make_key(tx.connection(), &self.crypter, self.surroundings().entropy.as_ref(), tenant).await?;
        let connector = connector_in(tx, tenant).await?.ok_or(StoreError::NotConnected)?;
        let detail = serde_json::json!({ "entraTenantId": entra_tenant, "tenantDomain": tenant_domain.as_str() });
        tx.audit(tenant, actor, "connector.connected", &detail.to_string(), now).await.map_err(StoreError::from)?;
        Ok(connector.id)
    }

    /// Notes in the audit trail that a claim to an Entra tenant was refused; other errors are no claims.
    async fn audit_refusal(
        &self,
        tenant: &TenantId,
        entra_tenant: &EntraTenantId,
        actor: &UserId,
        error: &ConnectError,
    ) -> Result<(), StoreError> {
        if !matches!(error, ConnectError::OwnedElsewhere) {
            return Ok(());
        }
        let mut tx = self.db.begin(tenant).await?;
        let detail = serde_json::json!({ "entraTenantId": entra_tenant }).to_string();
        tx.audit(tenant, actor, "connector.claim_refused", &detail, self.surroundings().now()).await?;
        Ok(tx.save().await?)
    }

    /// The connection of `tenant`.
    ///
    /// # Errors
    /// [`StoreError::NotConnected`] when there is none.
    pub async fn connector(&self, tenant: &TenantId) -> Result<Connector, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(CONNECTOR).bind(tenant.as_str()).fetch_optional(reader.connection()).await?;
        read_connector(&row.ok_or(StoreError::NotConnected)?)
    }

    /// Remembers that the mailbox-wide message delta was refused, so that it is not asked for again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle_mailbox_wide_delta(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let mut tx = self.db.begin(tenant).await?;
        sqlx::query("UPDATE o365_config SET mailbox_wide_delta_refused_at = $1 WHERE tenant_id = $2")
            .bind(to_text(self.surroundings().now()))
            .bind(tenant.as_str())
            .execute(tx.connection())
            .await?;
        Ok(tx.save().await?)
    }

    /// The domains that count as the company's own: the tenant domain, those configured, verified and used by members.
    ///
    /// # Errors
    /// When the tenant has no connector or the database fails.
    pub async fn internal_domains(&self, tenant: &TenantId) -> Result<Vec<DomainName>, StoreError> {
        let mut domains = vec![self.connector(tenant).await?.tenant_domain];
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query("SELECT DISTINCT domain FROM internal_domain WHERE tenant_id = $1 ORDER BY domain")
            .bind(tenant.as_str())
            .fetch_all(reader.connection())
            .await?;
        for row in rows {
            let domain = read_domain(row.try_get(0)?, "internal_domain.domain")?;
            if domain != domains[0] {
                domains.push(domain);
            }
        }
        Ok(domains)
    }

    /// Replaces the internal domains known from `source`. A change makes pages that were filtered before it unstorable, and
    /// pauses entries of the allow-list that turn out to be the company's own: they are given back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_internal_domains(
        &self,
        tenant: &TenantId,
        source: InternalSource,
        domains: &[DomainName],
    ) -> Result<Vec<DomainName>, StoreError> {
        let mut tx = self.db.begin(tenant).await?;
        tx.take_turn(tenant, Turn::InternalDomains).await?;
        let rows =
            sqlx::query("SELECT domain FROM internal_domain WHERE tenant_id = $1 AND source = $2 ORDER BY domain")
                .bind(tenant.as_str())
                .bind(source.word())
                .fetch_all(tx.connection())
                .await?;
        let before: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let mut after: Vec<String> = domains.iter().map(|domain| domain.as_str().to_owned()).collect();
        after.sort_unstable();
        after.dedup();
        if before == after {
            return Ok(Vec::new());
        }
        sqlx::query("DELETE FROM internal_domain WHERE tenant_id = $1 AND source = $2")
            .bind(tenant.as_str())
            .bind(source.word())
            .execute(tx.connection())
            .await?;
        let at = self.surroundings().now();
        let now = to_text(at);
        for domain in &after {
            sqlx::query("INSERT INTO internal_domain (tenant_id, domain, source, seen_at) VALUES ($1, $2, $3, $4)")
                .bind(tenant.as_str())
                .bind(domain.as_str())
                .bind(source.word())
                .bind(now.as_str())
                .execute(tx.connection())
                .await?;
        }
        sqlx::query(FILTER_AGAIN).bind(tenant.as_str()).execute(tx.connection()).await?;
        let paused = pause_internal(&mut tx, tenant, domains, at).await?;
        tx.save().await?;
        Ok(paused)
    }
}

const CONNECTOR: &str = "SELECT connector_id, entra_tenant_id, tenant_domain, connected_at, mailbox_wide_delta_refused_at, \
                         disconnected_at, schedule_paused_at FROM o365_config WHERE tenant_id = $1";

pub(crate) async fn connector_in(tx: &mut WriteTx, tenant: &TenantId) -> Result<Option<Connector>, StoreError> {
    let row = sqlx::query(CONNECTOR).bind(tenant.as_str()).fetch_optional(tx.connection()).await?;
    row.as_ref().map(read_connector).transpose()
}

fn read_connector(row: &AnyRow) -> Result<Connector, StoreError> {
    let text = |at: usize| row.try_get::<String, _>(at);
    Ok(Connector {
        id: text(0)?.parse().map_err(|_| StoreError::Unreadable("o365_config.connector_id"))?,
        entra_tenant: text(1)?.parse().map_err(|_| StoreError::Unreadable("o365_config.entra_tenant_id"))?,
        tenant_domain: read_domain(&text(2)?, "o365_config.tenant_domain")?,
        connected_at: from_text(&text(3)?).ok_or(StoreError::Unreadable("o365_config.connected_at"))?,
        mailbox_wide_delta_refused: row.try_get::<Option<String>, _>(4)?.is_some(),
        disconnected_at: read_instant(row, 5, "o365_config.disconnected_at")?,
        schedule_paused_at: read_instant(row, 6, "o365_config.schedule_paused_at")?,
    })
}

/// An instant that may be absent.
pub(crate) fn read_instant(row: &AnyRow, at: usize, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    let text: Option<String> = row.try_get(at)?;
    text.map(|text| from_text(&text).ok_or(StoreError::Unreadable(column))).transpose()
}

pub(crate) fn read_domain(text: &str, column: &'static str) -> Result<DomainName, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable(column))
}
