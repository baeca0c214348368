//! Runs: when each sync began and ended, and its summary.

use jiff::Timestamp;
use m365_model::{Ended, RunId, RunStatus, TenantId, from_text, to_text};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::shared_runs::{begin_run, forget_parts};
use crate::{Store, StoreError};

/// A run, as it is stored.
#[derive(Debug, Clone)]
pub struct StoredRun {
    /// Its id.
    pub id: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it stands.
    pub status: RunStatus,
    /// How it ended, once it has; `None` when its process was killed.
    pub ended: Option<Ended>,
    /// The run summary as JSON, once it has ended.
    pub summary: Option<String>,
}

impl Store {
    /// Notes that a run begins, and that one whose process was killed has ended: whoever begins holds the connector's lock.
    ///
    /// # Errors
    /// When the tenant has no connector or the database fails.
    pub async fn run_began(&self, tenant: &TenantId, at: Timestamp) -> Result<RunId, StoreError> {
        let id: RunId =
            self.surroundings().fresh_id("run_").parse().map_err(|_| StoreError::Unreadable("sync_run.id"))?;
        let mut tx = self.db.begin(tenant).await?;
        begin_run(&mut tx, tenant, &id, at).await?;
        tx.save().await?;
        Ok(id)
    }

    /// Notes how a run ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run_ended(
        &self,
        tenant: &TenantId,
        id: &RunId,
        ended: Ended,
        summary: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin(tenant).await?;
        forget_parts(&mut tx, tenant).await?;
        sqlx::query(
            "UPDATE sync_run SET ended_at = $1, status = $2, outcome = $3, summary = $4, opening = NULL \
             WHERE id = $5 AND tenant_id = $6",
        )
        .bind(to_text(self.surroundings().now()))
        .bind(ended.status().word())
        .bind(ended.word())
        .bind(summary)
        .bind(id.as_str())
        .bind(tenant.as_str())
        .execute(tx.connection())
        .await?;
        Ok(tx.save().await?)
    }

    /// The run that began last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_run(&self, tenant: &TenantId) -> Result<Option<StoredRun>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(
            "SELECT id, status, outcome, summary, started_at, ended_at FROM sync_run WHERE tenant_id = $1 \
             ORDER BY number DESC LIMIT 1",
        );
        let row = row.bind(tenant.as_str()).fetch_optional(reader.connection()).await?;
        row.as_ref().map(read_run).transpose()
    }

    /// The run with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run(&self, tenant: &TenantId, id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(
            "SELECT id, status, outcome, summary, started_at, ended_at FROM sync_run WHERE tenant_id = $1 AND id = $2",
        );
        let row = row.bind(tenant.as_str()).bind(id.as_str()).fetch_optional(reader.connection()).await?;
        row.as_ref().map(read_run).transpose()
    }
}

impl Store {
    /// The runs that began last, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recent_runs(&self, tenant: &TenantId, limit: u16) -> Result<Vec<StoredRun>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query(
            "SELECT id, status, outcome, summary, started_at, ended_at FROM sync_run WHERE tenant_id = $1 \
             ORDER BY number DESC LIMIT $2",
        );
        let rows = rows.bind(tenant.as_str()).bind(i64::from(limit)).fetch_all(reader.connection()).await?;
        rows.iter().map(read_run).collect()
    }

    /// When the last run ended that read what it should.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_good_run(&self, tenant: &TenantId) -> Result<Option<StoredRun>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(
            "SELECT id, status, outcome, summary, started_at, ended_at FROM sync_run WHERE tenant_id = $1 \
             AND status = $2 ORDER BY number DESC LIMIT 1",
        );
        let row = row.bind(tenant.as_str()).bind(RunStatus::Succeeded.word());
        row.fetch_optional(reader.connection()).await?.as_ref().map(read_run).transpose()
    }
}

fn read_run(row: &AnyRow) -> Result<StoredRun, StoreError> {
    let unreadable = || StoreError::Unreadable("sync_run");
    let (id, status, ended): (String, String, Option<String>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (started, finished): (String, Option<String>) = (row.try_get(4)?, row.try_get(5)?);
    Ok(StoredRun {
        id: id.parse().map_err(|_| unreadable())?,
        started_at: from_text(&started).ok_or_else(unreadable)?,
        ended_at: finished.map(|at| from_text(&at).ok_or_else(unreadable)).transpose()?,
        status: RunStatus::from_word(&status).ok_or_else(unreadable)?,
        ended: ended.map(|word| Ended::from_word(&word).ok_or_else(unreadable)).transpose()?,
        summary: row.try_get(3)?,
    })
}
