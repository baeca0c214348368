//! What meetings come to: one record a person, however many calendars show the meeting.

use std::collections::{BTreeMap, BTreeSet};

use graph_sim::world::{Attendee, AttendeeKind, EntryNo, MeetingNo, Sensitivity, UserKind, UserNo};
use graph_sim::{IdForm, World};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::people::{Gatekeeper, Said, Standing};
use super::{Rules, written};

/// One meeting: a single one, or one day of a series.
pub type Which = (MeetingNo, Option<Date>);

/// One calendar's copy of it. Whose calendar, and which entry there: who declines and thinks better of it has another.
pub type Whose = (UserNo, EntryNo);

/// What one copy says.
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    /// When it starts.
    pub start: Timestamp,
    /// Whether it is private, which forbids a record.
    is_private: bool,
    /// Whether it was cancelled before it began, which forbids a record unless the organizer still has the meeting.
    is_cancelled: bool,
    /// Whether it is the organizer's, and not called off.
    is_on: bool,
    /// Where it stands among the copies: the organizer's first, then by the ids of mailbox and event.
    rank: (bool, String, String),
    /// The record of each person who may be named, by person.
    people: Vec<(String, Value)>,
}

impl Copy {
    /// Forgets people of whom `is_out` holds.
    pub(super) fn take_out(&mut self, is_out: &dyn Fn(&str) -> bool) {
        self.people.retain_mut(|(_, record)| super::take_out(record, is_out));
    }
}

/// Every meeting that a calendar shows now within the window, with all its copies.
pub fn copies(world: &World, rules: &Rules) -> BTreeMap<Which, BTreeMap<Whose, Copy>> {
    let gatekeeper = Gatekeeper::new(world, rules);
    let mut out: BTreeMap<Which, BTreeMap<Whose, Copy>> = BTreeMap::new();
    for instance in world.instances(rules.since, rules.until) {
        let meeting = world.meeting(instance.number);
        let readers = world.mailboxes().filter(|(user, _)| world.user(*user).kind != UserKind::Guest);
        for (user, _) in readers {
            let Some(entry) = world.copy_of(instance.number, user) else { continue };
            let id = match instance.date {
                None => world.event_id(user, entry, IdForm::Immutable),
                Some(date) => world.occurrence_id(user, entry, date, IdForm::Immutable),
            };
            let id = id.expect("an id");
            let (start, end) = (instance.start, instance.end);
            let exception = instance.date.is_some_and(|date| meeting.exceptions.contains_key(&date));
            let changed = world.modified_of(user, entry, instance.date.filter(|_| exception)).expect("a copy");
            let attendees = world.attendees_in(instance.number, instance.attendees, user);
            let cancelled = if instance.cancelled { "Canceled: " } else { "" };
            let facts = Facts {
                gatekeeper: &gatekeeper,
                id: &id,
                start,
                minutes: start.duration_until(end).as_mins(),
                subject: format!("{cancelled}{}", instance.subject),
                is_online: meeting.online,
                organizer: gatekeeper.standing(meeting.organizer),
            };
            let rank = (!world.is_organizer(instance.number, user), world.user(user).id.clone(), id.clone());
            let copy = Copy {
                start,
                is_private: world.sensitivity_of(user, entry) != Sensitivity::Normal,
                is_cancelled: instance.cancelled && changed < start,
                is_on: !rank.0 && !instance.cancelled,
                rank,
                people: facts.people(&attendees),
            };
            out.entry((instance.number, instance.date)).or_default().insert((user, entry), copy);
        }
    }
    out
}

/// Whether the copies of a meeting forbid a record: one is private, or one was cancelled and the organizer's is gone or off too.
pub fn are_forbidden(copies: &BTreeMap<Whose, Copy>, gone: &BTreeSet<Whose>) -> bool {
    let is_on = || copies.iter().any(|(whose, copy)| copy.is_on && !gone.contains(whose));
    copies.values().any(|copy| copy.is_private) || (copies.values().any(|copy| copy.is_cancelled) && !is_on())
}

