//! What is said to each token, and what a session says.

use clerk_sim::{ClerkSim, ORGANIZATION, OTHER_ORGANIZATION, Person};
use m365_clerk::{Refusal, Role, Session};
use serde_json::{Value, json};
use static_assertions::assert_not_impl_any;

use crate::list::{Changes as _, changed, list, version_1};
use crate::{SITE, now, with_jwks, with_key};

// A session comes out of the verifier or not at all.
assert_not_impl_any!(Session: Default, serde::de::DeserializeOwned, std::str::FromStr);

/// Seen to fail when any one of these was not looked at: the issuer, `azp` (foreign, and missing), `exp`, `nbf`, `iat`, `sts`,
/// the algorithm, the header's type and category, `crit`, the token's version, the local tenant's name; and without the
/// verification of the signature.
#[tokio::test]
async fn each_token_of_the_list_gets_its_verdict() {
    let clerk = ClerkSim::start().await.unwrap();
    for (source, verifier) in [("the key", with_key(&clerk)), ("the key set", with_jwks(&clerk))] {
        for case in list(&clerk) {
            let verdict = verifier.verify(&case.token, now()).await.map(drop);
            assert_eq!(verdict, case.ours, "{}, with {source}", case.name);
        }
    }
}

async fn session(changes: &Value) -> Result<Session, Refusal> {
    let clerk = ClerkSim::start().await.unwrap();
    let token = clerk.sign(&changed(clerk.claims(Person::Administrator, SITE, now()), changes));
    with_key(&clerk).verify(&token, now()).await
}

#[tokio::test]
async fn a_session_says_who_asks_for_which_tenant() {
    let session = session(&json!({})).await.unwrap();
    assert_eq!(session.user().as_str(), Person::Administrator.user());
    assert_eq!(session.tenant().as_str(), ORGANIZATION);
    assert_eq!(session.session_id().as_str(), "sess_administrator");
    assert_eq!(session.role(), Role::Admin);
    assert!(!session.is_impersonated());
    assert_eq!(session.expires_at().as_second(), now().as_second() + 60);
}

/// Seen to fail when any role that ends in `admin` was one.
#[tokio::test]
async fn only_the_administrator_of_the_active_organization_is_one() {
    let roles = [
        (json!({"o": {"id": ORGANIZATION, "rol": "admin"}}), Role::Admin),
        (json!({"o": {"id": ORGANIZATION, "rol": "member"}}), Role::Member),
        (json!({"o": {"id": ORGANIZATION, "rol": "org:admin"}}), Role::Member),
        (json!({"o": {"id": ORGANIZATION, "rol": "Admin"}}), Role::Member),
        (json!({"o": {"id": ORGANIZATION, "rol": "billing_admin"}}), Role::Member),
        // A custom claim of that name says nothing in version 2.
        (json!({"o": {"id": ORGANIZATION, "rol": "member"}, "org_role": "org:admin"}), Role::Member),
        (version_1("org:admin"), Role::Admin),
        (version_1("org:member"), Role::Member),
        (version_1("admin"), Role::Member),
        (version_1("org:org:admin"), Role::Member),
    ];
    for (changes, role) in roles {
        assert_eq!(session(&changes).await.unwrap().role(), role, "{changes}");
    }
}

/// Seen to fail when `org_id` was read in both versions.
#[tokio::test]
async fn the_tenant_is_the_organization_of_the_tokens_version() {
    let both = json!({"org_id": OTHER_ORGANIZATION, "org_role": "org:admin"});
    assert_eq!(session(&both).await.unwrap().tenant().as_str(), ORGANIZATION);
    let older = version_1("org:member").with_version(1);
    let both = changed(older, &json!({"o": {"id": OTHER_ORGANIZATION, "rol": "admin"}}));
    let session = session(&both).await.unwrap();
    assert_eq!((session.tenant().as_str(), session.role()), (ORGANIZATION, Role::Member));
}

#[tokio::test]
async fn who_acts_as_somebody_else_is_told_apart() {
    assert!(session(&json!({"act": {"sub": "user_support"}})).await.unwrap().is_impersonated());
    assert!(session(&json!({"act": {}})).await.unwrap().is_impersonated());
}

#[tokio::test]
async fn a_key_reads_however_an_environment_file_left_it() {
    let clerk = ClerkSim::start().await.unwrap();
    let token = clerk.sign(&clerk.claims(Person::Member, SITE, now()));
    let pem = clerk.jwt_key();
    let forms = [
        pem.to_owned(),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\\n"),
        pem.replace('\n', ""),
        pem.replace('\n', " "),
        format!("\n  {pem}\n"),
    ];
    for form in forms {
        let key = m365_clerk::KeySource::Pem(form.parse().unwrap());
        assert!(crate::verifier(&clerk, key).verify(&token, now()).await.is_ok(), "{form:?}");
    }
    let long_enough = "A".repeat(400);
    let bad = [
        String::new(),
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----".to_owned(),
        format!("-----BEGIN PUBLIC KEY-----\n{long_enough}\n-----END PUBLIC KEY-----"),
        pem.replace("PUBLIC", "PRIVATE"),
        pem.lines().take(4).collect::<Vec<_>>().join("\n"),
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A".to_owned(),
    ];
    for text in bad {
        let error = text.parse::<m365_clerk::PemKey>().unwrap_err();
        assert_eq!(error, m365_clerk::SettingsError::JwtKey, "{text:?}");
    }
}
