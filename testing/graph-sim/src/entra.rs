//! What Entra remembers, and access tokens: shaped like Entra's, readable only by this simulator.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::personas::Persona;
use crate::{SimOptions, ids};

/// What Entra knows of the application.
#[derive(Debug)]
pub(crate) struct Entra {
    /// The permissions that tokens carry from now on.
    pub roles: Vec<String>,
    /// How many tokens have been issued.
    pub issued: u64,
    /// Tokens up to this one have been revoked.
    pub revoked: u64,
    /// Whether the application may read the organization.
    pub organization_readable: bool,
    /// The secret that is asked for.
    pub client_secret: String,
    /// The tenants that have consented to the application.
    pub consented: BTreeSet<String>,
    /// Other tenants whose application finds this office as its own.
    pub guests: BTreeSet<String>,
    /// The redirect URIs that are registered.
    pub redirect_uris: Vec<String>,
    /// Whether those of this machine are registered too.
    pub loopback_redirects: bool,
    /// Every authorization code, used or not.
    pub codes: BTreeMap<String, Code>,
}

impl Entra {
    pub fn new(options: &SimOptions) -> Self {
        Self {
            roles: options.roles.clone(),
            issued: 0,
            revoked: 0,
            organization_readable: options.organization_readable,
            client_secret: options.client_secret.clone(),
            guests: BTreeSet::new(),
            consented: options.consented.then(|| options.tenant_id.clone()).into_iter().collect(),
            redirect_uris: options.redirect_uris.clone(),
            loopback_redirects: options.loopback_redirects,
            codes: BTreeMap::new(),
        }
    }
}

/// What stands behind an authorization code.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub persona: Persona,
    pub redirect_uri: String,
    pub nonce: String,
    /// The SHA-256 of the verifier, in base64url.
    pub challenge: String,
    pub scope: String,
    /// The second from which on the code is worth nothing.
    pub expires: i64,
    pub redeemed: bool,
}

/// The payload of a token.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub aud: String,
    pub iss: String,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
    pub appid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// What a person lets the application do. An application's own token has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scp: Option<String>,
    pub tid: String,
    pub uti: u64,
    pub ver: String,
}

impl Claims {
    /// The token as it travels.
    pub fn seal(&self, seed: u64) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"RS256","kid":"simulated"}"#);
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default());
        let signature = sign(&payload, seed);
        format!("{header}.{payload}.{signature}")
    }

    /// The payload of a token that this simulator issued.
    pub fn open(token: &str, seed: u64) -> Option<Self> {
        let mut parts = token.split('.');
        let (_, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || sign(payload, seed) != signature {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

/// No signature that anyone could trust; it tells our own tokens from others.
fn sign(payload: &str, seed: u64) -> String {
    let sum = checksum(payload.as_bytes(), seed);
    URL_SAFE_NO_PAD.encode([sum, ids::scramble(sum), ids::scramble(!sum)].map(u64::to_be_bytes).concat())
}

/// FNV-1a.
pub(crate) fn checksum(bytes: &[u8], seed: u64) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325 ^ seed, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}
