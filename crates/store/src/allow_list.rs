//! The allow-list: the external domains whose people are let through.
//!
//! Entries are closed, not deleted: records refer to the entry that let their people in. An entry whose domain turns out to be
//! the company's own is paused, which is closed until a person decides about it; what it let in stays until then.

use jiff::Timestamp;
use m365_database::WriteTx;
use m365_model::{EntryId, TenantId, UserId, to_text};
use m365_privacy::{AllowEntry, DomainName};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::config::{connector_in, read_domain};
use crate::purge::{Purge, PurgeCounts};
use crate::settings::{FILTER_AGAIN, READ_AGAIN};
use crate::{Store, StoreError};

/// The allow-list, and its version: what was filtered by an older one is not stored.
#[derive(Debug, Clone)]
pub struct AllowList {
    /// Moves with every change.
    pub version: i64,
    /// Moves when the window must be read again.
    pub window_version: i64,
    /// The open entries, by domain.
    pub entries: Vec<AllowEntry>,
    /// Domains whose entries are closed until a person decides, because they turned out to be the company's own.
    pub paused: Vec<DomainName>,
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

/// One difference between the list and what it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A domain is not on it.
    Add {
        /// Which.
        domain: DomainName,
        /// Whether its subdomains are to be let in too.
        subdomains: bool,
    },
    /// A domain is on it without its subdomains.
    Widen(DomainName),
    /// A domain is on it with its subdomains, and is to be without.
    Narrow(DomainName),
    /// A domain is on it and is not to be.
    Close(DomainName),
}

/// What has to change so that `entries` are `wanted`. Pure: a plan is shown before it is carried out.
pub fn changes(entries: &[AllowEntry], wanted: &[(DomainName, bool)]) -> Vec<Change> {
    let mut changes = Vec::new();
    for (domain, subdomains) in wanted {
        match entries.iter().find(|entry| entry.domain == *domain) {
            None => changes.push(Change::Add { domain: domain.clone(), subdomains: *subdomains }),
            Some(entry) if entry.include_subdomains == *subdomains => {}
            Some(_) if *subdomains => changes.push(Change::Widen(domain.clone())),
            Some(_) => changes.push(Change::Narrow(domain.clone())),
        }
    }
    let is_wanted = |entry: &&AllowEntry| wanted.iter().any(|(domain, _)| *domain == entry.domain);
    changes.extend(entries.iter().filter(|entry| !is_wanted(entry)).map(|entry| Change::Close(entry.domain.clone())));
    changes
}

