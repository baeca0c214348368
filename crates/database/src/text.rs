//! Which text of the agreement is in force for a tenant: the company's own, or the one that is built in.

use m365_model::{TenantId, UserId, to_text};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use thiserror::Error;

use crate::{Database, DatabaseError, WriteTx};

/// The text that is built in.
pub const AGREEMENT_TEXT: &str = include_str!("../agreement/text.md");

/// The version of [`AGREEMENT_TEXT`]. A new version asks again.
pub const AGREEMENT_VERSION: &str = "2026-11";

/// SHA-256 of [`AGREEMENT_TEXT`], in hex.
pub fn agreement_sha256() -> String {
    sha256(AGREEMENT_TEXT)
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The text that is in force for a tenant: what is shown, and what an administrator accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Which version it is.
    pub version: String,
    /// The text.
    pub text: String,
    /// Its SHA-256, in hex: what exactly is accepted.
    pub text_sha256: String,
    /// Whether it is the company's own.
    pub is_own: bool,
}

impl Agreement {
    /// The one that is in force where a company has none of its own.
    pub fn built_in() -> Self {
        Self {
            version: AGREEMENT_VERSION.to_owned(),
            text: AGREEMENT_TEXT.to_owned(),
            text_sha256: agreement_sha256(),
            is_own: false,
        }
    }
}

/// A company's own text, and what it calls this version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnText {
    version: String,
    text: String,
}

/// Why a text does not become a company's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OwnTextError {
    /// The version has no name that fits.
    #[error("name the version: up to 40 letters, digits, blanks, dots, hyphens, underscores and slashes")]
    Version,
    /// The version has the name of another text.
    #[error("another text has this version already: name the version otherwise, so that both can be told apart")]
    VersionIsTaken,
    /// There is no text.
    #[error("the text is empty")]
    Empty,
    /// There is too much text.
    #[error("the text is longer than 300,000 bytes")]
    TooLong,
    /// The text holds characters that nobody sees.
    #[error("the text holds control characters: paste it as plain text")]
    Control,
}

