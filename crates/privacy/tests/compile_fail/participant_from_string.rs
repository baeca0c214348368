// Caught mutation: implementing `FromStr` for `Participant`.
use std::str::FromStr;

fn main() {
    let _ = m365_privacy::Participant::from_str("jane@acme.com");
}
