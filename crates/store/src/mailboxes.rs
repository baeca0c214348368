//! Mailboxes and their folders, by Graph's ids: no address and no name is kept of them.

use std::collections::{HashMap, HashSet};

use m365_database::{DpaAccepted, Reader, Turn};
use m365_model::{GraphUserId, MailboxId, TenantId, UserId, Way, to_text};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use crate::config::connector_in;
use crate::streams::{Coverage, QuietEnd, Stream, link_cell, read_coverage};
use crate::{PageError, Store, StoreError};

/// How the last read of a mailbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailboxState {
    /// Read.
    Synced,
    /// Passed over for a known reason.
    Skipped,
    /// Not read, though it should have been.
    Failed,
}

impl MailboxState {
    const fn word(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// What an administrator said about a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MailboxChoice {
    /// It is to be read.
    Include,
    /// It is not to be read. What was read of it stays.
    Exclude,
}

impl MailboxChoice {
    const fn word(self) -> &'static str {
        match self {
            Self::Include => "include",
            Self::Exclude => "exclude",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Include, Self::Exclude].into_iter().find(|choice| choice.word() == word)
    }
}

/// A mailbox with what became of its items: ids, codes and counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MailboxOverview {
    /// Graph's id of its user.
    pub mailbox: String,
    /// How its last read ended: `new`, `synced`, `skipped`, `failed`.
    pub state: String,
    /// Graph's code, if that went wrong.
    pub code: Option<String>,
    /// What an administrator said about it.
    pub choice: Option<MailboxChoice>,
    /// When the directory was first read without its user.
    pub left_at: Option<String>,
    /// When it was last read to the end.
    pub last_synced_at: Option<String>,
    /// Its calendar, once that was begun.
    pub calendar: Option<StreamOverview>,
    /// Its folders that are known.
    pub folders: Vec<FolderOverview>,
}

/// A folder of a mailbox. No name is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FolderOverview {
    /// Graph's id.
    pub folder: String,
    /// The well-known folder that it is, when its contents are not read for that.
    pub skipped_as: Option<String>,
    /// What became of its messages, once it was begun.
    #[serde(flatten)]
    pub stream: Option<StreamOverview>,
}

/// How far a stream has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamOverview {
    /// How it is read.
    pub way: Way,
    /// When it last moved.
    pub last_progress_at: String,
    /// What became of its items.
    #[serde(flatten)]
    pub coverage: Coverage,
}

/// A folder that has been seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFolder {
    /// Its row.
    pub row: i64,
    /// Graph's id.
    pub folder_id: String,
    /// The well-known folder that it is, when its contents are not read.
    pub skipped_as: Option<String>,
}

/// What is known of a mailbox before it is read.
#[derive(Debug)]
pub struct KnownMailbox {
    /// Its streams.
    pub streams: Vec<Stream>,
    /// Its folders that have been seen before.
    pub folders: Vec<KnownFolder>,
    /// Whether occurrences in it wait for their master.
    pub has_waiting: bool,
}

async fn folders_in(
    reader: &mut Reader,
    tenant: &TenantId,
    mailbox: MailboxId,
) -> Result<Vec<KnownFolder>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, folder_id, skipped_as FROM mail_folder WHERE mailbox_id = $1 AND tenant_id = $2 ORDER BY id",
    );
    let rows = rows.bind(mailbox.0).bind(tenant.as_str()).fetch_all(reader.connection()).await?;
    rows.iter()
        .map(|row| Ok(KnownFolder { row: row.try_get(0)?, folder_id: row.try_get(1)?, skipped_as: row.try_get(2)? }))
        .collect()
}

