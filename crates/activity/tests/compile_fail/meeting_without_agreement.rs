// Caught mutation: taking the gate out of the arguments of `meeting_activities`.
fn main() {
    let transform: fn(&m365_activity::FieldMappings, &m365_activity::FilteredEvent) -> _ =
        |mappings, event| m365_activity::meeting_activities(mappings, event);
    let _ = transform;
}
