// Caught mutation: taking the gate out of the arguments of `email_activity`.
fn main() {
    let transform: fn(&m365_activity::FieldMappings, &m365_activity::FilteredMessage) -> _ =
        |mappings, message| m365_activity::email_activity(mappings, message);
    let _ = transform;
}