impl Store {
    /// The rows of `users`' mailboxes that nobody excluded; new ones are made. What is stored of users who are not listed any
    /// more stays, with a note.
    ///
    /// # Errors
    /// When the agreement was withdrawn or the database fails.
    pub async fn mailboxes(
        &self,
        gate: &DpaAccepted<'_>,
        users: &[GraphUserId],
    ) -> Result<Vec<(GraphUserId, MailboxId)>, PageError> {
        let tenant = gate.tenant().as_str();
        let mut tx = self.db.begin_accepted(gate).await?;
        let mut known = HashMap::new();
        let rows = sqlx::query("SELECT graph_user_id, id, choice, left_at FROM mailbox WHERE tenant_id = $1")
            .bind(tenant)
            .fetch_all(tx.connection())
            .await?;
        for row in rows {
            let choice: Option<String> = row.try_get(2)?;
            let is_excluded = choice.as_deref() == Some(MailboxChoice::Exclude.word());
            let has_left = row.try_get::<Option<String>, _>(3)?.is_some();
            known.insert(row.try_get::<String, _>(0)?, (row.try_get::<i64, _>(1)?, is_excluded, has_left));
        }
        let now = to_text(self.surroundings().now());
        let listed: HashSet<&str> = users.iter().map(GraphUserId::as_str).collect();
        for (user, (id, _, had_left)) in &known {
            let has_left = !listed.contains(user.as_str());
            if has_left != *had_left {
                sqlx::query("UPDATE mailbox SET left_at = $1 WHERE id = $2 AND tenant_id = $3")
                    .bind(has_left.then_some(now.as_str()))
                    .bind(*id)
                    .bind(tenant)
                    .execute(tx.connection())
                    .await?;
            }
        }
        let mut out = Vec::with_capacity(users.len());
        for user in users {
            let id = match known.get(user.as_str()) {
                Some((_, true, _)) => continue,
                Some((id, ..)) => *id,
                None => {
                    sqlx::query_scalar(
                        // Another run may have made it since.
                        "INSERT INTO mailbox (tenant_id, graph_user_id, state, first_seen_at) VALUES ($1, $2, 'new', $3) \
                         ON CONFLICT (tenant_id, graph_user_id) DO UPDATE SET first_seen_at = mailbox.first_seen_at \
                         RETURNING id",
                    )
                    .bind(tenant)
                    .bind(user.as_str())
                    .bind(now.as_str())
                    .fetch_one(tx.connection())
                    .await?
                }
            };
            out.push((user.clone(), MailboxId(id)));
        }
        tx.save().await?;
        Ok(out)
    }

    /// Says which mailboxes are to be read, before or after they were seen first.
    ///
    /// # Errors
    /// When the tenant has no connector or the database fails.
    pub async fn choose_mailboxes(
        &self,
        tenant: &TenantId,
        actor: &UserId,
        users: &[GraphUserId],
        choice: MailboxChoice,
    ) -> Result<(), StoreError> {
        let now = self.surroundings().now();
        let mut tx = self.db.begin(tenant).await?;
        connector_in(&mut tx, tenant).await?.ok_or(StoreError::NotConnected)?;
        for user in users {
            sqlx::query(
                "INSERT INTO mailbox (tenant_id, graph_user_id, state, first_seen_at, choice) \
                 VALUES ($1, $2, 'new', $3, $4) \
                 ON CONFLICT (tenant_id, graph_user_id) DO UPDATE SET choice = excluded.choice",
            )
            .bind(tenant.as_str())
            .bind(user.as_str())
            .bind(to_text(now))
            .bind(choice.word())
            .execute(tx.connection())
            .await?;
            let detail = serde_json::json!({ "mailbox": user, "choice": choice }).to_string();
            tx.audit(tenant, actor, "mailbox.chosen", &detail, now).await?;
        }
        Ok(tx.save().await?)
    }

