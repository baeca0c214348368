//! Who is signed in: [Clerk's session tokens](https://clerk.com/docs/guides/sessions/session-tokens), verified.
//!
//! A [`Session`] says who asks, for which tenant and with which role, and [`Verifier::verify`] alone makes one. A
//! [`Refusal`] says why there is none, in a sentence of ours that repeats nothing of the token.
//!
//! ```no_run
//! # async fn who(now: jiff::Timestamp, cookie: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use m365_clerk::{ClerkSettings, KeySource, Verifier, token_of};
//!
//! let verifier = Verifier::new(ClerkSettings {
//!     publishable_key: "pk_test_ZXhhbXBsZS5jbGVyay5hY2NvdW50cy5kZXYk".parse()?,
//!     key: KeySource::Jwks("https://example.clerk.accounts.dev/.well-known/jwks.json".parse()?),
//!     authorized_parties: "https://connector.example.com".parse()?,
//! })?;
//! let token = token_of(verifier.publishable_key(), [cookie], None).ok_or("nobody is signed in")?;
//! let session = verifier.verify(token, now).await?;
//! println!("{} asks for {}", session.user(), session.tenant());
//! # Ok(()) }
//! ```
//!
//! The words are Clerk's: a **publishable key** names the instance; its **Frontend API** issues the tokens and publishes
//! the keys that sign them (**JWKS**); an **authorized party** is an origin that tokens may be made for; the **active
//! organization** is the tenant.
//!
//! To check one more claim: add it to `Claims` in `token`, its rule to `judge` in `verify`, a variant with its sentence to
//! [`Refusal`], and a row to the table in `tests/it/list.rs`, which Clerk's own library reads as well.
//!
//! Nothing here logs, or shows in an error, a token, an address or a name.

mod carried;
mod jwks;
mod key;
mod refusal;
mod settings;
mod token;
mod transport;
mod verify;

pub use carried::token_of;
pub use key::{JwksUrl, KeySource, PemKey};
pub use refusal::Refusal;
pub use settings::{AuthorizedParties, ClerkSettings, PublishableKey, SettingsError, SetupError};
pub use verify::{Role, Session, SessionId, Verifier};
