//! Meetings and series, and the copies of them in calendars.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday, time};
use jiff::{SignedDuration, Span, Timestamp};

use super::mail::company;
use super::{Cast, Draw};
use crate::names;
use crate::world::{
    Attendee, AttendeeKind, Exception, Meeting, MeetingNo, Pattern, PersonNo, Recurrence, Response, Sensitivity,
    UserNo, World,
};
use crate::zones::Zone;

/// Whether a meeting may have been called, and held, before now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// At any time that the tenant remembers.
    Any,
    /// Called just now.
    Fresh,
}

/// Calls one meeting or series that concerns `owner`, and puts copies into the calendars.
pub(crate) fn meeting(world: &mut World, cast: &Cast, draw: &mut Draw, owner: UserNo, age: Age) -> Option<MeetingNo> {
    let outsider = cast.outsider(draw)?;
    let mut meeting = blank(world, draw, owner, outsider, age);
    match draw.below(100) {
        0..78 => {}
        78..93 => make_series(world.now, draw, &mut meeting, company(world, outsider), age),
        _ => make_all_day(draw, &mut meeting, company(world, outsider)),
    }
    if age == Age::Fresh {
        meeting.created = world.now;
        meeting.modified = world.now;
    }
    invite(world, cast, draw, owner, outsider, &mut meeting);
    if meeting.recurrence.is_some() {
        add_exceptions(world, cast, draw, &mut meeting);
    }
    meeting.sensitivity = match draw.below(100) {
        0..5 => Sensitivity::Private,
        5..7 => Sensitivity::Confidential,
        7 => Sensitivity::Personal,
        _ => Sensitivity::Normal,
    };
    let called_off = age == Age::Any && meeting.attendees.len() > 1 && draw.chance(5);
    let number = world.add_meeting(meeting);
    hand_out(world, number);
    if called_off {
        let modified = draw.past(world.now, 40);
        call_off(world, number, modified);
    }
    Some(number)
}

/// Puts a copy into the calendar of everyone who has one and did not decline.
pub(crate) fn hand_out(world: &mut World, number: MeetingNo) {
    let meeting = world.meeting(number);
    let mut users: Vec<_> = meeting
        .attendees
        .iter()
        .filter(|a| a.response != Response::Declined)
        .map(|a| a.person)
        .chain([meeting.organizer])
        .filter_map(|person| world.user_of(person))
        .collect();
    users.sort_unstable();
    users.dedup();
    for user in users {
        world.add_copy(number, user);
    }
}

/// Calls a meeting off: the organizer's copy goes, the others stay and say so.
pub(crate) fn call_off(world: &mut World, number: MeetingNo, modified: Timestamp) {
    let created = world.meeting(number).created;
    let meeting = &mut world.meetings[number.0];
    meeting.cancelled = true;
    meeting.modified = modified.max(created);
    let (copies, modified) = (meeting.copies.clone(), meeting.modified);
    for (user, entry) in copies {
        if world.copy_of(number, user) != Some(entry) {
            continue;
        }
        let organizer = world.is_organizer(number, user);
        world.touch_entry(user, entry, |e| {
            e.removed = organizer;
            e.modified = modified;
        });
    }
}

fn blank(world: &World, draw: &mut Draw, owner: UserNo, outsider: PersonNo, age: Age) -> Meeting {
    let zone = [Zone::WesternEurope, Zone::Utc, Zone::London, Zone::Eastern, Zone::Tokyo]
        [[0, 0, 0, 1, 0, 2, 0, 3, 0, 4][owner.0 % 10]];
    let at = match age {
        Age::Any => draw.moment(world.now, 80, 60),
        Age::Fresh => draw.moment(world.now, -1, 60),
    };
    let quarter = at.as_second() - at.as_second().rem_euclid(900);
    let start = Timestamp::from_second(quarter).unwrap_or(at);
    let minutes = draw.pick(&[15, 30, 30, 45, 60, 60, 60, 90, 120]).unwrap_or(30);
    let known = start.min(world.now);
    let created = known - SignedDuration::from_hours(draw.between(1, 480));
    Meeting {
        organizer: world.user(owner).person,
        attendees: Vec::new(),
        subject: draw.word(&names::MEETING_SUBJECTS).replace("{}", company(world, outsider)),
        start,
        end: start + SignedDuration::from_mins(minutes),
        all_day: false,
        zone,
        online: draw.chance(65),
        sensitivity: Sensitivity::Normal,
        show_as: draw.word(&["busy", "busy", "busy", "busy", "tentative", "free", "oof"]),
        cancelled: false,
        hide_attendees: draw.chance(3),
        recurrence: None,
        exceptions: BTreeMap::new(),
        created,
        modified: created + SignedDuration::from_mins(draw.between(0, 50)),
        uid: String::new(),
        big: false,
        copies: Vec::new(),
    }
}

