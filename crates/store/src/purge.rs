//! Taking people out of what is stored: one way for erasures, for closed entries and for backups that were put back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use m365_activity::EmailDetails;
use m365_database::WriteTx;
use m365_model::{TenantId, to_text};
use m365_privacy::Suppressions;
use serde::Serialize;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row as _};

use crate::erase::purged_tables;
use crate::exclusions::forget_erased;
use crate::feed::{Burial, bury, name_cell};
use crate::records::details_text;
use crate::sql::{CHUNK, pad, padded, placeholders};
use crate::{Sealed, Store, StoreError};

/// How many rows of one table are gone, and how many say less than before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TableCounts {
    /// Gone.
    pub deleted: u64,
    /// Kept, without whoever was taken out.
    pub changed: u64,
}

/// The counts of every table that holds something of a person, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PurgeCounts(BTreeMap<&'static str, TableCounts>);

impl PurgeCounts {
    fn zero() -> Self {
        Self(purged_tables().map(|table| (table, TableCounts::default())).collect())
    }

    /// The counts of one table.
    pub fn of(&self, table: &str) -> TableCounts {
        self.0.get(table).copied().unwrap_or_default()
    }

    /// Every table with its counts.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, TableCounts)> {
        self.0.iter().map(|(table, counts)| (*table, *counts))
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(|counts| *counts == TableCounts::default())
    }

    fn deleted(&mut self, table: &'static str, n: u64) {
        self.0.entry(table).or_default().deleted += n;
    }

    fn changed(&mut self, table: &'static str, n: usize) {
        self.0.entry(table).or_default().changed += n as u64;
    }
}

/// Whom one statement is about.
enum Part<'a> {
    /// These addresses, as they are stored.
    Addresses(&'a [String]),
    /// Whoever this entry of the allow-list let in.
    Entry(i64),
}

type Statement = Query<'static, Any, AnyArguments>;

impl Part<'_> {
    /// The condition on a column of addresses and the column of their entries; its values are bound from `$2` on.
    fn of(&self, address: &str, entry: &str) -> String {
        match self {
            Self::Addresses(addresses) => format!("{address} IN ({})", placeholders(addresses.len(), 2)),
            Self::Entry(_) => format!("{entry} = $2"),
        }
    }

    /// How many values [`Part::bind`] binds.
    fn width(&self) -> usize {
        match self {
            Self::Addresses(addresses) => padded(addresses.len()),
            Self::Entry(_) => 1,
        }
    }

    fn bind(&self, mut statement: Statement) -> Statement {
        match self {
            Self::Addresses(addresses) => {
                for address in pad(&addresses.iter().collect::<Vec<_>>()) {
                    statement = statement.bind(address.clone());
                }
                statement
            }
            Self::Entry(entry) => statement.bind(*entry),
        }
    }

    fn holds(&self, address: &str, entry: i64) -> bool {
        match self {
            Self::Addresses(addresses) => addresses.iter().any(|one| one == address),
            Self::Entry(one) => *one == entry,
        }
    }
}

/// Somebody in a message: where, who, and let in by which entry. The first has no position.
struct Participant {
    position: Option<i64>,
    address: String,
    entry: i64,
}

/// A purge of one tenant, in one transaction.
pub(crate) struct Purge<'p> {
    store: &'p Store,
    tx: &'p mut WriteTx,
    tenant: &'p TenantId,
    now: Timestamp,
    counts: PurgeCounts,
    /// The records and copies that say less than before, each once.
    changed_records: BTreeSet<i64>,
    changed_copies: BTreeSet<i64>,
}

impl<'p> Purge<'p> {
    /// Begins, once no page of the tenant is being written: what a page still writes would not be found.
    pub(crate) async fn begin(
        store: &'p Store,
        tx: &'p mut WriteTx,
        tenant: &'p TenantId,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        // Pages hold this row for sharing.
        sqlx::query("UPDATE o365_config SET allow_list_version = allow_list_version WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .execute(tx.connection())
            .await?;
        let (changed_records, changed_copies) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self { store, tx, tenant, now, counts: PurgeCounts::zero(), changed_records, changed_copies })
    }

