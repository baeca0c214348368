//! Serving on a loopback port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::serve::Listener;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use m365_model::{Clock, SystemClock};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::{Person, Signer, TestKey, keys, people};

/// How it answers whoever asks for its keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Mood {
    /// With its keys.
    #[default]
    Well,
    /// With 503.
    Busy,
    /// Not at all: connections are closed as soon as they are made.
    Silent,
    /// With a redirect to this address.
    Elsewhere(String),
    /// With 200 and this text.
    Saying(String),
}

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct ClerkSim {
    desk: Arc<Desk>,
    stop: Option<oneshot::Sender<()>>,
}

struct Desk {
    address: SocketAddr,
    clock: Arc<dyn Clock>,
    current: Mutex<TestKey>,
    mood: Mutex<Mood>,
    jwks_requests: AtomicUsize,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ClerkSim {
    /// Starts on a free loopback port, by the machine's clock.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(Arc::new(SystemClock)).await
    }

    /// The same by another clock, which dates the tokens of whoever signs in with a button.
    pub async fn start_with(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let desk = Arc::new(Desk {
            address: listener.local_addr()?,
            clock,
            current: Mutex::new(TestKey::First),
            mood: Mutex::default(),
            jwks_requests: AtomicUsize::new(0),
        });
        let router = Router::new()
            .route("/.well-known/jwks.json", get(key_set))
            .route("/npm/@clerk/clerk-js@5/dist/clerk.browser.js", get(script))
            .route("/stand-in/token", get(token))
            .with_state(Arc::clone(&desk));
        let (stop, stopped) = oneshot::channel();
        let door = Door { listener, desk: Arc::clone(&desk) };
        tokio::spawn(async move {
            let serving = axum::serve(door, router).with_graceful_shutdown(async {
                // Dropping the sender is the signal too.
                let _ = stopped.await;
            });
            if let Err(error) = serving.await {
                tracing::warn!(kind = ?error.kind(), "the stand-in stopped");
            }
        });
        Ok(Self { desk, stop: Some(stop) })
    }

    /// The root of its Frontend API, without a trailing slash; its tokens name it as their issuer.
    pub fn url(&self) -> String {
        self.desk.url()
    }

    /// The [publishable key](https://clerk.com/docs/guides/how-clerk-works/overview): the Frontend API's host and `$`, in base64.
    pub fn publishable_key(&self) -> String {
        format!("pk_test_{}", STANDARD.encode(format!("{}$", self.desk.address)))
    }

    /// Where the keys are.
    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.url())
    }

    /// The key in use, for whoever verifies without asking.
    pub fn jwt_key(&self) -> &'static str {
        self.key().public_pem()
    }

    /// The key in use.
    pub fn key(&self) -> TestKey {
        self.desk.key()
    }

    /// Claims of a good token of version 2, to be spoilt or signed.
    pub fn claims(&self, person: Person, origin: &str, now: Timestamp) -> Value {
        people::claims(person, &self.url(), origin, now)
    }

    /// Signs claims well, with the key in use.
    pub fn sign(&self, claims: &Value) -> String {
        self.desk.sign(claims)
    }

    /// Signs with the other key from now on, and publishes that one alone.
    pub fn rotate_keys(&self) {
        let mut current = self.desk.current.lock().expect("no holder of this lock panics");
        *current = current.other();
    }

    /// Changes how the keys are asked for in vain.
    pub fn feel(&self, mood: Mood) {
        *self.desk.mood.lock().expect("no holder of this lock panics") = mood;
    }

    /// How often the keys were asked for. Connections that were closed unheard do not count.
    pub fn jwks_requests(&self) -> usize {
        self.desk.jwks_requests.load(Ordering::SeqCst)
    }
}

impl Drop for ClerkSim {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

impl Desk {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn key(&self) -> TestKey {
        *self.current.lock().expect("no holder of this lock panics")
    }

    fn mood(&self) -> Mood {
        self.mood.lock().expect("no holder of this lock panics").clone()
    }

    fn sign(&self, claims: &Value) -> String {
        let key = self.key();
        // `cat` is how Clerk tells session tokens from others that the same key signs.
        let header = json!({"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": key.kid(), "typ": "JWT"});
        keys::sign(&header, claims, Signer::Rsa(key))
    }
}

/// Lets nobody in while the stand-in is silent.
struct Door {
    listener: TcpListener,
    desk: Arc<Desk>,
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if self.desk.mood() != Mood::Silent {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Closed after each answer, so that whoever asks again comes through the door again.
async fn key_set(State(desk): State<Arc<Desk>>) -> Response {
    desk.jwks_requests.fetch_add(1, Ordering::SeqCst);
    let json = [(header::CONTENT_TYPE, "application/json"), (header::CONNECTION, "close")];
    match desk.mood() {
        Mood::Well => (json, json!({"keys": [desk.key().jwk()]}).to_string()).into_response(),
        Mood::Busy | Mood::Silent => (StatusCode::SERVICE_UNAVAILABLE, json, "{}").into_response(),
        Mood::Elsewhere(address) => (StatusCode::FOUND, json, [(header::LOCATION, address)]).into_response(),
        Mood::Saying(text) => (json, text).into_response(),
    }
}

/// In the place of ClerkJS.
/// Pages of any origin load it, as `crossorigin="anonymous"`, which needs a word that they may
/// (<https://developer.mozilla.org/en-US/docs/Web/HTML/Reference/Attributes/crossorigin>).
async fn script() -> Response {
    let javascript = [
        (header::CONTENT_TYPE, "text/javascript"),
        (header::CACHE_CONTROL, "no-store"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (javascript, include_str!("clerk.browser.js")).into_response()
}

#[derive(Deserialize)]
struct Asked {
    person: String,
}

/// A token for whoever pressed a button, made out to the page that asked.
async fn token(State(desk): State<Arc<Desk>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let (Some(person), Some(origin)) = (Person::from_word(&asked.person), origin) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let token = desk.sign(&people::claims(person, &desk.url(), origin, desk.clock.now()));
    let open = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        (header::VARY, "Origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_TYPE, "text/plain"),
    ];
    (open, token).into_response()
}
