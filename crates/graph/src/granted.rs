//! What the administrator granted, as the token itself says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use m365_model::EntraTenantId;
use serde::Deserialize;

/// Something that the connector must be able to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Meetings.
    Calendars,
    /// Mail without bodies.
    Mail,
    /// The list of users.
    Users,
}

impl Permission {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Calendars, Self::Mail, Self::Users];

    /// The application permission that the connector asks for.
    pub const fn name(self) -> &'static str {
        self.names()[0]
    }

    /// The permissions that let it read this, the one to ask for first.
    /// Source: [Graph's permissions](https://learn.microsoft.com/en-us/graph/permissions-reference).
    const fn names(self) -> &'static [&'static str] {
        match self {
            // Whether the delta of a calendar is open to `ReadBasic` is for a probe to show.
            Self::Calendars => &["Calendars.Read", "Calendars.ReadBasic.All", "Calendars.ReadWrite"],
            Self::Mail => &["Mail.ReadBasic.All", "Mail.ReadBasic", "Mail.Read", "Mail.ReadWrite"],
            Self::Users => &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        }
    }
}

/// No more than the connector uses: the three, what is less than one of the three, and the organization's domains.
const MODEST: &[&str] = &[
    "Calendars.Read",
    "Calendars.ReadBasic.All",
    "Mail.ReadBasic.All",
    "Mail.ReadBasic",
    "User.Read.All",
    "User.ReadBasic.All",
    "Organization.Read.All",
];

/// What a token says of itself. The signature is not checked: the token came from the authority over TLS, and whoever
/// holds it is its bearer, not its judge.
///
/// Grants made through [RBAC for Applications](https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac)
/// do not appear here, so a missing permission is a hint until Graph refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The tenant that the token is for.
    pub tenant_id: Option<EntraTenantId>,
    /// The application that the token is for.
    pub application_id: Option<String>,
    /// The application permissions, sorted.
    pub roles: Vec<String>,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// Whether the token could be read at all. If not, nothing is known of permissions.
    pub readable: bool,
}

#[derive(Deserialize)]
pub(crate) struct Claims {
    roles: Option<Vec<String>>,
    pub(crate) tid: Option<String>,
    pub(crate) appid: Option<String>,
    exp: Option<i64>,
}

impl Claims {
    /// Reads the middle part of a JSON Web Token.
    pub(crate) fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
    }

    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        self.exp.and_then(|second| Timestamp::from_second(second).ok())
    }
}

impl Granted {
    pub(crate) fn of(token: &str, expires_at: Timestamp) -> Self {
        let claims = Claims::of(token);
        let readable = claims.is_some();
        let expires_at = claims.as_ref().and_then(Claims::expires_at).unwrap_or(expires_at);
        let tenant_id = claims.as_ref().and_then(|claims| claims.tid.as_ref()?.parse().ok());
        let application_id = claims.as_ref().and_then(|claims| claims.appid.clone());
        let mut roles = claims.and_then(|claims| claims.roles).unwrap_or_default();
        roles.retain(|role| is_role(role));
        roles.sort();
        Self { tenant_id, application_id, roles, expires_at, readable }
    }

    /// Whether this very permission was granted.
    pub fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|granted| granted == role)
    }

    /// Whether this can be read, with the permission asked for or another.
    pub fn covers(&self, permission: Permission) -> bool {
        permission.names().iter().any(|name| self.has(name))
    }

    /// The permissions to ask the administrator for.
    pub fn missing(&self) -> Vec<&'static str> {
        Permission::ALL.into_iter().filter(|it| !self.covers(*it)).map(Permission::name).collect()
    }

    /// Permissions that the connector has no use for, such as those that open bodies or let it write.
    pub fn excessive(&self) -> Vec<&str> {
        self.roles.iter().map(String::as_str).filter(|role| !MODEST.contains(role)).collect()
    }
}

fn is_role(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(payload: &str) -> Granted {
        Granted::of(&format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload)), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_three_permissions_are_enough_and_not_too_much() {
        let all = granted(
            r#"{"tid":"11111111-2222-3333-4444-555555555555","exp":1772463600,
                "roles":["User.Read.All","Mail.ReadBasic.All","Calendars.Read"]}"#,
        );
        assert_eq!(all.missing(), Vec::<&str>::new());
        assert_eq!(all.excessive(), Vec::<&str>::new());
        assert!(all.has("Calendars.Read") && all.readable);
        assert_eq!(all.tenant_id.unwrap().as_str(), "11111111-2222-3333-4444-555555555555");
        assert_eq!(all.expires_at.to_string(), "2026-03-02T15:00:00Z");
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_is_named() {
        let odd = granted(r#"{"roles":["Mail.ReadWrite","Calendars.ReadBasic.All","CANARY person@acme.com"]}"#);
        assert_eq!(odd.missing(), ["User.Read.All"]);
        assert_eq!(odd.excessive(), ["Mail.ReadWrite"]);
        assert_eq!(granted("{}").missing(), ["Calendars.Read", "Mail.ReadBasic.All", "User.Read.All"]);
        assert!(granted("{}").readable);
        for opaque in ["", "opaque", "a.b.c", "a.!.c"] {
            let unknown = Granted::of(opaque, Timestamp::UNIX_EPOCH);
            assert!(!unknown.readable && unknown.roles.is_empty());
        }
    }
}