    /// What was found.
    pub(crate) fn end(mut self) -> PurgeCounts {
        self.counts.changed("activity", self.changed_records.len());
        self.counts.changed("event_copy", self.changed_copies.len());
        self.counts
    }

    /// Takes out everyone whom `erased` knows, and the subjects that name them.
    pub(crate) async fn erased(&mut self, erased: &Suppressions) -> Result<(), StoreError> {
        let addresses = self.addresses(erased).await?;
        for chunk in addresses.chunks(CHUNK) {
            self.take_out(&Part::Addresses(chunk)).await?;
        }
        self.subjects(erased).await?;
        self.names(Some(erased)).await?;
        let exclusions = forget_erased(self.store, self.tx, self.tenant, erased).await?;
        self.counts.deleted("exclusion", exclusions);
        Ok(())
    }

    /// Takes out whoever an entry of the allow-list let in.
    pub(crate) async fn let_in_by(&mut self, entry: i64) -> Result<(), StoreError> {
        self.take_out(&Part::Entry(entry)).await
    }

    /// Deletes everything that was read.
    pub(crate) async fn everything(&mut self) -> Result<(), StoreError> {
        let records = self.ids("SELECT id FROM activity WHERE tenant_id = $1").await?;
        self.bury(Burial::Erased, &records).await?;
        self.names(None).await?;
        for (table, sql) in EVERYTHING {
            let gone = sqlx::query(*sql).bind(self.tenant.as_str()).execute(self.tx.connection()).await?;
            self.counts.deleted(table, gone.rows_affected());
        }
        Ok(())
    }

    /// Deletes records and copies of meetings that are older than `oldest`.
    pub(crate) async fn older_than(&mut self, oldest: Timestamp) -> Result<(), StoreError> {
        let oldest = to_text(oldest);
        let old = "SELECT id FROM activity WHERE tenant_id = $1 AND occurred_at < $2";
        let records = self.ids_where(old, &oldest).await?;
        self.delete_records(Burial::Retracted, &records).await?;
        let old = "SELECT id FROM event_copy WHERE tenant_id = $1 AND kind <> 'master' AND starts_at < $2";
        let copies = self.ids_where(old, &oldest).await?;
        self.delete_copies(&copies).await?;
        // A series goes when none of its meetings is left; if it goes on, it is asked for again.
        let old = "SELECT id FROM event_copy WHERE tenant_id = $1 AND kind = 'master' AND starts_at < $2 AND NOT EXISTS \
                   (SELECT 1 FROM event_copy o WHERE o.tenant_id = $1 AND o.master_key = event_copy.event_key)";
        let masters = self.ids_where(old, &oldest).await?;
        self.delete_copies(&masters).await
    }

    /// The stored addresses of those whom `erased` knows.
    async fn addresses(&mut self, erased: &Suppressions) -> Result<Vec<String>, StoreError> {
        if erased.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(ADDRESSES).bind(self.tenant.as_str()).fetch_all(self.tx.connection()).await?;
        let mut out = Vec::new();
        for row in rows {
            let address: &str = row.try_get(0)?;
            if erased.hold_stored(address) {
                out.push(address.to_owned());
            }
        }
        Ok(out)
    }

    async fn take_out(&mut self, part: &Part<'_>) -> Result<(), StoreError> {
        self.participants(part).await?;
        self.organizers(part).await?;
        self.attendees(part).await
    }

