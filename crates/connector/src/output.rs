//! Data on stdout.

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use m365_activity::{Record, Table};
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
    Csv(Box<Table<BufWriter<StdoutLock<'static>>>>),
}

impl Printer {
    /// Begins to print. A table has further columns `with_details`; JSON has what the record has.
    pub fn new(format: Format, with_details: bool) -> Result<Self, Stopped> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson(Lines::new()),
            Format::Csv => {
                let mut table = Table::new(BufWriter::new(io::stdout().lock()), with_details);
                table.heading()?;
                Self::Csv(Box::new(table))
            }
        })
    }

    /// Prints one record.
    pub fn print(&mut self, record: &Record<'_>) -> Result<(), Stopped> {
        match self {
            Self::Ndjson(lines) => lines.print(record),
            Self::Csv(table) => Ok(table.row(record)?),
        }
    }

    /// Ends.
    pub fn finish(self) -> Result<(), Stopped> {
        match self {
            Self::Ndjson(lines) => lines.finish(),
            Self::Csv(table) => Ok(table.finish()?.flush()?),
        }
    }
}
