//! Reading records for people: a page at a time, by keyset, so that the last page costs what the first does.
//!
//! What stands in an address bar is a [`Place`]'s key or a [`PersonKey`]: both are made of public keys, which say nothing, because
//! a record's own name may hold an address.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use m365_activity::Record;
use m365_model::{TenantId, from_text, to_text};
use m365_privacy::TypedAddress;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::export::{later_participants, read_record};
use crate::filter::{Filter, Statement};
use crate::sql::{CHUNK, pad, placeholders};
use crate::{Store, StoreError};

/// The place of a record among others: when it happened, and its id.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    occurred_at: String,
    external_id: String,
    key: String,
}

impl Place {
    /// What names the record in an address bar.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({}, ..)", self.occurred_at)
    }
}

/// Which comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// What happened last.
    #[default]
    NewestFirst,
    /// What happened first, as exports have it.
    OldestFirst,
}

/// Which page of records to read.
#[derive(Debug, Clone, Default)]
pub struct PageOf<'q> {
    /// What they must be.
    pub filter: Filter,
    /// What comes behind this place; the first when absent.
    pub behind: Option<&'q Place>,
    /// How many.
    pub limit: u16,
    /// In which order.
    pub order: Order,
}

/// A record, with what a list says beside it.
pub struct Listed<'r> {
    /// The record.
    pub record: Record<'r>,
    /// What names it in an address bar, and the person whom it is about.
    pub key: &'r str,
    /// The domain of the entry that let that person in.
    pub domain: &'r str,
}

/// Somebody, as one record names him: by its public key, and which of the later participants he is if he is not the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonKey {
    record: String,
    later: u16,
}

/// A text that names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address names nobody: start from the list of activities")]
pub struct InvalidPersonKey;

impl PersonKey {
    /// The person whom the record of this public key is about, or one of its later participants, counted from 1.
    pub fn new(record: &str, later: u16) -> Self {
        Self { record: record.to_owned(), later }
    }
}

impl fmt::Display for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.later == 0 { f.write_str(&self.record) } else { write!(f, "{}-{}", self.record, self.later) }
    }
}

impl FromStr for PersonKey {
    type Err = InvalidPersonKey;
    fn from_str(text: &str) -> Result<Self, InvalidPersonKey> {
        let (record, later) = text.split_once('-').map_or((text, Ok(0)), |(record, later)| (record, later.parse()));
        let is_key = record.len() == 20 && record.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let key = Self { record: record.to_owned(), later: later.map_err(|_| InvalidPersonKey)? };
        if is_key && key.to_string() == text { Ok(key) } else { Err(InvalidPersonKey) }
    }
}

/// What is stored about somebody, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PersonTotals {
    /// Records of meetings that have begun.
    pub meetings: u64,
    /// Records of messages.
    pub messages: u64,
    /// Records of meetings to come.
    pub upcoming: u64,
    /// When the first of all of them happens.
    pub first: Option<Timestamp>,
    /// When the last of them happens.
    pub last: Option<Timestamp>,
    /// Copies of meetings in calendars in which he takes part.
    pub copies: u64,
    /// Records and copies of meetings that he organizes.
    pub organized: u64,
}

impl PersonTotals {
    /// All records.
    pub fn records(&self) -> u64 {
        self.meetings + self.messages + self.upcoming
    }

    /// Whether nothing is stored.
    pub fn is_nothing(&self) -> bool {
        self.records() + self.copies + self.organized == 0
    }
}

/// What is read of a record `a`; its time and its name from where the statement has them.
macro_rules! columns {
    ($place:literal) => {
        concat!(
            "a.id, ",
            $place,
            ".external_id, a.type, ",
            $place,
            ".occurred_at, a.person_external_id, a.subject, a.duration_minutes, a.is_online, a.organizer_email, \
             a.attendee_count, a.response_status, a.account_domain, a.conversation_id, a.participant_count, a.details, \
             a.public_key, a.entry_id"
        )
    };
}

