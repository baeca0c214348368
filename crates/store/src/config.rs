//! What an administrator decides: the connection, the allow-list, the company's own domains.

use jiff::Timestamp;
use m365_database::{Turn, WriteTx};
use m365_model::{ConnectorId, EntraTenantId, EntryId, TenantId, UserId, from_text, to_text};
use m365_privacy::{AllowEntry, DomainName};
use sqlx::Row as _;
use sqlx::any::AnyRow;
use thiserror::Error;

use crate::purge::{Purge, PurgeCounts};
use crate::settings::READ_AGAIN;
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
}

/// Why a connection was not made.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The tenant is bound to another Entra tenant.
    #[error("this tenant is already connected to another Entra tenant: disconnect that one first")]
    AlreadyConnected,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The allow-list, and its version: what was filtered by an older one is not stored.
#[derive(Debug, Clone)]
pub struct AllowList {
    /// Moves with every change.
    pub version: i64,
    /// Moves when the window must be read again.
    pub window_version: i64,
    /// The open entries, by domain.
    pub entries: Vec<AllowEntry>,
}

/// What became of a domain that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is on the list now.
    New,
    /// It was listed exactly and now covers its subdomains.
    Widened,
    /// It was listed already.
    Already,
}

/// What is to become of the records that a closed entry let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftovers {
    /// They stay.
    Keep,
    /// Whoever it let in is taken out of them.
    Purge,
}

/// What became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disallowed {
    /// So many records stay.
    Kept(i64),
    /// What was deleted and changed.
    Purged(PurgeCounts),
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
    /// Binds `tenant` to an Entra tenant. Repeating it with another domain changes the domain.
    ///
    /// # Errors
    /// When the tenant is bound to another Entra tenant, or the database fails.
    pub async fn connect(
        &self,
        tenant: &TenantId,
        entra_tenant: &EntraTenantId,
        tenant_domain: &DomainName,
        actor: &UserId,
    ) -> Result<ConnectorId, ConnectError> {
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await.map_err(StoreError::from)?;
        if let Some(existing) = connector_in(&mut tx, tenant).await?
            && existing.entra_tenant != *entra_tenant
        {
            return Err(ConnectError::AlreadyConnected);
        }
        sqlx::query("INSERT INTO tenant (tenant_id, admitted_at) VALUES ($1, $2) ON CONFLICT (tenant_id) DO NOTHING")
            .bind(tenant.as_str())
            .bind(to_text(now))
            .execute(tx.connection())
            .await
            .map_err(StoreError::from)?;
        let insert = sqlx::query(
            "INSERT INTO o365_config (tenant_id, connector_id, entra_tenant_id, tenant_domain, connected_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id) DO UPDATE SET tenant_domain = excluded.tenant_domain",
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
        let connector = connector_in(&mut tx, tenant).await?.ok_or(StoreError::NotConnected)?;
        let detail = serde_json::json!({ "entraTenantId": entra_tenant, "tenantDomain": tenant_domain.as_str() });
        tx.audit(tenant, actor, "connector.connected", &detail.to_string(), now).await.map_err(StoreError::from)?;
        tx.save().await.map_err(StoreError::from)?;
        Ok(connector.id)
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

    /// The open entries of the allow-list.
    ///
    /// # Errors
    /// [`StoreError::NotConnected`] when the tenant has no connector.
    pub async fn allow_list(&self, tenant: &TenantId) -> Result<AllowList, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let versions = sqlx::query("SELECT allow_list_version, window_version FROM o365_config WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .fetch_optional(reader.connection())
            .await?
            .ok_or(StoreError::NotConnected)?;
        let rows = sqlx::query(
            "SELECT id, domain, include_subdomains FROM allowed_external_domain \
             WHERE tenant_id = $1 AND closed_at IS NULL ORDER BY domain",
        )
        .bind(tenant.as_str())
        .fetch_all(reader.connection())
        .await?;
        Ok(AllowList {
            version: versions.try_get(0)?,
            window_version: versions.try_get(1)?,
            entries: rows.iter().map(read_entry).collect::<Result<_, _>>()?,
        })
    }

    /// Puts `domains` on the allow-list, all or none, and makes the streams read their window again for them.
    ///
    /// # Errors
    /// When the tenant has no connector or the database fails.
    pub async fn allow(
        &self,
        tenant: &TenantId,
        actor: &UserId,
        domains: &[DomainName],
        include_subdomains: bool,
    ) -> Result<Vec<Added>, StoreError> {
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        connector_in(&mut tx, tenant).await?.ok_or(StoreError::NotConnected)?;
        let mut outcome = Vec::with_capacity(domains.len());
        for domain in domains {
            let added = allow_one(&mut tx, tenant, actor, domain, include_subdomains, now).await?;
            if added != Added::Already {
                let detail = serde_json::json!({ "domain": domain.as_str(), "subdomains": include_subdomains });
                tx.audit(tenant, actor, "allowlist.added", &detail.to_string(), now).await?;
            }
            outcome.push(added);
        }
        if outcome.iter().any(|added| *added != Added::Already) {
            sqlx::query(READ_AGAIN).bind(tenant.as_str()).execute(tx.connection()).await?;
        }
        tx.save().await?;
        Ok(outcome)
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
            domains.push(read_domain(row.try_get(0)?, "internal_domain.domain")?);
        }
        domains.dedup();
        Ok(domains)
    }

    /// Replaces the internal domains known from `source`. A change makes pages that were filtered before it unstorable.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_internal_domains(
        &self,
        tenant: &TenantId,
        source: InternalSource,
        domains: &[DomainName],
    ) -> Result<(), StoreError> {
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
            return Ok(());
        }
        sqlx::query("DELETE FROM internal_domain WHERE tenant_id = $1 AND source = $2")
            .bind(tenant.as_str())
            .bind(source.word())
            .execute(tx.connection())
            .await?;
        let now = to_text(self.surroundings().now());
        for domain in &after {
            sqlx::query("INSERT INTO internal_domain (tenant_id, domain, source, seen_at) VALUES ($1, $2, $3, $4)")
                .bind(tenant.as_str())
                .bind(domain.as_str())
                .bind(source.word())
                .bind(now.as_str())
                .execute(tx.connection())
                .await?;
        }
        sqlx::query("UPDATE o365_config SET allow_list_version = allow_list_version + 1 WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .execute(tx.connection())
            .await?;
        Ok(tx.save().await?)
    }
}

