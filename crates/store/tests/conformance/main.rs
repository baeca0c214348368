//! One suite for both engines: the same story on each, and the same answers.
//!
//! A new public method of the store gets a line in `story.rs`: a test here fails until it has one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agreement;
mod consent;
mod disconnect;
mod engines;
mod moving;
mod plans;
mod refusals;
mod sign_in;
mod story;

/// Every method that the store offers is part of the story.
#[test]
fn every_method_is_called_on_both_engines() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let told = std::fs::read_to_string(root.join("tests/conformance/story.rs")).unwrap();
    let mut missing = Vec::new();
    for file in std::fs::read_dir(root.join("src")).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for (_, rest) in source.match_indices("pub async fn ").map(|(at, found)| (at, &source[at + found.len()..])) {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !told.contains(&format!(".{name}(")) {
                missing.push(name);
            }
        }
    }
    missing.sort();
    assert!(missing.is_empty(), "the story calls none of {missing:?}");
}
