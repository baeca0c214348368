//! From a filtered item to its records, by the mapping tables.

use std::fmt;

use jiff::Timestamp;
use m365_database::DpaAccepted;
use m365_privacy::{Attendance, FilteredAttendees, FilteredParticipants, Organizer, Participant, SenderKind, Subject};

use crate::canonical::{CanonicalActivity, Properties};
use crate::details::{Direction, EmailDetails, MeetingDetails};
use crate::mapping::{CalendarSource, FieldMapping, FieldMappings, MailSource, Target, Transform};

/// An event whose people went through the filter. `start` and `end` are instants; an occurrence of a series has its
/// own.
pub struct FilteredEvent {
    /// The event's own id; the occurrence's, of a recurring meeting.
    pub id: String,
    /// The subject, handed out by `people`.
    pub subject: Option<Subject>,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// Whether it is held online, if that was said.
    pub is_online: Option<bool>,
    /// Who takes part.
    pub people: FilteredAttendees,
    /// What an administrator asked for besides.
    pub details: Option<MeetingDetails>,
}

/// A message whose people went through the filter.
pub struct FilteredMessage {
    /// The message's immutable id.
    pub id: String,
    /// When it was received.
    pub received: Timestamp,
    /// The conversation that it belongs to, if that was said.
    pub conversation_id: Option<String>,
    /// The subject, handed out by `people`.
    pub subject: Option<Subject>,
    /// Who takes part.
    pub people: FilteredParticipants,
    /// Whether an administrator asked for further properties.
    pub with_details: bool,
}

impl fmt::Debug for FilteredEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FilteredEvent(..)")
    }
}

impl fmt::Debug for FilteredMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FilteredMessage(..)")
    }
}

/// What names the record of a meeting for one person.
pub fn meeting_external_id(event_id: &str, person: &str) -> String {
    format!("o365_cal_{event_id}_{person}")
}

/// One record per attendee who passed the filter, in listed order; none when nobody did.
pub fn meeting_activities(
    gate: &DpaAccepted<'_>,
    mappings: &FieldMappings,
    event: &FilteredEvent,
) -> Vec<CanonicalActivity> {
    let people = event.people.attendances().iter();
    people.filter_map(|attendance| meeting_activity(gate, mappings, event, attendance)).collect()
}

fn meeting_activity(
    gate: &DpaAccepted<'_>,
    mappings: &FieldMappings,
    event: &FilteredEvent,
    attendance: &Attendance,
) -> Option<CanonicalActivity> {
    let fields = Fields::mapped(mappings.calendar(), |source| event_field(event, attendance, source));
    let person = fields.person?.clone();
    Some(CanonicalActivity {
        tenant: gate.tenant().clone(),
        external_id: meeting_external_id(&fields.external_id?, person.as_str()),
        occurred_at: fields.occurred_at?,
        properties: Properties::Meeting {
            meeting_subject: fields.meeting_subject,
            duration_minutes: duration_minutes(event.start, event.end),
            is_online: fields.is_online,
            organizer_email: fields.organizer_email.cloned(),
            attendee_count: event.people.attendee_count(),
            response_status: attendance.response,
            account_domain: person.account_domain().clone(),
            details: event.details.clone(),
        },
        participants: vec![person],
    })
}

/// The record of a message, if anyone passed the filter.
pub fn email_activity(
    gate: &DpaAccepted<'_>,
    mappings: &FieldMappings,
    message: &FilteredMessage,
) -> Option<CanonicalActivity> {
    let fields = Fields::mapped(mappings.mail(), |source| message_field(message, source));
    let person = fields.person?;
    let others = message.people.participants().iter().filter(|other| *other != person);
    Some(CanonicalActivity {
        tenant: gate.tenant().clone(),
        external_id: format!("o365_email_{}", fields.external_id?),
        occurred_at: fields.occurred_at?,
        participants: std::iter::once(person).chain(others).cloned().collect(),
        properties: Properties::Email {
            conversation_id: fields.conversation_id,
            subject: fields.subject,
            details: message.with_details.then(|| email_details(&message.people)),
        },
    })
}

fn email_details(people: &FilteredParticipants) -> EmailDetails {
    let mut account_domains: Vec<String> = Vec::new();
    for person in people.participants() {
        let domain = person.account_domain().as_str();
        if !account_domains.iter().any(|known| known == domain) {
            account_domains.push(domain.to_owned());
        }
    }
    let direction = match people.sender() {
        SenderKind::Internal => Direction::Outbound,
        SenderKind::LetIn => Direction::Inbound,
        SenderKind::Other => Direction::ThirdParty,
    };
    EmailDetails { direction, account_domains, automated: people.is_automated() }
}

