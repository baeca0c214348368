//! Subject lines that may be kept.

use std::fmt;

use crate::{RawText, Suppressions};

/// The longest subject that is kept, in characters.
const LONGEST_SUBJECT: usize = 1000;

/// The subject of an item that somebody passed the filter in. Items without anyone have no subject: it is handed out by
/// [`FilteredAttendees::subject`](crate::FilteredAttendees::subject) and
/// [`FilteredParticipants::subject`](crate::FilteredParticipants::subject) alone.
///
/// At most 1000 characters, without NUL, which databases refuse.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// Only for an item that has a participant: both callers check that first. A subject that names someone who was erased
    /// is not kept at all.
    pub(crate) fn of_item_with_someone(raw: RawText, erased: &Suppressions) -> Option<Self> {
        let text = raw.0.filter(|text| !erased.are_named_in(text))?;
        Some(Self(text.chars().filter(|c| *c != '\0').take(LONGEST_SUBJECT).collect()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(..)")
    }
}
