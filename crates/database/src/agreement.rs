//! The gate: no request for people, mail or calendars, and no record, without an agreement that stands.

use m365_model::{ConnectorId, TenantId, UserId, from_text, to_text};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use thiserror::Error;

use crate::{Database, DatabaseError, WriteTx};

/// The text that an administrator accepts.
pub const AGREEMENT_TEXT: &str = include_str!("../agreement/text.md");

/// The version of [`AGREEMENT_TEXT`]. A new version asks again.
pub const AGREEMENT_VERSION: &str = "2026-11";

/// SHA-256 of [`AGREEMENT_TEXT`], in hex: what exactly was accepted.
pub fn agreement_sha256() -> String {
    hex::encode(Sha256::digest(AGREEMENT_TEXT.as_bytes()))
}

/// Proof that the agreement stood when the run began. [`assert_dpa_accepted`] is its only maker.
///
/// It can be neither copied nor written down, and it cannot outlive the database handle that it was read from: a job on
/// another machine must assert for itself.
///
/// ```compile_fail
/// fn twice(gate: m365_database::DpaAccepted<'_>) -> (m365_database::DpaAccepted<'_>, m365_database::DpaAccepted<'_>) {
///     (gate.clone(), gate)
/// }
/// ```
#[derive(Debug)]
pub struct DpaAccepted<'run> {
    tenant: TenantId,
    connector: ConnectorId,
    acceptance: String,
    _read_from: &'run Database,
}

impl DpaAccepted<'_> {
    /// The tenant whose agreement stands. Whoever fetches, transforms or stores takes the tenant from here.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The tenant's connector.
    pub fn connector(&self) -> &ConnectorId {
        &self.connector
    }

    pub(crate) fn acceptance(&self) -> &str {
        &self.acceptance
    }
}

/// Why the gate is shut.
#[derive(Debug, Error)]
pub enum GateError {
    /// The tenant has no connector.
    #[error("nothing is connected: run `m365-connector connect`, or connect Microsoft 365 in Settings > Connectors")]
    NotConnected,
    /// The tenant's connector was disconnected, and its records were kept.
    #[error(
        "Microsoft 365 was disconnected: nothing is read, and what was recorded stays; run `m365-connector connect`, or connect \
         it again in Settings > Connectors"
    )]
    Disconnected,
    /// Never accepted, or withdrawn.
    #[error(
        "sync blocked by DPA: have a tenant administrator accept the data processing agreement in connector settings"
    )]
    NotAccepted,
    /// Accepted in an older version.
    #[error(
        "sync blocked by DPA: the agreement has a new version; have a tenant administrator accept it in connector settings"
    )]
    Outdated,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// One acceptance, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// When.
    pub at: jiff::Timestamp,
    /// By whom.
    pub by: UserId,
    /// Which version of the text.
    pub version: String,
    /// SHA-256 of the text, in hex.
    pub text_sha256: String,
}

/// Where a tenant's agreement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgreementState {
    /// No connector.
    NotConnected,
    /// Never accepted.
    Never,
    /// Accepted and in force.
    Standing(Acceptance),
    /// Accepted in an older version of the text.
    Outdated(Acceptance),
    /// Withdrawn at that time.
    Withdrawn(Acceptance, jiff::Timestamp),
}

/// Lets a run begin, or says why not. The first statement of every sync.
///
/// # Errors
/// [`GateError`] when no acceptance of the present version stands.
pub async fn assert_dpa_accepted<'run>(tenant: &TenantId, db: &'run Database) -> Result<DpaAccepted<'run>, GateError> {
    let row = config_row(tenant, db).await?.ok_or(GateError::NotConnected)?;
    if row.disconnected_at.is_some() {
        return Err(GateError::Disconnected);
    }
    match row.state()? {
        AgreementState::NotConnected => Err(GateError::NotConnected),
        AgreementState::Never | AgreementState::Withdrawn(..) => Err(GateError::NotAccepted),
        AgreementState::Outdated(_) => Err(GateError::Outdated),
        AgreementState::Standing(_) => Ok(DpaAccepted {
            tenant: tenant.clone(),
            connector: row.connector.parse().map_err(|_| unreadable())?,
            acceptance: row.acceptance_id.ok_or(GateError::NotAccepted)?,
            _read_from: db,
        }),
    }
}

/// Where the agreement of `tenant` stands, for people to see. It lets nobody in.
///
/// # Errors
/// When the database fails.
pub async fn agreement_state(tenant: &TenantId, db: &Database) -> Result<AgreementState, DatabaseError> {
    match config_row(tenant, db).await? {
        Some(row) => row.state(),
        None => Ok(AgreementState::NotConnected),
    }
}