/// A page of a person. Each half comes in the order of its index and is bounded by itself, so that few records are fetched but
/// those of the page: who has a hundred thousand costs what others do.
macro_rules! of_person {
    ($than:literal, $direction:literal, $firsts:literal, $others:literal) => {
        concat!(
            "SELECT * FROM (SELECT ",
            columns!("a"),
            " FROM activity a WHERE a.tenant_id = $1 AND a.person_external_id = $5 AND (a.occurred_at, a.external_id) ",
            $than,
            " ($2, $3)",
            $firsts,
            " ORDER BY a.occurred_at ",
            $direction,
            ", a.external_id ",
            $direction,
            " LIMIT $4) AS firsts UNION ALL SELECT * FROM (SELECT ",
            columns!("p"),
            " FROM activity_participant p JOIN activity a ON a.id = p.activity_id \
             WHERE p.tenant_id = $1 AND p.address = $5 AND a.tenant_id = $1 AND (p.occurred_at, p.external_id) ",
            $than,
            " ($2, $3)",
            $others,
            " ORDER BY p.occurred_at ",
            $direction,
            ", p.external_id ",
            $direction,
            " LIMIT $4) AS others ORDER BY occurred_at ",
            $direction,
            ", external_id ",
            $direction,
            " LIMIT $4"
        )
    };
}

/// The newest of a tenant.
pub const NEWEST: &str = concat!(
    "SELECT ",
    columns!("a"),
    " FROM activity a WHERE a.tenant_id = $1 AND (a.occurred_at, a.external_id) < ($2, $3) \
     ORDER BY a.occurred_at DESC, a.external_id DESC LIMIT $4"
);

/// The newest of a person.
pub const OF_PERSON: &str = of_person!("<", "DESC", "", "");

/// The oldest of a person, up to a time.
const OLDEST_OF_PERSON: &str = of_person!(">", "ASC", " AND a.occurred_at <= $6", " AND p.occurred_at <= $6");

/// The newest record of a person, meetings to come among them, and which of its participants he is.
const PERSON_KEY: &str = "SELECT public_key, later FROM (\
     SELECT * FROM (SELECT a.public_key, a.occurred_at, a.external_id, CAST(0 AS BIGINT) AS later FROM activity a \
     WHERE a.tenant_id = $1 AND a.person_external_id = $2 \
     ORDER BY a.occurred_at DESC, a.external_id DESC LIMIT 1) AS firsts \
     UNION ALL SELECT * FROM (SELECT a.public_key, p.occurred_at, p.external_id, \
     (SELECT COUNT(*) FROM activity_participant q WHERE q.activity_id = a.id AND q.position <= p.position) AS later \
     FROM activity_participant p JOIN activity a ON a.id = p.activity_id \
     WHERE p.tenant_id = $1 AND p.address = $2 AND a.tenant_id = $1 \
     ORDER BY p.occurred_at DESC, p.external_id DESC LIMIT 1) AS others) AS named \
     ORDER BY occurred_at DESC, external_id DESC LIMIT 1";

/// A time that nothing happens after.
pub(crate) const AFTER_ALL: &str = "9999-12-31T23:59:59Z";

const FIRST_OF: &str = "SELECT person_external_id FROM activity WHERE tenant_id = $1 AND public_key = $2";

const LATER_OF: &str = "SELECT p.address FROM activity a JOIN activity_participant p ON p.activity_id = a.id \
     WHERE a.tenant_id = $1 AND a.public_key = $2 ORDER BY p.position LIMIT 1 OFFSET $3";

/// The records of a person by kind, before and after a time. Whoever is a later participant is one of a message.
const TOTALS: &str = "SELECT type, CAST(CASE WHEN occurred_at <= $3 THEN 0 ELSE 1 END AS BIGINT), COUNT(*), \
     MIN(occurred_at), MAX(occurred_at) FROM (\
     SELECT a.type, a.occurred_at FROM activity a WHERE a.tenant_id = $1 AND a.person_external_id = $2 \
     UNION ALL SELECT 'email_thread' AS type, p.occurred_at FROM activity_participant p \
     WHERE p.tenant_id = $1 AND p.address = $2) AS found GROUP BY 1, 2";

const TRACES: &str = "SELECT \
     (SELECT COUNT(DISTINCT p.copy_id) FROM event_participant p WHERE p.tenant_id = $1 AND p.address = $2), \
     (SELECT COUNT(*) FROM event_copy c WHERE c.tenant_id = $1 AND c.organizer_email = $2), \
     (SELECT COUNT(*) FROM activity a WHERE a.tenant_id = $1 AND a.organizer_email = $2)";

