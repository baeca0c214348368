//! Tokens that say who has signed in, and the key that signs them
//! (<https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference>).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Value, json};

use crate::personas::{OTHER_TENANT, Persona};
use crate::{SimOptions, ids};

/// The private key. Everybody knows it.
const KEY: &[u8] = include_bytes!("test-signing-key.pem");

/// The name of the key in tokens and in the list of keys.
const KEY_ID: &str = "simulated-key-1";

/// The modulus of the key, in base64url; its exponent is 65537.
const MODULUS: &str = "kzE-2LAvXGmQATZvIGBRtMG2IcvrHLB-61cO2rqbH5iQ5ZbpAnndjU0-GDyTFMJcFbI3WxI2CV5Ojq34NcJCh4rJwdD4aHdXSZ86FRNtWdFi1NZGqxBFPCWMOMPWBHr9pxBksIu_t4Ry4sqpeG5lP1ng0X2w07wNPtF3BbgmgaWYD4ZCLYWfkq8qsN-JhmDudX_nba5bor6VKkaQG_8_sn0Neyz0vX03mW1meyA-DaVh0uSdyI74MKd7Or31TAkzl0vO_L4b2tmi_-zmXUbJZw47WMhpqR4PWaj0iGCOiPy5WWSqE7thnQ8mHB-CfQbmyQEOm9-rGFwvFWw_EikVDQ";

/// The modulus of a key that signs nothing any more: the list has more than one, as the service's has.
const RETIRED: &str = "zT34MdJWKYoCRTNxeAdvCbNfG2XHSVgdzoO4fXMYT7raeOHQj9JWItnMMa4g7vzpaorut-pxtJnTx9bfDVPzoJEPhlE8X_AX0OyZSd585IAN3NSXmaKajVAEP6NCytr7ZVW0kFlOoz8XyhYSOQBxLtvEumOShBUI1GPLP6RquGxAq5hATSvl0M8Hq9jgPxsqUH2OsohUFBNLUCtVNAgFaxvADqIZBriF61bJhBTTunLu1JgEAvQaULBbqCZUAcDAqzNzuU_NU3iTo8EInL_Yqcf3Q0oe_BpA3k-O9P9VjP7dhlBNFgIkhtsD1CXS-GM3jgJ4_yzGaS3mpeV1jHk1MQ";

/// How long a token is good, in seconds.
const LIFETIME: i64 = 3_600;

/// What is wrong with an id_token that looks right otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoiled {
    /// It was made for another application.
    Audience,
    /// Its `iss` is that of [`OTHER_TENANT`], whatever its `tid` says.
    Issuer,
    /// It answers another sign-in.
    Nonce,
    /// Its signature is not that of the key that it names.
    Signature,
    /// It names a key that is not on the list.
    KeyId,
    /// `alg` is `none`, and there is no signature.
    Unsigned,
}

/// What a sign-in knows that the token is about.
#[derive(Debug)]
pub(crate) struct SignedIn<'a> {
    pub persona: Persona,
    pub nonce: &'a str,
    /// The root of the authority, without a trailing slash.
    pub root: &'a str,
    /// The tenant's own domain.
    pub domain: &'a str,
    /// The second at which the token says that it was issued.
    pub at: i64,
}

#[derive(Debug, Serialize)]
struct IdClaims {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    idp: Option<String>,
    name: String,
    nonce: String,
    oid: String,
    preferred_username: String,
    sub: String,
    tid: String,
    ver: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wids: Option<Vec<&'static str>>,
}