/// Why a text was not set.
#[derive(Debug, Error)]
pub enum SetTextError {
    /// The text.
    #[error(transparent)]
    Text(#[from] OwnTextError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The longest text, in bytes.
const LONGEST: usize = 300_000;
/// The longest name of a version, in characters.
const LONGEST_VERSION: usize = 40;

impl OwnText {
    /// Takes a text as it was pasted: lines end as they do here, and what is blank around it goes.
    ///
    /// # Errors
    /// [`OwnTextError`].
    pub fn new(version: &str, text: &str) -> Result<Self, OwnTextError> {
        let version = version.trim();
        let is_name = |c: char| c.is_alphanumeric() || " .-_/".contains(c);
        if version.is_empty() || version.chars().count() > LONGEST_VERSION || !version.chars().all(is_name) {
            return Err(OwnTextError::Version);
        }
        if version == AGREEMENT_VERSION {
            return Err(OwnTextError::VersionIsTaken);
        }
        let text = text.replace("\r\n", "\n");
        let text = text.trim();
        if text.is_empty() {
            return Err(OwnTextError::Empty);
        }
        if text.len() > LONGEST {
            return Err(OwnTextError::TooLong);
        }
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(OwnTextError::Control);
        }
        Ok(Self { version: version.to_owned(), text: format!("{text}\n") })
    }
}

/// The text that is in force for `tenant`.
///
/// # Errors
/// When the database fails.
pub async fn agreement_in_force(tenant: &TenantId, db: &Database) -> Result<Agreement, DatabaseError> {
    let mut reader = db.reader(tenant).await?;
    let row = sqlx::query("SELECT version, text, text_sha256 FROM customer_agreement WHERE tenant_id = $1")
        .bind(tenant.as_str())
        .fetch_optional(reader.connection())
        .await?;
    let Some(row) = row else { return Ok(Agreement::built_in()) };
    Ok(Agreement { version: row.try_get(0)?, text: row.try_get(1)?, text_sha256: row.try_get(2)?, is_own: true })
}

/// Puts a company's own text in force. What was accepted before is out of date from then on: nothing is read, and a running sync
/// stores no further page, until this text is accepted. `false`: it was in force already.
///
/// # Errors
/// [`OwnTextError::VersionIsTaken`] when the text that is in force has this version and is another; when the database fails.
pub async fn set_agreement(
    tenant: &TenantId,
    user: &UserId,
    own: &OwnText,
    db: &Database,
) -> Result<bool, SetTextError> {
    let text_sha256 = sha256(&own.text);
    let mut tx = db.begin(tenant).await?;
    tx.hold_acceptance(tenant).await?;
    let in_force = sqlx::query("SELECT version, text_sha256 FROM customer_agreement WHERE tenant_id = $1")
        .bind(tenant.as_str())
        .fetch_optional(tx.connection())
        .await
        .map_err(DatabaseError::from)?;
    if let Some(row) = in_force {
        let version: String = row.try_get(0).map_err(DatabaseError::from)?;
        let sha256: String = row.try_get(1).map_err(DatabaseError::from)?;
        match (version == own.version, sha256 == text_sha256) {
            (true, true) => return Ok(false),
            (true, false) => return Err(OwnTextError::VersionIsTaken.into()),
            (false, _) => {}
        }
    }
    let now = db.surroundings().now();
    sqlx::query(
        "INSERT INTO customer_agreement (tenant_id, version, text, text_sha256, set_at, set_by) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id) DO UPDATE SET version = excluded.version, \
         text = excluded.text, text_sha256 = excluded.text_sha256, set_at = excluded.set_at, set_by = excluded.set_by",
    )
    .bind(tenant.as_str())
    .bind(own.version.as_str())
    .bind(own.text.as_str())
    .bind(text_sha256.as_str())
    .bind(to_text(now))
    .bind(user.as_str())
    .execute(tx.connection())
    .await
    .map_err(DatabaseError::from)?;
    tx.outdate_acceptance(tenant, now).await?;
    let detail = format!(r#"{{"version":"{}","sha256":"{text_sha256}"}}"#, own.version);
    tx.audit(tenant, user, "agreement.text_set", &detail, now).await?;
    tx.save().await?;
    Ok(true)
}

/// Puts the built-in text in force again, which asks again too. `false`: it was in force already.
///
/// # Errors
/// When the database fails.
pub async fn use_built_in_agreement(tenant: &TenantId, user: &UserId, db: &Database) -> Result<bool, DatabaseError> {
    let mut tx = db.begin(tenant).await?;
    tx.hold_acceptance(tenant).await?;
    let deleted = sqlx::query("DELETE FROM customer_agreement WHERE tenant_id = $1")
        .bind(tenant.as_str())
        .execute(tx.connection())
        .await?;
    if deleted.rows_affected() == 0 {
        return Ok(false);
    }
    let now = db.surroundings().now();
    tx.outdate_acceptance(tenant, now).await?;
    let detail = format!(r#"{{"version":"{AGREEMENT_VERSION}","sha256":"{}"}}"#, agreement_sha256());
    tx.audit(tenant, user, "agreement.built_in", &detail, now).await?;
    tx.save().await?;
    Ok(true)
}

impl WriteTx {
    /// Notes that another text is in force than the one that was accepted.
    async fn outdate_acceptance(&mut self, tenant: &TenantId, at: jiff::Timestamp) -> Result<(), DatabaseError> {
        sqlx::query("UPDATE o365_config SET dpa_outdated_at = $1 WHERE tenant_id = $2 AND dpa_accepted_at IS NOT NULL")
            .bind(to_text(at))
            .bind(tenant.as_str())
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_as_it_is_read() {
        let own = OwnText::new(" 1.0 ", "  We agree.\r\n\r\nReally.\r\n ").unwrap();
        assert_eq!((own.version.as_str(), own.text.as_str()), ("1.0", "We agree.\n\nReally.\n"));
        assert!(OwnText::new("März 2027/2", "Ja.").is_ok());
        for (version, text, wrong) in [
            ("", "We agree.", OwnTextError::Version),
            ("1\"}", "We agree.", OwnTextError::Version),
            (&"1".repeat(41), "We agree.", OwnTextError::Version),
            (AGREEMENT_VERSION, "We agree.", OwnTextError::VersionIsTaken),
            ("1", " \r\n", OwnTextError::Empty),
            ("1", "We\0agree.", OwnTextError::Control),
            ("1", &"a".repeat(LONGEST + 1), OwnTextError::TooLong),
        ] {
            assert_eq!(OwnText::new(version, text), Err(wrong), "{version:?}");
        }
    }
}
