//! Records as rows of a table, for whoever prints them: the command line and the dashboard write the same columns.

use std::io::{self, Write};

use m365_model::to_text;

use crate::record::{Record, RecordProperties};

/// The columns of every table.
const COLUMNS: [&str; 16] = [
    "externalId",
    "type",
    "channel",
    "occurredAt",
    "personExternalId",
    "meetingSubject",
    "durationMinutes",
    "isOnline",
    "organizerEmail",
    "attendeeCount",
    "responseStatus",
    "accountDomain",
    "conversationId",
    "participantCount",
    "participantEmails",
    "subject",
];

/// The further columns where an administrator asked for further properties.
const DETAILS: [&str; 7] =
    ["meetingKey", "isRecurring", "isAllDay", "showAs", "direction", "accountDomains", "automated"];

/// A table of records as comma-separated values ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)).
pub struct Table<W: Write> {
    rows: csv::Writer<W>,
    with_details: bool,
}

impl<W: Write> Table<W> {
    /// A table that is written to `out`. It has further columns `with_details`.
    pub fn new(out: W, with_details: bool) -> Self {
        Self { rows: csv::Writer::from_writer(out), with_details }
    }

    /// Writes the names of the columns.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn heading(&mut self) -> io::Result<()> {
        let details = if self.with_details { &DETAILS[..] } else { &[] };
        Ok(self.rows.write_record(COLUMNS.iter().chain(details))?)
    }

    /// Writes one record.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn row(&mut self, record: &Record<'_>) -> io::Result<()> {
        let mut row = cells(record);
        if self.with_details {
            row.extend(details(record));
        }
        Ok(self.rows.write_record(row)?)
    }

    /// Ends, and gives back what was written to.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.rows.flush()?;
        self.rows.into_inner().map_err(|_| io::ErrorKind::Other.into())
    }
}

fn cells(record: &Record<'_>) -> Vec<String> {
    let mut cells = vec![
        guarded(&record.external_id),
        record.kind().word().to_owned(),
        record.kind().channel().to_owned(),
        to_text(record.occurred_at),
        guarded(&record.person_external_id),
    ];
    let none = || std::iter::repeat_with(String::new);
    match &record.properties {
        RecordProperties::Meeting(meeting) => {
            cells.extend([
                meeting.meeting_subject.as_deref().map(guarded).unwrap_or_default(),
                meeting.duration_minutes.map(|minutes| minutes.to_string()).unwrap_or_default(),
                meeting.is_online.map(|online| online.to_string()).unwrap_or_default(),
                meeting.organizer_email.as_deref().map(guarded).unwrap_or_default(),
                meeting.attendee_count.to_string(),
                meeting.response_status.word().to_owned(),
                meeting.account_domain.to_string(),
            ]);
            cells.extend(none().take(4));
        }
        RecordProperties::Email(mail) => {
            cells.extend(none().take(7));
            cells.extend([
                mail.conversation_id.as_deref().map(guarded).unwrap_or_default(),
                mail.participant_emails.len().to_string(),
                guarded(&mail.participant_emails.join(";")),
                mail.subject.as_deref().map(guarded).unwrap_or_default(),
            ]);
        }
    }
    cells
}

fn details(record: &Record<'_>) -> [String; 7] {
    let told = |flag: Option<bool>| flag.map(|flag| flag.to_string()).unwrap_or_default();
    let mut cells = <[String; 7]>::default();
    match &record.properties {
        RecordProperties::Meeting(meeting) => {
            if let Some(details) = &meeting.details {
                cells[0].clone_from(&details.meeting_key);
                cells[1] = details.is_recurring.to_string();
                cells[2] = told(details.is_all_day);
                cells[3] = details.show_as.clone().unwrap_or_default();
            }
        }
        RecordProperties::Email(mail) => {
            if let Some(details) = &mail.details {
                details.direction.word().clone_into(&mut cells[4]);
                cells[5] = details.account_domains.join(";");
                cells[6] = details.automated.to_string();
            }
        }
    }
    cells
}

/// A spreadsheet takes a cell that begins like a formula for one, and subjects are written by strangers: such a cell gets
/// an apostrophe first (<https://owasp.org/www-community/attacks/CSV_Injection>).
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmailProperties;

    #[test]
    fn a_row_has_a_cell_for_each_column_and_no_formula() {
        let record = Record {
            external_id: "o365_email_m".into(),
            occurred_at: "2026-03-02T15:00:00Z".parse().unwrap(),
            person_external_id: "+x@acme.com".into(),
            properties: RecordProperties::Email(EmailProperties {
                conversation_id: None,
                participant_emails: vec!["+x@acme.com".into()],
                details: None,
                subject: Some("=HYPERLINK(\"http://evil.test\")".into()),
            }),
        };
        let row = cells(&record);
        assert_eq!(row.len(), COLUMNS.len());
        assert!(row.iter().all(|cell| !cell.starts_with(['=', '+'])), "{row:?}");
        assert_eq!(row[15], "'=HYPERLINK(\"http://evil.test\")");
    }
}
