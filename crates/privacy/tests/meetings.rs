//! Who may be written down of a meeting.

use m365_model::EntryId;
use m365_privacy::{
    AddressFilter, AddressReason, AllowEntry, AttendeeKind, Exclusions, FilteredAttendees, NoOne, Organizer,
    OrganizerRules, RawAddress, RawAttendee, RawText, ResponseStatus, filter_calendar_attendees,
};

const KEEP: OrganizerRules = OrganizerRules { external_counts: true, keep_address: true };

fn filter() -> AddressFilter {
    let entry = |id, name: &str, include_subdomains| AllowEntry {
        id: EntryId(id),
        domain: name.parse().expect("a domain"),
        include_subdomains,
    };
    AddressFilter::new(
        vec![entry(1, "acme.com", false), entry(2, "globex.com", true)],
        ["contoso.com".parse().expect("a domain")],
        Exclusions::parse(["private@acme.com"]).expect("an address"),
    )
}

fn row(address: impl Into<RawAddress>, response: ResponseStatus) -> RawAttendee {
    RawAttendee { address: address.into(), kind: AttendeeKind::Required, response }
}

fn resource(address: &str) -> RawAttendee {
    RawAttendee { address: address.into(), kind: AttendeeKind::Resource, response: ResponseStatus::None }
}

fn filtered(organizer: Option<&str>, attendees: Vec<RawAttendee>) -> FilteredAttendees {
    filter_calendar_attendees(&filter(), KEEP, organizer.map(Into::into), attendees)
}

fn people(meeting: &FilteredAttendees) -> Vec<(&str, ResponseStatus)> {
    meeting.attendances().iter().map(|attendance| (attendance.person.as_str(), attendance.response)).collect()
}

fn counts(meeting: &FilteredAttendees) -> Vec<(&'static str, u64)> {
    meeting.counts().iter().filter(|(_, n)| *n > 0).collect()
}

#[test]
fn a_meeting_without_anyone_outside_keeps_nobody_and_no_subject() {
    let meeting = filtered(
        Some("boss@contoso.com"),
        vec![row("Boss@Contoso.com", ResponseStatus::Organizer), row("joe@eu.contoso.com", ResponseStatus::Accepted)],
    );
    assert!(meeting.is_empty() && meeting.attendances().is_empty());
    assert_eq!(meeting.verdict(), Some(NoOne::NoExternalParticipant));
    assert!(meeting.subject("Layoffs".into()).is_none());
    assert_eq!(counts(&meeting), [("internal", 2)]);
}

#[test]
fn a_meeting_with_others_only_says_that_their_domain_is_not_allowed() {
    let meeting = filtered(Some("boss@contoso.com"), vec![row("eve@evil.example", ResponseStatus::Accepted)]);
    assert_eq!(meeting.verdict(), Some(NoOne::DomainNotAllowed));
    assert_eq!(meeting.verdict().unwrap().word(), "domain_not_allowed");
    assert!(meeting.subject("x".into()).is_none());
    assert_eq!(counts(&meeting), [("internal", 1), ("domain_not_allowed", 1)]);
}

#[test]
fn what_cannot_be_read_and_who_is_excluded_is_no_external_participant() {
    let meeting = filtered(
        Some("/o=ExchangeLabs/ou=x/cn=Recipients/cn=boss"),
        vec![row("Jane Doe", ResponseStatus::None), row("Private@ACME.com", ResponseStatus::Accepted)],
    );
    assert_eq!(meeting.verdict(), Some(NoOne::NoExternalParticipant));
    assert_eq!(counts(&meeting), [("unparseable", 2), ("excluded", 1)]);
    assert!(meeting.organizer().is_none());
}

#[test]
fn an_organizer_who_is_neither_internal_nor_let_in_is_not_kept() {
    let meeting = filtered(Some("eve@evil.example"), vec![row("jane@acme.com", ResponseStatus::Accepted)]);
    assert!(meeting.organizer().is_none());
    assert_eq!(people(&meeting), [("jane@acme.com", ResponseStatus::Accepted)]);
    let excluded = filtered(Some("private@acme.com"), vec![row("jane@acme.com", ResponseStatus::Accepted)]);
    assert!(excluded.organizer().is_none());
}

