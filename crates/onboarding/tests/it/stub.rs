//! A stub of the authority and of Graph's organization, which answers as a test says and signs as a test says.

use std::sync::{Arc, Mutex};

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// A key of the authority: made for these tests, and for nothing else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub kid: &'static str,
    pem: &'static str,
    modulus: &'static str,
}

pub const ONE: Key =
    Key { kid: "one", pem: include_str!("../fixtures/one.pem"), modulus: include_str!("../fixtures/one.modulus") };
pub const TWO: Key =
    Key { kid: "two", pem: include_str!("../fixtures/two.pem"), modulus: include_str!("../fixtures/two.modulus") };

impl Key {
    pub fn jwk(self, issuer: &str) -> Value {
        let (kid, n) = (self.kid, self.modulus.trim());
        json!({ "kty": "RSA", "use": "sig", "kid": kid, "n": n, "e": "AQAB", "issuer": issuer })
    }

    pub fn sign(self, kid: &str, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(kid.to_owned());
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_rsa_pem(self.pem.as_bytes()).unwrap()).unwrap()
    }

    /// As an attacker signs: with what everybody knows of the key as the secret.
    pub fn sign_with_the_public_half(self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(self.kid.to_owned());
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(self.modulus.trim().as_bytes())).unwrap()
    }
}

/// What the stub answers.
pub struct Says {
    pub id_token: String,
    pub keys: Value,
    pub keys_status: u16,
    pub app_token: Value,
    /// Status, error word and description in place of a token for the application.
    pub app_refused: Option<(u16, &'static str, &'static str)>,
    /// Status and body of `GET /v1.0/organization`.
    pub organization: (u16, Value),
    /// Every request: the path, and the form of a token request.
    pub asked: Vec<String>,
}

#[derive(Clone)]
pub struct Stub {
    pub url: String,
    says: Arc<Mutex<Says>>,
}

impl Stub {
    pub async fn start(says: Says) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let says = Arc::new(Mutex::new(says));
        let kept = Arc::clone(&says);
        let app = axum::Router::new().fallback(move |request: Request| {
            let says = Arc::clone(&kept);
            async move {
                let path = request.uri().path().to_owned();
                let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
                answer(&mut says.lock().unwrap(), &path, &body)
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, says }
    }

    pub fn set(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap());
    }

    /// Requests whose path or form holds `text`.
    pub fn asked(&self, text: &str) -> usize {
        self.says.lock().unwrap().asked.iter().filter(|asked| asked.contains(text)).count()
    }

    pub fn last(&self, text: &str) -> String {
        self.says.lock().unwrap().asked.iter().rfind(|asked| asked.contains(text)).cloned().unwrap_or_default()
    }
}

fn answer(says: &mut Says, path: &str, body: &Bytes) -> Response {
    says.asked.push(format!("{path} {}", String::from_utf8_lossy(body)));
    if path.ends_with("/discovery/v2.0/keys") {
        return reply(says.keys_status, &json!({ "keys": says.keys }));
    }
    if path.ends_with("/organization") {
        return reply(says.organization.0, &says.organization.1);
    }
    if !path.ends_with("/oauth2/v2.0/token") {
        return reply(404, &json!({}));
    }
    if String::from_utf8_lossy(body).contains("grant_type=authorization_code") {
        return reply(200, &json!({ "token_type": "Bearer", "expires_in": 3599, "id_token": says.id_token }));
    }
    if let Some((status, error, description)) = says.app_refused {
        return reply(status, &json!({ "error": error, "error_description": description }));
    }
    let token = ONE.sign("one", &says.app_token);
    reply(200, &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token }))
}

fn reply(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], body.to_string()).into_response()
}
