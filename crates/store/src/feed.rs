//! The feed for loaders: what became visible, changed or went away, in an order that a loader can go on from.
//!
//! The feed is compacted: a record stands in it once, at the place of its newest version. Writers give out no places. They
//! leave what they write *pending*, and whoever reads the feed first gives places to what is pending and committed, under
//! the lock of the tenant's `feed_state`. So places follow the order in which things became visible, a loader that goes on
//! behind one of them misses nothing that was still being written when it read on, and a meeting enters the feed when it
//! begins.
//!
//! Whoever writes records keeps two rules. An `UPDATE` of `activity` sets `feed_position = NULL`. And before a record is
//! deleted, gets another name in place, or moves into the future, it is buried: `bury` leaves a tombstone for what was
//! shown to a reader, under the record's key, and a record that stays gets a fresh key and is unannounced again. To make
//! records go away for one more reason, add a [`Burial`] and its word to the check of `feed_tombstone.reason`.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use m365_activity::Record;
use m365_database::{Dialect, WriteTx};
use m365_model::{Entropy, TenantId, to_text};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use thiserror::Error;

use crate::export::{later_participants, read_record};
use crate::sql::{CHUNK, pad, placeholders};
use crate::{Cell, Crypter, Sealed, Store, StoreError};

/// How many places one transaction gives out: a writer waits for no more than that.
const BATCH: i64 = 5000;

/// How many rows one read brings.
const PAGE: i64 = 1000;

/// For how long the feed still tells the name of a record that went away, sealed until then: a name may hold the address, and
/// a loader that keeps records by name needs it to delete its own. Loaders that come later find the key alone.
const NAMES_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Why a record that was shown went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burial {
    /// Taken back, or moved to a time that has not come.
    Retracted,
    /// It has another name now.
    Renamed,
    /// Erased at someone's wish.
    Erased,
}

impl Burial {
    fn word(self) -> &'static str {
        match self {
            Self::Retracted => "retracted",
            Self::Renamed => "renamed",
            Self::Erased => "erased",
        }
    }
}

/// A place in a feed: a reader goes on behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Which feed: purging a connector ends it, and the next one counts anew.
    epoch: String,
    position: i64,
}

/// A text that is no cursor. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a cursor is what stands behind \"cursor\" in a line of the feed, such as c1.3k9x0b.2s: give it unchanged, \
     or leave it out to read from the beginning"
)]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c1.{}.{}", self.epoch, base36(self.position.unsigned_abs()))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (epoch, position) = text.strip_prefix("c1.").and_then(|rest| rest.split_once('.')).ok_or(InvalidCursor)?;
        let is_word = |part: &str| {
            !part.is_empty() && part.len() < 14 && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if !is_word(epoch) || !is_word(position) {
            return Err(InvalidCursor);
        }
        let position = i64::from_str_radix(position, 36).map_err(|_| InvalidCursor)?;
        Ok(Self { epoch: epoch.to_owned(), position })
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]);
        number /= 36;
        if number == 0 {
            break;
        }
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

/// One line of the feed.
pub struct Change<'a> {
    /// What names the record here; another one whenever it went away in between.
    pub key: &'a str,
    /// Where a reader goes on behind this line.
    pub cursor: Cursor,
    /// What happened.
    pub what: What<'a>,
}

/// What a line of the feed tells.
pub enum What<'a> {
    /// The record is new, or says this now.
    Upsert(&'a Record<'a>),
    /// It is gone. Its name, while that may still be told.
    Delete(Option<&'a str>),
}

impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = if matches!(self.what, What::Upsert(_)) { "upsert" } else { "delete" };
        write!(f, "Change({op}, {}, ..)", self.cursor)
    }
}

impl Serialize for Change<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (op, external_id, record) = match &self.what {
            What::Upsert(record) => ("upsert", Some(record.external_id.as_ref()), Some(record)),
            What::Delete(external_id) => ("delete", *external_id, None),
        };
        let mut object = serializer.serialize_struct("Change", 5)?;
        object.serialize_field("op", op)?;
        object.serialize_field("key", self.key)?;
        object.serialize_field("externalId", &external_id)?;
        object.serialize_field("record", &record)?;
        object.serialize_field("cursor", &self.cursor.to_string())?;
        object.end()
    }
}

