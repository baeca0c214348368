//! One list of tokens, and what is to be said to each.

use clerk_sim::{ClerkSim, ORGANIZATION, Person, Signer, TestKey, sign};
use m365_clerk::Refusal;
use serde_json::{Value, json};

use crate::{SECOND_SITE, SITE, now};

/// What Clerk's own library says to a token.
pub(crate) enum Clerk {
    /// It takes the token.
    Takes,
    /// It refuses it for this reason.
    Refuses(&'static str),
}

/// A token and the two verdicts.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) token: String,
    pub(crate) clerk: Clerk,
    pub(crate) ours: Result<(), Refusal>,
}

/// Makes tokens that differ from a good one.
struct Desk<'a> {
    clerk: &'a ClerkSim,
    cases: Vec<Case>,
}

impl Desk<'_> {
    fn add(&mut self, name: &'static str, token: String, clerk: Clerk, ours: Result<(), Refusal>) {
        self.cases.push(Case { name, token, clerk, ours });
    }

    fn claims(&self) -> Value {
        self.clerk.claims(Person::Administrator, SITE, now())
    }

    /// A well-signed token with these claims in place of the usual ones; `null` takes one away.
    fn with(&self, changes: &Value) -> String {
        self.clerk.sign(&changed(self.claims(), changes))
    }

    /// A token with good claims, this header and this signature.
    fn signed(&self, header: &Value, signer: Signer<'_>) -> String {
        sign(header, &self.claims(), signer)
    }

    /// Both refuse.
    fn both(&mut self, name: &'static str, token: String, reason: &'static str, ours: Refusal) {
        self.add(name, token, Clerk::Refuses(reason), Err(ours));
    }

    /// Both take it.
    fn good(&mut self, name: &'static str, token: String) {
        self.add(name, token, Clerk::Takes, Ok(()));
    }

    /// Clerk's library leaves it to the caller, or allows more than Clerk does.
    fn stricter(&mut self, name: &'static str, token: String, ours: Refusal) {
        self.add(name, token, Clerk::Takes, Err(ours));
    }
}

