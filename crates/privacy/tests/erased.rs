//! Whoever was erased does not come out of the filter, and no subject that names them does.

use m365_model::EntryId;
use m365_privacy::{
    AddressFilter, AddressReason, AllowEntry, AttendeeKind, Exclusions, OrganizerRules, RawAddress, RawAttendee,
    ResponseStatus, SuppressionKey, Suppressions, filter_calendar_attendees, filter_email_participants,
};

/// Everyone of acme.com and below passes, but Jane and whoever is of legal.acme.com; one of our own was erased, too.
fn filter() -> AddressFilter {
    let key = SuppressionKey::new([3; 32]);
    let people = ["jane@acme.com", "org@contoso.com", "eve@elsewhere.example"]
        .map(|text| key.person(&text.parse().expect("as it is written")));
    let domains = [key.domain(&"legal.acme.com".parse().expect("as it is written"))];
    let entry =
        AllowEntry { id: EntryId(1), domain: "acme.com".parse().expect("as it is written"), include_subdomains: true };
    AddressFilter::new(vec![entry], ["contoso.com".parse().expect("as it is written")], Exclusions::none())
        .without(Suppressions::new(key, people, domains))
}

fn mail(people: &[&str]) -> m365_privacy::FilteredParticipants {
    let people = people.iter().map(|text| RawAddress::from(*text)).collect();
    filter_email_participants(&filter(), None, people, Vec::new())
}

/// Fails when `judge` does not ask the suppressions.
#[test]
fn an_erased_person_does_not_pass_however_spelled_and_is_counted() {
    for text in ["jane@acme.com", " JANE@Acme.COM. ", "bob@legal.acme.com", "bob@EU.Legal.acme.com."] {
        let message = mail(&[text]);
        assert!(message.is_empty(), "{text}");
        assert_eq!(message.counts().get(AddressReason::Erased), 1, "{text}");
    }
    for text in ["mary.jane@acme.com", "jane@eu.acme.com", "bob@illegal.acme.com", "jane+x@acme.com"] {
        assert!(!mail(&[text]).is_empty(), "{text}");
    }
    // Whoever is not let in anyway is not told to be among the erased.
    let stranger = mail(&["eve@elsewhere.example"]);
    assert_eq!(stranger.counts().get(AddressReason::DomainNotAllowed), 1);
}

/// Fails when `Subject::of_item_with_someone` does not ask the suppressions.
#[test]
fn a_subject_that_names_an_erased_person_is_not_handed_out() {
    let message = mail(&["jane@acme.com", "ann@acme.com"]);
    assert_eq!(message.participants().len(), 1);
    for subject in ["Fwd: jane@acme.com", "bob@legal.acme.com?", "org@contoso.com", "Eve@Elsewhere.example"] {
        assert!(message.subject(subject.into()).is_none(), "{subject}");
    }
    assert_eq!(message.subject("Ask ann@acme.com".into()).unwrap().as_str(), "Ask ann@acme.com");
}

#[test]
fn an_erased_organizer_is_kept_neither_from_outside_nor_of_our_own() {
    let rules = OrganizerRules { external_counts: true, keep_address: true };
    for (organizer, reason) in [("Jane@acme.com", AddressReason::Erased), ("ORG@contoso.com", AddressReason::Internal)]
    {
        let ann = RawAttendee {
            address: "ann@acme.com".into(),
            kind: AttendeeKind::Required,
            response: ResponseStatus::Accepted,
        };
        let meeting = filter_calendar_attendees(&filter(), rules, Some(organizer.into()), vec![ann]);
        assert!(meeting.organizer().is_none(), "{organizer}");
        assert_eq!(meeting.attendances().len(), 1);
        assert_eq!(meeting.counts().get(reason), 1);
        assert!(meeting.subject("With jane@acme.com".into()).is_none());
    }
}
