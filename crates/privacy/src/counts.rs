//! Why addresses, and whole items, did not pass: numbers and words, no text of anyone's.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Why a single address did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressReason {
    /// One of the tenant's own people.
    Internal,
    /// Outside the tenant, and on no domain of the allow-list.
    DomainNotAllowed,
    /// Not exactly one mailbox address.
    Unparseable,
    /// A room or another resource.
    Resource,
    /// Kept out by an administrator, though the list may let it in.
    Excluded,
    /// A person who was erased, or whose domain was.
    Erased,
}

impl AddressReason {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 6] =
        [Self::Internal, Self::DomainNotAllowed, Self::Unparseable, Self::Resource, Self::Excluded, Self::Erased];

    /// The word that is printed and stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::DomainNotAllowed => "domain_not_allowed",
            Self::Unparseable => "unparseable",
            Self::Resource => "resource",
            Self::Excluded => "excluded",
            Self::Erased => "erased",
        }
    }

    /// Reads [`AddressReason::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }
}

/// How many addresses did not pass, by reason. Within one item each address is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AddressCounts([u64; AddressReason::ALL.len()]);

impl AddressCounts {
    /// Counts `n` more.
    pub const fn add(&mut self, reason: AddressReason, n: u64) {
        self.0[reason as usize] += n;
    }

    /// The number for one reason.
    pub const fn get(&self, reason: AddressReason) -> u64 {
        self.0[reason as usize]
    }

    /// Adds all of another count.
    pub fn merge(&mut self, other: &Self) {
        for (reason, n) in other.nonzero() {
            self.add(reason, n);
        }
    }

    /// Each reason's word with its number, zeros included.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        AddressReason::ALL.into_iter().map(|reason| (reason.word(), self.get(reason)))
    }

    fn nonzero(&self) -> impl Iterator<Item = (AddressReason, u64)> {
        AddressReason::ALL.into_iter().map(|reason| (reason, self.get(reason))).filter(|(_, n)| *n > 0)
    }
}

impl Serialize for AddressCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.nonzero().count()))?;
        for (reason, n) in self.nonzero() {
            map.serialize_entry(reason.word(), &n)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for AddressCounts {
    /// Reads what [`Serialize`] wrote; a word that is not known counts for nothing.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = BTreeMap::<String, u64>::deserialize(deserializer)?;
        let mut counts = Self::default();
        for (word, n) in words {
            if let Some(reason) = AddressReason::from_word(&word) {
                counts.add(reason, n);
            }
        }
        Ok(counts)
    }
}

/// Why an item has no participant who passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoOne {
    /// Nobody outside the tenant takes part, or nobody whose address can be read.
    NoExternalParticipant,
    /// Someone outside the tenant takes part, on a domain that is not on the list.
    DomainNotAllowed,
}

impl NoOne {
    /// The word under which the item is counted as dropped.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoExternalParticipant => "no_external_participant",
            Self::DomainNotAllowed => "domain_not_allowed",
        }
    }

    /// The reason, told by the addresses of an item that nobody passed in.
    pub(crate) const fn told_by(counts: &AddressCounts) -> Self {
        if counts.get(AddressReason::DomainNotAllowed) > 0 {
            Self::DomainNotAllowed
        } else {
            Self::NoExternalParticipant
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_and_written_without_zeros() {
        let mut counts = AddressCounts::default();
        assert_eq!(serde_json::to_string(&counts).unwrap(), "{}");
        counts.add(AddressReason::Internal, 2);
        let mut other = AddressCounts::default();
        other.add(AddressReason::Internal, 1);
        other.add(AddressReason::Excluded, 4);
        counts.merge(&other);
        assert_eq!(serde_json::to_string(&counts).unwrap(), r#"{"internal":3,"excluded":4}"#);
        assert_eq!(counts.iter().map(|(_, n)| n).sum::<u64>(), 7);
        assert_eq!(counts.iter().count(), AddressReason::ALL.len());
    }

    #[test]
    fn every_reason_has_a_word_of_its_own_and_its_place_in_the_list() {
        for (place, reason) in AddressReason::ALL.into_iter().enumerate() {
            assert_eq!(AddressReason::from_word(reason.word()), Some(reason));
            assert_eq!(reason as usize, place);
        }
        assert_eq!(AddressReason::from_word("other"), None);
    }
}