impl Store {
    /// Gives places in the feed to what has become visible since the last time, and says to how much. Readers do it before
    /// they read; done again, it changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sequence_feed(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let mut total = 0;
        // A look first: a loader that comes by often takes no write lock for nothing.
        while self.has_pending(tenant).await? {
            let given = self.sequence_batch(tenant).await?;
            total += given;
            if i64::try_from(given).is_ok_and(|given| given < BATCH) {
                break;
            }
        }
        Ok(total)
    }

    /// Gives every change behind `after` to `visit`, in the order in which things became visible: from the beginning when
    /// there is no `after`. A change that was overtaken by a later one of the same record is left out.
    ///
    /// # Errors
    /// [`StoreError::ForeignCursor`] when `after` counts the places of another feed; when the database fails, a name does
    /// not open, or `visit` fails.
    pub async fn each_change<E: From<StoreError>>(
        &self,
        tenant: &TenantId,
        after: Option<Cursor>,
        mut visit: impl FnMut(&Change<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.sequence_feed(tenant).await?;
        let Some(Feed { epoch, next }) = self.feed(tenant).await? else {
            return if after.is_some() { Err(StoreError::ForeignCursor.into()) } else { Ok(()) };
        };
        // A cursor ahead of the feed: the database was put back to an earlier state, and would go on to skip what comes.
        if after.as_ref().is_some_and(|cursor| cursor.epoch != epoch || cursor.position >= next) {
            return Err(StoreError::ForeignCursor.into());
        }
        let mut position = after.map_or(0, |cursor| cursor.position);
        loop {
            let page = self.feed_page(tenant, position, next).await?;
            for (at, row) in &page.rows {
                let cursor = Cursor { epoch: epoch.clone(), position: *at };
                match row {
                    PageRow::Record(row) => {
                        let record = read_record(row, &page.later)?;
                        let key = row.try_get("public_key").map_err(StoreError::from)?;
                        visit(&Change { key, cursor, what: What::Upsert(&record) })?;
                    }
                    PageRow::Tombstone { key, external_id } => {
                        let external_id = external_id.as_ref().map(secrecy::ExposeSecret::expose_secret);
                        visit(&Change { key, cursor, what: What::Delete(external_id) })?;
                    }
                }
                position = *at;
            }
            if page.is_last {
                return Ok(());
            }
        }
    }

    /// Forgets the names of records that went away more than 30 days ago, for where nobody reads the feed. It says how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_old_names(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        let forgotten = forget_names(tx.connection(), tenant, now).await?;
        tx.save().await?;
        if forgotten > 0 {
            self.empty_journal(tenant).await?;
        }
        Ok(forgotten)
    }

    /// Whether [`Store::sequence_feed`] has something to do.
    async fn has_pending(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let now = self.surroundings().now();
        let mut reader = self.db.reader(tenant).await?;
        let pending: i64 = sqlx::query_scalar(HAS_PENDING)
            .bind(tenant.as_str())
            .bind(to_text(now))
            .bind(to_text(now - NAMES_KEPT))
            .fetch_one(reader.connection())
            .await?;
        Ok(pending != 0)
    }

    /// One transaction of [`Store::sequence_feed`]. It says how many places it gave out.
    async fn sequence_batch(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let mut tx = self.db.begin(tenant).await?;
        let Some(Feed { next, .. }) = lock_feed(&mut tx, self.db.dialect(), tenant, self).await? else { return Ok(0) };
        let now = self.surroundings().now();
        forget_names(tx.connection(), tenant, now).await?;
        // Tombstones come first: while both are pending, a tombstone is older than a record of the same name, because a
        // record that was never announced leaves none. The records of this batch are chosen and held before the
        // tombstones are looked for, so that none of them has an older tombstone that is committed only in between.
        let records = hold_pending(&mut tx, self.db.dialect(), tenant, now).await?;
        let tombstones = place_tombstones(tx.connection(), tenant, next).await?;
        let room = usize::try_from(BATCH - tombstones).unwrap_or_default();
        // With a batch full of tombstones there may be more of them: the records wait for the next one.
        let records = &records[..records.len().min(room)];
        place_records(tx.connection(), tenant, next + tombstones, records).await?;
        let given = tombstones + i64::try_from(records.len()).unwrap_or_default();
        sqlx::query("UPDATE feed_state SET next_position = $1 WHERE tenant_id = $2")
            .bind(next + given)
            .bind(tenant.as_str())
            .execute(tx.connection())
            .await?;
        tx.save().await?;
        Ok(given.unsigned_abs())
    }

    async fn feed(&self, tenant: &TenantId) -> Result<Option<Feed>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let row = sqlx::query(FEED).bind(tenant.as_str()).fetch_optional(reader.connection()).await?;
        row.as_ref().map(Feed::read).transpose()
    }

    /// What stands behind `after` and before `next`: all of one instant, so that no record is told with the people of another
    /// version of it.
    async fn feed_page(&self, tenant: &TenantId, after: i64, next: i64) -> Result<Page, StoreError> {
        let mut reader = self.db.snapshot(tenant).await?;
        let mut rows = Vec::new();
        let records = sqlx::query(RECORDS_BY_PLACE).bind(tenant.as_str()).bind(after).bind(next).bind(PAGE);
        for row in records.fetch_all(reader.connection()).await? {
            rows.push((row.try_get("feed_position")?, PageRow::Record(row)));
        }
        let tombstones = sqlx::query(TOMBSTONES_BY_PLACE).bind(tenant.as_str()).bind(after).bind(next).bind(PAGE);
        for row in tombstones.fetch_all(reader.connection()).await? {
            let key: String = row.try_get(1)?;
            let sealed: Option<Vec<u8>> = row.try_get(2)?;
            let cell = name_cell(tenant, &key);
            let external_id = sealed.map(|bytes| self.crypter.open(&cell, &Sealed::from_row(bytes))).transpose()?;
            rows.push((row.try_get(0)?, PageRow::Tombstone { key, external_id }));
        }
        let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let is_last = rows.len() < page;
        rows.sort_by_key(|(position, _)| *position);
        rows.truncate(page);
        let records = rows.iter().filter_map(|(_, row)| match row {
            PageRow::Record(row) => Some(row),
            PageRow::Tombstone { .. } => None,
        });
        let later = later_participants(reader.connection(), tenant, records).await?;
        Ok(Page { rows, later, is_last })
    }
}

