//! What the simulator has seen of its callers.

use std::collections::{BTreeMap, VecDeque};

use crate::world::UserNo;

/// How many requests the log remembers.
const REMEMBERED: usize = 100_000;

/// One request, as a test may look at it. Values of queries and headers are not kept, but for
/// those that tests ask about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The method.
    pub method: String,
    /// The path, decoded.
    pub path: String,
    /// The names in the query, decoded, in order.
    pub query_keys: Vec<String>,
    /// The value of `$select`.
    pub select: Option<String>,
    /// The value of `$filter`.
    pub filter: Option<String>,
    /// The `Prefer` header, several of them joined by commas.
    pub prefer: String,
    /// What kind of request it was, as in [`Counters::by_kind`].
    pub kind: &'static str,
    /// Whose mailbox it was for.
    pub mailbox: Option<UserNo>,
    /// The status of the answer.
    pub status: u16,
}

/// Sums over everything asked so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// How many requests of each kind.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// How many answers of each status.
    pub by_status: BTreeMap<u16, u64>,
    /// How many requests there were in all.
    pub requests: u64,
    /// How many of them were answered with 429.
    pub throttled: u64,
    /// The most requests that were under way at once for each mailbox.
    pub max_in_flight: BTreeMap<UserNo, usize>,
    /// The most requests to Graph and Entra that were under way at once.
    pub most_at_once: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub counters: Counters,
    pub log: VecDeque<LogEntry>,
    in_flight: BTreeMap<UserNo, usize>,
    under_way: usize,
    /// The seconds of the simulated clock at which each mailbox was asked, within the last [`SPAN`].
    lately: BTreeMap<UserNo, VecDeque<i64>>,
}

/// Over which time the service counts a mailbox's requests
/// (<https://learn.microsoft.com/graph/throttling-limits>), in seconds.
const SPAN: i64 = 600;

impl Watch {
    /// Notes that a request has begun; how many are under way with it for its mailbox.
    pub fn enter(&mut self, user: Option<UserNo>) -> usize {
        self.under_way += 1;
        self.counters.most_at_once = self.counters.most_at_once.max(self.under_way);
        let Some(user) = user else { return 0 };
        let now = self.in_flight.entry(user).or_default();
        *now += 1;
        let most = self.counters.max_in_flight.entry(user).or_default();
        *most = (*most).max(*now);
        *now
    }

    /// Notes that it is over.
    pub fn leave(&mut self, user: Option<UserNo>) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(now) = user.and_then(|user| self.in_flight.get_mut(&user)) {
            *now = now.saturating_sub(1);
        }
    }

    /// Counts a request to a mailbox at a second of the simulated clock. If that is more than `limit` within the span, in how
    /// many seconds there is room again.
    pub fn over_rate(&mut self, user: UserNo, now: i64, limit: usize) -> Option<i64> {
        let lately = self.lately.entry(user).or_default();
        while lately.front().is_some_and(|second| *second <= now - SPAN) {
            lately.pop_front();
        }
        if lately.len() >= limit {
            return Some(lately.front().map_or(SPAN, |second| second + SPAN - now));
        }
        lately.push_back(now);
        None
    }

    /// Notes a request and its answer.
    pub fn note(&mut self, entry: LogEntry) {
        self.counters.requests += 1;
        self.counters.throttled += u64::from(entry.status == 429);
        *self.counters.by_kind.entry(entry.kind).or_default() += 1;
        *self.counters.by_status.entry(entry.status).or_default() += 1;
        if self.log.len() == REMEMBERED {
            self.log.pop_front();
        }
        self.log.push_back(entry);
    }
}
