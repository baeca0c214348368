// Caught mutation: making the field of `InternalOrganizer` public.
fn main() {
    let _ = m365_privacy::InternalOrganizer(String::from("jane@acme.com"));
}
