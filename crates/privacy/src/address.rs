//! One mailbox address, in one spelling.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};

use crate::DomainName;

/// The longest part before the `@`, in bytes ([RFC 5321](https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.1)).
const LONGEST_LOCAL_PART: usize = 64;
/// The longest address, in bytes: a path has 256 with its angle brackets.
const LONGEST_ADDRESS: usize = 254;

/// A text that is not exactly one mailbox address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one plain e-mail address such as jane@example.com is expected")]
pub struct AddressError;

/// An address that an administrator typed, to erase or to exclude a person. It is in the same spelling as the addresses
/// of participants, so that texts can be compared. What Microsoft sends cannot become one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypedAddress(Address);

impl TypedAddress {
    /// The address in its one spelling.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// What stands behind the `@`.
    pub const fn domain(&self) -> &DomainName {
        &self.0.domain
    }
}

impl FromStr for TypedAddress {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Address::parse(text).map(Self)
    }
}

impl fmt::Debug for TypedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedAddress(..)")
    }
}

/// A parsed address: lower case, domain as A-labels, no dot at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    pub(crate) text: String,
    pub(crate) domain: DomainName,
}

impl Address {
    /// Reads exactly one mailbox address and nothing else: no display name, no quotes, no comments, no X.500 name.
    ///
    /// Graph puts names, names with addresses and legacy distinguished names where an address should stand ([one
    /// report](https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/825),
    /// [another](https://github.com/OfficeDev/office-js/issues/2590)). None of them is guessed at: a text that could be
    /// read in two ways could name someone else. For the same reason the part before the `@` is ASCII: two spellings of
    /// a letter outside it may or may not be one mailbox, and only the receiving server knows.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.chars().any(is_invisible) {
            return Err(AddressError);
        }
        let (local, domain) = text.split_once('@').ok_or(AddressError)?;
        if !is_plain_local_part(local) || is_exchange_name(text) {
            return Err(AddressError);
        }
        let domain = DomainName::parse(domain).map_err(|_| AddressError)?;
        let text = format!("{}@{domain}", local.to_ascii_lowercase());
        let grammar = Options::default().without_display_text().without_domain_literal().with_required_tld();
        if text.len() > LONGEST_ADDRESS || EmailAddress::parse_with_options(&text, grammar).is_err() {
            return Err(AddressError);
        }
        Ok(Self { text, domain })
    }
}

/// An unquoted local part in ASCII. Where the dots may stand is the grammar's business.
fn is_plain_local_part(local: &str) -> bool {
    let is_atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    (1..=LONGEST_LOCAL_PART).contains(&local.len()) && local.bytes().all(is_atext)
}

/// Exchange's own names for a mailbox: a legacy distinguished name, or one that was encapsulated to look like an
/// address (`IMCEAEX-`, `IMCEAX500-`, …).
fn is_exchange_name(text: &str) -> bool {
    let folded = text.to_ascii_lowercase();
    folded.contains("/o=") || folded.strip_prefix("imcea").is_some_and(|rest| rest.contains('-'))
}

/// Characters that people cannot see, or that change the order of those they see. [UTS
/// #46](https://www.unicode.org/reports/tr46/) would drop most of them; an address that holds one was made to deceive,
/// or was damaged.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        Address::parse(text).ok().map(|address| address.text)
    }

    #[test]
    fn what_is_not_exactly_one_plain_address_is_refused() {
        let long_local = format!("{}@acme.com", "a".repeat(65));
        let long = format!("{}@{}.com", "a".repeat(64), "abcdefg.".repeat(24));
        for text in [
            "",
            " ",
            "@",
            "jane",
            "Jane Doe",
            "jane@",
            "@acme.com",
            "Jane Doe <jane@acme.com>",
            "<jane@acme.com>",
            "jane@acme.com>",
            "jane@acme.com, joe@acme.com",
            "jane@acme.com;joe@acme.com",
            "jane@acme.com joe",
            "jane@contoso.com@acme.com",
            "acme.com@evil",
            "\"jane doe\"@acme.com",
            "\"jane@acme.com\"",
            "jane(work)@acme.com",
            "jane@acme.com(work)",
            ".jane@acme.com",
            "jane.@acme.com",
            "jane..doe@acme.com",
            "jane doe@acme.com",
            "jane@ acme.com",
            "jane @acme.com",
            "jane\u{a0}@acme.com",
            "ja\u{200b}ne@acme.com",
            "jane@ac\u{ad}me.com",
            "jane@acme\u{200d}.com",
            "\u{202e}moc.emca@enaj",
            "\u{feff}jane@acme.com",
            "jane\0@acme.com",
            "jane@acme.com\u{7}",
            "j\u{e4}ne@acme.com",
            "\u{ff4a}ane@acme.com",
            "jane\u{ff20}acme.com",
            "jane@acme\u{ff20}com.net",
            "jane@acme",
            "jane@acme..com",
            "jane@.acme.com",
            "jane@10.0.0.1",
            "jane@[10.0.0.1]",
            "jane@[IPv6:::1]",
            "jane@acme.com/path",
            "jane@ac_me.com",
            "mailto:jane@acme.com",
            "SMTP:jane@acme.com",
            "/o=ExchangeLabs/ou=Exchange Administrative Group/cn=Recipients/cn=jane",
            "/O=EXCHANGELABS/CN=RECIPIENTS/CN=JANE@acme.com",
            "x/o=y@acme.com",
            "IMCEAEX-_o=ExchangeLabs_ou=x_cn=jane@acme.com",
            "imceax500-jane@acme.com",
            &long_local,
            &long,
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
            assert!(text.parse::<TypedAddress>().is_err());
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_one_text() {
        for (text, expected) in [
            ("Jane.Doe@ACME.com", "jane.doe@acme.com"),
            (" jane@acme.com\r\n", "jane@acme.com"),
            ("jane@acme.com.", "jane@acme.com"),
            ("jane+crm@acme.com", "jane+crm@acme.com"),
            ("o'neil@acme.com", "o'neil@acme.com"),
            ("imcea@acme.com", "imcea@acme.com"),
            ("Jane@B\u{dc}CHER.example", "jane@xn--bcher-kva.example"),
            ("jane@XN--bcher-kva.example", "jane@xn--bcher-kva.example"),
            ("jane_acme.com#EXT#@fabrikam.onmicrosoft.com", "jane_acme.com#ext#@fabrikam.onmicrosoft.com"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(expected), "{text:?}");
            assert_eq!(parsed(expected).as_deref(), Some(expected));
        }
        let longest = format!("{}@acme.com", "a".repeat(64));
        assert_eq!(parsed(&longest), Some(longest.clone()));
    }

    #[test]
    fn a_typed_address_does_not_show_itself() {
        let typed: TypedAddress = "Jane@Acme.com".parse().unwrap();
        assert_eq!(format!("{typed:?}"), "TypedAddress(..)");
        assert_eq!((typed.as_str(), typed.domain().as_str()), ("jane@acme.com", "acme.com"));
        assert!(!"zzqq".parse::<TypedAddress>().unwrap_err().to_string().contains("zzqq"));
    }
}
