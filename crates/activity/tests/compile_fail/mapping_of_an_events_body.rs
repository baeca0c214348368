// Caught mutation: adding a body to the fields of an event that can be mapped.
fn main() {
    let _ = m365_activity::CalendarSource::Body;
}
