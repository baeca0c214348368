//! What the client has cost so far.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::traffic;

/// Counts since the client was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Requests sent to Graph, repeated ones too.
    pub requests: u64,
    /// Answers that asked for less: 429, and 503 with a time to wait.
    pub throttled: u64,
    /// Requests that repeated one that failed.
    pub retried: u64,
    /// Time spent waiting before a repetition, summed over requests.
    pub waited: Duration,
    /// Requests that wait for their repetition at this moment.
    pub waiting: u64,
    /// Token exchanges.
    pub tokens: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.throttled += other.throttled;
        self.retried += other.retried;
        self.waited += other.waited;
        self.waiting += other.waiting;
        self.tokens += other.tokens;
    }
}

#[derive(Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    throttled: AtomicU64,
    retried: AtomicU64,
    waited_ms: AtomicU64,
    waiting: AtomicU64,
    tokens: AtomicU64,
}

/// Counts a request as waiting for as long as it lasts, however the wait ends.
struct Waiting<'c>(&'c AtomicU64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counters {
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits before a repetition.
    pub(crate) async fn retry(&self, after: Duration) {
        self.retried.fetch_add(1, Ordering::Relaxed);
        self.waited_ms.fetch_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        traffic::waits(after);
        let _waiting = Waiting(&self.waiting);
        tokio::time::sleep(after).await;
    }

    pub(crate) fn token(&self) {
        self.tokens.fetch_add(1, Ordering::Relaxed);
        traffic::asked_for_a_token();
    }

    pub(crate) fn read(&self) -> Usage {
        Usage {
            requests: self.requests.load(Ordering::Relaxed),
            throttled: self.throttled.load(Ordering::Relaxed),
            retried: self.retried.load(Ordering::Relaxed),
            waited: Duration::from_millis(self.waited_ms.load(Ordering::Relaxed)),
            waiting: self.waiting.load(Ordering::Relaxed),
            tokens: self.tokens.load(Ordering::Relaxed),
        }
    }
}
