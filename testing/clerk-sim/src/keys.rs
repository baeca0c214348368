//! Two RSA keys that the whole world knows, and tokens signed with them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// What stands before the modulus of a public RSA key of 2048 bits in DER
/// ([RFC 5280](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.7)), in bytes.
const BEFORE_MODULUS: usize = 33;
/// The modulus itself, in bytes.
const MODULUS: usize = 256;

/// One of the test keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestKey {
    /// The one in use at the start.
    First,
    /// The one that a rotation brings.
    Second,
}

impl TestKey {
    /// The public half, as Clerk's dashboard shows it.
    pub const fn public_pem(self) -> &'static str {
        match self {
            Self::First => include_str!("../test-keys/test-only-1.public.pem"),
            Self::Second => include_str!("../test-keys/test-only-2.public.pem"),
        }
    }

    /// The name in a token's header.
    pub const fn kid(self) -> &'static str {
        match self {
            Self::First => "ins_test_key_1",
            Self::Second => "ins_test_key_2",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    const fn private_pem(self) -> &'static str {
        match self {
            Self::First => include_str!("../test-keys/test-only-1.private.pem"),
            Self::Second => include_str!("../test-keys/test-only-2.private.pem"),
        }
    }

    fn encoding_key(self) -> EncodingKey {
        EncodingKey::from_rsa_pem(self.private_pem().as_bytes()).expect("a test key is an RSA key")
    }

    /// As a member of a [key set](https://www.rfc-editor.org/rfc/rfc7517#section-5).
    pub fn jwk(self) -> Value {
        let base64: String = self.public_pem().lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(base64).expect("a test key is base64");
        let modulus = &der[BEFORE_MODULUS..BEFORE_MODULUS + MODULUS];
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid(), "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB"})
    }
}

/// How a token is signed.
#[derive(Debug, Clone, Copy)]
pub enum Signer<'a> {
    /// With a test key and RS256.
    Rsa(TestKey),
    /// With a test key and RS512.
    Rsa512(TestKey),
    /// With HS256 and this secret.
    Secret(&'a [u8]),
    /// Not at all.
    Nobody,
}

/// A token of any header and claims. The header says what it says: nothing here makes it agree with the signer.
///
/// # Panics
/// Never: the test keys can sign.
pub fn sign(header: &Value, claims: &Value, signer: Signer<'_>) -> String {
    let message =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let with = |key: &EncodingKey, algorithm| {
        jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("a key of that kind")
    };
    let signature = match signer {
        Signer::Rsa(key) => with(&key.encoding_key(), Algorithm::RS256),
        Signer::Rsa512(key) => with(&key.encoding_key(), Algorithm::RS512),
        Signer::Secret(secret) => with(&EncodingKey::from_secret(secret), Algorithm::HS256),
        Signer::Nobody => String::new(),
    };
    format!("{message}.{signature}")
}
