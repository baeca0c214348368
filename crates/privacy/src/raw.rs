//! What Microsoft sent, before the filter: values that can be consumed but neither shown nor stored.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// Text that may or may not be an address, of a person who may or may not be let in. It has no `Display`, no
/// `Serialize` and a silent `Debug`: the filter consumes it, and alone can read it.
///
/// Whatever stands in the JSON is taken, `null`, numbers and objects too: what is no address is counted as unparseable,
/// and never makes an item unreadable.
pub struct RawAddress(pub(crate) Option<String>);

impl From<String> for RawAddress {
    fn from(text: String) -> Self {
        Self(Some(text))
    }
}

impl From<&str> for RawAddress {
    fn from(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl RawAddress {
    /// An address that was not there at all.
    pub const fn absent() -> Self {
        Self(None)
    }

    /// Whether there is no text, or only spaces.
    pub fn is_absent(&self) -> bool {
        self.0.as_deref().is_none_or(|text| text.trim().is_empty())
    }
}

impl fmt::Debug for RawAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawAddress(..)")
    }
}

impl<'de> Deserialize<'de> for RawAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientText).map(Self)
    }
}

/// A subject line before it is known that the item has someone to be kept for.
pub struct RawText(pub(crate) Option<String>);

impl RawText {
    /// A subject that was not there at all.
    pub const fn absent() -> Self {
        Self(None)
    }
}

impl From<String> for RawText {
    fn from(text: String) -> Self {
        Self(Some(text))
    }
}

impl From<&str> for RawText {
    fn from(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl fmt::Debug for RawText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawText(..)")
    }
}

impl<'de> Deserialize<'de> for RawText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<String>::deserialize(deserializer).map(Self)
    }
}

/// Takes a string; passes over anything else without an error.
struct LenientText;

impl<'de> serde::de::Visitor<'de> for LenientText {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
