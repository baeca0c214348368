//! What whoever watches the installation asks again and again: how each connector stands, and which runs ended since. Each
//! question is a few rows by their keys, however much is recorded.

use jiff::Timestamp;
use jiff::civil::Date;
use m365_database::{AgreementState, agreement_state};
use m365_model::{Ended, RunStatus, TenantId, from_text};
use sqlx::Row as _;

use crate::config::read_instant;
use crate::{Store, StoreError};

/// How a connector stands: the first of these that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectorState {
    /// It was disconnected and its records were kept.
    Disconnected,
    /// The agreement does not stand.
    Blocked,
    /// An administrator stopped the syncs that run by themselves.
    Paused,
    /// Nobody is on the list yet, or a person has yet to start the first sync.
    SettingUp,
    /// Syncs run by themselves.
    Active,
}

impl ConnectorState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Disconnected, Self::Blocked, Self::Paused, Self::SettingUp, Self::Active];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Blocked => "blocked",
            Self::Paused => "paused",
            Self::SettingUp => "setting_up",
            Self::Active => "active",
        }
    }
}

/// A connector, at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// How it stands.
    pub state: ConnectorState,
    /// Since when it is connected.
    pub connected_at: Timestamp,
    /// The day on which the application's secret ends, as an administrator noted it.
    pub secret_expires_on: Option<Date>,
    /// When the first of its tokens ends.
    pub token_expires_at: Option<Timestamp>,
}

/// A run that is over.
#[derive(Debug, Clone)]
pub struct EndedRun {
    /// Its place: later ones are higher.
    pub number: i64,
    /// When it ended.
    pub at: Timestamp,
    /// How; `None` when its process was killed.
    pub ended: Option<Ended>,
    /// The run summary as JSON; none of a run that was killed.
    pub summary: Option<String>,
}

impl Store {
    /// How the connector of `tenant` stands; `None` where there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn glance(&self, tenant: &TenantId) -> Result<Option<Glance>, StoreError> {
        let agreement = agreement_state(tenant, &self.db).await?;
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(
            "SELECT connected_at, disconnected_at, schedule_paused_at, \
             (SELECT ends_on FROM application_secret WHERE tenant_id = $1), \
             (SELECT MIN(expires_at) FROM token_cache WHERE tenant_id = $1), \
             (SELECT MIN(id) FROM allowed_external_domain WHERE tenant_id = $1 AND closed_at IS NULL), \
             (SELECT MAX(number) FROM sync_run WHERE tenant_id = $1) FROM o365_config WHERE tenant_id = $1",
        );
        let Some(row) = row.bind(tenant.as_str()).fetch_optional(reader.connection()).await? else { return Ok(None) };
        let unreadable = StoreError::Unreadable;
        let is_set = |at: usize| Ok::<_, StoreError>(row.try_get::<Option<String>, _>(at)?.is_some());
        let (entry, run): (Option<i64>, Option<i64>) = (row.try_get(5)?, row.try_get(6)?);
        let state = if is_set(1)? {
            ConnectorState::Disconnected
        } else if !matches!(agreement, AgreementState::Standing(_)) {
            ConnectorState::Blocked
        } else if is_set(2)? {
            ConnectorState::Paused
        } else if entry.is_none() || run.is_none() {
            ConnectorState::SettingUp
        } else {
            ConnectorState::Active
        };
        let day: Option<String> = row.try_get(3)?;
        Ok(Some(Glance {
            state,
            connected_at: from_text(row.try_get(0)?).ok_or(unreadable("o365_config.connected_at"))?,
            secret_expires_on: day
                .map(|day| day.parse().map_err(|_| unreadable("application_secret.ends_on")))
                .transpose()?,
            token_expires_at: read_instant(&row, 4, "token_cache.expires_at")?,
        }))
    }

    /// The place of the newest run that is over; 0 where there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_ended_run(&self, tenant: &TenantId) -> Result<i64, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(
            "SELECT number FROM sync_run WHERE tenant_id = $1 AND status <> $2 ORDER BY number DESC LIMIT 1",
        );
        let row = row.bind(tenant.as_str()).bind(RunStatus::Running.word()).fetch_optional(reader.connection()).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
    }

    /// The runs behind place `after` that are over, in order, up to one that is at work: `limit` at the most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runs_ended_after(
        &self,
        tenant: &TenantId,
        after: i64,
        limit: u16,
    ) -> Result<Vec<EndedRun>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query(
            "SELECT number, ended_at, outcome, summary FROM sync_run WHERE tenant_id = $1 AND number > $2 \
             ORDER BY number LIMIT $3",
        );
        let rows = rows.bind(tenant.as_str()).bind(after).bind(i64::from(limit));
        let mut runs = Vec::new();
        for row in rows.fetch_all(reader.connection()).await? {
            let Some(at) = read_instant(&row, 1, "sync_run.ended_at")? else { break };
            let word: Option<String> = row.try_get(2)?;
            let ended = word
                .map(|word| Ended::from_word(&word).ok_or(StoreError::Unreadable("sync_run.outcome")))
                .transpose()?;
            runs.push(EndedRun { number: row.try_get(0)?, at, ended, summary: row.try_get(3)? });
        }
        Ok(runs)
    }
}
