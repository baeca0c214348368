//! A stand-in for Clerk, for tests of whatever trusts its session tokens.
//!
//! It listens on a loopback port, publishes its keys as Clerk's Frontend API does, and serves a script in the place of
//! ClerkJS with three buttons to sign in with. It makes tokens of any shape, well signed or badly, and can be out of order
//! in several ways. It shares no type with whatever verifies: a misreading cannot hide in both.
//!
//! ```no_run
//! # async fn show(now: jiff::Timestamp) -> std::io::Result<()> {
//! use clerk_sim::{ClerkSim, Mood, Person};
//!
//! let clerk = ClerkSim::start().await?;
//! let mut claims = clerk.claims(Person::Member, "http://localhost:8365", now);
//! claims["sts"] = "pending".into();
//! let token = clerk.sign(&claims);
//! clerk.feel(Mood::Busy);
//! # Ok(()) }
//! ```
//!
//! One more way of being out of order is a variant of [`Mood`] and its line in `serve`; one more way to spoil a signature is
//! a variant of [`Signer`].

mod keys;
mod people;
mod serve;

pub use keys::{Signer, TestKey, sign};
pub use people::{ORGANIZATION, OTHER_ORGANIZATION, Person};
pub use serve::{ClerkSim, Mood};
