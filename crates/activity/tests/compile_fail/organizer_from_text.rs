// Caught mutation: keeping the organizer's address as a text in `Properties`.
fn by_hand(account_domain: m365_privacy::DomainName) -> m365_activity::Properties {
    m365_activity::Properties::Meeting {
        meeting_subject: None,
        duration_minutes: None,
        is_online: None,
        organizer_email: Some(String::from("eve@evil.example")),
        attendee_count: 1,
        response_status: m365_privacy::ResponseStatus::None,
        account_domain,
        details: None,
    }
}

fn main() {
    let _ = by_hand;
}
