//! The visits to Microsoft, out and back.

use std::fmt;

use jiff::Timestamp;
use m365_graph::{Along, Credentials, Endpoints, Limits, SetupError, SignIn, SignedIn};
use m365_model::{EntraTenantId, TenantId, UserId};
use m365_privacy::DomainName;
use m365_store::allow_list::Leftovers;
use m365_store::consent::{Claim, Confirmation, Errand, Origin, Reason, Return, Traveller};
use m365_store::disconnect::Disconnected;
use m365_store::invitations::{Invitation, InvitationState};
use m365_store::{Store, StoreError};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::Refusal;

/// What onboarding is made of.
#[derive(Clone)]
pub struct OnboardingOptions {
    /// What is kept.
    pub store: Store,
    /// Where Microsoft is.
    pub endpoints: Endpoints,
    /// Who the connector is.
    pub credentials: Credentials,
    /// The client's bounds.
    pub limits: Limits,
    /// Where Microsoft sends browsers back to, letter for letter as it is registered.
    pub redirect_uri: Url,
    /// The one Entra tenant that the installation serves, if it is pinned.
    pub pinned: Option<EntraTenantId>,
}

/// Connects tenants.
pub struct Onboarding {
    pub(crate) options: OnboardingOptions,
    pub(crate) sign_in: SignIn,
}

impl fmt::Debug for Onboarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Onboarding(..)")
    }
}

/// An administrator here, with a session.
#[derive(Clone, Copy)]
pub struct Visitor<'a> {
    /// Whose administrator.
    pub tenant: &'a TenantId,
    /// Who.
    pub user: &'a UserId,
    /// The session's key: what names it, not what opens it.
    pub session: &'a str,
    /// The secret of a cookie that the browser got for this.
    pub browser: &'a str,
}

impl fmt::Debug for Visitor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor").field("tenant", self.tenant).field("user", self.user).finish_non_exhaustive()
    }
}

/// What stood in the address that the browser came back with: each as it came, absent where it was.
#[derive(Clone, Default)]
pub struct Callback {
    /// `state`
    pub state: Option<String>,
    /// `code`
    pub code: Option<String>,
    /// `tenant`
    pub tenant: Option<String>,
    /// `admin_consent`
    pub admin_consent: Option<String>,
    /// `error`
    pub error: Option<String>,
    /// `error_description`
    pub error_description: Option<String>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback(..)")
    }
}

/// Where a visitor is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The browser goes there.
    GoTo(Url),
    /// Microsoft did not tell whether the person may consent: the operator of the installation must confirm, with
    /// `m365-connector tenants confirm --entra-tenant-id GUID`. Roles are told where the registration's `groupMembershipClaims` is
    /// `DirectoryRole` or `All`.
    AwaitsOperator {
        /// Which tenant.
        entra_tenant: EntraTenantId,
    },
    /// It is connected.
    Bound {
        /// Which tenant.
        entra_tenant: EntraTenantId,
        /// The company's domain: its people are never recorded.
        domain: DomainName,
        /// Permissions that are not in the token. What was granted by RBAC for Applications never is: health tries them.
        missing_permissions: Vec<&'static str>,
    },
    /// Microsoft has not applied the consent yet: check again in some minutes. Nothing is bound yet.
    StillBeingApplied {
        /// Which tenant.
        entra_tenant: EntraTenantId,
    },
}

/// A link for an invitation. Its secret is shown once.
#[derive(Debug)]
pub struct NewLink {
    /// The invitation's id.
    pub id: String,
    /// What the link holds.
    pub secret: SecretString,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a tenant waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Microsoft tenants that are proven and not bound, or wait for the operator. The newest first.
    pub tenants: Vec<Confirmation>,
    /// Its invitations, the newest first.
    pub invitations: Vec<Invitation>,
}

impl Onboarding {
    /// Makes it. Nothing is asked yet.
    ///
    /// # Errors
    /// When the system trusts no certificate authority.
    pub fn new(options: OnboardingOptions) -> Result<Self, SetupError> {
        let sign_in = SignIn::new(
            options.endpoints.clone(),
            options.credentials.clone(),
            &options.limits,
            options.store.surroundings().clone(),
        )?;
        Ok(Self { options, sign_in })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.options.store
    }

