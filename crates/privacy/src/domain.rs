//! Domain names, in one spelling.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize, Serializer};

/// The longest text that is looked at at all, in bytes: a name in Unicode is longer than its A-labels by a small
/// factor.
const LONGEST_INPUT: usize = 1024;
/// The longest name, in bytes, without the root's dot ([RFC
/// 1035](https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4)).
const LONGEST_NAME: usize = 253;
/// The longest label, in bytes.
const LONGEST_LABEL: usize = 63;

/// A domain name of at least two labels: lower case, A-labels, no dot at the end.
///
/// Two names are the same domain if and only if the values are equal. Names of one label and IP addresses are refused,
/// and so is whatever [UTS #46](https://www.unicode.org/reports/tr46/) refuses when it is strict.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct DomainName(Arc<str>);

/// Why a text is no domain name. The sentences never repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// Nothing, or only spaces and dots.
    #[error("a domain name is expected, and nothing was given")]
    Empty,
    /// There is an `@` in it.
    #[error("this is an e-mail address: name the domain alone, the part behind the @")]
    Address,
    /// A scheme, a path or a port.
    #[error("this is a web address: name the domain alone, without scheme, path or port")]
    Url,
    /// There is a `*` in it.
    #[error("a domain name has no *: subdomains are included by a choice of their own")]
    Wildcard,
    /// No dot inside.
    #[error("a domain name has at least two parts, such as example.com")]
    SingleLabel,
    /// An IPv4 or IPv6 address.
    #[error("this is an IP address: a domain name is expected")]
    IpAddress,
    /// A name of more than 253 bytes, or a label of more than 63.
    #[error("this is too long for a domain name: 253 characters, and 63 between two dots, are the most")]
    TooLong,
    /// Anything else.
    #[error("this is no domain name: letters, digits, inner hyphens and dots are expected")]
    Malformed,
}

impl DomainName {
    /// Reads a name in any spelling: letter case, U-labels or A-labels, spaces around it, dots at its end.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        let name = text.trim().trim_end_matches(is_dot);
        if name.is_empty() {
            return Err(DomainError::Empty);
        }
        assert_is_no_other_thing(name)?;
        let ascii = Uts46::new()
            .to_ascii(name.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Ignore)
            .map_err(|_| DomainError::Malformed)?;
        // Characters that UTS #46 maps to nothing may have stood behind the last dot.
        let ascii = ascii.trim_end_matches('.');
        assert_is_well_formed(ascii)?;
        Ok(Self(Arc::from(ascii)))
    }

    /// The name in its one spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether everyone can register names directly below it: `co.uk`, and `github.io` too. The names come from the
    /// [public suffix list](https://publicsuffix.org/), its private section included.
    pub fn is_public_suffix(&self) -> bool {
        is_known_suffix(self.as_str())
    }

    /// Whether the name, or the registrable domain that it is below, hands out addresses to anyone.
    pub fn is_free_mail(&self) -> bool {
        FREE_MAIL.contains(self.as_str())
            || psl::domain_str(self.as_str()).is_some_and(|registrable| FREE_MAIL.contains(registrable))
    }

    /// Whether the name is `other`, or below it by whole labels: `notacme.com` is not below `acme.com`.
    pub fn is_or_is_below(&self, other: &Self) -> bool {
        self == other || self.parents().any(|parent| parent == other.as_str())
    }

    /// The names above this one, nearest first, down to two labels: of `a.b.example.com` these are `b.example.com` and
    /// `example.com`.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(parent(&self.0), |name| parent(name))
    }
}

/// The name without its first label, if two labels are left.
fn parent(name: &str) -> Option<&str> {
    name.split_once('.').map(|(_, rest)| rest).filter(|rest| rest.contains('.'))
}

/// Whether the whole of `name` is a suffix that the list knows. A single label that it does not know is none.
pub(crate) fn is_known_suffix(name: &str) -> bool {
    psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known() && suffix == name)
}

/// The full stop and what UTS #46 takes for one.
fn is_dot(c: char) -> bool {
    matches!(c, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}

/// Names the usual mistakes, so that the sentence helps.
fn assert_is_no_other_thing(text: &str) -> Result<(), DomainError> {
    if text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok() {
        return Err(DomainError::IpAddress);
    }
    if text.contains("://") {
        return Err(DomainError::Url);
    }
    if text.contains('@') {
        return Err(DomainError::Address);
    }
    if text.contains(['/', '\\', ':', '?', '#']) {
        return Err(DomainError::Url);
    }
    if text.contains('*') {
        return Err(DomainError::Wildcard);
    }
    if text.len() > LONGEST_INPUT {
        return Err(DomainError::TooLong);
    }
    Ok(())
}

/// The rules for a name that is in A-labels already.
fn assert_is_well_formed(name: &str) -> Result<(), DomainError> {
    if name.is_empty() {
        return Err(DomainError::Empty);
    }
    if name.split('.').any(str::is_empty) {
        return Err(DomainError::Malformed);
    }
    if name.len() > LONGEST_NAME || name.split('.').any(|label| label.len() > LONGEST_LABEL) {
        return Err(DomainError::TooLong);
    }
    let Some((_, last)) = name.rsplit_once('.') else { return Err(DomainError::SingleLabel) };
    // No top-level domain is a number; programs that meet one read the whole name as an IPv4 address.
    let hexadecimal = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    if hexadecimal || last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DomainError::IpAddress);
    }
    Ok(())
}

