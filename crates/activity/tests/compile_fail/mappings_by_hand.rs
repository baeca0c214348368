// Caught mutation: making the fields of `FieldMappings` public, so that tables are used unchecked.
fn main() {
    let _ = m365_activity::FieldMappings { calendar: Vec::new(), mail: Vec::new() };
}
