//! Signing a person in, to prove which tenant the person administers; and the pages of Microsoft's that a browser is sent to.
//!
//! The flow is the [authorization code](https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow) with PKCE and a nonce.
//! It asks for `openid profile` and nothing else: no token is kept, and nothing is read in the person's name.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use m365_model::{EntraTenantId, Surroundings};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use url::Url;

use crate::credentials::{Credentials, Proof};
use crate::error::{ProofError, Refusal, SetupError, SignInError, TokenError};
use crate::id_token::{self, Expected, Keys, SignedIn};
use crate::token::{JWT_BEARER, LONGEST_ANSWER};
use crate::{Endpoints, Limits, transport};

/// The authority of [every company](https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols#endpoints), but of no personal account.
const ANY_COMPANY: &str = "organizations";

/// Keys are asked for again after this, in seconds; and earlier where a token names one that is not known.
const KEYS_AGE: i64 = 24 * 60 * 60;

/// What goes along with a sign-in. All of it was drawn for this one.
#[derive(Debug, Clone, Copy)]
pub struct Along<'a> {
    /// Where Microsoft sends the browser back to, letter for letter as it was registered.
    pub redirect_uri: &'a Url,
    /// The nonce that the id token must repeat.
    pub nonce: &'a SecretString,
    /// The [PKCE](https://www.rfc-editor.org/rfc/rfc7636) verifier: 43 to 128 letters and digits.
    pub verifier: &'a SecretString,
    /// The one tenant that may sign in, where the installation is pinned to it.
    pub within: Option<&'a EntraTenantId>,
}

/// The application, towards people.
pub struct SignIn {
    http: reqwest::Client,
    endpoints: Endpoints,
    credentials: Credentials,
    surroundings: Surroundings,
    /// The authority's keys, and when they were fetched.
    keys: Mutex<Option<(Timestamp, Keys)>>,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn(..)")
    }
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    error_description: Option<String>,
}

impl SignIn {
    /// Makes it. Nothing is asked yet.
    pub fn new(
        endpoints: Endpoints,
        credentials: Credentials,
        limits: &Limits,
        surroundings: Surroundings,
    ) -> Result<Self, SetupError> {
        let http = transport::client(&endpoints, limits)?;
        Ok(Self { http, endpoints, credentials, surroundings, keys: Mutex::default() })
    }

    /// Where a browser is sent to sign in.
    pub fn authorize_url(&self, state: &str, along: &Along<'_>) -> Url {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(along.verifier.expose_secret().as_bytes()));
        let mut url = self.at(place(along.within), "oauth2/v2.0/authorize");
        url.query_pairs_mut()
            .append_pair("client_id", &self.credentials.client_id)
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("redirect_uri", along.redirect_uri.as_str())
            .append_pair("scope", "openid profile")
            .append_pair("state", state)
            .append_pair("nonce", along.nonce.expose_secret())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            // Whoever sits there may be signed in to several tenants.
            .append_pair("prompt", "select_account");
        url
    }

    /// Where a browser is sent to [consent](https://learn.microsoft.com/en-us/entra/identity-platform/v2-admin-consent) for a whole tenant.
    pub fn consent_url(&self, tenant: &EntraTenantId, redirect_uri: &Url, state: &str) -> Url {
        let mut url = self.at(tenant.as_str(), "v2.0/adminconsent");
        url.query_pairs_mut()
            .append_pair("client_id", &self.credentials.client_id)
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("state", state)
            .append_pair("scope", &self.endpoints.scope());
        url
    }

    /// Exchanges the code and checks the id token: who signed in.
    pub async fn redeem(&self, code: &SecretString, along: &Along<'_>) -> Result<SignedIn, SignInError> {
        let token = self.exchange(code, along).await?;
        let kid = id_token::key_id(&token).ok_or(ProofError::Malformed)?;
        let now = self.surroundings.clock.now();
        let mut held = self.keys.lock().await;
        let is_fresh = |at: Timestamp| now.as_second() - at.as_second() < KEYS_AGE;
        let keys = match held.take() {
            Some((at, keys)) if is_fresh(at) && keys.know(&kid) => held.insert((at, keys)),
            _ => held.insert((now, self.fetch_keys(along.within).await?)),
        };
        let client_id = &self.credentials.client_id;
        let issuer_root = &self.endpoints.issuer_root();
        Ok(id_token::check(&token, &keys.1, &Expected { issuer_root, client_id, nonce: along.nonce, now })?)
    }