/// What all copies of one meeting come to: the record of each person, by id.
pub fn records(copies: &BTreeMap<Whose, Copy>) -> BTreeMap<String, Value> {
    let mut ranked: Vec<&Copy> = copies.values().collect();
    ranked.sort_by(|a, b| a.rank.cmp(&b.rank));
    let mut named = BTreeSet::new();
    let people = ranked.into_iter().flat_map(|copy| &copy.people).filter(|(person, _)| named.insert(person.clone()));
    people.map(|(_, record)| (record["externalId"].as_str().expect("an id").to_owned(), record.clone())).collect()
}

/// The ids of records that a copy which is gone would name, though one that counts more stands and does not list their person.
pub fn named_by_the_gone(copies: &BTreeMap<Whose, Copy>, gone: &BTreeSet<Whose>) -> BTreeSet<String> {
    let lists = |copy: &Copy, person: &str| copy.people.iter().any(|(other, _)| other == person);
    let of_gone = copies.iter().filter(|(whose, _)| gone.contains(whose)).map(|(_, copy)| copy);
    let named = of_gone.flat_map(|copy| copy.people.iter().map(move |(person, record)| (copy, person, record)));
    let unlisted = named.filter(|(copy, person, _)| {
        copies.iter().any(|(whose, other)| !gone.contains(whose) && other.rank < copy.rank && !lists(other, person))
    });
    unlisted.map(|(.., record)| record["externalId"].as_str().expect("an id").to_owned()).collect()
}

/// What is the same for everyone in one copy.
struct Facts<'a> {
    gatekeeper: &'a Gatekeeper<'a>,
    id: &'a str,
    start: Timestamp,
    minutes: i64,
    subject: String,
    is_online: bool,
    organizer: Standing,
}

impl Facts<'_> {
    fn people(&self, attendees: &[Attendee]) -> Vec<(String, Value)> {
        let things: Vec<Said> = attendees
            .iter()
            .filter(|attendee| attendee.kind == AttendeeKind::Resource)
            .map(|attendee| self.gatekeeper.said(attendee.person))
            .filter(|said| *said != Said::Nobody)
            .collect();
        let mut listed: Vec<Said> = Vec::new();
        let mut count = 0;
        let mut people: Vec<(String, String, &'static str)> = Vec::new();
        for attendee in attendees {
            let said = self.gatekeeper.said(attendee.person);
            if attendee.kind == AttendeeKind::Resource || things.contains(&said) {
                continue;
            }
            // Two rows that say nothing may be two people.
            let again = said != Said::Nobody && listed.contains(&said);
            if !again {
                count += 1;
                listed.push(said);
            }
            if let Standing::LetIn(address, domain) = self.gatekeeper.standing(attendee.person) {
                match people.iter_mut().find(|(person, ..)| *person == address) {
                    Some((.., answer)) if *answer == "none" => *answer = attendee.response.word(),
                    Some(_) => {}
                    None => people.push((address, domain, attendee.response.word())),
                }
            }
        }
        if let Standing::LetIn(address, domain) = &self.organizer {
            match people.iter_mut().find(|(person, ..)| person == address) {
                Some((.., answer)) => *answer = "organizer",
                None => people.push((address.clone(), domain.clone(), "organizer")),
            }
        }
        let organizer = match &self.organizer {
            Standing::Internal(address) | Standing::LetIn(address, _) => Some(address),
            Standing::Unnamed => None,
        };
        let record = |(address, domain, answer): (String, String, &'static str)| {
            let record = json!({
                "externalId": format!("o365_cal_{}_{address}", self.id),
                "type": "meeting_attend",
                "channel": "meetings",
                "occurredAt": written(self.start),
                "personExternalId": address,
                "properties": {
                    "meetingSubject": self.subject,
                    "durationMinutes": self.minutes,
                    "isOnline": self.is_online,
                    "organizerEmail": organizer,
                    "attendeeCount": count,
                    "responseStatus": answer,
                    "accountDomain": domain,
                },
            });
            (address, record)
        };
        people.into_iter().map(record).collect()
    }
}
