//! The truth over time.

use std::collections::{BTreeMap, BTreeSet};

use graph_sim::World;
use jiff::Timestamp;
use serde_json::Value;

use super::meetings::{self, Copy, Which, Whose};
use super::{AHEAD, BACK, Rules, mail, sorted, take_out, time_of};

/// What there was to be written down each time that somebody looked.
///
/// Compared with what is stored after as many syncs, at the same moments:
/// - Letters stay as they were last seen, wherever they went since.
/// - A meeting's copies are as they were last seen. One that is gone is forgotten if it had not begun by the time it was
///   missed; one that had begun has happened.
/// - A meeting with a copy that is private has no record, and had none. Nor has one with a copy that was cancelled before it began,
///   unless the organizer still has it.
/// - Someone who is no longer invited to a meeting that has begun was there all the same. Which of its copies such a record
///   is named by is left open: the copies learn of the change one after the other, and one that is gone never does.
/// - Whoever is erased, or let in by a domain that was purged, is taken out of everything, and whoever is left is counted anew.
/// - What a domain that was closed has let in stays. Whether it says the same after its letter or meeting was read once more
///   without that domain, and whether a meeting to come is still told of then, is left open.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    rules: Rules,
    letters: BTreeMap<String, Value>,
    copies: BTreeMap<Which, BTreeMap<Whose, Copy>>,
    meetings: BTreeMap<Which, BTreeMap<String, Value>>,
    /// The ids of records of people who are no longer invited.
    left_open: BTreeSet<String>,
    /// The domains that were closed and kept what they had let in.
    closed: BTreeSet<String>,
    /// What records may say instead, by id: what they said before a domain was closed.
    also: BTreeMap<String, Vec<Value>>,
    /// Records that may be there or not: of meetings that had not begun when the domain was closed that let their person in, and
    /// of letters of which nobody may be left. With them, the meeting.
    perhaps: BTreeMap<String, (Option<Which>, Value)>,
    /// When somebody looked last.
    looked: Timestamp,
}

impl Ledger {
    /// Nothing is written down yet.
    pub fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// A domain is let in from now on.
    pub fn allow(&mut self, domain: &str) {
        self.closed.remove(domain);
        if !self.rules.allowed.iter().any(|known| known == domain) {
            self.rules.allowed.push(domain.to_owned());
        }
    }

    /// A domain is closed at `now`, and what it let in stays.
    pub fn close(&mut self, domain: &str, now: Timestamp) {
        if !self.is_allowed(domain) {
            return;
        }
        self.rules.allowed.retain(|known| known != domain);
        self.closed.insert(domain.to_owned());
        for (which, records) in &mut self.meetings {
            let is_to_come = |record: &Value| {
                time_of(record) > now && record["personExternalId"].as_str().is_some_and(|person| is_of(person, domain))
            };
            for (id, record) in records.extract_if(.., |_, record| is_to_come(record)) {
                self.perhaps.insert(id, (Some(*which), record));
            }
        }
    }

    /// A domain is closed, and those it let in are taken out.
    pub fn purge(&mut self, domain: &str) {
        if self.is_allowed(domain) {
            self.rules.allowed.retain(|known| known != domain);
            self.take_out(&|person| is_of(person, domain));
        }
    }

    /// Someone is taken out and stays out.
    pub fn erase(&mut self, person: &str) {
        self.rules.erased.insert(person.to_owned());
        self.take_out(&|other| other == person);
    }

    /// Whether a domain is let in.
    pub fn is_allowed(&self, domain: &str) -> bool {
        self.rules.allowed.iter().any(|known| known == domain)
    }

    fn take_out(&mut self, is_out: &dyn Fn(&str) -> bool) {
        for others in self.also.values_mut() {
            others.retain_mut(|record| take_out(record, is_out));
        }
        for (id, _) in self.letters.extract_if(.., |_, record| !take_out(record, is_out)) {
            // Read before a domain was closed, and not since, it has someone else to tell of.
            if let Some(other) = self.also.remove(&id).unwrap_or_default().into_iter().next() {
                self.perhaps.insert(id, (None, other));
            }
        }
        for records in self.meetings.values_mut() {
            records.retain(|_, record| take_out(record, is_out));
        }
        for copy in self.copies.values_mut().flat_map(BTreeMap::values_mut) {
            copy.take_out(is_out);
        }
        self.perhaps.retain(|_, (_, record)| take_out(record, is_out));
    }

    /// Looks at the office. While nobody is let in, nobody looks.
    pub fn read(&mut self, world: &World) {
        if self.rules.allowed.is_empty() {
            return;
        }
        self.rules = self.rules.clone().at(world.now);
        self.looked = world.now;
        for (id, record) in mail::records(world, &self.rules) {
            let old = self.letters.insert(id.clone(), record.clone());
            self.settle(&id, old, &record);
        }
        let mut shown = meetings::copies(world, &self.rules);
        let known: Vec<Which> = self.copies.keys().copied().collect();
        for which in known {
            shown.entry(which).or_default();
        }
        for (which, shown) in shown {
            self.read_meeting(which, shown, world.now);
        }
    }

