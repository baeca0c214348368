//! A token's three parts, read without trust.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::Refusal;

/// The longest token that is looked at, in bytes. A cookie has
/// [4096](https://clerk.com/docs/guides/sessions/session-tokens#size-limitations) at most.
const LONGEST: usize = 16 << 10;

/// The one algorithm that [Clerk signs with](https://clerk.com/docs/guides/sessions/manual-jwt-verification).
const ALGORITHM: &str = "RS256";
/// What a header may call a session token, if it says anything: Clerk's own library takes these two for one
/// (<https://github.com/clerk/javascript/blob/main/packages/backend/src/tokens/jwtCategories.ts>).
const SESSION_CATEGORIES: [&str; 2] = ["cl_B7d4PD111AAA", "cl_I7d4PD111III"];

/// What the header says that decides how to go on.
#[derive(Deserialize)]
pub(crate) struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    cat: Option<String>,
    /// Extensions that a reader must know ([RFC 7515](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11)): none is.
    crit: Option<IgnoredAny>,
}

impl Header {
    /// Reads the header, and refuses what no key could make good.
    pub(crate) fn of(token: &str) -> Result<Self, Refusal> {
        if token.len() > LONGEST || token.split('.').count() != 3 {
            return Err(Refusal::Malformed);
        }
        let (encoded, _) = token.split_once('.').ok_or(Refusal::Malformed)?;
        let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Refusal::Malformed)?;
        let header: Self = serde_json::from_slice(&json).map_err(|_| Refusal::Malformed)?;
        if header.alg != ALGORITHM {
            return Err(Refusal::WrongAlgorithm);
        }
        if header.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        let is_session = header.typ.as_deref().is_none_or(|typ| typ == "JWT")
            && header.cat.as_deref().is_none_or(|cat| SESSION_CATEGORIES.contains(&cat));
        if is_session { Ok(header) } else { Err(Refusal::NotASession) }
    }

    /// Which key signed, as the header has it.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}

/// The [claims](https://clerk.com/docs/guides/sessions/session-tokens) that are looked at. Times are in seconds since 1970.
/// Which of the members about organizations count depends on the version, so they are read later.
#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) sid: String,
    pub(crate) exp: i64,
    pub(crate) nbf: Option<i64>,
    pub(crate) iat: Option<i64>,
    pub(crate) azp: Option<String>,
    pub(crate) sts: Option<String>,
    pub(crate) act: Option<IgnoredAny>,
    pub(crate) v: Option<u64>,
    o: Option<Value>,
    org_id: Option<Value>,
    org_role: Option<Value>,
}

/// The active organization, and whether the user has the role `admin` in it.
pub(crate) struct Organization {
    pub(crate) id: String,
    pub(crate) is_admin: bool,
}

#[derive(Deserialize)]
struct OrganizationV2 {
    id: String,
    rol: String,
}

impl Claims {
    /// Verifies the signature, and only then reads what is signed.
    pub(crate) fn of(token: &str, key: &DecodingKey) -> Result<Self, Refusal> {
        // Signature and algorithm alone: claims are judged by our clock, not by the library's.
        let mut signature = Validation::new(Algorithm::RS256);
        signature.required_spec_claims.clear();
        signature.validate_exp = false;
        signature.validate_nbf = false;
        signature.validate_aud = false;
        let decoded = jsonwebtoken::decode(token, key, &signature).map_err(|error| match error.kind() {
            ErrorKind::InvalidAlgorithm => Refusal::WrongAlgorithm,
            ErrorKind::Json(_) => Refusal::MissingClaims,
            ErrorKind::InvalidSignature => Refusal::WrongSignature,
            _ => Refusal::Malformed,
        })?;
        Ok(decoded.claims)
    }

    /// The active organization, by the rules of the token's version: what the other version calls it may be anybody's
    /// custom claim.
    pub(crate) fn organization(&self) -> Result<Option<Organization>, Refusal> {
        match self.v {
            Some(2) => self.organization_v2(),
            None | Some(1) => self.organization_v1(),
            Some(_) => Err(Refusal::MissingClaims),
        }
    }

    fn organization_v2(&self) -> Result<Option<Organization>, Refusal> {
        let Some(o) = &self.o else { return Ok(None) };
        let OrganizationV2 { id, rol } = OrganizationV2::deserialize(o).map_err(|_| Refusal::MissingClaims)?;
        Ok(Some(Organization { id, is_admin: rol == "admin" }))
    }

    fn organization_v1(&self) -> Result<Option<Organization>, Refusal> {
        let Some(id) = &self.org_id else { return Ok(None) };
        let (Some(id), Some(role)) = (id.as_str(), self.org_role.as_ref().and_then(Value::as_str)) else {
            return Err(Refusal::MissingClaims);
        };
        Ok(Some(Organization { id: id.to_owned(), is_admin: role == "org:admin" }))
    }
}
