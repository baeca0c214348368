//! Who the connector is, and where its token rests between runs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::certificate::Certificate;

/// The application's id as registered in Entra, and its proof: a secret, or a certificate.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) client_id: String,
    pub(crate) proof: Proof,
}

/// What proves that the connector is the application.
#[derive(Clone)]
pub(crate) enum Proof {
    Secret(SecretString),
    Certificate(Arc<Certificate>),
}

/// A half of the credentials is missing. Said here, or Entra would say it in words that name neither half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// No client id.
    #[error("the application (client) id is empty")]
    NoClientId,
    /// No secret.
    #[error("the client secret is empty")]
    NoSecret,
    /// No certificate with its key.
    #[error(
        "the certificate cannot be read: expected one PEM file with a certificate and its RSA private key, not encrypted \
         (-----BEGIN CERTIFICATE----- and -----BEGIN PRIVATE KEY-----)"
    )]
    NoCertificate,
}

impl Credentials {
    /// Takes both halves; spaces around them are not part of them.
    pub fn new(client_id: &str, secret: &SecretString) -> Result<Self, CredentialError> {
        let secret = secret.expose_secret().trim();
        if secret.is_empty() {
            named(client_id)?;
            return Err(CredentialError::NoSecret);
        }
        Ok(Self { client_id: named(client_id)?, proof: Proof::Secret(SecretString::from(secret)) })
    }

    /// Takes a PEM file with a certificate and its RSA key in place of a secret.
    pub fn with_certificate(client_id: &str, pem: &SecretString) -> Result<Self, CredentialError> {
        let certificate = Certificate::read(pem).ok_or(CredentialError::NoCertificate);
        Ok(Self { client_id: named(client_id)?, proof: Proof::Certificate(Arc::new(certificate?)) })
    }
}

impl Credentials {
    /// The application (client) id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
}

fn named(client_id: &str) -> Result<String, CredentialError> {
    let client_id = client_id.trim();
    if client_id.is_empty() { Err(CredentialError::NoClientId) } else { Ok(client_id.to_owned()) }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// An access token and when it ends.
#[derive(Clone)]
pub struct StoredToken {
    /// The bearer token.
    pub access_token: SecretString,
    /// When Microsoft stops taking it.
    pub expires_at: Timestamp,
}

impl fmt::Debug for StoredToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What a vault's methods return: a future in a box, so that the trait can stand behind `dyn`.
pub type VaultFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps the token between runs and for other processes. The store implements it, encrypted.
///
/// A vault that cannot read or write says so in its own log and answers as an empty one: a new token costs one request.
pub trait TokenVault: Send + Sync {
    /// What was saved last.
    fn load(&self) -> VaultFuture<'_, Option<StoredToken>>;

    /// Takes the place of what was saved before.
    fn save(&self, token: StoredToken) -> VaultFuture<'_, ()>;
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy)]
pub struct NoVault;

impl TokenVault for NoVault {
    fn load(&self) -> VaultFuture<'_, Option<StoredToken>> {
        Box::pin(async { None })
    }

    fn save(&self, _: StoredToken) -> VaultFuture<'_, ()> {
        Box::pin(async {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_half_is_refused_and_the_secret_is_not_shown() {
        let refused = |id, secret: &str| Credentials::new(id, &SecretString::from(secret)).unwrap_err();
        assert_eq!(refused(" ", "s"), CredentialError::NoClientId);
        assert_eq!(refused("id", " \n"), CredentialError::NoSecret);
        let whole = Credentials::new("id", &SecretString::from("CANARY\n")).unwrap();
        assert!(matches!(&whole.proof, Proof::Secret(secret) if secret.expose_secret() == "CANARY"));
        assert_eq!(format!("{whole:?}"), "Credentials(..)");
    }
}