impl Store {
    /// Carries `changes` out, all or none. What closed entries let in stays.
    ///
    /// # Errors
    /// When the tenant has no connector or the database fails.
    pub async fn change_allow_list(
        &self,
        tenant: &TenantId,
        actor: &UserId,
        changes: &[Change],
    ) -> Result<(), StoreError> {
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        connector_in(&mut tx, tenant).await?.ok_or(StoreError::NotConnected)?;
        for change in changes {
            let (action, domain, subdomains) = match change {
                Change::Add { domain, subdomains } => ("allowlist.added", domain, *subdomains),
                Change::Widen(domain) => ("allowlist.added", domain, true),
                Change::Narrow(domain) => ("allowlist.narrowed", domain, false),
                Change::Close(domain) => ("allowlist.closed", domain, false),
            };
            match change {
                Change::Add { .. } | Change::Widen(_) => {
                    allow_one(&mut tx, tenant, actor, domain, subdomains, now).await?;
                }
                Change::Narrow(_) => narrow(&mut tx, tenant, domain).await?,
                Change::Close(_) => {
                    close_one(&mut tx, tenant, actor, domain, now).await?;
                }
            }
            let detail = serde_json::json!({ "domain": domain.as_str(), "subdomains": subdomains }).to_string();
            tx.audit(tenant, actor, action, &detail, now).await?;
        }
        let widens = |change: &Change| matches!(change, Change::Add { .. } | Change::Widen(_));
        let statement = if changes.iter().any(widens) { READ_AGAIN } else { FILTER_AGAIN };
        sqlx::query(statement).bind(tenant.as_str()).execute(tx.connection()).await?;
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
        let paused = sqlx::query(
            "SELECT domain FROM allowed_external_domain WHERE tenant_id = $1 AND is_paused = 1 ORDER BY domain",
        );
        let paused = paused.bind(tenant.as_str()).fetch_all(reader.connection()).await?;
        let read_paused = |row| read_domain(AnyRow::try_get(row, 0)?, "allowed_external_domain.domain");
        Ok(AllowList {
            version: versions.try_get(0)?,
            window_version: versions.try_get(1)?,
            entries: rows.iter().map(read_entry).collect::<Result<_, _>>()?,
            paused: paused.iter().map(read_paused).collect::<Result<_, _>>()?,
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
        let closed = close_one(&mut tx, tenant, actor, domain, now).await?;
        let entry = match closed {
            Some(entry) => entry,
            None => match settle_pause(&mut tx, tenant, domain).await? {
                Some(entry) => entry,
                None => return Ok(None),
            },
        };
        sqlx::query(FILTER_AGAIN).bind(tenant.as_str()).execute(tx.connection()).await?;
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
    settle_pause(tx, tenant, domain).await?;
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

/// Closes the open entry of `domain`. It gives the entry, if there was one.
async fn close_one(
    tx: &mut WriteTx,
    tenant: &TenantId,
    actor: &UserId,
    domain: &DomainName,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "UPDATE allowed_external_domain SET closed_at = $1, closed_by = $2 \
         WHERE tenant_id = $3 AND domain = $4 AND closed_at IS NULL RETURNING id",
    )
    .bind(to_text(now))
    .bind(actor.as_str())
    .bind(tenant.as_str())
    .bind(domain.as_str())
    .fetch_optional(tx.connection())
    .await?)
}

/// Lets nobody new of the subdomains in.
async fn narrow(tx: &mut WriteTx, tenant: &TenantId, domain: &DomainName) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE allowed_external_domain SET include_subdomains = 0 \
         WHERE tenant_id = $1 AND domain = $2 AND closed_at IS NULL",
    )
    .bind(tenant.as_str())
    .bind(domain.as_str())
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Takes the pause from the entry of `domain`, which stays closed. It gives the entry, if one was paused.
async fn settle_pause(tx: &mut WriteTx, tenant: &TenantId, domain: &DomainName) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "UPDATE allowed_external_domain SET is_paused = 0 WHERE tenant_id = $1 AND domain = $2 AND is_paused = 1 \
         RETURNING id",
    )
    .bind(tenant.as_str())
    .bind(domain.as_str())
    .fetch_optional(tx.connection())
    .await?)
}

/// Pauses the open entries that are one of `internal` or below one, and tells which.
pub(crate) async fn pause_internal(
    tx: &mut WriteTx,
    tenant: &TenantId,
    internal: &[DomainName],
    now: Timestamp,
) -> Result<Vec<DomainName>, StoreError> {
    let open = sqlx::query(
        "SELECT id, domain, include_subdomains FROM allowed_external_domain \
         WHERE tenant_id = $1 AND closed_at IS NULL ORDER BY domain",
    );
    let rows = open.bind(tenant.as_str()).fetch_all(tx.connection()).await?;
    let actor: UserId = "internal-domain".parse().map_err(|_| StoreError::Unreadable("a user id"))?;
    let mut paused = Vec::new();
    for row in &rows {
        let entry = read_entry(row)?;
        if !internal.iter().any(|own| entry.domain.is_or_is_below(own)) {
            continue;
        }
        sqlx::query(
            "UPDATE allowed_external_domain SET closed_at = $1, closed_by = $2, is_paused = 1 \
             WHERE id = $3 AND tenant_id = $4",
        )
        .bind(to_text(now))
        .bind(actor.as_str())
        .bind(entry.id.0)
        .bind(tenant.as_str())
        .execute(tx.connection())
        .await?;
        let detail = serde_json::json!({ "domain": entry.domain.as_str() }).to_string();
        tx.audit(tenant, &actor, "allowlist.paused", &detail, now).await?;
        paused.push(entry.domain);
    }
    Ok(paused)
}

fn read_entry(row: &AnyRow) -> Result<AllowEntry, StoreError> {
    Ok(AllowEntry {
        id: EntryId(row.try_get(0)?),
        domain: read_domain(row.try_get(1)?, "allowed_external_domain.domain")?,
        include_subdomains: row.try_get::<i64, _>(2)? != 0,
    })
}
