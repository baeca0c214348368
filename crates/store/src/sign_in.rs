//! Who may sign in, where nobody else is asked: links of the command line, which open sessions of the local administrator.
//!
//! A link and a session are 256 random bits each. The database keeps SHA-256 of them and nothing else, so whoever reads it
//! cannot sign in. A link is used up in the transaction that opens its session.

use jiff::{Timestamp, ToSpan as _};
use m365_database::WriteTx;
use m365_model::{Entropy, TenantId, UserId, from_text, to_text};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use zeroize::Zeroizing;

use crate::{Store, StoreError};

/// How long a link opens a session, in minutes.
const LINK_MINUTES: i64 = 60;

/// How long a session lasts, in hours.
const SESSION_HOURS: i64 = 12;

/// The tenant of an installation in which nobody signs in with Clerk.
const LOCAL_TENANT: &str = "default";

/// Whoever signs in by a link.
const LOCAL_ADMINISTRATOR: &str = "local-admin";

/// How people sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInWay {
    /// By links of the command line.
    Local,
    /// With Clerk.
    Clerk,
}

impl SignInWay {
    /// The word that is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Clerk => "clerk",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Local, Self::Clerk].into_iter().find(|way| way.word() == word)
    }
}

/// A session that is open. [`Store::session`] alone makes one, of a token that it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSession {
    user: UserId,
    key: String,
    expires_at: Timestamp,
}

impl LocalSession {
    /// Who signed in.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The SHA-256 of the session's token, in hex. What must not leave the session is bound to it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl Store {
    /// How people sign in, as it was decided once; decides for `wanted` where nobody has. Where it is local, the local tenant
    /// is admitted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle_sign_in(&self, wanted: SignInWay) -> Result<SignInWay, StoreError> {
        let tenant = local_tenant()?;
        let now = self.surroundings().now();
        let mut tx = self.db.begin(&tenant).await?;
        sqlx::query(
            "INSERT INTO installation (id, sign_in, settled_at) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING",
        )
        .bind(wanted.word())
        .bind(to_text(now))
        .execute(tx.connection())
        .await?;
        let word: String =
            sqlx::query_scalar("SELECT sign_in FROM installation WHERE id = 1").fetch_one(tx.connection()).await?;
        let settled = SignInWay::from_word(&word).ok_or(StoreError::Unreadable("installation.sign_in"))?;
        if settled == SignInWay::Local {
            admit_in(&mut tx, &tenant, now).await?;
        }
        tx.save().await?;
        Ok(settled)
    }

    /// Whether `tenant` may use this installation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn admitted(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let found = sqlx::query("SELECT 1 FROM tenant WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .fetch_optional(reader.connection())
            .await?;
        Ok(found.is_some())
    }

    /// Lets `tenant` use this installation. `false`: it might already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn admit(&self, tenant: &TenantId, actor: &UserId) -> Result<bool, StoreError> {
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        if !admit_in(&mut tx, tenant, now).await? {
            return Ok(false);
        }
        tx.audit(tenant, actor, "tenant.admitted", "{}", now).await?;
        tx.save().await?;
        Ok(true)
    }

    /// The secret of a link that opens a session once, within an hour. Links that were not used end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_sign_in_link(&self, tenant: &TenantId) -> Result<SecretString, StoreError> {
        let now = self.surroundings().now();
        let secret = Secret::fresh(self.surroundings().entropy.as_ref());
        let mut tx = self.db.begin(tenant).await?;
        sqlx::query("DELETE FROM sign_in_link WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .execute(tx.connection())
            .await?;
        sqlx::query("INSERT INTO sign_in_link (tenant_id, link_hash, made_at, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(tenant.as_str())
            .bind(secret.hash.as_str())
            .bind(to_text(now))
            .bind(to_text(now + LINK_MINUTES.minutes()))
            .execute(tx.connection())
            .await?;
        tx.audit(tenant, &"operator".parse().map_err(|_| USER)?, "sign_in.link_made", "{}", now).await?;
        tx.save().await?;
        Ok(secret.plain)
    }

    /// Uses a link up and opens a session with it: the session's token. `None`: the link is unknown, used or has expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_session(&self, tenant: &TenantId, link: &str) -> Result<Option<SecretString>, StoreError> {
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        // Whoever deletes the row has used the link: of two at once, one.
        let used = sqlx::query("DELETE FROM sign_in_link WHERE tenant_id = $1 AND link_hash = $2 AND expires_at > $3")
            .bind(tenant.as_str())
            .bind(hash_of(link))
            .bind(to_text(now))
            .execute(tx.connection())
            .await?
            .rows_affected();
        if used == 0 {
            return Ok(None);
        }
        let administrator = local_administrator()?;
        let token = Secret::fresh(self.surroundings().entropy.as_ref());
        forget_ended(&mut tx, tenant, now).await?;
        sqlx::query(
            "INSERT INTO local_session (tenant_id, session_key, user_id, opened_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(tenant.as_str())
        .bind(token.hash.as_str())
        .bind(administrator.as_str())
        .bind(to_text(now))
        .bind(to_text(now + SESSION_HOURS.hours()))
        .execute(tx.connection())
        .await?;
        tx.audit(tenant, &administrator, "sign_in.session_opened", "{}", now).await?;
        tx.save().await?;
        Ok(Some(token.plain))
    }

    /// The session whose token this is, if it is open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(&self, tenant: &TenantId, token: &str) -> Result<Option<LocalSession>, StoreError> {
        let key = hash_of(token);
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(
            "SELECT user_id, expires_at FROM local_session WHERE tenant_id = $1 AND session_key = $2 AND expires_at > $3",
        )
        .bind(tenant.as_str())
        .bind(key.as_str())
        .bind(to_text(self.surroundings().now()))
        .fetch_optional(reader.connection())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let user = row.try_get::<&str, _>(0)?.parse().map_err(|_| StoreError::Unreadable("local_session.user_id"))?;
        let expires_at = from_text(row.try_get(1)?).ok_or(StoreError::Unreadable("local_session.expires_at"))?;
        Ok(Some(LocalSession { user, key, expires_at }))
    }

    /// How people sign in, if that was decided.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_in_way(&self) -> Result<Option<SignInWay>, StoreError> {
        let mut reader = self.db.reader(&local_tenant()?).await?;
        let row =
            sqlx::query("SELECT sign_in FROM installation WHERE id = 1").fetch_optional(reader.connection()).await?;
        let Some(row) = row else { return Ok(None) };
        let word: String = row.try_get(0)?;
        Ok(Some(SignInWay::from_word(&word).ok_or(StoreError::Unreadable("installation.sign_in"))?))
    }

    /// Whether anybody is signed in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_open_session(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let found = sqlx::query("SELECT 1 FROM local_session WHERE tenant_id = $1 AND expires_at > $2 LIMIT 1");
        let found = found.bind(tenant.as_str()).bind(to_text(self.surroundings().now()));
        Ok(found.fetch_optional(reader.connection()).await?.is_some())
    }

    /// Whether the session of this [`LocalSession::key`] is open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session_is_open(&self, tenant: &TenantId, key: &str) -> Result<bool, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let found =
            sqlx::query("SELECT 1 FROM local_session WHERE tenant_id = $1 AND session_key = $2 AND expires_at > $3");
        let found = found.bind(tenant.as_str()).bind(key).bind(to_text(self.surroundings().now()));
        Ok(found.fetch_optional(reader.connection()).await?.is_some())
    }

    /// Ends the session of this [`LocalSession::key`]. One that has ended is no error.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_session(&self, tenant: &TenantId, key: &str) -> Result<(), StoreError> {
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        let ended = sqlx::query("DELETE FROM local_session WHERE tenant_id = $1 AND session_key = $2")
            .bind(tenant.as_str())
            .bind(key)
            .execute(tx.connection())
            .await?
            .rows_affected();
        if ended > 0 {
            tx.audit(tenant, &local_administrator()?, "sign_in.session_ended", "{}", now).await?;
        }
        Ok(tx.save().await?)
    }
}

