// Caught mutation: deriving `Clone` and `Copy`, or letting the filter borrow: an address is consumed by the filter.
fn main() {
    let filter = m365_privacy::AddressFilter::new(vec![], [], m365_privacy::Exclusions::none());
    let sender = m365_privacy::RawAddress::from("jane@acme.com");
    let _ = m365_privacy::filter_email_participants(&filter, Some(sender), vec![], vec![]);
    drop(sender);
}