impl Store {
    /// Gives a page of records to `visit`, and tells where the next page begins; nothing when this was the last.
    ///
    /// # Errors
    /// When the database fails, or `visit` does.
    pub async fn records_page<E: From<StoreError>>(
        &self,
        tenant: &TenantId,
        page: &PageOf<'_>,
        mut visit: impl FnMut(&Listed<'_>) -> Result<(), E>,
    ) -> Result<Option<Place>, E> {
        let (rows, later, domains) = self.page_rows(tenant, page).await?;
        for row in &rows {
            let entry: i64 = row.try_get("entry_id").map_err(StoreError::from)?;
            visit(&Listed {
                record: read_record(row, &later)?,
                key: row.try_get("public_key").map_err(StoreError::from)?,
                domain: domains.get(&entry).map(String::as_str).unwrap_or_default(),
            })?;
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
    ) -> Result<(Vec<AnyRow>, HashMap<i64, Vec<String>>, HashMap<i64, String>), StoreError> {
        let mut reader = self.db.snapshot(tenant).await?;
        let now = self.surroundings().now();
        let rows = statement(tenant, page, now).query().fetch_all(reader.connection()).await?;
        let later = later_participants(reader.connection(), tenant, &rows).await?;
        let domains = entry_domains(reader.connection(), tenant, &rows).await?;
        Ok((rows, later, domains))
    }

    /// The place of the record with this public key; `None` when there is no such record any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn place(&self, tenant: &TenantId, key: &str) -> Result<Option<Place>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(
            "SELECT occurred_at, external_id, public_key FROM activity WHERE tenant_id = $1 AND public_key = $2",
        );
        let row = row.bind(tenant.as_str()).bind(key).fetch_optional(reader.connection()).await?;
        Ok(row.as_ref().map(place_of).transpose()?)
    }

    /// What names `person` in an address bar: his newest record. `None` when no record is of him.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn person_key(&self, tenant: &TenantId, person: &TypedAddress) -> Result<Option<PersonKey>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(PERSON_KEY).bind(tenant.as_str()).bind(person.as_str());
        let Some(row) = row.fetch_optional(reader.connection()).await? else { return Ok(None) };
        let later = u16::try_from(row.try_get::<i64, _>(1)?).unwrap_or(u16::MAX);
        Ok(Some(PersonKey { record: row.try_get(0)?, later }))
    }

    /// Whom `key` names; `None` when that record is gone, or names so many no more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn person(&self, tenant: &TenantId, key: &PersonKey) -> Result<Option<TypedAddress>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let query = match key.later {
            0 => sqlx::query(FIRST_OF).bind(tenant.as_str()).bind(key.record.as_str()),
            later => sqlx::query(LATER_OF).bind(tenant.as_str()).bind(key.record.as_str()).bind(i64::from(later) - 1),
        };
        let Some(row) = query.fetch_optional(reader.connection()).await? else { return Ok(None) };
        let address = row.try_get::<&str, _>(0)?.parse();
        address.map(Some).map_err(|_| StoreError::Unreadable("an address"))
    }

    /// What is stored about `person`, in numbers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn person_totals(&self, tenant: &TenantId, person: &TypedAddress) -> Result<PersonTotals, StoreError> {
        let totals = sqlx::query(TOTALS).bind(tenant.as_str()).bind(person.as_str());
        let rows = totals.bind(to_text(self.surroundings().now()));
        let mut reader = self.db.snapshot(tenant).await?;
        let mut totals = PersonTotals::default();
        for row in rows.fetch_all(reader.connection()).await? {
            let count = u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or_default();
            match (row.try_get::<&str, _>(0)?, row.try_get::<i64, _>(1)?) {
                (_, 1) => totals.upcoming += count,
                ("meeting_attend", _) => totals.meetings += count,
                _ => totals.messages += count,
            }
            let at = |column: usize| -> Result<Timestamp, StoreError> {
                from_text(row.try_get(column)?).ok_or(StoreError::Unreadable("activity.occurred_at"))
            };
            let (first, last) = (at(3)?, at(4)?);
            totals.first = Some(totals.first.map_or(first, |known| known.min(first)));
            totals.last = Some(totals.last.map_or(last, |known| known.max(last)));
        }
        let row = sqlx::query(TRACES).bind(tenant.as_str()).bind(person.as_str());
        let row = row.fetch_one(reader.connection()).await?;
        let count = |column: usize| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
        totals.copies = count(0)?;
        totals.organized = count(1)? + count(2)?;
        Ok(totals)
    }
}

