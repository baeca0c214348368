// Caught mutation: making the field of `RawText` public.
fn main() {
    let _ = m365_privacy::RawText::from("Renewal").0;
}
