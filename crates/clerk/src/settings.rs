//! Which Clerk instance, and for which sites.

use std::net::Ipv4Addr;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use sha1::{Digest as _, Sha1};
use url::{Host, Url};

use crate::KeySource;

/// What the verifier needs to know. Each member is checked by its own type, so that all that is wrong can be told at once.
#[derive(Debug, Clone)]
pub struct ClerkSettings {
    /// `CLERK_PUBLISHABLE_KEY`.
    pub publishable_key: PublishableKey,
    /// `CLERK_JWT_KEY` or `CLERK_JWKS_URL`.
    pub key: KeySource,
    /// `CLERK_AUTHORIZED_PARTIES`.
    pub authorized_parties: AuthorizedParties,
}

/// Why a text cannot be a setting. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not `pk_test_…` or `pk_live_…`, or not made of a host's name.
    #[error(
        "not a publishable key: expected pk_test_… or pk_live_… as Clerk's dashboard shows it under API keys, which is \
         made of the Frontend API's host"
    )]
    PublishableKey,
    /// Not the PEM of an RSA key of at least 2048 bits.
    #[error(
        "not a JWT public key: expected the PEM that Clerk's dashboard shows under API keys, from -----BEGIN PUBLIC \
         KEY----- to -----END PUBLIC KEY-----"
    )]
    JwtKey,
    /// Not a web address, or one with a user name.
    #[error(
        "not a JWKS address: expected something like https://clerk.example.com/.well-known/jwks.json, without a user name"
    )]
    JwksUrl,
    /// Plain http to another machine.
    #[error("the JWKS address must start with https: plain http is for 127.0.0.1, ::1 and localhost only")]
    InsecureJwksUrl,
    /// Something other than an origin.
    #[error(
        "not a list of authorized parties: expected the origins of the sites that use the connector, such as \
         https://connector.example.com, separated by commas and without a path"
    )]
    AuthorizedParty,
    /// An empty list, which would let every site's tokens in.
    #[error(
        "no authorized party is named, so tokens made for any other site would open this one: expected at least the \
         dashboard's own origin, such as https://connector.example.com"
    )]
    NoAuthorizedParty,
}

/// Why a verifier cannot be made of good settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The system's certificates could not be read.
    #[error(
        "no HTTPS client could be made to fetch Clerk's keys: check that the system's certificates (SSL_CERT_FILE) can be read"
    )]
    NoTrust,
}

/// Names the Clerk instance. It is no secret: pages hold it.
///
/// It is a prefix and the Frontend API's host with `$` behind it, in base64
/// (<https://clerk.com/docs/guides/how-clerk-works/overview>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishableKey {
    text: String,
    is_live: bool,
    frontend_api: Url,
    issuer: String,
    session_cookie: String,
}

/// Clerk pads, its libraries read without padding too.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// How many letters of a hash stand behind a cookie's name.
const SUFFIX: usize = 8;

impl FromStr for PublishableKey {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        Self::read(text.trim()).ok_or(SettingsError::PublishableKey)
    }
}

impl PublishableKey {
    fn read(text: &str) -> Option<Self> {
        let (is_live, encoded) = match (text.strip_prefix("pk_live_"), text.strip_prefix("pk_test_")) {
            (Some(encoded), _) => (true, encoded),
            (_, Some(encoded)) => (false, encoded),
            _ => return None,
        };
        let decoded = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
        let frontend_api = frontend_api(decoded.strip_suffix('$')?, is_live)?;
        Some(Self {
            text: text.to_owned(),
            is_live,
            issuer: frontend_api.origin().ascii_serialization(),
            frontend_api,
            session_cookie: format!("__session_{}", suffix(text)),
        })
    }

    /// The key as text, for pages.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names a production instance.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// The root of the instance's Frontend API, which serves ClerkJS and issues the tokens.
    pub fn frontend_api(&self) -> &Url {
        &self.frontend_api
    }

    /// What tokens of this instance name as their issuer: the Frontend API without a trailing slash.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The cookie that ClerkJS keeps the session token in where several instances share a host: `__session_` and the first
    /// letters of the key's hash
    /// (<https://github.com/clerk/javascript/blob/main/packages/shared/src/keys.ts>).
    pub fn session_cookie(&self) -> &str {
        &self.session_cookie
    }
}

/// The root at a bare host name with a dot, or, for tests against a stand-in, at a loopback host with a port.
fn frontend_api(host: &str, is_live: bool) -> Option<Url> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b':' | b'[' | b']');
    if !host.bytes().all(plain) {
        return None;
    }
    let local = Url::parse(&format!("http://{host}/")).ok()?;
    if is_loopback(&local) {
        return (!is_live && local.port().is_some()).then_some(local);
    }
    let url = Url::parse(&format!("https://{host}/")).ok()?;
    let is_name = matches!(url.host(), Some(Host::Domain(name)) if name == host && name.contains('.'));
    is_name.then_some(url)
}

