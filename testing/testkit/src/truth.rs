//! What a careful person would have written down who saw the office itself: the people, their meetings, their letters.
//!
//! Nothing here is taken from the product. The rules are those of the outward contract: who may be named ([`people`]), what
//! a meeting comes to ([`meetings`]), what a letter comes to ([`mail`]), and that what has happened stays ([`Ledger`]).

mod ledger;
pub mod mail;
pub mod meetings;
pub mod people;

use graph_sim::World;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub use ledger::Ledger;
pub use people::Rules;

/// How far ahead the truth is told. Series without an end go on beyond it.
pub const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 120);

/// How far back the truth is told. What is older may or may not have been read again, and stays as it is.
pub const BACK: SignedDuration = SignedDuration::from_hours(24 * 89);

/// Everything that is to be written down of what there is now, by time and then by id: from [`BACK`] to [`AHEAD`].
pub fn records(world: &World, rules: &Rules) -> Vec<Value> {
    let mut ledger = Ledger::new(rules.clone());
    ledger.read(world);
    ledger.records(world.now)
}

/// Those that have happened by `now`.
pub fn happened(records: &[Value], now: Timestamp) -> Vec<Value> {
    records.iter().filter(|record| time_of(record) <= now).cloned().collect()
}

/// Those from [`BACK`] to [`AHEAD`] of `now`, which is as far as the truth is told.
pub fn within_reach(records: &[Value], now: Timestamp) -> Vec<Value> {
    let span = now - BACK..=now + AHEAD;
    records.iter().filter(|record| span.contains(&time_of(record))).cloned().collect()
}

/// The first difference between what is stored and the truth, in words; `None` when they are the same.
pub fn difference(stored: &[Value], truth: &[Value]) -> Option<String> {
    if stored == truth {
        return None;
    }
    let ids = |records: &[Value]| -> std::collections::BTreeMap<String, Value> {
        records.iter().map(|record| (record["externalId"].to_string(), record.clone())).collect()
    };
    let (stored_ids, truth_ids) = (ids(stored), ids(truth));
    let missing: Vec<_> = truth_ids.iter().filter(|(id, _)| !stored_ids.contains_key(*id)).collect();
    let extra: Vec<_> = stored_ids.iter().filter(|(id, _)| !truth_ids.contains_key(*id)).collect();
    let other: Vec<_> = stored_ids
        .iter()
        .filter_map(|(id, record)| truth_ids.get(id).filter(|truth| *truth != record).map(|truth| (record, truth)))
        .collect();
    let count = (stored.len(), truth.len(), missing.len(), extra.len(), other.len());
    let mut text = format!("(stored, true, missing, extra, different) = {count:?}");
    text.extend(missing.first().map(|(_, record)| format!("\nmissing: {record}")));
    text.extend(extra.first().map(|(_, record)| format!("\nextra: {record}")));
    text.extend(other.first().map(|(record, truth)| format!("\nstored: {record}\n  true: {truth}")));
    Some(text)
}

/// Takes people out of a record; whoever is left is counted anew. `false`: the record goes, because it is theirs, or nobody is
/// left in it.
fn take_out(record: &mut Value, is_out: &dyn Fn(&str) -> bool) -> bool {
    let names_out = |value: &Value| value.as_str().is_some_and(is_out);
    let Some(named) = record["properties"]["participantEmails"].as_array() else {
        if names_out(&record["properties"]["organizerEmail"]) {
            record["properties"]["organizerEmail"] = Value::Null;
        }
        return !names_out(&record["personExternalId"]);
    };
    let left: Vec<Value> = named.iter().filter(|person| !names_out(person)).cloned().collect();
    let Some(first) = left.first().cloned() else { return false };
    record["personExternalId"] = first;
    record["properties"]["participantCount"] = left.len().into();
    record["properties"]["participantEmails"] = left.into();
    true
}

fn time_of(record: &Value) -> Timestamp {
    let text = record["occurredAt"].as_str().expect("a time");
    text.parse().expect("an instant")
}

/// RFC 3339 in UTC and whole seconds.
fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn sorted(mut records: Vec<Value>) -> Vec<Value> {
    let key = |record: &Value| {
        let text = |name: &str| record[name].as_str().expect("a text").to_owned();
        (text("occurredAt"), text("externalId"))
    };
    records.sort_by_key(key);
    records
}
