//! What becomes of an item, told by whole records.

use m365_activity::{
    ActivityType, CalendarSource, FieldMappings, FilteredEvent, FilteredMessage, MailSource, Properties, Target,
    Transform, email_activity, meeting_activities,
};
use m365_database::DpaAccepted;
use m365_model::EntryId;
use m365_privacy::{
    AddressFilter, AllowEntry, AttendeeKind, Exclusions, FilteredAttendees, OrganizerRules, RawAddress, RawAttendee,
    ResponseStatus, filter_calendar_attendees, filter_email_participants,
};
use serde_json::{Value, json};

mod gate;
use gate::with_gate;

fn filter() -> AddressFilter {
    let acme = AllowEntry { id: EntryId(1), domain: "acme.com".parse().expect("a domain"), include_subdomains: true };
    AddressFilter::new(vec![acme], ["tenant.com".parse().expect("a domain")], Exclusions::none())
}

fn attendees(organizer: &str, listed: &[(&str, ResponseStatus)]) -> FilteredAttendees {
    let row = |(address, response): &(&str, ResponseStatus)| RawAttendee {
        address: RawAddress::from(*address),
        kind: AttendeeKind::Required,
        response: *response,
    };
    let rules = OrganizerRules { external_counts: true, keep_address: true };
    filter_calendar_attendees(&filter(), rules, Some(organizer.into()), listed.iter().map(row).collect())
}

fn planning(listed: &[(&str, ResponseStatus)]) -> FilteredEvent {
    let people = attendees("Org@Tenant.com", listed);
    FilteredEvent {
        details: None,
        id: "AAMkAGI1".into(),
        subject: people.subject(" Q1 Planning\n".into()),
        start: "2026-03-02T15:00:00.123Z".parse().expect("an instant"),
        end: "2026-03-02T16:00:00.123Z".parse().expect("an instant"),
        is_online: Some(true),
        people,
    }
}

fn renewal(sender: &str, to: &[&str], cc: &[&str]) -> FilteredMessage {
    let raw = |texts: &[&str]| texts.iter().map(|text| RawAddress::from(*text)).collect();
    let people = filter_email_participants(&filter(), Some(sender.into()), raw(to), raw(cc));
    FilteredMessage {
        with_details: false,
        id: "AAkALg".into(),
        received: "2026-03-02T15:00:00Z".parse().expect("an instant"),
        conversation_id: Some("conv_abc".into()),
        subject: people.subject("Renewal ".into()),
        people,
    }
}

fn meeting_records(gate: &DpaAccepted<'_>, mappings: &FieldMappings, event: &FilteredEvent) -> Vec<Value> {
    let activities = meeting_activities(gate, mappings, event);
    activities.iter().map(|activity| serde_json::to_value(activity.record()).expect("JSON")).collect()
}

fn email_record(gate: &DpaAccepted<'_>, mappings: &FieldMappings, message: &FilteredMessage) -> Value {
    let activity = email_activity(gate, mappings, message).expect("somebody passed");
    serde_json::to_value(activity.record()).expect("JSON")
}

#[test]
fn of_an_item_that_nobody_passes_in_there_is_no_record() {
    with_gate("default", |gate| {
        let event =
            planning(&[("joe@tenant.com", ResponseStatus::Accepted), ("eve@evil.example", ResponseStatus::None)]);
        assert!(event.subject.is_none());
        assert!(meeting_activities(gate, &FieldMappings::default(), &event).is_empty());
        let message = renewal("joe@tenant.com", &["eve@evil.example"], &["ann@notacme.com"]);
        assert!(message.subject.is_none());
        assert!(email_activity(gate, &FieldMappings::default(), &message).is_none());
    });
}

#[test]
fn a_meeting_is_one_record_for_each_attendee_who_passes() {
    with_gate("org_1", |gate| {
        let event = planning(&[
            ("Org@tenant.com", ResponseStatus::Organizer),
            ("Buyer@ACME.com", ResponseStatus::Accepted),
            ("eve@evil.example", ResponseStatus::Accepted),
            ("Champion@eu.acme.com.", ResponseStatus::TentativelyAccepted),
            ("Somebody", ResponseStatus::None),
        ]);
        let records = meeting_records(gate, &FieldMappings::default(), &event);
        let expected = json!({
            "externalId": "o365_cal_AAMkAGI1_buyer@acme.com", "type": "meeting_attend", "channel": "meetings",
            "occurredAt": "2026-03-02T15:00:00Z", "personExternalId": "buyer@acme.com",
            "properties": {
                "meetingSubject": "Q1 Planning", "durationMinutes": 60, "isOnline": true,
                "organizerEmail": "org@tenant.com", "attendeeCount": 5, "responseStatus": "accepted",
                "accountDomain": "acme.com",
            },
        });
        assert_eq!(records.len(), 2);
        assert_eq!(records[0], expected);
        assert_eq!(records[1]["personExternalId"], "champion@eu.acme.com");
        assert_eq!(records[1]["properties"]["responseStatus"], "tentativelyAccepted");
        assert_eq!(records[1]["properties"]["accountDomain"], "acme.com");

        let activity = &meeting_activities(gate, &FieldMappings::default(), &event)[0];
        assert_eq!(activity.tenant().as_str(), "org_1");
        assert_eq!(activity.kind(), ActivityType::MeetingAttend);
        assert_eq!(activity.external_id(), "o365_cal_AAMkAGI1_buyer@acme.com");
        assert_eq!(activity.participants().len(), 1);
        assert_eq!(activity.occurred_at(), event.start);
        assert!(matches!(activity.properties(), Properties::Meeting { attendee_count: 5, .. }));
    });
}