#[test]
fn everyone_let_in_is_kept_once_in_listed_order() {
    let meeting = filtered(
        Some("boss@contoso.com"),
        vec![
            row("zoe@eu.globex.com", ResponseStatus::Declined),
            row("Jane@ACME.com", ResponseStatus::None),
            row("eve@evil.example", ResponseStatus::Accepted),
            row(" jane@acme.com. ", ResponseStatus::TentativelyAccepted),
            row("jane@acme.com", ResponseStatus::Declined),
        ],
    );
    let expected =
        [("zoe@eu.globex.com", ResponseStatus::Declined), ("jane@acme.com", ResponseStatus::TentativelyAccepted)];
    assert_eq!(people(&meeting), expected);
    assert_eq!(meeting.attendances()[0].person.account_domain().as_str(), "globex.com");
    assert_eq!(meeting.attendances()[0].person.entry(), EntryId(2));
    assert_eq!(meeting.verdict(), None);
    assert_eq!(meeting.attendee_count(), 3);
    assert_eq!(meeting.organizer().map(Organizer::as_str), Some("boss@contoso.com"));
    assert!(matches!(meeting.organizer(), Some(Organizer::Internal(_))));
}

#[test]
fn rooms_are_no_people_however_often_they_are_listed() {
    let meeting = filtered(
        Some("hall@globex.com"),
        vec![
            row("hall@globex.com", ResponseStatus::Accepted),
            resource("Hall@Globex.com"),
            resource("beamer@acme.com"),
            resource("Room 12"),
            row("jane@acme.com", ResponseStatus::Accepted),
        ],
    );
    assert_eq!(people(&meeting), [("jane@acme.com", ResponseStatus::Accepted)]);
    assert_eq!(meeting.attendee_count(), 1);
    assert_eq!(counts(&meeting), [("resource", 3)]);
    assert!(meeting.organizer().is_none());
    let rooms_only = filtered(None, vec![resource("hall@globex.com")]);
    assert_eq!((rooms_only.verdict(), rooms_only.attendee_count()), (Some(NoOne::NoExternalParticipant), 0));
}

#[test]
fn an_external_organizer_who_passes_is_an_attendee_listed_or_not() {
    let listed = filtered(
        Some("Jane@acme.com"),
        vec![row("jane@acme.com", ResponseStatus::None), row("zoe@globex.com", ResponseStatus::Accepted)],
    );
    let expected = [("jane@acme.com", ResponseStatus::Organizer), ("zoe@globex.com", ResponseStatus::Accepted)];
    assert_eq!(people(&listed), expected);
    assert_eq!(listed.attendee_count(), 2);

    let unlisted = filtered(Some("jane@acme.com"), vec![row("joe@contoso.com", ResponseStatus::Accepted)]);
    assert_eq!(people(&unlisted), [("jane@acme.com", ResponseStatus::Organizer)]);
    assert_eq!(unlisted.attendee_count(), 1, "the organizer counts only if listed");
    assert!(matches!(unlisted.organizer(), Some(Organizer::External(_))));
}

#[test]
fn where_external_organizers_do_not_count_they_are_what_the_list_says() {
    let rules = OrganizerRules { external_counts: false, keep_address: true };
    let list = vec![row("jane@acme.com", ResponseStatus::Accepted)];
    let listed = filter_calendar_attendees(&filter(), rules, Some("jane@acme.com".into()), list);
    assert_eq!(people(&listed), [("jane@acme.com", ResponseStatus::Accepted)]);
    let unlisted = filter_calendar_attendees(&filter(), rules, Some("jane@acme.com".into()), vec![]);
    assert!(unlisted.is_empty());
    assert_eq!(unlisted.verdict(), Some(NoOne::NoExternalParticipant));
}

#[test]
fn where_addresses_of_organizers_are_not_kept_there_is_none() {
    let rules = OrganizerRules { external_counts: true, keep_address: false };
    for organizer in ["boss@contoso.com", "jane@acme.com"] {
        let meeting = filter_calendar_attendees(&filter(), rules, Some(organizer.into()), vec![]);
        assert!(meeting.organizer().is_none());
    }
    let meeting = filter_calendar_attendees(&filter(), rules, Some("jane@acme.com".into()), vec![]);
    assert_eq!(people(&meeting), [("jane@acme.com", ResponseStatus::Organizer)]);
}

