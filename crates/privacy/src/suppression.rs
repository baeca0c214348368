//! Those who were erased: known by keyed hashes alone, and kept out for good.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::ZeroizeOnDrop;

use crate::address::{Address, is_invisible};
use crate::{DomainName, TypedAddress};

/// What is kept of an erased person or domain: without the tenant's key it tells nothing, not even by trying names.
pub type SuppressionHash = [u8; 32];

/// A tenant's key to its suppressions. It is wiped when it is dropped, and has no `Debug`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SuppressionKey([u8; 32]);

impl SuppressionKey {
    /// The key with these bytes, which must be random.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash of one person.
    pub fn person(&self, address: &TypedAddress) -> SuppressionHash {
        self.hash("person", address.as_str())
    }

    /// The hash of a domain. It stands for everything below the domain too.
    pub fn domain(&self, domain: &DomainName) -> SuppressionHash {
        self.hash("domain", domain.as_str())
    }

    /// The hash of anything else that is to be known again; `kind` tells it apart from persons and domains.
    ///
    /// # Panics
    /// Never: a MAC takes a key of any length.
    pub fn hash(&self, kind: &str, text: &str) -> SuppressionHash {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a MAC takes a key of any length");
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Everyone who was erased. Cheap to clone.
#[derive(Clone, Default)]
pub struct Suppressions(Option<Arc<Known>>);

struct Known {
    key: SuppressionKey,
    people: HashSet<SuppressionHash>,
    domains: HashSet<SuppressionHash>,
}

impl fmt::Debug for Suppressions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Suppressions(..)")
    }
}

impl Suppressions {
    /// Nobody was erased.
    pub fn none() -> Self {
        Self::default()
    }

    /// Those whose hashes under `key` these are.
    pub fn new(
        key: SuppressionKey,
        people: impl IntoIterator<Item = SuppressionHash>,
        domains: impl IntoIterator<Item = SuppressionHash>,
    ) -> Self {
        let (people, domains): (HashSet<_>, HashSet<_>) = (people.into_iter().collect(), domains.into_iter().collect());
        if people.is_empty() && domains.is_empty() {
            return Self::none();
        }
        Self(Some(Arc::new(Known { key, people, domains })))
    }

    /// Whether nobody was erased.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether this text, which was stored as an address, names someone who was erased.
    pub fn hold_stored(&self, address: &str) -> bool {
        self.0.as_ref().is_some_and(|known| Address::parse(address).is_ok_and(|address| known.hold(&address)))
    }

    /// Whether someone who was erased is named by an address anywhere in this text, in any spelling.
    ///
    /// Whatever could be read as the address counts: a subject that is lost for nothing is the smaller evil.
    pub fn are_named_in(&self, text: &str) -> bool {
        let Some(known) = &self.0 else { return false };
        if !text.contains(AT) {
            return false;
        }
        let seen: Vec<char> = text.chars().filter(|c| c.is_whitespace() || !is_invisible(*c)).collect();
        seen.iter().enumerate().filter(|(_, c)| AT.contains(c)).any(|(at, _)| known.are_named_at(&seen, at))
    }

    pub(crate) fn hold(&self, address: &Address) -> bool {
        self.0.as_ref().is_some_and(|known| known.hold(address))
    }
}

impl Known {
    fn hold(&self, address: &Address) -> bool {
        self.hold_person(&address.text) || self.hold_domain(&address.domain)
    }

    fn hold_person(&self, address: &str) -> bool {
        !self.people.is_empty() && self.people.contains(&self.key.hash("person", address))
    }

    fn hold_domain(&self, domain: &DomainName) -> bool {
        !self.domains.is_empty()
            && std::iter::once(domain.as_str())
                .chain(domain.parents())
                .any(|name| self.domains.contains(&self.key.hash("domain", name)))
    }

    fn are_named_at(&self, text: &[char], at: usize) -> bool {
        let locals = local_parts(&text[..at]);
        let domains = domains(&text[at + 1..]);
        domains.iter().any(|domain| {
            let is_named = |local: &String| {
                Address::parse(&format!("{local}@{domain}")).is_ok_and(|address| self.hold_person(&address.text))
            };
            // The domain may be told though the part before it cannot be read.
            self.hold_domain(domain) || (!self.people.is_empty() && locals.iter().any(is_named))
        })
    }
}

/// The sign between the two parts of an address, and what looks like it.
const AT: [char; 3] = ['@', '\u{ff20}', '\u{fe6b}'];

/// The longest parts that an address can have, in characters: more is not looked at.
const LONGEST_LOCAL_PART: usize = 64;
const LONGEST_DOMAIN: usize = 253;

