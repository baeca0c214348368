//! Meetings and series, and on which days a series takes place.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday};
use jiff::{SignedDuration, Timestamp};

use super::{EntryNo, PersonNo, UserNo};
use crate::zones::Zone;

/// A meeting or series, by place in [`World::meetings`](super::World::meetings).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeetingNo(pub usize);

/// An attendee's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// Nothing yet.
    None,
    /// Yes.
    Accepted,
    /// Perhaps.
    Tentative,
    /// No.
    Declined,
}

impl Response {
    /// Graph's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Accepted => "accepted",
            Self::Tentative => "tentativelyAccepted",
            Self::Declined => "declined",
        }
    }
}

/// In what capacity someone is invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttendeeKind {
    /// Must come.
    Required,
    /// May come.
    Optional,
    /// A room or a thing.
    Resource,
}

/// Someone who is invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attendee {
    /// Who.
    pub person: PersonNo,
    /// As what.
    pub kind: AttendeeKind,
    /// What they answered, as far as the organizer knows.
    pub response: Response,
}

/// How private a meeting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// Not at all.
    Normal,
    /// Personal.
    Personal,
    /// Private.
    Private,
    /// Confidential.
    Confidential,
    /// A word that nobody knows yet.
    Unknown,
}

impl Sensitivity {
    /// Graph's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Personal => "personal",
            Self::Private => "private",
            Self::Confidential => "confidential",
            Self::Unknown => "unknownFutureValue",
        }
    }
}

/// On which days a series takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Every so many days.
    Daily(i32),
    /// Every so many weeks, on the weekday of the first day.
    Weekly(i32),
    /// Monday to Friday.
    Workdays,
}

/// How a series repeats. Its clock time stays the same in its own zone.
#[derive(Debug, Clone, Copy)]
pub struct Recurrence {
    /// On which days.
    pub pattern: Pattern,
    /// The first day, in the series' zone.
    pub first: Date,
    /// The last day, if there is one.
    pub until: Option<Date>,
}

/// A day of a series that differs from the rest.
#[derive(Debug, Clone)]
pub struct Exception {
    /// When it takes place.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// When it was made to differ.
    pub modified: Timestamp,
    /// Its own subject.
    pub subject: Option<String>,
    /// Its own attendees.
    pub attendees: Option<Vec<Attendee>>,
    /// How private it is, where that differs from the rest.
    pub sensitivity: Option<Sensitivity>,
    /// Whether its row leaves out who takes part.
    pub is_thin: bool,
    /// Whether it was cancelled and the cancelled copy is still shown.
    pub cancelled: bool,
    /// Whether it was taken out of the series altogether.
    pub deleted: bool,
}

impl Exception {
    /// A day that differs in nothing yet.
    pub fn at(start: Timestamp, end: Timestamp, modified: Timestamp) -> Self {
        Self {
            start,
            end,
            modified,
            subject: None,
            attendees: None,
            sensitivity: None,
            is_thin: false,
            cancelled: false,
            deleted: false,
        }
    }
}

/// One meeting or one series, once for all the calendars that show it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own in a calendar")]
pub struct Meeting {
    /// Who called it.
    pub organizer: PersonNo,
    /// Everyone invited; the organizer is not among them.
    pub attendees: Vec<Attendee>,
    /// The subject.
    pub subject: String,
    /// The start, of a series the start of its first day. Midnight UTC for a whole day.
    pub start: Timestamp,
    /// The end.
    pub end: Timestamp,
    /// Whether it takes whole days.
    pub all_day: bool,
    /// The zone it was made in.
    pub zone: Zone,
    /// Whether it is held online.
    pub online: bool,
    /// How private it is for everyone.
    pub sensitivity: Sensitivity,
    /// Graph's word for what the calendar shows.
    pub show_as: &'static str,
    /// Whether it was called off.
    pub cancelled: bool,
    /// Whether attendees see only themselves.
    pub hide_attendees: bool,
    /// How it repeats, if it does.
    pub recurrence: Option<Recurrence>,
    /// The days of a series that differ.
    pub exceptions: BTreeMap<Date, Exception>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed for everyone.
    pub modified: Timestamp,
    /// The identifier that all copies share.
    pub uid: String,
    /// Whether its body is the large one.
    pub big: bool,
    /// The calendars that show it, or once did.
    pub copies: Vec<(UserNo, EntryNo)>,
}

