//! Those who were erased: keyed hashes, and the key to them.
//!
//! The key is random, one a tenant, sealed like every secret and never replaced: hashes under another key would know nobody.
//! Writing a suppression moves `allow_list_version` in the same transaction. That is the check in every page's transaction:
//! a page that was filtered before does not open any more, and is filtered anew with the suppression.

use std::collections::BTreeMap;

use jiff::Timestamp;
use m365_model::{Entropy, TenantId, to_text};
use m365_privacy::{SuppressionHash, SuppressionKey, Suppressions};
use sqlx::{AnyConnection, Row as _};
use zeroize::Zeroizing;

use crate::{Cell, Crypter, OpenError, Sealed, Store, StoreError};

/// What a hash stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// One address.
    Person,
    /// A domain and all below it.
    Domain,
    /// Everything, once: it keeps nobody out, and tells a backup from before.
    All,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Person, Self::Domain, Self::All];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Domain => "domain",
            Self::All => "all",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// One erasure, as it is written down.
pub(crate) type Mark = (Kind, SuppressionHash);

/// What is written down of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) at: String,
    pub(crate) is_purged: bool,
}

impl Store {
    /// Those of `tenant` who were erased, for the filter.
    ///
    /// # Errors
    /// When the database fails, or the key to the hashes does not open.
    pub async fn suppressions(&self, tenant: &TenantId) -> Result<Suppressions, StoreError> {
        let key = self.suppression_key(tenant).await?;
        let marks: Vec<Mark> = self.marks(tenant).await?.into_keys().collect();
        Ok(known(key, &marks))
    }

    /// The key of `tenant`. A connection from before there were erasures gets one here.
    pub(crate) async fn suppression_key(&self, tenant: &TenantId) -> Result<SuppressionKey, StoreError> {
        if let Some(key) = self.stored_key(tenant).await? {
            return Ok(key);
        }
        let mut tx = self.db.begin(tenant).await?;
        make_key(tx.connection(), &self.crypter, self.surroundings().entropy.as_ref(), tenant).await?;
        tx.save().await?;
        // Whoever was first has made it.
        self.stored_key(tenant).await?.ok_or(StoreError::Unreadable(SECRET))
    }

    pub(crate) async fn stored_key(&self, tenant: &TenantId) -> Result<Option<SuppressionKey>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let sealed: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT sealed FROM tenant_secret WHERE tenant_id = $1 AND name = $2")
                .bind(tenant.as_str())
                .bind(NAME)
                .fetch_optional(reader.connection())
                .await?;
        let Some(sealed) = sealed else { return Ok(None) };
        let plain = self.crypter.open_bytes(&key_cell(tenant), &Sealed::from_row(sealed))?;
        let mut bytes = Zeroizing::new([0; 32]);
        if plain.len() != bytes.len() {
            return Err(StoreError::Unreadable(SECRET));
        }
        bytes.copy_from_slice(&plain);
        Ok(Some(SuppressionKey::new(*bytes)))
    }

    /// Checks that the keys given are those of this database, before anything is done: half of a run under another key would
    /// leave cells that neither key opens alone.
    ///
    /// # Errors
    /// [`StoreError::OtherKey`] when they are not; when the secret is damaged or the database fails.
    pub async fn assert_key(&self, tenant: &TenantId) -> Result<(), StoreError> {
        match self.stored_key(tenant).await {
            Err(StoreError::Sealed(OpenError::UnknownKey)) => Err(StoreError::OtherKey),
            stored => stored.map(drop),
        }
    }

    /// Every erasure of `tenant` that is written down.
    pub(crate) async fn marks(&self, tenant: &TenantId) -> Result<BTreeMap<Mark, Made>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query("SELECT kind, hash, made_at, purged_at FROM suppression WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .fetch_all(reader.connection())
            .await?;
        let unreadable = || StoreError::Unreadable("suppression");
        rows.iter()
            .map(|row| {
                let kind = Kind::from_word(row.try_get(0)?).ok_or_else(unreadable)?;
                let hash: Vec<u8> = row.try_get(1)?;
                let hash = hash.try_into().map_err(|_| unreadable())?;
                let is_purged = row.try_get::<Option<String>, _>(3)?.is_some();
                Ok(((kind, hash), Made { at: row.try_get(2)?, is_purged }))
            })
            .collect()
    }
}

/// What `marks` keep out.
pub(crate) fn known(key: SuppressionKey, marks: &[Mark]) -> Suppressions {
    let of = |wanted: Kind| marks.iter().filter(move |(kind, _)| *kind == wanted).map(|(_, hash)| *hash);
    Suppressions::new(key, of(Kind::Person), of(Kind::Domain))
}

/// Makes the key of `tenant` where there is none.
pub(crate) async fn make_key(
    connection: &mut AnyConnection,
    crypter: &Crypter,
    entropy: &dyn Entropy,
    tenant: &TenantId,
) -> Result<(), StoreError> {
    let mut bytes = Zeroizing::new([0; 32]);
    entropy.fill(bytes.as_mut_slice());
    let sealed = crypter.seal(&key_cell(tenant), bytes.as_slice(), entropy);
    sqlx::query(
        "INSERT INTO tenant_secret (tenant_id, name, sealed) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id, name) DO NOTHING",
    )
    .bind(tenant.as_str())
    .bind(NAME)
    .bind(sealed.as_bytes())
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes erasures down, to be purged, and makes every page that was filtered without them unstorable.
pub(crate) async fn write_marks(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    marks: &[(Mark, Timestamp)],
) -> Result<(), StoreError> {
    for ((kind, hash), at) in marks {
        sqlx::query(
            "INSERT INTO suppression (tenant_id, kind, hash, made_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (tenant_id, kind, hash) DO UPDATE SET purged_at = NULL",
        )
        .bind(tenant.as_str())
        .bind(kind.word())
        .bind(hash.to_vec())
        .bind(to_text(*at))
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query("UPDATE o365_config SET allow_list_version = allow_list_version + 1 WHERE tenant_id = $1")
        .bind(tenant.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that nothing is stored any more of what these stand for.
pub(crate) async fn settle_marks(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    marks: &[Mark],
    now: Timestamp,
) -> Result<(), StoreError> {
    for (kind, hash) in marks {
        sqlx::query("UPDATE suppression SET purged_at = $1 WHERE tenant_id = $2 AND kind = $3 AND hash = $4")
            .bind(to_text(now))
            .bind(tenant.as_str())
            .bind(kind.word())
            .bind(hash.to_vec())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

const NAME: &str = "suppression";
const SECRET: &str = "tenant_secret.sealed";

fn key_cell(tenant: &TenantId) -> Cell<'_> {
    Cell { tenant, table: "tenant_secret", row: NAME, column: "sealed" }
}