/// 256 random bits, and what is kept of them.
pub(crate) struct Secret {
    /// 64 hex digits.
    pub(crate) plain: SecretString,
    /// Their SHA-256, in hex.
    pub(crate) hash: String,
}

impl Secret {
    pub(crate) fn fresh(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        entropy.fill(bytes.as_mut_slice());
        let plain = Zeroizing::new(hex::encode(bytes.as_slice()));
        Self { hash: hash_of(&plain), plain: plain.as_str().into() }
    }
}

/// What is kept of a secret: its SHA-256, in hex. A secret of 256 random bits needs no slower hash.
pub(crate) fn hash_of(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Writes `tenant` among those that may use this installation. `false`: it was there.
pub(crate) async fn admit_in(tx: &mut WriteTx, tenant: &TenantId, now: Timestamp) -> Result<bool, StoreError> {
    let added =
        sqlx::query("INSERT INTO tenant (tenant_id, admitted_at) VALUES ($1, $2) ON CONFLICT (tenant_id) DO NOTHING")
            .bind(tenant.as_str())
            .bind(to_text(now))
            .execute(tx.connection())
            .await?;
    Ok(added.rows_affected() > 0)
}

/// Sessions that have ended leave nothing.
async fn forget_ended(tx: &mut WriteTx, tenant: &TenantId, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM local_session WHERE tenant_id = $1 AND expires_at <= $2")
        .bind(tenant.as_str())
        .bind(to_text(now))
        .execute(tx.connection())
        .await?;
    Ok(())
}

const USER: StoreError = StoreError::Unreadable("a user id");

fn local_administrator() -> Result<UserId, StoreError> {
    LOCAL_ADMINISTRATOR.parse().map_err(|_| USER)
}

fn local_tenant() -> Result<TenantId, StoreError> {
    LOCAL_TENANT.parse().map_err(|_| StoreError::Unreadable("a tenant id"))
}
