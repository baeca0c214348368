//! Mailboxes and their folders, by Graph's ids: no address and no name is kept of them.

use std::collections::HashMap;

use m365_database::{DpaAccepted, Turn};
use m365_model::{GraphUserId, MailboxId, to_text};
use sqlx::Row as _;

use crate::{PageError, Store, StoreError};

/// How the last read of a mailbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl Store {
    /// The rows of `users`' mailboxes; new ones are made.
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
        let rows = sqlx::query("SELECT graph_user_id, id FROM mailbox WHERE tenant_id = $1")
            .bind(tenant)
            .fetch_all(tx.connection())
            .await?;
        for row in rows {
            known.insert(row.try_get::<String, _>(0)?, row.try_get::<i64, _>(1)?);
        }
        let now = to_text(self.surroundings().now());
        let mut out = Vec::with_capacity(users.len());
        for user in users {
            let id = match known.get(user.as_str()) {
                Some(id) => *id,
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

    /// Notes how the read of a mailbox ended, with Graph's code if it went wrong.
    ///
    /// # Errors
    /// When the agreement was withdrawn or the database fails.
    pub async fn mailbox_ended(
        &self,
        gate: &DpaAccepted<'_>,
        mailbox: MailboxId,
        state: MailboxState,
        code: Option<&str>,
    ) -> Result<(), PageError> {
        let now = (state == MailboxState::Synced).then(|| to_text(self.surroundings().now()));
        let mut tx = self.db.begin_accepted(gate).await?;
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

    /// The folders of a mailbox that have been seen before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_folders(
        &self,
        gate: &DpaAccepted<'_>,
        mailbox: MailboxId,
    ) -> Result<Vec<KnownFolder>, StoreError> {
        let mut reader = self.db.reader(gate.tenant()).await?;
        let rows = sqlx::query(
            "SELECT id, folder_id, skipped_as FROM mail_folder WHERE mailbox_id = $1 AND tenant_id = $2 ORDER BY id",
        );
        let rows = rows.bind(mailbox.0).bind(gate.tenant().as_str()).fetch_all(reader.connection()).await?;
        rows.iter()
            .map(|row| {
                Ok(KnownFolder { row: row.try_get(0)?, folder_id: row.try_get(1)?, skipped_as: row.try_get(2)? })
            })
            .collect()
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
