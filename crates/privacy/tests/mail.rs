//! Who may be written down of a message.

use m365_model::EntryId;
use m365_privacy::{
    AddressFilter, AllowEntry, Exclusions, FilteredParticipants, NoOne, RawAddress, filter_email_participants,
};

fn filter() -> AddressFilter {
    let entry = |id, name: &str| AllowEntry {
        id: EntryId(id),
        domain: name.parse().expect("a domain"),
        include_subdomains: false,
    };
    AddressFilter::new(
        vec![entry(1, "acme.com"), entry(2, "globex.com")],
        ["contoso.com".parse().expect("a domain")],
        Exclusions::none(),
    )
}

fn filtered(sender: Option<&str>, to: &[&str], cc: &[&str]) -> FilteredParticipants {
    let raw = |texts: &[&str]| texts.iter().map(|text| RawAddress::from(*text)).collect();
    filter_email_participants(&filter(), sender.map(Into::into), raw(to), raw(cc))
}

fn people(message: &FilteredParticipants) -> Vec<&str> {
    message.participants().iter().map(m365_privacy::Participant::as_str).collect()
}

#[test]
fn a_message_that_nobody_passes_in_keeps_nothing() {
    let internal = filtered(Some("boss@contoso.com"), &["joe@contoso.com"], &[]);
    assert_eq!(internal.verdict(), Some(NoOne::NoExternalParticipant));
    let others = filtered(Some("boss@contoso.com"), &["eve@evil.example"], &["jane@notacme.com"]);
    assert_eq!(others.verdict(), Some(NoOne::DomainNotAllowed));
    for message in [internal, others] {
        assert!(message.is_empty() && message.participants().is_empty());
        assert!(message.subject("Secret".into()).is_none());
    }
}

#[test]
fn people_come_in_the_order_sender_to_cc_and_each_once() {
    let message = filtered(
        Some("zoe@globex.com"),
        &["joe@contoso.com", "Jane@ACME.com", "eve@evil.example", "ZOE@globex.com"],
        &["jane@acme.com.", "ann@acme.com", "EVE@evil.example", "Jane Doe"],
    );
    assert_eq!(people(&message), ["zoe@globex.com", "jane@acme.com", "ann@acme.com"]);
    assert_eq!(message.verdict(), None);
    assert_eq!(
        serde_json::to_string(message.counts()).unwrap(),
        r#"{"internal":1,"domain_not_allowed":1,"unparseable":1}"#
    );
    assert_eq!(message.subject("Renewal".into()).unwrap().as_str(), "Renewal");
}

#[test]
fn a_draft_without_a_sender_is_read_all_the_same() {
    let to = vec![RawAddress::from("jane@acme.com"), RawAddress::absent()];
    let message = filter_email_participants(&filter(), Some(RawAddress::absent()), to, vec![]);
    assert_eq!(people(&message), ["jane@acme.com"]);
    assert_eq!(serde_json::to_string(message.counts()).unwrap(), r#"{"unparseable":1}"#);
}

#[test]
fn whatever_stands_in_the_json_is_an_address_that_does_not_pass() {
    for json in ["null", "7", "-1", "1.5", "true", "[\"jane@acme.com\"]", r#"{"address":"jane@acme.com"}"#, "\"\""] {
        let raw: RawAddress = serde_json::from_str(json).unwrap();
        assert!(raw.is_absent(), "{json}");
        assert!(filter_email_participants(&filter(), None, vec![raw], vec![]).is_empty());
    }
    let raw: RawAddress = serde_json::from_str("\"jane@acme.com\"").unwrap();
    assert_eq!(format!("{raw:?}"), "RawAddress(..)");
    assert_eq!(people(&filter_email_participants(&filter(), None, vec![raw], vec![])), ["jane@acme.com"]);
}
