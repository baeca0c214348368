//! Who may be named.

use std::collections::BTreeSet;

use graph_sim::World;
use graph_sim::world::{PersonNo, UserKind};
use jiff::{SignedDuration, Timestamp};

/// What decides about the truth.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The domains that are let in, each for itself alone.
    pub allowed: Vec<String>,
    /// The addresses of those who were erased, in their one spelling.
    pub erased: BTreeSet<String>,
    /// From when on things count.
    pub since: Timestamp,
    /// The end of the calendars' window.
    pub until: Timestamp,
}

impl Rules {
    /// The default window of a first sync at `now`: ninety days back, and far enough ahead.
    pub fn first_sync(domains: &[&str], now: Timestamp) -> Self {
        let days = |n: i64| SignedDuration::from_hours(24 * n);
        let allowed = domains.iter().map(|domain| (*domain).to_owned()).collect();
        Self { allowed, since: now - days(90), until: now + days(180), ..Self::default() }
    }

    /// The same at another time.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        let Self { since, until, .. } = Self::first_sync(&[], now);
        (self.since, self.until) = (since, until);
        self
    }
}

/// What an address field says of someone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nobody,
    /// Something that is not one mailbox address.
    Something(String),
    /// An address in its one spelling, and its domain.
    Address(String, String),
}

/// Who someone is to the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// One of its own people.
    Internal(String),
    /// Outside, and let in by this domain.
    LetIn(String, String),
    /// Nobody who may be named.
    Unnamed,
}

/// Everyone's standing under some rules.
pub struct Gatekeeper<'w> {
    world: &'w World,
    rules: &'w Rules,
    own: BTreeSet<String>,
}

impl<'w> Gatekeeper<'w> {
    /// Looks the tenant's own domains up: its first one, and those of the names and addresses of everyone who is no guest.
    pub fn new(world: &'w World, rules: &'w Rules) -> Self {
        let mut own = BTreeSet::from([world.domains[0].clone()]);
        for user in world.users.iter().filter(|user| user.kind != UserKind::Guest && !user.removed) {
            let proxies = user.proxies.iter().filter_map(|proxy| {
                let (scheme, address) = proxy.split_once(':')?;
                scheme.eq_ignore_ascii_case("smtp").then_some(address)
            });
            let addresses = proxies.chain([user.upn.as_str()]).chain(user.mail.as_deref());
            own.extend(addresses.filter_map(|address| Some(address.split_once('@')?.1.to_lowercase())));
        }
        Self { world, rules, own }
    }

    /// What stands in the address field of someone.
    pub fn said(&self, person: PersonNo) -> Said {
        read(self.world.address_of(person).unwrap_or_default())
    }

    /// Who someone is.
    pub fn standing(&self, person: PersonNo) -> Standing {
        let Said::Address(address, domain) = self.said(person) else { return Standing::Unnamed };
        if self.rules.erased.contains(&address) {
            Standing::Unnamed
        } else if self.is_own(&domain) {
            Standing::Internal(address)
        } else if self.rules.allowed.contains(&domain) {
            Standing::LetIn(address, domain)
        } else {
            Standing::Unnamed
        }
    }

    fn is_own(&self, domain: &str) -> bool {
        self.own.iter().any(|own| domain == own || domain.ends_with(&format!(".{own}")))
    }
}

/// Reads an address field as a person would who takes no guesses.
pub fn read(text: &str) -> Said {
    let text = text.trim();
    if text.is_empty() {
        return Said::Nobody;
    }
    let folded = text.to_lowercase();
    let something = || Said::Something(folded.clone());
    let Some((local, domain)) = folded.split_once('@') else { return something() };
    let plain = !local.is_empty() && local.chars().all(|c| c.is_ascii_alphanumeric() || ".+-_".contains(c));
    if !plain || folded.contains("/o=") || folded.starts_with("imceaex-") || domain.contains(['@', '>', ' ']) {
        return something();
    }
    match idna::domain_to_ascii(domain.trim_end_matches('.')) {
        Ok(domain) if domain.contains('.') => Said::Address(format!("{local}@{domain}"), domain),
        _ => something(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_without_guesses() {
        let address = |text: &str, domain: &str| Said::Address(text.to_owned(), domain.to_owned());
        assert_eq!(read(" Buyer.Two@ACME.com. "), address("buyer.two@acme.com", "acme.com"));
        assert_eq!(read("e@bücher.example"), address("e@xn--bcher-kva.example", "xn--bcher-kva.example"));
        assert_eq!(read(" "), Said::Nobody);
        for odd in ["Jane Doe", "Jane <j@acme.com>", "a@b@acme.com", "/O=X/CN=L@acme.com", "\"a b\"@acme.com"] {
            assert!(matches!(read(odd), Said::Something(_)), "{odd}");
        }
    }
}