fn suffix(key: &str) -> String {
    let mut text = URL_SAFE_NO_PAD.encode(Sha1::digest(key.as_bytes()));
    text.truncate(SUFFIX);
    text
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.octets()[0] == Ipv4Addr::LOCALHOST.octets()[0],
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The origins that session tokens may have been made for: at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedParties(Vec<String>);

impl FromStr for AuthorizedParties {
    type Err = SettingsError;

    /// Reads origins separated by commas.
    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let origins: Vec<_> =
            parts.map(|part| origin(part).ok_or(SettingsError::AuthorizedParty)).collect::<Result<_, _>>()?;
        if origins.is_empty() { Err(SettingsError::NoAuthorizedParty) } else { Ok(Self(origins)) }
    }
}

impl AuthorizedParties {
    /// Whether tokens made for `party` are let in. It is compared letter by letter: browsers write origins in one way only
    /// ([RFC 6454](https://www.rfc-editor.org/rfc/rfc6454#section-6.2)).
    pub fn include(&self, party: &str) -> bool {
        self.0.iter().any(|origin| origin == party)
    }

    /// The origins as browsers write them.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// The origin as a browser writes it, if the text is nothing more than one.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.scheme(), "https" | "http")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    bare.then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    fn key(prefix: &str, inside: &str) -> Result<PublishableKey, SettingsError> {
        format!("{prefix}{}", STANDARD.encode(inside)).parse()
    }

    #[test]
    fn a_publishable_key_names_its_frontend_api() {
        let live = key("pk_live_", "clerk.example.com$").unwrap();
        assert!(live.is_live());
        assert_eq!(live.frontend_api().as_str(), "https://clerk.example.com/");
        assert_eq!(live.issuer(), "https://clerk.example.com");
        let test: PublishableKey = " pk_test_YXdhcmUtZmFsY29uLTQuY2xlcmsuYWNjb3VudHMuZGV2JA\n".parse().unwrap();
        assert!(!test.is_live());
        assert_eq!(test.issuer(), "https://aware-falcon-4.clerk.accounts.dev", "without padding");
        assert_eq!(test.as_str(), "pk_test_YXdhcmUtZmFsY29uLTQuY2xlcmsuYWNjb3VudHMuZGV2JA");
        for local in ["localhost:1234", "127.0.0.1:81", "[::1]:82"] {
            let key = key("pk_test_", &format!("{local}$")).unwrap();
            assert_eq!(key.issuer(), format!("http://{local}"));
        }
    }

    #[test]
    fn what_is_no_publishable_key_is_told_and_not_repeated() {
        let hosts = [
            "clerk.example.com",
            "$",
            "clerk$",
            "localhost$",
            "10.0.0.1$",
            "10.0.0.1:80$",
            "clerk.example.com:8443$",
            "clerk.example.com/path$",
            "user@clerk.example.com$",
            "Clerk.example.com$",
            "clerk.example.com$$",
            "clerk.exämple.com$",
            "localhost.example:1$x",
        ];
        for host in hosts {
            assert_eq!(key("pk_test_", host), Err(SettingsError::PublishableKey), "{host}");
        }
        assert!(key("pk_live_", "localhost:1234$").is_err(), "a production instance on this machine");
        for text in ["", "pk_test_", "sk_test_Y2xlcmsuZXhhbXBsZS5jb20k", "pk_test_%%%", "Y2xlcmsuZXhhbXBsZS5jb20k"] {
            let error = text.parse::<PublishableKey>().unwrap_err();
            assert!(!error.to_string().contains("Y2xl"), "{error}");
            assert!(error.to_string().contains("expected pk_test_"), "{error}");
        }
    }

    /// Pairs from Clerk's own library are in `tests/it/referee.rs`; here is the shape.
    #[test]
    fn the_suffixed_cookie_is_made_of_the_whole_key() {
        let (one, other) = (key("pk_test_", "a.example.com$").unwrap(), key("pk_live_", "a.example.com$").unwrap());
        assert_eq!(one.session_cookie().len(), "__session_".len() + 8);
        assert_ne!(one.session_cookie(), other.session_cookie());
    }

    #[test]
    fn authorized_parties_are_origins() {
        let parties: AuthorizedParties =
            "https://A.example.com , http://localhost:8365,https://b.example:443/".parse().unwrap();
        let origins: Vec<_> = parties.origins().collect();
        assert_eq!(origins, ["https://a.example.com", "http://localhost:8365", "https://b.example"]);
        assert!(parties.include("https://a.example.com"));
        for near in ["https://a.example.com/", "http://a.example.com", "https://a.example.com:444", "", "null"] {
            assert!(!parties.include(near), "{near}");
        }
        for bad in [
            "a.example.com",
            "https://a.example/x",
            "https://a.example?x",
            "https://u@a.example",
            "*",
            "ftp://a.example",
        ] {
            assert_eq!(bad.parse::<AuthorizedParties>(), Err(SettingsError::AuthorizedParty), "{bad}");
        }
        for empty in ["", " , "] {
            assert_eq!(empty.parse::<AuthorizedParties>(), Err(SettingsError::NoAuthorizedParty));
        }
    }
}
