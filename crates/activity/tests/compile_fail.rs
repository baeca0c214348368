//! The shortcuts around the gate and the filter do not compile. Each case says which change of the crate would let it
//! through.

#[test]
fn the_shortcuts_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