    fn read_meeting(&mut self, which: Which, shown: BTreeMap<Whose, Copy>, now: Timestamp) {
        let copies = self.copies.entry(which).or_default();
        copies.retain(|whose, copy| shown.contains_key(whose) || copy.start <= now);
        let is_gone = |whose: &Whose| !shown.contains_key(whose);
        let gone: BTreeSet<Whose> = copies.keys().copied().filter(is_gone).collect();
        copies.extend(shown);
        let forbidden = meetings::are_forbidden(copies, &gone);
        // A copy that is gone is told of under today's rules too.
        let closed = |person: &str| self.closed.iter().any(|domain| is_of(person, domain));
        let mut wanted = if forbidden { BTreeMap::new() } else { meetings::records(copies) };
        wanted.retain(|_, record| take_out(record, &closed));
        let written = self.meetings.entry(which).or_default();
        let begun = match copies.values().next() {
            Some(copy) => copy.start <= now,
            None => written.values().all(|record| time_of(record) <= now),
        };
        let person = |record: &Value| record["personExternalId"].clone();
        let before = written.clone();
        written.retain(|_, record| {
            let named_anew = wanted.values().any(|other| person(other) == person(record));
            begun && !forbidden && !named_anew
        });
        self.left_open.extend(written.keys().filter(|id| !wanted.contains_key(*id)).cloned());
        let never_told = meetings::named_by_the_gone(copies, &gone);
        for id in wanted.keys() {
            if never_told.contains(id) {
                self.left_open.insert(id.clone());
            } else {
                self.left_open.remove(id);
            }
        }
        written.extend(wanted.clone());
        if forbidden {
            self.perhaps.retain(|_, (of, _)| *of != Some(which));
        }
        for (id, record) in &wanted {
            self.settle(id, before.get(id).cloned(), record);
        }
    }

    /// What a record said before may still be what it says, if it names someone whose domain was closed: it was perhaps not
    /// read again.
    fn settle(&mut self, id: &str, old: Option<Value>, new: &Value) {
        let mut others = self.also.remove(id).unwrap_or_default();
        others.extend(old);
        others.retain(|other| other != new && self.names_a_closed_domain(other));
        if !others.is_empty() {
            self.also.insert(id.to_owned(), others);
        }
    }

    fn names_a_closed_domain(&self, record: &Value) -> bool {
        let properties = &record["properties"];
        let named = properties["participantEmails"].as_array().into_iter().flatten();
        let named = named.chain([&record["personExternalId"], &properties["organizerEmail"]]);
        named.filter_map(Value::as_str).any(|person| self.closed.iter().any(|domain| is_of(person, domain)))
    }

    /// The first difference between what is stored and what is written down here, in words.
    pub fn difference(&self, stored: &[Value], now: Timestamp) -> Option<String> {
        let (mut stored, mut truth) = (self.told(stored, now), self.records(now));
        for id in &self.left_open {
            let Some(at) = truth.iter().position(|record| record["externalId"] == id.as_str()) else { continue };
            let left = truth.remove(at);
            let is_it = |record: &Value| {
                ["personExternalId", "occurredAt", "type"].iter().all(|field| record[*field] == left[*field])
            };
            match stored.iter().position(is_it) {
                Some(at) => drop(stored.remove(at)),
                None => return Some(format!("missing: {left}")),
            }
        }
        let id = |record: &Value| record["externalId"].as_str().expect("an id").to_owned();
        let known: BTreeMap<String, Value> = truth.iter().map(|record| (id(record), record.clone())).collect();
        stored.retain(|record| known.contains_key(&id(record)) || !self.perhaps.contains_key(&id(record)));
        for record in &mut stored {
            if let (Some(others), Some(new)) = (self.also.get(&id(record)), known.get(&id(record)))
                && others.contains(record)
            {
                record.clone_from(new);
            }
        }
        super::difference(&sorted(stored), &truth)
    }

    /// What is written down by `now`, by time and then by id, as far back and ahead as the truth is told.
    pub fn records(&self, now: Timestamp) -> Vec<Value> {
        let meetings = self.meetings.values().flat_map(BTreeMap::values);
        let all: Vec<Value> = self.letters.values().chain(meetings).cloned().collect();
        self.told(&sorted(all), now)
    }

    /// Those of the time that the truth is told of. Nobody has looked ahead since somebody looked last.
    fn told(&self, records: &[Value], now: Timestamp) -> Vec<Value> {
        let span = now - BACK..=self.looked + AHEAD;
        records.iter().filter(|record| span.contains(&time_of(record))).cloned().collect()
    }
}

fn is_of(person: &str, domain: &str) -> bool {
    person.rsplit_once('@').is_some_and(|(_, own)| own == domain)
}
