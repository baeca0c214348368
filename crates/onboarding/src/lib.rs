//! Connecting a Microsoft tenant: sign-in, consent, and the proof of whose tenant it is.
//!
//! The **visitor** is an administrator here who sets out from a session; an **invited** one has none, and comes with the secret of
//! an invitation. Both take the same way:
//!
//! 1. [`Onboarding::begin`] sends the browser to Microsoft's sign-in. It comes back with a code, and the id token that the code is
//!    exchanged for proves which tenant the person belongs to and whether the person may consent for it.
//! 2. The browser is sent on to the consent page of that tenant and no other.
//! 3. The consent comes back. The tenant that stands in the address
//!    [proves nothing](https://learn.microsoft.com/en-us/entra/identity-platform/v2-admin-consent): it must be the proven one. Then the application
//!    takes a token of its own, whose tenant and application are compared, and the tenant is bound.
//!
//! Where the sign-in does not tell who may consent, an operator confirms on the command line, and [`Onboarding::check_again`]
//! binds. Whatever does not fit is a [`Refusal`], with sentences for the person.
//!
//! What is kept meanwhile is in [`m365_store::consent`]; what is asked of Microsoft is in [`m365_graph::SignIn`]. People are asked for
//! nowhere here: that needs the agreement.

mod bind;
mod refusal;
mod visit;

pub use refusal::{Refusal, Told};
pub use visit::{Callback, NewLink, Onboarding, OnboardingOptions, Step, Visitor, Waiting, tenant_of};
