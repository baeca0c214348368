//! How often somebody may knock at the doors that try secrets. It is counted for each client, so that one alone does not keep the
//! others out, and over everybody.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::{Browser, Client};
use crate::app::App;
use crate::problem::Problem;

/// How many tries of one client a minute are let through. A whole way through Microsoft's pages is four.
const OF_ONE: u32 = 30;
/// How many tries of everybody together a minute are let through: so many clients are remembered at most, for a minute.
const OF_ALL: u32 = 300;

/// Counts tries within the running minute.
#[derive(Default)]
pub struct Limiter(Mutex<Minute>);

#[derive(Default)]
struct Minute {
    since: Timestamp,
    all: u32,
    each: HashMap<Client, u32>,
}

impl Limiter {
    /// Whether one more try is let through. What is not is not counted.
    fn lets_through(&self, client: Client, now: Timestamp) -> bool {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(minute.since).abs() >= SignedDuration::from_mins(1) {
            *minute = Minute { since: now, ..Minute::default() };
        }
        if minute.all >= OF_ALL {
            return false;
        }
        let tries = minute.each.entry(client).or_default();
        if *tries >= OF_ONE {
            return false;
        }
        *tries += 1;
        minute.all += 1;
        true
    }
}

/// Lets one more try through.
pub fn knock(app: &App, browser: &Browser) -> Result<(), Problem> {
    let now = app.store().surroundings().now();
    if app.knocks.lets_through(browser.client(), now) { Ok(()) } else { Err(Problem::TooOften) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u32) -> Client {
        Client::from(std::net::Ipv4Addr::from_bits(number))
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn the_next_minute_begins_anew() {
        let limiter = Limiter::default();
        assert!((0..OF_ONE).all(|_| limiter.lets_through(client(1), now())));
        assert!(!limiter.lets_through(client(1), now() + SignedDuration::from_secs(59)));
        assert!(limiter.lets_through(client(2), now()), "one alone does not keep the others out");
        assert!(limiter.lets_through(client(1), now() + SignedDuration::from_mins(1)));
    }

    /// Fails when tries are counted for each client alone.
    #[test]
    fn all_together_have_a_limit_and_no_more_clients_are_remembered() {
        let limiter = Limiter::default();
        assert!((0..OF_ALL).all(|number| limiter.lets_through(client(number), now())));
        assert!((OF_ALL..2 * OF_ALL).all(|number| !limiter.lets_through(client(number), now())));
        assert_eq!(limiter.0.lock().unwrap().each.len(), usize::try_from(OF_ALL).unwrap());
    }
}
