//! The filter: internal people, exclusions and the allow-list.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use m365_model::EntryId;

use crate::address::{Address, TypedAddress};
use crate::people::{InternalOrganizer, Participant};
use crate::{AddressReason, DomainError, DomainName, RawAddress, Suppressions};

/// An open entry of the allow-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowEntry {
    /// Its row.
    pub id: EntryId,
    /// The domain that an administrator named.
    pub domain: DomainName,
    /// Whether everything below the domain is let in too.
    pub include_subdomains: bool,
}

/// What one administrator keeps out though the list may let it in: an address, or a domain with everything below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exclusion {
    /// One person.
    Address(TypedAddress),
    /// A domain and its subdomains.
    Domain(DomainName),
}

/// Why a text can be no exclusion. The sentences never repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExclusionError {
    /// There is an `@` in it, but it is not exactly one address.
    #[error("one plain e-mail address such as jane@example.com, or a domain, is expected")]
    Address,
    /// There is no `@` in it, and it is no domain.
    #[error(transparent)]
    Domain(DomainError),
}

impl Exclusion {
    /// The address or the domain in its one spelling, which [`FromStr`] reads again.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Address(address) => address.as_str(),
            Self::Domain(domain) => domain.as_str(),
        }
    }
}

impl FromStr for Exclusion {
    type Err = ExclusionError;
    fn from_str(text: &str) -> Result<Self, ExclusionError> {
        if text.contains('@') {
            text.parse().map(Self::Address).map_err(|_| ExclusionError::Address)
        } else {
            text.parse().map(Self::Domain).map_err(ExclusionError::Domain)
        }
    }
}

/// Everyone who is kept out by an administrator's word.
#[derive(Clone, Default)]
pub struct Exclusions {
    addresses: HashSet<String>,
    domains: HashSet<String>,
}

impl Exclusions {
    /// Nobody is excluded.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads one text after the other; the first that is neither an address nor a domain is the error.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, ExclusionError> {
        texts.into_iter().map(str::parse::<Exclusion>).collect()
    }

    fn hold(&self, address: &Address) -> bool {
        if self.addresses.is_empty() && self.domains.is_empty() {
            return false;
        }
        self.addresses.contains(&address.text) || holds_domain(&self.domains, &address.domain)
    }
}

impl FromIterator<Exclusion> for Exclusions {
    fn from_iter<I: IntoIterator<Item = Exclusion>>(exclusions: I) -> Self {
        let mut all = Self::default();
        for exclusion in exclusions {
            match exclusion {
                Exclusion::Address(address) => all.addresses.insert(address.as_str().to_owned()),
                Exclusion::Domain(domain) => all.domains.insert(domain.as_str().to_owned()),
            };
        }
        all
    }
}

impl fmt::Debug for Exclusions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exclusions(..)")
    }
}

/// Decides who may be written down. Without an entry it lets nobody in.
#[derive(Debug)]
pub struct AddressFilter {
    /// For addresses on exactly this domain.
    exact: HashMap<DomainName, EntryId>,
    /// For addresses on this domain or below it, by the domain's text: parents are looked up without allocating.
    below: HashMap<Box<str>, (EntryId, DomainName)>,
    /// The tenant's own domains; what is below them is internal too.
    internal: HashSet<String>,
    excluded: Exclusions,
    erased: Suppressions,
}

/// An address that passed, with the entry that let it in.
pub(crate) struct Admitted {
    pub(crate) address: Address,
    pub(crate) entry: EntryId,
    pub(crate) account_domain: DomainName,
}

/// What the filter makes of one address.
pub(crate) enum Finding {
    Admitted(Participant),
    /// Kept apart from the other refusals: an organizer's address may be kept all the same.
    Internal(InternalOrganizer),
    Refused(AddressReason),
}

/// One address of an item: what the filter finds, and a key by which the same address is known again in the item. The
/// key is `None` when there is no text at all.
pub(crate) struct Judged {
    pub(crate) key: Option<String>,
    pub(crate) finding: Finding,
}

impl AddressFilter {
    /// A filter with these entries. `internal` are the tenant's own domains. If a domain stands in several entries, the
    /// first counts.
    pub fn new(entries: Vec<AllowEntry>, internal: impl IntoIterator<Item = DomainName>, excluded: Exclusions) -> Self {
        let mut exact = HashMap::new();
        let mut below = HashMap::new();
        for entry in entries {
            if entry.include_subdomains {
                below.entry(entry.domain.as_str().into()).or_insert_with(|| (entry.id, entry.domain.clone()));
            }
            exact.entry(entry.domain).or_insert(entry.id);
        }
        let internal = internal.into_iter().map(|domain| domain.as_str().to_owned()).collect();
        Self { exact, below, internal, excluded, erased: Suppressions::none() }
    }

