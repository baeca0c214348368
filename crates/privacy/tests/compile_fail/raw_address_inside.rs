// Caught mutation: making the field of `RawAddress` public.
fn main() {
    let _ = m365_privacy::RawAddress::from("jane@acme.com").0;
}
