//! Consent with proof: who was sent to Microsoft, what must come back, and which Entra tenants a tenant may bind.
//!
//! A **state** is drawn for each visit to Microsoft: 256 random bits, good for ten minutes and once, for the session and the
//! browser that set out, or for an invitation and its browser. [`Store::take_state`] uses it up and says which visit it was.
//!
//! A **proof** says that an Entra tenant may be bound: an administrator of it signed in, or an operator confirmed it. The tenant
//! that Microsoft names beside a consent
//! [proves nothing](https://learn.microsoft.com/en-us/entra/identity-platform/v2-admin-consent): anybody can write it into an address. A
//! [`Claim`] is read of a proof that stands, and [`Store::bind`] takes nothing else and looks once more.

use jiff::{Timestamp, ToSpan as _};
use m365_database::WriteTx;
use m365_model::{ConnectorId, EntraTenantId, TenantId, UserId, from_text, to_text};
use m365_privacy::DomainName;
use secrecy::SecretString;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use thiserror::Error;

use crate::config::{ConnectError, read_domain, read_instant};
use crate::invitations::use_up;
use crate::owners::read_entra;
use crate::sign_in::{Secret, hash_of};
use crate::{Cell, Sealed, Store, StoreError};

/// How long a visit to Microsoft may take, in minutes.
const STATE_MINUTES: i64 = 10;

/// How long a state is remembered, in hours, so that a second answer is known as one.
const REMEMBERED_HOURS: i64 = 24;

/// How long a proof stands, in hours.
const PROOF_HOURS: i64 = 7 * 24;

/// Where a visit to Microsoft sets out from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A session, by its key. Only that session takes the answer.
    Session(String),
    /// An invitation, by its id. Whoever was invited has no session.
    Invitation(String),
}

/// Somebody who sets out.
#[derive(Debug, Clone, Copy)]
pub struct Traveller<'a> {
    /// For whom.
    pub tenant: &'a TenantId,
    /// Who; of an invitation whoever made it.
    pub user: &'a UserId,
    /// Where from.
    pub origin: &'a Origin,
    /// The secret of a cookie in the browser.
    pub browser: &'a str,
}

/// What a sign-in takes along.
#[derive(Debug)]
pub struct SetOut {
    /// What Microsoft hands back. 64 hex digits.
    pub state: SecretString,
    /// What the id token must repeat.
    pub nonce: SecretString,
    /// The [PKCE](https://www.rfc-editor.org/rfc/rfc7636) verifier.
    pub verifier: SecretString,
}

/// A visit from which somebody came back. [`Store::take_state`] alone makes one, once.
#[derive(Debug)]
pub struct Return {
    /// Who set out; of an invitation whoever made it.
    pub user: UserId,
    /// Where from.
    pub origin: Origin,
    /// What for.
    pub errand: Errand,
}

/// What somebody went to Microsoft for.
#[derive(Debug)]
pub enum Errand {
    /// To sign in.
    SignIn {
        /// What the id token must repeat.
        nonce: SecretString,
        /// The PKCE verifier.
        verifier: SecretString,
        /// The company's domain, where somebody named it.
        domain: Option<DomainName>,
    },
    /// To consent for this tenant, of which a proof stood.
    Consent {
        /// The tenant.
        entra_tenant: EntraTenantId,
    },
}

/// Why a state opens nothing.
#[derive(Debug, Error)]
pub enum StateError {
    /// Nobody here drew it, or it is forgotten.
    #[error("the answer of Microsoft belongs to no request of this installation")]
    Foreign,
    /// It came back before.
    #[error("the answer of Microsoft was used before")]
    Replayed,
    /// Its minutes are over.
    #[error("the answer of Microsoft came too late")]
    Expired,
    /// Another session or another browser set out with it.
    #[error("the answer of Microsoft belongs to another session or another browser")]
    OtherSession,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for StateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// By what an Entra tenant is known to be a tenant's, or why it is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// An administrator of it signed in.
    Administrator,
    /// A member of it signed in, and Microsoft did not tell the member's roles: an operator must confirm.
    RolesNotTold,
    /// A member of it signed in who is no administrator: an operator must confirm.
    NotAnAdministrator,
    /// An operator named it.
    Operator,
}

