//! The truth over time.

use std::collections::{BTreeMap, BTreeSet};

use graph_sim::World;
use jiff::Timestamp;
use serde_json::Value;

use super::meetings::{self, Copy, Which, Whose};
use super::{Rules, mail, sorted, within_reach};

/// What there was to be written down each time that somebody looked.
///
/// Compared with what is stored after as many syncs, at the same moments:
/// - Letters stay as they were last seen, wherever they went since.
/// - A meeting's copies are as they were last seen. One that is gone is forgotten if it had not begun by the time it was
///   missed; one that had begun has happened.
/// - A meeting with a copy that is private, or that was cancelled before it began, has no record, and had none.
/// - Someone who is no longer invited to a meeting that has begun was there all the same. Which of its copies such a record
///   is named by is left open: the copies learn of the change one after the other.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    rules: Rules,
    letters: BTreeMap<String, Value>,
    copies: BTreeMap<Which, BTreeMap<Whose, Copy>>,
    meetings: BTreeMap<Which, BTreeMap<String, Value>>,
    /// The ids of records of people who are no longer invited.
    left_open: BTreeSet<String>,
}

impl Ledger {
    /// Nothing is written down yet.
    pub fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Looks at the office.
    pub fn read(&mut self, world: &World) {
        self.letters.extend(mail::records(world, &self.rules));
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
        copies.extend(shown);
        let forbidden = copies.values().any(|copy| copy.forbids);
        let wanted = meetings::records(copies);
        let written = self.meetings.entry(which).or_default();
        let begun = match copies.values().next() {
            Some(copy) => copy.start <= now,
            None => written.values().all(|record| super::time_of(record) <= now),
        };
        let person = |record: &Value| record["personExternalId"].clone();
        written.retain(|_, record| {
            let named_anew = wanted.values().any(|other| person(other) == person(record));
            begun && !forbidden && !named_anew
        });
        self.left_open.extend(written.keys().filter(|id| !wanted.contains_key(*id)).cloned());
        for id in wanted.keys() {
            self.left_open.remove(id);
        }
        written.extend(wanted);
    }

    /// The first difference between what is stored and what is written down here, in words.
    pub fn difference(&self, stored: &[Value], now: Timestamp) -> Option<String> {
        let (mut stored, mut truth) = (within_reach(stored, now), self.records(now));
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
        super::difference(&stored, &truth)
    }

    /// What is written down by `now`, by time and then by id, as far ahead as the truth is told.
    pub fn records(&self, now: Timestamp) -> Vec<Value> {
        let meetings = self.meetings.values().flat_map(BTreeMap::values);
        let all: Vec<Value> = self.letters.values().chain(meetings).cloned().collect();
        within_reach(&sorted(all), now)
    }
}
