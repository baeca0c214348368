//! Programs that must not compile.

/// Both were seen to fail: with the parameter `gate` taken out of `Graph::users_page`, the first program compiled; with
/// `impl From<&str> for Link` added, the second one did.
#[test]
fn a_breach_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/fetch_without_a_gate.rs");
    cases.compile_fail("tests/ui/link_from_a_string.rs");
}