/// A tenant's feed: the row that whoever gives out places holds.
struct Feed {
    epoch: String,
    next: i64,
}

impl Feed {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self { epoch: row.try_get(0)?, next: row.try_get(1)? })
    }
}

struct Page {
    rows: Vec<(i64, PageRow)>,
    later: std::collections::HashMap<i64, Vec<String>>,
    is_last: bool,
}

enum PageRow {
    Record(AnyRow),
    Tombstone { key: String, external_id: Option<secrecy::SecretString> },
}

/// Holds the tenant's feed until the transaction ends; makes it where it is missing. `None`: nothing is connected.
///
/// SQLite has one writer, who holds everything.
async fn lock_feed(
    tx: &mut WriteTx,
    dialect: Dialect,
    tenant: &TenantId,
    store: &Store,
) -> Result<Option<Feed>, StoreError> {
    let lock = if dialect == Dialect::Postgres { " FOR UPDATE" } else { "" };
    let locked = format!("{FEED}{lock}");
    let feed = sqlx::query(AssertSqlSafe(locked.clone())).bind(tenant.as_str());
    if let Some(row) = feed.fetch_optional(tx.connection()).await? {
        return Feed::read(&row).map(Some);
    }
    let epoch = base36(store.surroundings().entropy.below(36_u64.pow(6)));
    sqlx::query(
        "INSERT INTO feed_state (tenant_id, epoch, next_position) SELECT tenant_id, $1, 1 FROM o365_config \
         WHERE tenant_id = $2 ON CONFLICT (tenant_id) DO NOTHING",
    )
    .bind(epoch)
    .bind(tenant.as_str())
    .execute(tx.connection())
    .await?;
    let feed = sqlx::query(AssertSqlSafe(locked)).bind(tenant.as_str()).fetch_optional(tx.connection()).await?;
    feed.as_ref().map(Feed::read).transpose()
}

