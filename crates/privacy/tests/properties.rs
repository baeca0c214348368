//! However an address is spelled, nobody comes out whom the list does not let in.

use m365_model::EntryId;
use m365_privacy::{
    AddressFilter, AllowEntry, AttendeeKind, DomainName, Exclusions, OrganizerRules, Participant, RawAddress,
    RawAttendee, ResponseStatus, filter_calendar_attendees, filter_email_participants,
};
use proptest::prelude::*;

/// The domains in play, as U-labels and A-labels, by what the filter below thinks of them.
const LISTED: [&str; 4] = ["acme.com", "b\u{fc}cher.example", "xn--bcher-kva.example", "globex.co.uk"];
const LISTED_BELOW: [&str; 2] = ["eu.globex.co.uk", "a.b.globex.co.uk"];
const INTERNAL: [&str; 5] =
    ["contoso.com", "mail.contoso.com", "stra\u{df}e.example", "hq.stra\u{df}e.example", "own.globex.co.uk"];
const OTHERS: [&str; 10] = [
    "notacme.com",
    "acme.com.example.net",
    "acme.co",
    "eu.acme.com",
    "acme.com.contoso.net",
    "bucher.example",
    "notglobex.co.uk",
    "co.uk",
    "\u{430}cme.com",
    "strasse.example",
];

fn domain(text: &str) -> DomainName {
    text.parse().expect("a domain")
}

fn filter() -> AddressFilter {
    let entry = |id, name, include_subdomains| AllowEntry { id: EntryId(id), domain: domain(name), include_subdomains };
    AddressFilter::new(
        vec![
            entry(1, "acme.com", false),
            entry(2, "b\u{fc}cher.example", false),
            entry(3, "globex.co.uk", true),
            // Found to be internal after they were listed.
            entry(4, "contoso.com", true),
            entry(5, "hq.stra\u{df}e.example", false),
        ],
        ["contoso.com", "stra\u{df}e.example", "own.globex.co.uk"].map(domain),
        Exclusions::parse(["gone@acme.com", "legal.globex.co.uk"]).expect("exclusions"),
    )
}

/// What must hold for everyone who comes out, told without the filter: by the text alone.
fn may_come_out(person: &Participant) -> bool {
    let text = person.as_str();
    let Some((local, name)) = text.split_once('@') else { return false };
    let is_listed = ["acme.com", "xn--bcher-kva.example", "globex.co.uk"].contains(&name);
    let is_below = name.ends_with(".globex.co.uk");
    let is_internal = name == "own.globex.co.uk" || name.ends_with(".own.globex.co.uk");
    let is_excluded = text == "gone@acme.com" || name == "legal.globex.co.uk" || name.ends_with(".legal.globex.co.uk");
    !local.is_empty() && text == text.to_ascii_lowercase() && (is_listed || is_below) && !is_internal && !is_excluded
}

/// Everyone whom the one text brings out, by every way there is.
fn everyone(text: &str) -> Vec<Participant> {
    let raw = || RawAddress::from(text);
    let row = || RawAttendee { address: raw(), kind: AttendeeKind::Optional, response: ResponseStatus::Accepted };
    let rules = OrganizerRules { external_counts: true, keep_address: true };
    let filter = filter();
    let meetings = [
        filter_calendar_attendees(&filter, rules, Some(raw()), vec![]),
        filter_calendar_attendees(&filter, rules, None, vec![row(), row()]),
        filter_calendar_attendees(&filter, rules, Some(raw()), vec![row()]),
    ];
    let messages = [
        filter_email_participants(&filter, Some(raw()), vec![raw()], vec![raw()]),
        filter_email_participants(&filter, None, vec![], vec![raw()]),
    ];
    let attending = meetings.iter().flat_map(|meeting| meeting.attendances().iter().map(|a| a.person.clone()));
    let writing = messages.iter().flat_map(|message| message.participants().iter().cloned());
    attending.chain(writing).collect()
}

