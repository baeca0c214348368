//! What the types of this room cannot do. Each line fails to compile when someone gives the type what it must not have.

use std::fmt::{Debug, Display};

use m365_privacy::{
    AddressCounts, DomainName, Exclusion, Exclusions, InternalOrganizer, Organizer, Participant, RawAddress,
    RawAttendee, RawText, Subject, SuppressionKey, Suppressions, TypedAddress,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use static_assertions::{assert_impl_all, assert_not_impl_any};

// What has not been filtered can be read in, and neither shown, stored, copied nor compared.
assert_impl_all!(RawAddress: DeserializeOwned, Debug);
assert_not_impl_any!(RawAddress: Display, Serialize, Clone, PartialEq, Ord, std::hash::Hash, AsRef<str>, Into<String>);
assert_not_impl_any!(RawAddress: std::ops::Deref, std::borrow::Borrow<str>, Default);
assert_impl_all!(RawText: DeserializeOwned, Debug);
assert_not_impl_any!(RawText: Display, Serialize, Clone, PartialEq, Ord, std::hash::Hash, AsRef<str>, Into<String>);
assert_not_impl_any!(RawText: std::ops::Deref, std::borrow::Borrow<str>, Default);
assert_not_impl_any!(RawAttendee: Display, Serialize, Clone, PartialEq);

// What the filter made can be made by nobody else, and is read only by saying so.
assert_not_impl_any!(Participant: Display, Serialize, DeserializeOwned, Default, From<String>, std::str::FromStr);
assert_not_impl_any!(Participant: AsRef<str>, Into<String>, std::ops::Deref, From<RawAddress>, TryFrom<String>);
assert_not_impl_any!(InternalOrganizer: Display, Serialize, DeserializeOwned, Default, From<String>, std::str::FromStr);
assert_not_impl_any!(InternalOrganizer: AsRef<str>, Into<String>, std::ops::Deref, From<RawAddress>, From<Participant>);
assert_not_impl_any!(Organizer: Display, Serialize, DeserializeOwned, Default, From<String>);
assert_not_impl_any!(Subject: Display, Serialize, DeserializeOwned, Default, From<String>, From<RawText>, std::str::FromStr);

// What an administrator typed cannot come from Microsoft.
assert_not_impl_any!(TypedAddress: Display, Serialize, DeserializeOwned, From<RawAddress>, TryFrom<RawAddress>);
assert_not_impl_any!(Exclusion: Display, Serialize, From<RawAddress>, TryFrom<RawAddress>);
assert_not_impl_any!(Exclusions: Display, Serialize);

// The key to the erased is shown to nobody, and is wiped.
assert_not_impl_any!(SuppressionKey: Debug, Display, Serialize, DeserializeOwned, Copy, Default);
assert_impl_all!(SuppressionKey: zeroize::ZeroizeOnDrop);
assert_not_impl_any!(Suppressions: Display, Serialize, DeserializeOwned);

// Domains and numbers are no secret.
assert_impl_all!(DomainName: Display, Debug, Serialize, Clone, Ord, std::hash::Hash, std::str::FromStr);
assert_impl_all!(AddressCounts: Serialize, Default, Copy);
