//! Reading records for people: newest first, a page at a time, by keyset, so that the last page costs what the first does.

use jiff::Timestamp;
use m365_activity::Record;
use m365_model::{TenantId, to_text};
use m365_privacy::TypedAddress;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::export::{later_participants, read_record};
use crate::{Store, StoreError};

/// The place of a record among others: when it happened, and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    occurred_at: String,
    external_id: String,
}

/// Which page of records to read.
#[derive(Debug, Clone)]
pub struct PageOf<'q> {
    /// Those of one person alone, wherever he stands in them.
    pub person: Option<&'q TypedAddress>,
    /// What comes behind this place; the newest that have happened when absent.
    pub behind: Option<&'q Place>,
    /// How many.
    pub limit: u16,
}

macro_rules! columns {
    () => {
        "a.id, a.external_id, a.type, a.occurred_at, a.person_external_id, a.subject, a.duration_minutes, a.is_online, \
         a.organizer_email, a.attendee_count, a.response_status, a.account_domain, a.conversation_id, a.participant_count, \
         a.details"
    };
}

/// The newest of a tenant.
pub const NEWEST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM activity a WHERE a.tenant_id = $1 AND (a.occurred_at, a.external_id) < ($2, $3) \
     ORDER BY a.occurred_at DESC, a.external_id DESC LIMIT $4"
);

/// The newest of a person. Each half is bounded by itself: who has a hundred thousand records costs what others do.
pub const OF_PERSON: &str = concat!(
    "SELECT * FROM (SELECT ",
    columns!(),
    " FROM activity a WHERE a.tenant_id = $1 AND a.person_external_id = $5 AND (a.occurred_at, a.external_id) < ($2, $3) \
     ORDER BY a.occurred_at DESC, a.external_id DESC LIMIT $4) AS firsts \
     UNION ALL SELECT * FROM (SELECT ",
    columns!(),
    " FROM activity_participant p JOIN activity a ON a.id = p.activity_id WHERE p.tenant_id = $1 AND p.address = $5 \
     AND a.tenant_id = $1 AND (a.occurred_at, a.external_id) < ($2, $3) \
     ORDER BY a.occurred_at DESC, a.external_id DESC LIMIT $4) AS others \
     ORDER BY occurred_at DESC, external_id DESC LIMIT $4"
);

impl Store {
    /// Gives a page of records to `visit`, newest first, and tells where the next page begins; nothing when this was the last.
    ///
    /// # Errors
    /// When the database fails, or `visit` does.
    pub async fn records_page<E: From<StoreError>>(
        &self,
        tenant: &TenantId,
        page: &PageOf<'_>,
        mut visit: impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<Option<Place>, E> {
        let (rows, later) = self.page_rows(tenant, page).await?;
        for row in &rows {
            visit(&read_record(row, &later)?)?;
        }
        match rows.last().filter(|_| rows.len() == usize::from(page.limit)) {
            Some(last) => Ok(Some(place_of(last).map_err(StoreError::from)?)),
            None => Ok(None),
        }
    }

    async fn page_rows(
        &self,
        tenant: &TenantId,
        page: &PageOf<'_>,
    ) -> Result<(Vec<AnyRow>, std::collections::HashMap<i64, Vec<String>>), StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        // No id is smaller than the empty one: this is the place behind everything that has happened by now.
        let soon = next_second(self.surroundings().now());
        let (time, id) = page.behind.map_or((soon.as_str(), ""), |place| (&place.occurred_at, &place.external_id));
        let query = sqlx::query(if page.person.is_some() { OF_PERSON } else { NEWEST });
        let query = query.bind(tenant.as_str()).bind(time).bind(id).bind(i64::from(page.limit));
        let query = match page.person {
            Some(person) => query.bind(person.as_str()),
            None => query,
        };
        let rows = query.fetch_all(reader.connection()).await?;
        let later = later_participants(reader.connection(), tenant, &rows).await?;
        Ok((rows, later))
    }
}

fn place_of(row: &AnyRow) -> sqlx::Result<Place> {
    Ok(Place { occurred_at: row.try_get("occurred_at")?, external_id: row.try_get("external_id")? })
}

fn next_second(at: Timestamp) -> String {
    to_text(at.checked_add(std::time::Duration::from_secs(1)).unwrap_or(at))
}
