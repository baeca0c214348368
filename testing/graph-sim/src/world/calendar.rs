//! The copies of meetings in people's calendars.

use jiff::Timestamp;
use jiff::civil::Date;

use super::meeting::{day_number, overlaps};
use super::{Attendee, AttendeeKind, Meeting, MeetingNo, Response, Sensitivity, UserNo, World};
use crate::ids::{self, IdForm, Item};

/// A copy of a meeting in one calendar, by place in [`Calendar::entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryNo(pub usize);

/// One calendar's copy of a meeting.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is a copy of.
    pub meeting: MeetingNo,
    /// Whether the copy is gone.
    pub removed: bool,
    /// How private the owner of the calendar made this copy.
    pub sensitivity: Option<Sensitivity>,
    /// Whether its owner was taken off the meeting, and the copy says that it was called off.
    pub is_uninvited: bool,
    /// When this copy was last changed.
    pub modified: Timestamp,
    /// How often it has changed.
    pub version: usize,
}

/// Something that happened to an entry.
#[derive(Debug, Clone, Copy)]
pub struct CalChange {
    /// The mailbox's count of changes at the time.
    pub seq: u64,
    /// Which entry.
    pub entry: EntryNo,
    /// What happened.
    pub what: CalWhat,
}

/// What can happen to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalWhat {
    /// It is new or has changed, or is gone: its state tells.
    Changed,
    /// A day of the series has ceased to be, and is reported so.
    DayGone(Date),
}

/// A calendar.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    /// Every copy, removed ones too.
    pub entries: Vec<Entry>,
    /// What has happened, oldest first.
    pub(crate) log: Vec<CalChange>,
}

impl Calendar {
    /// One copy.
    pub fn entry(&self, entry: EntryNo) -> &Entry {
        &self.entries[entry.0]
    }

    /// Every copy that is still there.
    pub fn live(&self) -> impl Iterator<Item = (EntryNo, &Entry)> {
        self.entries.iter().enumerate().filter(|(_, e)| !e.removed).map(|(number, e)| (EntryNo(number), e))
    }
}

/// Something that really takes place: a single meeting or one day of a series.
#[derive(Debug, Clone, Copy)]
pub struct Instance<'a> {
    /// The meeting or series.
    pub number: MeetingNo,
    /// The day of the series, if it is one.
    pub date: Option<Date>,
    /// When it takes place.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// What it is called.
    pub subject: &'a str,
    /// Who is invited.
    pub attendees: &'a [Attendee],
    /// Whether it was called off.
    pub cancelled: bool,
}

impl World {
    /// One meeting or series.
    pub fn meeting(&self, meeting: MeetingNo) -> &Meeting {
        &self.meetings[meeting.0]
    }

