//! The records, as they are written: from what the filter let through.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use m365_activity::{CanonicalActivity, Properties};
use m365_model::{from_text, to_text};
use m365_privacy::{Organizer, Participant};
use serde::Serialize;
use sqlx::Row as _;

use crate::feed::{Burial, bury, fresh_key};
use crate::keys::ShortKey;
use crate::sql::{CHUNK, pad, placeholders, power_chunks, rows};
use crate::{PageError, PageTx, StoreError, Tally};

/// What is needed of a stored record to tell whether it still stands.
#[derive(Debug, Clone)]
pub struct RecordHead {
    /// Its row.
    pub id: i64,
    /// The contract's id.
    pub external_id: String,
    /// Whose record it is.
    pub person: String,
    /// When it happened, or will.
    pub occurred_at: Timestamp,
    /// Its meeting.
    pub meeting_key: ShortKey,
}

/// One mailbox's copy of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageCopy {
    /// The same for every copy.
    pub key: ShortKey,
    /// Graph's id of the mailbox's user.
    pub user: String,
}

/// What is needed of a stored record of a message to tell which copy it is named by.
#[derive(Debug, Clone)]
pub struct MessageHead {
    /// Its row.
    pub id: i64,
    /// The contract's id.
    pub external_id: String,
    /// The copy that it is named by.
    pub copy: MessageCopy,
}

/// A record to be stored.
#[derive(Debug)]
pub struct ToStore {
    /// The record.
    pub activity: CanonicalActivity,
    /// The meeting that it is of.
    pub meeting: Option<ShortKey>,
    /// The message that it is a copy of, where copies are joined.
    pub copy: Option<MessageCopy>,
    /// The row of the same record under the name that it had before.
    pub renames: Option<i64>,
}

impl PageTx {
    /// The stored records of these meetings.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn records_of_meetings(&mut self, meetings: &[ShortKey]) -> Result<Vec<RecordHead>, PageError> {
        let mut out = Vec::new();
        for chunk in meetings.chunks(CHUNK) {
            let sql = format!(
                "SELECT id, external_id, person_external_id, occurred_at, meeting_key FROM activity \
                 WHERE tenant_id = $1 AND meeting_key IN ({}) ORDER BY id",
                placeholders(chunk.len(), 2)
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(self.tenant.as_str().to_owned());
            for key in pad(chunk) {
                query = query.bind(key.bytes());
            }
            for row in query.fetch_all(self.connection()).await? {
                let unreadable = || StoreError::Unreadable("activity");
                let meeting: Vec<u8> = row.try_get(4)?;
                out.push(RecordHead {
                    id: row.try_get(0)?,
                    external_id: row.try_get(1)?,
                    person: row.try_get(2)?,
                    occurred_at: from_text(row.try_get(3)?).ok_or_else(unreadable)?,
                    meeting_key: ShortKey::from_row(&meeting).ok_or_else(unreadable)?,
                });
            }
        }
        Ok(out)
    }

    /// The stored records of these messages, where copies are joined.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn records_of_messages(&mut self, messages: &[ShortKey]) -> Result<Vec<MessageHead>, PageError> {
        let mut out = Vec::new();
        for chunk in messages.chunks(CHUNK) {
            let sql = format!(
                "SELECT id, external_id, message_key, message_user FROM activity \
                 WHERE tenant_id = $1 AND message_key IN ({}) ORDER BY id",
                placeholders(chunk.len(), 2)
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(self.tenant.as_str().to_owned());
            for key in pad(chunk) {
                query = query.bind(key.bytes());
            }
            for row in query.fetch_all(self.connection()).await? {
                let key: Vec<u8> = row.try_get(2)?;
                let key = ShortKey::from_row(&key).ok_or(StoreError::Unreadable("activity.message_key"))?;
                let copy = MessageCopy { key, user: row.try_get(3)? };
                out.push(MessageHead { id: row.try_get(0)?, external_id: row.try_get(1)?, copy });
            }
        }
        Ok(out)
    }

