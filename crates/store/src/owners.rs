//! Whose Microsoft tenant is whose. One Entra tenant belongs to one tenant of this installation, from the first connection on;
//! a disconnect does not give it up. Only an operator gives it to another.

use jiff::Timestamp;
use m365_database::WriteTx;
use m365_model::{EntraTenantId, TenantId, UserId, to_text};
use sqlx::Row as _;
use thiserror::Error;

use crate::{Store, StoreError};

/// Why an Entra tenant was not given to another tenant.
#[derive(Debug, Error)]
pub enum MoveError {
    /// Nobody here has it.
    #[error("no tenant of this installation has this Entra tenant: it needs no move, connect it")]
    NotOwned,
    /// Its owner reads it.
    #[error("this Entra tenant is still connected: have its tenant disconnect it first")]
    StillConnected,
    /// The receiver is no tenant here.
    #[error("the tenant that is to have it is not known here: add it with `m365-connector tenants add`")]
    NotAdmitted,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for MoveError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// The tenants that may use this installation, with the Entra tenants that belong to each.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owners(&self) -> Result<Vec<(TenantId, Vec<EntraTenantId>)>, StoreError> {
        let mut all = Vec::new();
        for tenant in self.db.tenants().await? {
            let mut reader = self.db.reader(&tenant).await?;
            let rows =
                sqlx::query("SELECT entra_tenant_id FROM entra_owner WHERE tenant_id = $1 ORDER BY entra_tenant_id")
                    .bind(tenant.as_str())
                    .fetch_all(reader.connection())
                    .await?;
            let owned = rows.iter().map(|row| read_entra(row.try_get(0)?)).collect::<Result<_, StoreError>>()?;
            all.push((tenant, owned));
        }
        Ok(all)
    }

    /// Gives an Entra tenant that is not connected any more to `to`, on an operator's word. What its tenant recorded stays there.
    ///
    /// # Errors
    /// [`MoveError`]; nothing is changed then.
    pub async fn move_entra_tenant(
        &self,
        entra_tenant: &EntraTenantId,
        to: &TenantId,
        actor: &UserId,
    ) -> Result<TenantId, MoveError> {
        if !self.admitted(to).await? {
            return Err(MoveError::NotAdmitted);
        }
        let from = self.entra_owner(entra_tenant, to).await?.ok_or(MoveError::NotOwned)?;
        if from == *to {
            return Ok(from);
        }
        let now = self.surroundings().now();
        let mut tx = self.db.begin(&from).await.map_err(StoreError::from)?;
        // The row is taken first, as a connection takes it: neither overtakes the other.
        let moved = sqlx::query(
            "UPDATE entra_owner SET tenant_id = $1, since = $2 WHERE entra_tenant_id = $3 AND tenant_id = $4",
        )
        .bind(to.as_str())
        .bind(to_text(now))
        .bind(entra_tenant.as_str())
        .bind(from.as_str())
        .execute(tx.connection())
        .await?;
        if moved.rows_affected() == 0 {
            return Err(MoveError::NotOwned);
        }
        let reads =
            "SELECT 1 FROM o365_config WHERE tenant_id = $1 AND entra_tenant_id = $2 AND disconnected_at IS NULL";
        let reads = sqlx::query(reads).bind(from.as_str()).bind(entra_tenant.as_str());
        if reads.fetch_optional(tx.connection()).await?.is_some() {
            return Err(MoveError::StillConnected);
        }
        let detail = serde_json::json!({ "entraTenantId": entra_tenant, "to": to }).to_string();
        tx.audit(&from, actor, "entra_tenant.given", &detail, now).await.map_err(StoreError::from)?;
        tx.save().await.map_err(StoreError::from)?;
        let mut tx = self.db.begin(to).await.map_err(StoreError::from)?;
        let detail = serde_json::json!({ "entraTenantId": entra_tenant }).to_string();
        tx.audit(to, actor, "entra_tenant.received", &detail, now).await.map_err(StoreError::from)?;
        tx.save().await.map_err(StoreError::from)?;
        Ok(from)
    }

    /// Who has an Entra tenant. The table is read without a tenant, so `on_behalf` may be anyone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn entra_owner(
        &self,
        entra_tenant: &EntraTenantId,
        on_behalf: &TenantId,
    ) -> Result<Option<TenantId>, StoreError> {
        let mut reader = self.db.reader(on_behalf).await?;
        let owner: Option<String> = sqlx::query_scalar("SELECT tenant_id FROM entra_owner WHERE entra_tenant_id = $1")
            .bind(entra_tenant.as_str())
            .fetch_optional(reader.connection())
            .await?;
        owner.as_deref().map(read_tenant).transpose()
    }
}

/// Who has `entra_tenant` now: `tenant`, where nobody had it before. The row is held until the transaction ends, so of two who
/// claim it at once the second sees the first.
pub(crate) async fn own_in(
    tx: &mut WriteTx,
    tenant: &TenantId,
    entra_tenant: &EntraTenantId,
    now: Timestamp,
) -> Result<TenantId, StoreError> {
    let owner: String = sqlx::query_scalar(
        "INSERT INTO entra_owner (entra_tenant_id, tenant_id, since) VALUES ($1, $2, $3) \
         ON CONFLICT (entra_tenant_id) DO UPDATE SET since = entra_owner.since RETURNING tenant_id",
    )
    .bind(entra_tenant.as_str())
    .bind(tenant.as_str())
    .bind(to_text(now))
    .fetch_one(tx.connection())
    .await?;
    read_tenant(&owner)
}

fn read_tenant(text: &str) -> Result<TenantId, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable("entra_owner.tenant_id"))
}

pub(crate) fn read_entra(text: &str) -> Result<EntraTenantId, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable("entra_tenant_id"))
}
