//! Records as lines of a page.

use m365_activity::{Direction, RecordProperties};
use m365_privacy::ResponseStatus;
use m365_store::reading::{Listed, PersonKey};

use crate::render::{Time, number};

/// Somebody in a record.
pub struct Person {
    /// The address, to be read.
    pub address: String,
    /// What names the person in an address bar.
    pub key: String,
}

/// A record in a line.
pub struct Row {
    /// When; nothing for the browser to convert where whole days are meant.
    pub iso: Option<String>,
    /// When, in words.
    pub when: String,
    /// What it tells of.
    pub what: &'static str,
    /// The person whom it is about.
    pub person: Person,
    /// Who else took part, of those that are kept.
    pub others: Vec<Person>,
    /// The subject, where it is kept. A stranger wrote it.
    pub subject: Option<String>,
    /// The domain of the entry that let the person in.
    pub domain: String,
    /// What was answered.
    pub answer: &'static str,
    /// How long, in minutes.
    pub minutes: String,
}

impl Row {
    /// The line of a record.
    pub fn of(listed: &Listed<'_>) -> Self {
        let record = &listed.record;
        let Time { iso, text } = record.occurred_at.into();
        let person = |address: &str, later: u16| Person {
            address: address.to_owned(),
            key: PersonKey::new(listed.key, later).to_string(),
        };
        let mut row = Self {
            iso: Some(iso),
            when: text,
            what: "Mail",
            person: person(&record.person_external_id, 0),
            others: Vec::new(),
            subject: None,
            domain: listed.domain.to_owned(),
            answer: "",
            minutes: String::new(),
        };
        match &record.properties {
            RecordProperties::Meeting(meeting) => {
                row.what = match meeting.response_status {
                    ResponseStatus::Organizer => "Invited others to a meeting",
                    _ => "Invited to a meeting",
                };
                row.answer = answer(meeting.response_status);
                row.subject = meeting.meeting_subject.as_deref().map(str::to_owned);
                row.minutes =
                    meeting.duration_minutes.map(|minutes| number(minutes.unsigned_abs())).unwrap_or_default();
                if meeting.details.as_ref().and_then(|details| details.is_all_day) == Some(true) {
                    // Its date is the same wherever it is looked at from.
                    row.iso = None;
                    row.when = format!("{}, all day", record.occurred_at.strftime("%-d %b %Y"));
                    row.minutes = String::new();
                }
            }
            RecordProperties::Email(mail) => {
                row.what = match &mail.details {
                    Some(details) if details.automated => "Automated mail",
                    Some(details) => match details.direction {
                        Direction::Inbound => "Wrote a mail",
                        Direction::Outbound => "Received a mail",
                        Direction::ThirdParty => "Took part in a mail",
                    },
                    None => "Took part in a mail",
                };
                row.subject = mail.subject.as_deref().map(str::to_owned);
                let others = (1..).zip(mail.participant_emails.iter().skip(1));
                row.others = others.map(|(later, address)| person(address, later)).collect();
            }
        }
        row
    }
}

/// An answer to an invitation. Nobody can tell from a calendar who came.
const fn answer(status: ResponseStatus) -> &'static str {
    match status {
        ResponseStatus::None => "no answer known",
        ResponseStatus::Organizer => "sent the invitation",
        ResponseStatus::TentativelyAccepted => "accepted tentatively",
        ResponseStatus::Accepted => "accepted",
        ResponseStatus::Declined => "declined",
        ResponseStatus::NotResponded => "has not answered",
    }
}
