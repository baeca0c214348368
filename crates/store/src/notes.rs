//! What an administrator notes about the connection: whether syncs run by themselves, and when the application's secret ends.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use m365_model::{TenantId, UserId, to_text};

use crate::{Store, StoreError};

/// The last day of the application's secret or certificate, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretEnd(pub Date);

impl SecretEnd {
    /// From so many days before the end on, people are warned.
    pub const WARNED_BEFORE: i32 = 30;

    /// How many days are left; below 0 when it has ended.
    pub fn days_left(self, now: Timestamp) -> i32 {
        let today = Offset::UTC.to_datetime(now).date();
        today.until(self.0).map_or(i32::MAX, |span| span.get_days())
    }

    /// Whether people are warned.
    pub fn is_near(self, now: Timestamp) -> bool {
        self.days_left(now) <= Self::WARNED_BEFORE
    }
}

impl Store {
    /// Stops the syncs that run by themselves, or lets them run again. `false`: it was so already.
    ///
    /// # Errors
    /// When nothing is connected or the database fails.
    pub async fn pause_schedule(&self, tenant: &TenantId, actor: &UserId, pause: bool) -> Result<bool, StoreError> {
        self.connector(tenant).await?;
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        // One of two people who press at once did it.
        let changed = sqlx::query(
            "UPDATE o365_config SET schedule_paused_at = $1 \
             WHERE tenant_id = $2 AND CASE WHEN schedule_paused_at IS NULL THEN 0 ELSE 1 END <> $3",
        )
        .bind(pause.then(|| to_text(now)))
        .bind(tenant.as_str())
        .bind(i64::from(pause))
        .execute(tx.connection())
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(false);
        }
        let action = if pause { "schedule.paused" } else { "schedule.resumed" };
        tx.audit(tenant, actor, action, "{}", now).await?;
        tx.save().await?;
        Ok(true)
    }

    /// Notes the day on which the application's secret ends, or forgets it. Microsoft does not tell it to the application, and
    /// nothing need be connected yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_secret_end(
        &self,
        tenant: &TenantId,
        actor: &UserId,
        end: Option<SecretEnd>,
    ) -> Result<(), StoreError> {
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        sqlx::query("DELETE FROM application_secret WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .execute(tx.connection())
            .await?;
        if let Some(SecretEnd(day)) = end {
            sqlx::query(
                "INSERT INTO application_secret (tenant_id, ends_on, noted_at, noted_by) VALUES ($1, $2, $3, $4)",
            )
            .bind(tenant.as_str())
            .bind(day.to_string())
            .bind(to_text(now))
            .bind(actor.as_str())
            .execute(tx.connection())
            .await?;
        }
        let detail = serde_json::json!({ "day": end.map(|end| end.0.to_string()) }).to_string();
        tx.audit(tenant, actor, "secret.end_noted", &detail, now).await?;
        Ok(tx.save().await?)
    }

    /// The day on which the application's secret ends, if an administrator noted it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn secret_end(&self, tenant: &TenantId) -> Result<Option<SecretEnd>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let day: Option<String> = sqlx::query_scalar("SELECT ends_on FROM application_secret WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .fetch_optional(reader.connection())
            .await?;
        let read = |day: String| day.parse().map(SecretEnd).map_err(|_| StoreError::Unreadable("application_secret"));
        day.map(read).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_days_before_the_end_people_are_warned() {
        let end = SecretEnd("2027-05-01".parse().unwrap());
        for (now, left, is_near) in [
            ("2027-03-31T23:59:59Z", 31, false),
            ("2027-04-01T00:00:00Z", 30, true),
            ("2027-05-01T12:00:00Z", 0, true),
            ("2027-05-02T00:00:00Z", -1, true),
        ] {
            let now: Timestamp = now.parse().unwrap();
            assert_eq!((end.days_left(now), end.is_near(now)), (left, is_near), "{now}");
        }
    }
}