/// The token as it travels.
pub(crate) fn issue(options: &SimOptions, who: &SignedIn<'_>, spoiled: Option<Spoiled>) -> String {
    let mut claims = IdClaims::new(options, who);
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(KEY_ID.to_owned());
    match spoiled {
        Some(Spoiled::Audience) => claims.aud = ids::guid(3),
        Some(Spoiled::Issuer) => claims.iss = issuer(who.root, OTHER_TENANT),
        Some(Spoiled::Nonce) => claims.nonce = ids::guid(4),
        Some(Spoiled::KeyId) => header.kid = Some("simulated-key-0".to_owned()),
        Some(Spoiled::Signature | Spoiled::Unsigned) | None => {}
    }
    let token = sign(&header, &claims);
    match spoiled {
        Some(Spoiled::Signature) => {
            // Right in form, and made by the right key; but for another payload.
            claims.iat -= 1;
            let other = sign(&header, &claims);
            format!("{}.{}", without_signature(&token), other.rsplit('.').next().unwrap_or_default())
        }
        Some(Spoiled::Unsigned) => {
            let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
            let payload = token.split('.').nth(1).unwrap_or_default();
            format!("{header}.{payload}.")
        }
        _ => token,
    }
}

impl IdClaims {
    fn new(options: &SimOptions, who: &SignedIn<'_>) -> Self {
        let (persona, tenant) = (who.persona, who.persona.tenant(options));
        Self {
            aud: options.client_id.clone(),
            iss: issuer(who.root, tenant),
            iat: who.at,
            nbf: who.at,
            exp: who.at.saturating_add(LIFETIME),
            idp: persona.home().map(|home| format!("https://sts.windows.net/{home}/")),
            name: format!("{} CANARY-NAME-SIGN-IN", persona.title()),
            nonce: who.nonce.to_owned(),
            oid: persona.object_id(),
            preferred_username: persona.address(who.domain),
            sub: ids::guid(0x0B00 + persona as u64).replace('-', ""),
            tid: tenant.to_owned(),
            ver: "2.0",
            wids: persona.roles(),
        }
    }
}

fn sign(header: &Header, claims: &IdClaims) -> String {
    // The key is a part of this program, and a test signs with it.
    EncodingKey::from_rsa_pem(KEY).and_then(|key| jsonwebtoken::encode(header, claims, &key)).unwrap_or_default()
}

fn without_signature(token: &str) -> &str {
    token.rsplit_once('.').map_or(token, |(signed, _)| signed)
}

/// Who a tenant's tokens are from.
pub(crate) fn issuer(root: &str, tenant: &str) -> String {
    format!("{root}/{tenant}/v2.0")
}

/// The list of keys, retired ones too.
pub(crate) fn keys(issuer: &str) -> Value {
    let key = |id: &str, modulus: &str| json!({"kty": "RSA", "use": "sig", "kid": id, "n": modulus, "e": "AQAB", "issuer": issuer});
    json!({"keys": [key("simulated-key-retired", RETIRED), key(KEY_ID, MODULUS)]})
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, crypto};

    use super::*;

    fn token(spoiled: Option<Spoiled>) -> String {
        let options = SimOptions::new("2026-03-02T15:00:00Z".parse().unwrap());
        let persona = Persona::Administrator;
        let who = SignedIn { persona, nonce: "n", root: "http://localhost", domain: "contoso.com", at: 1_000 };
        issue(&options, &who, spoiled)
    }

    fn is_signed_by(modulus: &str, token: &str) -> bool {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let key = DecodingKey::from_rsa_components(modulus, "AQAB").unwrap();
        crypto::verify(signature, signed.as_bytes(), &key, Algorithm::RS256).unwrap_or(false)
    }

    #[test]
    fn the_listed_key_is_the_one_that_signs() {
        assert!(is_signed_by(MODULUS, &token(None)));
        assert!(!is_signed_by(RETIRED, &token(None)));
    }

    #[test]
    fn a_spoilt_signature_is_none_and_every_other_fault_is_signed() {
        for spoiled in [Spoiled::Audience, Spoiled::Issuer, Spoiled::Nonce, Spoiled::KeyId] {
            assert!(is_signed_by(MODULUS, &token(Some(spoiled))), "{spoiled:?}");
        }
        assert!(!is_signed_by(MODULUS, &token(Some(Spoiled::Signature))));
        assert!(!is_signed_by(MODULUS, &token(Some(Spoiled::Unsigned))));
    }
}
