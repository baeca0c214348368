//! A page: what one answer of Microsoft's brought, stored as one fact.

use jiff::Timestamp;
use m365_database::{DatabaseError, DpaAccepted, Turn, WriteError, WriteTx};
use m365_model::{MailboxId, StreamId, StreamKind, TenantId, to_text};
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row as _};
use thiserror::Error;

use crate::streams::{Advance, Coverage, CoverageColumns, Round, Stream, insert_stream, link_cell, read_coverage};
use crate::{Crypter, Store, StoreError};

/// A transaction for one page. Its records, the occurrences that wait for their master and its cursor become true
/// together with [`PageTx::save`], or not at all.
pub struct PageTx {
    pub(crate) tx: WriteTx,
    pub(crate) tenant: TenantId,
    pub(crate) now: Timestamp,
    pub(crate) crypter: Crypter,
    pub(crate) entropy: std::sync::Arc<dyn m365_model::Entropy>,
    cursor: Option<(StreamId, i64)>,
}

/// How many records a page made, changed and took back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// New records.
    pub created: u64,
    /// Records that say something else now.
    pub updated: u64,
    /// Records taken back.
    pub retracted: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.retracted += other.retracted;
    }
}

/// Why a page was not stored. Nothing of it was.
#[derive(Debug, Error)]
pub enum PageError {
    /// The acceptance that the run began with no longer stands.
    #[error("sync blocked by DPA: the agreement was withdrawn or accepted anew; nothing more was stored")]
    Withdrawn,
    /// The allow-list or a setting changed since the page was filtered: filter it again.
    #[error("the allow-list changed while the page was read")]
    RulesChanged,
    /// Another worker has moved the stream on.
    #[error("another worker has read this page already")]
    Stale,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for PageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<DatabaseError> for PageError {
    fn from(error: DatabaseError) -> Self {
        Self::Store(error.into())
    }
}

impl From<WriteError> for PageError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Withdrawn => Self::Withdrawn,
            WriteError::Database(error) => error.into(),
        }
    }
}

impl Store {
    /// Begins the transaction for a page of `stream` that was filtered under the rules of `allow_list_version`. Pages of one
    /// mailbox are stored one after the other.
    ///
    /// # Errors
    /// When the agreement was withdrawn, the rules changed, or the database fails.
    pub async fn open_page(
        &self,
        gate: &DpaAccepted<'_>,
        stream: &Stream,
        allow_list_version: i64,
    ) -> Result<PageTx, PageError> {
        let mut page = self.open_join(gate, allow_list_version).await?;
        page.tx.take_turn(&page.tenant, Turn::Mailbox(stream.mailbox)).await?;
        page.cursor = Some((stream.id, stream.version));
        Ok(page)
    }

    /// Begins a transaction that joins what is stored already, and moves no stream.
    ///
    /// # Errors
    /// As [`Store::open_page`].
    pub async fn open_join(&self, gate: &DpaAccepted<'_>, allow_list_version: i64) -> Result<PageTx, PageError> {
        let mut tx = self.db.begin_accepted(gate).await?;
        let version: i64 = sqlx::query_scalar("SELECT allow_list_version FROM o365_config WHERE tenant_id = $1")
            .bind(gate.tenant().as_str())
            .fetch_one(tx.connection())
            .await?;
        if version != allow_list_version {
            return Err(PageError::RulesChanged);
        }
        Ok(PageTx {
            tx,
            tenant: gate.tenant().clone(),
            now: self.surroundings().now(),
            crypter: self.crypter.clone(),
            entropy: self.surroundings().entropy.clone(),
            cursor: None,
        })
    }
}