async fn allow_one(
    tx: &mut WriteTx,
    tenant: &TenantId,
    actor: &UserId,
    domain: &DomainName,
    include_subdomains: bool,
    now: Timestamp,
) -> Result<Added, StoreError> {
    let open = sqlx::query(
        "SELECT id, include_subdomains FROM allowed_external_domain \
         WHERE tenant_id = $1 AND domain = $2 AND closed_at IS NULL",
    );
    let open = open.bind(tenant.as_str()).bind(domain.as_str()).fetch_optional(tx.connection()).await?;
    if let Some(row) = open {
        let (id, covers): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if covers != 0 || !include_subdomains {
            return Ok(Added::Already);
        }
        sqlx::query("UPDATE allowed_external_domain SET include_subdomains = 1 WHERE id = $1 AND tenant_id = $2")
            .bind(id)
            .bind(tenant.as_str())
            .execute(tx.connection())
            .await?;
        return Ok(Added::Widened);
    }
    sqlx::query(
        "INSERT INTO allowed_external_domain (tenant_id, domain, include_subdomains, added_at, added_by) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(tenant.as_str())
    .bind(domain.as_str())
    .bind(i64::from(include_subdomains))
    .bind(to_text(now))
    .bind(actor.as_str())
    .execute(tx.connection())
    .await?;
    Ok(Added::New)
}

const CONNECTOR: &str = "SELECT connector_id, entra_tenant_id, tenant_domain, connected_at, mailbox_wide_delta_refused_at \
                         FROM o365_config WHERE tenant_id = $1";

async fn connector_in(tx: &mut WriteTx, tenant: &TenantId) -> Result<Option<Connector>, StoreError> {
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
    })
}

fn read_entry(row: &AnyRow) -> Result<AllowEntry, StoreError> {
    Ok(AllowEntry {
        id: EntryId(row.try_get(0)?),
        domain: read_domain(row.try_get(1)?, "allowed_external_domain.domain")?,
        include_subdomains: row.try_get::<i64, _>(2)? != 0,
    })
}

fn read_domain(text: &str, column: &'static str) -> Result<DomainName, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable(column))
}

impl Store {
    /// Closes the entry of `domain`: nobody new is let in by it. What it let in stays or goes, as `leftovers` says; nobody is
    /// kept out for good. `None` when the domain is not on the list.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn disallow(
        &self,
        tenant: &TenantId,
        actor: &UserId,
        domain: &DomainName,
        leftovers: Leftovers,
    ) -> Result<Option<Disallowed>, StoreError> {
        if leftovers == Leftovers::Purge {
            // Names of what goes away are sealed for the feed: under another key no reader could open them.
            self.assert_key(tenant).await?;
        }
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        let closed: Option<i64> = sqlx::query_scalar(
            "UPDATE allowed_external_domain SET closed_at = $1, closed_by = $2 \
             WHERE tenant_id = $3 AND domain = $4 AND closed_at IS NULL RETURNING id",
        )
        .bind(to_text(now))
        .bind(actor.as_str())
        .bind(tenant.as_str())
        .bind(domain.as_str())
        .fetch_optional(tx.connection())
        .await?;
        let Some(entry) = closed else { return Ok(None) };
        sqlx::query("UPDATE o365_config SET allow_list_version = allow_list_version + 1 WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .execute(tx.connection())
            .await?;
        if leftovers == Leftovers::Purge {
            let mut purge = Purge::begin(self, &mut tx, tenant, now).await?;
            purge.let_in_by(entry).await?;
            let counts = purge.end();
            let detail = serde_json::json!({ "domain": domain.as_str(), "tables": counts }).to_string();
            tx.audit(tenant, actor, "allowlist.purged", &detail, now).await?;
            tx.save().await?;
            self.rewrite_file(tenant).await?;
            return Ok(Some(Disallowed::Purged(counts)));
        }
        let records: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM activity a WHERE a.tenant_id = $1 AND (a.entry_id = $2 OR EXISTS \
             (SELECT 1 FROM activity_participant p WHERE p.activity_id = a.id AND p.entry_id = $2))",
        )
        .bind(tenant.as_str())
        .bind(entry)
        .fetch_one(tx.connection())
        .await?;
        let detail = serde_json::json!({ "domain": domain.as_str(), "keptRecords": records }).to_string();
        tx.audit(tenant, actor, "allowlist.closed", &detail, now).await?;
        tx.save().await?;
        Ok(Some(Disallowed::Kept(records)))
    }
}
