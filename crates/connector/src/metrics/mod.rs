//! Metrics for Prometheus, on a listener of their own.
//!
//! What happens in the process is counted where it happens (`m365_graph`); what the database knows is read when somebody asks
//! (`fleet`). Labels take their words from enums of the code, so nothing of a tenant, a mailbox or a person can stand in one.
//!
//! To tell one more thing: add it to `fleet` or to the graph room, and a line to the table in `docs/operating.md`; a test holds the
//! one against the other.

mod fleet;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Router, extract::State};
use m365_database::newest_schema;
use m365_store::Store;
use prometheus::{IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::exit::{Exit, explain};
use fleet::Fleet;

/// Which metrics a process tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// What it did itself, and what the database knows of all connectors: `serve`.
    Everything,
    /// What it did itself, and whether the database answers: one of several workers on one database.
    Itself,
}

/// The listener. It ends when this is dropped.
pub struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads `METRICS_ADDR`: a port, for this machine alone, or an address and a port.
pub fn read_address(text: &str) -> Option<SocketAddr> {
    let port = text.parse().map(|port: u16| (Ipv4Addr::LOCALHOST, port).into());
    port.or_else(|_| text.parse()).ok()
}

/// Begins to tell metrics at `address`, if one is given. Runs that end from here on are counted.
///
/// # Errors
/// When the address is not free: that is said, and the exit code is returned.
pub async fn start(address: Option<SocketAddr>, store: &Store, tells: Tells) -> Result<Option<Listening>, Exit> {
    let Some(address) = address else { return Ok(None) };
    let Ok(listener) = TcpListener::bind(address).await else {
        explain(&format_args!("{address} is not free: choose another METRICS_ADDR, or unset it to tell no metrics"));
        return Err(Exit::Failed);
    };
    let Ok(metrics) = Metrics::new(store.clone(), tells) else {
        explain(&"the metrics cannot be told twice by one process");
        return Err(Exit::Failed);
    };
    // Whatever the database says, its runs are counted from this look on.
    metrics.fleet.look().await;
    if let Ok(address) = listener.local_addr() {
        eprintln!("Metrics are at http://{address}/metrics");
    }
    let service = Router::new().route("/metrics", get(scrape)).with_state(Arc::new(metrics));
    Ok(Some(Listening(tokio::spawn(async move {
        if axum::serve(listener, service).await.is_err() {
            tracing::error!("the metrics are told no more: their listener ended");
        }
    }))))
}

struct Metrics {
    registry: Registry,
    fleet: Fleet,
}

impl Metrics {
    fn new(store: Store, tells: Tells) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let about =
            Opts::new("m365_build_info", "Always 1. The program's version, and the schema that it was written for.");
        let about = IntGaugeVec::new(about, &["version", "schema"])?;
        about.with_label_values(&[env!("CARGO_PKG_VERSION"), &newest_schema().to_string()]).set(1);
        registry.register(Box::new(about))?;
        m365_graph::register_traffic(&registry)?;
        let fleet = Fleet::new(store, tells, &registry)?;
        Ok(Self { registry, fleet })
    }
}

async fn scrape(State(metrics): State<Arc<Metrics>>) -> Response {
    metrics.fleet.look().await;
    match TextEncoder::new().encode_to_string(&metrics.registry.gather()) {
        Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_that_does_not_answer_is_told_and_a_worker_tells_of_itself_alone() {
        let ground = testkit::Ground::new(testkit::start(), "11111111-2222-3333-4444-555555555555").await;
        let metrics = Metrics::new(ground.store.clone(), Tells::Itself).unwrap();
        let told = async || {
            metrics.fleet.look().await;
            TextEncoder::new().encode_to_string(&metrics.registry.gather()).unwrap()
        };
        let text = told().await;
        assert!(text.contains("\nm365_database_up 1\n") && text.contains("m365_graph_requests_total"), "{text}");
        assert!(!text.contains("m365_runs_total") && !text.contains("m365_connectors"), "{text}");
        ground.store.database().close().await;
        let text = told().await;
        assert!(text.contains("\nm365_database_up 0\n") && !text.contains("m365_database_schema_version"), "{text}");
    }

    #[test]
    fn a_port_alone_is_for_this_machine_alone() {
        let read = |text| read_address(text).map(|address| address.to_string());
        assert_eq!(read("9465").as_deref(), Some("127.0.0.1:9465"));
        assert_eq!(read("0.0.0.0:9465").as_deref(), Some("0.0.0.0:9465"));
        assert_eq!(read("[::1]:9465").as_deref(), Some("[::1]:9465"));
        for nonsense in ["", "localhost", ":9465", "70000", "127.0.0.1"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
