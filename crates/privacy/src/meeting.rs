//! The filter for meetings.

use std::collections::{HashMap, HashSet};

use serde::{Serialize, Serializer};

use crate::filter::{Finding, Judged};
use crate::{
    AddressCounts, AddressFilter, AddressReason, NoOne, Organizer, Participant, RawAddress, RawText, Subject,
    Suppressions,
};

/// How someone is listed in a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttendeeKind {
    /// Asked to come.
    Required,
    /// Free to come.
    Optional,
    /// A room or a piece of equipment: never a person.
    Resource,
}

impl AttendeeKind {
    /// Reads Graph's `attendee.type`, in any letter case. A word that is not known is taken for `required`: whoever is
    /// listed is a person unless Graph says otherwise.
    pub fn from_graph(word: &str) -> Self {
        if word.eq_ignore_ascii_case("resource") {
            Self::Resource
        } else if word.eq_ignore_ascii_case("optional") {
            Self::Optional
        } else {
            Self::Required
        }
    }
}

/// What someone answered, in [Graph's words](https://learn.microsoft.com/en-us/graph/api/resources/responsestatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ResponseStatus {
    /// No answer is known.
    #[default]
    None,
    /// Sent the invitation.
    Organizer,
    /// May come.
    TentativelyAccepted,
    /// Comes.
    Accepted,
    /// Does not come.
    Declined,
    /// Has not answered.
    NotResponded,
}

impl ResponseStatus {
    const ALL: [Self; 6] =
        [Self::None, Self::Organizer, Self::TentativelyAccepted, Self::Accepted, Self::Declined, Self::NotResponded];

    /// Graph's spelling, which is stored and printed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Organizer => "organizer",
            Self::TentativelyAccepted => "tentativelyAccepted",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::NotResponded => "notResponded",
        }
    }

    /// Reads [`ResponseStatus::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Reads what Graph sent, in any letter case; absent and unknown words are [`ResponseStatus::None`].
    pub fn from_graph(word: Option<&str>) -> Self {
        let Some(word) = word else { return Self::None };
        Self::ALL.into_iter().find(|status| status.word().eq_ignore_ascii_case(word)).unwrap_or_default()
    }
}

impl Serialize for ResponseStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// One row of a meeting's list, before the filter.
#[derive(Debug)]
pub struct RawAttendee {
    /// Whose row it is.
    pub address: RawAddress,
    /// How they are listed.
    pub kind: AttendeeKind,
    /// What they answered.
    pub response: ResponseStatus,
}

/// What a tenant wants of organizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrganizerRules {
    /// Whether an external organizer who passes counts as an attendee, listed or not.
    pub external_counts: bool,
    /// Whether the organizer's address is kept.
    pub keep_address: bool,
}

/// Someone who passed, and what they answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendance {
    /// Who.
    pub person: Participant,
    /// What they answered.
    pub response: ResponseStatus,
}

/// What may be kept of a meeting's people.
#[derive(Debug, Clone)]
pub struct FilteredAttendees {
    attendances: Vec<Attendance>,
    organizer: Option<Organizer>,
    attendee_count: u32,
    counts: AddressCounts,
    erased: Suppressions,
}

impl FilteredAttendees {
    /// Whether nobody passed, so that nothing of the meeting is kept.
    pub fn is_empty(&self) -> bool {
        self.attendances.is_empty()
    }

    /// Those who passed, each once, in listed order; an external organizer who is not listed comes last.
    pub fn attendances(&self) -> &[Attendance] {
        &self.attendances
    }

    /// The organizer: of the tenant's own people, or passed. `None` for anyone else, and if addresses of organizers are
    /// not to be kept.
    pub const fn organizer(&self) -> Option<&Organizer> {
        self.organizer.as_ref()
    }

    /// How many distinct attendees are listed, resources left out; the organizer only if listed. It counts people who
    /// are not stored.
    pub const fn attendee_count(&self) -> u32 {
        self.attendee_count
    }

    /// The same people with another number of attendees: for an occurrence whose people were stored with its series
    /// master, the number that was stored with them.
    #[must_use]
    pub const fn with_attendee_count(mut self, n: u32) -> Self {
        self.attendee_count = n;
        self
    }

    /// Why addresses did not pass.
    pub const fn counts(&self) -> &AddressCounts {
        &self.counts
    }

    /// Why nobody passed; `None` when somebody did.
    pub fn verdict(&self) -> Option<NoOne> {
        self.is_empty().then(|| NoOne::told_by(&self.counts))
    }

