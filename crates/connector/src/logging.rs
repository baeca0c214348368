//! Logs: our own words alone, to stderr.

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Starts logging at `level` (a `RUST_LOG` filter).
///
/// Libraries are not heard, whatever `level` says: HTTP libraries write paths that name people, database drivers write
/// the engine's text, and nobody here can promise what else. What matters of it comes back as an error and is ours to tell.
pub fn start(level: &str, format: Format) {
    let ours = FilterFn::new(|metadata| {
        let target = metadata.target();
        target.starts_with("m365_") || target.starts_with("graph_sim")
    });
    let wanted = EnvFilter::builder().parse_lossy(level);
    let registry = tracing_subscriber::registry().with(wanted);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    match format {
        Format::Text => registry.with(layer.with_filter(ours)).init(),
        Format::Json => registry.with(layer.json().with_filter(ours)).init(),
    }
}