/// A series, for reading its days.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    meeting: &'a Meeting,
    rule: Recurrence,
}

/// One day of a series.
#[derive(Debug, Clone, Copy)]
pub struct Occurrence<'a> {
    /// The day the series meant it for.
    pub date: Date,
    /// When it takes place.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// How it differs, if it does.
    pub exception: Option<&'a Exception>,
}

impl Series<'_> {
    fn takes_place_on(&self, date: Date) -> bool {
        let rule = self.rule;
        if date < rule.first || rule.until.is_some_and(|until| date > until) {
            return false;
        }
        let days = day_number(date) - day_number(rule.first);
        match rule.pattern {
            Pattern::Daily(every) => days % i64::from(every) == 0,
            Pattern::Weekly(every) => days % (7 * i64::from(every)) == 0,
            Pattern::Workdays => !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday),
        }
    }

    fn planned(&self, date: Date) -> (Timestamp, Timestamp) {
        let zone = if self.meeting.all_day { Zone::Utc } else { self.meeting.zone };
        let time = zone.local(self.meeting.start).time();
        let start = zone.instant(date.to_datetime(time));
        (start, start + self.meeting.length())
    }
}

impl Meeting {
    /// How long it takes.
    pub fn length(&self) -> SignedDuration {
        self.start.duration_until(self.end)
    }

    /// The meeting as a series, if it is one.
    pub fn series(&self) -> Option<Series<'_>> {
        Some(Series { meeting: self, rule: self.recurrence? })
    }

    /// Whether a single meeting, or any day of a series, touches this span.
    pub fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        match self.recurrence {
            Some(_) => !self.occurrences(from, to).is_empty(),
            None => overlaps(self.start, self.end, from, to),
        }
    }

    /// The days of a series that touch a span, in order of the days they were meant for.
    pub fn occurrences(&self, from: Timestamp, to: Timestamp) -> Vec<Occurrence<'_>> {
        let Some(series) = self.series() else {
            return Vec::new();
        };
        let slack = self.length() + SignedDuration::from_hours(48);
        let first = Zone::Utc.local(from - slack).date().max(series.rule.first);
        let last = Zone::Utc.local(to + SignedDuration::from_hours(48)).date();
        let last = series.rule.until.map_or(last, |until| last.min(until));
        let regular = first
            .series(jiff::Span::new().days(1))
            .take_while(|date| *date <= last)
            .filter(|date| series.takes_place_on(*date) && !self.exceptions.contains_key(date))
            .map(|date| {
                let (start, end) = series.planned(date);
                Occurrence { date, start, end, exception: None }
            });
        let changed = self.exceptions.iter().filter(|(_, e)| !e.deleted).map(|(date, e)| Occurrence {
            date: *date,
            start: e.start,
            end: e.end,
            exception: Some(e),
        });
        let mut all: Vec<_> = regular.chain(changed).filter(|o| overlaps(o.start, o.end, from, to)).collect();
        all.sort_by_key(|o| o.date);
        all
    }

    /// The occurrence that a series meant for a day, unless it was taken out.
    pub fn occurrence(&self, date: Date) -> Option<Occurrence<'_>> {
        if let Some(e) = self.exceptions.get(&date) {
            let found = Occurrence { date, start: e.start, end: e.end, exception: Some(e) };
            return (!e.deleted).then_some(found);
        }
        let series = self.series()?;
        let (start, end) = series.planned(date);
        series.takes_place_on(date).then_some(Occurrence { date, start, end, exception: None })
    }
}

/// Whether something that takes place touches a span; what has no length does when it begins in it.
pub(super) fn overlaps(start: Timestamp, end: Timestamp, from: Timestamp, to: Timestamp) -> bool {
    start < to && (end > from || start == end && start >= from)
}

/// Days since 1970, the way ids count them.
pub(crate) fn day_number(date: Date) -> i64 {
    Zone::Utc.instant(date.to_datetime(Time::midnight())).as_second().div_euclid(86_400)
}

/// The day with this number.
pub(crate) fn day_of(number: usize) -> Option<Date> {
    let seconds = i64::try_from(number).ok()?.checked_mul(86_400)?;
    Some(Zone::Utc.local(Timestamp::from_second(seconds).ok()?).date())
}