#[test]
fn the_number_of_attendees_is_of_distinct_people_listed() {
    let meeting = filtered(
        Some("boss@contoso.com"),
        vec![
            row("jane@acme.com", ResponseStatus::Accepted),
            row("JANE@acme.com", ResponseStatus::Accepted),
            row("Jane Doe", ResponseStatus::None),
            row(" jane DOE ", ResponseStatus::None),
            row("/o=x/cn=joe", ResponseStatus::None),
            row("", ResponseStatus::None),
            row(RawAddress::absent(), ResponseStatus::None),
            row("eve@evil.example", ResponseStatus::None),
            resource("room@contoso.com"),
        ],
    );
    assert_eq!(meeting.attendee_count(), 6);
    assert_eq!(counts(&meeting), [("internal", 1), ("domain_not_allowed", 1), ("unparseable", 4), ("resource", 1)]);
    assert_eq!(meeting.counts().get(AddressReason::Internal), 1);
    let stored = meeting.with_attendee_count(40);
    assert_eq!((stored.attendee_count(), stored.attendances().len()), (40, 1));
}

#[test]
fn an_organizer_without_an_address_is_nobody() {
    let list = vec![row("jane@acme.com", ResponseStatus::Accepted)];
    let meeting = filter_calendar_attendees(&filter(), KEEP, Some(RawAddress::absent()), list);
    assert!(meeting.organizer().is_none());
    assert_eq!(counts(&meeting), []);
}

#[test]
fn a_kept_subject_is_cut_and_free_of_nul() {
    let meeting = filtered(None, vec![row("jane@acme.com", ResponseStatus::Accepted)]);
    assert_eq!(meeting.subject("Q1\0 Planning".into()).unwrap().as_str(), "Q1 Planning");
    assert_eq!(meeting.subject("\u{fc}".repeat(1001).into()).unwrap().as_str().chars().count(), 1000);
    assert_eq!(meeting.subject("".into()).unwrap().as_str(), "");
    assert!(meeting.subject(RawText::absent()).is_none());
    assert_eq!(format!("{:?}", meeting.subject("Q1".into())), "Some(Subject(..))");
}

#[test]
fn words_of_graph_are_read_in_any_letter_case() {
    for (word, kind) in [
        ("Resource", AttendeeKind::Resource),
        ("OPTIONAL", AttendeeKind::Optional),
        ("required", AttendeeKind::Required),
        ("unknownFutureValue", AttendeeKind::Required),
    ] {
        assert_eq!(AttendeeKind::from_graph(word), kind);
    }
    for (word, response) in [
        (Some("tentativelyaccepted"), ResponseStatus::TentativelyAccepted),
        (Some("ACCEPTED"), ResponseStatus::Accepted),
        (Some("notResponded"), ResponseStatus::NotResponded),
        (Some("organizer"), ResponseStatus::Organizer),
        (Some("declined"), ResponseStatus::Declined),
        (Some("none"), ResponseStatus::None),
        (Some("perhaps"), ResponseStatus::None),
        (None, ResponseStatus::None),
    ] {
        assert_eq!(ResponseStatus::from_graph(word), response);
        assert_eq!(ResponseStatus::from_word(response.word()), Some(response));
    }
    assert_eq!(ResponseStatus::TentativelyAccepted.word(), "tentativelyAccepted");
    assert_eq!(ResponseStatus::from_word("TentativelyAccepted"), None);
}

#[test]
fn nothing_shows_an_address_by_accident() {
    let meeting = filtered(Some("boss@contoso.com"), vec![row("jane@acme.com", ResponseStatus::Accepted)]);
    let shown = format!("{meeting:?} {:?} {:?}", meeting.attendances(), row("eve@evil.example", ResponseStatus::None));
    for text in ["jane", "boss", "eve"] {
        assert!(!shown.contains(text), "{shown}");
    }
}