impl Reason {
    const ALL: [Self; 4] = [Self::Administrator, Self::RolesNotTold, Self::NotAnAdministrator, Self::Operator];

    /// The word that is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::RolesNotTold => "roles_not_told",
            Self::NotAnAdministrator => "not_an_administrator",
            Self::Operator => "operator",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }
}

/// What is known of an Entra tenant that somebody wants to bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The Entra tenant.
    pub entra_tenant: EntraTenantId,
    /// By what, or why not yet.
    pub reason: Reason,
    /// The company's domain, if it is known.
    pub domain: Option<DomainName>,
    /// Who signed in, or for whom.
    pub asked_by: UserId,
    /// When.
    pub asked_at: Timestamp,
    /// When it was proven or confirmed; it stands for seven days.
    pub confirmed_at: Option<Timestamp>,
}

/// A proof that stands: this tenant may bind this Entra tenant. [`Store::claim`] alone makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    tenant: TenantId,
    entra_tenant: EntraTenantId,
    domain: Option<DomainName>,
}

impl Claim {
    /// The Entra tenant.
    pub fn entra_tenant(&self) -> &EntraTenantId {
        &self.entra_tenant
    }

    /// The company's domain, if it is known.
    pub fn domain(&self) -> Option<&DomainName> {
        self.domain.as_ref()
    }
}

