//! What every page has at hand.

use std::ops::Deref;
use std::sync::Arc;

use m365_clerk::Verifier;
use m365_model::TenantId;
use m365_onboarding::Onboarding;
use m365_store::Store;
use m365_sync::runner::Runner;
use url::Url;

use crate::doors::{Limiter, TrustedProxies};
use crate::problem::Problem;

/// How people get in.
pub enum Doors {
    /// A local administrator, by a link that the program printed. He works for this tenant.
    Local(TenantId),
    /// Whoever Clerk knows, for the organization that is active.
    Clerk(Box<Verifier>),
}

/// What the dashboard is made of.
pub struct AppOptions {
    /// What is kept.
    pub store: Store,
    /// Starts syncs and knows those at work. Nothing runs before the application's credentials are given to the program.
    pub runner: Option<Runner>,
    /// Finds out whose Microsoft tenant is whose.
    pub onboarding: Option<Onboarding>,
    /// Where Microsoft's sign-in is, as an origin.
    pub authority: String,
    /// Where Microsoft sends people back to, as it is registered there.
    pub redirect_uri: Url,
    /// What browsers see, without a path.
    pub public_url: Url,
    /// How people get in.
    pub doors: Doors,
    /// Proxies in front of it, whose word on where a request comes from is believed.
    pub proxies: TrustedProxies,
}

/// The dashboard, as handlers see it.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What is behind [`App`].
pub struct Parts {
    /// What it was made of.
    pub options: AppOptions,
    /// How often somebody may knock.
    pub(crate) knocks: Limiter,
}

impl App {
    /// Puts the dashboard together.
    pub fn new(options: AppOptions) -> Self {
        Self(Arc::new(Parts { options, knocks: Limiter::default() }))
    }

    /// What is kept.
    pub fn store(&self) -> &Store {
        &self.options.store
    }

    /// Starts syncs.
    ///
    /// # Errors
    /// A page that says which variables are missing.
    pub(crate) fn runner(&self) -> Result<&Runner, Problem> {
        self.options.runner.as_ref().ok_or(Problem::NotRegistered)
    }

    /// Where Microsoft's sign-in is, as an origin.
    pub(crate) fn authority(&self) -> &str {
        &self.options.authority
    }

    /// Whether browsers come by https, so that cookies may say so.
    pub fn is_secure(&self) -> bool {
        self.options.public_url.scheme() == "https"
    }

    /// What browsers see, as an `Origin` header spells it.
    pub fn origin(&self) -> String {
        self.options.public_url.origin().ascii_serialization()
    }
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
