//! Settings: each a name, a default, and what it does. Only those that work are known.

use m365_model::{TenantId, UserId};
use serde::Serialize;
use sqlx::Row as _;
use thiserror::Error;

use crate::{Store, StoreError};

/// What an administrator can decide about a connector. The field order is the order of `config show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// How much records say.
    pub detail: Detail,
    /// Whether events marked private, personal or confidential are left out.
    pub private_events: Choice,
    /// Whether meeting invitations and responses in mail folders are left out.
    pub meeting_mail: Choice,
    /// Whether an external organizer counts as an attendee, listed or not.
    pub external_organizer: Choice,
    /// Whether subjects are kept.
    pub subjects: Keep,
    /// Whether the organizer's address is kept.
    pub organizer_email: Keep,
    /// Whether one message seen in several mailboxes is one record.
    pub mail_dedupe: MailDedupe,
    /// Whether one meeting seen in several mailboxes is one record a person.
    pub meeting_dedupe: Switch,
    /// How many days back the first sync reads.
    pub lookback_days: u16,
    /// How many minutes lie between the beginnings of two syncs.
    pub sync_interval_minutes: u32,
    /// After how many days records are deleted; never when it is unset.
    pub retention_days: Option<u16>,
}

/// How much records say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// What every record says.
    Basic,
    /// Further properties, from what is read anyway.
    Extended,
}

/// Whether copies of one message are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum MailDedupe {
    /// Each mailbox's copy is a record.
    #[serde(rename = "off")]
    Off,
    /// Copies with one `internetMessageId` are one record, which is asked for then.
    #[serde(rename = "internetMessageId")]
    InternetMessageId,
}

/// Left out or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Left out.
    Exclude,
    /// Taken.
    Include,
}

/// Kept or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Kept.
    Store,
    /// Never written down.
    Omit,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            detail: Detail::Basic,
            private_events: Choice::Exclude,
            meeting_mail: Choice::Exclude,
            external_organizer: Choice::Include,
            subjects: Keep::Store,
            organizer_email: Keep::Store,
            mail_dedupe: MailDedupe::Off,
            meeting_dedupe: Switch::On,
            lookback_days: 90,
            sync_interval_minutes: 15,
            retention_days: None,
        }
    }
}

/// A setting that is not known, or a value that it does not take.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SettingError {
    /// No such name.
    #[error("there is no such setting; the settings are {}", NAMES.join(", "))]
    UnknownName,
    /// The setting is known, the value is not.
    #[error("{name} takes {expected}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
}

/// The names that `config set` takes, in the order of `config show`.
pub const NAMES: &[&str] = &[
    "detail",
    "privateEvents",
    "meetingMail",
    "externalOrganizer",
    "subjects",
    "organizerEmail",
    "mailDedupe",
    "meetingDedupe",
    "lookbackDays",
    "syncIntervalMinutes",
    "retentionDays",
];

impl Settings {
    /// Changes the setting called `name` to `value`.
    ///
    /// # Errors
    /// When the name is not known or the value is not one that it takes.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let choice = |name| match value {
            "include" => Ok(Choice::Include),
            "exclude" => Ok(Choice::Exclude),
            _ => Err(SettingError::Value { name, expected: "include or exclude" }),
        };
        let keep = |name| match value {
            "store" => Ok(Keep::Store),
            "omit" => Ok(Keep::Omit),
            _ => Err(SettingError::Value { name, expected: "store or omit" }),
        };
        match name {
            "detail" => {
                self.detail = match value {
                    "basic" => Detail::Basic,
                    "extended" => Detail::Extended,
                    _ => return Err(SettingError::Value { name: "detail", expected: "basic or extended" }),
                };
            }
            "mailDedupe" => {
                self.mail_dedupe = match value {
                    "off" => MailDedupe::Off,
                    "internetMessageId" => MailDedupe::InternetMessageId,
                    _ => return Err(SettingError::Value { name: "mailDedupe", expected: "off or internetMessageId" }),
                };
            }
            "privateEvents" => self.private_events = choice("privateEvents")?,
            "meetingMail" => self.meeting_mail = choice("meetingMail")?,
            "externalOrganizer" => self.external_organizer = choice("externalOrganizer")?,
            "subjects" => self.subjects = keep("subjects")?,
            "organizerEmail" => self.organizer_email = keep("organizerEmail")?,
            "meetingDedupe" => {
                self.meeting_dedupe = match value {
                    "on" => Switch::On,
                    "off" => Switch::Off,
                    _ => return Err(SettingError::Value { name: "meetingDedupe", expected: "on or off" }),
                };
            }
            "lookbackDays" => {
                // The service takes a calendar range of 1825 days at the most, and the window reaches ahead as well.
                let days = value.parse().ok().filter(|days| (1..=1460).contains(days));
                let expected = "a number of days from 1 to 1460";
                self.lookback_days = days.ok_or(SettingError::Value { name: "lookbackDays", expected })?;
            }
            "syncIntervalMinutes" => {
                let minutes = value.parse().ok().filter(|minutes| (5..=1440).contains(minutes));
                let expected = "a number of minutes from 5 to 1440";
                self.sync_interval_minutes =
                    minutes.ok_or(SettingError::Value { name: "syncIntervalMinutes", expected })?;
            }
            "retentionDays" => {
                let days = value.parse().ok().filter(|days| (1..=3650).contains(days));
                let expected = "a number of days from 1 to 3650, or off";
                let wrong = SettingError::Value { name: "retentionDays", expected };
                self.retention_days = if value == "off" { None } else { Some(days.ok_or(wrong)?) };
            }
            _ => return Err(SettingError::UnknownName),
        }
        Ok(())
    }
}