#[test]
fn a_message_is_one_record_with_everyone_who_passes() {
    with_gate("default", |gate| {
        let message = renewal("joe@tenant.com", &["Buyer@acme.com", "eve@evil.example"], &["champion@acme.com"]);
        let expected = json!({
            "externalId": "o365_email_AAkALg", "type": "email_thread", "channel": "email",
            "occurredAt": "2026-03-02T15:00:00Z", "personExternalId": "buyer@acme.com",
            "properties": {
                "conversationId": "conv_abc", "participantCount": 2,
                "participantEmails": ["buyer@acme.com", "champion@acme.com"], "subject": "Renewal",
            },
        });
        assert_eq!(email_record(gate, &FieldMappings::default(), &message), expected);
        let from_outside = renewal("champion@acme.com", &["buyer@acme.com"], &[]);
        let activity = email_activity(gate, &FieldMappings::default(), &from_outside).unwrap();
        assert_eq!(activity.participants()[0].as_str(), "champion@acme.com");
        assert_eq!(activity.kind(), ActivityType::EmailThread);
    });
}

#[test]
fn fields_come_in_the_order_of_the_contract() {
    with_gate("default", |gate| {
        let event = planning(&[("buyer@acme.com", ResponseStatus::Accepted)]);
        let activity = meeting_activities(gate, &FieldMappings::default(), &event).remove(0);
        assert_eq!(
            serde_json::to_string(&activity.record()).unwrap(),
            r#"{"externalId":"o365_cal_AAMkAGI1_buyer@acme.com","type":"meeting_attend","channel":"meetings","occurredAt":"2026-03-02T15:00:00Z","personExternalId":"buyer@acme.com","properties":{"meetingSubject":"Q1 Planning","durationMinutes":60,"isOnline":true,"organizerEmail":"org@tenant.com","attendeeCount":1,"responseStatus":"accepted","accountDomain":"acme.com"}}"#
        );
    });
}

#[test]
fn what_cannot_be_told_is_null_and_not_absent() {
    with_gate("default", |gate| {
        let people = attendees("eve@evil.example", &[("buyer@acme.com", ResponseStatus::None)]);
        let start = "2026-03-02T15:00:00Z".parse().unwrap();
        let end = "2026-03-02T14:00:00Z".parse().unwrap();
        let event = FilteredEvent { id: "e".into(), subject: None, start, end, is_online: None, people, details: None };
        let expected = json!({
            "meetingSubject": null, "durationMinutes": null, "isOnline": null, "organizerEmail": null,
            "attendeeCount": 1, "responseStatus": "none", "accountDomain": "acme.com",
        });
        assert_eq!(meeting_records(gate, &FieldMappings::default(), &event)[0]["properties"], expected);

        let message = FilteredMessage { conversation_id: None, subject: None, ..renewal("buyer@acme.com", &[], &[]) };
        let expected = json!({
            "conversationId": null, "participantCount": 1, "participantEmails": ["buyer@acme.com"], "subject": null,
        });
        assert_eq!(email_record(gate, &FieldMappings::default(), &message)["properties"], expected);
    });
}

#[test]
fn without_subjects_no_record_has_one() {
    with_gate("default", |gate| {
        let mappings = FieldMappings::default().without_subjects();
        let event = planning(&[("buyer@acme.com", ResponseStatus::Accepted)]);
        assert_eq!(meeting_records(gate, &mappings, &event)[0]["properties"]["meetingSubject"], Value::Null);
        let message = renewal("buyer@acme.com", &[], &[]);
        assert_eq!(email_record(gate, &mappings, &message)["properties"]["subject"], Value::Null);
    });
}

#[test]
fn the_tables_decide_what_is_filled_and_how() {
    with_gate("default", |gate| {
        let default = FieldMappings::default();
        let mut calendar = default.calendar().to_vec();
        calendar.retain(|line| ![Target::IsOnline, Target::OrganizerEmail].contains(&line.target));
        calendar.iter_mut().filter(|line| line.source == CalendarSource::Subject).for_each(|line| {
            line.transform = Transform::Lowercase;
        });
        let mut mail = default.mail().to_vec();
        mail.retain(|line| line.source != MailSource::ConversationId);
        mail.iter_mut()
            .filter(|line| line.source == MailSource::Subject)
            .for_each(|line| line.transform = Transform::None);
        let mappings = FieldMappings::checked(calendar, mail).unwrap();

        let event = planning(&[("buyer@acme.com", ResponseStatus::Accepted)]);
        let properties = &meeting_records(gate, &mappings, &event)[0]["properties"];
        assert_eq!(properties["meetingSubject"], " q1 planning\n");
        assert_eq!((&properties["isOnline"], &properties["organizerEmail"]), (&Value::Null, &Value::Null));
        let record = email_record(gate, &mappings, &renewal("buyer@acme.com", &[], &[]));
        assert_eq!(record["properties"]["subject"], "Renewal ");
        assert_eq!(record["properties"]["conversationId"], Value::Null);
    });
}

#[test]
fn nothing_shows_a_record_by_accident() {
    with_gate("default", |gate| {
        let event = planning(&[("buyer@acme.com", ResponseStatus::Accepted)]);
        let message = renewal("buyer@acme.com", &[], &[]);
        let meeting = meeting_activities(gate, &FieldMappings::default(), &event).remove(0);
        let shown = format!("{event:?} {message:?} {meeting:?} {:?} {:?}", meeting.properties(), meeting.record());
        for text in ["buyer", "org@", "Planning", "Renewal", "conv_abc", "AAMkAGI1"] {
            assert!(!shown.contains(text), "{shown}");
        }
    });
}
