// Caught mutation: making the fields of `FilteredAttendees` public, so that people of two meetings can be mixed.
fn main() {
    let _ = m365_privacy::FilteredAttendees {
        attendances: Vec::new(),
        organizer: None,
        attendee_count: 0,
        counts: Default::default(),
    };
}
