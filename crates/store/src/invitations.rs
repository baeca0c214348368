//! Invitations: the administrator of the Microsoft tenant is often somebody who has no account here. A link lets that person, and
//! nobody else, sign in to Microsoft and consent. It works once, for seven days, and whoever made it can take it back.

use jiff::{Timestamp, ToSpan as _};
use m365_database::WriteTx;
use m365_model::{TenantId, UserId, from_text, to_text};
use secrecy::SecretString;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::config::read_instant;
use crate::sign_in::{Secret, hash_of};
use crate::{Store, StoreError};

/// How long an invitation is good, in hours.
const HOURS: i64 = 7 * 24;

/// An invitation that was just made. Its secret is shown once.
#[derive(Debug)]
pub struct NewInvitation {
    /// Its id.
    pub id: String,
    /// What the link holds.
    pub secret: SecretString,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Where an invitation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationState {
    /// It can be used.
    Open,
    /// Somebody connected with it, or asked an operator to.
    Used,
    /// Its days are over.
    Expired,
    /// It was taken back.
    Revoked,
}

/// An invitation, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: String,
    /// Who made it.
    pub made_by: UserId,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: InvitationState,
}

impl Store {
    /// Makes an invitation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invite(&self, tenant: &TenantId, actor: &UserId) -> Result<NewInvitation, StoreError> {
        let now = self.surroundings().now();
        let secret = Secret::fresh(self.surroundings().entropy.as_ref());
        let made = NewInvitation {
            id: self.surroundings().fresh_id("inv_"),
            secret: secret.plain,
            expires_at: now + HOURS.hours(),
        };
        let mut tx = self.db.begin(tenant).await?;
        sqlx::query(
            "INSERT INTO invitation (tenant_id, id, secret_hash, made_by, made_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(tenant.as_str())
        .bind(made.id.as_str())
        .bind(secret.hash)
        .bind(actor.as_str())
        .bind(to_text(now))
        .bind(to_text(made.expires_at))
        .execute(tx.connection())
        .await?;
        tx.audit(tenant, actor, "invitation.made", &detail(&made.id), now).await?;
        tx.save().await?;
        Ok(made)
    }

    /// The invitation whose secret this is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitation(&self, tenant: &TenantId, secret: &str) -> Result<Option<Invitation>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{INVITATION} AND secret_hash = $2")))
            .bind(tenant.as_str())
            .bind(hash_of(secret))
            .fetch_optional(reader.connection())
            .await?;
        row.map(|row| read(&row, self.surroundings().now())).transpose()
    }

    /// Every invitation of `tenant`, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitations(&self, tenant: &TenantId) -> Result<Vec<Invitation>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{INVITATION} ORDER BY made_at DESC, id")))
            .bind(tenant.as_str())
            .fetch_all(reader.connection())
            .await?;
        let now = self.surroundings().now();
        rows.iter().map(|row| read(row, now)).collect()
    }

    /// Takes an invitation back. `false`: it is not open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_invitation(&self, tenant: &TenantId, actor: &UserId, id: &str) -> Result<bool, StoreError> {
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        if !end(&mut tx, REVOKE, tenant, id, now).await? {
            return Ok(false);
        }
        tx.audit(tenant, actor, "invitation.revoked", &detail(id), now).await?;
        tx.save().await?;
        Ok(true)
    }
}

/// Uses an invitation up. `false`: it is open no more.
pub(crate) async fn use_up(tx: &mut WriteTx, tenant: &TenantId, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    end(tx, USE_UP, tenant, id, now).await
}

/// Ends an invitation by `statement`, if it is open.
async fn end(
    tx: &mut WriteTx,
    statement: &'static str,
    tenant: &TenantId,
    id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ended = sqlx::query(statement).bind(to_text(now)).bind(tenant.as_str()).bind(id);
    Ok(ended.execute(tx.connection()).await?.rows_affected() > 0)
}

macro_rules! end_by {
    ($column:literal) => {
        concat!(
            "UPDATE invitation SET ",
            $column,
            " = $1 WHERE tenant_id = $2 AND id = $3 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $1"
        )
    };
}

const USE_UP: &str = end_by!("used_at");
const REVOKE: &str = end_by!("revoked_at");

const INVITATION: &str = "SELECT id, made_by, expires_at, used_at, revoked_at FROM invitation WHERE tenant_id = $1";

fn read(row: &AnyRow, now: Timestamp) -> Result<Invitation, StoreError> {
    let expires_at = from_text(row.try_get(2)?).ok_or(StoreError::Unreadable("invitation.expires_at"))?;
    let state = if read_instant(row, 3, "invitation.used_at")?.is_some() {
        InvitationState::Used
    } else if read_instant(row, 4, "invitation.revoked_at")?.is_some() {
        InvitationState::Revoked
    } else if expires_at <= now {
        InvitationState::Expired
    } else {
        InvitationState::Open
    };
    let made_by = row.try_get::<&str, _>(1)?.parse().map_err(|_| StoreError::Unreadable("invitation.made_by"))?;
    Ok(Invitation { id: row.try_get(0)?, made_by, expires_at, state })
}

fn detail(id: &str) -> String {
    serde_json::json!({ "invitation": id }).to_string()
}
