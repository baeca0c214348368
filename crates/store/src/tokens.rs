//! The token cache: what lets the next run start without asking for a new token.

use jiff::Timestamp;
use m365_model::{TenantId, from_text, to_text};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::Row as _;

use crate::{Cell, Sealed, Store, StoreError};

impl Store {
    /// Keeps `token` of `tenant` under `name`, encrypted, until `expires_at`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_token(
        &self,
        tenant: &TenantId,
        name: &str,
        token: &SecretString,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let sealed = self.seal(&token_cell(tenant, name), token.expose_secret());
        let mut tx = self.db.begin(tenant).await?;
        sqlx::query(
            "INSERT INTO token_cache (tenant_id, name, sealed, expires_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (tenant_id, name) DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at",
        )
        .bind(tenant.as_str())
        .bind(name)
        .bind(sealed.as_bytes())
        .bind(to_text(expires_at))
        .execute(tx.connection())
        .await?;
        Ok(tx.save().await?)
    }

    /// The token kept under `name`, if there is one that opens and has not expired.
    ///
    /// # Errors
    /// When the database fails. A token under a lost key is no error: a new one can be had.
    pub async fn load_token(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Option<(SecretString, Timestamp)>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query("SELECT sealed, expires_at FROM token_cache WHERE tenant_id = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name)
            .fetch_optional(reader.connection())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let expires_at = from_text(row.try_get(1)?).ok_or(StoreError::Unreadable("token_cache.expires_at"))?;
        let sealed = Sealed::from_row(row.try_get(0)?);
        match self.crypter.open(&token_cell(tenant, name), &sealed) {
            Ok(token) if expires_at > self.surroundings().now() => Ok(Some((token, expires_at))),
            _ => Ok(None),
        }
    }

    pub(crate) fn seal(&self, cell: &Cell<'_>, plain: &str) -> Sealed {
        self.crypter.seal(cell, plain.as_bytes(), self.surroundings().entropy.as_ref())
    }
}

fn token_cell<'a>(tenant: &'a TenantId, name: &'a str) -> Cell<'a> {
    Cell { tenant, table: "token_cache", row: name, column: "sealed" }
}
