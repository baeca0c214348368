// Caught mutation: making the fields of `CanonicalActivity` public.
fn by_hand(tenant: m365_model::TenantId, occurred_at: jiff::Timestamp) -> m365_activity::CanonicalActivity {
    m365_activity::CanonicalActivity {
        tenant,
        external_id: String::from("o365_email_x"),
        occurred_at,
        participants: Vec::new(),
        properties: m365_activity::Properties::Email { conversation_id: None, subject: None, details: None },
    }
}

fn main() {
    let _ = by_hand;
}