    /// The same filter, which keeps out those who were erased, and subjects that name them.
    #[must_use]
    pub fn without(mut self, erased: Suppressions) -> Self {
        self.erased = erased;
        self
    }

    pub(crate) const fn erased(&self) -> &Suppressions {
        &self.erased
    }

    /// Whether there is no entry, so that nobody can pass.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty()
    }

    /// Whether the domain is one of the tenant's own, or below one.
    pub fn is_internal(&self, domain: &DomainName) -> bool {
        holds_domain(&self.internal, domain)
    }

    /// Consumes an address of Microsoft's. Internal comes before everything else, so that no entry of the list, however
    /// it came there, can let one of the tenant's own people out.
    pub(crate) fn judge(&self, raw: RawAddress) -> Judged {
        let text = raw.0.unwrap_or_default();
        let Ok(address) = Address::parse(&text) else {
            let folded = text.trim().to_lowercase();
            let key = (!folded.is_empty()).then_some(folded);
            return Judged { key, finding: Finding::Refused(AddressReason::Unparseable) };
        };
        let key = Some(address.text.clone());
        let finding = if self.is_internal(&address.domain) {
            // One of the tenant's own people who was erased is no organizer any more.
            if self.erased.hold(&address) {
                Finding::Refused(AddressReason::Internal)
            } else {
                Finding::Internal(InternalOrganizer::new(address))
            }
        } else if self.excluded.hold(&address) {
            Finding::Refused(AddressReason::Excluded)
        } else if let Some((entry, account_domain)) = self.entry_for(&address.domain) {
            // Last of all: whoever is not let in anyway need not be looked for among the erased.
            if self.erased.hold(&address) {
                Finding::Refused(AddressReason::Erased)
            } else {
                Finding::Admitted(Participant::new(Admitted { address, entry, account_domain }))
            }
        } else {
            Finding::Refused(AddressReason::DomainNotAllowed)
        };
        Judged { key, finding }
    }

    /// The most specific entry: the domain itself, then the nearest domain above it whose entry includes subdomains.
    fn entry_for(&self, domain: &DomainName) -> Option<(EntryId, DomainName)> {
        if let Some((known, entry)) = self.exact.get_key_value(domain) {
            return Some((*entry, known.clone()));
        }
        domain.parents().find_map(|parent| self.below.get(parent)).cloned()
    }
}

