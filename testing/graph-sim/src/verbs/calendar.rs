//! Meetings and series.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::mail::person;
use crate::Simulator;
use crate::generate::{self, Age, call_off, hand_out};
use crate::world::{
    Attendee, AttendeeKind, CalWhat, EntryNo, Exception, Meeting, MeetingNo, Pattern, PersonNo, Recurrence, Response,
    Sensitivity, UserNo, World,
};
use crate::zones::Zone;

/// A meeting to be called.
#[derive(Debug, Clone)]
pub struct NewMeeting {
    /// The organizer's address.
    pub organizer: String,
    /// The attendees' addresses; rooms of the tenant come as resources.
    pub attendees: Vec<String>,
    /// The subject.
    pub subject: String,
    /// When it starts.
    pub start: Timestamp,
    /// How long it takes.
    pub length: SignedDuration,
    /// The zone it is called in.
    pub zone: Zone,
    /// Whether it takes whole days: the start is then midnight UTC.
    pub all_day: bool,
    /// Whether it is held online.
    pub online: bool,
}

impl NewMeeting {
    /// An hour online.
    pub fn new(organizer: &str, attendees: &[&str], subject: &str, start: Timestamp) -> Self {
        Self {
            organizer: organizer.to_owned(),
            attendees: attendees.iter().map(|a| (*a).to_owned()).collect(),
            subject: subject.to_owned(),
            start,
            length: SignedDuration::from_hours(1),
            zone: Zone::Utc,
            all_day: false,
            online: true,
        }
    }
}

impl Simulator {
    /// Calls a meeting: everyone in it who has a mailbox here gets a copy.
    pub fn create_meeting(&self, new: &NewMeeting) -> MeetingNo {
        let mut world = self.world_mut();
        let meeting = compose(&mut world, new, None);
        let number = world.add_meeting(meeting);
        hand_out(&mut world, number);
        number
    }

    /// Calls a series whose first day is the day of `new.start` in its zone.
    pub fn create_series(&self, new: &NewMeeting, pattern: Pattern, until: Option<Date>) -> MeetingNo {
        let mut world = self.world_mut();
        let zone = if new.all_day { Zone::Utc } else { new.zone };
        let first = zone.local(new.start).date();
        let meeting = compose(&mut world, new, Some(Recurrence { pattern, first, until }));
        let number = world.add_meeting(meeting);
        hand_out(&mut world, number);
        number
    }

    /// Makes a series of a single meeting, whose first day it becomes: the event stays, as the master.
    pub fn make_series(&self, meeting: MeetingNo, pattern: Pattern, until: Option<Date>) {
        let mut world = self.world_mut();
        let this = &mut world.meetings[meeting.0];
        let zone = if this.all_day { Zone::Utc } else { this.zone };
        this.recurrence = Some(Recurrence { pattern, first: zone.local(this.start).date(), until });
        touch_all(&mut world, meeting);
    }

    /// Calls something by chance that concerns a user, as the tenant's own meetings were drawn,
    /// but now, and for today or later.
    pub fn create_random_meeting(&self, user: UserNo) -> Option<MeetingNo> {
        let mut desk = self.desk();
        let desk = &mut *desk;
        let mut world = self.world_mut();
        generate::meeting(&mut world, &desk.cast, &mut desk.draw, user, Age::Fresh)
    }

    /// Gives a meeting another time. A series keeps its days and takes the new clock time; its
    /// exceptions are forgotten, as Exchange forgets them. What takes whole days goes on to begin at
    /// midnight.
    pub fn reschedule(&self, meeting: MeetingNo, start: Timestamp) {
        let mut world = self.world_mut();
        let this = &mut world.meetings[meeting.0];
        let length = this.length();
        let (zone, start) = if this.all_day { (Zone::Utc, this.zone.date_as_utc(start)) } else { (this.zone, start) };
        if let Some(rule) = this.recurrence {
            let time = zone.local(start).time();
            this.start = zone.instant(rule.first.to_datetime(time));
            this.exceptions.clear();
        } else {
            this.start = start;
        }
        this.end = this.start + length;
        touch_all(&mut world, meeting);
    }

