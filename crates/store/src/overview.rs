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