    /// Where the visitor's browser goes to sign in to Microsoft.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn begin(&self, visitor: &Visitor<'_>) -> Result<Url, Refusal> {
        self.set_out(&visitor.origin(), visitor.tenant, visitor.user, visitor.browser, None).await
    }

    /// As [`Onboarding::begin`], where the company's domain is named beforehand.
    ///
    /// # Errors
    /// As [`Onboarding::begin`].
    pub async fn begin_with_domain(&self, visitor: &Visitor<'_>, domain: &DomainName) -> Result<Url, Refusal> {
        self.set_out(&visitor.origin(), visitor.tenant, visitor.user, visitor.browser, Some(domain)).await
    }

    /// Makes an invitation for an administrator of the Microsoft tenant, who has no account here.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn invite(&self, visitor: &Visitor<'_>) -> Result<NewLink, Refusal> {
        let made = self.store().invite(visitor.tenant, visitor.user).await?;
        Ok(NewLink { id: made.id, secret: made.secret, expires_at: made.expires_at })
    }

    /// The invitation of this secret, for the page that explains it. It changes nothing.
    ///
    /// # Errors
    /// [`Refusal::InvitationUsed`] and [`Refusal::InvitationExpired`].
    pub async fn open_invitation(&self, tenant: &TenantId, secret: &str) -> Result<Invitation, Refusal> {
        let invitation = self.store().invitation(tenant, secret).await?.ok_or(Refusal::InvitationExpired)?;
        match invitation.state {
            InvitationState::Open => Ok(invitation),
            InvitationState::Used => Err(Refusal::InvitationUsed),
            InvitationState::Expired | InvitationState::Revoked => Err(Refusal::InvitationExpired),
        }
    }

    /// Where the browser of somebody who was invited goes to sign in to Microsoft.
    ///
    /// # Errors
    /// As [`Onboarding::open_invitation`].
    pub async fn begin_invited(&self, tenant: &TenantId, secret: &str, browser: &str) -> Result<Url, Refusal> {
        let invitation = self.open_invitation(tenant, secret).await?;
        self.set_out(&Origin::Invitation(invitation.id), tenant, &invitation.made_by, browser, None).await
    }

    /// What the visitor's tenant waits for.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn waiting(&self, visitor: &Visitor<'_>) -> Result<Waiting, Refusal> {
        Ok(Waiting {
            tenants: self.store().confirmations(visitor.tenant).await?,
            invitations: self.store().invitations(visitor.tenant).await?,
        })
    }

    /// Disconnects the visitor's tenant.
    ///
    /// # Errors
    /// As [`Store::disconnect`].
    pub async fn disconnect(&self, visitor: &Visitor<'_>, leftovers: Leftovers) -> Result<Disconnected, StoreError> {
        self.store().disconnect(visitor.tenant, leftovers, visitor.user).await
    }

    /// A browser came back from Microsoft, in the visitor's session.
    ///
    /// # Errors
    /// [`Refusal`]: nothing was bound.
    pub async fn callback(&self, visitor: &Visitor<'_>, callback: Callback) -> Result<Step, Refusal> {
        self.back(visitor.tenant, Some(visitor.session), visitor.browser, callback).await
    }

    /// A browser came back from Microsoft without a session: somebody was invited. The tenant is in the state ([`tenant_of`]).
    ///
    /// # Errors
    /// [`Refusal`]: nothing was bound.
    pub async fn callback_invited(
        &self,
        tenant: &TenantId,
        browser: &str,
        callback: Callback,
    ) -> Result<Step, Refusal> {
        self.back(tenant, None, browser, callback).await
    }

    async fn set_out(
        &self,
        origin: &Origin,
        tenant: &TenantId,
        user: &UserId,
        browser: &str,
        domain: Option<&DomainName>,
    ) -> Result<Url, Refusal> {
        let traveller = Traveller { tenant, user, origin, browser };
        let out = self.store().set_out_to_sign_in(traveller, domain).await?;
        let state = state_text(&out.state, tenant);
        Ok(self.sign_in.authorize_url(&state, &self.along(&out.nonce, &out.verifier)))
    }

    fn along<'a>(&'a self, nonce: &'a SecretString, verifier: &'a SecretString) -> Along<'a> {
        let OnboardingOptions { redirect_uri, pinned, .. } = &self.options;
        Along { redirect_uri, nonce, verifier, within: pinned.as_ref() }
    }

    /// The state is used up first, whatever Microsoft says: only then is it known whose answer this is.
    async fn back(
        &self,
        tenant: &TenantId,
        session: Option<&str>,
        browser: &str,
        callback: Callback,
    ) -> Result<Step, Refusal> {
        let state = callback.state.as_deref().and_then(read_state).filter(|(_, of)| of == tenant);
        let (state, _) = state.ok_or(Refusal::ForeignState)?;
        let returned = self.store().take_state(tenant, state, session, browser).await?;
        if let Some(error) = &callback.error {
            return Err(Refusal::told(error, callback.error_description.as_deref()));
        }
        match &returned.errand {
            Errand::SignIn { nonce, verifier, domain } => {
                let code = callback.code.map(SecretString::from).ok_or(Refusal::InvalidProof(None))?;
                let signed_in = self.sign_in.redeem(&code, &self.along(nonce, verifier)).await?;
                self.signed_in(tenant, &returned, browser, &signed_in, domain.as_ref()).await
            }
            Errand::Consent { entra_tenant } => {
                let said = callback.tenant.as_deref().and_then(|text| text.parse().ok());
                if said.as_ref() != Some(entra_tenant) {
                    return Err(Refusal::OtherTenantAnswered);
                }
                if !callback.admin_consent.is_some_and(|word| word.eq_ignore_ascii_case("true")) {
                    return Err(Refusal::Declined);
                }
                let claim = self.store().claim(tenant, Some(entra_tenant)).await?.ok_or(Refusal::NotProven)?;
                self.use_invitation(tenant, &returned).await?;
                self.complete(tenant, &returned.user, &claim, crate::bind::Look::First).await
            }
        }
    }

    /// Somebody signed in: is it an administrator, and of a tenant that may be bound here?
    async fn signed_in(
        &self,
        tenant: &TenantId,
        returned: &Return,
        browser: &str,
        signed_in: &SignedIn,
        named: Option<&DomainName>,
    ) -> Result<Step, Refusal> {
        let (member, reason) = match signed_in {
            SignedIn::Administrator(administrator) => (administrator.member(), Reason::Administrator),
            SignedIn::Member(member) if member.roles_told() => (member, Reason::NotAnAdministrator),
            SignedIn::Member(member) => (member, Reason::RolesNotTold),
        };
        let entra_tenant = member.tenant();
        self.assert_free(tenant, entra_tenant).await?;
        let domain = named.or(member.domain());
        self.store().note_sign_in(tenant, &returned.user, entra_tenant, reason, domain).await?;
        let claim = self.store().claim(tenant, Some(entra_tenant)).await?;
        match (claim, reason) {
            // An operator may have confirmed it before.
            (Some(claim), _) => self.send_to_consent(tenant, returned, browser, &claim).await,
            (None, Reason::NotAnAdministrator) => Err(Refusal::NotAnAdministrator),
            (None, _) => {
                self.use_invitation(tenant, returned).await?;
                Ok(Step::AwaitsOperator { entra_tenant: entra_tenant.clone() })
            }
        }
    }

    async fn send_to_consent(
        &self,
        tenant: &TenantId,
        returned: &Return,
        browser: &str,
        claim: &Claim,
    ) -> Result<Step, Refusal> {
        let traveller = Traveller { tenant, user: &returned.user, origin: &returned.origin, browser };
        let state = self.store().set_out_to_consent(traveller, claim).await?;
        let state = state_text(&state, tenant);
        Ok(Step::GoTo(self.sign_in.consent_url(claim.entra_tenant(), &self.options.redirect_uri, &state)))
    }

    /// An invitation is used up when it led somewhere; whoever went astray may try again.
    async fn use_invitation(&self, tenant: &TenantId, returned: &Return) -> Result<(), Refusal> {
        match &returned.origin {
            Origin::Invitation(id) if !self.store().use_invitation(tenant, id).await? => Err(Refusal::InvitationUsed),
            Origin::Invitation(_) | Origin::Session(_) => Ok(()),
        }
    }
}

impl Visitor<'_> {
    fn origin(&self) -> Origin {
        Origin::Session(self.session.to_owned())
    }
}

/// The tenant whose request a state belongs to, as the state says: for finding the request, which alone decides.
pub fn tenant_of(state: &str) -> Option<TenantId> {
    read_state(state).map(|(_, tenant)| tenant)
}

/// What Microsoft hands back: the secret, and whose it is, because who was invited has no session to say so.
fn state_text(secret: &SecretString, tenant: &TenantId) -> String {
    format!("{}.{tenant}", secret.expose_secret())
}

fn read_state(state: &str) -> Option<(&str, TenantId)> {
    let (secret, tenant) = state.split_once('.')?;
    Some((secret, tenant.parse().ok()?))
}
