//! Ids, each a type of its own, so that one cannot stand where another is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no id of the kind asked for. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(&'static str);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId($expected)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_word(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        })
}

text_id! {
    /// A customer of the product: a Clerk organization, or `default`.
    TenantId, |t| is_word(t, 64), "a tenant id is 1 to 64 letters, digits, `_` or `-`"
}
text_id! {
    /// A tenant's connection to one Entra tenant.
    ConnectorId, |t| is_word(t, 64), "a connector id is 1 to 64 letters, digits, `_` or `-`"
}
text_id! {
    /// Whoever accepted, changed or started something: a Clerk user id, or an operator's name without spaces.
    UserId, |t| is_word(t, 128), "a user id is 1 to 128 letters, digits, `_` or `-` (an e-mail address is not one)"
}
text_id! {
    /// One sync of one connector.
    RunId, |t| is_word(t, 64), "a run id is 1 to 64 letters, digits, `_` or `-`"
}
text_id! {
    /// The object id of a user in the Entra tenant, as Graph spells it. Paths hold object ids alone, never addresses:
    /// a mailbox can be out of reach by one of its names.
    GraphUserId, |t| is_word(t, 128), "a Graph user id is 1 to 128 letters, digits or `-`"
}

/// The id of an Entra tenant: a GUID in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntraTenantId(String);

impl EntraTenantId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EntraTenantId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let folded = text.trim().to_ascii_lowercase();
        if is_guid(&folded) {
            Ok(Self(folded))
        } else {
            Err(InvalidId("an Entra tenant id is a GUID such as 11111111-2222-3333-4444-555555555555"))
        }
    }
}

impl TryFrom<String> for EntraTenantId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<EntraTenantId> for String {
    fn from(id: EntraTenantId) -> String {
        id.0
    }
}

impl fmt::Display for EntraTenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub i64);
    };
}

row_id! {
    /// The row of a mailbox.
    MailboxId
}
row_id! {
    /// The row of a delta cursor: a mailbox's calendar, or one of its mail folders.
    StreamId
}
row_id! {
    /// The row of an entry of the allow-list. A participant names the entry that let him in.
    EntryId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_they_are_not_and_never_repeat_it() {
        assert!("org_2abc".parse::<TenantId>().is_ok());
        for bad in ["", "a b", "../x", "x@y.com", &"a".repeat(65)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad} was taken for a tenant id");
        }
        let error = "person@acme.com".parse::<UserId>().unwrap_err().to_string();
        assert!(!error.contains("acme"), "{error}");
        let guid: EntraTenantId = " 11111111-2222-3333-4444-AAAAAAAAAAAA".parse().unwrap();
        assert_eq!(guid.as_str(), "11111111-2222-3333-4444-aaaaaaaaaaaa");
        assert!("contoso.com".parse::<EntraTenantId>().is_err());
    }
}
