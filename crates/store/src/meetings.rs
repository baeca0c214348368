//! Copies of meetings: one row for each mailbox that a meeting was seen in.

use std::collections::HashMap;

use jiff::Timestamp;
use m365_database::DpaAccepted;
use m365_model::{MailboxId, from_text, to_text};
use m365_privacy::{Attendance, FilteredAttendees, Organizer, Subject};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::keys::ShortKey;
use crate::records::details_text;
use crate::sql::{CHUNK, pad, placeholders, rows};
use crate::{PageError, PageTx, Store, StoreError};

/// What an event is in its calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyKind {
    /// A meeting by itself.
    Single,
    /// A meeting of a series.
    Occurrence,
    /// A meeting of a series that differs from the others.
    Exception,
    /// A series. It is no meeting.
    Master,
}

impl CopyKind {
    const ALL: [Self; 4] = [Self::Single, Self::Occurrence, Self::Exception, Self::Master];

    const fn word(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Occurrence => "occurrence",
            Self::Exception => "exception",
            Self::Master => "master",
        }
    }
}

/// What a copy says of its meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyState {
    /// It takes place, with these people.
    Standing,
    /// Its series master has not been seen yet.
    Waiting,
    /// It is private, and speaks for the copies in other mailboxes too.
    Private,
    /// It was cancelled before it began.
    Cancelled,
}

impl CopyState {
    const ALL: [Self; 4] = [Self::Standing, Self::Waiting, Self::Private, Self::Cancelled];

    const fn word(self) -> &'static str {
        match self {
            Self::Standing => "standing",
            Self::Waiting => "waiting",
            Self::Private => "private",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A copy as it is stored. Its people come back as plain text on purpose: they pass the filter again before anything
/// is made of them.
#[derive(Debug, Clone)]
pub struct StoredCopy {
    /// Its row.
    pub id: i64,
    /// Where it was seen.
    pub mailbox: MailboxId,
    /// Graph's id of that mailbox's user: unlike rows, it does not depend on the order of arrival.
    pub user: String,
    /// Its key.
    pub key: ShortKey,
    /// Graph's id; absent where nothing but the keys is kept.
    pub event_id: Option<String>,
    /// What it is.
    pub kind: CopyKind,
    /// What it says.
    pub state: CopyState,
    /// The key of its series master.
    pub master_key: Option<ShortKey>,
    /// Graph's id of the master that it waits for.
    pub master_id: Option<String>,
    /// The key of its meeting.
    pub meeting_key: Option<ShortKey>,
    /// What tells it from the others of its series.
    pub place: Option<String>,
    /// A master's share of its occurrences' meeting keys.
    pub series_key: Option<ShortKey>,
    /// When a cancelled series was cancelled, or a meeting that had begun was cancelled or taken out of its calendar.
    pub cancelled_at: Option<Timestamp>,
    /// Whether it is the organizer's own copy.
    pub is_organizer: bool,
    /// When it begins.
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// Its subject.
    pub subject: Option<String>,
    /// Whether it is online.
    pub is_online: Option<bool>,
    /// Whether its people are its master's.
    pub people_from_master: bool,
    /// How many were listed.
    pub attendee_count: Option<u32>,
    /// The organizer's address.
    pub organizer: Option<String>,
    /// What is kept besides.
    pub details: CopyDetails,
}

/// What is kept of an event besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CopyDetails {
    /// Whether it fills whole days, if that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_all_day: Option<bool>,
    /// How it stands in its calendar, in Graph's word; only where an administrator asked for further properties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_as: Option<String>,
    /// The midnights of its first day and of its last, should the master that it waits for say that it fills whole days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub midnights: Option<(Timestamp, Timestamp)>,
}

/// An address and a response word, as stored.
#[derive(Debug, Clone)]
pub struct StoredAttendance {
    /// The address.
    pub address: String,
    /// The response.
    pub response: String,
}

/// A copy to be written. People are what the filter let through.
#[derive(Debug)]
pub struct CopyWrite<'a> {
    /// Where it was seen.
    pub mailbox: MailboxId,
    /// Graph's id of that mailbox's user.
    pub user: &'a str,
    /// Its key.
    pub key: ShortKey,
    /// Graph's id, where it is kept.
    pub event_id: Option<&'a str>,
    /// What it is.
    pub kind: CopyKind,
    /// What it says.
    pub state: CopyState,
    /// The key of its series master.
    pub master_key: Option<ShortKey>,
    /// Graph's id of the master that it waits for.
    pub master_id: Option<&'a str>,
    /// The key of its meeting.
    pub meeting_key: Option<ShortKey>,
    /// What tells it from the others of its series.
    pub place: Option<&'a str>,
    /// A master's share of its occurrences' meeting keys.
    pub series_key: Option<ShortKey>,
    /// When a cancelled series was cancelled, or a meeting that had begun was cancelled or taken out of its calendar.
    pub cancelled_at: Option<Timestamp>,
    /// Whether it is the organizer's own copy.
    pub is_organizer: bool,
    /// When it begins.
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// Its subject.
    pub subject: Option<Subject>,
    /// Whether it is online.
    pub is_online: Option<bool>,
    /// Its people; `None` where they are its master's, or where none may be kept.
    pub people: Option<&'a FilteredAttendees>,
    /// Whether its people are its master's.
    pub people_from_master: bool,
    /// What is kept besides.
    pub details: CopyDetails,
    /// The round that saw it.
    pub round: i64,
}

