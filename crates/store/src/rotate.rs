//! Changing the key: everything that is sealed, under the present key.
//!
//! Several keys live at once: one encrypts, older ones decrypt. `keys rotate` opens each sealed cell and seals it again, a
//! batch a transaction, so it can be broken off and repeated at any point: what is under the present key already is passed
//! over. When it has run to its end without a loss, older keys can be thrown away.

use m365_model::TenantId;
use sqlx::Row as _;

use crate::{Cell, OpenError, Sealed, Store, StoreError};

/// A column of sealed values, and the column that names its rows.
struct SealedColumn {
    table: &'static str,
    row: &'static str,
    column: &'static str,
}

/// Every sealed column. A test holds the list against the schema: a sealed column is called `sealed`, or `sealed_…`.
const SEALED_COLUMNS: &[SealedColumn] = &[
    SealedColumn { table: "delta_state", row: "id", column: "sealed_link" },
    SealedColumn { table: "token_cache", row: "name", column: "sealed" },
    SealedColumn { table: "tenant_secret", row: "name", column: "sealed" },
    SealedColumn { table: "exclusion", row: "exclusion_key", column: "sealed" },
    SealedColumn { table: "feed_tombstone", row: "public_key", column: "sealed_external_id" },
    SealedColumn { table: "consent_state", row: "state_key", column: "sealed_nonce" },
    SealedColumn { table: "consent_state", row: "state_key", column: "sealed_verifier" },
];

/// The names of the sealed columns, for the test that holds them against the schema.
pub fn sealed_columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    SEALED_COLUMNS.iter().map(|sealed| (sealed.table, sealed.column))
}

/// How many cells one transaction seals anew.
const BATCH: i64 = 200;

/// What a rotation came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Sealed anew under the present key.
    pub rotated: u64,
    /// Under the present key before.
    pub current: u64,
    /// Under a key that was not given: not readable, and left as they are.
    pub lost: u64,
    /// Damaged or moved: not readable, and left as they are.
    pub damaged: u64,
}

impl Store {
    /// Seals everything of `tenant` under the present key. Safe to repeat and to break off.
    ///
    /// # Errors
    /// When the database fails. Cells that do not open are counted, not touched.
    pub async fn rotate_keys(&self, tenant: &TenantId) -> Result<Rotated, StoreError> {
        let mut total = Rotated::default();
        for sealed in SEALED_COLUMNS {
            let mut after = None;
            while let Some(last) = self.rotate_batch(tenant, sealed, after.as_deref(), &mut total).await? {
                after = Some(last);
            }
        }
        Ok(total)
    }

    /// Seals the batch of rows behind `after`. It gives the last row's name, or nothing when no row was left.
    async fn rotate_batch(
        &self,
        tenant: &TenantId,
        sealed: &SealedColumn,
        after: Option<&str>,
        total: &mut Rotated,
    ) -> Result<Option<String>, StoreError> {
        let SealedColumn { table, row, column } = sealed;
        let mut tx = self.db.begin(tenant).await?;
        let select = format!(
            "SELECT CAST({row} AS TEXT), {column} FROM {table} WHERE tenant_id = $1 AND {column} IS NOT NULL \
             AND CAST({row} AS TEXT) > $2 ORDER BY CAST({row} AS TEXT) LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(select))
            .bind(tenant.as_str())
            .bind(after.unwrap_or_default())
            .bind(BATCH)
            .fetch_all(tx.connection())
            .await?;
        let mut last = None;
        for found in rows {
            let name: String = found.try_get(0)?;
            let old = Sealed::from_row(found.try_get(1)?);
            let cell = Cell { tenant, table, row: &name, column };
            if let Some(new) = self.sealed_anew(&cell, &old, total) {
                let update = format!(
                    "UPDATE {table} SET {column} = $1 WHERE tenant_id = $2 AND CAST({row} AS TEXT) = $3 AND {column} = $4"
                );
                // A value that changed meanwhile was sealed by somebody who has the present key.
                sqlx::query(sqlx::AssertSqlSafe(update))
                    .bind(new.as_bytes())
                    .bind(tenant.as_str())
                    .bind(name.as_str())
                    .bind(old.as_bytes())
                    .execute(tx.connection())
                    .await?;
            }
            last = Some(name);
        }
        tx.save().await?;
        Ok(last)
    }

    fn sealed_anew(&self, cell: &Cell<'_>, old: &Sealed, total: &mut Rotated) -> Option<Sealed> {
        if self.crypter.is_current(old) {
            total.current += 1;
            return None;
        }
        match self.crypter.open_bytes(cell, old) {
            Ok(plain) => {
                total.rotated += 1;
                Some(self.crypter.seal(cell, &plain, self.surroundings().entropy.as_ref()))
            }
            Err(OpenError::UnknownKey) => {
                total.lost += 1;
                None
            }
            Err(OpenError::Damaged) => {
                total.damaged += 1;
                None
            }
        }
    }
}
