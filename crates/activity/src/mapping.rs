//! The field mappings: which field of Microsoft's goes where in a record.

use serde::{Deserialize, Serialize};

use crate::words::words;

words! {
    /// What is done to a text on its way. Addresses are in one spelling before they come here, so it changes nothing in
    /// them.
    Transform, "a transform is none, trim or lowercase", {
        /// Nothing.
        None => "none",
        /// Spaces around it are cut.
        Trim => "trim",
        /// It becomes lower case.
        Lowercase => "lowercase",
    }
}

words! {
    /// The fields of an event that a mapping can name. There is none for its body.
    CalendarSource, "this is no field of an event that can be mapped", {
        /// The event's id.
        Id => "id",
        /// The subject, where somebody passed the filter.
        Subject => "subject",
        /// When it starts.
        Start => "start.dateTime",
        /// The attendee whom the record is about, who passed the filter.
        AttendeeAddress => "attendees[].emailAddress.address",
        /// The organizer, if internal or passed.
        OrganizerAddress => "organizer.emailAddress.address",
        /// Whether it is held online.
        IsOnlineMeeting => "isOnlineMeeting",
    }
}

words! {
    /// The fields of a message that a mapping can name. There is none for its body.
    MailSource, "this is no field of a message that can be mapped", {
        /// The message's id.
        Id => "id",
        /// When it was received.
        ReceivedDateTime => "receivedDateTime",
        /// The conversation that it belongs to.
        ConversationId => "conversationId",
        /// The first participant who passed the filter, in the order sender, to, cc.
        RecipientAddress => "toRecipients[].emailAddress.address",
        /// The subject, where somebody passed the filter.
        Subject => "subject",
    }
}

words! {
    /// The fields of a record that a mapping can fill.
    Target, "this is no field of a record that can be mapped", {
        /// What names the record; required.
        ExternalId => "externalId",
        /// When it happened; required.
        OccurredAt => "occurredAt",
        /// Whom it is about; required.
        PersonExternalId => "personExternalId",
        /// A meeting's subject.
        MeetingSubject => "properties.meetingSubject",
        /// A meeting's organizer.
        OrganizerEmail => "properties.organizerEmail",
        /// Whether a meeting is held online.
        IsOnline => "properties.isOnline",
        /// A message's conversation.
        ConversationId => "properties.conversationId",
        /// A message's subject.
        Subject => "properties.subject",
    }
}

/// What a source gives. A target takes one kind and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The id of the item. It tells upper from lower case, so no transform fits.
    ItemId,
    /// The id of a conversation; no transform fits.
    ConversationId,
    /// Free text.
    Text,
    /// An instant; no transform fits.
    Instant,
    /// Yes or no; no transform fits.
    Flag,
    /// A person whom the filter let in.
    Participant,
    /// An organizer whose address may be kept.
    Organizer,
}

impl Kind {
    /// Whether a transform other than `none` can stand in the mapping.
    const fn can_be_transformed(self) -> bool {
        matches!(self, Self::Text | Self::Participant | Self::Organizer)
    }
}

/// A closed list of the fields of one kind of item.
pub trait Source: Copy {
    /// The targets that records of this kind of item have.
    const TARGETS: &'static [Target];

    /// What the field gives.
    fn kind(self) -> Kind;
}

impl Source for CalendarSource {
    const TARGETS: &'static [Target] = &[
        Target::ExternalId,
        Target::OccurredAt,
        Target::PersonExternalId,
        Target::MeetingSubject,
        Target::OrganizerEmail,
        Target::IsOnline,
    ];

    fn kind(self) -> Kind {
        match self {
            Self::Id => Kind::ItemId,
            Self::Subject => Kind::Text,
            Self::Start => Kind::Instant,
            Self::AttendeeAddress => Kind::Participant,
            Self::OrganizerAddress => Kind::Organizer,
            Self::IsOnlineMeeting => Kind::Flag,
        }
    }
}

impl Source for MailSource {
    const TARGETS: &'static [Target] =
        &[Target::ExternalId, Target::OccurredAt, Target::PersonExternalId, Target::ConversationId, Target::Subject];

    fn kind(self) -> Kind {
        match self {
            Self::Id => Kind::ItemId,
            Self::ReceivedDateTime => Kind::Instant,
            Self::ConversationId => Kind::ConversationId,
            Self::RecipientAddress => Kind::Participant,
            Self::Subject => Kind::Text,
        }
    }
}

impl Target {
    /// The targets that every record needs.
    pub const REQUIRED: [Self; 3] = [Self::ExternalId, Self::OccurredAt, Self::PersonExternalId];

    /// The kind that the target takes.
    pub const fn takes(self) -> Kind {
        match self {
            Self::ExternalId => Kind::ItemId,
            Self::OccurredAt => Kind::Instant,
            Self::PersonExternalId => Kind::Participant,
            Self::MeetingSubject | Self::Subject => Kind::Text,
            Self::OrganizerEmail => Kind::Organizer,
            Self::IsOnline => Kind::Flag,
            Self::ConversationId => Kind::ConversationId,
        }
    }
}

