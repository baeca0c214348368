//! When to ask again, and how long to wait before.

use std::time::Duration;

use jiff::Timestamp;
use m365_model::Entropy;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::Limits;

/// Whether an answer of this status may be followed by a better one soon.
/// Source: [Graph's error page](https://learn.microsoft.com/en-us/graph/errors) and
/// [calendar views that time out](https://github.com/microsoftgraph/microsoft-graph-docs/issues/2240).
pub(crate) fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// Whether an answer asked for less, rather than failed.
pub(crate) fn is_throttling(status: u16, retry_after: Option<Duration>) -> bool {
    status == 429 || (status == 503 && retry_after.is_some())
}

/// Reads `Retry-After`: seconds, or an HTTP date against the clock. A date gone by is no wait.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

/// The wait before attempt `attempt + 1`: a random part of a bound that doubles, so that many who failed together do not
/// return together; and never shorter than Microsoft asked, since a `Retry-After` of one second
/// [may be too short](https://github.com/microsoftgraph/msgraph-sdk-javascript/issues/297) again and again.
pub(crate) fn wait(limits: &Limits, attempt: u32, asked: Option<Duration>, entropy: &dyn Entropy) -> Duration {
    let doubled = limits.first_wait.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    let bound = u64::try_from(doubled.min(limits.longest_wait).as_millis()).unwrap_or(u64::MAX);
    let drawn = Duration::from_millis(entropy.below(bound.saturating_add(1)));
    drawn.max(asked.unwrap_or_default()).min(limits.longest_wait)
}

#[cfg(test)]
mod tests {
    use m365_model::SeededEntropy;

    use super::*;

    fn headers(value: &str) -> HeaderMap {
        [(RETRY_AFTER, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now = "2026-03-02T15:00:00Z".parse().unwrap();
        let read = |value| retry_after(&headers(value), now);
        assert_eq!(read(" 17 "), Some(Duration::from_secs(17)));
        assert_eq!(read("Mon, 02 Mar 2026 15:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Mon, 02 Mar 2026 14:00:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-4", "NaN", "inf"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn the_wait_is_what_was_asked_or_longer_and_has_an_end() {
        let limits = Limits::default();
        let entropy = SeededEntropy::new(1);
        for attempt in 1..40 {
            let alone = wait(&limits, attempt, None, &entropy);
            assert!(alone <= limits.longest_wait && (attempt > 1 || alone <= limits.first_wait));
            assert!(wait(&limits, attempt, Some(Duration::from_secs(9)), &entropy) >= Duration::from_secs(9));
            assert_eq!(wait(&limits, attempt, Some(Duration::from_hours(9)), &entropy), limits.longest_wait);
        }
        let drawn: Vec<_> = (0..50).map(|_| wait(&limits, 5, None, &entropy)).collect();
        assert!(drawn.iter().any(|wait| *wait < Duration::from_secs(3)), "no jitter: {drawn:?}");
        assert!(drawn.iter().any(|wait| *wait > Duration::from_secs(5)), "no growth: {drawn:?}");
    }
}
