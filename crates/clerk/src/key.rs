//! Where the keys are from that tokens are verified with.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::DecodingKey;
use url::Url;

use crate::SettingsError;
use crate::settings::is_loopback;

/// Clerk's key itself, or where Clerk publishes it
/// (<https://clerk.com/docs/guides/sessions/manual-jwt-verification>).
#[derive(Debug, Clone)]
pub enum KeySource {
    /// The key: nothing is fetched, and a new key needs a new setting.
    Pem(PemKey),
    /// The address: new keys are found by themselves.
    Jwks(JwksUrl),
}

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// The length of a public key of 2048 bits in DER, in bytes. Shorter keys are no signature keys
/// ([RFC 7518](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)).
const SHORTEST_DER: usize = 290;

/// A public RSA key.
#[derive(Clone)]
pub struct PemKey(DecodingKey);

impl FromStr for PemKey {
    type Err = SettingsError;

    /// Reads a PEM, also one whose line breaks were lost, or became `\n`, on the way through an environment file.
    fn from_str(text: &str) -> Result<Self, SettingsError> {
        Self::read(text).ok_or(SettingsError::JwtKey)
    }
}

impl PemKey {
    fn read(text: &str) -> Option<Self> {
        let text = text.replace("\\n", "\n");
        let inside = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
        let base64: String = inside.split_ascii_whitespace().collect();
        if STANDARD.decode(&base64).ok()?.len() < SHORTEST_DER {
            return None;
        }
        // The parser wants lines of 64, as RFC 7468 has them.
        let mut pem = format!("{BEGIN}\n");
        for (place, letter) in base64.chars().enumerate() {
            pem.push(letter);
            if place % 64 == 63 {
                pem.push('\n');
            }
        }
        pem.push('\n');
        pem.push_str(END);
        DecodingKey::from_rsa_pem(pem.as_bytes()).ok().map(Self)
    }

    pub(crate) fn into_key(self) -> DecodingKey {
        self.0
    }
}

impl std::fmt::Debug for PemKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PemKey")
    }
}

/// Where a Clerk instance publishes its keys: `https`, or plain `http` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwksUrl(Url);

impl FromStr for JwksUrl {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let url = Url::parse(text.trim()).map_err(|_| SettingsError::JwksUrl)?;
        if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
            return Err(SettingsError::JwksUrl);
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_loopback(&url) => Ok(Self(url)),
            "http" => Err(SettingsError::InsecureJwksUrl),
            _ => Err(SettingsError::JwksUrl),
        }
    }
}

impl JwksUrl {
    /// The address.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for good in ["https://clerk.example.com/.well-known/jwks.json", "http://localhost:81/x", "http://[::1]/"] {
            assert!(good.parse::<JwksUrl>().is_ok(), "{good}");
        }
        for bad in ["http://clerk.example.com/", "http://localhost.evil.test/", "http://10.0.0.1/"] {
            assert_eq!(bad.parse::<JwksUrl>(), Err(SettingsError::InsecureJwksUrl), "{bad}");
        }
        for bad in ["", "clerk.example.com", "file:///etc/passwd", "https://u:p@clerk.example.com/", "data:,{}"] {
            assert_eq!(bad.parse::<JwksUrl>(), Err(SettingsError::JwksUrl), "{bad}");
        }
    }
}
