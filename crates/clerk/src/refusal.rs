//! Why a token opens nothing.

/// Why there is no session. Each sentence is fixed: nothing of a token is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Not three parts of base64url with a JSON header, or longer than any header field may be.
    #[error("the session token is damaged: sign in again")]
    Malformed,
    /// `none`, HS256 and all others but RS256.
    #[error("the session token is signed in a way that Clerk does not use: sign in again")]
    WrongAlgorithm,
    /// Signed by Clerk for another purpose, such as machine-to-machine tokens and JWT templates.
    #[error("the token is not one of a session: send the session token that Clerk's page script holds")]
    NotASession,
    /// The signing key is not among those that Clerk publishes.
    #[error(
        "the session token's key is not one of this Clerk instance: sign in again, and if that does not help, check \
         that the publishable key and the JWKS address belong to the same instance"
    )]
    UnknownKey,
    /// The keys could not be fetched, and none that is known fits.
    #[error("Clerk's keys cannot be fetched, so nobody can be recognised: try again in a minute")]
    KeysUnreachable,
    /// The signature is not the key's.
    #[error("the session token's signature is not Clerk's: sign in again")]
    WrongSignature,
    /// `exp` has passed.
    #[error("the session has ended: sign in again")]
    Expired,
    /// `nbf` or `iat` lies ahead.
    #[error("the session token is not valid yet: check this machine's clock")]
    NotYetValid,
    /// `iss` is another instance.
    #[error("the session token comes from another Clerk instance: check the publishable key, and sign in again")]
    ForeignIssuer,
    /// `azp` is missing, or an origin that is not authorized.
    #[error(
        "the session token was made for another site: open the dashboard at its own address, which must stand among the \
         authorized parties"
    )]
    ForeignParty,
    /// `sts` is `pending`, or a word that is not known.
    #[error("the sign-in is not complete: finish what Clerk asks for, such as choosing an organization")]
    Pending,
    /// Claims that every session token has are missing or of another kind, or their version is not known.
    #[error(
        "the session token lacks what a session is made of: check that the session token is not customized beyond what \
         Clerk's documentation allows, and sign in again"
    )]
    MissingClaims,
    /// Signed in, but for no organization.
    #[error("no organization is active: choose one, since it is what the connector's data belongs to")]
    NoOrganization,
}

impl Refusal {
    /// A word for logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::NotASession => "not_a_session",
            Self::UnknownKey => "unknown_key",
            Self::KeysUnreachable => "keys_unreachable",
            Self::WrongSignature => "wrong_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::ForeignIssuer => "foreign_issuer",
            Self::ForeignParty => "foreign_party",
            Self::Pending => "pending",
            Self::MissingClaims => "missing_claims",
            Self::NoOrganization => "no_organization",
        }
    }
}