impl Store {
    /// Draws what a sign-in takes along.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_out_to_sign_in(
        &self,
        traveller: Traveller<'_>,
        domain: Option<&DomainName>,
    ) -> Result<SetOut, StoreError> {
        let fresh = || Secret::fresh(self.surroundings().entropy.as_ref());
        let (state, nonce, verifier) = (fresh(), fresh(), fresh());
        let sealed = |column, secret: &Secret| {
            let cell = Cell { tenant: traveller.tenant, table: TABLE, row: &state.hash, column };
            self.seal(&cell, secrecy::ExposeSecret::expose_secret(&secret.plain))
        };
        let (sealed_nonce, sealed_verifier) = (sealed(NONCE, &nonce), sealed(VERIFIER, &verifier));
        let secrets = Some((&sealed_nonce, &sealed_verifier));
        self.write_state(traveller, &state.hash, secrets, None, domain).await?;
        Ok(SetOut { state: state.plain, nonce: nonce.plain, verifier: verifier.plain })
    }

    /// Draws the state of a consent for the Entra tenant of `claim`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_out_to_consent(
        &self,
        traveller: Traveller<'_>,
        claim: &Claim,
    ) -> Result<SecretString, StoreError> {
        let state = Secret::fresh(self.surroundings().entropy.as_ref());
        self.write_state(traveller, &state.hash, None, Some(&claim.entra_tenant), None).await?;
        Ok(state.plain)
    }

    async fn write_state(
        &self,
        traveller: Traveller<'_>,
        key: &str,
        secrets: Option<(&Sealed, &Sealed)>,
        entra_tenant: Option<&EntraTenantId>,
        domain: Option<&DomainName>,
    ) -> Result<(), StoreError> {
        let (tenant, now) = (traveller.tenant, self.surroundings().now());
        let (session, invitation) = match traveller.origin {
            Origin::Session(key) => (Some(key.as_str()), None),
            Origin::Invitation(id) => (None, Some(id.as_str())),
        };
        let purpose = if secrets.is_some() { "sign_in" } else { "consent" };
        let mut tx = self.db.begin(tenant).await?;
        sqlx::query("DELETE FROM consent_state WHERE tenant_id = $1 AND expires_at <= $2")
            .bind(tenant.as_str())
            .bind(to_text(now - REMEMBERED_HOURS.hours()))
            .execute(tx.connection())
            .await?;
        sqlx::query(
            "INSERT INTO consent_state (tenant_id, state_key, purpose, user_id, session_key, invitation_id, browser_hash, \
             sealed_nonce, sealed_verifier, entra_tenant_id, tenant_domain, made_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(tenant.as_str())
        .bind(key)
        .bind(purpose)
        .bind(traveller.user.as_str())
        .bind(session)
        .bind(invitation)
        .bind(hash_of(traveller.browser))
        .bind(secrets.map(|(nonce, _)| nonce.as_bytes()))
        .bind(secrets.map(|(_, verifier)| verifier.as_bytes()))
        .bind(entra_tenant.map(EntraTenantId::as_str))
        .bind(domain.map(DomainName::as_str))
        .bind(to_text(now))
        .bind(to_text(now + STATE_MINUTES.minutes()))
        .execute(tx.connection())
        .await?;
        Ok(tx.save().await?)
    }

    /// Uses a state up and says which visit it was. `session` is the key of the session that brings it, if there is one: what a
    /// session set out with comes back to that session alone, and everything to the browser that it left. A state that comes
    /// to the wrong place stays good for the right one.
    ///
    /// # Errors
    /// [`StateError`] says why it opens nothing.
    pub async fn take_state(
        &self,
        tenant: &TenantId,
        state: &str,
        session: Option<&str>,
        browser: &str,
    ) -> Result<Return, StateError> {
        let (key, now) = (hash_of(state), self.surroundings().now());
        let mut tx = self.db.begin(tenant).await.map_err(StoreError::from)?;
        let row = sqlx::query(STATE).bind(tenant.as_str()).bind(key.as_str()).fetch_optional(tx.connection()).await?;
        let row = row.ok_or(StateError::Foreign)?;
        let owner: Option<String> = row.try_get(1)?;
        if row.try_get::<&str, _>(3)? != hash_of(browser) || (owner.is_some() && owner.as_deref() != session) {
            return Err(StateError::OtherSession);
        }
        let returned = if read_instant(&row, 9, "consent_state.used_at")?.is_some() {
            return Err(StateError::Replayed);
        } else if from_text(row.try_get(8)?).is_none_or(|expires_at| expires_at <= now) {
            return Err(StateError::Expired);
        } else {
            self.read_return(tenant, &key, &row)?
        };
        // Of two answers at once, one finds the row unused.
        let used = sqlx::query(
            "UPDATE consent_state SET used_at = $1, sealed_nonce = NULL, sealed_verifier = NULL \
             WHERE tenant_id = $2 AND state_key = $3 AND used_at IS NULL",
        )
        .bind(to_text(now))
        .bind(tenant.as_str())
        .bind(key.as_str())
        .execute(tx.connection())
        .await?;
        if used.rows_affected() == 0 {
            return Err(StateError::Replayed);
        }
        tx.save().await.map_err(StoreError::from)?;
        Ok(returned)
    }

    fn read_return(&self, tenant: &TenantId, key: &str, row: &AnyRow) -> Result<Return, StoreError> {
        let unreadable = || StoreError::Unreadable(TABLE);
        let origin = match (row.try_get::<Option<String>, _>(1)?, row.try_get::<Option<String>, _>(2)?) {
            (Some(session), None) => Origin::Session(session),
            (None, Some(invitation)) => Origin::Invitation(invitation),
            _ => return Err(unreadable()),
        };
        let open = |at: usize, column| -> Result<SecretString, StoreError> {
            let sealed = Sealed::from_row(row.try_get::<Option<Vec<u8>>, _>(at)?.ok_or_else(unreadable)?);
            Ok(self.crypter.open(&Cell { tenant, table: TABLE, row: key, column }, &sealed)?)
        };
        let errand = match row.try_get::<Option<String>, _>(6)? {
            Some(entra_tenant) => Errand::Consent { entra_tenant: read_entra(&entra_tenant)? },
            None => Errand::SignIn {
                nonce: open(4, NONCE)?,
                verifier: open(5, VERIFIER)?,
                domain: optional_domain(row, 7)?,
            },
        };
        let user = row.try_get::<&str, _>(0)?.parse().map_err(|_| unreadable())?;
        Ok(Return { user, origin, errand })
    }

    /// Notes what a sign-in told of an Entra tenant. What is proven already stays so; a proof anew begins its seven days again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_sign_in(
        &self,
        tenant: &TenantId,
        user: &UserId,
        entra_tenant: &EntraTenantId,
        reason: Reason,
        domain: Option<&DomainName>,
    ) -> Result<(), StoreError> {
        let is_proof = reason == Reason::Administrator;
        let mut tx = self.db.begin(tenant).await?;
        let now = self.surroundings().now();
        write_confirmation(&mut tx, tenant, user, entra_tenant, reason, domain, is_proof.then_some(user), now).await?;
        let detail = serde_json::json!({ "entraTenantId": entra_tenant, "reason": reason.word() }).to_string();
        let action = if is_proof { "entra_tenant.proven" } else { "entra_tenant.confirmation_asked" };
        tx.audit(tenant, user, action, &detail, now).await?;
        Ok(tx.save().await?)
    }

    /// Confirms on an operator's word that an Entra tenant is the tenant's, asked for or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn confirm_entra_tenant(
        &self,
        tenant: &TenantId,
        entra_tenant: &EntraTenantId,
        actor: &UserId,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin(tenant).await?;
        let now = self.surroundings().now();
        write_confirmation(&mut tx, tenant, actor, entra_tenant, Reason::Operator, None, Some(actor), now).await?;
        let detail = serde_json::json!({ "entraTenantId": entra_tenant }).to_string();
        tx.audit(tenant, actor, "entra_tenant.confirmed", &detail, now).await?;
        Ok(tx.save().await?)
    }

    /// The Entra tenants that somebody wants to bind, the newest first: proven, confirmed, or waiting for an operator.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn confirmations(&self, tenant: &TenantId) -> Result<Vec<Confirmation>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let sql = format!("{CONFIRMATION} ORDER BY COALESCE(confirmed_at, asked_at) DESC, entra_tenant_id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.as_str()).fetch_all(reader.connection()).await?;
        rows.iter().map(read_confirmation).collect()
    }

    /// The proof that stands: of `entra_tenant`, or the newest one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim(
        &self,
        tenant: &TenantId,
        entra_tenant: Option<&EntraTenantId>,
    ) -> Result<Option<Claim>, StoreError> {
        let now = self.surroundings().now();
        let mut all = self.confirmations(tenant).await?.into_iter();
        let found = all.find(|one| stands(one, now) && entra_tenant.is_none_or(|wanted| *wanted == one.entra_tenant));
        Ok(found.map(|one| Claim { tenant: tenant.clone(), entra_tenant: one.entra_tenant, domain: one.domain }))
    }

    /// Uses up the invitation of this id. `false`: it is open no more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_invitation(&self, tenant: &TenantId, id: &str) -> Result<bool, StoreError> {
        let mut tx = self.db.begin(tenant).await?;
        let used = use_up(&mut tx, tenant, id, self.surroundings().now()).await?;
        tx.save().await?;
        Ok(used)
    }

    /// Connects the Entra tenant of `claim`, whose proof must still stand and is used up, in one transaction.
    ///
    /// # Errors
    /// As [`Store::connect`]; [`ConnectError::NotProven`] where the proof stands no more.
    pub async fn bind(
        &self,
        claim: &Claim,
        tenant_domain: &DomainName,
        actor: &UserId,
    ) -> Result<ConnectorId, ConnectError> {
        let Claim { tenant, entra_tenant, .. } = claim;
        let mut tx = self.db.begin(tenant).await.map_err(StoreError::from)?;
        if !take_proof(&mut tx, tenant, entra_tenant, self.surroundings().now()).await? {
            return Err(ConnectError::NotProven);
        }
        self.connect_by(tx, tenant, entra_tenant, tenant_domain, actor).await
    }
}

