//! How often somebody may knock: at the doors that try secrets, counted over everybody, so that no list of addresses is kept.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How many tries a minute are let through.
const A_MINUTE: u32 = 60;

/// Counts tries within the running minute.
#[derive(Default)]
pub struct Limiter(Mutex<(Timestamp, u32)>);

impl Limiter {
    /// Whether one more try is let through.
    pub fn lets_through(&self, now: Timestamp) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(state.0).abs() >= SignedDuration::from_mins(1) {
            *state = (now, 0);
        }
        state.1 += 1;
        state.1 <= A_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_minute_begins_anew() {
        let (limiter, now) = (Limiter::default(), Timestamp::from_second(1_800_000_000).unwrap());
        assert!((0..A_MINUTE).all(|_| limiter.lets_through(now)));
        assert!(!limiter.lets_through(now + SignedDuration::from_secs(59)));
        assert!(limiter.lets_through(now + SignedDuration::from_mins(1)));
    }
}