    /// Every mailbox that is known, with what became of its items.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mailbox_overview(&self, tenant: &TenantId) -> Result<Vec<MailboxOverview>, StoreError> {
        let mut reader = self.db.snapshot(tenant).await?;
        let mailboxes = sqlx::query(
            "SELECT id, graph_user_id, state, state_code, choice, left_at, last_synced_at FROM mailbox \
             WHERE tenant_id = $1 ORDER BY graph_user_id",
        );
        let mailboxes = mailboxes.bind(tenant.as_str()).fetch_all(reader.connection()).await?;
        let streams = sqlx::query(
            "SELECT mailbox_id, kind, folder_row, way, updated_at, seen, kept, dropped FROM delta_state \
             WHERE tenant_id = $1 AND kind <> 'mail_backfill'",
        );
        let mut moved: HashMap<(i64, i64), StreamOverview> = HashMap::new();
        for row in streams.bind(tenant.as_str()).fetch_all(reader.connection()).await? {
            let stream = StreamOverview {
                way: Way::from_word(row.try_get(3)?).ok_or(StoreError::Unreadable("delta_state"))?,
                last_progress_at: row.try_get(4)?,
                coverage: read_coverage(&row, 5)?,
            };
            // A calendar has no folder.
            moved.insert((row.try_get(0)?, row.try_get(2)?), stream);
        }
        let folders = sqlx::query(
            "SELECT mailbox_id, id, folder_id, skipped_as FROM mail_folder WHERE tenant_id = $1 ORDER BY id",
        );
        let mut by_mailbox: HashMap<i64, Vec<FolderOverview>> = HashMap::new();
        for row in folders.bind(tenant.as_str()).fetch_all(reader.connection()).await? {
            let mailbox: i64 = row.try_get(0)?;
            let stream = moved.remove(&(mailbox, row.try_get(1)?));
            let folder = FolderOverview { folder: row.try_get(2)?, skipped_as: row.try_get(3)?, stream };
            by_mailbox.entry(mailbox).or_default().push(folder);
        }
        mailboxes
            .iter()
            .map(|row| {
                let (id, choice): (i64, Option<String>) = (row.try_get(0)?, row.try_get(4)?);
                Ok(MailboxOverview {
                    mailbox: row.try_get(1)?,
                    state: row.try_get(2)?,
                    code: row.try_get(3)?,
                    choice: choice.as_deref().and_then(MailboxChoice::from_word),
                    left_at: row.try_get(5)?,
                    last_synced_at: row.try_get(6)?,
                    calendar: moved.remove(&(id, 0)),
                    folders: by_mailbox.remove(&id).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Notes how the read of a mailbox ended, with Graph's code if it went wrong, and where its quiet streams stand: one
    /// transaction for all of a mailbox in which nothing happened.
    ///
    /// # Errors
    /// When the agreement was withdrawn or the database fails.
    pub async fn mailbox_ended(
        &self,
        gate: &DpaAccepted<'_>,
        mailbox: MailboxId,
        state: MailboxState,
        code: Option<&str>,
        quiet: &[QuietEnd],
    ) -> Result<(), PageError> {
        let moment = to_text(self.surroundings().now());
        let mut tx = self.db.begin_accepted(gate).await?;
        if !quiet.is_empty() {
            // Before any row is locked, as pages do it.
            tx.take_turn(gate.tenant(), Turn::Mailbox(mailbox)).await?;
        }
        for end in quiet {
            let row = end.stream.0.to_string();
            let cell = link_cell(gate.tenant(), &row);
            let entropy = self.surroundings().entropy.as_ref();
            let sealed = self.crypter.seal(&cell, end.link.expose_secret().as_bytes(), entropy);
            sqlx::query(
                "UPDATE delta_state SET version = version + 1, sealed_link = $1, updated_at = $2 \
                 WHERE id = $3 AND version = $4 AND link_kind = 'delta' AND tenant_id = $5",
            )
            .bind(sealed.as_bytes().to_vec())
            .bind(moment.as_str())
            .bind(end.stream.0)
            .bind(end.version)
            .bind(gate.tenant().as_str())
            .execute(tx.connection())
            .await?;
        }
        let now = (state == MailboxState::Synced).then_some(moment);
        sqlx::query(
            "UPDATE mailbox SET state = $1, state_code = $2, last_synced_at = COALESCE($3, last_synced_at) \
             WHERE id = $4 AND tenant_id = $5",
        )
        .bind(state.word())
        .bind(code)
        .bind(now)
        .bind(mailbox.0)
        .bind(gate.tenant().as_str())
        .execute(tx.connection())
        .await?;
        Ok(tx.save().await?)
    }

    /// What is known of a mailbox before it is read: one transaction for all of it.
    ///
    /// # Errors
    /// When a link does not open or the database fails.
    pub async fn known_of(&self, gate: &DpaAccepted<'_>, mailbox: MailboxId) -> Result<KnownMailbox, StoreError> {
        let mut reader = self.db.reader(gate.tenant()).await?;
        let streams = self.streams_in(&mut reader, gate.tenant(), mailbox).await?;
        let folders = folders_in(&mut reader, gate.tenant(), mailbox).await?;
        let waiting = sqlx::query(
            "SELECT id FROM event_copy WHERE mailbox_id = $1 AND tenant_id = $2 AND state = 'waiting' LIMIT 1",
        );
        let waiting = waiting.bind(mailbox.0).bind(gate.tenant().as_str()).fetch_optional(reader.connection()).await?;
        Ok(KnownMailbox { streams, folders, has_waiting: waiting.is_some() })
    }

    /// The folders of a mailbox that have been seen before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_folders(
        &self,
        gate: &DpaAccepted<'_>,
        mailbox: MailboxId,
    ) -> Result<Vec<KnownFolder>, StoreError> {
        folders_in(&mut self.db.reader(gate.tenant()).await?, gate.tenant(), mailbox).await
    }

    /// Remembers folders of a mailbox, and which of them are not read.
    ///
    /// # Errors
    /// When the agreement was withdrawn or the database fails.
    pub async fn remember_folders(
        &self,
        gate: &DpaAccepted<'_>,
        mailbox: MailboxId,
        folders: &[(String, Option<String>)],
    ) -> Result<(), PageError> {
        let mut tx = self.db.begin_accepted(gate).await?;
        // Two runs at once may bring the folders in another order.
        tx.take_turn(gate.tenant(), Turn::Mailbox(mailbox)).await.map_err(PageError::from)?;
        for (folder_id, skipped_as) in folders {
            sqlx::query(
                "INSERT INTO mail_folder (tenant_id, mailbox_id, folder_id, skipped_as) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (mailbox_id, folder_id) DO UPDATE SET skipped_as = excluded.skipped_as",
            )
            .bind(gate.tenant().as_str())
            .bind(mailbox.0)
            .bind(folder_id.as_str())
            .bind(skipped_as.as_deref())
            .execute(tx.connection())
            .await?;
        }
        Ok(tx.save().await?)
    }
}