/// Fills in who calls the meeting and who comes.
fn invite(world: &World, cast: &Cast, draw: &mut Draw, owner: UserNo, outsider: PersonNo, meeting: &mut Meeting) {
    let me = world.user(owner).person;
    let mut people = Vec::new();
    match draw.below(100) {
        // The owner calls it, and someone from outside comes.
        0..52 => {
            people.push(outsider);
            while draw.chance(40) {
                people.extend(cast.outsider(draw));
            }
        }
        // The owner calls it for colleagues.
        52..66 => people.extend(cast.colleague(draw, owner).map(|c| world.user(c).person)),
        // Someone from outside calls it.
        66..90 => {
            meeting.organizer = outsider;
            people.push(me);
            if draw.chance(40) {
                people.extend(cast.outsider(draw));
            }
        }
        // Nobody else comes.
        _ => return,
    }
    while draw.chance(35) {
        people.extend(cast.colleague(draw, owner).map(|c| world.user(c).person));
    }
    people.retain(|person| *person != meeting.organizer);
    people.sort_unstable();
    people.dedup();
    for person in people {
        let kind = if draw.chance(15) { AttendeeKind::Optional } else { AttendeeKind::Required };
        let response = match draw.below(100) {
            0..55 => Response::Accepted,
            55..68 => Response::Tentative,
            68..76 => Response::Declined,
            _ => Response::None,
        };
        meeting.attendees.push(Attendee { person, kind, response });
    }
    if let Some(room) = draw.pick(&cast.rooms).filter(|_| draw.chance(25)) {
        // Some programs invite rooms as if they were people.
        let kind = if draw.chance(10) { AttendeeKind::Required } else { AttendeeKind::Resource };
        let person = world.user(room).person;
        meeting.attendees.push(Attendee { person, kind, response: Response::Accepted });
    }
}

fn make_all_day(draw: &mut Draw, meeting: &mut Meeting, company: &str) {
    meeting.subject = draw.word(&names::ALL_DAY_SUBJECTS).replace("{}", company);
    meeting.all_day = true;
    meeting.start = meeting.zone.date_as_utc(meeting.start);
    meeting.end = meeting.start + SignedDuration::from_hours(24 * draw.between(1, 3));
}

fn make_series(now: Timestamp, draw: &mut Draw, meeting: &mut Meeting, company: &str, age: Age) {
    meeting.subject = draw.word(&names::SERIES_SUBJECTS).replace("{}", company);
    let zone = meeting.zone;
    let days_ago = match age {
        Age::Any => draw.pick(&[20, 45, 90, 180, 400, 800]).unwrap_or(45),
        Age::Fresh => -draw.between(1, 10),
    };
    let began = now - SignedDuration::from_hours(24 * days_ago);
    let first = workday(zone.local(began).date());
    let pattern = match draw.below(10) {
        0..6 => Pattern::Weekly(1),
        6..9 => Pattern::Weekly(2),
        _ if draw.chance(50) => Pattern::Workdays,
        _ => Pattern::Daily(3),
    };
    let today = zone.local(now).date();
    let until = match draw.below(10) {
        0..5 => None,
        5..8 => Some(days_after(today, draw.between(20, 150))),
        // What has just been called is not over.
        _ if age == Age::Fresh => Some(days_after(today, 30)),
        _ => Some(days_after(today, -draw.between(5, 15))),
    };
    let hour = i8::try_from(draw.between(8, 16)).unwrap_or(9);
    let length = meeting.length();
    meeting.start = zone.instant(first.to_datetime(time(hour, 0, 0, 0)));
    meeting.end = meeting.start + length;
    meeting.created = meeting.start - SignedDuration::from_hours(48);
    meeting.modified = meeting.created;
    meeting.recurrence = Some(Recurrence { pattern, first, until });
}

/// Makes a few days of a series differ: moved, renamed, other people, called off, taken out.
fn add_exceptions(world: &World, cast: &Cast, draw: &mut Draw, meeting: &mut Meeting) {
    let days = |n: i64| SignedDuration::from_hours(24 * n);
    let dates: Vec<_> = meeting
        .occurrences(world.now - days(70), world.now + days(40))
        .iter()
        .map(|o| (o.date, o.start, o.end))
        .collect();
    for kind in 0..4 {
        let Some((date, start, end)) = draw.pick(&dates).filter(|_| draw.chance(55)) else {
            continue;
        };
        // Most changes are made before the day, a few after it.
        let early = SignedDuration::from_hours(draw.between(-4, 72));
        let modified = (start - early).min(world.now).max(meeting.created);
        let mut changed = Exception::at(start, end, modified);
        match kind {
            0 => {
                let later = SignedDuration::from_hours(2);
                changed.start = start + later;
                changed.end = end + later + SignedDuration::from_mins(15);
                changed.subject = draw.chance(50).then(|| format!("{} (moved)", meeting.subject));
            }
            1 => {
                let mut attendees = meeting.attendees.clone();
                attendees.extend(cast.outsider(draw).map(|person| Attendee {
                    person,
                    kind: AttendeeKind::Optional,
                    response: Response::Tentative,
                }));
                changed.attendees = Some(attendees);
            }
            2 => changed.cancelled = true,
            _ => changed.deleted = true,
        }
        meeting.exceptions.entry(date).or_insert(changed);
    }
}

fn workday(date: Date) -> Date {
    match date.weekday() {
        Weekday::Saturday => days_after(date, 2),
        Weekday::Sunday => days_after(date, 1),
        _ => date,
    }
}

fn days_after(date: Date, days: i64) -> Date {
    date.checked_add(Span::new().days(days)).unwrap_or(date)
}
