//! Data on stdout.

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use m365_activity::{Record, RecordProperties};
use m365_store::StoreError;
use serde::Serialize;

use crate::cli::Format;
use crate::exit::{Exit, explain};

/// Why printing stopped.
#[derive(Debug)]
pub enum Stopped {
    /// The reader has seen enough.
    ReaderIsGone,
    /// stdout cannot be written.
    Io,
    /// The store failed.
    Store(StoreError),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe { Self::ReaderIsGone } else { Self::Io }
    }
}

impl From<csv::Error> for Stopped {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            _ => Self::Io,
        }
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Stopped {
    /// Says what happened. A reader who has seen enough is no failure.
    pub fn exit(&self) -> Exit {
        match self {
            Self::ReaderIsGone => Exit::Done,
            Self::Io => {
                explain(&"the output could not be written: check that its disk has room");
                Exit::Failed
            }
            Self::Store(error) => {
                explain(error);
                Exit::of(error)
            }
        }
    }
}

/// Prints `text` and a line's end.
pub fn line(text: &str) -> Result<(), Stopped> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Prints JSON, one value a line.
pub struct Lines(BufWriter<StdoutLock<'static>>);

impl Lines {
    /// Begins to print.
    pub fn new() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }

    /// Prints one value.
    pub fn print(&mut self, value: &impl Serialize) -> Result<(), Stopped> {
        serde_json::to_writer(&mut self.0, value).map_err(|error| Stopped::from(io::Error::from(error)))?;
        Ok(self.0.write_all(b"\n")?)
    }

    /// Ends.
    pub fn finish(mut self) -> Result<(), Stopped> {
        Ok(self.0.flush()?)
    }
}

/// Prints records one by one.
pub enum Printer {
    /// As JSON, one a line.
    Ndjson(Lines),
    /// As a table.
    Csv {
        /// The table.
        table: Box<csv::Writer<BufWriter<StdoutLock<'static>>>>,
        /// Whether it has the columns of further properties.
        with_details: bool,
    },
}

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

impl Printer {
    /// Begins to print. A table has further columns `with_details`; JSON has what the record has.
    pub fn new(format: Format, with_details: bool) -> Result<Self, Stopped> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson(Lines::new()),
            Format::Csv => {
                let mut table = csv::Writer::from_writer(BufWriter::new(io::stdout().lock()));
                let details = if with_details { &DETAILS[..] } else { &[] };
                table.write_record(COLUMNS.iter().chain(details))?;
                Self::Csv { table: Box::new(table), with_details }
            }
        })
    }

    /// Prints one record.
    pub fn print(&mut self, record: &Record<'_>) -> Result<(), Stopped> {
        match self {
            Self::Ndjson(lines) => lines.print(record),
            Self::Csv { table, with_details: false } => Ok(table.write_record(cells(record))?),
            Self::Csv { table, with_details: true } => {
                Ok(table.write_record(cells(record).into_iter().chain(details(record)))?)
            }
        }
    }

    /// Ends.
    pub fn finish(self) -> Result<(), Stopped> {
        match self {
            Self::Ndjson(lines) => lines.finish(),
            Self::Csv { mut table, .. } => Ok(table.flush()?),
        }
    }
}

fn cells(record: &Record<'_>) -> Vec<String> {
    let mut cells = vec![
        guarded(&record.external_id),
        record.kind().word().to_owned(),
        record.kind().channel().to_owned(),
        m365_model::to_text(record.occurred_at),
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
    use m365_activity::EmailProperties;

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
