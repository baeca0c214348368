// Caught mutation: deriving `Deserialize` for `Participant`.
use serde::Deserialize;

fn main() {
    let _ = m365_privacy::Participant::deserialize(serde_json::json!("jane@acme.com"));
}