const SELECT_COPY: &str = "SELECT c.id, c.mailbox_id, c.event_key, c.event_id, c.kind, c.state, c.master_key, c.master_id, \
                           c.meeting_key, c.series_key, c.cancelled_at, c.is_organizer, c.starts_at, c.ends_at, c.subject, \
                           c.is_online, c.people_from_master, c.attendee_count, c.organizer_email, m.graph_user_id, c.place, c.details \
                           FROM event_copy c JOIN mailbox m ON m.id = c.mailbox_id";

impl PageTx {
    /// The stored copies with these keys.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn copies(&mut self, keys: &[ShortKey]) -> Result<Vec<StoredCopy>, PageError> {
        self.copies_where("event_key", keys).await
    }

    /// The stored occurrences of these series masters.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn copies_of_masters(&mut self, masters: &[ShortKey]) -> Result<Vec<StoredCopy>, PageError> {
        self.copies_where("master_key", masters).await
    }

    /// The stored copies of these meetings, in every mailbox.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn copies_of_meetings(&mut self, meetings: &[ShortKey]) -> Result<Vec<StoredCopy>, PageError> {
        self.copies_where("meeting_key", meetings).await
    }

    async fn copies_where(&mut self, column: &str, keys: &[ShortKey]) -> Result<Vec<StoredCopy>, PageError> {
        let mut out = Vec::new();
        for chunk in keys.chunks(CHUNK) {
            let sql =
                format!("{SELECT_COPY} WHERE c.tenant_id = $1 AND c.{column} IN ({})", placeholders(chunk.len(), 2));
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(self.tenant.as_str().to_owned());
            for key in pad(chunk) {
                query = query.bind(key.bytes());
            }
            for row in query.fetch_all(self.connection()).await? {
                out.push(read_copy(&row)?);
            }
        }
        Ok(out)
    }

    /// The copies of a mailbox that begin between two instants and that a full round over that time did not see: the calendar does
    /// not have them any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unseen(
        &mut self,
        mailbox: MailboxId,
        round: i64,
        between: (Timestamp, Timestamp),
    ) -> Result<Vec<StoredCopy>, PageError> {
        let sql = format!(
            "{SELECT_COPY} WHERE c.mailbox_id = $1 AND c.tenant_id = $2 AND c.kind <> 'master' \
             AND c.round < $3 AND c.starts_at > $4 AND c.starts_at < $5"
        );
        self.of_round(sql, mailbox, round, between).await
    }

    async fn of_round(
        &mut self,
        sql: String,
        mailbox: MailboxId,
        round: i64,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Vec<StoredCopy>, PageError> {
        let tenant = self.tenant.clone();
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(mailbox.0)
            .bind(tenant.as_str().to_owned())
            .bind(round)
            .bind(to_text(from))
            .bind(to_text(until))
            .fetch_all(self.connection())
            .await?;
        Ok(rows.iter().map(read_copy).collect::<Result<_, _>>()?)
    }

    /// The copies between two instants that a changed series does not have any more. A series that changes is sent whole,
    /// and a day that was taken out of it just [misses](https://github.com/microsoftgraph/microsoft-graph-docs/pull/4501). A
    /// master that came without any of its plain days says nothing of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn vanished_days(
        &mut self,
        mailbox: MailboxId,
        round: i64,
        between: (Timestamp, Timestamp),
    ) -> Result<Vec<StoredCopy>, PageError> {
        let sql = format!(
            "{SELECT_COPY} WHERE c.mailbox_id = $1 AND c.tenant_id = $2 AND c.master_key IS NOT NULL AND c.round < $3 \
             AND c.starts_at > $4 AND c.starts_at < $5 AND EXISTS (SELECT 1 FROM event_copy s WHERE s.tenant_id = $2 \
             AND s.event_key = c.master_key AND s.kind = 'master' AND s.round = $3) AND EXISTS (SELECT 1 FROM event_copy d \
             WHERE d.tenant_id = $2 AND d.master_key = c.master_key AND d.kind = 'occurrence' AND d.round = $3)"
        );
        self.of_round(sql, mailbox, round, between).await
    }

    /// The stored people of these copies, in listed order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn people_of(&mut self, copies: &[i64]) -> Result<HashMap<i64, Vec<StoredAttendance>>, PageError> {
        let mut out: HashMap<i64, Vec<StoredAttendance>> = HashMap::new();
        for chunk in copies.chunks(CHUNK) {
            let sql = format!(
                "SELECT copy_id, address, response FROM event_participant WHERE tenant_id = $1 AND copy_id IN ({}) \
                 ORDER BY copy_id, position",
                placeholders(chunk.len(), 2)
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(self.tenant.as_str().to_owned());
            for id in pad(chunk) {
                query = query.bind(id);
            }
            for row in query.fetch_all(self.connection()).await? {
                let attendance = StoredAttendance { address: row.try_get(1)?, response: row.try_get(2)? };
                out.entry(row.try_get(0)?).or_default().push(attendance);
            }
        }
        Ok(out)
    }

    /// Writes a copy over what was stored under its key. `replaces` is the row that stands there; it gives the new one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_copy(&mut self, copy: &CopyWrite<'_>, replaces: Option<i64>) -> Result<StoredCopy, PageError> {
        let (organizer, organizer_entry) = match copy.people.and_then(FilteredAttendees::organizer) {
            Some(Organizer::Internal(person)) => (Some(person.as_str()), None),
            Some(Organizer::External(person)) => (Some(person.as_str()), Some(person.entry().0)),
            None => (None, None),
        };
        let tenant = self.tenant.clone();
        let id: i64 = sqlx::query_scalar(PUT_COPY)
            .bind(tenant.as_str())
            .bind(copy.mailbox.0)
            .bind(copy.key.bytes())
            .bind(copy.event_id)
            .bind(copy.kind.word())
            .bind(copy.state.word())
            .bind(copy.master_key.map(ShortKey::bytes))
            .bind(copy.master_id)
            .bind(copy.meeting_key.map(ShortKey::bytes))
            .bind(copy.series_key.map(ShortKey::bytes))
            .bind(copy.cancelled_at.map(to_text))
            .bind(i64::from(copy.is_organizer))
            .bind(copy.starts_at.map(to_text))
            .bind(copy.ends_at.map(to_text))
            .bind(copy.subject.as_ref().map(Subject::as_str))
            .bind(copy.is_online.map(i64::from))
            .bind(i64::from(copy.people_from_master))
            .bind(copy.people.map(|people| i64::from(people.attendee_count())))
            .bind(organizer)
            .bind(organizer_entry)
            .bind(copy.round)
            .bind(copy.place)
            .bind((copy.details != CopyDetails::default()).then(|| details_text(&copy.details)))
            .fetch_one(self.connection())
            .await?;
        if replaces.is_some() {
            self.forget_people(id).await?;
        }
        self.put_people(id, copy.people.map_or(&[][..], FilteredAttendees::attendances)).await?;
        Ok(StoredCopy {
            id,
            mailbox: copy.mailbox,
            user: copy.user.to_owned(),
            key: copy.key,
            event_id: copy.event_id.map(str::to_owned),
            kind: copy.kind,
            state: copy.state,
            master_key: copy.master_key,
            master_id: copy.master_id.map(str::to_owned),
            meeting_key: copy.meeting_key,
            place: copy.place.map(str::to_owned),
            series_key: copy.series_key,
            cancelled_at: copy.cancelled_at,
            is_organizer: copy.is_organizer,
            starts_at: copy.starts_at,
            ends_at: copy.ends_at,
            subject: copy.subject.as_ref().map(|subject| subject.as_str().to_owned()),
            is_online: copy.is_online,
            people_from_master: copy.people_from_master,
            attendee_count: copy.people.map(FilteredAttendees::attendee_count),
            organizer: organizer.map(str::to_owned),
            details: copy.details.clone(),
        })
    }

    async fn put_people(&mut self, copy: i64, attendances: &[Attendance]) -> Result<(), PageError> {
        let tenant = self.tenant.clone();
        for (chunk, first) in attendances.chunks(CHUNK).zip((0_i64..).step_by(CHUNK)) {
            let sql = format!(
                "INSERT INTO event_participant (copy_id, position, tenant_id, address, entry_id, response) VALUES {}",
                rows(chunk.len(), 6)
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for (attendance, position) in chunk.iter().zip(first..) {
                query = query
                    .bind(copy)
                    .bind(position)
                    .bind(tenant.as_str())
                    .bind(attendance.person.as_str())
                    .bind(attendance.person.entry().0)
                    .bind(attendance.response.word());
            }
            query.execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Forgets a copy and its people.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_copy(&mut self, id: i64) -> Result<(), PageError> {
        self.forget_people(id).await?;
        let tenant = self.tenant.clone();
        sqlx::query("DELETE FROM event_copy WHERE id = $1 AND tenant_id = $2")
            .bind(id)
            .bind(tenant.as_str())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Notes that its calendar took a copy out when its meeting had begun: it stays, as what has happened does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn copy_was_taken_out(&mut self, id: i64) -> Result<(), PageError> {
        let (tenant, now) = (self.tenant.clone(), to_text(self.now()));
        sqlx::query("UPDATE event_copy SET cancelled_at = $1 WHERE id = $2 AND tenant_id = $3")
            .bind(now)
            .bind(id)
            .bind(tenant.as_str())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    async fn forget_people(&mut self, copy: i64) -> Result<(), PageError> {
        let tenant = self.tenant.clone();
        sqlx::query("DELETE FROM event_participant WHERE copy_id = $1 AND tenant_id = $2")
            .bind(copy)
            .bind(tenant.as_str())
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

impl Store {
    /// The occurrences of a mailbox that still wait for their master.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting(&self, gate: &DpaAccepted<'_>, mailbox: MailboxId) -> Result<Vec<StoredCopy>, StoreError> {
        let mut reader = self.db.reader(gate.tenant()).await?;
        let sql =
            format!("{SELECT_COPY} WHERE c.mailbox_id = $1 AND c.tenant_id = $2 AND c.state = 'waiting' ORDER BY c.id");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(mailbox.0).bind(gate.tenant().as_str());
        let rows = query.fetch_all(reader.connection()).await?;
        rows.iter().map(read_copy).collect()
    }
}

const PUT_COPY: &str = "INSERT INTO event_copy (tenant_id, mailbox_id, event_key, event_id, kind, state, master_key, \
     master_id, meeting_key, series_key, cancelled_at, is_organizer, starts_at, ends_at, subject, is_online, \
     people_from_master, attendee_count, organizer_email, organizer_entry_id, round, place, details) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) \
     ON CONFLICT (tenant_id, event_key) DO UPDATE SET event_id = excluded.event_id, kind = excluded.kind, \
     state = excluded.state, master_key = excluded.master_key, master_id = excluded.master_id, \
     meeting_key = excluded.meeting_key, series_key = excluded.series_key, cancelled_at = excluded.cancelled_at, \
     is_organizer = excluded.is_organizer, starts_at = excluded.starts_at, ends_at = excluded.ends_at, \
     subject = excluded.subject, is_online = excluded.is_online, people_from_master = excluded.people_from_master, \
     attendee_count = excluded.attendee_count, organizer_email = excluded.organizer_email, \
     organizer_entry_id = excluded.organizer_entry_id, round = excluded.round, place = excluded.place, \
     details = excluded.details RETURNING id";

fn read_copy(row: &AnyRow) -> Result<StoredCopy, StoreError> {
    let unreadable = || StoreError::Unreadable("event_copy");
    let key = |at: usize| -> Result<Option<ShortKey>, StoreError> {
        let bytes: Option<Vec<u8>> = row.try_get(at)?;
        bytes.map(|bytes| ShortKey::from_row(&bytes).ok_or_else(unreadable)).transpose()
    };
    let instant = |at: usize| -> Result<Option<Timestamp>, StoreError> {
        let text: Option<String> = row.try_get(at)?;
        text.map(|text| from_text(&text).ok_or_else(unreadable)).transpose()
    };
    let (kind, state): (String, String) = (row.try_get(4)?, row.try_get(5)?);
    let details: Option<&str> = row.try_get(21)?;
    Ok(StoredCopy {
        id: row.try_get(0)?,
        mailbox: MailboxId(row.try_get(1)?),
        user: row.try_get(19)?,
        place: row.try_get(20)?,
        key: key(2)?.ok_or_else(unreadable)?,
        event_id: row.try_get(3)?,
        kind: CopyKind::ALL.into_iter().find(|k| k.word() == kind).ok_or_else(unreadable)?,
        state: CopyState::ALL.into_iter().find(|s| s.word() == state).ok_or_else(unreadable)?,
        master_key: key(6)?,
        master_id: row.try_get(7)?,
        meeting_key: key(8)?,
        series_key: key(9)?,
        cancelled_at: instant(10)?,
        is_organizer: row.try_get::<i64, _>(11)? != 0,
        starts_at: instant(12)?,
        ends_at: instant(13)?,
        subject: row.try_get(14)?,
        is_online: row.try_get::<Option<i64>, _>(15)?.map(|flag| flag != 0),
        people_from_master: row.try_get::<i64, _>(16)? != 0,
        attendee_count: row.try_get::<Option<i64>, _>(17)?.and_then(|n| u32::try_from(n).ok()),
        organizer: row.try_get(18)?,
        details: details.map_or_else(|| Ok(CopyDetails::default()), serde_json::from_str).map_err(|_| unreadable())?,
    })
}
