//! Requests, let through one by one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::Response;
use graph_sim::Simulator;
use tokio::sync::watch;

/// Stands before a simulator. While it is shut, requests wait and are not seen by the simulator at all.
#[derive(Clone)]
pub struct Turnstile(Arc<Inner>);

struct Inner {
    /// How many requests have come.
    arrived: watch::Sender<u64>,
    /// How many are let through.
    room: watch::Sender<u64>,
    /// What is done to the text of every answer.
    amend: Mutex<Option<Amend>>,
    address: SocketAddr,
}

/// Changes the text of an answer.
type Amend = fn(String) -> String;

/// The largest answer that is amended, in bytes.
const LARGEST: usize = 16 << 20;

impl Turnstile {
    /// Serves `sim` behind an open turnstile, for as long as the runtime lives.
    pub async fn before(sim: &Simulator) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = tokio::net::TcpListener::bind(any).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (arrived, room) = (watch::Sender::new(0), watch::Sender::new(u64::MAX));
        let turnstile = Self(Arc::new(Inner { arrived, room, amend: Mutex::default(), address }));
        let router = sim.router().layer(axum::middleware::from_fn_with_state(turnstile.clone(), pass));
        tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server without an end");
        });
        turnstile
    }

    /// The root of Graph and of Entra behind it.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Lets so many requests through in all, counted from the beginning, and then no more.
    pub fn shut_after(&self, requests: u64) {
        self.0.room.send_replace(requests);
    }

    /// Lets no further request through.
    pub fn shut(&self) {
        self.shut_after(*self.0.arrived.borrow());
    }

    /// Lets everything through again, what waits first.
    pub fn open(&self) {
        self.0.room.send_replace(u64::MAX);
    }

    /// Changes the text of every answer from now on, for what the simulator has no verb for.
    ///
    /// # Panics
    /// When another thread panicked in the middle of this.
    pub fn amend(&self, amend: Amend) {
        *self.0.amend.lock().expect("no holder of this lock panics") = Some(amend);
    }

    /// Waits until so many requests have come, those that wait included.
    pub async fn arrived(&self, requests: u64) {
        let mut arrived = self.0.arrived.subscribe();
        arrived.wait_for(|n| *n >= requests).await.expect("a turnstile that stands");
    }

    /// How many requests have come so far.
    pub fn count(&self) -> u64 {
        *self.0.arrived.borrow()
    }
}

async fn pass(State(turnstile): State<Turnstile>, request: Request, next: Next) -> Response {
    let mut number = 0;
    turnstile.0.arrived.send_modify(|n| {
        *n += 1;
        number = *n;
    });
    let mut room = turnstile.0.room.subscribe();
    room.wait_for(|room| number <= *room).await.expect("a turnstile that stands");
    let answer = next.run(request).await;
    let amend = *turnstile.0.amend.lock().expect("no holder of this lock panics");
    let Some(amend) = amend else { return answer };
    let (mut head, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, LARGEST).await.expect("a body");
    head.headers.remove(CONTENT_LENGTH);
    let text = String::from_utf8(body.to_vec()).expect("a text");
    Response::from_parts(head, amend(text).into())
}
