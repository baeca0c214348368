//! Runs that several processes read together: who begins one, which mailboxes it has, how far each has come, who asked it to
//! stop. The rows are gone when the run has ended.

use jiff::Timestamp;
use m365_database::{DpaAccepted, WriteTx};
use m365_model::{ConnectorId, GraphUserId, MailboxId, RunId, RunStatus, TenantId, to_text};
use sqlx::{AssertSqlSafe, Row as _};

use crate::sql::{power_chunks, rows};
use crate::{PageError, Store, StoreError};

/// One mailbox of a run.
#[derive(Debug, Clone)]
pub struct Part {
    /// The mailbox's row.
    pub mailbox: MailboxId,
    /// Graph's id of its user.
    pub user: GraphUserId,
    /// What an attempt before this one noted, as it was given.
    pub report: Option<String>,
    /// Whether it was read to its end.
    pub is_done: bool,
    /// What the beginning of the run noted, as it was given.
    pub opening: Option<String>,
}

/// How far a mailbox, or a run, has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartCounts {
    /// Pages that are stored.
    pub pages: u64,
    /// Items seen.
    pub seen: u64,
    /// Items kept.
    pub kept: u64,
    /// Requests to Microsoft Graph.
    pub requests: u64,
    /// Requests that wait at this moment.
    pub waiting: u64,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunProgress {
    /// Its mailboxes.
    pub mailboxes: u64,
    /// Those that were read to their end.
    pub done: u64,
    /// All of them together.
    pub counts: PartCounts,
    /// Whether somebody asked it to stop.
    pub is_stopping: bool,
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    On,
    /// Somebody asked it to stop.
    Stopping,
    /// It has ended, or another one began.
    Over,
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Store {
    /// The tenant whose connector has this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tenant_of(&self, connector: &ConnectorId) -> Result<Option<TenantId>, StoreError> {
        // Row-level security shows one tenant at a time; there are few, and whoever asks often remembers the answer.
        for tenant in self.db.tenants().await? {
            let mut reader = self.db.reader(&tenant).await?;
            let found: Option<String> =
                sqlx::query_scalar("SELECT connector_id FROM o365_config WHERE tenant_id = $1 AND connector_id = $2")
                    .bind(tenant.as_str())
                    .bind(connector.as_str())
                    .fetch_optional(reader.connection())
                    .await?;
            if found.is_some() {
                return Ok(Some(tenant));
            }
        }
        Ok(None)
    }

    /// Notes under `id` that a run begins; any other that stands as running has ended. False when `id` began before: an
    /// attempt that was cut off is made again.
    ///
    /// # Errors
    /// When the tenant has no connector or the database fails.
    pub async fn run_began_as(&self, tenant: &TenantId, id: &RunId, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.db.begin(tenant).await?;
        let known: Option<i64> = sqlx::query_scalar("SELECT number FROM sync_run WHERE id = $1 AND tenant_id = $2")
            .bind(id.as_str())
            .bind(tenant.as_str())
            .fetch_optional(tx.connection())
            .await?;
        if known.is_none() {
            begin_run(&mut tx, tenant, id, at).await?;
        }
        tx.save().await?;
        Ok(known.is_none())
    }

    /// Notes which mailboxes the run reads, in their order: the first one is at place 1.
    ///
    /// # Errors
    /// When the agreement was withdrawn or the database fails.
    pub async fn share_run(
        &self,
        gate: &DpaAccepted<'_>,
        id: &RunId,
        mailboxes: &[MailboxId],
    ) -> Result<(), PageError> {
        let tenant = gate.tenant();
        let mut tx = self.db.begin_accepted(gate).await?;
        forget_parts(&mut tx, tenant).await?;
        let places: Vec<(i64, i64)> = (1_i64..).zip(mailboxes.iter().map(|mailbox| mailbox.0)).collect();
        for chunk in power_chunks(&places) {
            let values = rows(chunk.len(), 4);
            let sql = format!("INSERT INTO run_mailbox (tenant_id, run_id, place, mailbox_id) VALUES {values}");
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (place, mailbox) in chunk {
                query = query.bind(tenant.as_str()).bind(id.as_str()).bind(*place).bind(*mailbox);
            }
            query.execute(tx.connection()).await?;
        }
        Ok(tx.save().await?)
    }

    /// Notes what the beginning of a run came to.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_opening(&self, tenant: &TenantId, id: &RunId, report: &str) -> Result<(), StoreError> {
        let mut tx = self.db.begin(tenant).await?;
        sqlx::query("UPDATE sync_run SET opening = $1 WHERE id = $2 AND tenant_id = $3")
            .bind(report)
            .bind(id.as_str())
            .bind(tenant.as_str())
            .execute(tx.connection())
            .await?;
        Ok(tx.save().await?)
    }

    /// What the beginning of a run came to, as it was noted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn opening(&self, tenant: &TenantId, id: &RunId) -> Result<Option<String>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let opening = sqlx::query_scalar("SELECT opening FROM sync_run WHERE id = $1 AND tenant_id = $2");
        let opening = opening.bind(id.as_str()).bind(tenant.as_str()).fetch_optional(reader.connection()).await?;
        Ok(opening.flatten())
    }

    /// Whether a run goes on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run_standing(&self, tenant: &TenantId, id: &RunId) -> Result<Standing, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query("SELECT status, stop_asked_at FROM sync_run WHERE id = $1 AND tenant_id = $2")
            .bind(id.as_str())
            .bind(tenant.as_str())
            .fetch_optional(reader.connection())
            .await?;
        let Some(row) = row else { return Ok(Standing::Over) };
        let (status, stop): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        Ok(match (RunStatus::from_word(&status), stop) {
            (Some(RunStatus::Running), None) => Standing::On,
            (Some(RunStatus::Running), Some(_)) => Standing::Stopping,
            _ => Standing::Over,
        })
    }

    /// The mailbox at a place of a run.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn part(&self, tenant: &TenantId, id: &RunId, place: u32) -> Result<Option<Part>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(
            "SELECT p.mailbox_id, m.graph_user_id, p.report, p.is_done, r.opening FROM run_mailbox p \
             JOIN mailbox m ON m.id = p.mailbox_id AND m.tenant_id = p.tenant_id \
             JOIN sync_run r ON r.id = p.run_id AND r.tenant_id = p.tenant_id WHERE p.run_id = $1 AND p.place = $2 AND p.tenant_id = $3",
        );
        let row = row.bind(id.as_str()).bind(i64::from(place)).bind(tenant.as_str());
        let Some(row) = row.fetch_optional(reader.connection()).await? else { return Ok(None) };
        let user: String = row.try_get(1)?;
        Ok(Some(Part {
            mailbox: MailboxId(row.try_get(0)?),
            user: user.parse().map_err(|_| StoreError::Unreadable("mailbox.graph_user_id"))?,
            report: row.try_get(2)?,
            is_done: row.try_get::<i64, _>(3)? == 1,
            opening: row.try_get(4)?,
        }))
    }

    /// Notes how far a mailbox of a run has come.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_part(
        &self,
        tenant: &TenantId,
        (id, place): (&RunId, u32),
        counts: PartCounts,
        report: &str,
        is_done: bool,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin(tenant).await?;
        sqlx::query(
            "UPDATE run_mailbox SET pages = $1, seen = $2, kept = $3, requests = $4, waiting = $5, report = $6, is_done = $7 \
             WHERE run_id = $8 AND place = $9 AND tenant_id = $10",
        )
        .bind(count(counts.pages))
        .bind(count(counts.seen))
        .bind(count(counts.kept))
        .bind(count(counts.requests))
        .bind(count(counts.waiting))
        .bind(report)
        .bind(i64::from(is_done))
        .bind(id.as_str())
        .bind(i64::from(place))
        .bind(tenant.as_str())
        .execute(tx.connection())
        .await?;
        Ok(tx.save().await?)
    }

    /// What the mailboxes of a run noted, in their order; those that noted nothing are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn part_reports(&self, tenant: &TenantId, id: &RunId) -> Result<Vec<String>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let reports = sqlx::query_scalar(
            "SELECT report FROM run_mailbox WHERE run_id = $1 AND tenant_id = $2 AND report IS NOT NULL ORDER BY place",
        );
        Ok(reports.bind(id.as_str()).bind(tenant.as_str()).fetch_all(reader.connection()).await?)
    }

    /// How far a run has come; `None` when it is over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run_progress(&self, tenant: &TenantId, id: &RunId) -> Result<Option<RunProgress>, StoreError> {
        let standing = self.run_standing(tenant, id).await?;
        if standing == Standing::Over {
            return Ok(None);
        }
        let mut reader = self.db.reader(tenant).await?;
        // A sum of BIGINT is NUMERIC on PostgreSQL.
        let row = sqlx::query(
            "SELECT COUNT(*), CAST(COALESCE(SUM(is_done), 0) AS BIGINT), CAST(COALESCE(SUM(pages), 0) AS BIGINT), \
             CAST(COALESCE(SUM(seen), 0) AS BIGINT), CAST(COALESCE(SUM(kept), 0) AS BIGINT), \
             CAST(COALESCE(SUM(requests), 0) AS BIGINT), CAST(COALESCE(SUM(waiting), 0) AS BIGINT) \
             FROM run_mailbox WHERE run_id = $1 AND tenant_id = $2",
        );
        let row = row.bind(id.as_str()).bind(tenant.as_str()).fetch_one(reader.connection()).await?;
        let number = |column| row.try_get::<i64, usize>(column).map(|n| u64::try_from(n).unwrap_or_default());
        Ok(Some(RunProgress {
            mailboxes: number(0)?,
            done: number(1)?,
            counts: PartCounts {
                pages: number(2)?,
                seen: number(3)?,
                kept: number(4)?,
                requests: number(5)?,
                waiting: number(6)?,
            },
            is_stopping: standing == Standing::Stopping,
        }))
    }

    /// Asks the run that is under way to stop. `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask_run_to_stop(&self, tenant: &TenantId) -> Result<Option<RunId>, StoreError> {
        let mut tx = self.db.begin(tenant).await?;
        let running: Option<String> = sqlx::query_scalar(
            "SELECT id FROM sync_run WHERE tenant_id = $1 AND status = $2 ORDER BY number DESC LIMIT 1",
        )
        .bind(tenant.as_str())
        .bind(RunStatus::Running.word())
        .fetch_optional(tx.connection())
        .await?;
        let Some(running) = running else { return Ok(None) };
        sqlx::query(
            "UPDATE sync_run SET stop_asked_at = $1 WHERE id = $2 AND tenant_id = $3 AND stop_asked_at IS NULL",
        )
        .bind(to_text(self.surroundings().now()))
        .bind(&running)
        .bind(tenant.as_str())
        .execute(tx.connection())
        .await?;
        tx.save().await?;
        running.parse().map(Some).map_err(|_| StoreError::Unreadable("sync_run.id"))
    }
}

/// Notes that a run begins, and that every other one has ended.
pub(crate) async fn begin_run(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &RunId,
    at: Timestamp,
) -> Result<(), StoreError> {
    forget_parts(tx, tenant).await?;
    sqlx::query("UPDATE sync_run SET status = $1, ended_at = $2 WHERE tenant_id = $3 AND status = $4")
        .bind(RunStatus::Failed.word())
        .bind(to_text(at))
        .bind(tenant.as_str())
        .bind(RunStatus::Running.word())
        .execute(tx.connection())
        .await?;
    sqlx::query("INSERT INTO sync_run (id, tenant_id, started_at, status) VALUES ($1, $2, $3, $4)")
        .bind(id.as_str())
        .bind(tenant.as_str())
        .bind(to_text(at))
        .bind(RunStatus::Running.word())
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// The run has ended: what its mailboxes noted is in its summary.
pub(crate) async fn forget_parts(tx: &mut WriteTx, tenant: &TenantId) -> Result<(), StoreError> {
    let rows = sqlx::query("DELETE FROM run_mailbox WHERE tenant_id = $1").bind(tenant.as_str());
    rows.execute(tx.connection()).await?;
    Ok(())
}