    /// The subject as it may be kept: nothing when nobody passed, when there is none, or when it names someone who was
    /// erased.
    pub fn subject(&self, raw: RawText) -> Option<Subject> {
        if self.is_empty() { None } else { Subject::of_item_with_someone(raw, &self.erased) }
    }
}

/// Filters the people of one meeting. Rows that name the same address are one attendee, whose first answer that says
/// something counts; an address that is listed as a resource in one row is one in all.
pub fn filter_calendar_attendees(
    filter: &AddressFilter,
    rules: OrganizerRules,
    organizer: Option<RawAddress>,
    attendees: Vec<RawAttendee>,
) -> FilteredAttendees {
    let mut list = Listed::of(filter, attendees);
    let organizer = organizer.map(|raw| filter.judge(raw)).and_then(|judged| list.take_organizer(rules, judged));
    FilteredAttendees {
        attendances: list.attendances,
        organizer: organizer.filter(|_| rules.keep_address),
        attendee_count: list.attendee_count,
        counts: list.counts,
        erased: filter.erased().clone(),
    }
}

/// The rows of a meeting, read one by one.
struct Listed {
    attendances: Vec<Attendance>,
    /// Where in `attendances` an admitted address stands.
    places: HashMap<String, usize>,
    /// Every address seen, so that each is counted once.
    seen: HashSet<String>,
    resources: HashSet<String>,
    attendee_count: u32,
    counts: AddressCounts,
}

impl Listed {
    fn of(filter: &AddressFilter, attendees: Vec<RawAttendee>) -> Self {
        let rows: Vec<_> =
            attendees.into_iter().map(|row| (filter.judge(row.address), row.kind, row.response)).collect();
        // First of all rows: a room can be listed once more as if it were a person.
        let resources = rows
            .iter()
            .filter(|(_, kind, _)| *kind == AttendeeKind::Resource)
            .filter_map(|(judged, _, _)| judged.key.clone())
            .collect();
        let mut list = Self {
            attendances: Vec::new(),
            places: HashMap::new(),
            seen: HashSet::new(),
            resources,
            attendee_count: 0,
            counts: AddressCounts::default(),
        };
        for (judged, kind, response) in rows {
            list.take_row(judged, kind, response);
        }
        list
    }

    fn take_row(&mut self, judged: Judged, kind: AttendeeKind, response: ResponseStatus) {
        let is_resource = kind == AttendeeKind::Resource || self.is_listed_as_resource(judged.key.as_deref());
        if self.is_seen_again(judged.key.as_deref()) {
            if let Some(place) = judged.key.and_then(|key| self.places.get(&key).copied())
                && self.attendances[place].response == ResponseStatus::None
            {
                self.attendances[place].response = response;
            }
            return;
        }
        if is_resource {
            self.counts.add(AddressReason::Resource, 1);
            return;
        }
        self.attendee_count = self.attendee_count.saturating_add(1);
        match judged.finding {
            Finding::Admitted(person) => self.admit(person, response),
            Finding::Internal(_) => self.counts.add(AddressReason::Internal, 1),
            Finding::Refused(reason) => self.counts.add(reason, 1),
        }
    }

    /// Makes the organizer an attendee where the rules say so, and returns him if his address could be kept.
    fn take_organizer(&mut self, rules: OrganizerRules, judged: Judged) -> Option<Organizer> {
        let key = judged.key?;
        let is_resource = self.is_listed_as_resource(Some(&key));
        let is_listed = self.is_seen_again(Some(&key));
        match judged.finding {
            Finding::Internal(organizer) => {
                self.counts.add(AddressReason::Internal, u64::from(!is_listed));
                Some(Organizer::Internal(organizer))
            }
            Finding::Refused(reason) => {
                self.counts.add(reason, u64::from(!is_listed));
                None
            }
            Finding::Admitted(_) if is_resource => None,
            Finding::Admitted(person) => {
                if rules.external_counts {
                    match self.places.get(&key) {
                        Some(place) => self.attendances[*place].response = ResponseStatus::Organizer,
                        None => self.admit(person.clone(), ResponseStatus::Organizer),
                    }
                }
                Some(Organizer::External(person))
            }
        }
    }

    fn admit(&mut self, person: Participant, response: ResponseStatus) {
        self.places.insert(person.as_str().to_owned(), self.attendances.len());
        self.attendances.push(Attendance { person, response });
    }

    fn is_listed_as_resource(&self, key: Option<&str>) -> bool {
        key.is_some_and(|key| self.resources.contains(key))
    }

    /// Whether the address stood in an earlier row; rows without one are all different.
    fn is_seen_again(&mut self, key: Option<&str>) -> bool {
        key.is_some_and(|key| !self.seen.insert(key.to_owned()))
    }
}
