// Caught mutation: making `Subject::of_item_with_someone` public.
fn main() {
    let (raw, nobody) = (m365_privacy::RawText::from("Renewal"), m365_privacy::Suppressions::none());
    let _ = m365_privacy::Subject::of_item_with_someone(raw, &nobody);
}
