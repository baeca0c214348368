//! Connecting a Microsoft tenant, against a stub of its authority: refusals first.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bind;
mod id_token;
mod invited;
mod refusals;
mod stub;
mod world;
