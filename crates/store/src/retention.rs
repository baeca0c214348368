//! How long records are kept, where an administrator has set a limit.

use jiff::{SignedDuration, Timestamp};
use m365_model::{TenantId, UserId};

use crate::purge::{Purge, PurgeCounts};
use crate::settings::Settings;
use crate::{Store, StoreError};

impl Settings {
    /// What happened before this is kept no longer, and not stored anew. `None` without a limit.
    pub fn kept_since(&self, now: Timestamp) -> Option<Timestamp> {
        let days = self.retention_days?;
        Some(now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN))
    }
}

impl Store {
    /// Deletes what is older than the limit of `tenant`. `None` when there is no limit, or nothing older.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn apply_retention(&self, tenant: &TenantId, actor: &UserId) -> Result<Option<PurgeCounts>, StoreError> {
        let settings = self.settings(tenant).await?;
        let now = self.surroundings().now();
        let (Some(oldest), Some(days)) = (settings.kept_since(now), settings.retention_days) else { return Ok(None) };
        let mut tx = self.db.begin(tenant).await?;
        let mut purge = Purge::begin(self, &mut tx, tenant, now).await?;
        purge.older_than(oldest).await?;
        let counts = purge.end();
        if counts.is_empty() {
            return Ok(None);
        }
        let detail = serde_json::json!({ "retentionDays": days, "tables": counts }).to_string();
        tx.audit(tenant, actor, "retention.applied", &detail, now).await?;
        tx.save().await?;
        self.empty_journal(tenant).await?;
        Ok(Some(counts))
    }
}