/// What may be the part before the `@`, at the end of `text`. Signs that people put around addresses may stand in one, so
/// it may also begin behind any of them.
fn local_parts(text: &[char]) -> Vec<String> {
    let text = text.strip_suffix(&['"']).unwrap_or(text);
    let is_part = |c: &char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(*c);
    let length = text.iter().rev().take(LONGEST_LOCAL_PART + 1).take_while(|c| is_part(c)).count();
    let run = &text[text.len() - length..];
    let joins = |c: char| ".-_+".contains(c);
    let mut parts = Vec::new();
    for start in 0..run.len() {
        let before = start.checked_sub(1).map(|before| run[before]);
        let is_start = before.is_none_or(|c| !c.is_ascii_alphanumeric() && !joins(c));
        // Leading dots and dashes belong to the sentence, not to the address.
        let leads = run[..start].iter().rev().take_while(|c| joins(**c)).count();
        let is_led = leads > 0
            && run[..start - leads].last().is_none_or(|c| !c.is_ascii_alphanumeric())
            && run[start].is_ascii_alphanumeric();
        if is_start || is_led {
            parts.push(run[start..].iter().collect());
        }
    }
    parts
}

/// What may be the domain at the beginning of `text`: a sentence can go on right behind it, so it may end at any dot or dash.
fn domains(text: &[char]) -> Vec<DomainName> {
    let is_dot = |c: char| matches!(c, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}');
    let is_part = |c: &char| c.is_alphanumeric() || *c == '-' || is_dot(*c) || (!c.is_ascii() && !c.is_whitespace());
    let run: Vec<char> = text.iter().copied().take(LONGEST_DOMAIN).take_while(is_part).collect();
    let mut names = Vec::new();
    for end in 1..=run.len() {
        let ends_here = run.get(end).is_none_or(|c| *c == '-' || is_dot(*c) || !c.is_alphanumeric());
        if ends_here && let Ok(name) = DomainName::parse(&run[..end].iter().collect::<String>()) {
            names.push(name);
        }
    }
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SuppressionKey {
        SuppressionKey::new([7; 32])
    }

    fn erased(people: &[&str], domains: &[&str]) -> Suppressions {
        let people: Vec<_> = people.iter().map(|text| key().person(&text.parse().unwrap())).collect();
        let domains: Vec<_> = domains.iter().map(|text| key().domain(&text.parse().unwrap())).collect();
        Suppressions::new(key(), people, domains)
    }

    #[test]
    fn a_text_that_names_an_erased_person_is_known_however_it_is_written() {
        let erased = erased(&["jane@acme.com", "ann@b\u{fc}cher.example"], &["globex.com"]);
        for text in [
            "jane@acme.com",
            "Re: JANE@ACME.COM",
            "call jane@acme.com.",
            "jane@acme.com.Then lunch",
            "jane@acme.com-urgent",
            "<jane@acme.com>",
            "'jane@acme.com'",
            "*jane@acme.com*",
            "_jane@acme.com_",
            "...jane@acme.com",
            "mailto:jane@acme.com?subject=x",
            "x/jane@acme.com/y",
            "a=jane@acme.com",
            "\"jane\"@acme.com",
            "boss@contoso.com,jane@acme.com;joe@contoso.com",
            "jane\u{ff20}acme.com",
            "ja\u{200b}ne@acme.com",
            "jane@acme\u{3002}com",
            "j\u{e4}jane@acme.com",
            "Ann@B\u{dc}CHER.example",
            "ann@XN--bcher-kva.example!",
            "anyone@globex.com",
            "anyone@eu.Globex.com.",
            "\u{e4}@globex.com",
        ] {
            assert!(erased.are_named_in(text), "{text:?}");
        }
    }

    #[test]
    fn a_text_that_names_someone_else_stays() {
        let erased = erased(&["jane@acme.com"], &["globex.com"]);
        for text in [
            "",
            "Renewal",
            "@",
            "a@",
            "@acme.com",
            "jane at acme.com",
            "mary.jane@acme.com",
            "mary-jane@acme.com",
            "maryjane@acme.com",
            "joe@acme.com",
            "jane@notacme.com",
            "jane@acme.co",
            "jane@eu.acme.com",
            "joe@notglobex.com",
            "globex.com",
        ] {
            assert!(!erased.are_named_in(text), "{text:?}");
        }
        assert!(!Suppressions::none().are_named_in("jane@acme.com"));
    }

    #[test]
    fn the_longest_text_is_read_in_reasonable_time() {
        let erased = erased(&["jane@acme.com"], &["globex.com"]);
        for text in ["@".repeat(1000), "a@a.".repeat(250), "a!".repeat(500) + "@" + &"a.".repeat(500)] {
            assert!(!erased.are_named_in(&text));
        }
    }

    #[test]
    fn a_hash_depends_on_the_key_and_the_kind_and_nothing_is_shown() {
        let (name, other) = ("acme.com", SuppressionKey::new([8; 32]));
        assert_ne!(key().hash("person", name), key().hash("domain", name));
        assert_ne!(key().hash("person", name), other.hash("person", name));
        assert_eq!(format!("{:?}", erased(&["jane@acme.com"], &[])), "Suppressions(..)");
        assert!(Suppressions::new(key(), [], []).is_empty());
    }
}