/// Pending records that are visible at `now`, by time and then by name, held until the transaction ends. What another
/// transaction is changing is left to a later batch, so nobody waits for a writer here.
async fn hold_pending(
    tx: &mut WriteTx,
    dialect: Dialect,
    tenant: &TenantId,
    now: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let lock = if dialect == Dialect::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
    let rows = sqlx::query(AssertSqlSafe(format!("{PENDING_RECORDS}{lock}")))
        .bind(tenant.as_str())
        .bind(to_text(now))
        .bind(BATCH)
        .fetch_all(tx.connection())
        .await?;
    let mut pending = Vec::with_capacity(rows.len());
    for row in rows {
        pending.push((row.try_get::<String, _>(1)?, row.try_get::<String, _>(2)?, row.try_get::<i64, _>(0)?));
    }
    // A row that changed while it was waited for comes where it stood before.
    pending.sort_unstable();
    Ok(pending.into_iter().map(|(.., id)| id).collect())
}

/// Gives pending tombstones the places from `next` on, and says how many there were; at most [`BATCH`].
async fn place_tombstones(connection: &mut AnyConnection, tenant: &TenantId, next: i64) -> Result<i64, StoreError> {
    let placed = sqlx::query(PLACE_TOMBSTONES)
        .bind(next)
        .bind(tenant.as_str())
        .bind(BATCH)
        .execute(connection)
        .await?
        .rows_affected();
    Ok(i64::try_from(placed).unwrap_or(BATCH))
}

