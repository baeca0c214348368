//! A certificate in place of a secret: the connector signs a statement, and Entra knows the public half.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use m365_model::Entropy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// How long a statement is good, in seconds. Entra takes
/// [five to ten minutes](https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials) as the best choice.
const LIFETIME: i64 = 10 * 60;

/// A certificate's fingerprint and its private key.
pub(crate) struct Certificate {
    key: EncodingKey,
    /// The SHA-256 of the certificate, in base64url: how Entra finds its public half.
    fingerprint: String,
}

/// What is stated: that who signs is the application, to this authority, now, once.
#[derive(Serialize)]
struct Statement<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl Certificate {
    /// Reads a PEM file with both, in either order; `None` when one is missing or the key is no RSA key.
    pub(crate) fn read(pem: &SecretString) -> Option<Self> {
        let pem = pem.expose_secret().as_bytes();
        let certificate = CertificateDer::from_pem_slice(pem).ok()?;
        let key = key_in(pem)?;
        Some(Self { key, fingerprint: URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.as_ref())) })
    }

    /// Signs a statement for `authority`'s token address.
    pub(crate) fn sign(
        &self,
        client_id: &str,
        authority: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Option<SecretString> {
        let mut id = [0; 16];
        entropy.fill(&mut id);
        let (now, client) = (now.as_second(), client_id);
        let statement = Statement {
            aud: authority,
            iss: client,
            sub: client,
            jti: URL_SAFE_NO_PAD.encode(id),
            iat: now,
            nbf: now,
            exp: now + LIFETIME,
        };
        let mut header = Header::new(Algorithm::PS256);
        header.x5t_s256 = Some(self.fingerprint.clone());
        jsonwebtoken::encode(&header, &statement, &self.key).ok().map(SecretString::from)
    }
}

/// The file may hold the certificate before the key, and text around both.
fn key_in(pem: &[u8]) -> Option<EncodingKey> {
    let text = std::str::from_utf8(pem).ok()?;
    ["PRIVATE KEY", "RSA PRIVATE KEY"].into_iter().find_map(|label| {
        let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        let from = text.find(&begin)?;
        let until = from + text.get(from..)?.find(&end)? + end.len();
        EncodingKey::from_rsa_pem(text.get(from..until)?.as_bytes()).ok()
    })
}