pub(crate) fn changed(mut claims: Value, changes: &Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

/// Claims of version 1 in place of those of version 2.
pub(crate) fn version_1(role: &str) -> Value {
    json!({"v": null, "o": null, "sts": null, "org_id": ORGANIZATION, "org_role": role, "org_slug": "stand-in"})
}

/// Good tokens and bad ones, by one clock.
pub(crate) fn list(clerk: &ClerkSim) -> Vec<Case> {
    let mut desk = Desk { clerk, cases: Vec::new() };
    good(&mut desk);
    signatures(&mut desk);
    times(&mut desk);
    places(&mut desk);
    stricter(&mut desk);
    desk.cases
}

fn good(desk: &mut Desk<'_>) {
    desk.good("version 2", desk.with(&json!({})));
    desk.good("version 1", desk.with(&version_1("org:admin")));
    desk.good("version 1 that says so", desk.with(&version_1("org:member").with_version(1)));
    desk.good("without a status", desk.with(&json!({"sts": null})));
    desk.good("somebody acts as the user", desk.with(&json!({"act": {"sub": "user_support", "iss": SITE}})));
    desk.good("a role of the company's own", desk.with(&json!({"o": {"id": ORGANIZATION, "rol": "billing"}})));
    let header = json!({"alg": "RS256", "kid": desk.clerk.key().kid()});
    desk.good("a header without a type or category", desk.signed(&header, Signer::Rsa(TestKey::First)));
}

fn signatures(desk: &mut Desk<'_>) {
    let header = |alg: &str| json!({"alg": alg, "kid": desk.clerk.key().kid(), "typ": "JWT"});
    let (rs256, rs512, hs256, none) = (header("RS256"), header("RS512"), header("HS256"), header("none"));
    let good = desk.with(&json!({}));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = message.split_once('.').unwrap();
    let other = desk.with(&json!({"sub": "user_other"}));
    let payload = other.split('.').nth(1).unwrap();
    let grafted = format!("{head}.{payload}.{signature}");
    let unsigned = format!("{message}.");
    desk.both("another token's claims", grafted, "token-invalid-signature", Refusal::WrongSignature);
    desk.both("the signature cut off", unsigned, "token-invalid-signature", Refusal::WrongSignature);
    let by_another = desk.signed(&rs256, Signer::Rsa(TestKey::Second));
    desk.both("another key", by_another, "token-invalid-signature", Refusal::WrongSignature);
    let by_nobody = desk.signed(&none, Signer::Nobody);
    desk.both("no algorithm", by_nobody, "token-invalid-algorithm", Refusal::WrongAlgorithm);
    let longer = desk.signed(&rs512, Signer::Rsa512(TestKey::First));
    desk.both("RS512", longer, "token-verification-failed", Refusal::WrongAlgorithm);
    let public = desk.clerk.jwt_key().as_bytes();
    let by_everybody = desk.signed(&hs256, Signer::Secret(public));
    desk.both("HS256 with the public key", by_everybody, "token-invalid-algorithm", Refusal::WrongAlgorithm);
    let said_otherwise = desk.signed(&rs256, Signer::Secret(public));
    desk.both("the same, called RS256", said_otherwise, "token-invalid-signature", Refusal::WrongSignature);
    let machine = json!({"alg": "RS256", "cat": "cl_B7d4PD333AAA", "kid": desk.clerk.key().kid(), "typ": "JWT"});
    let token = desk.signed(&machine, Signer::Rsa(TestKey::First));
    desk.both("a machine's token", token, "token-invalid", Refusal::NotASession);
    let access = json!({"alg": "RS256", "kid": desk.clerk.key().kid(), "typ": "at+jwt"});
    let token = desk.signed(&access, Signer::Rsa(TestKey::First));
    desk.both("an access token", token, "token-invalid", Refusal::NotASession);
    desk.both("two parts", message.to_owned(), "token-invalid", Refusal::Malformed);
    desk.both("four parts", format!("{good}.x"), "token-invalid", Refusal::Malformed);
}

fn times(desk: &mut Desk<'_>) {
    let at = |name: &str, offset: i64| json!({name: now().as_second() + offset});
    desk.good("ended within the leeway", desk.with(&at("exp", -4)));
    desk.both("ended", desk.with(&at("exp", -5)), "token-expired", Refusal::Expired);
    desk.good("begins within the leeway", desk.with(&at("nbf", 5)));
    desk.both("begins later", desk.with(&at("nbf", 6)), "token-not-active-yet", Refusal::NotYetValid);
    desk.good("made within the leeway", desk.with(&at("iat", 5)));
    desk.both("made in the future", desk.with(&at("iat", 6)), "token-iat-in-the-future", Refusal::NotYetValid);
    desk.good("without a beginning", desk.with(&json!({"nbf": null, "iat": null})));
    desk.both("without an end", desk.with(&json!({"exp": null})), "token-verification-failed", Refusal::MissingClaims);
    desk.both(
        "a word for an end",
        desk.with(&json!({"exp": "later"})),
        "token-verification-failed",
        Refusal::MissingClaims,
    );
    desk.both(
        "a word for a beginning",
        desk.with(&json!({"nbf": "x"})),
        "token-verification-failed",
        Refusal::MissingClaims,
    );
    desk.both("nobody's", desk.with(&json!({"sub": null})), "token-verification-failed", Refusal::MissingClaims);
}

fn places(desk: &mut Desk<'_>) {
    let reason = "token-invalid-authorized-parties";
    desk.good("made for another authorized site", desk.with(&json!({"azp": SECOND_SITE})));
    for (name, azp) in [
        ("made for a foreign site", json!("https://evil.example.com")),
        ("made for the site over plain http", json!("http://connector.example.com")),
        ("made for the site with a slash", json!("https://connector.example.com/")),
        ("made for an empty origin", json!("")),
        ("made for no site", Value::Null),
    ] {
        desk.both(name, desk.with(&json!({ "azp": azp })), reason, Refusal::ForeignParty);
    }
}

/// What Clerk's `verifyToken` takes and the connector does not.
fn stricter(desk: &mut Desk<'_>) {
    let header = |name: &str, value: Value| {
        changed(json!({"alg": "RS256", "kid": desk.clerk.key().kid()}), &json!({name: value}))
    };
    let crit = header("crit", json!(["exp"]));
    let template = header("cat", json!("cl_B7d4PD222AAA"));
    desk.stricter("an unknown extension", desk.signed(&crit, Signer::Rsa(TestKey::First)), Refusal::Malformed);
    desk.stricter("made from a template", desk.signed(&template, Signer::Rsa(TestKey::First)), Refusal::NotASession);
    for (name, changes, ours) in [
        ("another instance", json!({"iss": "https://clerk.evil.example"}), Refusal::ForeignIssuer),
        ("no instance", json!({"iss": null}), Refusal::MissingClaims),
        ("a sign-in that is not complete", json!({"sts": "pending"}), Refusal::Pending),
        ("an unknown status", json!({"sts": "ended"}), Refusal::Pending),
        ("no organization", json!({"o": null}), Refusal::NoOrganization),
        ("no organization in version 1", version_1("org:admin").without("org_id"), Refusal::NoOrganization),
        ("version 2 with the claims of version 1", version_1("org:admin").with_version(2), Refusal::NoOrganization),
        ("version 1 with the claims of version 2", json!({"v": null}), Refusal::NoOrganization),
        ("an unknown version", json!({"v": 3}), Refusal::MissingClaims),
        ("an organization without a role", json!({"o": {"id": ORGANIZATION}}), Refusal::MissingClaims),
        (
            "an organization that is the local tenant",
            json!({"o": {"id": "default", "rol": "admin"}}),
            Refusal::NoOrganization,
        ),
        ("an organization that is no id", json!({"o": {"id": "../x", "rol": "admin"}}), Refusal::MissingClaims),
        ("no session", json!({"sid": null}), Refusal::MissingClaims),
        ("a user that is no id", json!({"sub": "person@acme.com"}), Refusal::MissingClaims),
        ("an end beyond the calendar", json!({"exp": i64::MAX}), Refusal::MissingClaims),
    ] {
        desk.stricter(name, desk.with(&changes), ours);
    }
}

/// Small changes to changes.
pub(crate) trait Changes {
    /// Sets the version.
    fn with_version(self, version: u64) -> Self;
    /// Takes a claim away.
    fn without(self, name: &str) -> Self;
}

impl Changes for Value {
    fn with_version(mut self, version: u64) -> Self {
        self["v"] = version.into();
        self
    }

    fn without(mut self, name: &str) -> Self {
        self[name] = Self::Null;
        self
    }
}
