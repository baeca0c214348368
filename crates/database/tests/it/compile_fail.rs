//! The shortcuts around the gate do not compile. Each program says which change of the crate would let it through.

use m365_database::DpaAccepted;
use static_assertions::{assert_impl_all, assert_not_impl_any};

// A proof is neither copied nor defaulted, nor made from anything: whoever needs one asserts.
assert_not_impl_any!(DpaAccepted<'static>: Clone, Copy, Default, From<String>, From<&'static str>);
assert_not_impl_any!(DpaAccepted<'static>: serde::Serialize, serde::de::DeserializeOwned);
assert_impl_all!(DpaAccepted<'static>: Send, Sync);

#[test]
fn the_shortcuts_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
