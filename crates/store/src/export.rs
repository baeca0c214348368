//! The records as the contract shows them: all of them, by time.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;
use m365_activity::{ActivityType, EmailProperties, MeetingProperties, Record, RecordProperties};
use m365_model::{TenantId, from_text, to_text};
use m365_privacy::ResponseStatus;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::reading::AFTER_ALL;
use crate::sql::{CHUNK, pad, placeholders};
use crate::{Store, StoreError};

/// Which records to read.
#[derive(Debug, Clone, Copy)]
pub struct RecordQuery {
    /// Those that happened then or later; everything when absent.
    pub since: Option<Timestamp>,
    /// Meetings that have not begun, too.
    pub include_upcoming: bool,
}

/// How many records one statement reads.
const PAGE: i64 = 1000;

impl Store {
    /// Gives every record of `tenant` that `query` asks for to `visit`, by time and then by id. It reads page by page, so
    /// memory does not grow with the number of records.
    ///
    /// # Errors
    /// When the database fails, or `visit` does.
    pub async fn each_record<E: From<StoreError>>(
        &self,
        tenant: &TenantId,
        query: RecordQuery,
        mut visit: impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let now = to_text(self.surroundings().now());
        let until = if query.include_upcoming { AFTER_ALL.to_owned() } else { now };
        let (mut time, mut id) = (query.since.map(to_text).unwrap_or_default(), String::new());
        loop {
            let (rows, later) = self.record_rows(tenant, &time, &id, &until).await?;
            for row in &rows {
                visit(&read_record(row, &later)?)?;
            }
            let Some(last) = rows.last().filter(|_| i64::try_from(rows.len()) == Ok(PAGE)) else { return Ok(()) };
            time = last.try_get("occurred_at").map_err(StoreError::from)?;
            id = last.try_get("external_id").map_err(StoreError::from)?;
        }
    }

    /// A page of records behind (`time`, `id`), and the later participants of those that have several.
    async fn record_rows(
        &self,
        tenant: &TenantId,
        time: &str,
        id: &str,
        until: &str,
    ) -> Result<(Vec<AnyRow>, HashMap<i64, Vec<String>>), StoreError> {
        let mut reader = self.db.snapshot(tenant).await?;
        let rows = sqlx::query(RECORDS)
            .bind(tenant.as_str())
            .bind(time)
            .bind(id)
            .bind(until)
            .bind(PAGE)
            .fetch_all(reader.connection())
            .await?;
        let later = later_participants(reader.connection(), tenant, &rows).await?;
        Ok((rows, later))
    }

    /// How many records of `tenant` have happened.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_records(&self, tenant: &TenantId) -> Result<i64, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM activity WHERE tenant_id = $1 AND occurred_at <= $2");
        Ok(count.bind(tenant.as_str()).bind(to_text(self.surroundings().now())).fetch_one(reader.connection()).await?)
    }
}

/// The later participants of those records that have several, by row.
pub(crate) async fn later_participants<'r>(
    connection: &mut sqlx::AnyConnection,
    tenant: &TenantId,
    records: impl IntoIterator<Item = &'r AnyRow>,
) -> Result<HashMap<i64, Vec<String>>, StoreError> {
    let mut many = Vec::new();
    for row in records {
        if row.try_get::<Option<i64>, _>("participant_count")?.is_some_and(|n| n > 1) {
            many.push(row.try_get::<i64, _>("id")?);
        }
    }
    let mut out: HashMap<i64, Vec<String>> = HashMap::new();
    for chunk in many.chunks(CHUNK) {
        let sql = format!(
            "SELECT activity_id, address FROM activity_participant WHERE tenant_id = $1 AND activity_id IN ({}) \
             ORDER BY activity_id, position",
            placeholders(chunk.len(), 2)
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.as_str().to_owned());
        for id in pad(chunk) {
            query = query.bind(id);
        }
        for row in query.fetch_all(&mut *connection).await? {
            out.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
        }
    }
    Ok(out)
}

const RECORDS: &str = "SELECT id, external_id, type, occurred_at, person_external_id, subject, duration_minutes, is_online, \
     organizer_email, attendee_count, response_status, account_domain, conversation_id, participant_count, details FROM activity \
     WHERE tenant_id = $1 AND (occurred_at, external_id) > ($2, $3) AND occurred_at <= $4 \
     ORDER BY occurred_at, external_id LIMIT $5";

pub(crate) fn read_record<'r>(row: &'r AnyRow, later: &'r HashMap<i64, Vec<String>>) -> Result<Record<'r>, StoreError> {
    let unreadable = || StoreError::Unreadable("activity");
    let kind = ActivityType::from_word(row.try_get("type")?).ok_or_else(unreadable)?;
    let person: &str = row.try_get("person_external_id")?;
    let text = |column: &str| -> Result<Option<Cow<'r, str>>, StoreError> {
        Ok(row.try_get::<Option<&str>, _>(column)?.map(Cow::Borrowed))
    };
    let properties = match kind {
        ActivityType::MeetingAttend => RecordProperties::Meeting(MeetingProperties {
            meeting_subject: text("subject")?,
            duration_minutes: row.try_get("duration_minutes")?,
            is_online: row.try_get::<Option<i64>, _>("is_online")?.map(|flag| flag != 0),
            organizer_email: text("organizer_email")?,
            attendee_count: u32::try_from(row.try_get::<i64, _>("attendee_count")?).map_err(|_| unreadable())?,
            response_status: text("response_status")?
                .and_then(|word| ResponseStatus::from_word(&word))
                .ok_or_else(unreadable)?,
            account_domain: text("account_domain")?.ok_or_else(unreadable)?,
            details: read_details(row)?,
        }),
        ActivityType::EmailThread => {
            let id: i64 = row.try_get("id")?;
            let others = later.get(&id).map(Vec::as_slice).unwrap_or_default();
            let everyone = std::iter::once(person).chain(others.iter().map(String::as_str));
            RecordProperties::Email(EmailProperties {
                conversation_id: text("conversation_id")?,
                participant_emails: everyone.map(Cow::Borrowed).collect(),
                subject: text("subject")?,
                details: read_details(row)?,
            })
        }
    };
    Ok(Record {
        external_id: Cow::Borrowed(row.try_get("external_id")?),
        occurred_at: from_text(row.try_get("occurred_at")?).ok_or_else(unreadable)?,
        person_external_id: Cow::Borrowed(person),
        properties,
    })
}

fn read_details<T: DeserializeOwned>(row: &AnyRow) -> Result<Option<T>, StoreError> {
    let details: Option<&str> = row.try_get("details")?;
    details.map(serde_json::from_str).transpose().map_err(|_| StoreError::Unreadable("activity.details"))
}
