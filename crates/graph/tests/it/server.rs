//! A server on a loopback port that keeps a log and answers as the test says. It knows OAuth's token form and nothing of
//! Graph.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::stream;

pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";

/// A request as it came.
#[derive(Clone)]
pub struct Seen {
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn is_token(&self) -> bool {
        self.target.ends_with("/oauth2/v2.0/token")
    }

    pub fn header(&self, name: &str) -> &str {
        let mut all = self.headers.get_all(name).iter();
        let first = all.next().map_or("", |value| value.to_str().unwrap());
        assert!(all.next().is_none(), "{name} stands twice");
        first
    }
}

type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;
type Script = dyn Fn(Seen) -> Answer + Send + Sync;

pub struct Server {
    pub url: String,
    log: Arc<Mutex<Vec<Seen>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Answers everything by `script`.
    pub async fn with<F>(script: impl Fn(Seen) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        Self::start(Arc::new(move |seen| Box::pin(script(seen)))).await
    }

    /// Gives tokens, a new one each time, and answers everything else by `script`.
    pub async fn graph<F>(script: impl Fn(Seen) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let tokens = AtomicU32::new(0);
        Self::start(Arc::new(move |seen: Seen| {
            if seen.is_token() {
                let number = tokens.fetch_add(1, Ordering::SeqCst) + 1;
                return Box::pin(async move { token(number, 3599) });
            }
            Box::pin(script(seen))
        }))
        .await
    }

    async fn start(script: Arc<Script>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        let app = axum::Router::new().fallback(move |request: Request| {
            let (script, log) = (Arc::clone(&script), Arc::clone(&kept));
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
                let seen = Seen {
                    method: head.method.to_string(),
                    target: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
                    headers: head.headers,
                    body: String::from_utf8_lossy(&body).into_owned(),
                };
                log.lock().unwrap().push(seen.clone());
                script(seen).await
            }
        });
        let serving = tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        Self { url, log, serving }
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.log.lock().unwrap().clone()
    }

    /// Requests for anything but a token.
    pub fn asked(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| !seen.is_token()).collect()
    }

    /// Requests for a token.
    pub fn exchanges(&self) -> usize {
        self.seen().iter().filter(|seen| seen.is_token()).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A token that says which one it is.
pub fn jwt(number: u32) -> String {
    let claims = format!(
        r#"{{"tid":"{TENANT}","appid":"client-1","n":{number},"exp":1772467200,
            "roles":["Calendars.Read","Mail.ReadBasic.All","User.Read.All"]}}"#
    );
    format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims))
}

pub fn token(number: u32, seconds: u32) -> Response {
    let token = jwt(number);
    json(200, &format!(r#"{{"token_type":"Bearer","expires_in":{seconds},"access_token":"{token}"}}"#))
}

pub fn json(status: u16, body: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], body.to_owned()).into_response()
}

/// An error as Graph words it, with a canary where its own words are.
pub fn error(status: u16, code: &str) -> Response {
    json(status, &format!(r#"{{"error":{{"code":"{code}","message":"CANARY for person@acme.com"}}}}"#))
}

pub fn with_header(mut answer: Response, name: &'static str, value: &str) -> Response {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}

pub fn empty_page() -> Response {
    json(200, r#"{"value":[]}"#)
}

/// A connection that breaks off in the middle of the answer.
pub fn cut_body(begun: &'static str) -> Response {
    let begun = stream::iter([Ok(Bytes::from(begun)), Err(std::io::Error::other("cut"))]);
    Body::from_stream(begun).into_response()
}

/// Answers from a list, one after the other; the last one for ever.
pub struct Turns(Mutex<Vec<fn() -> Response>>);

impl Turns {
    pub fn new(mut answers: Vec<fn() -> Response>) -> Arc<Self> {
        answers.reverse();
        Arc::new(Self(Mutex::new(answers)))
    }

    pub fn next(&self) -> Response {
        let mut left = self.0.lock().unwrap();
        let answer = if left.len() > 1 { left.pop().unwrap() } else { left[0] };
        answer()
    }
}

/// A server that gives tokens, and to everything else these answers in turn.
pub async fn in_turn(answers: Vec<fn() -> Response>) -> Server {
    let turns = Turns::new(answers);
    Server::graph(move |_| {
        let answer = turns.next();
        async move { answer }
    })
    .await
}
