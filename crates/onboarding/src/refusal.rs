//! Why a connection was not made, in sentences for the person who tried.

use m365_graph::{Hint, ProofError, SignInError, TokenError};
use m365_store::StoreError;
use m365_store::config::ConnectError;
use m365_store::consent::StateError;
use thiserror::Error;

/// Why a step was refused. Nothing was bound. Of Microsoft's own words a number is read, and nothing is repeated.
#[derive(Debug, Error)]
#[error("{}: {}", self.title(), self.meaning())]
pub enum Refusal {
    /// Somebody declined at Microsoft's page.
    Declined,
    /// Microsoft wants an administrator's approval first.
    ApprovalNeeded,
    /// The ten minutes of a visit were over.
    Expired,
    /// An answer that was used already.
    Replayed,
    /// An answer that belongs to nothing that was asked here.
    ForeignState,
    /// An answer that belongs to another session or another browser.
    OtherSession,
    /// Consent was given for another tenant than the one that was proven.
    OtherTenantAnswered,
    /// The token of the application is for another tenant or another application.
    WrongTid,
    /// Whoever signed in may not consent for the tenant.
    NotAnAdministrator,
    /// The Microsoft tenant belongs to another tenant of this installation.
    AlreadyBound,
    /// This tenant is connected to another Microsoft tenant.
    AlreadyConnected,
    /// The installation is pinned to another Microsoft tenant.
    PinnedElsewhere,
    /// No proof stands of which Microsoft tenant is meant.
    NotProven,
    /// The company's domain is not known.
    DomainUnknown,
    /// Microsoft's keys could not be fetched.
    KeysUnreachable,
    /// Microsoft was not reached, or was busy.
    MicrosoftUnreachable,
    /// The clocks of this machine and of Microsoft lie too far apart.
    ClockSkew,
    /// The id token is not what a sign-in here brings.
    InvalidProof(Option<ProofError>),
    /// Microsoft refused, for a reason that its number or its error word tells.
    MicrosoftRefused(Told),
    /// The invitation was used.
    InvitationUsed,
    /// The invitation has ended, was taken back, or never was.
    InvitationExpired,
    /// Something of ours failed.
    Failed(#[source] StoreError),
}

/// What Microsoft's refusal comes to: its number or word, and our sentences on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `AADSTS` and a number, or OAuth's error word.
    pub code: String,
    /// What it means and what to do.
    pub hint: Hint,
}

impl Told {
    fn of(refusal: &m365_graph::Refusal) -> Self {
        let code = refusal.aadsts().map_or_else(|| refusal.error().to_owned(), |number| format!("AADSTS{number}"));
        Self { code, hint: refusal.hint() }
    }
}

