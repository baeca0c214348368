//! Disconnecting. Reading stops first, whatever becomes of the records: from then on the gate is shut and no page is stored. The
//! Entra tenant still belongs to the tenant afterwards, so that nobody else can take it over by connecting it.

use jiff::Timestamp;
use m365_model::{TenantId, UserId, to_text};

use crate::allow_list::Leftovers;
use crate::erase::Target;
use crate::{PurgeCounts, Store, StoreError};

/// What a disconnect did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnected {
    /// Since when nothing is read.
    pub at: Timestamp,
    /// How many records were kept.
    pub records_kept: i64,
    /// What was read and is deleted, table by table; `None` where it was kept.
    pub tables: Option<PurgeCounts>,
    /// The settings and lists that went with the connection, as table and rows.
    pub settings: Vec<(&'static str, u64)>,
}

impl Store {
    /// Disconnects `tenant`: nothing is read any more. What was recorded stays, or everything of the connection is deleted: records,
    /// positions, lists and settings. Erased people stay out, and the audit trail stays. The acceptance of the agreement is not
    /// withdrawn by it; where the connection is deleted, a new one asks for a new acceptance.
    ///
    /// Broken off, it can be repeated. It waits for a sync that is at work, which ends at its next page.
    ///
    /// # Errors
    /// When nothing is connected, the ledger of erasures cannot be written, or the database fails.
    pub async fn disconnect(
        &self,
        tenant: &TenantId,
        leftovers: Leftovers,
        actor: &UserId,
    ) -> Result<Disconnected, StoreError> {
        let at = self.stop_reading(tenant, actor).await?;
        let _turn = self.db.lock(tenant).await?;
        if leftovers == Leftovers::Keep {
            let records_kept = self.count_records(tenant).await?;
            return Ok(Disconnected { at, records_kept, tables: None, settings: Vec::new() });
        }
        self.reconcile_ledger(tenant).await?;
        let receipt = self.erase(tenant, actor, &Target::All).await?;
        let settings = self.forget_connection(tenant, actor).await?;
        self.rewrite_file(tenant).await?;
        Ok(Disconnected { at, records_kept: 0, tables: Some(receipt.tables), settings })
    }

    /// Shuts the gate: the first thing that [`Store::disconnect`] does, and the one that waits for nothing. The tokens go with it. It
    /// gives since when nothing is read.
    ///
    /// # Errors
    /// When nothing is connected or the database fails.
    pub async fn stop_reading(&self, tenant: &TenantId, actor: &UserId) -> Result<Timestamp, StoreError> {
        let connector = self.connector(tenant).await?;
        if let Some(at) = connector.disconnected_at {
            return Ok(at);
        }
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        let stopped =
            sqlx::query("UPDATE o365_config SET disconnected_at = $1 WHERE tenant_id = $2 AND disconnected_at IS NULL")
                .bind(to_text(now))
                .bind(tenant.as_str())
                .execute(tx.connection())
                .await?;
        if stopped.rows_affected() == 0 {
            // Somebody else was faster, and it is in the audit trail once.
            return Ok(now);
        }
        sqlx::query("DELETE FROM token_cache WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .execute(tx.connection())
            .await?;
        let detail = serde_json::json!({ "entraTenantId": connector.entra_tenant }).to_string();
        tx.audit(tenant, actor, "connector.disconnected", &detail, now).await?;
        tx.save().await?;
        Ok(now)
    }

    /// Deletes the connection itself, and what refers to it.
    async fn forget_connection(
        &self,
        tenant: &TenantId,
        actor: &UserId,
    ) -> Result<Vec<(&'static str, u64)>, StoreError> {
        let mut tx = self.db.begin(tenant).await?;
        let mut settings = Vec::with_capacity(CONNECTION.len());
        for (table, sql) in CONNECTION {
            let gone = sqlx::query(*sql).bind(tenant.as_str()).execute(tx.connection()).await?;
            settings.push((*table, gone.rows_affected()));
        }
        let detail = serde_json::to_string(&settings.iter().copied().collect::<std::collections::BTreeMap<_, _>>());
        let detail = detail.map_err(|_| StoreError::Unreadable("counts"))?;
        tx.audit(tenant, actor, "connector.deleted", &detail, self.surroundings().now()).await?;
        tx.save().await?;
        Ok(settings)
    }
}

/// What a connection leaves when everything that was read is gone: each table before those that it refers to.
const CONNECTION: &[(&str, &str)] = &[
    ("feed_tombstone", "DELETE FROM feed_tombstone WHERE tenant_id = $1"),
    ("feed_state", "DELETE FROM feed_state WHERE tenant_id = $1"),
    ("exclusion", "DELETE FROM exclusion WHERE tenant_id = $1"),
    ("internal_domain", "DELETE FROM internal_domain WHERE tenant_id = $1"),
    ("allowed_external_domain", "DELETE FROM allowed_external_domain WHERE tenant_id = $1"),
    ("setting", "DELETE FROM setting WHERE tenant_id = $1"),
    ("invitation", "DELETE FROM invitation WHERE tenant_id = $1"),
    ("consent_state", "DELETE FROM consent_state WHERE tenant_id = $1"),
    ("entra_confirmation", "DELETE FROM entra_confirmation WHERE tenant_id = $1"),
    ("o365_config", "DELETE FROM o365_config WHERE tenant_id = $1"),
];