/// One of many spellings of the same address: letter case, A-labels for U-labels, dots at the end, spaces around it.
fn spelled(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let local = prop_oneof!["[a-zA-Z0-9]{1,12}", "[a-z]{1,5}[.+_'-][a-z]{1,5}", Just("Gone".to_owned())];
    let ends = prop_oneof![Just(""), Just("."), Just(".."), Just("\u{3002}"), Just(" "), Just("\r\n"), Just("\u{a0}")];
    (local, prop::sample::select(names), any::<u64>(), any::<bool>(), ends, any::<bool>()).prop_map(
        |(local, name, cases, as_labels, end, space)| {
            let name = if as_labels { domain(name).to_string() } else { name.to_owned() };
            let cased = name.char_indices().map(|(i, c)| if cases >> (i % 64) & 1 == 1 { upper(c) } else { c });
            format!("{}{local}@{}{end}", if space { " " } else { "" }, cased.collect::<String>())
        },
    )
}

/// The capital of a letter whose capital is one letter.
fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(capital), None) => capital,
        _ => c,
    }
}

/// Texts that are built to be misread: pieces of addresses in any order.
fn weird() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(&["jane", "acme.com", "contoso.com", "own.globex.co.uk", "evil.example", "gone"][..])
            .prop_map(str::to_owned),
        prop::sample::select(
            &["@", "@", "@", ".", "..", "<", ">", "\"", "(", ")", ",", ";", ":", " ", "%", "!", "\\", "[", "]", "/o="]
                [..]
        )
        .prop_map(str::to_owned),
        prop::sample::select(
            &["\u{ad}", "\u{200b}", "\u{202e}", "\u{feff}", "\0", "\t", "\u{ff20}", "\u{ff0e}", "\u{3002}", "\u{2024}"]
                [..]
        )
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_spelling_of_an_internal_address_comes_out(text in spelled(&INTERNAL)) {
        prop_assert_eq!(everyone(&text).len(), 0);
    }

    #[test]
    fn no_spelling_of_an_address_off_the_list_comes_out(text in spelled(&OTHERS)) {
        prop_assert_eq!(everyone(&text).len(), 0);
    }

    #[test]
    fn every_spelling_of_a_listed_address_comes_out_as_one_text(text in spelled(&LISTED)) {
        let people = everyone(&text);
        let is_excluded = text.trim().to_lowercase().trim_end_matches(['.', '\u{3002}']) == "gone@acme.com";
        prop_assert_eq!(people.len(), if is_excluded { 0 } else { 5 });
        prop_assert!(people.iter().all(|person| may_come_out(person) && person == &people[0]));
    }

    #[test]
    fn subdomains_of_an_entry_that_includes_them_come_out_under_its_name(text in spelled(&LISTED_BELOW)) {
        let people = everyone(&text);
        prop_assert_eq!(people.len(), 5);
        for person in people {
            prop_assert!(may_come_out(&person));
            prop_assert_eq!(person.account_domain().as_str(), "globex.co.uk");
            prop_assert_eq!(person.entry(), EntryId(3));
        }
    }

    #[test]
    fn whatever_the_text_only_listed_people_come_out(text in weird()) {
        prop_assert!(everyone(&text).iter().all(may_come_out), "{:?}", text);
    }

    #[test]
    fn nothing_comes_out_behind_another_address(a in spelled(&LISTED), glue in "[ ,;<>\"()@:/]", b in spelled(&OTHERS)) {
        prop_assert_eq!(everyone(&format!("{}{glue}{}", a.trim(), b.trim())).len(), 0);
        prop_assert_eq!(everyone(&format!("{}{glue}{}", b.trim(), a.trim())).len(), 0);
    }

    #[test]
    fn what_came_out_is_read_again_as_itself(text in prop_oneof![spelled(&LISTED), spelled(&LISTED_BELOW), weird()]) {
        for person in everyone(&text) {
            prop_assert!(everyone(person.as_str()).iter().all(|again| again == &person));
            prop_assert_eq!(everyone(person.as_str()).len(), 5);
        }
    }

    #[test]
    fn a_domain_name_is_read_again_as_itself(text in "\\PC{0,30}\\.\\PC{0,10}") {
        if let Ok(name) = text.parse::<DomainName>() {
            prop_assert_eq!(name.as_str().parse::<DomainName>(), Ok(name.clone()));
            prop_assert!(name.as_str().is_ascii() && !name.as_str().ends_with('.'));
            prop_assert!(name.parents().all(|parent| parent.parse::<DomainName>().is_ok_and(|p| name.is_or_is_below(&p))));
        }
    }
}