impl Refusal {
    /// A word to count it under.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::ApprovalNeeded => "approval_needed",
            Self::Expired => "expired",
            Self::Replayed => "replayed",
            Self::ForeignState => "foreign_state",
            Self::OtherSession => "other_session",
            Self::OtherTenantAnswered => "other_tenant_answered",
            Self::WrongTid => "wrong_tid",
            Self::NotAnAdministrator => "not_an_administrator",
            Self::AlreadyBound => "already_bound",
            Self::AlreadyConnected => "already_connected",
            Self::PinnedElsewhere => "pinned_elsewhere",
            Self::NotProven => "not_proven",
            Self::DomainUnknown => "domain_unknown",
            Self::KeysUnreachable => "keys_unreachable",
            Self::MicrosoftUnreachable => "microsoft_unreachable",
            Self::ClockSkew => "clock_skew",
            Self::InvalidProof(_) => "invalid_proof",
            Self::MicrosoftRefused(_) => "microsoft_refused",
            Self::InvitationUsed => "invitation_used",
            Self::InvitationExpired => "invitation_expired",
            Self::Failed(_) => "failed",
        }
    }

    /// What happened, in a few words.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Declined => "The request was declined",
            Self::ApprovalNeeded => "An administrator must approve first",
            Self::Expired => "It took too long",
            Self::Replayed => "This answer was used already",
            Self::ForeignState => "This answer belongs to nothing that was asked here",
            Self::OtherSession => "This answer belongs to another session",
            Self::OtherTenantAnswered => "Another organization answered",
            Self::WrongTid => "Another organization's token came back",
            Self::NotAnAdministrator => "This account may not consent for its organization",
            Self::AlreadyBound => "This organization is connected elsewhere",
            Self::AlreadyConnected => "Another organization is connected here",
            Self::PinnedElsewhere => "This installation serves another organization",
            Self::NotProven => "It is not proven whose organization this is",
            Self::DomainUnknown => "The company's domain is not known",
            Self::KeysUnreachable => "Microsoft's sign-in could not be checked",
            Self::MicrosoftUnreachable => "Microsoft could not be reached",
            Self::ClockSkew => "The clocks do not agree",
            Self::InvalidProof(_) => "The sign-in could not be verified",
            Self::MicrosoftRefused(_) => "Microsoft refused",
            Self::InvitationUsed => "This invitation was used already",
            Self::InvitationExpired => "This invitation is not good any more",
            Self::Failed(_) => "The connection could not be saved",
        }
    }

    /// What it means. Nothing was connected, whatever it is.
    pub fn meaning(&self) -> &'static str {
        match self {
            Self::Declined => "Somebody chose not to accept at Microsoft's page, so nothing was granted here.",
            Self::ApprovalNeeded => {
                "Microsoft lets only an administrator accept this application, and whoever signed in is none."
            }
            Self::Expired => "Microsoft's page must be answered within ten minutes.",
            Self::Replayed => {
                "Each answer of Microsoft's is taken once. The page was loaded again, or the address copied."
            }
            Self::ForeignState => "No request of this installation fits it: the address may be from somewhere else.",
            Self::OtherSession => "It must come back to the session and the browser that set out for Microsoft.",
            Self::OtherTenantAnswered => {
                "The consent was given for another organization than the one whose administrator signed in."
            }
            Self::WrongTid => {
                "Microsoft gave a token for another organization or another application than the one that was asked for."
            }
            Self::NotAnAdministrator => {
                "The account is neither a Global Administrator nor a Privileged Role Administrator of its organization."
            }
            Self::AlreadyBound => "One Microsoft organization belongs to one tenant here, and this one has another.",
            Self::AlreadyConnected => "A tenant has one connection, and it leads to another Microsoft organization.",
            Self::PinnedElsewhere => "The setting O365_TENANT_ID names another Microsoft organization.",
            Self::NotProven => {
                "No administrator of the organization has signed in for this tenant in the last seven days, and no operator has \
                 confirmed it."
            }
            Self::DomainUnknown => {
                "The account's name does not tell the company's domain, as with a guest's, and without it colleagues would pass \
                 for outsiders."
            }
            Self::KeysUnreachable => "The keys that Microsoft signs with could not be fetched by this server.",
            Self::MicrosoftUnreachable => "This server got no answer from Microsoft's sign-in service, or it was busy.",
            Self::ClockSkew => {
                "The proof of the sign-in has ended already or has not begun: this server's clock is more than five minutes off."
            }
            Self::InvalidProof(_) => {
                "What came back is not the proof of a sign-in that began here, so it proves nothing."
            }
            Self::MicrosoftRefused(told) => told.hint.sentence,
            Self::InvitationUsed => "An invitation connects once.",
            Self::InvitationExpired => "It is older than seven days, was taken back, or is not complete.",
            Self::Failed(_) => "The database of the connector did not take it.",
        }
    }

    /// What a person does about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Declined => "Begin again when it is clear what is granted, or invite somebody who may decide.",
            Self::ApprovalNeeded => "Invite an administrator of the organization to connect it.",
            Self::Expired | Self::Replayed | Self::ForeignState => "Begin again with Connect.",
            Self::OtherSession => {
                "Begin again with Connect in this browser. Whoever is to sign in elsewhere needs an invitation."
            }
            Self::OtherTenantAnswered => {
                "Begin again, and choose the same account at both of Microsoft's pages. Whoever accepted by mistake removes the \
                 application under Enterprise applications."
            }
            Self::WrongTid => "Check the authority, the cloud and the application id, then begin again.",
            Self::NotAnAdministrator => {
                "Invite an administrator of the organization, or have the operator of this installation confirm it: m365-connector \
                 tenants confirm --entra-tenant-id GUID."
            }
            Self::AlreadyBound => {
                "Disconnect it there; then the operator of this installation gives it over: m365-connector tenants move."
            }
            Self::AlreadyConnected => "Disconnect that organization first, and delete what was recorded of it.",
            Self::PinnedElsewhere => "Sign in with an account of the organization that this installation serves.",
            Self::NotProven => "Begin again with Connect, and sign in as an administrator of the organization.",
            Self::DomainUnknown => "Name the company's domain, then connect once more.",
            Self::KeysUnreachable | Self::MicrosoftUnreachable => {
                "Check that this server reaches the authority over HTTPS, then begin again; a proxy is set with HTTPS_PROXY."
            }
            Self::ClockSkew => "Set this server's clock by a time service, then begin again.",
            Self::InvalidProof(_) => {
                "Begin again with Connect, with a work account. If it stays, check the application id, the authority and the cloud."
            }
            Self::MicrosoftRefused(told) => told.hint.remedy,
            Self::InvitationUsed | Self::InvitationExpired => "Ask whoever invited you for a new invitation.",
            Self::Failed(_) => "Look at the server's log, then begin again.",
        }
    }

    /// How Microsoft said no in the address that the browser came back with. Its
    /// [numbers](https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes) choose the sentence and nothing else.
    pub(crate) fn told(error: &str, description: Option<&str>) -> Self {
        let refusal = m365_graph::Refusal::new(error, description);
        match (refusal.aadsts(), refusal.error()) {
            (Some(65_004), _) | (None, "access_denied" | "permission_denied") => Self::Declined,
            (Some(90_094 | 90_095), _) | (None, "consent_required" | "interaction_required") => Self::ApprovalNeeded,
            _ => Self::MicrosoftRefused(Told::of(&refusal)),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Foreign => Self::ForeignState,
            StateError::Replayed => Self::Replayed,
            StateError::Expired => Self::Expired,
            StateError::OtherSession => Self::OtherSession,
            StateError::Store(error) => Self::Failed(error),
        }
    }
}

impl From<ConnectError> for Refusal {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::AlreadyConnected => Self::AlreadyConnected,
            ConnectError::OwnedElsewhere => Self::AlreadyBound,
            ConnectError::NotProven => Self::NotProven,
            ConnectError::Store(error) => Self::Failed(error),
        }
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Refused(refusal) => Self::MicrosoftRefused(Told::of(&refusal)),
            TokenError::Unreachable | TokenError::Temporary => Self::MicrosoftUnreachable,
            TokenError::Malformed => Self::InvalidProof(None),
        }
    }
}

impl From<SignInError> for Refusal {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Exchange(error) => error.into(),
            SignInError::KeysUnreachable => Self::KeysUnreachable,
            SignInError::Proof(ProofError::Clock) => Self::ClockSkew,
            SignInError::Proof(ProofError::PersonalAccount) => Self::NotAnAdministrator,
            SignInError::Proof(error) => Self::InvalidProof(Some(error)),
        }
    }
}