    /// Gives a meeting or series another subject.
    pub fn rename_meeting(&self, meeting: MeetingNo, subject: &str) {
        let mut world = self.world_mut();
        subject.clone_into(&mut world.meetings[meeting.0].subject);
        touch_all(&mut world, meeting);
    }

    /// Changes one day of a series.
    pub fn change_day(&self, meeting: MeetingNo, date: Date, change: impl FnOnce(&mut Exception)) {
        let mut world = self.world_mut();
        let modified = world.now;
        let Some((start, end)) = world.meeting(meeting).occurrence(date).map(|o| (o.start, o.end)) else {
            return;
        };
        let exceptions = &mut world.meetings[meeting.0].exceptions;
        let exception = exceptions.entry(date).or_insert_with(|| Exception::at(start, end, modified));
        exception.modified = modified;
        change(exception);
        let gone = exception.deleted;
        touch_all(&mut world, meeting);
        if gone && self.faults().quirks.removed_days_reported {
            for (user, entry) in world.meeting(meeting).copies.clone() {
                world.note_entry(user, entry, CalWhat::DayGone(date));
            }
        }
    }

    /// Takes one day out of a series: the series is sent again, the day just misses.
    pub fn delete_day(&self, meeting: MeetingNo, date: Date) {
        self.change_day(meeting, date, |day| day.deleted = true);
    }

    /// Calls one day of a series off; the copy stays and says so.
    pub fn cancel_day(&self, meeting: MeetingNo, date: Date) {
        self.change_day(meeting, date, |day| day.cancelled = true);
    }

    /// Invites one more person.
    pub fn add_attendee(&self, meeting: MeetingNo, address: &str) {
        let mut world = self.world_mut();
        let person = person(&mut world, address);
        let attendee = attendee(&world, person);
        world.meetings[meeting.0].attendees.push(attendee);
        touch_all(&mut world, meeting);
        if let Some(user) = world.user_of(person)
            && world.copy_of(meeting, user).is_none()
        {
            world.add_copy(meeting, user);
        }
    }

    /// Takes somebody off a meeting. A colleague's copy stays and says that it was called off; the others learn of the change.
    pub fn uninvite(&self, meeting: MeetingNo, address: &str) {
        let mut world = self.world_mut();
        let Some(person) = world.find_person(address) else { return };
        world.meetings[meeting.0].attendees.retain(|attendee| attendee.person != person);
        touch_all(&mut world, meeting);
        if let Some((user, entry)) = copy_of(&world, meeting, person) {
            world.touch_entry(user, entry, |e| e.is_uninvited = true);
        }
    }

    /// Gives a meeting the name that another calendar's system made for it.
    pub fn set_uid(&self, meeting: MeetingNo, uid: &str) {
        let mut world = self.world_mut();
        uid.clone_into(&mut world.meetings[meeting.0].uid);
        touch_all(&mut world, meeting);
    }

    /// Someone who is invited answers. The organizer's copy and their own learn of it; who
    /// declines loses the copy.
    pub fn respond(&self, meeting: MeetingNo, address: &str, response: Response) {
        let mut world = self.world_mut();
        let Some(person) = world.find_person(address) else { return };
        let organizer = world.meeting(meeting).organizer;
        let Some(answer) = world.meetings[meeting.0].attendees.iter_mut().find(|a| a.person == person) else {
            return;
        };
        answer.response = response;
        let days = world.meetings[meeting.0].exceptions.values_mut();
        for answer in days.filter_map(|day| day.attendees.as_mut()).flatten() {
            if answer.person == person {
                answer.response = response;
            }
        }
        if let Some((user, entry)) = copy_of(&world, meeting, organizer) {
            world.touch_entry(user, entry, |_| {});
        }
        if let Some((user, entry)) = copy_of(&world, meeting, person) {
            world.touch_entry(user, entry, |e| e.removed = response == Response::Declined);
        } else if let Some(user) = world.user_of(person)
            && response != Response::Declined
        {
            // Who declined and thinks better of it gets a new copy.
            world.add_copy(meeting, user);
        }
    }