/// Gives these records the places from `next` on.
async fn place_records(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    mut next: i64,
    ids: &[i64],
) -> Result<(), StoreError> {
    for chunk in ids.chunks(CHUNK) {
        // The list keeps its order: a record's place is `next` and as many as stand before it.
        let list = (0..chunk.len().next_power_of_two()).map(|i| format!("(${}, {i})", i + 3)).collect::<Vec<_>>();
        let sql = format!(
            "WITH placed (id, rank) AS (VALUES {}) UPDATE activity SET feed_position = $1 + placed.rank, announced = 1 \
             FROM placed WHERE activity.id = placed.id AND activity.tenant_id = $2",
            list.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(next).bind(tenant.as_str().to_owned());
        // What fills the list up to a power of two is no row's id.
        let missing = chunk.len().next_power_of_two() - chunk.len();
        for id in chunk.iter().copied().chain(std::iter::repeat_n(0, missing)) {
            query = query.bind(id);
        }
        query.execute(&mut *connection).await?;
        next += i64::try_from(chunk.len()).unwrap_or_default();
    }
    Ok(())
}

/// Forgets the names of records that went away long enough ago, and says how many.
async fn forget_names(connection: &mut AnyConnection, tenant: &TenantId, now: Timestamp) -> Result<u64, StoreError> {
    let forgotten = sqlx::query(
        "UPDATE feed_tombstone SET sealed_external_id = NULL \
         WHERE tenant_id = $1 AND sealed_external_id IS NOT NULL AND made_at < $2",
    )
    .bind(tenant.as_str())
    .bind(to_text(now - NAMES_KEPT))
    .execute(connection)
    .await?;
    Ok(forgotten.rows_affected())
}

/// Leaves a tombstone for each of these records that the feed has shown. Called before they are deleted, renamed in place
/// or moved into the future; the rows are held until the transaction ends, so none of them is shown in between.
///
/// # Errors
/// When the database fails.
pub(crate) async fn bury(
    connection: &mut AnyConnection,
    crypter: &Crypter,
    entropy: &dyn Entropy,
    tenant: &TenantId,
    now: Timestamp,
    reason: Burial,
    ids: &[i64],
) -> Result<(), StoreError> {
    let lock = if connection.backend_name() == "PostgreSQL" { " FOR UPDATE" } else { "" };
    for chunk in ids.chunks(CHUNK) {
        // Whether a row was announced is asked of the row as it is held: a reader may be giving it a place right now.
        let sql = format!(
            "SELECT public_key, external_id, announced FROM activity WHERE tenant_id = $1 AND id IN ({}) \
             ORDER BY id{lock}",
            placeholders(chunk.len(), 2)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(tenant.as_str().to_owned());
        for id in pad(chunk) {
            query = query.bind(id);
        }
        for row in query.fetch_all(&mut *connection).await? {
            if row.try_get::<i64, _>(2)? == 0 {
                continue;
            }
            let (key, name): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
            let sealed = crypter.seal(&name_cell(tenant, key), name.as_bytes(), entropy);
            sqlx::query(
                "INSERT INTO feed_tombstone (tenant_id, public_key, sealed_external_id, reason, made_at) \
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(tenant.as_str())
            .bind(key)
            .bind(sealed.as_bytes())
            .bind(reason.word())
            .bind(to_text(now))
            .execute(&mut *connection)
            .await?;
        }
    }
    Ok(())
}

/// A key for a record: 20 hex digits that say nothing.
pub(crate) fn fresh_key(entropy: &dyn Entropy) -> String {
    let mut bytes = [0_u8; 10];
    entropy.fill(&mut bytes);
    hex::encode(bytes)
}

pub(crate) fn name_cell<'a>(tenant: &'a TenantId, key: &'a str) -> Cell<'a> {
    Cell { tenant, table: "feed_tombstone", row: key, column: "sealed_external_id" }
}

const FEED: &str = "SELECT epoch, next_position FROM feed_state WHERE tenant_id = $1";

const HAS_PENDING: &str = "SELECT CASE WHEN \
     EXISTS (SELECT 1 FROM feed_tombstone WHERE tenant_id = $1 AND feed_position IS NULL) \
     OR EXISTS (SELECT 1 FROM activity WHERE tenant_id = $1 AND feed_position IS NULL AND occurred_at <= $2) \
     OR EXISTS (SELECT 1 FROM feed_tombstone WHERE tenant_id = $1 AND sealed_external_id IS NOT NULL AND made_at < $3) \
     THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END";

const PENDING_RECORDS: &str = "SELECT id, occurred_at, external_id FROM activity \
     WHERE tenant_id = $1 AND feed_position IS NULL AND occurred_at <= $2 ORDER BY occurred_at, external_id LIMIT $3";

const PLACE_TOMBSTONES: &str = "UPDATE feed_tombstone SET feed_position = placed.place FROM \
     (SELECT id, $1 - 1 + row_number() OVER (ORDER BY id) AS place FROM feed_tombstone \
      WHERE tenant_id = $2 AND feed_position IS NULL ORDER BY id LIMIT $3) AS placed \
     WHERE feed_tombstone.id = placed.id AND feed_tombstone.tenant_id = $2";

const RECORDS_BY_PLACE: &str = "SELECT id, external_id, type, occurred_at, person_external_id, subject, duration_minutes, \
     is_online, organizer_email, attendee_count, response_status, account_domain, conversation_id, participant_count, details, \
     public_key, feed_position FROM activity WHERE tenant_id = $1 AND feed_position > $2 AND feed_position < $3 \
     ORDER BY feed_position LIMIT $4";

const TOMBSTONES_BY_PLACE: &str = "SELECT feed_position, public_key, sealed_external_id FROM feed_tombstone \
     WHERE tenant_id = $1 AND feed_position > $2 AND feed_position < $3 ORDER BY feed_position LIMIT $4";

#[cfg(test)]
mod tests {
    use super::{Cursor, InvalidCursor, base36};

    #[test]
    fn a_cursor_reads_what_it_writes_and_nothing_else() {
        for position in [0, 1, 35, 36, 1_000_000, i64::MAX] {
            let cursor = Cursor { epoch: "3k9x0b".into(), position };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        assert_eq!(base36(36 * 36 + 10), "10a");
        for bad in [
            "",
            "c1",
            "c1.",
            "c1..",
            "c1.a.",
            "c1..1",
            "c2.a.1",
            "c1.a.-1",
            "c1.a.+1",
            "c1.a.1 ",
            " c1.a.1",
            "c1.A.1",
            "c1.a.1.1",
            "c1.a.zzzzzzzzzzzzz",
            "c1.a.12345678901234",
        ] {
            assert_eq!(bad.parse::<Cursor>(), Err(InvalidCursor), "{bad}");
        }
    }
}