/// Records that `user` accepts the present version of the agreement for `tenant`'s `connector`: time, user, version and
/// the hash of the text. Accepting what stands already changes nothing.
///
/// # Errors
/// [`GateError::NotConnected`] when the connector is not the tenant's, [`GateError::Disconnected`] when it no longer reads.
pub async fn accept_dpa(
    tenant: &TenantId,
    user: &UserId,
    connector: &ConnectorId,
    db: &Database,
) -> Result<Acceptance, GateError> {
    let mut tx = db.begin(tenant).await?;
    let row = config_row_in(tenant, &mut tx).await?.filter(|row| row.connector == connector.as_str());
    let row = row.ok_or(GateError::NotConnected)?;
    if row.disconnected_at.is_some() {
        return Err(GateError::Disconnected);
    }
    if let AgreementState::Standing(standing) = row.state()? {
        return Ok(standing);
    }
    let surroundings = db.surroundings();
    let acceptance = Acceptance {
        at: surroundings.now(),
        by: user.clone(),
        version: AGREEMENT_VERSION.to_owned(),
        text_sha256: agreement_sha256(),
    };
    sqlx::query(
        "UPDATE o365_config SET dpa_acceptance_id = $1, dpa_accepted_at = $2, dpa_accepted_by_user_id = $3, \
         dpa_version = $4, dpa_text_sha256 = $5, dpa_withdrawn_at = NULL, dpa_withdrawn_by_user_id = NULL \
         WHERE tenant_id = $6",
    )
    .bind(surroundings.fresh_id("acc_"))
    .bind(to_text(acceptance.at))
    .bind(user.as_str())
    .bind(acceptance.version.as_str())
    .bind(acceptance.text_sha256.as_str())
    .bind(tenant.as_str())
    .execute(tx.connection())
    .await
    .map_err(DatabaseError::from)?;
    let detail = format!(r#"{{"version":"{}","sha256":"{}"}}"#, acceptance.version, acceptance.text_sha256);
    tx.audit(tenant, user, "dpa.accepted", &detail, acceptance.at).await?;
    tx.save().await?;
    Ok(acceptance)
}

/// Records that `user` withdraws the acceptance. A running sync stores no further page. `false`: none stood.
///
/// # Errors
/// When the database fails.
pub async fn withdraw_dpa(tenant: &TenantId, user: &UserId, db: &Database) -> Result<bool, DatabaseError> {
    let mut tx = db.begin(tenant).await?;
    let at = db.surroundings().now();
    let changed = sqlx::query(
        "UPDATE o365_config SET dpa_acceptance_id = NULL, dpa_withdrawn_at = $1, dpa_withdrawn_by_user_id = $2 \
         WHERE tenant_id = $3 AND dpa_acceptance_id IS NOT NULL",
    )
    .bind(to_text(at))
    .bind(user.as_str())
    .bind(tenant.as_str())
    .execute(tx.connection())
    .await?
    .rows_affected();
    if changed == 0 {
        return Ok(false);
    }
    tx.audit(tenant, user, "dpa.withdrawn", "{}", at).await?;
    tx.save().await?;
    Ok(true)
}

impl WriteTx {
    /// Adds a line to the audit trail. `detail` is a JSON object of domains, versions and counts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit(
        &mut self,
        tenant: &TenantId,
        actor: &UserId,
        action: &str,
        detail: &str,
        at: jiff::Timestamp,
    ) -> Result<(), DatabaseError> {
        sqlx::query("INSERT INTO audit_event (tenant_id, at, actor, action, detail) VALUES ($1, $2, $3, $4, $5)")
            .bind(tenant.as_str())
            .bind(to_text(at))
            .bind(actor.as_str())
            .bind(action)
            .bind(detail)
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

/// The agreement's columns of a connector's row.
struct ConfigRow {
    connector: String,
    acceptance_id: Option<String>,
    accepted_at: Option<String>,
    accepted_by: Option<String>,
    version: Option<String>,
    sha256: Option<String>,
    withdrawn_at: Option<String>,
    disconnected_at: Option<String>,
}

const CONFIG_ROW: &str = "SELECT connector_id, dpa_acceptance_id, dpa_accepted_at, dpa_accepted_by_user_id, dpa_version, \
                          dpa_text_sha256, dpa_withdrawn_at, disconnected_at FROM o365_config WHERE tenant_id = $1";

async fn config_row(tenant: &TenantId, db: &Database) -> Result<Option<ConfigRow>, DatabaseError> {
    let row =
        sqlx::query(CONFIG_ROW).bind(tenant.as_str()).fetch_optional(db.reader(tenant).await?.connection()).await?;
    row.as_ref().map(ConfigRow::read).transpose()
}

async fn config_row_in(tenant: &TenantId, tx: &mut WriteTx) -> Result<Option<ConfigRow>, DatabaseError> {
    let row = sqlx::query(CONFIG_ROW).bind(tenant.as_str()).fetch_optional(tx.connection()).await?;
    row.as_ref().map(ConfigRow::read).transpose()
}

impl ConfigRow {
    fn read(row: &sqlx::any::AnyRow) -> Result<Self, DatabaseError> {
        Ok(Self {
            connector: row.try_get(0)?,
            acceptance_id: row.try_get(1)?,
            accepted_at: row.try_get(2)?,
            accepted_by: row.try_get(3)?,
            version: row.try_get(4)?,
            sha256: row.try_get(5)?,
            withdrawn_at: row.try_get(6)?,
            disconnected_at: row.try_get(7)?,
        })
    }

    fn state(&self) -> Result<AgreementState, DatabaseError> {
        let (Some(at), Some(by), Some(version), Some(sha256)) =
            (&self.accepted_at, &self.accepted_by, &self.version, &self.sha256)
        else {
            return Ok(AgreementState::Never);
        };
        let acceptance = Acceptance {
            at: from_text(at).ok_or_else(unreadable)?,
            by: by.parse().map_err(|_| unreadable())?,
            version: version.clone(),
            text_sha256: sha256.clone(),
        };
        Ok(match (&self.withdrawn_at, &self.acceptance_id) {
            (Some(at), _) => AgreementState::Withdrawn(acceptance, from_text(at).ok_or_else(unreadable)?),
            (None, Some(_)) if acceptance.version == AGREEMENT_VERSION => AgreementState::Standing(acceptance),
            (None, _) => AgreementState::Outdated(acceptance),
        })
    }
}

fn unreadable() -> DatabaseError {
    DatabaseError::Other { class: "the connector's row holds a value of another kind", code: None }
}