/// One line of a table: this field goes there, changed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldMapping<S> {
    /// The field that is read.
    pub source: S,
    /// The field that is filled.
    pub target: Target,
    /// What is done in between.
    pub transform: Transform,
}

/// Both tables, checked: each required target is filled once, no other more than once, and each by a source of the kind
/// that it takes. An optional target that no line fills is `null` in every record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct FieldMappings {
    calendar: Vec<FieldMapping<CalendarSource>>,
    mail: Vec<FieldMapping<MailSource>>,
}

/// Why tables cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// A required target has no line.
    #[error("the required field {} is filled by no mapping", .0.word())]
    Missing(Target),
    /// A target has more than one line.
    #[error("the field {} is filled by more than one mapping", .0.word())]
    Doubled(Target),
    /// The target is filled by a source of another kind, or is a field of the other kind of record.
    #[error("the field {} cannot be filled from that source", .0.word())]
    KindDoesNotFit(Target),
    /// The line transforms what is no text.
    #[error("the field {} takes its value as it is: its transform has to be none", .0.word())]
    TransformDoesNotFit(Target),
}

impl FieldMappings {
    /// Tables of one's own, if records can be made with them.
    pub fn checked(
        calendar: Vec<FieldMapping<CalendarSource>>,
        mail: Vec<FieldMapping<MailSource>>,
    ) -> Result<Self, MappingError> {
        assert_usable(&calendar)?;
        assert_usable(&mail)?;
        Ok(Self { calendar, mail })
    }

    /// The lines for events.
    pub fn calendar(&self) -> &[FieldMapping<CalendarSource>] {
        &self.calendar
    }

    /// The lines for messages.
    pub fn mail(&self) -> &[FieldMapping<MailSource>] {
        &self.mail
    }

    /// The same tables without the lines that read a subject, for tenants that keep none.
    #[must_use]
    pub fn without_subjects(mut self) -> Self {
        self.calendar.retain(|line| line.source != CalendarSource::Subject);
        self.mail.retain(|line| line.source != MailSource::Subject);
        self
    }
}

impl Default for FieldMappings {
    fn default() -> Self {
        Self { calendar: DEFAULT_CALENDAR.to_vec(), mail: DEFAULT_MAIL.to_vec() }
    }
}

const fn line<S>(source: S, target: Target, transform: Transform) -> FieldMapping<S> {
    FieldMapping { source, target, transform }
}

const DEFAULT_CALENDAR: [FieldMapping<CalendarSource>; 6] = [
    line(CalendarSource::Id, Target::ExternalId, Transform::None),
    line(CalendarSource::Subject, Target::MeetingSubject, Transform::Trim),
    line(CalendarSource::Start, Target::OccurredAt, Transform::None),
    line(CalendarSource::AttendeeAddress, Target::PersonExternalId, Transform::Lowercase),
    line(CalendarSource::OrganizerAddress, Target::OrganizerEmail, Transform::Lowercase),
    line(CalendarSource::IsOnlineMeeting, Target::IsOnline, Transform::None),
];

const DEFAULT_MAIL: [FieldMapping<MailSource>; 5] = [
    line(MailSource::Id, Target::ExternalId, Transform::None),
    line(MailSource::ReceivedDateTime, Target::OccurredAt, Transform::None),
    line(MailSource::ConversationId, Target::ConversationId, Transform::None),
    line(MailSource::RecipientAddress, Target::PersonExternalId, Transform::Lowercase),
    line(MailSource::Subject, Target::Subject, Transform::Trim),
];

fn assert_usable<S: Source>(table: &[FieldMapping<S>]) -> Result<(), MappingError> {
    for line in table {
        if !S::TARGETS.contains(&line.target) || line.source.kind() != line.target.takes() {
            return Err(MappingError::KindDoesNotFit(line.target));
        }
        if line.transform != Transform::None && !line.source.kind().can_be_transformed() {
            return Err(MappingError::TransformDoesNotFit(line.target));
        }
        if table.iter().filter(|other| other.target == line.target).count() > 1 {
            return Err(MappingError::Doubled(line.target));
        }
    }
    let missing = Target::REQUIRED.into_iter().find(|required| table.iter().all(|line| line.target != *required));
    missing.map_or(Ok(()), |target| Err(MappingError::Missing(target)))
}

/// Tables as they are written down, before anyone looked at them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    calendar: Vec<FieldMapping<CalendarSource>>,
    mail: Vec<FieldMapping<MailSource>>,
}