/// A value on its way from a source to a target.
enum Value<'a> {
    Text(String),
    Instant(Timestamp),
    Flag(bool),
    Participant(&'a Participant),
    Organizer(&'a Organizer),
}

/// To map one more field of events, name it in [`CalendarSource`] and say here where it is.
fn event_field<'a>(event: &'a FilteredEvent, attendance: &'a Attendance, source: CalendarSource) -> Option<Value<'a>> {
    match source {
        CalendarSource::Id => Some(Value::Text(event.id.clone())),
        CalendarSource::Subject => event.subject.as_ref().map(|subject| Value::Text(subject.as_str().to_owned())),
        CalendarSource::Start => Some(Value::Instant(event.start)),
        CalendarSource::AttendeeAddress => Some(Value::Participant(&attendance.person)),
        CalendarSource::OrganizerAddress => event.people.organizer().map(Value::Organizer),
        CalendarSource::IsOnlineMeeting => event.is_online.map(Value::Flag),
    }
}

/// To map one more field of messages, name it in [`MailSource`] and say here where it is.
fn message_field(message: &FilteredMessage, source: MailSource) -> Option<Value<'_>> {
    match source {
        MailSource::Id => Some(Value::Text(message.id.clone())),
        MailSource::ReceivedDateTime => Some(Value::Instant(message.received)),
        MailSource::ConversationId => message.conversation_id.clone().map(Value::Text),
        MailSource::RecipientAddress => message.people.participants().first().map(Value::Participant),
        MailSource::Subject => message.subject.as_ref().map(|subject| Value::Text(subject.as_str().to_owned())),
    }
}

impl Transform {
    /// Changes texts alone. A participant's and an organizer's address has neither spaces nor capitals already.
    fn apply(self, value: Value<'_>) -> Value<'_> {
        match (self, value) {
            (Self::Trim, Value::Text(text)) => Value::Text(text.trim().to_owned()),
            (Self::Lowercase, Value::Text(text)) => Value::Text(text.to_lowercase()),
            (_, value) => value,
        }
    }
}

/// The targets, as far as a table filled them.
#[derive(Default)]
struct Fields<'a> {
    external_id: Option<String>,
    occurred_at: Option<Timestamp>,
    person: Option<&'a Participant>,
    meeting_subject: Option<String>,
    organizer_email: Option<&'a Organizer>,
    is_online: Option<bool>,
    conversation_id: Option<String>,
    subject: Option<String>,
}

impl<'a> Fields<'a> {
    fn mapped<S: Copy>(table: &[FieldMapping<S>], value_of: impl Fn(S) -> Option<Value<'a>>) -> Self {
        let mut fields = Self::default();
        for line in table {
            if let Some(value) = value_of(line.source) {
                fields.fill(line.target, line.transform.apply(value));
            }
        }
        fields
    }

    /// [`FieldMappings::checked`] lets no line through whose value is of another kind than its target takes.
    fn fill(&mut self, target: Target, value: Value<'a>) {
        match (target, value) {
            (Target::ExternalId, Value::Text(text)) => self.external_id = Some(text),
            (Target::MeetingSubject, Value::Text(text)) => self.meeting_subject = Some(text),
            (Target::ConversationId, Value::Text(text)) => self.conversation_id = Some(text),
            (Target::Subject, Value::Text(text)) => self.subject = Some(text),
            (Target::OccurredAt, Value::Instant(at)) => self.occurred_at = Some(at),
            (Target::IsOnline, Value::Flag(flag)) => self.is_online = Some(flag),
            (Target::PersonExternalId, Value::Participant(person)) => self.person = Some(person),
            (Target::OrganizerEmail, Value::Organizer(organizer)) => self.organizer_email = Some(organizer),
            _ => {}
        }
    }
}

/// Whole minutes from start to end, rounded down; `None` when the end is before the start.
fn duration_minutes(start: Timestamp, end: Timestamp) -> Option<i64> {
    let duration = end.duration_since(start);
    (!duration.is_negative()).then(|| duration.as_secs() / 60)
}

#[cfg(test)]
mod tests {
    use super::duration_minutes;

    #[test]
    fn a_duration_is_whole_minutes_and_never_negative() {
        for (start, end, expected) in [
            ("2026-03-02T15:00:00Z", "2026-03-02T16:00:00Z", Some(60)),
            ("2026-03-02T15:00:00Z", "2026-03-02T15:00:59.9Z", Some(0)),
            ("2026-03-02T15:00:00Z", "2026-03-02T15:00:00Z", Some(0)),
            ("2026-03-02T15:00:00Z", "2026-03-02T14:59:59Z", None),
            ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", Some(1440)),
        ] {
            assert_eq!(duration_minutes(start.parse().unwrap(), end.parse().unwrap()), expected, "{start} {end}");
        }
    }
}
