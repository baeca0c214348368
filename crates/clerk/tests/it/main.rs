//! Tokens of a stand-in for Clerk, good and bad, and what the verifier and Clerk's own library say to them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod hostile;
mod keys;
mod list;
mod referee;
mod tokens;

use clerk_sim::ClerkSim;
use jiff::Timestamp;
use m365_clerk::{ClerkSettings, KeySource, Verifier};

/// The dashboard's own origin.
const SITE: &str = "https://connector.example.com";
/// Another site that is authorized.
const SECOND_SITE: &str = "http://localhost:8365";

fn now() -> Timestamp {
    "2026-03-02T15:00:00Z".parse().unwrap()
}

fn verifier(clerk: &ClerkSim, key: KeySource) -> Verifier {
    let settings = ClerkSettings {
        publishable_key: clerk.publishable_key().parse().unwrap(),
        key,
        authorized_parties: format!("{SITE},{SECOND_SITE}").parse().unwrap(),
    };
    Verifier::new(settings).unwrap()
}

/// Verifies with the key itself.
fn with_key(clerk: &ClerkSim) -> Verifier {
    verifier(clerk, KeySource::Pem(clerk.jwt_key().parse().unwrap()))
}

/// Verifies with the keys that the stand-in publishes.
fn with_jwks(clerk: &ClerkSim) -> Verifier {
    verifier(clerk, KeySource::Jwks(clerk.jwks_url().parse().unwrap()))
}
