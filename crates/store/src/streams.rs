//! Streams: where reading a calendar or a folder left off.

use std::collections::BTreeMap;

use jiff::Timestamp;
use m365_database::{DpaAccepted, Reader};
use m365_model::{MailboxId, StreamId, StreamKind, TenantId, Way, from_text, to_text};
use secrecy::SecretString;
use serde::Serialize;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::{Cell, PageError, Sealed, Store, StoreError};

/// One delta cursor, as it is stored.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Its row.
    pub id: StreamId,
    /// Whose it is.
    pub mailbox: MailboxId,
    /// What it walks.
    pub kind: StreamKind,
    /// The folder's row; 0 for a calendar.
    pub folder_row: i64,
    /// Moves with every page; a page read for an older version is not stored.
    pub version: i64,
    /// Where to go on.
    pub position: Position,
    /// The round that the position belongs to.
    pub round: Round,
    /// When it last moved, if only to another link.
    pub moved_at: Timestamp,
}

/// The end of a round that brought nothing: where the next one begins. It is stored with what else is noted of the mailbox.
#[derive(Debug)]
pub struct QuietEnd {
    /// The stream.
    pub stream: StreamId,
    /// The version that the round was read for. A stream that has moved meanwhile is left where it is.
    pub version: i64,
    /// The link to the next round.
    pub link: SecretString,
}

/// Where to go on.
#[derive(Debug, Clone)]
pub enum Position {
    /// At the beginning: no link yet.
    Start,
    /// With the rest of a round.
    Next(SecretString),
    /// With the next round.
    Delta(SecretString),
}

/// What a round reads, and what has become of it. The token of a round holds its window for good: another window is another
/// round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Counts the rounds of a stream: what a round saw bears its number.
    pub number: i64,
    /// How it is read.
    pub way: Way,
    /// Whether this round reads everything in its window, rather than what changed.
    pub is_full: bool,
    /// How many items it has brought so far.
    pub items: i64,
    /// From when on.
    pub window_start: Timestamp,
    /// Until when. A calendar's window reaches ahead; a folder's ends where its last plain list began, if it is read by lists.
    pub window_end: Option<Timestamp>,
    /// The version of the rules under which the window was read.
    pub window_version: i64,
    /// What has become of its items, and of those that came since it ended.
    pub coverage: Coverage,
}

impl Round {
    /// A round over a whole window, of which nothing is read yet.
    pub fn over(number: i64, window_start: Timestamp, window_end: Option<Timestamp>, window_version: i64) -> Self {
        let coverage = Coverage::default();
        Self { number, way: Way::Delta, is_full: true, items: 0, window_start, window_end, window_version, coverage }
    }
}

/// What has become of the items of a stream, so that a missing one can be looked for: counts alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// How many came. An item that came again counts again.
    pub seen: u64,
    /// How many were kept.
    pub kept: u64,
    /// How many were not, by the reasons of the run summary.
    pub dropped: BTreeMap<String, u64>,
}

impl std::ops::AddAssign<&Self> for Coverage {
    fn add_assign(&mut self, other: &Self) {
        self.seen += other.seen;
        self.kept += other.kept;
        for (reason, n) in &other.dropped {
            *self.dropped.entry(reason.clone()).or_default() += n;
        }
    }
}

/// Coverage as the database holds it.
pub(crate) struct CoverageColumns {
    pub(crate) seen: i64,
    pub(crate) kept: i64,
    pub(crate) dropped: String,
}

impl From<&Coverage> for CoverageColumns {
    fn from(coverage: &Coverage) -> Self {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let dropped = serde_json::to_string(&coverage.dropped).expect("a map of numbers is JSON");
        Self { seen: number(coverage.seen), kept: number(coverage.kept), dropped }
    }
}

/// Reads the columns `seen`, `kept` and `dropped` of `delta_state`, the first of which is at `at`.
pub(crate) fn read_coverage(row: &AnyRow, at: usize) -> Result<Coverage, StoreError> {
    let unreadable = || StoreError::Unreadable("delta_state");
    let number = |at: usize| u64::try_from(row.try_get::<i64, _>(at)?).map_err(|_| unreadable());
    let dropped: &str = row.try_get(at + 2)?;
    let dropped = serde_json::from_str(dropped).map_err(|_| unreadable())?;
    Ok(Coverage { seen: number(at)?, kept: number(at + 1)?, dropped })
}

