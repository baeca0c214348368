// Caught mutation: deriving `Serialize` for `RawAddress`.
use serde::Serialize;

fn main() {
    let _ = m365_privacy::RawAddress::from("jane@acme.com").serialize(serde_json::value::Serializer);
}