#[expect(clippy::too_many_arguments, reason = "one for each column")]
async fn write_confirmation(
    tx: &mut WriteTx,
    tenant: &TenantId,
    asked_by: &UserId,
    entra_tenant: &EntraTenantId,
    reason: Reason,
    domain: Option<&DomainName>,
    confirmed_by: Option<&UserId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    // Who asked stays; what proves it is the newest that proves; a domain that is known stays known.
    sqlx::query(
        "INSERT INTO entra_confirmation (tenant_id, entra_tenant_id, reason, tenant_domain, asked_by, asked_at, confirmed_by, \
         confirmed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, entra_tenant_id) DO UPDATE SET \
         tenant_domain = COALESCE(excluded.tenant_domain, entra_confirmation.tenant_domain), \
         reason = CASE WHEN excluded.confirmed_at IS NULL AND entra_confirmation.confirmed_at IS NOT NULL \
             THEN entra_confirmation.reason ELSE excluded.reason END, \
         confirmed_by = COALESCE(excluded.confirmed_by, entra_confirmation.confirmed_by), \
         confirmed_at = COALESCE(excluded.confirmed_at, entra_confirmation.confirmed_at)",
    )
    .bind(tenant.as_str())
    .bind(entra_tenant.as_str())
    .bind(reason.word())
    .bind(domain.map(DomainName::as_str))
    .bind(asked_by.as_str())
    .bind(to_text(now))
    .bind(confirmed_by.map(UserId::as_str))
    .bind(confirmed_by.map(|_| to_text(now)))
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Takes a proof away, if it stands.
async fn take_proof(
    tx: &mut WriteTx,
    tenant: &TenantId,
    entra_tenant: &EntraTenantId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let taken = sqlx::query(
        "DELETE FROM entra_confirmation WHERE tenant_id = $1 AND entra_tenant_id = $2 AND confirmed_at > $3",
    )
    .bind(tenant.as_str())
    .bind(entra_tenant.as_str())
    .bind(to_text(now - PROOF_HOURS.hours()))
    .execute(tx.connection())
    .await?;
    Ok(taken.rows_affected() > 0)
}

fn stands(confirmation: &Confirmation, now: Timestamp) -> bool {
    confirmation.confirmed_at.is_some_and(|at| at > now - PROOF_HOURS.hours())
}

const TABLE: &str = "consent_state";
const NONCE: &str = "sealed_nonce";
const VERIFIER: &str = "sealed_verifier";

const STATE: &str = "SELECT user_id, session_key, invitation_id, browser_hash, sealed_nonce, sealed_verifier, \
                     entra_tenant_id, tenant_domain, expires_at, used_at FROM consent_state \
                     WHERE tenant_id = $1 AND state_key = $2";

const CONFIRMATION: &str = "SELECT entra_tenant_id, reason, tenant_domain, asked_by, asked_at, confirmed_at \
                            FROM entra_confirmation WHERE tenant_id = $1";

fn read_confirmation(row: &AnyRow) -> Result<Confirmation, StoreError> {
    let unreadable = StoreError::Unreadable("entra_confirmation");
    Ok(Confirmation {
        entra_tenant: read_entra(row.try_get(0)?)?,
        reason: Reason::from_word(row.try_get(1)?).ok_or(StoreError::Unreadable("entra_confirmation.reason"))?,
        domain: optional_domain(row, 2)?,
        asked_by: row.try_get::<&str, _>(3)?.parse().map_err(|_| unreadable)?,
        asked_at: from_text(row.try_get(4)?).ok_or(StoreError::Unreadable("entra_confirmation.asked_at"))?,
        confirmed_at: read_instant(row, 5, "entra_confirmation.confirmed_at")?,
    })
}

fn optional_domain(row: &AnyRow, at: usize) -> Result<Option<DomainName>, StoreError> {
    row.try_get::<Option<String>, _>(at)?.map(|text| read_domain(&text, "tenant_domain")).transpose()
}
