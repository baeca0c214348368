//! What an id token must say, field by field.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use m365_onboarding::{Refusal, Step};
use serde_json::{Value, json};

use crate::stub::{ONE, TWO};
use crate::world::{OTHER, TENANT, World, assert_quiet, query, tenant};

/// What is done to an administrator's claims.
type Change = Box<dyn FnOnce(&mut Value)>;

/// How claims become a token.
type Sign<'s> = Box<dyn Fn(&Value) -> String + 's>;

/// Each line fails when the check that it names is taken out of `id_token::check`.
#[tokio::test]
async fn a_token_with_one_wrong_field_proves_nothing() {
    let world = World::new().await;
    let (url, now) = (world.stub.url.clone(), 1_772_452_800_i64);
    let set = |name: &'static str, value: Value| -> Change { Box::new(move |claims| claims[name] = value) };
    let gone =
        |name: &'static str| -> Change { Box::new(move |claims| drop(claims.as_object_mut().unwrap().remove(name))) };
    for (what, change, code) in [
        ("another tenant's issuer", set("iss", json!(format!("{url}/{OTHER}/v2.0"))), "invalid_proof"),
        (
            "another authority's issuer",
            set("iss", json!(format!("https://login.evil.test/{TENANT}/v2.0"))),
            "invalid_proof",
        ),
        ("an issuer of version 1", set("iss", json!(format!("https://sts.windows.net/{TENANT}/"))), "invalid_proof"),
        ("another tid than the issuer's", set("tid", json!(OTHER)), "invalid_proof"),
        ("a tid that is none", set("tid", json!("contoso.com")), "invalid_proof"),
        ("another application's audience", set("aud", json!("client-2")), "invalid_proof"),
        ("several audiences", set("aud", json!(["client-1", "client-2"])), "invalid_proof"),
        ("another sign-in's nonce", set("nonce", json!("0123")), "invalid_proof"),
        ("no nonce", gone("nonce"), "invalid_proof"),
        ("no audience", gone("aud"), "invalid_proof"),
        ("no end", gone("exp"), "invalid_proof"),
        ("an end that is over", set("exp", json!(now - 300)), "clock_skew"),
        ("a beginning to come", set("nbf", json!(now + 301)), "clock_skew"),
        ("made in time to come", set("iat", json!(now + 301)), "clock_skew"),
    ] {
        assert_eq!(world.refused(change).await, code, "{what}");
    }
    assert!(world.store.confirmations(&tenant("default")).await.unwrap().is_empty(), "something was proven");
}

/// The consumers' tenant is nobody's company.
#[tokio::test]
async fn a_personal_account_administers_nothing() {
    const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let world = World::new().await;
    let issuer = format!("{}/{PERSONAL}/v2.0", world.stub.url);
    let code = world.refused(|claims| (claims["tid"], claims["iss"]) = (json!(PERSONAL), json!(issuer))).await;
    assert_eq!(code, "not_an_administrator");
}

/// Fails when the algorithm is taken from the token, the key is not looked up by its id, or the key's own issuer is not asked.
#[tokio::test]
async fn a_token_that_is_signed_otherwise_proves_nothing() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    let unsigned = |claims: &Value| {
        let header = json!({ "alg": "none", "kid": "one", "typ": "JWT" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&header), part(claims))
    };
    let spoiled = |claims: &Value| {
        let token = ONE.sign("one", claims);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(vec![7; URL_SAFE_NO_PAD.decode(signature).unwrap().len()]))
    };
    let ways: [(&str, Sign<'_>); 6] = [
        ("unsigned", Box::new(unsigned)),
        ("a false signature", Box::new(spoiled)),
        ("another key under a known id", Box::new(|claims| TWO.sign("one", claims))),
        ("a key that the authority does not have", Box::new(|claims| TWO.sign("two", claims))),
        ("HS256 with the public half", Box::new(|claims| ONE.sign_with_the_public_half(claims))),
        ("no token", Box::new(|_| "CANARY".to_owned())),
    ];
    for (what, sign) in ways {
        let url = world.onboarding.begin(&visitor).await.unwrap();
        let back = world.answer_to(&url, |_| {});
        let token = sign(&world.claims(&query(&url)["nonce"]));
        world.stub.set(|says| says.id_token = token);
        let refusal = world.onboarding.callback(&visitor, back).await.unwrap_err();
        assert!(matches!(refusal, Refusal::InvalidProof(_)), "{what}: {refusal}");
        assert_quiet(&refusal);
    }
    let world = World::new().await;
    let other = json!([ONE.jwk(&format!("{}/{OTHER}/v2.0", world.stub.url))]);
    world.stub.set(|says| says.keys = other);
    assert_eq!(world.refused(|_| {}).await, "invalid_proof", "a key of another tenant");
}

/// Clocks may differ by five minutes.
#[tokio::test]
async fn five_minutes_are_forgiven() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    for (name, by) in [("exp", -299), ("nbf", 300), ("iat", 300)] {
        let back = world.sign_in(&visitor, |claims| claims[name] = json!(1_772_452_800_i64 + by)).await;
        let step = world.onboarding.callback(&visitor, back).await.unwrap();
        assert!(matches!(step, Step::GoTo(_)), "{name}");
    }
}

/// Keys are fetched once, again for a key that is new, and again when they are a day old.
///
/// Fails when an unknown key does not fetch, or each sign-in does.
#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let world = World::new().await;
    let tenant = tenant("default");
    let visitor = world.visitor(&tenant);
    for _ in 0..2 {
        let back = world.sign_in(&visitor, |_| {}).await;
        world.onboarding.callback(&visitor, back).await.unwrap();
    }
    assert_eq!(world.stub.asked("/organizations/discovery/v2.0/keys"), 1);
    let url = world.onboarding.begin(&visitor).await.unwrap();
    let back = world.answer_to(&url, |_| {});
    let (claims, keys) =
        (world.claims(&query(&url)["nonce"]), json!([TWO.jwk(&format!("{}/{{tenantid}}/v2.0", world.stub.url))]));
    world.stub.set(|says| (says.id_token, says.keys) = (TWO.sign("two", &claims), keys));
    world.onboarding.callback(&visitor, back).await.unwrap();
    assert_eq!(world.stub.asked("/discovery/v2.0/keys"), 2);
    world.stub.set(|says| says.keys_status = 503);
    assert_eq!(world.refused(|_| {}).await, "keys_unreachable");
}
