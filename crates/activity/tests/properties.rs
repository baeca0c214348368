//! Whatever the item, every address in a record is of someone who was let in.

use m365_activity::{FieldMappings, FilteredEvent, FilteredMessage, email_activity, meeting_activities};
use m365_model::EntryId;
use m365_privacy::{
    AddressFilter, AllowEntry, AttendeeKind, Exclusions, OrganizerRules, RawAddress, RawAttendee, ResponseStatus,
    filter_calendar_attendees, filter_email_participants,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

mod gate;
use gate::with_gate;

fn filter() -> AddressFilter {
    let acme = AllowEntry { id: EntryId(1), domain: "acme.com".parse().expect("a domain"), include_subdomains: false };
    AddressFilter::new(vec![acme], ["tenant.com".parse().expect("a domain")], Exclusions::none())
}

fn address() -> impl Strategy<Value = String> {
    let name = prop::sample::select(
        &["acme.com", "ACME.com.", "eu.acme.com", "notacme.com", "acme.com.evil.example", "tenant.com", "x.tenant.com"]
            [..],
    );
    prop_oneof![
        8 => ("[a-dA-D]", name).prop_map(|(local, name)| format!("{local}@{name}")),
        1 => "[a-d@. <>]{0,12}",
    ]
}

/// Every text in the JSON that has an `@` and is an address, wherever it stands.
fn addresses_in(json: &serde_json::Value, found: &mut Vec<String>) {
    match json {
        serde_json::Value::String(text) if text.contains('@') => {
            found.push(text.strip_prefix("o365_cal_id_").unwrap_or(text).to_owned());
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| addresses_in(item, found)),
        serde_json::Value::Object(fields) => fields.values().for_each(|field| addresses_in(field, found)),
        _ => {}
    }
}

fn is_let_in(text: &str) -> bool {
    text.strip_suffix("@acme.com").is_some_and(|local| matches!(local, "a" | "b" | "c" | "d"))
}

fn is_internal(text: &str) -> bool {
    text.ends_with("@tenant.com") || text.ends_with("@x.tenant.com")
}

#[test]
fn every_address_in_a_meetings_records_was_let_in_or_is_the_internal_organizers() {
    with_gate("default", |gate| {
        let item = (address(), prop::collection::vec((address(), any::<bool>()), 0..6), any::<(bool, bool)>());
        let checked = TestRunner::default().run(&item, |(organizer, listed, (external_counts, keep_address))| {
            let row = |(address, room)| RawAttendee {
                address: RawAddress::from(address),
                kind: if room { AttendeeKind::Resource } else { AttendeeKind::Required },
                response: ResponseStatus::None,
            };
            let rules = OrganizerRules { external_counts, keep_address };
            let rows = listed.into_iter().map(row).collect();
            let people = filter_calendar_attendees(&filter(), rules, Some(organizer.into()), rows);
            let subject = people.subject("Subject".into());
            let at = jiff::Timestamp::UNIX_EPOCH;
            let event =
                FilteredEvent { id: "id".into(), subject, start: at, end: at, is_online: None, people, details: None };
            let activities = meeting_activities(gate, &FieldMappings::default(), &event);
            prop_assert_eq!(activities.len(), event.people.attendances().len());
            for activity in activities {
                let mut record = serde_json::to_value(activity.record()).expect("JSON");
                let organizer = record["properties"]["organizerEmail"].take();
                prop_assert!(
                    organizer.as_str().is_none_or(|text| keep_address && (is_internal(text) || is_let_in(text)))
                );
                let mut found = Vec::new();
                addresses_in(&record, &mut found);
                prop_assert_eq!(found.len(), 2);
                prop_assert!(found.iter().all(|text| is_let_in(text)), "{:?}", found);
            }
            Ok(())
        });
        checked.unwrap();
    });
}

#[test]
fn every_address_in_a_messages_record_was_let_in() {
    with_gate("default", |gate| {
        let list = || prop::collection::vec(address(), 0..5);
        let checked = TestRunner::default().run(&(address(), list(), list()), |(sender, to, cc)| {
            let raw = |texts: Vec<String>| texts.into_iter().map(RawAddress::from).collect();
            let people = filter_email_participants(&filter(), Some(sender.into()), raw(to), raw(cc));
            let is_empty = people.is_empty();
            let subject = people.subject("Subject".into());
            let received = jiff::Timestamp::UNIX_EPOCH;
            let message = FilteredMessage {
                id: "id".into(),
                received,
                conversation_id: None,
                subject,
                people,
                with_details: false,
            };
            let activity = email_activity(gate, &FieldMappings::default(), &message);
            prop_assert_eq!(activity.is_none(), is_empty);
            if let Some(activity) = activity {
                let record = serde_json::to_value(activity.record()).expect("JSON");
                let mut found = Vec::new();
                addresses_in(&record, &mut found);
                prop_assert!(found.iter().all(|text| is_let_in(text)), "{:?}", found);
                let emails = record["properties"]["participantEmails"].as_array().expect("a list");
                prop_assert_eq!(&record["properties"]["participantCount"], &serde_json::json!(emails.len()));
                prop_assert_eq!(&record["personExternalId"], &emails[0]);
            }
            Ok(())
        });
        checked.unwrap();
    });
}
