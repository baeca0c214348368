//! What the types of this room cannot do. Each line fails to compile when someone gives the type what it must not have.

use m365_activity::{CanonicalActivity, FieldMappings, FilteredEvent, FilteredMessage, Properties, Record};
use serde::Serialize;
use serde::de::DeserializeOwned;
use static_assertions::{assert_impl_all, assert_not_impl_any};

// A record is made by a transform, with the proof in hand, and not read in from anywhere.
assert_not_impl_any!(CanonicalActivity: DeserializeOwned, Default, Serialize, std::fmt::Display);
assert_not_impl_any!(Properties: DeserializeOwned, Default, Serialize, std::fmt::Display);
assert_not_impl_any!(FilteredEvent: DeserializeOwned, Default, Serialize, std::fmt::Display);
assert_not_impl_any!(FilteredMessage: DeserializeOwned, Default, Serialize, std::fmt::Display);

// The outward form leaves and does not come back.
assert_impl_all!(Record<'static>: Serialize);
assert_not_impl_any!(Record<'static>: DeserializeOwned, std::fmt::Display, Into<CanonicalActivity>);

assert_impl_all!(FieldMappings: Serialize, DeserializeOwned, Default);