    /// Calls a meeting off: the organizer's copy goes, attendees' copies stay and say so.
    pub fn cancel_meeting(&self, meeting: MeetingNo) {
        let mut world = self.world_mut();
        let now = world.now;
        call_off(&mut world, meeting, now);
    }

    /// Calls a meeting off in such a way that every copy stays and says so.
    pub fn cancel_meeting_keeping_copies(&self, meeting: MeetingNo) {
        let mut world = self.world_mut();
        world.meetings[meeting.0].cancelled = true;
        touch_all(&mut world, meeting);
    }

    /// Deletes every copy of a meeting.
    pub fn delete_meeting(&self, meeting: MeetingNo) {
        let mut world = self.world_mut();
        for (user, entry) in world.meeting(meeting).copies.clone() {
            remove(&mut world, user, entry);
        }
    }

    /// Deletes one person's copy; the meeting takes place all the same.
    pub fn delete_copy(&self, meeting: MeetingNo, user: UserNo) {
        let mut world = self.world_mut();
        if let Some(entry) = world.copy_of(meeting, user) {
            remove(&mut world, user, entry);
        }
    }

    /// Makes a meeting private in every copy.
    pub fn make_private(&self, meeting: MeetingNo) {
        let mut world = self.world_mut();
        world.meetings[meeting.0].sensitivity = Sensitivity::Private;
        touch_all(&mut world, meeting);
    }

    /// Gives a meeting any sensitivity in every copy.
    pub fn set_sensitivity(&self, meeting: MeetingNo, sensitivity: Sensitivity) {
        let mut world = self.world_mut();
        world.meetings[meeting.0].sensitivity = sensitivity;
        touch_all(&mut world, meeting);
    }

    /// Makes one person's copy of a meeting private.
    pub fn make_copy_private(&self, meeting: MeetingNo, user: UserNo) {
        let mut world = self.world_mut();
        if let Some(entry) = world.copy_of(meeting, user) {
            world.touch_entry(user, entry, |e| e.sensitivity = Some(Sensitivity::Private));
        }
    }
}

fn compose(world: &mut World, new: &NewMeeting, recurrence: Option<Recurrence>) -> Meeting {
    let organizer = person(world, &new.organizer);
    let mut attendees = Vec::new();
    for address in &new.attendees {
        let person = person(world, address);
        attendees.push(attendee(world, person));
    }
    Meeting {
        organizer,
        attendees,
        subject: new.subject.clone(),
        start: new.start,
        end: new.start + new.length,
        all_day: new.all_day,
        zone: new.zone,
        online: new.online,
        sensitivity: Sensitivity::Normal,
        show_as: "busy",
        cancelled: false,
        hide_attendees: false,
        recurrence,
        exceptions: BTreeMap::new(),
        created: world.now,
        modified: world.now,
        uid: String::new(),
        big: false,
        copies: Vec::new(),
    }
}

fn attendee(world: &World, person: PersonNo) -> Attendee {
    let room = world.user_of(person).is_some_and(|u| world.user(u).kind == crate::world::UserKind::Room);
    let kind = if room { AttendeeKind::Resource } else { AttendeeKind::Required };
    Attendee { person, kind, response: Response::None }
}

fn copy_of(world: &World, meeting: MeetingNo, person: PersonNo) -> Option<(UserNo, EntryNo)> {
    let user = world.user_of(person)?;
    Some((user, world.copy_of(meeting, user)?))
}

/// Notes that a meeting has changed in every copy that is still there.
fn touch_all(world: &mut World, meeting: MeetingNo) {
    world.meetings[meeting.0].modified = world.now;
    for (user, entry) in world.meeting(meeting).copies.clone() {
        if world.copy_of(meeting, user) == Some(entry) {
            world.touch_entry(user, entry, |_| {});
        }
    }
}

fn remove(world: &mut World, user: UserNo, entry: EntryNo) {
    let gone = world.mailbox(user).is_none_or(|m| m.calendar.entry(entry).removed);
    if !gone {
        world.touch_entry(user, entry, |e| e.removed = true);
    }
}
