//! Exclusions: people and domains that are kept out though the allow-list would let them in. Reversible, unlike an erasure.
//!
//! Nobody on this list was let in, so each stands there sealed, under a keyed hash by which it is known again. An exclusion
//! counts from the next page on; what is stored already stays until somebody erases it. A removal makes the streams read
//! their window again.

use jiff::Timestamp;
use m365_database::WriteTx;
use m365_model::{TenantId, UserId, to_text};
use m365_privacy::{Exclusion, Suppressions};
use sqlx::Row as _;

use crate::config::connector_in;
use crate::settings::{FILTER_AGAIN, READ_AGAIN};
use crate::{Cell, Sealed, Store, StoreError};

/// What became of an exclusion that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excluded {
    /// It is kept out from now on; so many records of before are stored.
    New {
        /// Records that name it.
        records: i64,
    },
    /// It was kept out already.
    Already,
}

impl Store {
    /// Everyone whom an administrator keeps out, in the order in which they were added.
    ///
    /// # Errors
    /// When the database fails, or an entry does not open.
    pub async fn exclusions(&self, tenant: &TenantId) -> Result<Vec<Exclusion>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query(
            "SELECT exclusion_key, sealed FROM exclusion WHERE tenant_id = $1 ORDER BY added_at, exclusion_key",
        );
        let rows = rows.bind(tenant.as_str()).fetch_all(reader.connection()).await?;
        let mut exclusions = Vec::with_capacity(rows.len());
        for row in rows {
            let (key, sealed): (&str, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            let plain = self.crypter.open_bytes(&cell(tenant, key), &Sealed::from_row(sealed))?;
            let text = std::str::from_utf8(&plain).ok().and_then(|text| text.parse().ok());
            exclusions.push(text.ok_or(StoreError::Unreadable("exclusion.sealed"))?);
        }
        Ok(exclusions)
    }

    /// Keeps `exclusions` out from now on, all or none.
    ///
    /// # Errors
    /// When the tenant has no connector or the database fails.
    pub async fn exclude(
        &self,
        tenant: &TenantId,
        actor: &UserId,
        exclusions: &[Exclusion],
    ) -> Result<Vec<Excluded>, StoreError> {
        let now = self.surroundings().now();
        let keys = self.exclusion_keys(tenant, exclusions).await?;
        let mut tx = self.db.begin(tenant).await?;
        connector_in(&mut tx, tenant).await?.ok_or(StoreError::NotConnected)?;
        let mut outcome = Vec::with_capacity(exclusions.len());
        for (exclusion, key) in exclusions.iter().zip(&keys) {
            let text = exclusion.as_str().as_bytes();
            let sealed = self.crypter.seal(&cell(tenant, key), text, self.surroundings().entropy.as_ref());
            let added = sqlx::query(
                "INSERT INTO exclusion (tenant_id, exclusion_key, sealed, added_at, added_by) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, exclusion_key) DO NOTHING",
            )
            .bind(tenant.as_str())
            .bind(key.as_str())
            .bind(sealed.as_bytes())
            .bind(to_text(now))
            .bind(actor.as_str())
            .execute(tx.connection())
            .await?;
            outcome.push(if added.rows_affected() == 0 {
                Excluded::Already
            } else {
                audit(&mut tx, tenant, actor, "exclusion.added", exclusion, now).await?;
                Excluded::New { records: records_naming(&mut tx, tenant, exclusion).await? }
            });
        }
        if outcome.iter().any(|excluded| *excluded != Excluded::Already) {
            sqlx::query(FILTER_AGAIN).bind(tenant.as_str()).execute(tx.connection()).await?;
        }
        tx.save().await?;
        Ok(outcome)
    }

    /// Lets the allow-list decide about `exclusions` again, all or none. It tells which of them were kept out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn readmit(
        &self,
        tenant: &TenantId,
        actor: &UserId,
        exclusions: &[Exclusion],
    ) -> Result<Vec<bool>, StoreError> {
        let now = self.surroundings().now();
        let keys = self.exclusion_keys(tenant, exclusions).await?;
        let mut tx = self.db.begin(tenant).await?;
        let mut outcome = Vec::with_capacity(exclusions.len());
        for (exclusion, key) in exclusions.iter().zip(&keys) {
            let gone = sqlx::query("DELETE FROM exclusion WHERE tenant_id = $1 AND exclusion_key = $2")
                .bind(tenant.as_str())
                .bind(key.as_str())
                .execute(tx.connection())
                .await?;
            if gone.rows_affected() > 0 {
                audit(&mut tx, tenant, actor, "exclusion.removed", exclusion, now).await?;
            }
            outcome.push(gone.rows_affected() > 0);
        }
        if outcome.contains(&true) {
            sqlx::query(READ_AGAIN).bind(tenant.as_str()).execute(tx.connection()).await?;
        }
        tx.save().await?;
        Ok(outcome)
    }

    async fn exclusion_keys(&self, tenant: &TenantId, exclusions: &[Exclusion]) -> Result<Vec<String>, StoreError> {
        let key = self.suppression_key(tenant).await?;
        Ok(exclusions.iter().map(|exclusion| hex::encode(key.hash("exclusion", exclusion.as_str()))).collect())
    }
}

/// Forgets the exclusions of people who were erased: they stay out by another list, which does not know their addresses.
pub(crate) async fn forget_erased(
    store: &Store,
    tx: &mut WriteTx,
    tenant: &TenantId,
    erased: &Suppressions,
) -> Result<u64, StoreError> {
    let mut gone = 0;
    for exclusion in store.exclusions(tenant).await? {
        let Exclusion::Address(address) = &exclusion else { continue };
        if erased.hold_stored(address.as_str()) {
            let key = &store.exclusion_keys(tenant, std::slice::from_ref(&exclusion)).await?[0];
            gone += 1;
            sqlx::query("DELETE FROM exclusion WHERE tenant_id = $1 AND exclusion_key = $2")
                .bind(tenant.as_str())
                .bind(key.as_str())
                .execute(tx.connection())
                .await?;
        }
    }
    Ok(gone)
}

fn cell<'a>(tenant: &'a TenantId, key: &'a str) -> Cell<'a> {
    Cell { tenant, table: "exclusion", row: key, column: "sealed" }
}

/// The trail names domains, and of a person only that it was one.
async fn audit(
    tx: &mut WriteTx,
    tenant: &TenantId,
    actor: &UserId,
    action: &str,
    exclusion: &Exclusion,
    now: Timestamp,
) -> Result<(), StoreError> {
    let detail = match exclusion {
        Exclusion::Address(_) => serde_json::json!({ "of": "address" }),
        Exclusion::Domain(domain) => serde_json::json!({ "of": "domain", "domain": domain.as_str() }),
    };
    Ok(tx.audit(tenant, actor, action, &detail.to_string(), now).await?)
}

async fn records_naming(tx: &mut WriteTx, tenant: &TenantId, exclusion: &Exclusion) -> Result<i64, StoreError> {
    let (condition, text) = match exclusion {
        Exclusion::Address(address) => ("= $2", address.as_str().to_owned()),
        Exclusion::Domain(domain) => ("LIKE $2 ESCAPE '!'", format!("%@{}", domain.as_str().replace('_', "!_"))),
    };
    let sql = format!(
        "SELECT COUNT(*) FROM activity a WHERE a.tenant_id = $1 AND (a.person_external_id {condition} OR EXISTS \
         (SELECT 1 FROM activity_participant p WHERE p.activity_id = a.id AND p.address {condition}))"
    );
    let count = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(tenant.as_str().to_owned()).bind(text);
    Ok(count.fetch_one(tx.connection()).await?)
}
