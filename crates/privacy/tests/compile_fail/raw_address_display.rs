// Caught mutation: implementing `Display` for `RawAddress`.
fn main() {
    println!("{}", m365_privacy::RawAddress::from("jane@acme.com"));
}
