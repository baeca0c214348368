//! From a token to a session.

use std::str::FromStr as _;
use std::sync::Arc;

use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use m365_model::{TenantId, UserId};

use crate::jwks::Jwks;
use crate::settings::SetupError;
use crate::token::{Claims, Header};
use crate::{AuthorizedParties, ClerkSettings, KeySource, PublishableKey, Refusal};

/// How far Clerk's clock and ours may be apart, in seconds: as much as
/// [Clerk's own library](https://clerk.com/docs/reference/backend/verify-token) allows.
const LEEWAY: i64 = 5;
/// The word of a session that is complete.
const ACTIVE: &str = "active";
/// The tenant of an installation without Clerk: no organization is it.
const LOCAL_TENANT: &str = "default";

/// Verifies tokens. Clones share what they know of Clerk's keys.
#[derive(Clone)]
pub struct Verifier {
    publishable_key: Arc<PublishableKey>,
    parties: Arc<AuthorizedParties>,
    keys: Keys,
}

#[derive(Clone)]
enum Keys {
    Pem(Arc<DecodingKey>),
    Jwks(Jwks),
}

impl Verifier {
    /// A verifier for one Clerk instance. Nothing is fetched yet.
    pub fn new(settings: ClerkSettings) -> Result<Self, SetupError> {
        let keys = match settings.key {
            KeySource::Pem(key) => Keys::Pem(Arc::new(key.into_key())),
            KeySource::Jwks(address) => Keys::Jwks(Jwks::new(address)?),
        };
        Ok(Self {
            publishable_key: Arc::new(settings.publishable_key),
            parties: Arc::new(settings.authorized_parties),
            keys,
        })
    }

    /// The instance's publishable key, for pages and for [`token_of`](crate::token_of).
    pub fn publishable_key(&self) -> &PublishableKey {
        &self.publishable_key
    }

    /// Whose token it is, or why it is nobody's. `now` is the present instant, which also says when Clerk's keys are due to
    /// be read again. Call it within a Tokio runtime.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Session, Refusal> {
        let header = Header::of(token)?;
        let key = match &self.keys {
            Keys::Pem(key) => Arc::clone(key),
            Keys::Jwks(jwks) => jwks.key(header.kid().ok_or(Refusal::UnknownKey)?, now).await?,
        };
        self.judge(&Claims::of(token, &key)?, now.as_second())
    }

    /// Judges claims that Clerk signed. `now` is in seconds since 1970.
    fn judge(&self, claims: &Claims, now: i64) -> Result<Session, Refusal> {
        if claims.iss != self.publishable_key.issuer() {
            return Err(Refusal::ForeignIssuer);
        }
        // Without `azp` nothing says which site the token is for, so it would open this one from any.
        if !claims.azp.as_deref().is_some_and(|party| self.parties.include(party)) {
            return Err(Refusal::ForeignParty);
        }
        if claims.exp <= now.saturating_sub(LEEWAY) {
            return Err(Refusal::Expired);
        }
        if claims.nbf.max(claims.iat).is_some_and(|from| from > now.saturating_add(LEEWAY)) {
            return Err(Refusal::NotYetValid);
        }
        if claims.sts.as_deref().is_some_and(|status| status != ACTIVE) {
            return Err(Refusal::Pending);
        }
        let organization = claims.organization()?.ok_or(Refusal::NoOrganization)?;
        if organization.id == LOCAL_TENANT {
            return Err(Refusal::NoOrganization);
        }
        let missing = |_| Refusal::MissingClaims;
        Ok(Session {
            user: UserId::from_str(&claims.sub).map_err(missing)?,
            // The same letters as a user id, and as many.
            id: SessionId(UserId::from_str(&claims.sid).map_err(missing)?.into()),
            tenant: TenantId::from_str(&organization.id).map_err(missing)?,
            role: if organization.is_admin { Role::Admin } else { Role::Member },
            is_impersonated: claims.act.is_some(),
            expires_at: Timestamp::from_second(claims.exp).map_err(|_| Refusal::MissingClaims)?,
        })
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier")
    }
}

/// What the user may do in the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything.
    Admin,
    /// Whatever a member may. Roles of the company's own making count as this.
    Member,
}

/// The id of a session at Clerk: letters, digits, `_` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The proof that somebody is signed in: [`Verifier::verify`] alone makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    user: UserId,
    id: SessionId,
    tenant: TenantId,
    role: Role,
    is_impersonated: bool,
    expires_at: Timestamp,
}

impl Session {
    /// Who is signed in.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The session at Clerk, which outlives its tokens.
    pub fn session_id(&self) -> &SessionId {
        &self.id
    }

    /// The active organization.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The role in it.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether somebody else acts as this user
    /// ([impersonation](https://clerk.com/docs/guides/users/impersonation)).
    pub fn is_impersonated(&self) -> bool {
        self.is_impersonated
    }

    /// When this token ends, without the leeway.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}