    /// Everything that takes place within a span, whoever's calendar shows it.
    pub fn instances(&self, from: Timestamp, to: Timestamp) -> Vec<Instance<'_>> {
        let mut out = Vec::new();
        for (number, meeting) in self.meetings.iter().enumerate() {
            let number = MeetingNo(number);
            if meeting.recurrence.is_none() {
                if overlaps(meeting.start, meeting.end, from, to) {
                    out.push(Instance {
                        number,
                        date: None,
                        start: meeting.start,
                        end: meeting.end,
                        subject: &meeting.subject,
                        attendees: &meeting.attendees,
                        cancelled: meeting.cancelled,
                    });
                }
                continue;
            }
            out.extend(meeting.occurrences(from, to).into_iter().map(|o| Instance {
                number,
                date: Some(o.date),
                start: o.start,
                end: o.end,
                subject: o.exception.and_then(|e| e.subject.as_deref()).unwrap_or(&meeting.subject),
                attendees: o.exception.and_then(|e| e.attendees.as_deref()).unwrap_or(&meeting.attendees),
                cancelled: meeting.cancelled || o.exception.is_some_and(|e| e.cancelled),
            }));
        }
        out
    }

    /// The copy of a meeting in a user's calendar, if it is there.
    pub fn copy_of(&self, meeting: MeetingNo, user: UserNo) -> Option<EntryNo> {
        let calendar = &self.mailbox(user)?.calendar;
        let copies = self.meeting(meeting).copies.iter().filter(|(owner, _)| *owner == user);
        copies.map(|(_, entry)| *entry).find(|entry| !calendar.entry(*entry).removed)
    }

    /// Whether a calendar's owner called the meeting.
    pub fn is_organizer(&self, meeting: MeetingNo, user: UserNo) -> bool {
        self.is_person(user, self.meeting(meeting).organizer)
    }

    /// How private a copy is: as its owner made it, or else as the organizer did.
    pub fn sensitivity_of(&self, user: UserNo, entry: EntryNo) -> Sensitivity {
        let Some(mailbox) = self.mailbox(user) else {
            return Sensitivity::Normal;
        };
        let entry = mailbox.calendar.entry(entry);
        entry.sensitivity.unwrap_or(self.meeting(entry.meeting).sensitivity)
    }

    /// When a copy was last changed, or one day of it that differs from its series.
    pub fn modified_of(&self, user: UserNo, entry: EntryNo, date: Option<Date>) -> Option<Timestamp> {
        let entry = self.mailbox(user)?.calendar.entry(entry);
        let meeting = self.meeting(entry.meeting);
        let exception = date.and_then(|date| meeting.exceptions.get(&date));
        Some(exception.map_or(meeting.modified.max(entry.modified), |e| e.modified))
    }

    /// The attendees as one copy shows them.
    ///
    /// The organizer's copy knows every answer and leaves the organizer out. Everybody else's
    /// lists the organizer with the answer `none`, knows its owner's answer and no other, and
    /// shows only its owner where the attendees are hidden.
    pub fn attendees_in(&self, meeting: MeetingNo, attendees: &[Attendee], user: UserNo) -> Vec<Attendee> {
        if self.is_organizer(meeting, user) {
            return attendees.to_vec();
        }
        let this = self.meeting(meeting);
        let organizer = Attendee { person: this.organizer, kind: AttendeeKind::Required, response: Response::None };
        let mut seen: Vec<_> = std::iter::once(organizer)
            .chain(attendees.iter().map(|a| {
                let response = if self.is_person(user, a.person) { a.response } else { Response::None };
                Attendee { response, ..*a }
            }))
            .collect();
        if this.hide_attendees {
            seen.retain(|a| self.is_person(user, a.person));
        }
        seen
    }

    /// The id of a copy of a meeting or series master.
    pub fn event_id(&self, user: UserNo, entry: EntryNo, form: IdForm) -> Option<String> {
        Some(self.mailbox(user)?.stem().id(Item::Event(entry.0), form))
    }

    /// The id of one day of a copy of a series.
    pub fn occurrence_id(&self, user: UserNo, entry: EntryNo, date: Date, form: IdForm) -> Option<String> {
        let day = usize::try_from(day_number(date)).ok()?;
        Some(self.mailbox(user)?.stem().id(Item::Occurrence { entry: entry.0, day }, form))
    }

    /// Adds a meeting that no calendar shows yet.
    pub(crate) fn add_meeting(&mut self, meeting: Meeting) -> MeetingNo {
        self.meetings.push(meeting);
        let number = MeetingNo(self.meetings.len() - 1);
        self.meetings[number.0].uid = ids::meeting_uid(number.0, self.seed);
        number
    }

    /// Puts a copy of a meeting into a calendar; someone without a mailbox gets none.
    pub(crate) fn add_copy(&mut self, meeting: MeetingNo, user: UserNo) -> Option<EntryNo> {
        let modified = self.meeting(meeting).modified;
        let mailbox = self.mailbox_mut(user)?;
        let entry = EntryNo(mailbox.calendar.entries.len());
        let copy = Entry { meeting, removed: false, sensitivity: None, is_uninvited: false, modified, version: 0 };
        mailbox.calendar.entries.push(copy);
        self.meetings[meeting.0].copies.push((user, entry));
        self.note_entry(user, entry, CalWhat::Changed);
        Some(entry)
    }

    /// Notes that a copy has changed.
    pub(crate) fn touch_entry(&mut self, user: UserNo, entry: EntryNo, change: impl FnOnce(&mut Entry)) {
        let now = self.now;
        if let Some(mailbox) = self.mailbox_mut(user) {
            let at = &mut mailbox.calendar.entries[entry.0];
            at.modified = now;
            at.version += 1;
            change(at);
            self.note_entry(user, entry, CalWhat::Changed);
        }
    }

    pub(crate) fn note_entry(&mut self, user: UserNo, entry: EntryNo, what: CalWhat) {
        if let Some(mailbox) = self.mailbox_mut(user) {
            let seq = mailbox.next_seq();
            mailbox.calendar.log.push(CalChange { seq, entry, what });
        }
    }
}