impl FromStr for DomainName {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for DomainName {
    type Error = DomainError;
    fn try_from(text: String) -> Result<Self, DomainError> {
        Self::parse(&text)
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for DomainName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The domains that hand out addresses to anyone.
static FREE_MAIL: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("../data/free-mail-domains.txt")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> DomainName {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_no_domain_name_is_refused_by_the_mistake_made() {
        for (text, expected) in [
            ("", DomainError::Empty),
            (" .. ", DomainError::Empty),
            ("\u{3002}", DomainError::Empty),
            ("\u{ad}", DomainError::Empty),
            ("jane@acme.com", DomainError::Address),
            ("mailto:jane@acme.com", DomainError::Address),
            ("https://acme.com", DomainError::Url),
            ("https://jane@acme.com", DomainError::Url),
            ("acme.com/about", DomainError::Url),
            ("acme.com:443", DomainError::Url),
            ("*.acme.com", DomainError::Wildcard),
            ("acme", DomainError::SingleLabel),
            ("com", DomainError::SingleLabel),
            ("localhost.", DomainError::SingleLabel),
            ("10.0.0.1", DomainError::IpAddress),
            ("[::1]", DomainError::IpAddress),
            ("2001:db8::1", DomainError::IpAddress),
            ("\u{ff11}\u{ff10}.0.0.1", DomainError::IpAddress),
            ("acme.1", DomainError::IpAddress),
            ("acme.0x1f", DomainError::IpAddress),
            ("acme..com", DomainError::Malformed),
            (".acme.com", DomainError::Malformed),
            ("ac me.com", DomainError::Malformed),
            ("ac_me.com", DomainError::Malformed),
            ("-acme.com", DomainError::Malformed),
            ("acme-.com", DomainError::Malformed),
            ("ac--me.com", DomainError::Malformed),
            ("acme\0.com", DomainError::Malformed),
            ("xn--.com", DomainError::Malformed),
            ("xn--acme-.com", DomainError::Malformed),
            (&format!("{}.com", "a".repeat(64)), DomainError::TooLong),
            (&format!("{}com", "abcdefg.".repeat(32)), DomainError::TooLong),
            (&"a.".repeat(2000), DomainError::TooLong),
        ] {
            assert_eq!(DomainName::parse(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn a_refusal_never_repeats_the_text() {
        for text in ["jane@zzqq.com", "https://zzqq.com", "zzqq", "zzqq..com", "*.zzqq.com"] {
            let sentence = DomainName::parse(text).unwrap_err().to_string();
            assert!(!sentence.contains("zzqq"), "{sentence}");
            let in_json = serde_json::from_value::<DomainName>(text.into()).unwrap_err().to_string();
            assert!(!in_json.contains("zzqq"), "{in_json}");
        }
    }

    #[test]
    fn every_spelling_of_a_name_is_one_value() {
        for (text, expected) in [
            ("ACME.Com", "acme.com"),
            ("  acme.com\n", "acme.com"),
            ("acme.com.", "acme.com"),
            ("acme.com\u{3002}", "acme.com"),
            ("acme\u{ff0e}com", "acme.com"),
            ("\u{ff41}cme.com", "acme.com"),
            ("B\u{fc}cher.example", "xn--bcher-kva.example"),
            ("BU\u{308}CHER.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("fa\u{df}.de", "xn--fa-hia.de"),
        ] {
            let name = domain(text);
            assert_eq!(name.as_str(), expected, "{text:?}");
            assert_eq!(domain(name.as_str()), name);
            assert_eq!(serde_json::to_value(&name).unwrap(), expected);
        }
    }

    #[test]
    fn below_means_by_whole_labels() {
        let acme = domain("acme.com");
        for below in ["acme.com", "eu.acme.com", "mail.eu.acme.com"] {
            assert!(domain(below).is_or_is_below(&acme), "{below}");
        }
        for beside in ["notacme.com", "acme.com.example.net", "acme.co", "com.acme", "acme.com.au"] {
            assert!(!domain(beside).is_or_is_below(&acme), "{beside}");
        }
        assert_eq!(domain("a.b.example.com").parents().collect::<Vec<_>>(), ["b.example.com", "example.com"]);
        assert_eq!(acme.parents().count(), 0);
    }

    #[test]
    fn public_suffixes_are_known_with_the_private_ones() {
        for suffix in ["co.uk", "github.io", "com.au", "foo.ck", "\u{516c}\u{53f8}.cn", "xn--55qx5d.cn"] {
            assert!(domain(suffix).is_public_suffix(), "{suffix}");
        }
        for name in ["acme.co.uk", "acme.com", "acme.github.io", "www.ck", "acme.unknowntld", "unknown.unknowntld"] {
            assert!(!domain(name).is_public_suffix(), "{name}");
        }
        assert!(is_known_suffix("com"));
        assert!(!is_known_suffix("acme"));
    }

    #[test]
    fn free_mail_is_told_by_the_registrable_domain() {
        for name in ["gmail.com", "GMX.de", "mail.gmail.com"] {
            assert!(domain(name).is_free_mail(), "{name}");
        }
        for name in ["acme.com", "gmail.com.acme.com", "notgmail.example"] {
            assert!(!domain(name).is_free_mail(), "{name}");
        }
        assert!(FREE_MAIL.len() > 10_000);
        assert!(FREE_MAIL.iter().all(|name| !name.starts_with('#')));
    }
}