    /// Records: without anyone left they go; otherwise the next in line moves up.
    async fn participants(&mut self, part: &Part<'_>) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT a.id, a.person_external_id, a.entry_id, a.participant_count FROM activity a WHERE a.tenant_id = $1 \
             AND ({} OR a.id IN (SELECT p.activity_id FROM activity_participant p WHERE p.tenant_id = $1 AND {})) \
             ORDER BY a.id",
            part.of("a.person_external_id", "a.entry_id"),
            part.of("p.address", "p.entry_id"),
        );
        let rows = part.bind(self.statement(sql)).fetch_all(self.tx.connection()).await?;
        let (mut gone, mut several) = (Vec::new(), Vec::new());
        for row in &rows {
            let first = Participant { position: None, address: row.try_get(1)?, entry: row.try_get(2)? };
            let has_others = row.try_get::<Option<i64>, _>(3)?.is_some_and(|n| n > 1);
            if has_others { several.push((row.try_get(0)?, first)) } else { gone.push(row.try_get(0)?) }
        }
        for chunk in several.chunks(CHUNK) {
            let ids: Vec<i64> = chunk.iter().map(|(id, _)| *id).collect();
            let mut later = self.later_participants(&ids).await?;
            for (id, first) in chunk {
                let later = later.remove(id).unwrap_or_default();
                if !self.leave(part, *id, first, &later).await? {
                    gone.push(*id);
                }
            }
        }
        gone.sort_unstable();
        self.delete_records(Burial::Erased, &gone).await
    }

    /// Takes people out of one message. `false`: nobody is left, and nothing was changed.
    async fn leave(
        &mut self,
        part: &Part<'_>,
        id: i64,
        first: &Participant,
        later: &[Participant],
    ) -> Result<bool, StoreError> {
        let everyone = || std::iter::once(first).chain(later);
        let mut staying = everyone().filter(|person| !part.holds(&person.address, person.entry));
        let Some(head) = staying.next() else { return Ok(false) };
        let count = 1 + i64::try_from(staying.count()).unwrap_or_default();
        // First the record, then the rows: whoever moves up is let in by the row where he stood.
        sqlx::query(
            "UPDATE activity SET person_external_id = $1, entry_id = $2, participant_count = $3, digest = activity_key, \
             feed_position = NULL, updated_at = $4 WHERE id = $5 AND tenant_id = $6",
        )
        .bind(head.address.as_str())
        .bind(head.entry)
        .bind(count)
        .bind(to_text(self.now))
        .bind(id)
        .bind(self.tenant.as_str())
        .execute(self.tx.connection())
        .await?;
        self.changed_records.insert(id);
        let entries: Vec<i64> =
            everyone().filter(|person| !part.holds(&person.address, person.entry)).map(|person| person.entry).collect();
        self.recount_accounts(id, &entries).await?;
        let leaves =
            |person: &&Participant| part.holds(&person.address, person.entry) || person.position == head.position;
        for person in later.iter().filter(leaves) {
            sqlx::query("DELETE FROM activity_participant WHERE activity_id = $1 AND position = $2 AND tenant_id = $3")
                .bind(id)
                .bind(person.position)
                .bind(self.tenant.as_str())
                .execute(self.tx.connection())
                .await?;
            if part.holds(&person.address, person.entry) {
                self.counts.deleted("activity_participant", 1);
            } else {
                self.counts.changed("activity_participant", 1);
            }
        }
        Ok(true)
    }

    /// Where a record names the accounts of its people, it names those that are left.
    async fn recount_accounts(&mut self, id: i64, entries: &[i64]) -> Result<(), StoreError> {
        let details = sqlx::query_scalar("SELECT details FROM activity WHERE id = $1 AND tenant_id = $2");
        let details: Option<String> =
            details.bind(id).bind(self.tenant.as_str()).fetch_one(self.tx.connection()).await?;
        let Some(details) = details else { return Ok(()) };
        let unreadable = |_| StoreError::Unreadable("activity.details");
        let mut details: EmailDetails = serde_json::from_str(&details).map_err(unreadable)?;
        let sql = format!(
            "SELECT id, domain FROM allowed_external_domain WHERE tenant_id = $1 AND id IN ({})",
            placeholders(entries.len(), 2)
        );
        let mut domains: HashMap<i64, String> = HashMap::new();
        for row in self.bound(sql, entries).fetch_all(self.tx.connection()).await? {
            domains.insert(row.try_get(0)?, row.try_get(1)?);
        }
        details.account_domains.clear();
        for domain in entries.iter().filter_map(|entry| domains.get(entry)) {
            if !details.account_domains.contains(domain) {
                details.account_domains.push(domain.clone());
            }
        }
        sqlx::query("UPDATE activity SET details = $1 WHERE id = $2 AND tenant_id = $3")
            .bind(details_text(&details))
            .bind(id)
            .bind(self.tenant.as_str())
            .execute(self.tx.connection())
            .await?;
        Ok(())
    }

    async fn later_participants(&mut self, records: &[i64]) -> Result<HashMap<i64, Vec<Participant>>, StoreError> {
        let sql = format!(
            "SELECT activity_id, position, address, entry_id FROM activity_participant WHERE tenant_id = $1 \
             AND activity_id IN ({}) ORDER BY activity_id, position",
            placeholders(records.len(), 2)
        );
        let mut out: HashMap<i64, Vec<Participant>> = HashMap::new();
        for row in self.bound(sql, records).fetch_all(self.tx.connection()).await? {
            let person =
                Participant { position: Some(row.try_get(1)?), address: row.try_get(2)?, entry: row.try_get(3)? };
            out.entry(row.try_get(0)?).or_default().push(person);
        }
        Ok(out)
    }

    async fn delete_records(&mut self, reason: Burial, ids: &[i64]) -> Result<(), StoreError> {
        self.bury(reason, ids).await?;
        for chunk in ids.chunks(CHUNK) {
            for (table, column) in [("activity_participant", "activity_id"), ("activity", "id")] {
                self.delete(table, column, chunk).await?;
            }
            for id in chunk {
                self.changed_records.remove(id);
            }
        }
        Ok(())
    }

    async fn organizers(&mut self, part: &Part<'_>) -> Result<(), StoreError> {
        let condition = part.of("organizer_email", "organizer_entry_id");
        let sql = format!(
            "UPDATE activity SET organizer_email = NULL, organizer_entry_id = NULL, digest = activity_key, \
             feed_position = NULL, updated_at = ${} WHERE tenant_id = $1 AND {condition} RETURNING id",
            part.width() + 2
        );
        let statement = part.bind(self.statement(sql)).bind(to_text(self.now));
        for row in statement.fetch_all(self.tx.connection()).await? {
            self.changed_records.insert(row.try_get(0)?);
        }
        let sql = format!(
            "UPDATE event_copy SET organizer_email = NULL, organizer_entry_id = NULL \
             WHERE tenant_id = $1 AND {condition} RETURNING id"
        );
        for row in part.bind(self.statement(sql)).fetch_all(self.tx.connection()).await? {
            self.changed_copies.insert(row.try_get(0)?);
        }
        Ok(())
    }

    /// Copies of meetings: without anyone left they go, and with a series the meetings that have their people from it.
    async fn attendees(&mut self, part: &Part<'_>) -> Result<(), StoreError> {
        let condition = part.of("address", "entry_id");
        let sql = format!("DELETE FROM event_participant WHERE tenant_id = $1 AND {condition} RETURNING copy_id");
        let rows = part.bind(self.statement(sql)).fetch_all(self.tx.connection()).await?;
        self.counts.deleted("event_participant", rows.len() as u64);
        let touched = rows.iter().map(|row| row.try_get(0)).collect::<Result<BTreeSet<i64>, _>>()?;
        let touched: Vec<i64> = touched.into_iter().collect();
        for chunk in touched.chunks(CHUNK) {
            let sql = format!(
                "SELECT c.id FROM event_copy c WHERE c.tenant_id = $1 AND c.id IN ({}) AND NOT EXISTS \
                 (SELECT 1 FROM event_participant p WHERE p.copy_id = c.id AND p.tenant_id = $1)",
                placeholders(chunk.len(), 2)
            );
            let empty = ids_of(self.bound(sql, chunk), self.tx.connection()).await?;
            self.delete_copies(&empty).await?;
        }
        Ok(())
    }

    async fn delete_copies(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        for chunk in ids.chunks(CHUNK) {
            let sql = format!(
                "SELECT o.id FROM event_copy o JOIN event_copy m ON m.event_key = o.master_key AND m.tenant_id = o.tenant_id \
                 WHERE o.tenant_id = $1 AND m.kind = 'master' AND m.id IN ({}) \
                 AND (o.people_from_master = 1 OR o.state = 'waiting')",
                placeholders(chunk.len(), 2)
            );
            let mut all = ids_of(self.bound(sql, chunk), self.tx.connection()).await?;
            all.extend_from_slice(chunk);
            for chunk in all.chunks(CHUNK) {
                for (table, column) in [("event_participant", "copy_id"), ("event_copy", "id")] {
                    self.delete(table, column, chunk).await?;
                }
                for id in chunk {
                    self.changed_copies.remove(id);
                }
            }
        }
        Ok(())
    }

    /// Subjects that name someone who was erased, in whatever spelling.
    async fn subjects(&mut self, erased: &Suppressions) -> Result<(), StoreError> {
        let records = self.subjects_naming("activity", erased).await?;
        for id in &records {
            sqlx::query(
                "UPDATE activity SET subject = NULL, digest = activity_key, feed_position = NULL, updated_at = $1 \
                 WHERE id = $2 AND tenant_id = $3",
            )
            .bind(to_text(self.now))
            .bind(*id)
            .bind(self.tenant.as_str())
            .execute(self.tx.connection())
            .await?;
        }
        self.changed_records.extend(records);
        let copies = self.subjects_naming("event_copy", erased).await?;
        for id in &copies {
            sqlx::query("UPDATE event_copy SET subject = NULL WHERE id = $1 AND tenant_id = $2")
                .bind(*id)
                .bind(self.tenant.as_str())
                .execute(self.tx.connection())
                .await?;
        }
        self.changed_copies.extend(copies);
        Ok(())
    }

    async fn subjects_naming(&mut self, table: &str, erased: &Suppressions) -> Result<Vec<i64>, StoreError> {
        let sql = format!(
            "SELECT id, subject FROM {table} WHERE tenant_id = $1 AND id > $2 AND (subject LIKE '%@%' \
             OR subject LIKE '%\u{ff20}%' OR subject LIKE '%\u{fe6b}%') ORDER BY id LIMIT {ROWS}"
        );
        let (mut out, mut last) = (Vec::new(), 0_i64);
        loop {
            let rows = self.statement(sql.clone()).bind(last).fetch_all(self.tx.connection()).await?;
            for row in &rows {
                last = row.try_get(0)?;
                if erased.are_named_in(row.try_get(1)?) {
                    out.push(last);
                }
            }
            if rows.len() < ROWS {
                return Ok(out);
            }
        }
    }

    /// Names that the feed keeps of records that went away earlier: of a meeting's they hold an address. They are forgotten
    /// like those of records that are erased now, all of them or those of whom `erased` knows.
    async fn names(&mut self, erased: Option<&Suppressions>) -> Result<(), StoreError> {
        let mut last = 0_i64;
        loop {
            let sql = format!(
                "SELECT id, public_key, sealed_external_id FROM feed_tombstone WHERE tenant_id = $1 AND id > $2 \
                 AND sealed_external_id IS NOT NULL AND reason <> 'erased' ORDER BY id LIMIT {ROWS}"
            );
            let rows = self.statement(sql).bind(last).fetch_all(self.tx.connection()).await?;
            let mut found = Vec::new();
            for row in &rows {
                last = row.try_get(0)?;
                let (key, sealed): (String, Vec<u8>) = (row.try_get(1)?, row.try_get(2)?);
                if erased.is_none_or(|erased| self.name_is_of(erased, &key, sealed)) {
                    found.push(last);
                }
            }
            for chunk in found.chunks(CHUNK) {
                let sql = format!(
                    "UPDATE feed_tombstone SET reason = 'erased', made_at = ${} WHERE tenant_id = $1 AND id IN ({})",
                    padded(chunk.len()) + 2,
                    placeholders(chunk.len(), 2)
                );
                self.bound(sql, chunk).bind(to_text(self.now)).execute(self.tx.connection()).await?;
            }
            self.counts.changed("feed_tombstone", found.len());
            if rows.len() < ROWS {
                return Ok(());
            }
        }
    }

    /// Whether a record's name ends with an erased address. Ids may hold the sign that stands before it, so each is tried. A
    /// name that does not open any more is told to nobody.
    fn name_is_of(&self, erased: &Suppressions, key: &str, sealed: Vec<u8>) -> bool {
        let cell = name_cell(self.tenant, key);
        let Ok(name) = self.store.crypter.open_bytes(&cell, &Sealed::from_row(sealed)) else { return true };
        let Ok(name) = std::str::from_utf8(&name) else { return true };
        name.contains('@') && name.match_indices('_').any(|(at, _)| erased.hold_stored(&name[at + 1..]))
    }

    async fn bury(&mut self, reason: Burial, ids: &[i64]) -> Result<(), StoreError> {
        let (crypter, entropy) = (&self.store.crypter, self.store.surroundings().entropy.as_ref());
        bury(self.tx.connection(), crypter, entropy, self.tenant, self.now, reason, ids).await
    }

    async fn delete(&mut self, table: &'static str, column: &str, ids: &[i64]) -> Result<(), StoreError> {
        let sql = format!("DELETE FROM {table} WHERE tenant_id = $1 AND {column} IN ({})", placeholders(ids.len(), 2));
        let gone = self.bound(sql, ids).execute(self.tx.connection()).await?.rows_affected();
        self.counts.deleted(table, gone);
        Ok(())
    }

    async fn ids(&mut self, sql: &'static str) -> Result<Vec<i64>, StoreError> {
        ids_of(self.statement(sql.to_owned()), self.tx.connection()).await
    }

    async fn ids_where(&mut self, sql: &'static str, value: &str) -> Result<Vec<i64>, StoreError> {
        ids_of(self.statement(sql.to_owned()).bind(value.to_owned()), self.tx.connection()).await
    }

    /// A statement that names its tenant first.
    fn statement(&self, sql: String) -> Statement {
        sqlx::query(AssertSqlSafe(sql)).bind(self.tenant.as_str().to_owned())
    }

    /// The same, with a padded list of ids from `$2` on.
    fn bound(&self, sql: String, ids: &[i64]) -> Statement {
        pad(ids).fold(self.statement(sql), Query::bind)
    }
}