    /// The rows of the records that have these names.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rows_named(&mut self, external_ids: &[&str]) -> Result<HashMap<String, i64>, PageError> {
        let mut out = HashMap::new();
        for chunk in external_ids.chunks(CHUNK) {
            let keys: Vec<ShortKey> = chunk.iter().map(|name| ShortKey::record(name)).collect();
            let stored = self.digests(&keys).await?;
            let found =
                chunk.iter().zip(keys).filter_map(|(name, key)| Some(((*name).to_owned(), stored.get(&key)?.0)));
            out.extend(found);
        }
        Ok(out)
    }

    /// Stores records over what stands under their ids. One that says nothing new is not written.
    ///
    /// # Errors
    /// When the database fails, or refuses a record because an entry that let someone in has been closed.
    pub async fn put_activities(&mut self, activities: &[ToStore]) -> Result<Tally, PageError> {
        let mut tally = Tally::default();
        for chunk in activities.chunks(CHUNK) {
            let keys: Vec<ShortKey> = chunk.iter().map(|w| ShortKey::record(w.activity.external_id())).collect();
            let mut stored = self.digests(&keys).await?;
            let mut new: BTreeMap<ShortKey, NewRecord<'_>> = BTreeMap::new();
            for (ToStore { activity, meeting, copy, renames }, key) in chunk.iter().zip(keys) {
                // The gate that the record was made under and the one of this transaction are the same tenant's.
                if activity.tenant() != &self.tenant {
                    return Err(StoreError::Unreadable("a record of another tenant").into());
                }
                let digest = digest_of(activity, copy.as_ref());
                let renamed = renames.map(|id| (id, None));
                let id = match stored.get(&key).copied().or(renamed) {
                    Some((_, before)) if before == Some(digest) => continue,
                    Some((id, _)) => {
                        let is_renamed = !stored.contains_key(&key);
                        let gone = if is_renamed {
                            Some(Burial::Renamed)
                        } else {
                            // Until it begins it is out of sight again.
                            (activity.occurred_at() > self.now).then_some(Burial::Retracted)
                        };
                        let fresh = match gone {
                            Some(reason) => Some(self.bury(reason, &[id]).await?),
                            None => None,
                        };
                        let links = (*meeting, copy.as_ref());
                        self.update_activity(id, key, activity, links, digest, fresh).await?;
                        tally.updated += 1;
                        id
                    }
                    None => {
                        // The last of two rows of one page that tell of the same record is the one that counts.
                        let record = NewRecord { key, activity, meeting: *meeting, copy: copy.as_ref(), digest };
                        tally.created += u64::from(new.insert(key, record).is_none());
                        continue;
                    }
                };
                stored.insert(key, (id, Some(digest)));
            }
            let new: Vec<NewRecord<'_>> = new.into_values().collect();
            for batch in power_chunks(&new) {
                self.insert_activities(batch).await?;
            }
        }
        Ok(tally)
    }

    /// Takes records back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retract(&mut self, ids: &[i64]) -> Result<Tally, PageError> {
        let mut tally = Tally::default();
        let tenant = self.tenant.clone();
        self.bury(Burial::Retracted, ids).await?;
        for id in ids {
            self.forget_later_participants(*id).await?;
            let gone = sqlx::query("DELETE FROM activity WHERE id = $1 AND tenant_id = $2")
                .bind(*id)
                .bind(tenant.as_str())
                .execute(self.connection())
                .await?;
            tally.retracted += gone.rows_affected();
        }
        Ok(tally)
    }

    /// Tells the feed that these records go out of sight, and gives a key for one that stays.
    async fn bury(&mut self, reason: Burial, ids: &[i64]) -> Result<String, PageError> {
        let (tenant, crypter, entropy, now) =
            (self.tenant.clone(), self.crypter.clone(), self.entropy.clone(), self.now);
        bury(self.connection(), &crypter, entropy.as_ref(), &tenant, now, reason, ids).await?;
        Ok(fresh_key(entropy.as_ref()))
    }

    async fn digests(&mut self, keys: &[ShortKey]) -> Result<HashMap<ShortKey, (i64, Option<ShortKey>)>, PageError> {
        let sql = format!(
            "SELECT activity_key, id, digest FROM activity WHERE tenant_id = $1 AND activity_key IN ({})",
            placeholders(keys.len(), 2)
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(self.tenant.as_str().to_owned());
        for key in pad(keys) {
            query = query.bind(key.bytes());
        }
        let rows = query.fetch_all(self.connection()).await?;
        let mut out = HashMap::with_capacity(rows.len());
        for row in rows {
            let (key, digest): (Vec<u8>, Vec<u8>) = (row.try_get(0)?, row.try_get(2)?);
            let key = ShortKey::from_row(&key).ok_or(StoreError::Unreadable("activity.activity_key"))?;
            out.insert(key, (row.try_get(1)?, ShortKey::from_row(&digest)));
        }
        Ok(out)
    }

    /// Inserts new records by one statement, and their later participants by another.
    async fn insert_activities(&mut self, new: &[NewRecord<'_>]) -> Result<(), PageError> {
        let (tenant, now) = (self.tenant.clone(), to_text(self.now));
        let sql =
            format!("{INSERT_ACTIVITIES} VALUES {} RETURNING id, activity_key", rows(new.len(), INSERTED_COLUMNS));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for NewRecord { key, activity, meeting, copy, digest } in new {
            let row = Columns::of(activity);
            query = query
                .bind(tenant.as_str())
                .bind(key.bytes())
                .bind(activity.external_id())
                .bind(activity.kind().word())
                .bind(to_text(activity.occurred_at()))
                .bind(row.person.as_str())
                .bind(row.person.entry().0)
                .bind(meeting.map(ShortKey::bytes))
                .bind(row.subject)
                .bind(row.duration_minutes)
                .bind(row.is_online)
                .bind(row.organizer_email)
                .bind(row.organizer_entry_id)
                .bind(row.attendee_count)
                .bind(row.response_status)
                .bind(row.account_domain)
                .bind(row.conversation_id)
                .bind(row.participant_count)
                .bind(row.details)
                .bind(copy.map(|copy| copy.key.bytes()))
                .bind(copy.map(|copy| copy.user.clone()))
                .bind(digest.bytes())
                .bind(now.as_str())
                .bind(now.as_str())
                .bind(fresh_key(self.entropy.as_ref()));
        }
        let mut ids = HashMap::with_capacity(new.len());
        for row in query.fetch_all(self.connection()).await? {
            let key: Vec<u8> = row.try_get(1)?;
            let key = ShortKey::from_row(&key).ok_or(StoreError::Unreadable("activity.activity_key"))?;
            ids.insert(key, row.try_get::<i64, _>(0)?);
        }
        let later: Vec<LaterParticipant<'_>> = new
            .iter()
            .filter_map(|record| Some((ids.get(&record.key)?, record.activity)))
            .flat_map(|(id, activity)| LaterParticipant::all_of(*id, activity))
            .collect();
        self.put_later_participants(&later).await
    }

    async fn update_activity(
        &mut self,
        id: i64,
        key: ShortKey,
        activity: &CanonicalActivity,
        (meeting, copy): (Option<ShortKey>, Option<&MessageCopy>),
        digest: ShortKey,
        fresh_key: Option<String>,
    ) -> Result<(), PageError> {
        let (tenant, now) = (self.tenant.clone(), to_text(self.now));
        let row = Columns::of(activity);
        sqlx::query(UPDATE_ACTIVITY)
            .bind(to_text(activity.occurred_at()))
            .bind(row.person.as_str())
            .bind(row.person.entry().0)
            .bind(meeting.map(ShortKey::bytes))
            .bind(row.subject)
            .bind(row.duration_minutes)
            .bind(row.is_online)
            .bind(row.organizer_email)
            .bind(row.organizer_entry_id)
            .bind(row.attendee_count)
            .bind(row.response_status)
            .bind(row.account_domain)
            .bind(row.conversation_id)
            .bind(row.participant_count)
            .bind(digest.bytes())
            .bind(now)
            .bind(id)
            .bind(tenant.as_str())
            .bind(key.bytes())
            .bind(activity.external_id())
            .bind(fresh_key)
            .bind(row.details)
            .bind(copy.map(|copy| copy.key.bytes()))
            .bind(copy.map(|copy| copy.user.clone()))
            .execute(self.connection())
            .await?;
        self.forget_later_participants(id).await?;
        self.put_later_participants(&LaterParticipant::all_of(id, activity)).await
    }

    async fn put_later_participants(&mut self, later: &[LaterParticipant<'_>]) -> Result<(), PageError> {
        let tenant = self.tenant.clone();
        for batch in power_chunks(later) {
            let sql = format!(
                "INSERT INTO activity_participant (activity_id, position, tenant_id, address, entry_id, occurred_at, \
                 external_id) VALUES {}",
                rows(batch.len(), 7)
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for LaterParticipant { record, position, person, activity } in batch {
                query = query
                    .bind(*record)
                    .bind(*position)
                    .bind(tenant.as_str())
                    .bind(person.as_str())
                    .bind(person.entry().0)
                    .bind(to_text(activity.occurred_at()))
                    .bind(activity.external_id());
            }
            query.execute(self.connection()).await?;
        }
        Ok(())
    }

    async fn forget_later_participants(&mut self, id: i64) -> Result<(), PageError> {
        let tenant = self.tenant.clone();
        sqlx::query("DELETE FROM activity_participant WHERE activity_id = $1 AND tenant_id = $2")
            .bind(id)
            .bind(tenant.as_str())
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

/// A record that is not stored yet.
struct NewRecord<'a> {
    key: ShortKey,
    activity: &'a CanonicalActivity,
    meeting: Option<ShortKey>,
    copy: Option<&'a MessageCopy>,
    digest: ShortKey,
}

/// A participant of a message after the first.
struct LaterParticipant<'a> {
    /// The row of the record.
    record: i64,
    position: i64,
    person: &'a Participant,
    /// What the record says: the row repeats its time and its name, and the database refuses others.
    activity: &'a CanonicalActivity,
}

impl<'a> LaterParticipant<'a> {
    fn all_of(record: i64, activity: &'a CanonicalActivity) -> Vec<Self> {
        let places = (0_i64..).zip(activity.participants()).skip(1);
        places.map(|(position, person)| Self { record, position, person, activity }).collect()
    }
}

/// The columns that a record fills, by kind.
struct Columns<'a> {
    person: &'a Participant,
    subject: Option<&'a str>,
    duration_minutes: Option<i64>,
    is_online: Option<i64>,
    organizer_email: Option<&'a str>,
    organizer_entry_id: Option<i64>,
    attendee_count: Option<i64>,
    response_status: Option<&'static str>,
    account_domain: Option<&'a str>,
    conversation_id: Option<&'a str>,
    participant_count: Option<i64>,
    details: Option<String>,
}

impl<'a> Columns<'a> {
    fn of(activity: &'a CanonicalActivity) -> Self {
        let mut columns = Self {
            person: &activity.participants()[0],
            subject: None,
            duration_minutes: None,
            is_online: None,
            organizer_email: None,
            organizer_entry_id: None,
            attendee_count: None,
            response_status: None,
            account_domain: None,
            conversation_id: None,
            participant_count: None,
            details: None,
        };
        match activity.properties() {
            Properties::Meeting {
                meeting_subject,
                duration_minutes,
                is_online,
                organizer_email,
                attendee_count,
                response_status,
                account_domain,
                details,
            } => {
                columns.subject = meeting_subject.as_deref();
                columns.duration_minutes = *duration_minutes;
                columns.is_online = is_online.map(i64::from);
                columns.organizer_email = organizer_email.as_ref().map(Organizer::as_str);
                columns.organizer_entry_id = match organizer_email {
                    Some(Organizer::External(person)) => Some(person.entry().0),
                    _ => None,
                };
                columns.attendee_count = Some(i64::from(*attendee_count));
                columns.response_status = Some(response_status.word());
                columns.account_domain = Some(account_domain.as_str());
                columns.details = details.as_ref().map(details_text);
            }
            Properties::Email { conversation_id, subject, details } => {
                columns.details = details.as_ref().map(details_text);
                columns.subject = subject.as_deref();
                columns.conversation_id = conversation_id.as_deref();
                columns.participant_count = i64::try_from(activity.participants().len()).ok();
            }
        }
        columns
    }
}

pub(crate) fn details_text(details: &impl Serialize) -> String {
    serde_json::to_string(details).expect("details are JSON")
}

/// What a record says, who let its people in, and which message it is a copy of.
fn digest_of(activity: &CanonicalActivity, copy: Option<&MessageCopy>) -> ShortKey {
    let mut content = serde_json::to_vec(&activity.record()).expect("a record is JSON");
    if let Some(copy) = copy {
        content.extend_from_slice(&copy.key.bytes());
    }
    for person in activity.participants() {
        content.extend_from_slice(&person.entry().0.to_le_bytes());
    }
    ShortKey::digest(&content)
}

const INSERT_ACTIVITIES: &str = "INSERT INTO activity (tenant_id, activity_key, external_id, type, occurred_at, \
     person_external_id, entry_id, meeting_key, subject, duration_minutes, is_online, organizer_email, \
     organizer_entry_id, attendee_count, response_status, account_domain, conversation_id, participant_count, details, \
     message_key, message_user, digest, created_at, updated_at, public_key)";
const INSERTED_COLUMNS: usize = 25;

const UPDATE_ACTIVITY: &str = "UPDATE activity SET occurred_at = $1, person_external_id = $2, entry_id = $3, \
     meeting_key = $4, subject = $5, duration_minutes = $6, is_online = $7, organizer_email = $8, \
     organizer_entry_id = $9, attendee_count = $10, response_status = $11, account_domain = $12, conversation_id = $13, \
     participant_count = $14, digest = $15, updated_at = $16, activity_key = $19, external_id = $20, \
     feed_position = NULL, announced = CASE WHEN $21 IS NULL THEN announced ELSE 0 END, \
     public_key = COALESCE($21, public_key), details = $22, message_key = $23, message_user = $24 WHERE id = $17 AND tenant_id = $18";
