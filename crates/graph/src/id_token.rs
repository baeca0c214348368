//! The id token: what a sign-in proves, and to whom.
//!
//! The check is the only maker of [`ProvenMember`] and [`ProvenAdministrator`]. It follows
//! [Microsoft's list](https://learn.microsoft.com/en-us/entra/identity-platform/claims-validation): the signature by a key of the authority,
//! the issuer, the audience, the nonce, the times.

use std::collections::HashMap;

use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use m365_model::EntraTenantId;
use m365_privacy::DomainName;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::error::ProofError;

/// How far the clocks of this machine and of Microsoft may lie apart, in seconds.
const LEEWAY: i64 = 5 * 60;

/// The directory roles whose holders may consent for their whole tenant, by the ids that are
/// [the same everywhere](https://learn.microsoft.com/en-us/entra/identity/role-based-access-control/permissions-reference): Global
/// Administrator, and Privileged Role Administrator.
const CONSENTING_ROLES: [&str; 2] = ["62e90394-69f5-4237-9190-012177145e10", "e8611ab8-c189-46e8-94e1-60213ab1f814"];

/// The tenant of [personal accounts](https://learn.microsoft.com/en-us/entra/identity-platform/id-token-claims-reference): nobody's company.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Somebody who signed in to an Entra tenant, as its authority says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenMember {
    tenant: EntraTenantId,
    domain: Option<DomainName>,
    roles_told: bool,
}

impl ProvenMember {
    /// The tenant.
    pub fn tenant(&self) -> &EntraTenantId {
        &self.tenant
    }

    /// The domain of the member's user name. A guest's is not the tenant's, where the name shows that.
    pub fn domain(&self) -> Option<&DomainName> {
        self.domain.as_ref()
    }

    /// Whether the token names directory roles at all. It does where the registration's `groupMembershipClaims` is `DirectoryRole`
    /// or [`All`](https://learn.microsoft.com/en-us/entra/identity-platform/reference-app-manifest).
    pub fn roles_told(&self) -> bool {
        self.roles_told
    }
}

/// An administrator who signed in to an Entra tenant and may consent for all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenAdministrator(ProvenMember);

impl ProvenAdministrator {
    /// Who it is.
    pub fn member(&self) -> &ProvenMember {
        &self.0
    }
}

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// Somebody who may consent for the tenant.
    Administrator(ProvenAdministrator),
    /// Anybody else, or somebody whose roles were not told.
    Member(ProvenMember),
}

/// The authority's keys, by their ids.
#[derive(Default)]
pub(crate) struct Keys(HashMap<String, Key>);

struct Key {
    key: DecodingKey,
    /// Whose tokens it signs, where the authority says so; `{tenantid}` stands for any tenant.
    issuer: Option<String>,
}

#[derive(Deserialize)]
struct Issuers {
    keys: Vec<IssuerOfKey>,
}

#[derive(Deserialize)]
struct IssuerOfKey {
    kid: Option<String>,
    issuer: Option<String>,
}

impl Keys {
    /// Reads a [key set](https://www.rfc-editor.org/rfc/rfc7517); keys of other kinds than RSA are passed over.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        let set: JwkSet = serde_json::from_slice(json).ok()?;
        let issuers: Issuers = serde_json::from_slice(json).ok()?;
        let issuer = |kid: &str| {
            let of_kid = issuers.keys.iter().find(|key| key.kid.as_deref() == Some(kid));
            of_kid.and_then(|key| key.issuer.clone())
        };
        let keys = set.keys.iter().filter_map(|jwk| {
            let kid = jwk.common.key_id.clone()?;
            let jsonwebtoken::jwk::AlgorithmParameters::RSA(_) = jwk.algorithm else { return None };
            let key = DecodingKey::from_jwk(jwk).ok()?;
            Some((kid.clone(), Key { key, issuer: issuer(&kid) }))
        });
        Some(Self(keys.collect()))
    }

    pub(crate) fn know(&self, kid: &str) -> bool {
        self.0.contains_key(kid)
    }
}

/// The id of the key that a token says it was signed with.
pub(crate) fn key_id(token: &SecretString) -> Option<String> {
    jsonwebtoken::decode_header(token.expose_secret()).ok()?.kid
}

/// What a token must say.
pub(crate) struct Expected<'a> {
    /// The root of the issuer, without a slash at its end.
    pub(crate) issuer_root: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a SecretString,
    pub(crate) now: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    iat: i64,
    nbf: i64,
    nonce: String,
    tid: String,
    preferred_username: Option<String>,
    wids: Option<Vec<String>>,
}

/// Checks a token and says who signed in.
pub(crate) fn check(token: &SecretString, keys: &Keys, expected: &Expected<'_>) -> Result<SignedIn, ProofError> {
    let kid = key_id(token).ok_or(ProofError::Malformed)?;
    let key = keys.0.get(&kid).ok_or(ProofError::UnknownKey)?;
    // The library reads the machine's clock: the times are compared below, by ours.
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let read = jsonwebtoken::decode::<Claims>(token.expose_secret(), &key.key, &validation);
    let claims = read.map_err(|error| ProofError::from_library(&error))?.claims;

    let tenant: EntraTenantId = claims.tid.parse().map_err(|_| ProofError::Malformed)?;
    let issuer = format!("{}/{tenant}/v2.0", expected.issuer_root);
    if claims.iss != issuer
        || key.issuer.as_ref().is_some_and(|of_key| of_key.replace("{tenantid}", tenant.as_str()) != issuer)
    {
        return Err(ProofError::Issuer);
    }
    if claims.aud != expected.client_id {
        return Err(ProofError::Audience);
    }
    if claims.nonce != expected.nonce.expose_secret() {
        return Err(ProofError::Nonce);
    }
    let now = expected.now.as_second();
    if claims.exp <= now - LEEWAY || claims.nbf > now + LEEWAY || claims.iat > now + LEEWAY {
        return Err(ProofError::Clock);
    }
    if tenant.as_str() == PERSONAL_ACCOUNTS {
        return Err(ProofError::PersonalAccount);
    }
    let roles_told = claims.wids.is_some();
    let may_consent = claims.wids.iter().flatten().any(|role| CONSENTING_ROLES.contains(&role.as_str()));
    let domain = claims.preferred_username.as_deref().and_then(domain_of);
    let member = ProvenMember { tenant, domain, roles_told };
    Ok(if may_consent { SignedIn::Administrator(ProvenAdministrator(member)) } else { SignedIn::Member(member) })
}

/// The domain of a user name. A guest's name holds `#EXT#` and tells nothing of the company.
fn domain_of(name: &str) -> Option<DomainName> {
    if name.to_ascii_uppercase().contains("#EXT#") {
        return None;
    }
    name.rsplit_once('@')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_tells_no_domain() {
        assert_eq!(domain_of("admin@Contoso.com").unwrap().as_str(), "contoso.com");
        for none in ["jane_fabrikam.com#EXT#@contoso.onmicrosoft.com", "jane#ext#@contoso.com", "jane", "", "a@b c"] {
            assert_eq!(domain_of(none), None, "{none}");
        }
    }
}