impl PageTx {
    /// The instant at which this page is judged: what has begun by now has happened.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Waits for other transactions that join copies of meetings, and keeps others waiting: two copies of one meeting that
    /// arrive together must see each other. Called before anything is read of meetings.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_turn_at_meetings(&mut self) -> Result<(), PageError> {
        Ok(self.tx.take_turn(&self.tenant, Turn::Meetings).await?)
    }

    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        self.tx.connection()
    }

    /// Asks for the whole list of a folder, because its filtered round stopped at the service's cap.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_backfill(
        &mut self,
        mailbox: MailboxId,
        folder_row: i64,
        round: &Round,
    ) -> Result<(), PageError> {
        let (tenant, now) = (self.tenant.clone(), self.now);
        let kind = StreamKind::MailBackfill;
        insert_stream(self.connection(), &tenant, mailbox, kind, folder_row, round, now).await?;
        Ok(())
    }

    /// Stores the page and moves its stream, if nobody else has.
    ///
    /// # Errors
    /// [`PageError::Stale`] when the stream has moved since the page was asked for; nothing is stored then.
    pub async fn save(mut self, advance: Advance<'_>) -> Result<(), PageError> {
        let Some((stream, version)) = self.cursor else {
            return Ok(self.tx.save().await?);
        };
        let (link, kind, round) = match advance {
            Advance::Next(link, round) => (Some(link), Some("next"), round),
            Advance::Delta(link, round) => (Some(link), Some("delta"), round),
            Advance::Again(round) => (None, None, round),
            Advance::Finished(round) => return self.finish(stream, version, round).await,
            Advance::Nowhere => return Err(PageError::Stale),
        };
        let row = stream.0.to_string();
        let cell = link_cell(&self.tenant, &row);
        let sealed = link.map(|link| self.crypter.seal(&cell, link.as_bytes(), self.entropy.as_ref()));
        let coverage = CoverageColumns::from(&round.coverage);
        let tenant = self.tenant.clone();
        let moved = sqlx::query(
            "UPDATE delta_state SET version = version + 1, sealed_link = $1, link_kind = $2, round = $3, \
             round_is_full = $4, round_items = $5, window_start = $6, window_end = $7, window_version = $8, \
             updated_at = $9, way = $10, seen = $11, kept = $12, dropped = $13 \
             WHERE id = $14 AND version = $15 AND tenant_id = $16",
        )
        .bind(sealed.as_ref().map(|sealed| sealed.as_bytes().to_vec()))
        .bind(kind)
        .bind(round.number)
        .bind(i64::from(round.is_full))
        .bind(round.items)
        .bind(to_text(round.window_start))
        .bind(round.window_end.map(to_text))
        .bind(round.window_version)
        .bind(to_text(self.now))
        .bind(round.way.word())
        .bind(coverage.seen)
        .bind(coverage.kept)
        .bind(coverage.dropped)
        .bind(stream.0)
        .bind(version)
        .bind(tenant.as_str())
        .execute(self.connection())
        .await?
        .rows_affected();
        if moved == 1 { Ok(self.tx.save().await?) } else { Err(PageError::Stale) }
    }

    /// Adds to what a mailbox's stream covers: of items that were put aside when their page was stored, or that another
    /// stream brought for it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_coverage(
        &mut self,
        mailbox: MailboxId,
        kind: StreamKind,
        folder_row: i64,
        more: &Coverage,
    ) -> Result<(), PageError> {
        let tenant = self.tenant.clone();
        let found = sqlx::query(
            "SELECT seen, kept, dropped FROM delta_state \
             WHERE mailbox_id = $1 AND kind = $2 AND folder_row = $3 AND tenant_id = $4",
        )
        .bind(mailbox.0)
        .bind(kind.word())
        .bind(folder_row)
        .bind(tenant.as_str())
        .fetch_optional(self.connection())
        .await?;
        let Some(row) = found else { return Ok(()) };
        let mut coverage = read_coverage(&row, 0)?;
        coverage += more;
        let columns = CoverageColumns::from(&coverage);
        sqlx::query(
            "UPDATE delta_state SET seen = $1, kept = $2, dropped = $3 \
             WHERE mailbox_id = $4 AND kind = $5 AND folder_row = $6 AND tenant_id = $7",
        )
        .bind(columns.seen)
        .bind(columns.kept)
        .bind(columns.dropped)
        .bind(mailbox.0)
        .bind(kind.word())
        .bind(folder_row)
        .bind(tenant.as_str())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    async fn finish(mut self, stream: StreamId, version: i64, round: &Round) -> Result<(), PageError> {
        let tenant = self.tenant.clone();
        let gone = sqlx::query(
            "DELETE FROM delta_state WHERE id = $1 AND version = $2 AND tenant_id = $3 RETURNING mailbox_id, folder_row",
        )
        .bind(stream.0)
        .bind(version)
        .bind(tenant.as_str())
        .fetch_optional(self.connection())
        .await?;
        let Some(row) = gone else { return Err(PageError::Stale) };
        let (mailbox, folder) = (MailboxId(row.try_get(0)?), row.try_get(1)?);
        self.add_coverage(mailbox, StreamKind::MailFolder, folder, &round.coverage).await?;
        Ok(self.tx.save().await?)
    }
}
