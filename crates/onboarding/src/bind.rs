//! The last step: the application's own token, what it may read, and the connection.

use std::sync::Arc;

use m365_graph::{Granted, Graph, GraphError, GraphOptions, NoVault, Permission, SetupError, TokenError};
use m365_model::{EntraTenantId, TenantId, UserId};
use m365_privacy::DomainName;
use m365_store::StoreError;
use m365_store::consent::Claim;

use crate::Refusal;
use crate::visit::{Onboarding, Step, Visitor};

/// How often the consent was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Straight after the consent, which may take minutes to arrive.
    First,
    /// A person came back for it. A token without permissions may have them by
    /// [RBAC for Applications](https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac), which does not show there.
    Again,
}

impl Onboarding {
    /// Looks once more whether the consent of a proven or confirmed tenant has arrived, and connects it.
    ///
    /// # Errors
    /// [`Refusal::NotProven`] where nothing is proven or confirmed; any other [`Refusal`].
    pub async fn check_again(&self, visitor: &Visitor<'_>) -> Result<Step, Refusal> {
        self.check(visitor, None).await
    }

    /// As [`Onboarding::check_again`], where the company's domain is named.
    ///
    /// # Errors
    /// As [`Onboarding::check_again`].
    pub async fn check_again_with_domain(&self, visitor: &Visitor<'_>, domain: &DomainName) -> Result<Step, Refusal> {
        self.check(visitor, Some(domain)).await
    }

    async fn check(&self, visitor: &Visitor<'_>, domain: Option<&DomainName>) -> Result<Step, Refusal> {
        let claim = self.store().claim(visitor.tenant, None).await?.ok_or(Refusal::NotProven)?;
        self.assert_free(visitor.tenant, claim.entra_tenant()).await?;
        self.finish(visitor.tenant, visitor.user, &claim, domain, Look::Again).await
    }

    /// Whether `entra_tenant` may be connected to `tenant`, as far as this installation is concerned. Binding looks once more.
    pub(crate) async fn assert_free(&self, tenant: &TenantId, entra_tenant: &EntraTenantId) -> Result<(), Refusal> {
        if self.options.pinned.as_ref().is_some_and(|pinned| pinned != entra_tenant) {
            return Err(Refusal::PinnedElsewhere);
        }
        if self.store().entra_owner(entra_tenant, tenant).await?.is_some_and(|owner| owner != *tenant) {
            return Err(Refusal::AlreadyBound);
        }
        match self.store().connector(tenant).await {
            Ok(connector) if connector.entra_tenant != *entra_tenant => Err(Refusal::AlreadyConnected),
            Ok(_) | Err(StoreError::NotConnected) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Onboarding::finish`], with the domain that the claim knows.
    pub(crate) async fn complete(
        &self,
        tenant: &TenantId,
        user: &UserId,
        claim: &Claim,
        look: Look,
    ) -> Result<Step, Refusal> {
        self.finish(tenant, user, claim, None, look).await
    }

    async fn finish(
        &self,
        tenant: &TenantId,
        user: &UserId,
        claim: &Claim,
        named: Option<&DomainName>,
        look: Look,
    ) -> Result<Step, Refusal> {
        let entra_tenant = claim.entra_tenant().clone();
        let domain = self.domain(tenant, claim, named).await?.ok_or(Refusal::DomainUnknown)?;
        let graph = self.graph(&entra_tenant).map_err(|_| Refusal::MicrosoftUnreachable)?;
        let granted = match graph.granted_afresh().await {
            Ok(granted) => granted,
            // The application is not known in the tenant, or not yet.
            Err(TokenError::Refused(refusal)) if refusal.error() == "unauthorized_client" => {
                return Ok(Step::StillBeingApplied { entra_tenant });
            }
            Err(error) => return Err(error.into()),
        };
        self.assert_ours(&granted, &entra_tenant)?;
        let nothing_granted = !Permission::ALL.into_iter().any(|permission| granted.covers(permission));
        if nothing_granted && (look == Look::First || !takes_our_token(&graph, &entra_tenant).await?) {
            return Ok(Step::StillBeingApplied { entra_tenant });
        }
        self.store().bind(claim, &domain, user).await?;
        tracing::info!(%tenant, "a Microsoft tenant was connected");
        Ok(Step::Bound { entra_tenant, domain, missing_permissions: granted.missing() })
    }

    /// The company's domain: as it was named now, as the connection has it, or as the sign-in told it.
    async fn domain(
        &self,
        tenant: &TenantId,
        claim: &Claim,
        named: Option<&DomainName>,
    ) -> Result<Option<DomainName>, Refusal> {
        if let Some(named) = named {
            return Ok(Some(named.clone()));
        }
        match self.store().connector(tenant).await {
            Ok(connector) => Ok(Some(connector.tenant_domain)),
            Err(StoreError::NotConnected) => Ok(claim.domain().cloned()),
            Err(error) => Err(error.into()),
        }
    }

    /// A token for another tenant or application would have another's mail read.
    fn assert_ours(&self, granted: &Granted, entra_tenant: &EntraTenantId) -> Result<(), Refusal> {
        let client_id = self.options.credentials.client_id();
        let is_ours = granted.application_id.as_ref().is_some_and(|app| app.eq_ignore_ascii_case(client_id));
        if is_ours && granted.tenant_id.as_ref() == Some(entra_tenant) { Ok(()) } else { Err(Refusal::WrongTid) }
    }

    fn graph(&self, entra_tenant: &EntraTenantId) -> Result<Graph, SetupError> {
        Graph::new(GraphOptions {
            endpoints: self.options.endpoints.clone(),
            credentials: self.options.credentials.clone(),
            entra_tenant: entra_tenant.clone(),
            vault: Arc::new(NoVault),
            limits: self.options.limits.clone(),
            with_message_ids: false,
            surroundings: self.store().surroundings().clone(),
        })
    }
}

/// Whether Graph takes the application's token for the tenant. It asks for the organization, which is no person; that the
/// connector's permissions do not cover the answer is an answer.
async fn takes_our_token(graph: &Graph, entra_tenant: &EntraTenantId) -> Result<bool, Refusal> {
    match graph.organization_probe().await {
        Ok(None) => Ok(true),
        Ok(Some(found)) if found == *entra_tenant => Ok(true),
        Ok(Some(_)) => Err(Refusal::WrongTid),
        Err(GraphError::Token(error)) => Err(error.into()),
        Err(error) => Ok(error.is_directory_denied()),
    }
}
