//! The outward form of a record.

use std::borrow::Cow;

use jiff::Timestamp;
use m365_model::to_text;
use m365_privacy::ResponseStatus;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::details::{EmailDetails, MeetingDetails};
use crate::words::words;

words! {
    /// What a record tells of.
    ActivityType, "an activity's type is meeting_attend or email_thread", {
        /// Someone is listed in a meeting.
        MeetingAttend => "meeting_attend",
        /// Someone takes part in a message.
        EmailThread => "email_thread",
    }
}

impl ActivityType {
    /// The channel that stands beside the type.
    pub const fn channel(self) -> &'static str {
        match self {
            Self::MeetingAttend => "meetings",
            Self::EmailThread => "email",
        }
    }
}

/// One record as it leaves the product: a JSON object with exactly `externalId`, `type`, `channel`, `occurredAt`,
/// `personExternalId` and `properties`.
///
/// It borrows from a [`CanonicalActivity`](crate::CanonicalActivity), or is put together from rows that were checked
/// when they were written. It is for printing: nothing that writes takes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// What names it.
    pub external_id: Cow<'a, str>,
    /// When it happened; written in whole seconds of UTC.
    pub occurred_at: Timestamp,
    /// The address of the person whom it is about.
    pub person_external_id: Cow<'a, str>,
    /// The rest, which also tells the type.
    pub properties: RecordProperties<'a>,
}

/// The properties of either type.
#[derive(Clone, PartialEq, Eq)]
pub enum RecordProperties<'a> {
    /// Of `meeting_attend`.
    Meeting(MeetingProperties<'a>),
    /// Of `email_thread`.
    Email(EmailProperties<'a>),
}

/// The properties of a meeting. What cannot be told is `None`, and `null` in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct MeetingProperties<'a> {
    /// The subject.
    pub meeting_subject: Option<Cow<'a, str>>,
    /// Whole minutes from start to end.
    pub duration_minutes: Option<i64>,
    /// Whether it is held online.
    pub is_online: Option<bool>,
    /// The organizer's address.
    pub organizer_email: Option<Cow<'a, str>>,
    /// How many distinct attendees are listed.
    pub attendee_count: u32,
    /// What the person answered.
    pub response_status: ResponseStatus,
    /// The domain of the allow-list entry that let the person in.
    pub account_domain: Cow<'a, str>,
    /// What an administrator asked for besides; left out where nobody did.
    pub details: Option<MeetingDetails>,
}

/// The properties of a message. What cannot be told is `None`, and `null` in JSON. The number of participants is
/// counted when it is written.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailProperties<'a> {
    /// The conversation that it belongs to.
    pub conversation_id: Option<Cow<'a, str>>,
    /// Everyone who passed the filter, the person whom the record is about first.
    pub participant_emails: Vec<Cow<'a, str>>,
    /// The subject.
    pub subject: Option<Cow<'a, str>>,
    /// What an administrator asked for besides; left out where nobody did.
    pub details: Option<EmailDetails>,
}

impl Record<'_> {
    /// What it tells of.
    pub const fn kind(&self) -> ActivityType {
        match self.properties {
            RecordProperties::Meeting(_) => ActivityType::MeetingAttend,
            RecordProperties::Email(_) => ActivityType::EmailThread,
        }
    }
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({}, ..)", self.kind().word())
    }
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Record", 6)?;
        object.serialize_field("externalId", &self.external_id)?;
        object.serialize_field("type", &self.kind())?;
        object.serialize_field("channel", self.kind().channel())?;
        object.serialize_field("occurredAt", &to_text(self.occurred_at))?;
        object.serialize_field("personExternalId", &self.person_external_id)?;
        object.serialize_field("properties", &self.properties)?;
        object.end()
    }
}

impl Serialize for RecordProperties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Meeting(meeting) => meeting.serialize(serializer),
            Self::Email(email) => email.serialize(serializer),
        }
    }
}

impl Serialize for MeetingProperties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let more = if self.details.is_some() { 4 } else { 0 };
        let mut object = serializer.serialize_struct("MeetingProperties", 7 + more)?;
        object.serialize_field("meetingSubject", &self.meeting_subject)?;
        object.serialize_field("durationMinutes", &self.duration_minutes)?;
        object.serialize_field("isOnline", &self.is_online)?;
        object.serialize_field("organizerEmail", &self.organizer_email)?;
        object.serialize_field("attendeeCount", &self.attendee_count)?;
        object.serialize_field("responseStatus", &self.response_status)?;
        object.serialize_field("accountDomain", &self.account_domain)?;
        if let Some(details) = &self.details {
            object.serialize_field("meetingKey", &details.meeting_key)?;
            object.serialize_field("isRecurring", &details.is_recurring)?;
            object.serialize_field("isAllDay", &details.is_all_day)?;
            object.serialize_field("showAs", &details.show_as)?;
        }
        object.end()
    }
}

impl Serialize for EmailProperties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let more = if self.details.is_some() { 3 } else { 0 };
        let mut object = serializer.serialize_struct("EmailProperties", 4 + more)?;
        object.serialize_field("conversationId", &self.conversation_id)?;
        object.serialize_field("participantCount", &self.participant_emails.len())?;
        object.serialize_field("participantEmails", &self.participant_emails)?;
        object.serialize_field("subject", &self.subject)?;
        if let Some(details) = &self.details {
            object.serialize_field("direction", &details.direction)?;
            object.serialize_field("accountDomains", &details.account_domains)?;
            object.serialize_field("automated", &details.automated)?;
        }
        object.end()
    }
}
