//! Whatever is sent: no panic, and no session that Clerk did not sign.

use std::sync::LazyLock;

use clerk_sim::{ClerkSim, Person, Signer, TestKey, sign};
use m365_clerk::{Refusal, Session, Verifier, token_of};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{SITE, now, with_key};

struct Bench {
    runtime: Runtime,
    clerk: ClerkSim,
    verifier: Verifier,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let clerk = runtime.block_on(ClerkSim::start()).unwrap();
    let verifier = with_key(&clerk);
    Bench { runtime, clerk, verifier }
});

fn verify(token: &str) -> Result<Session, Refusal> {
    BENCH.runtime.block_on(BENCH.verifier.verify(token, now()))
}

fn good() -> String {
    BENCH.clerk.sign(&BENCH.clerk.claims(Person::Member, SITE, now()))
}

/// JSON of every kind, not deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("id|rol|sub|[a-z]{1,4}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const CLAIMS: [&str; 12] = ["iss", "sub", "sid", "exp", "nbf", "iat", "azp", "sts", "act", "v", "o", "org_id"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_opens_anything(text in any::<String>(), parts in prop::collection::vec("[A-Za-z0-9_-]{0,40}", 0..6)) {
        prop_assert!(verify(&text).is_err());
        prop_assert!(verify(&parts.join(".")).is_err());
    }

    /// Seen to fail when the signature was not verified.
    #[test]
    fn no_letter_of_a_token_can_be_changed(place in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_.=+/ -]", how in 0..3) {
        let good = good();
        let at = place.index(good.len());
        let mut bad = good.clone();
        match how {
            0 => bad.replace_range(at..=at, &letter),
            1 => bad.insert_str(at, &letter),
            _ => bad.replace_range(at..=at, ""),
        }
        prop_assert_eq!(verify(&bad).is_ok(), bad == good);
    }

    /// Even what Clerk signs may hold anything. What comes out of it keeps the rules.
    #[test]
    fn signed_claims_of_any_kind_make_no_panic(
        changes in prop::collection::vec((prop::sample::select(&CLAIMS[..]), any_json()), 1..4),
    ) {
        let mut claims = BENCH.clerk.claims(Person::Member, SITE, now());
        for (name, value) in changes {
            claims[name] = value;
        }
        if let Ok(session) = verify(&BENCH.clerk.sign(&claims)) {
            prop_assert_eq!(&claims["iss"], &BENCH.clerk.url());
            prop_assert_eq!(&claims["azp"], SITE);
            prop_assert_eq!(&claims["sub"], session.user().as_str());
            prop_assert!(session.expires_at().as_second() > now().as_second() - 5);
        }
    }

    #[test]
    fn headers_of_any_kind_make_no_panic(
        name in prop::sample::select(&["alg", "kid", "typ", "cat", "crit", "jwk", "x5c"][..]), value in any_json(),
    ) {
        let mut header = json!({"alg": "RS256", "kid": "ins_test_key_1", "typ": "JWT"});
        header[name] = value;
        let token = sign(&header, &BENCH.clerk.claims(Person::Member, SITE, now()), Signer::Rsa(TestKey::First));
        if verify(&token).is_ok() {
            prop_assert_eq!(&header["alg"], "RS256");
            prop_assert!(header["crit"].is_null());
        }
    }

    #[test]
    fn headers_of_a_request_make_no_panic(cookies in prop::collection::vec("\\PC{0,30}", 0..3), authorization in "\\PC{0,30}") {
        let key = BENCH.verifier.publishable_key();
        token_of(key, cookies.iter().map(String::as_str), Some(&authorization));
    }

    #[test]
    fn settings_of_any_kind_make_no_panic(text in any::<String>(), host in "\\PC{0,30}") {
        let _ = text.parse::<m365_clerk::PublishableKey>();
        let _ = text.parse::<m365_clerk::AuthorizedParties>();
        let _ = text.parse::<m365_clerk::JwksUrl>();
        let _ = format!("-----BEGIN PUBLIC KEY-----{text}-----END PUBLIC KEY-----").parse::<m365_clerk::PemKey>();
        let _ = format!("https://{host}").parse::<m365_clerk::AuthorizedParties>();
    }
}

#[test]
fn a_token_longer_than_any_header_is_not_looked_at() {
    let long = format!("{}.{}.{}", "a".repeat(20_000), "b", "c");
    assert_eq!(verify(&long), Err(Refusal::Malformed));
}
