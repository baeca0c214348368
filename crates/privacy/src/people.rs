//! The people who may be written down. Only the filter makes them.

use std::fmt;

use m365_model::EntryId;

use crate::DomainName;
use crate::address::Address;
use crate::filter::Admitted;

/// A person outside the tenant whom an entry of the allow-list let in.
///
/// There is no way to one but the filter: no constructor, no `Deserialize`. To read the address, say
/// [`as_str`](Self::as_str): there is no `Display` and no `Serialize`, and `Debug` is silent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Participant {
    address: String,
    entry: EntryId,
    account_domain: DomainName,
}

impl Participant {
    pub(crate) fn new(admitted: Admitted) -> Self {
        Self { address: admitted.address.text, entry: admitted.entry, account_domain: admitted.account_domain }
    }

    /// The address: lower case, domain as A-labels, no dot at the end.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The entry of the allow-list that let the person in.
    pub const fn entry(&self) -> EntryId {
        self.entry
    }

    /// The domain of that entry. With subdomains included it may be above the address's own.
    pub const fn account_domain(&self) -> &DomainName {
        &self.account_domain
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Participant(..)")
    }
}

/// One of the tenant's own people, as the organizer of a meeting and as nothing else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InternalOrganizer(String);

impl InternalOrganizer {
    pub(crate) fn new(address: Address) -> Self {
        Self(address.text)
    }

    /// The address: lower case, domain as A-labels, no dot at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InternalOrganizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InternalOrganizer(..)")
    }
}

/// An organizer whose address may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Organizer {
    /// One of the tenant's own people.
    Internal(InternalOrganizer),
    /// Someone outside whom the filter let in.
    External(Participant),
}

impl Organizer {
    /// The address: lower case, domain as A-labels, no dot at the end.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Internal(organizer) => organizer.as_str(),
            Self::External(participant) => participant.as_str(),
        }
    }
}
