//! The canonical record, as it is made and stored.

use std::fmt;

use jiff::Timestamp;
use m365_model::TenantId;
use m365_privacy::{DomainName, Organizer, Participant, ResponseStatus};

use crate::details::{EmailDetails, MeetingDetails};
use crate::record::{ActivityType, EmailProperties, MeetingProperties, Record, RecordProperties};

/// One record about a person whom the filter let in. The transforms alone make one: they ask for a proof that an
/// agreement stands, and take the tenant from it. Every address in it is a [`Participant`]'s or an organizer's that may
/// be kept.
#[derive(Clone, PartialEq, Eq)]
pub struct CanonicalActivity {
    pub(crate) tenant: TenantId,
    pub(crate) external_id: String,
    pub(crate) occurred_at: Timestamp,
    /// Never empty; the first is whom the record is about.
    pub(crate) participants: Vec<Participant>,
    pub(crate) properties: Properties,
}

/// What a record says besides who and when. Addresses of participants stand in
/// [`CanonicalActivity::participants`].
#[derive(Clone, PartialEq, Eq)]
pub enum Properties {
    /// Of a meeting.
    Meeting {
        /// The subject.
        meeting_subject: Option<String>,
        /// Whole minutes from start to end; `None` when the end is before the start.
        duration_minutes: Option<i64>,
        /// Whether it is held online.
        is_online: Option<bool>,
        /// The organizer, if internal or passed.
        organizer_email: Option<Organizer>,
        /// How many distinct attendees are listed.
        attendee_count: u32,
        /// What the person answered.
        response_status: ResponseStatus,
        /// The domain of the allow-list entry that let the person in.
        account_domain: DomainName,
        /// What an administrator asked for besides.
        details: Option<MeetingDetails>,
    },
    /// Of a message.
    Email {
        /// The conversation that it belongs to.
        conversation_id: Option<String>,
        /// The subject.
        subject: Option<String>,
        /// What an administrator asked for besides.
        details: Option<EmailDetails>,
    },
}

impl CanonicalActivity {
    /// The tenant whose agreement stood when the record was made.
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// What names the record: `o365_cal_{event}_{attendee}` or `o365_email_{message}`.
    pub fn external_id(&self) -> &str {
        &self.external_id
    }

    /// What it tells of.
    pub const fn kind(&self) -> ActivityType {
        match self.properties {
            Properties::Meeting { .. } => ActivityType::MeetingAttend,
            Properties::Email { .. } => ActivityType::EmailThread,
        }
    }

    /// When the meeting starts, or the message was received.
    pub const fn occurred_at(&self) -> Timestamp {
        self.occurred_at
    }

    /// Everyone in the record, at least one; the first is whom it is about.
    pub fn participants(&self) -> &[Participant] {
        &self.participants
    }

    /// The rest.
    pub const fn properties(&self) -> &Properties {
        &self.properties
    }

    /// The outward form.
    pub fn record(&self) -> Record<'_> {
        Record {
            external_id: self.external_id.as_str().into(),
            occurred_at: self.occurred_at,
            person_external_id: self.participants[0].as_str().into(),
            properties: self.record_properties(),
        }
    }

    fn record_properties(&self) -> RecordProperties<'_> {
        match &self.properties {
            Properties::Meeting {
                meeting_subject,
                duration_minutes,
                is_online,
                organizer_email,
                attendee_count,
                response_status,
                account_domain,
                details,
            } => RecordProperties::Meeting(MeetingProperties {
                meeting_subject: meeting_subject.as_deref().map(Into::into),
                duration_minutes: *duration_minutes,
                is_online: *is_online,
                organizer_email: organizer_email.as_ref().map(|organizer| organizer.as_str().into()),
                attendee_count: *attendee_count,
                response_status: *response_status,
                account_domain: account_domain.as_str().into(),
                details: details.clone(),
            }),
            Properties::Email { conversation_id, subject, details } => RecordProperties::Email(EmailProperties {
                conversation_id: conversation_id.as_deref().map(Into::into),
                participant_emails: self.participants.iter().map(|person| person.as_str().into()).collect(),
                subject: subject.as_deref().map(Into::into),
                details: details.clone(),
            }),
        }
    }
}

impl fmt::Debug for CanonicalActivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanonicalActivity({}, ..)", self.kind().word())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Properties(..)")
    }
}
