// Caught mutation: making the fields of `Participant` public.
fn main() {
    let account_domain = "acme.com".parse().unwrap();
    let _ = m365_privacy::Participant {
        address: String::from("jane@acme.com"),
        entry: m365_model::EntryId(1),
        account_domain,
    };
}
