// Caught mutation: making `Subject::of_item_with_someone` public.
fn main() {
    let _ = m365_privacy::Subject::of_item_with_someone(m365_privacy::RawText::from("Renewal"));
}
