//! Who can sign in.

use jiff::Timestamp;
use serde_json::{Value, json};

/// The organization that two of the people belong to.
pub const ORGANIZATION: &str = "org_standin";
/// The organization of the third.
pub const OTHER_ORGANIZATION: &str = "org_another";

/// How long a token is good, in seconds:
/// [a minute](https://clerk.com/docs/guides/how-clerk-works/overview), as Clerk's are.
pub(crate) const LIFETIME: i64 = 60;

/// Somebody with a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// An administrator of [`ORGANIZATION`].
    Administrator,
    /// A member of it without more rights.
    Member,
    /// An administrator of [`OTHER_ORGANIZATION`].
    Stranger,
}

impl Person {
    const ALL: [Self; 3] = [Self::Administrator, Self::Member, Self::Stranger];

    /// The word in the address of their token.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Member => "member",
            Self::Stranger => "stranger",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|person| person.word() == word)
    }

    /// Their user id.
    pub const fn user(self) -> &'static str {
        match self {
            Self::Administrator => "user_standin_administrator",
            Self::Member => "user_standin_member",
            Self::Stranger => "user_standin_stranger",
        }
    }

    /// The organization that is active for them.
    pub const fn organization(self) -> &'static str {
        match self {
            Self::Administrator | Self::Member => ORGANIZATION,
            Self::Stranger => OTHER_ORGANIZATION,
        }
    }

    const fn role(self) -> &'static str {
        match self {
            Self::Administrator | Self::Stranger => "admin",
            Self::Member => "member",
        }
    }
}

/// The claims of a [session token](https://clerk.com/docs/guides/sessions/session-tokens), version 2.
pub(crate) fn claims(person: Person, issuer: &str, origin: &str, now: Timestamp) -> Value {
    let now = now.as_second();
    json!({
        "azp": origin,
        "exp": now + LIFETIME,
        "fva": [0, -1],
        "iat": now,
        "iss": issuer,
        "jti": "0123456789abcdef0123",
        // Clerk's tokens are good from ten seconds before they are made.
        "nbf": now - 10,
        "o": {"id": person.organization(), "rol": person.role(), "slg": "stand-in"},
        "sid": format!("sess_{}", person.word()),
        "sts": "active",
        "sub": person.user(),
        "v": 2,
    })
}