impl TryFrom<Unchecked> for FieldMappings {
    type Error = MappingError;
    fn try_from(tables: Unchecked) -> Result<Self, MappingError> {
        Self::checked(tables.calendar, tables.mail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar_without(target: Target) -> Vec<FieldMapping<CalendarSource>> {
        DEFAULT_CALENDAR.into_iter().filter(|line| line.target != target).collect()
    }

    fn refusal(calendar: Vec<FieldMapping<CalendarSource>>) -> MappingError {
        FieldMappings::checked(calendar, DEFAULT_MAIL.to_vec()).unwrap_err()
    }

    #[test]
    fn no_table_can_name_a_body_or_anything_else_that_is_not_on_the_list() {
        for source in ["body", "body.content", "bodyPreview", "bccRecipients[].emailAddress.address", "location.zzqq"] {
            let line = serde_json::json!({"source": source, "target": "properties.subject", "transform": "none"});
            let error = serde_json::from_value::<FieldMapping<MailSource>>(line.clone()).unwrap_err().to_string();
            assert!(!error.contains("zzqq") && !error.contains("body"), "{error}");
            serde_json::from_value::<FieldMapping<CalendarSource>>(line).unwrap_err();
        }
        let no_words = CalendarSource::ALL.iter().map(|s| s.word()).chain(MailSource::ALL.iter().map(|s| s.word()));
        assert_eq!(no_words.filter(|word| word.contains("body")).count(), 0);
    }

    #[test]
    fn a_required_target_can_be_neither_missing_nor_doubled() {
        for target in Target::REQUIRED {
            assert_eq!(refusal(calendar_without(target)), MappingError::Missing(target));
        }
        for line in DEFAULT_CALENDAR {
            let mut doubled = DEFAULT_CALENDAR.to_vec();
            doubled.push(line);
            assert_eq!(refusal(doubled), MappingError::Doubled(line.target));
        }
    }

    #[test]
    fn a_target_takes_only_a_source_of_its_kind() {
        for (source, target) in [
            (CalendarSource::Subject, Target::ExternalId),
            (CalendarSource::Subject, Target::PersonExternalId),
            (CalendarSource::Start, Target::MeetingSubject),
            (CalendarSource::AttendeeAddress, Target::MeetingSubject),
            (CalendarSource::OrganizerAddress, Target::PersonExternalId),
            (CalendarSource::AttendeeAddress, Target::OrganizerEmail),
            // A field of the other kind of record.
            (CalendarSource::Subject, Target::Subject),
        ] {
            let mut table = calendar_without(target);
            table.push(line(source, target, Transform::None));
            assert_eq!(refusal(table), MappingError::KindDoesNotFit(target), "{source:?}");
        }
        let mail = vec![line(MailSource::Subject, Target::MeetingSubject, Transform::None)];
        let error = FieldMappings::checked(DEFAULT_CALENDAR.to_vec(), mail).unwrap_err();
        assert_eq!(error, MappingError::KindDoesNotFit(Target::MeetingSubject));
    }

    #[test]
    fn what_is_no_text_is_not_transformed() {
        for (source, target) in [
            (CalendarSource::Id, Target::ExternalId),
            (CalendarSource::Start, Target::OccurredAt),
            (CalendarSource::IsOnlineMeeting, Target::IsOnline),
        ] {
            let mut table = calendar_without(target);
            table.push(line(source, target, Transform::Lowercase));
            assert_eq!(refusal(table), MappingError::TransformDoesNotFit(target));
        }
    }

    #[test]
    fn the_tables_are_written_and_read_with_the_words_of_the_fields() {
        let tables = FieldMappings::default();
        let json = serde_json::to_value(&tables).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "calendar": [
                    {"source": "id", "target": "externalId", "transform": "none"},
                    {"source": "subject", "target": "properties.meetingSubject", "transform": "trim"},
                    {"source": "start.dateTime", "target": "occurredAt", "transform": "none"},
                    {"source": "attendees[].emailAddress.address", "target": "personExternalId", "transform": "lowercase"},
                    {"source": "organizer.emailAddress.address", "target": "properties.organizerEmail", "transform": "lowercase"},
                    {"source": "isOnlineMeeting", "target": "properties.isOnline", "transform": "none"},
                ],
                "mail": [
                    {"source": "id", "target": "externalId", "transform": "none"},
                    {"source": "receivedDateTime", "target": "occurredAt", "transform": "none"},
                    {"source": "conversationId", "target": "properties.conversationId", "transform": "none"},
                    {"source": "toRecipients[].emailAddress.address", "target": "personExternalId", "transform": "lowercase"},
                    {"source": "subject", "target": "properties.subject", "transform": "trim"},
                ],
            })
        );
        assert_eq!(serde_json::from_value::<FieldMappings>(json.clone()).unwrap(), tables);
        assert_eq!(FieldMappings::checked(tables.calendar.clone(), tables.mail.clone()).unwrap(), tables);

        let mut broken = json;
        broken["calendar"].as_array_mut().unwrap().remove(0);
        let error = serde_json::from_value::<FieldMappings>(broken).unwrap_err().to_string();
        assert_eq!(error, "the required field externalId is filled by no mapping");
    }

    #[test]
    fn without_subjects_nothing_reads_one_and_the_rest_stays() {
        let tables = FieldMappings::default().without_subjects();
        assert_eq!((tables.calendar().len(), tables.mail().len()), (5, 4));
        FieldMappings::checked(tables.calendar.clone(), tables.mail.clone()).unwrap();
    }

    #[test]
    fn every_word_is_read_again() {
        for word in Transform::ALL {
            assert_eq!(Transform::from_word(word.word()), Some(*word));
        }
        for word in Target::ALL {
            assert_eq!(Target::from_word(word.word()), Some(*word));
        }
    }
}