fn statement(tenant: &TenantId, page: &PageOf<'_>, now: Timestamp) -> Statement {
    let Filter { kind, domain, person, days, upcoming } = &page.filter;
    if kind.is_some() || domain.is_some() || days.from.is_some() || days.until.is_some() {
        return filtered(tenant, page, now);
    }
    // No id is smaller than the empty one: this is the place behind everything that has happened by now, or ever will.
    let end = if *upcoming { AFTER_ALL.to_owned() } else { next_second(now) };
    let (sql, first) = match (page.order, person) {
        (Order::NewestFirst, None) => (NEWEST, end),
        (Order::NewestFirst, Some(_)) => (OF_PERSON, end),
        (Order::OldestFirst, Some(_)) => (OLDEST_OF_PERSON, String::new()),
        (Order::OldestFirst, None) => return filtered(tenant, page, now),
    };
    let (time, id) = page.behind.map_or((first.as_str(), ""), |place| (&place.occurred_at, &place.external_id));
    let mut statement = Statement::about(tenant);
    statement.text(time);
    statement.text(id);
    statement.number(i64::from(page.limit));
    if let Some(person) = person {
        statement.text(person.as_str());
    }
    if page.order == Order::OldestFirst {
        statement.text(if *upcoming { AFTER_ALL.to_owned() } else { to_text(now) });
    }
    statement.say(sql);
    statement
}

fn filtered(tenant: &TenantId, page: &PageOf<'_>, now: Timestamp) -> Statement {
    let mut statement = Statement::about(tenant);
    let condition = statement.condition(&page.filter, now);
    let (than, direction) = match page.order {
        Order::NewestFirst => ("<", "DESC"),
        Order::OldestFirst => (">", "ASC"),
    };
    statement.say(concat!("SELECT ", columns!("a"), " FROM activity a WHERE ")).say(&condition);
    if let Some(place) = page.behind {
        let (time, id) = (statement.text(&place.occurred_at), statement.text(&place.external_id));
        statement.say(&format!(" AND (a.occurred_at, a.external_id) {than} ({time}, {id})"));
    }
    let limit = statement.number(i64::from(page.limit));
    statement.say(&format!(" ORDER BY a.occurred_at {direction}, a.external_id {direction} LIMIT {limit}"));
    statement
}

/// The domains of the entries that let these records' people in.
async fn entry_domains(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    rows: &[AnyRow],
) -> Result<HashMap<i64, String>, StoreError> {
    let mut entries = rows.iter().map(|row| row.try_get("entry_id")).collect::<Result<Vec<i64>, _>>()?;
    entries.sort_unstable();
    entries.dedup();
    let mut domains = HashMap::new();
    for chunk in entries.chunks(CHUNK) {
        let sql = format!(
            "SELECT id, domain FROM allowed_external_domain WHERE tenant_id = $1 AND id IN ({})",
            placeholders(chunk.len(), 2)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(tenant.as_str().to_owned());
        for id in pad(chunk) {
            query = query.bind(id);
        }
        for row in query.fetch_all(&mut *connection).await? {
            domains.insert(row.try_get(0)?, row.try_get(1)?);
        }
    }
    Ok(domains)
}

fn place_of(row: &AnyRow) -> sqlx::Result<Place> {
    Ok(Place {
        occurred_at: row.try_get("occurred_at")?,
        external_id: row.try_get("external_id")?,
        key: row.try_get("public_key")?,
    })
}

fn next_second(at: Timestamp) -> String {
    to_text(at.checked_add(std::time::Duration::from_secs(1)).unwrap_or(at))
}

#[cfg(test)]
mod tests {
    use super::PersonKey;

    #[test]
    fn a_person_is_named_by_a_records_key_and_a_number_and_by_nothing_else() {
        for good in ["0123456789abcdef0123", "0123456789abcdef0123-1", "0123456789abcdef0123-65535"] {
            assert_eq!(good.parse::<PersonKey>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "jane@acme.com",
            "0123456789abcdef012",
            "0123456789ABCDEF0123",
            "0123456789abcdef0123-",
            "0123456789abcdef0123-0",
            "0123456789abcdef0123-+1",
            "0123456789abcdef0123-65536",
        ] {
            assert!(bad.parse::<PersonKey>().is_err(), "{bad}");
        }
    }
}
