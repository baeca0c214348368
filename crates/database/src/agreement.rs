//! The gate: no request for people, mail or calendars, and no record, without an agreement that stands.

use m365_model::{ConnectorId, TenantId, UserId, from_text, to_text};
use sqlx::Row as _;
use thiserror::Error;

use crate::text::{AGREEMENT_VERSION, agreement_sha256};
use crate::{Database, DatabaseError, Dialect, WriteTx};

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

    /// The random id of the acceptance. A run in several steps notes it, so that none of them goes on under another one.
    pub fn acceptance(&self) -> &str {
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
    /// Accepted in another text than the one that is in force.
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
    /// Which version of the text it was.
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
    /// Accepted in another text than the one that is in force.
    Outdated(Acceptance),
    /// Withdrawn at that time.
    Withdrawn(Acceptance, jiff::Timestamp),
}

/// Lets a run begin, or says why not. The first statement of every sync.
///
/// # Errors
/// [`GateError`] when no acceptance of the text that is in force stands.
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

/// Records that `user` accepts the text that is in force for `tenant`'s `connector`: time, user, version and the hash of the
/// text. Accepting what stands already changes nothing.
///
/// # Errors
/// [`GateError::NotConnected`] when the connector is not the tenant's, [`GateError::Disconnected`] when it no longer reads.
pub async fn accept_dpa(
    tenant: &TenantId,
    user: &UserId,
    connector: &ConnectorId,
    db: &Database,
) -> Result<Acceptance, GateError> {
    accept(tenant, user, connector, None, db).await
}

/// As [`accept_dpa`], of the text with this hash and no other: what somebody has read, who was shown it a while ago.
///
/// # Errors
/// As [`accept_dpa`], and [`GateError::Outdated`] when another text is in force by now.
pub async fn accept_dpa_as_shown(
    tenant: &TenantId,
    user: &UserId,
    connector: &ConnectorId,
    shown_sha256: &str,
    db: &Database,
) -> Result<Acceptance, GateError> {
    accept(tenant, user, connector, Some(shown_sha256), db).await
}

async fn accept(
    tenant: &TenantId,
    user: &UserId,
    connector: &ConnectorId,
    shown_sha256: Option<&str>,
    db: &Database,
) -> Result<Acceptance, GateError> {
    let mut tx = db.begin(tenant).await?;
    // No other text comes into force before this transaction ends.
    tx.hold_acceptance(tenant).await?;
    let row = config_row_in(tenant, &mut tx).await?.filter(|row| row.connector == connector.as_str());
    let row = row.ok_or(GateError::NotConnected)?;
    if row.disconnected_at.is_some() {
        return Err(GateError::Disconnected);
    }
    let (version, text_sha256) = row.in_force();
    if shown_sha256.is_some_and(|shown| shown != text_sha256) {
        return Err(GateError::Outdated);
    }
    if let AgreementState::Standing(standing) = row.state()? {
        return Ok(standing);
    }
    let surroundings = db.surroundings();
    let acceptance = Acceptance { at: surroundings.now(), by: user.clone(), version, text_sha256 };
    sqlx::query(
        "UPDATE o365_config SET dpa_acceptance_id = $1, dpa_accepted_at = $2, dpa_accepted_by_user_id = $3, \
         dpa_version = $4, dpa_text_sha256 = $5, dpa_withdrawn_at = NULL, dpa_withdrawn_by_user_id = NULL, dpa_outdated_at = NULL \
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
    /// Keeps the acceptance and the text that is in force as they are until this transaction ends. SQLite has one writer.
    pub(crate) async fn hold_acceptance(&mut self, tenant: &TenantId) -> Result<(), DatabaseError> {
        if self.dialect() == Dialect::Postgres {
            sqlx::query("SELECT tenant_id FROM o365_config WHERE tenant_id = $1 FOR UPDATE")
                .bind(tenant.as_str())
                .fetch_optional(self.connection())
                .await?;
        }
        Ok(())
    }

    /// Whether the acceptance that a run began with stands, and is of the text that is in force. Until this transaction ends
    /// nobody withdraws, and no other text comes into force: SQLite has one writer, PostgreSQL locks the row for sharing.
    pub(crate) async fn still_stands(&mut self, gate: &DpaAccepted<'_>) -> Result<bool, DatabaseError> {
        if self.dialect() == Dialect::Postgres {
            sqlx::query("SELECT tenant_id FROM o365_config WHERE tenant_id = $1 FOR SHARE")
                .bind(gate.tenant.as_str())
                .fetch_optional(self.connection())
                .await?;
        }
        let row = config_row_in(&gate.tenant, self).await?;
        Ok(row.is_some_and(|row| {
            row.disconnected_at.is_none()
                && row.acceptance_id.as_deref() == Some(gate.acceptance.as_str())
                && row.accepts_what_is_in_force()
        }))
    }

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

/// The agreement's columns of a connector's row, with the company's own text beside it.
struct ConfigRow {
    connector: String,
    acceptance_id: Option<String>,
    accepted_at: Option<String>,
    accepted_by: Option<String>,
    version: Option<String>,
    sha256: Option<String>,
    withdrawn_at: Option<String>,
    disconnected_at: Option<String>,
    outdated_at: Option<String>,
    own: Option<(String, String)>,
}

const CONFIG_ROW: &str = "SELECT c.connector_id, c.dpa_acceptance_id, c.dpa_accepted_at, c.dpa_accepted_by_user_id, \
                          c.dpa_version, c.dpa_text_sha256, c.dpa_withdrawn_at, c.disconnected_at, c.dpa_outdated_at, \
                          t.version, t.text_sha256 FROM o365_config c \
                          LEFT JOIN customer_agreement t ON t.tenant_id = c.tenant_id WHERE c.tenant_id = $1";

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
            outdated_at: row.try_get(8)?,
            own: row.try_get::<Option<String>, _>(9)?.zip(row.try_get(10)?),
        })
    }

    /// Version and hash of the text that is in force.
    fn in_force(&self) -> (String, String) {
        self.own.clone().unwrap_or_else(|| (AGREEMENT_VERSION.to_owned(), agreement_sha256()))
    }

    /// Whether it was accepted since it came into force.
    fn accepts_what_is_in_force(&self) -> bool {
        let (version, sha256) = self.in_force();
        self.outdated_at.is_none() && self.version == Some(version) && self.sha256 == Some(sha256)
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
            (None, Some(_)) if self.accepts_what_is_in_force() => AgreementState::Standing(acceptance),
            (None, _) => AgreementState::Outdated(acceptance),
        })
    }
}

fn unreadable() -> DatabaseError {
    DatabaseError::Other { class: "the connector's row holds a value of another kind", code: None }
}