/// Where a page leaves its stream.
#[derive(Debug)]
pub enum Advance<'a> {
    /// At the rest of the round.
    Next(&'a str, &'a Round),
    /// At the next round.
    Delta(&'a str, &'a Round),
    /// At a new beginning: a plain list has ended, and the next one begins without a link.
    Again(&'a Round),
    /// At its end: the stream is done and goes away, what it covered goes to the folder.
    Finished(&'a Round),
    /// The transaction belongs to no stream.
    Nowhere,
}

impl Store {
    /// The streams of a mailbox.
    ///
    /// # Errors
    /// When a link does not open or the database fails.
    pub async fn streams(&self, gate: &DpaAccepted<'_>, mailbox: MailboxId) -> Result<Vec<Stream>, StoreError> {
        self.streams_in(&mut self.db.reader(gate.tenant()).await?, gate.tenant(), mailbox).await
    }

    pub(crate) async fn streams_in(
        &self,
        reader: &mut Reader,
        tenant: &TenantId,
        mailbox: MailboxId,
    ) -> Result<Vec<Stream>, StoreError> {
        let rows = sqlx::query(STREAMS_OF_MAILBOX).bind(mailbox.0).bind(tenant.as_str());
        let rows = rows.fetch_all(reader.connection()).await?;
        rows.iter().map(|row| self.read_stream(tenant, row)).collect()
    }

    /// Makes a stream that stands at its beginning.
    ///
    /// # Errors
    /// When the agreement was withdrawn or the database fails.
    pub async fn create_stream(
        &self,
        gate: &DpaAccepted<'_>,
        mailbox: MailboxId,
        kind: StreamKind,
        folder_row: i64,
        round: &Round,
    ) -> Result<Stream, PageError> {
        let mut tx = self.db.begin_accepted(gate).await?;
        let now = self.surroundings().now();
        let (id, version) =
            insert_stream(tx.connection(), gate.tenant(), mailbox, kind, folder_row, round, now).await?;
        tx.save().await?;
        let position = Position::Start;
        Ok(Stream { id, mailbox, kind, folder_row, version, position, round: round.clone(), moved_at: now })
    }

    fn read_stream(&self, tenant: &TenantId, row: &AnyRow) -> Result<Stream, StoreError> {
        let unreadable = || StoreError::Unreadable("delta_state");
        let instant = |text: &str| from_text(text).ok_or_else(unreadable);
        let id: i64 = row.try_get(0)?;
        let sealed: Option<Vec<u8>> = row.try_get(5)?;
        let kind: Option<String> = row.try_get(6)?;
        let position = match (sealed, kind.as_deref()) {
            (None, _) => Position::Start,
            (Some(bytes), Some(kind)) => {
                let link = self.crypter.open(&link_cell(tenant, &id.to_string()), &Sealed::from_row(bytes))?;
                if kind == "next" { Position::Next(link) } else { Position::Delta(link) }
            }
            (Some(_), None) => return Err(unreadable()),
        };
        let window_end: Option<String> = row.try_get(11)?;
        Ok(Stream {
            id: StreamId(id),
            mailbox: MailboxId(row.try_get(1)?),
            kind: StreamKind::from_word(row.try_get(2)?).ok_or_else(unreadable)?,
            folder_row: row.try_get(3)?,
            version: row.try_get(4)?,
            position,
            round: Round {
                number: row.try_get(7)?,
                is_full: row.try_get::<i64, _>(8)? != 0,
                items: row.try_get(9)?,
                window_start: instant(row.try_get(10)?)?,
                window_end: window_end.as_deref().map(instant).transpose()?,
                window_version: row.try_get(12)?,
                way: Way::from_word(row.try_get(13)?).ok_or_else(unreadable)?,
                coverage: read_coverage(row, 14)?,
            },
            moved_at: instant(row.try_get(17)?)?,
        })
    }
}

const STREAMS_OF_MAILBOX: &str = "SELECT id, mailbox_id, kind, folder_row, version, sealed_link, link_kind, round, \
                                  round_is_full, round_items, window_start, window_end, window_version, \
                                  way, seen, kept, dropped, updated_at FROM delta_state WHERE mailbox_id = $1 AND tenant_id = $2 ORDER BY id";

pub(crate) async fn insert_stream(
    connection: &mut sqlx::AnyConnection,
    tenant: &TenantId,
    mailbox: MailboxId,
    kind: StreamKind,
    folder_row: i64,
    round: &Round,
    now: Timestamp,
) -> Result<(StreamId, i64), StoreError> {
    let row = sqlx::query(
        "INSERT INTO delta_state (tenant_id, mailbox_id, kind, folder_row, version, round, round_is_full, \
         window_start, window_end, window_version, updated_at) VALUES ($1, $2, $3, $4, 0, $5, 1, $6, $7, $8, $9) \
         ON CONFLICT (mailbox_id, kind, folder_row) DO UPDATE SET version = delta_state.version + 1, \
         sealed_link = NULL, link_kind = NULL, round = excluded.round, round_is_full = 1, round_items = 0, \
         window_start = excluded.window_start, window_end = excluded.window_end, \
         window_version = excluded.window_version, way = 'delta', seen = 0, kept = 0, dropped = '{}', updated_at = excluded.updated_at RETURNING id, version",
    )
    .bind(tenant.as_str())
    .bind(mailbox.0)
    .bind(kind.word())
    .bind(folder_row)
    .bind(round.number)
    .bind(to_text(round.window_start))
    .bind(round.window_end.map(to_text))
    .bind(round.window_version)
    .bind(to_text(now))
    .fetch_one(connection)
    .await?;
    Ok((StreamId(row.try_get(0)?), row.try_get(1)?))
}

pub(crate) fn link_cell<'a>(tenant: &'a TenantId, row: &'a str) -> Cell<'a> {
    Cell { tenant, table: "delta_state", row, column: "sealed_link" }
}