    async fn exchange(&self, code: &SecretString, along: &Along<'_>) -> Result<SecretString, SignInError> {
        let url = self.at(place(along.within), "oauth2/v2.0/token");
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", &self.credentials.client_id),
            ("code", code.expose_secret()),
            ("redirect_uri", along.redirect_uri.as_str()),
            ("code_verifier", along.verifier.expose_secret()),
        ];
        let signed;
        match &self.credentials.proof {
            Proof::Secret(secret) => form.push(("client_secret", secret.expose_secret())),
            Proof::Certificate(certificate) => {
                let (client_id, now) = (&self.credentials.client_id, self.surroundings.clock.now());
                let statement = certificate.sign(client_id, url.as_str(), now, &*self.surroundings.entropy);
                signed = statement.ok_or(TokenError::Malformed)?;
                form.push(("client_assertion_type", JWT_BEARER));
                form.push(("client_assertion", signed.expose_secret()));
            }
        }
        // A code is good once, so the exchange is not repeated: the person signs in again.
        let answer = self.http.post(url).form(&form).send().await.map_err(|_| TokenError::Unreachable)?;
        let status = answer.status();
        let body = transport::read(answer, LONGEST_ANSWER).await.map_err(|_| TokenError::Unreachable)?;
        if status.is_success() {
            let tokens: Tokens = serde_json::from_slice(&body).map_err(|_| TokenError::Malformed)?;
            return Ok(tokens.id_token.into());
        }
        let refused: Refused = serde_json::from_slice(&body).map_err(|_| TokenError::Temporary)?;
        Err(TokenError::Refused(Refusal::new(&refused.error, refused.error_description.as_deref())).into())
    }

    async fn fetch_keys(&self, within: Option<&EntraTenantId>) -> Result<Keys, SignInError> {
        let url = self.at(place(within), "discovery/v2.0/keys");
        let answer = self.http.get(url).send().await.map_err(|_| SignInError::KeysUnreachable)?;
        if !answer.status().is_success() {
            return Err(SignInError::KeysUnreachable);
        }
        let body = transport::read(answer, LONGEST_ANSWER).await.map_err(|_| SignInError::KeysUnreachable)?;
        Keys::read(&body).ok_or(SignInError::KeysUnreachable)
    }

    fn at(&self, tenant: &str, path: &str) -> Url {
        let mut url = self.endpoints.authority().clone();
        url.set_path(&format!("{tenant}/{path}"));
        url
    }
}

fn place(within: Option<&EntraTenantId>) -> &str {
    within.map_or(ANY_COMPANY, EntraTenantId::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn sign_in() -> SignIn {
        let credentials = Credentials::new("client-1", &"s3cret".into()).unwrap();
        SignIn::new(
            Endpoints::custom("http://127.0.0.1:1", "http://127.0.0.1:2").unwrap(),
            credentials,
            &Limits::default(),
            Surroundings::system(),
        )
        .unwrap()
    }

    fn query(url: &Url) -> BTreeMap<String, String> {
        url.query_pairs().into_owned().collect()
    }

    #[test]
    fn a_browser_takes_the_challenge_along_and_not_the_verifier() {
        // The pair of https://www.rfc-editor.org/rfc/rfc7636#appendix-B
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into();
        let redirect_uri = "https://connector.test/callback".parse().unwrap();
        let along = Along { redirect_uri: &redirect_uri, nonce: &"n".into(), verifier: &verifier, within: None };
        let url = sign_in().authorize_url("s.default", &along);
        assert_eq!(url.path(), "/organizations/oauth2/v2.0/authorize");
        assert!(!url.as_str().contains(verifier.expose_secret()) && !url.as_str().contains("s3cret"), "{url}");
        let query = query(&url);
        for (name, value) in [
            ("client_id", "client-1"),
            ("response_type", "code"),
            ("response_mode", "query"),
            ("redirect_uri", "https://connector.test/callback"),
            ("scope", "openid profile"),
            ("state", "s.default"),
            ("nonce", "n"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
            ("prompt", "select_account"),
        ] {
            assert_eq!(query[name], value, "{name}");
        }
        let tenant = "11111111-2222-3333-4444-555555555555".parse().unwrap();
        let pinned = sign_in().authorize_url("s", &Along { within: Some(&tenant), ..along });
        assert_eq!(pinned.path(), "/11111111-2222-3333-4444-555555555555/oauth2/v2.0/authorize");
    }

    #[test]
    fn a_consent_is_asked_of_one_tenant_for_what_was_registered() {
        let (tenant, redirect_uri) = (
            "11111111-2222-3333-4444-555555555555".parse().unwrap(),
            "https://connector.test/callback".parse().unwrap(),
        );
        let url = sign_in().consent_url(&tenant, &redirect_uri, "s.default");
        assert_eq!(url.path(), "/11111111-2222-3333-4444-555555555555/v2.0/adminconsent");
        let query = query(&url);
        assert_eq!(query["scope"], "http://127.0.0.1:2/.default");
        assert_eq!((query["state"].as_str(), query["client_id"].as_str()), ("s.default", "client-1"));
        assert_eq!(query["redirect_uri"], "https://connector.test/callback");
    }
}