/// Whether the set holds the domain or one above it.
fn holds_domain(set: &HashSet<String>, domain: &DomainName) -> bool {
    set.contains(domain.as_str()) || domain.parents().any(|parent| set.contains(parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> DomainName {
        text.parse().unwrap()
    }

    fn entry(id: i64, name: &str, include_subdomains: bool) -> AllowEntry {
        AllowEntry { id: EntryId(id), domain: domain(name), include_subdomains }
    }

    fn filter(entries: Vec<AllowEntry>, internal: &[&str], excluded: &[&str]) -> AddressFilter {
        let excluded = Exclusions::parse(excluded.iter().copied()).unwrap();
        AddressFilter::new(entries, internal.iter().map(|name| domain(name)), excluded)
    }

    fn refusal(filter: &AddressFilter, text: &str) -> Option<AddressReason> {
        match filter.judge(text.into()).finding {
            Finding::Admitted(_) => None,
            Finding::Internal(_) => Some(AddressReason::Internal),
            Finding::Refused(reason) => Some(reason),
        }
    }

    fn admitted(filter: &AddressFilter, text: &str) -> Option<(String, i64, String)> {
        match filter.judge(text.into()).finding {
            Finding::Admitted(p) => Some((p.as_str().to_owned(), p.entry().0, p.account_domain().to_string())),
            _ => None,
        }
    }

    #[test]
    fn an_empty_list_lets_nobody_in() {
        let nobody = filter(vec![], &[], &[]);
        assert!(nobody.is_empty());
        assert_eq!(refusal(&nobody, "jane@acme.com"), Some(AddressReason::DomainNotAllowed));
    }

    #[test]
    fn look_alikes_of_a_listed_domain_are_kept_out() {
        let list = filter(vec![entry(1, "acme.com", true)], &[], &[]);
        for text in
            ["jane@notacme.com", "jane@acme.com.example.net", "jane@acme.co", "jane@acme.com.com", "jane@xacme.com"]
        {
            assert_eq!(refusal(&list, text), Some(AddressReason::DomainNotAllowed), "{text}");
        }
        for text in ["acme.com@evil", "jane@evil.example@acme.com", "Jane <jane@acme.com>", "jane@acm\u{200b}e.com", ""]
        {
            assert_eq!(refusal(&list, text), Some(AddressReason::Unparseable), "{text}");
        }
        // A Cyrillic letter makes another domain.
        assert_eq!(refusal(&list, "jane@\u{430}cme.com"), Some(AddressReason::DomainNotAllowed));
    }

    #[test]
    fn internal_wins_over_the_list_and_includes_what_is_below() {
        let list =
            filter(vec![entry(1, "contoso.com", true), entry(2, "eu.contoso.com", false)], &["Contoso.com"], &[]);
        for text in ["jane@contoso.com", "JANE@EU.CONTOSO.COM.", "jane@a.b.contoso.com"] {
            assert_eq!(refusal(&list, text), Some(AddressReason::Internal), "{text}");
        }
        assert_eq!(refusal(&list, "jane@notcontoso.com"), Some(AddressReason::DomainNotAllowed));
        assert!(list.is_internal(&domain("x.contoso.com")) && !list.is_internal(&domain("acme.com")));
    }

    #[test]
    fn subdomains_pass_only_where_the_entry_says_so() {
        let list = filter(vec![entry(1, "acme.com", false), entry(2, "globex.com", true)], &[], &[]);
        assert_eq!(refusal(&list, "jane@eu.acme.com"), Some(AddressReason::DomainNotAllowed));
        assert_eq!(
            admitted(&list, "Jane@EU.Globex.com").unwrap(),
            ("jane@eu.globex.com".into(), 2, "globex.com".into())
        );
        assert_eq!(admitted(&list, "jane@globex.com").unwrap().1, 2);
    }

    #[test]
    fn the_most_specific_entry_lets_a_person_in() {
        let list = filter(
            vec![entry(1, "acme.com", true), entry(2, "eu.acme.com", true), entry(3, "fr.eu.acme.com", false)],
            &[],
            &[],
        );
        for (text, id) in [
            ("a@acme.com", 1),
            ("a@us.acme.com", 1),
            ("a@eu.acme.com", 2),
            ("a@de.eu.acme.com", 2),
            ("a@fr.eu.acme.com", 3),
            ("a@paris.fr.eu.acme.com", 2),
        ] {
            assert_eq!(admitted(&list, text).unwrap().1, id, "{text}");
        }
    }

    #[test]
    fn an_exclusion_keeps_out_an_address_or_a_domain_with_its_subdomains() {
        let list = filter(
            vec![entry(1, "acme.com", true), entry(2, "eu.legal.acme.com", false)],
            &["contoso.com"],
            &[" Jane@ACME.com ", "Legal.acme.com.", "joe@contoso.com"],
        );
        for text in ["jane@acme.com", "JANE@acme.com.", "any@legal.acme.com", "any@eu.legal.acme.com"] {
            assert_eq!(refusal(&list, text), Some(AddressReason::Excluded), "{text}");
        }
        assert_eq!(refusal(&list, "joe@contoso.com"), Some(AddressReason::Internal));
        assert_eq!(refusal(&list, "joe@acme.com"), None);
        assert_eq!(refusal(&list, "joe@notlegal.acme.com"), None);
    }

    #[test]
    fn an_exclusion_that_cannot_be_read_is_an_error_and_not_repeated() {
        for (text, expected) in [
            ("Zzqq <zzqq@acme.com>", ExclusionError::Address),
            ("zzqq@", ExclusionError::Address),
            ("zzqq", ExclusionError::Domain(DomainError::SingleLabel)),
            ("", ExclusionError::Domain(DomainError::Empty)),
        ] {
            let error = Exclusions::parse([text]).unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains("zzqq"));
        }
        let typed: Exclusion = "Jane@ACME.com".parse().unwrap();
        assert_eq!(typed.as_str(), "jane@acme.com");
        assert_eq!(format!("{typed:?}"), "Address(TypedAddress(..))");
        assert_eq!("Legal.ACME.com".parse::<Exclusion>().unwrap().as_str(), "legal.acme.com");
    }
}
