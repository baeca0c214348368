// Caught mutation: taking a tenant's id in the place of the proof.
fn transform(tenant: &m365_model::TenantId, message: &m365_activity::FilteredMessage) {
    let _ = m365_activity::email_activity(tenant, &m365_activity::FieldMappings::default(), message);
}

fn main() {
    let _ = transform;
}