async fn ids_of(statement: Statement, connection: &mut AnyConnection) -> Result<Vec<i64>, StoreError> {
    let rows = statement.fetch_all(connection).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// How many rows one statement reads.
const ROWS: usize = 1000;

/// Every column that holds an address.
const ADDRESSES: &str = "SELECT person_external_id FROM activity WHERE tenant_id = $1 \
     UNION SELECT address FROM activity_participant WHERE tenant_id = $1 \
     UNION SELECT address FROM event_participant WHERE tenant_id = $1 \
     UNION SELECT organizer_email FROM activity WHERE tenant_id = $1 AND organizer_email IS NOT NULL \
     UNION SELECT organizer_email FROM event_copy WHERE tenant_id = $1 AND organizer_email IS NOT NULL";

/// What goes when everything goes: each table before those that it refers to.
const EVERYTHING: &[(&str, &str)] = &[
    ("activity_participant", "DELETE FROM activity_participant WHERE tenant_id = $1"),
    ("activity", "DELETE FROM activity WHERE tenant_id = $1"),
    ("event_participant", "DELETE FROM event_participant WHERE tenant_id = $1"),
    ("event_copy", "DELETE FROM event_copy WHERE tenant_id = $1"),
    ("delta_state", "DELETE FROM delta_state WHERE tenant_id = $1"),
    ("mail_folder", "DELETE FROM mail_folder WHERE tenant_id = $1"),
    ("run_mailbox", "DELETE FROM run_mailbox WHERE tenant_id = $1"),
    ("mailbox", "DELETE FROM mailbox WHERE tenant_id = $1"),
    ("token_cache", "DELETE FROM token_cache WHERE tenant_id = $1"),
    ("sync_run", "DELETE FROM sync_run WHERE tenant_id = $1"),
];
