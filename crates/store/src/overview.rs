//! What the dashboard counts: numbers by state and by domain, and what was done by whom. Nothing of what is counted itself.

use jiff::Timestamp;
use m365_model::{TenantId, from_text};
use serde::Serialize;
use sqlx::Row as _;

use crate::{Store, StoreError};

/// How many mailboxes stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MailboxTotals {
    /// Read to the end at their last turn.
    pub synced: u64,
    /// Passed over for a known reason.
    pub skipped: u64,
    /// Not read, though they should have been.
    pub failed: u64,
    /// Not read yet.
    pub new: u64,
    /// Left out by an administrator.
    pub excluded: u64,
}

impl MailboxTotals {
    /// All that are known.
    pub fn all(&self) -> u64 {
        self.synced + self.skipped + self.failed + self.new + self.excluded
    }
}

/// What an entry of the allow-list has let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainTotals {
    /// The entry's domain.
    pub domain: String,
    /// Records of meetings, those to come left out.
    pub meetings: u64,
    /// Records of messages.
    pub messages: u64,
}

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place: later ones are higher.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who: a user's id, or `operator`.
    pub actor: String,
    /// What, as a word such as `allowlist.added`.
    pub action: String,
    /// Domains, versions and counts, as JSON.
    pub detail: String,
}

impl Store {
    /// How many mailboxes stand how.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mailbox_totals(&self, tenant: &TenantId) -> Result<MailboxTotals, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query(
            "SELECT CASE WHEN choice = 'exclude' THEN 'excluded' ELSE state END AS stands, COUNT(*) FROM mailbox \
             WHERE tenant_id = $1 AND left_at IS NULL GROUP BY 1",
        );
        let mut totals = MailboxTotals::default();
        for row in rows.bind(tenant.as_str()).fetch_all(reader.connection()).await? {
            let count = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default();
            match row.try_get::<String, _>(0)?.as_str() {
                "synced" => totals.synced = count,
                "skipped" => totals.skipped = count,
                "failed" => totals.failed = count,
                "excluded" => totals.excluded = count,
                _ => totals.new += count,
            }
        }
        Ok(totals)
    }

    /// What each entry of the allow-list has let in by `now`, closed entries too as long as something is left of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn domain_totals(&self, tenant: &TenantId) -> Result<Vec<DomainTotals>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query(
            "SELECT e.domain, \
             COALESCE(SUM(CASE WHEN a.type = 'meeting_attend' THEN 1 ELSE 0 END), 0), \
             COALESCE(SUM(CASE WHEN a.type = 'email_thread' THEN 1 ELSE 0 END), 0) \
             FROM allowed_external_domain e LEFT JOIN activity a \
             ON a.tenant_id = e.tenant_id AND a.entry_id = e.id AND a.occurred_at <= $2 \
             WHERE e.tenant_id = $1 GROUP BY e.domain ORDER BY e.domain",
        );
        let now = m365_model::to_text(self.surroundings().now());
        let rows = rows.bind(tenant.as_str()).bind(now).fetch_all(reader.connection()).await?;
        let count = |n: i64| u64::try_from(n).unwrap_or_default();
        rows.iter()
            .map(|row| {
                Ok(DomainTotals {
                    domain: row.try_get(0)?,
                    meetings: count(row.try_get(1)?),
                    messages: count(row.try_get(2)?),
                })
            })
            .collect()
    }

    /// What was done, newest first: `limit` entries below the place `before`, or from the newest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_trail(
        &self,
        tenant: &TenantId,
        before: Option<i64>,
        limit: u16,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query(
            "SELECT id, at, actor, action, detail FROM audit_event WHERE tenant_id = $1 AND id < $2 \
             ORDER BY id DESC LIMIT $3",
        );
        let rows = rows.bind(tenant.as_str()).bind(before.unwrap_or(i64::MAX)).bind(i64::from(limit));
        rows.fetch_all(reader.connection())
            .await?
            .iter()
            .map(|row| {
                let at: String = row.try_get(1)?;
                Ok(AuditEntry {
                    number: row.try_get(0)?,
                    at: from_text(&at).ok_or(StoreError::Unreadable("audit_event.at"))?,
                    actor: row.try_get(2)?,
                    action: row.try_get(3)?,
                    detail: row.try_get(4)?,
                })
            })
            .collect()
    }
}

/// A mailbox in a line, with what became of its items since each stream last read its whole window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxLine {
    /// Graph's id of its user.
    pub mailbox: String,
    /// How its last read ended: `new`, `synced`, `skipped`, `failed`.
    pub state: String,
    /// Graph's code, if that went wrong.
    pub code: Option<String>,
    /// Whether an administrator left it out.
    pub is_excluded: bool,
    /// Whether its user is not in the directory any more.
    pub has_left: bool,
    /// When it was last read to the end.
    pub last_synced_at: Option<Timestamp>,
    /// Items seen.
    pub seen: u64,
    /// Items kept.
    pub kept: u64,
}

/// Which mailboxes to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// All.
    All,
    /// Those that are not read: skipped, failed, or left out.
    NotRead,
}

impl Store {
    /// Mailboxes in the order of their ids: `limit` of them behind `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mailbox_lines(
        &self,
        tenant: &TenantId,
        listed: Listed,
        after: &str,
        limit: u16,
    ) -> Result<Vec<MailboxLine>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query(
            "SELECT m.graph_user_id, m.state, m.state_code, m.choice, m.left_at, m.last_synced_at, \
             (SELECT CAST(COALESCE(SUM(s.seen), 0) AS BIGINT) FROM delta_state s WHERE s.mailbox_id = m.id AND s.tenant_id = $1), \
             (SELECT CAST(COALESCE(SUM(s.kept), 0) AS BIGINT) FROM delta_state s WHERE s.mailbox_id = m.id AND s.tenant_id = $1) \
             FROM mailbox m WHERE m.tenant_id = $1 AND m.graph_user_id > $2 \
             AND ($3 = 0 OR m.state IN ('skipped', 'failed') OR m.choice = 'exclude') ORDER BY m.graph_user_id LIMIT $4",
        );
        let rows =
            rows.bind(tenant.as_str()).bind(after).bind(i64::from(listed == Listed::NotRead)).bind(i64::from(limit));
        let count = |n: i64| u64::try_from(n).unwrap_or_default();
        rows.fetch_all(reader.connection())
            .await?
            .iter()
            .map(|row| {
                let (choice, left, synced): (Option<String>, Option<String>, Option<String>) =
                    (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
                Ok(MailboxLine {
                    mailbox: row.try_get(0)?,
                    state: row.try_get(1)?,
                    code: row.try_get(2)?,
                    is_excluded: choice.as_deref() == Some("exclude"),
                    has_left: left.is_some(),
                    last_synced_at: synced.as_deref().and_then(from_text),
                    seen: count(row.try_get(6)?),
                    kept: count(row.try_get(7)?),
                })
            })
            .collect()
    }
}
