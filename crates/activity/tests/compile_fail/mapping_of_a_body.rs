// Caught mutation: adding a body to the fields of a message that can be mapped.
fn main() {
    let _ = m365_activity::FieldMapping {
        source: m365_activity::MailSource::Body,
        target: m365_activity::Target::Subject,
        transform: m365_activity::Transform::None,
    };
}