/// Why a setting was not changed.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// The name or the value.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// The settings of `tenant`.
    ///
    /// # Errors
    /// When the database fails, or holds a setting that this version does not know.
    pub async fn settings(&self, tenant: &TenantId) -> Result<Settings, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query("SELECT name, value FROM setting WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .fetch_all(reader.connection())
            .await?;
        let mut settings = Settings::default();
        for row in rows {
            let (name, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            settings.set(&name, &value).map_err(|_| StoreError::Unreadable("setting"))?;
        }
        Ok(settings)
    }

    /// Changes one setting. What was kept under the old one follows: subjects and organizers that may no longer be kept
    /// are forgotten at once, and the streams read their window again.
    ///
    /// # Errors
    /// When the setting is not known, takes another value, or the database fails.
    pub async fn change_setting(
        &self,
        tenant: &TenantId,
        actor: &UserId,
        name: &str,
        value: &str,
    ) -> Result<(), ChangeError> {
        let mut settings = self.settings(tenant).await?;
        let before = settings.clone();
        settings.set(name, value)?;
        if settings == before {
            return Ok(());
        }
        // When to read changes nothing of what is read.
        let reads_again: &[&'static str] = if name == "syncIntervalMinutes" { &[] } else { &[READ_AGAIN] };
        let mut tx = self.db.begin(tenant).await.map_err(StoreError::from)?;
        let forget: &[&'static str] = match (settings.subjects, settings.organizer_email) {
            (Keep::Omit, _) if before.subjects == Keep::Store => FORGET_SUBJECTS,
            (_, Keep::Omit) if before.organizer_email == Keep::Store => FORGET_ORGANIZERS,
            _ if settings.detail == Detail::Basic && before.detail == Detail::Extended => FORGET_DETAILS,
            _ => &[],
        };
        let write = "INSERT INTO setting (tenant_id, name, value) VALUES ($1, $2, $3) \
                     ON CONFLICT (tenant_id, name) DO UPDATE SET value = excluded.value";
        let run = async {
            sqlx::query(write).bind(tenant.as_str()).bind(name).bind(value).execute(tx.connection()).await?;
            for statement in forget.iter().chain(reads_again) {
                sqlx::query(*statement).bind(tenant.as_str()).execute(tx.connection()).await?;
            }
            Ok::<_, sqlx::Error>(())
        };
        run.await.map_err(StoreError::from)?;
        let detail = serde_json::json!({ "name": name, "value": value }).to_string();
        tx.audit(tenant, actor, "setting.changed", &detail, self.surroundings().now())
            .await
            .map_err(StoreError::from)?;
        tx.save().await.map_err(StoreError::from)?;
        Ok(())
    }
}

/// A page that was filtered under the old rules must not be stored.
pub(crate) const FILTER_AGAIN: &str =
    "UPDATE o365_config SET allow_list_version = allow_list_version + 1 WHERE tenant_id = $1";

/// A page that was filtered under the old rules must not be stored, and what they left out must be read again.
pub(crate) const READ_AGAIN: &str = "UPDATE o365_config SET allow_list_version = allow_list_version + 1, \
                                     window_version = window_version + 1 WHERE tenant_id = $1";

/// The key of a record is the digest of none, so the next upsert counts as the change that it is.
const FORGET_SUBJECTS: &[&str] = &[
    "UPDATE activity SET subject = NULL, digest = activity_key, feed_position = NULL \
     WHERE tenant_id = $1 AND subject IS NOT NULL",
    "UPDATE event_copy SET subject = NULL WHERE tenant_id = $1 AND subject IS NOT NULL",
];
const FORGET_ORGANIZERS: &[&str] = &[
    "UPDATE activity SET organizer_email = NULL, organizer_entry_id = NULL, digest = activity_key, feed_position = NULL \
     WHERE tenant_id = $1 AND organizer_email IS NOT NULL",
    "UPDATE event_copy SET organizer_email = NULL, organizer_entry_id = NULL \
     WHERE tenant_id = $1 AND organizer_email IS NOT NULL",
];

const FORGET_DETAILS: &[&str] = &[
    "UPDATE activity SET details = NULL, digest = activity_key, feed_position = NULL \
     WHERE tenant_id = $1 AND details IS NOT NULL",
    "UPDATE event_copy SET details = NULL WHERE tenant_id = $1 AND details IS NOT NULL",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_shown_and_a_wrong_value_says_what_is_taken() {
        let shown = serde_json::to_value(Settings::default()).unwrap();
        for name in NAMES {
            assert!(shown.get(name).is_some(), "{name} is not shown");
            let error = Settings::default().set(name, "perhaps").unwrap_err();
            assert!(error.to_string().starts_with(name), "{error}");
        }
        assert_eq!(Settings::default().set("colour", "blue"), Err(SettingError::UnknownName));
        assert_eq!(shown.as_object().unwrap().len(), NAMES.len());
    }
}
