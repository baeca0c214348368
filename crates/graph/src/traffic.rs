//! What all clients of this process have asked for, as metrics: numbers and closed words, nothing of whom or what.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::{Counter, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

use crate::retry;

/// How a request to Graph was answered: the words of the label `answer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// With what was asked for: 200 to 299.
    Ok,
    /// "Less, please": 429, and 503 with a time to wait.
    Throttled,
    /// With any other status from 300 to 499: a permission that is missing, a link that is too old.
    Refused,
    /// With a trouble of the service: any other status from 500 on.
    Failed,
    /// Not at all, or the answer broke off.
    None,
}

impl Answer {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Throttled, Self::Refused, Self::Failed, Self::None];

    /// The label's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::None => "none",
        }
    }

    pub(crate) fn of(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            _ if retry::is_throttling(status, retry_after) => Self::Throttled,
            200..=299 => Self::Ok,
            ..=499 => Self::Refused,
            _ => Self::Failed,
        }
    }
}

/// Bounds of the latency histogram, in seconds: from a quick answer to one that the client gives up on soon.
const SECONDS: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

struct Traffic {
    requests: IntCounterVec,
    seconds: Histogram,
    waited: Counter,
    tokens: IntCounter,
}

static TRAFFIC: LazyLock<Traffic> = LazyLock::new(|| {
    const VALID: &str = "the names and labels are valid";
    let requests = Opts::new("m365_graph_requests_total", "Requests to Microsoft Graph, repeated ones too, by answer.");
    let seconds = HistogramOpts::new(
        "m365_graph_request_duration_seconds",
        "Time from sending a request to Microsoft Graph to the end of its answer.",
    );
    let waited = "Seconds that requests waited before they were repeated, summed over requests.";
    let requests = IntCounterVec::new(requests, &["answer"]).expect(VALID);
    for answer in Answer::ALL {
        requests.with_label_values(&[answer.word()]);
    }
    Traffic {
        requests,
        seconds: Histogram::with_opts(seconds.buckets(SECONDS.to_vec())).expect(VALID),
        waited: Counter::new("m365_graph_waited_seconds_total", waited).expect(VALID),
        tokens: IntCounter::new("m365_token_exchanges_total", "Requests to Entra ID for an access token.")
            .expect(VALID),
    }
});

/// Adds the metrics of all clients of this process to `registry`.
///
/// # Errors
/// When they, or others of their names, are in it already.
pub fn register_traffic(registry: &Registry) -> prometheus::Result<()> {
    registry.register(Box::new(TRAFFIC.requests.clone()))?;
    registry.register(Box::new(TRAFFIC.seconds.clone()))?;
    registry.register(Box::new(TRAFFIC.waited.clone()))?;
    registry.register(Box::new(TRAFFIC.tokens.clone()))
}

pub(crate) fn answered(answer: Answer, after: Duration) {
    TRAFFIC.requests.with_label_values(&[answer.word()]).inc();
    TRAFFIC.seconds.observe(after.as_secs_f64());
}

pub(crate) fn waits(for_so_long: Duration) {
    TRAFFIC.waited.inc_by(for_so_long.as_secs_f64());
}

pub(crate) fn asked_for_a_token() {
    TRAFFIC.tokens.inc();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_word() {
        let word = |status, after: Option<u64>| Answer::of(status, after.map(Duration::from_secs)).word();
        assert_eq!([word(200, None), word(204, None)], ["ok", "ok"]);
        assert_eq!([word(429, None), word(503, Some(3))], ["throttled", "throttled"]);
        assert_eq!([word(302, None), word(401, None), word(410, None)], ["refused", "refused", "refused"]);
        assert_eq!([word(500, None), word(503, None), word(504, Some(1))], ["failed", "failed", "failed"]);
    }
}
