//! The Microsoft Graph client: tokens, links, pages, retries and errors.
//!
//! A [`Graph`] reads one Entra tenant with the application's own permissions. It only ever reads, and what it returns is
//! not filtered yet: addresses and subjects are raw values that [`m365_privacy`] alone can open.
//!
//! ```no_run
//! # async fn read(db: &m365_database::Database) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use m365_graph::{Credentials, Endpoints, Graph, GraphOptions, Limits, Message, Next, NoVault, WellKnownFolder};
//!
//! let graph = Graph::new(GraphOptions {
//!     endpoints: Endpoints::global(),
//!     credentials: Credentials::new("client id", &"secret".into())?,
//!     entra_tenant: "11111111-2222-3333-4444-555555555555".parse()?,
//!     vault: Arc::new(NoVault),
//!     limits: Limits::default(),
//!     with_message_ids: false,
//!     surroundings: m365_model::Surroundings::system(),
//! })?;
//! let gate = m365_database::assert_dpa_accepted(&"default".parse()?, db).await?;
//! for user in graph.users_page(&gate, None).await?.items {
//!     let Some(inbox) = graph.folder_by_alias(&gate, &user.id, WellKnownFolder::Inbox).await? else { continue };
//!     let mut page = graph.message_delta_start(&gate, &user.id, &inbox, "2026-01-01T00:00:00Z".parse()?).await?;
//!     while let Next::More(link) = &page.next {
//!         page = graph.follow::<Message>(&gate, &user.id, link).await?;
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! A [`SignIn`] signs a person in, once, to prove which tenant the person administers: its check of the id token alone makes a
//! [`ProvenAdministrator`].
//!
//! The words are Graph's: a **page** has items and names the next page; a **delta round** is pages until one gives a
//! **delta link**, which opens the next round; a **link** ([`Link`]) is followed as it stands, and only where it belongs.
//! Nobody is asked for without the **gate**, the proof that the tenant's agreement stands.
//!
//! To read one more thing: give it a struct in `wire`, with its `$select` from the same table; add a method in `client`
//! that takes the gate and builds one request in `ask`; extend the test that looks at every request. To know one more of
//! Graph's errors, add its code to a list in `error`.
//!
//! Nothing here logs, or shows in an error, a URL, a person's id, an address, a subject or a token. Libraries below
//! write request paths at level TRACE, so a program that logs must keep `h2`, `hyper` and `reqwest` above that level.

mod aadsts;
mod ask;
mod certificate;
mod client;
mod credentials;
mod endpoints;
mod error;
mod granted;
mod id_token;
mod limits;
mod link;
mod page;
mod percent;
mod retry;
mod send;
mod sign_in;
mod token;
mod traffic;
mod transport;
mod usage;
mod wire;

pub use aadsts::Hint;
pub use client::{Graph, GraphOptions, RootDelta};
pub use credentials::{CredentialError, Credentials, NoVault, StoredToken, TokenVault, VaultFuture};
pub use endpoints::{Cloud, EndpointError, Endpoints};
pub use error::{
    Answered, GraphError, MailboxVerdict, ProofError, Refusal, SetupError, SignInError, SkipReason, TokenError,
};
pub use granted::{Granted, Permission};
pub use id_token::{ProvenAdministrator, ProvenMember, SignedIn};
pub use limits::Limits;
pub use link::{ForeignLink, Link, LinkScope};
pub use page::{Next, Page};
pub use sign_in::{Along, SignIn};
pub use traffic::{Answer, register_traffic};
pub use usage::Usage;
pub use wire::{
    Event, EventKind, EventTime, Folder, FolderId, InvalidFolderId, Message, Sensitivity, ShowAs, StreamItem, User,
    WellKnownFolder,
};
