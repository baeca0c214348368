//! Instants: where they come from and how they are written.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

/// Tells the time. The one way to ask for it outside this room.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved, for simulations and tests.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    /// Moves the clock forward.
    ///
    /// # Panics
    /// When the sum lies outside the calendar (year 9999).
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().expect("no holder of this lock panics");
        *now = now.checked_add(by).expect("a clock within the calendar");
    }

    /// Sets the clock, backwards too.
    ///
    /// # Panics
    /// When a holder of the clock panicked.
    pub fn set(&self, to: Timestamp) {
        *self.0.lock().expect("no holder of this lock panics") = to;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no holder of this lock panics")
    }
}

/// The instant without its fraction of a second, rounded down.
pub(crate) fn whole_seconds(at: Timestamp) -> Timestamp {
    let below = at.as_second() - i64::from(at.subsec_nanosecond() < 0);
    Timestamp::from_second(below).expect("a second within the calendar")
}

/// RFC 3339 in UTC with `Z` and whole seconds: how every instant is stored and printed, so that text order is time order.
pub fn to_text(at: Timestamp) -> String {
    whole_seconds(at).to_string()
}

/// Reads what [`to_text`] wrote; `None` for anything that is not an instant.
pub fn from_text(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().map(whole_seconds)
}

#[cfg(test)]
mod tests {
    use super::{from_text, to_text};

    #[test]
    fn instants_are_written_in_whole_seconds_with_a_z() {
        let at: jiff::Timestamp = "2026-03-02T15:00:00.9999999Z".parse().unwrap();
        assert_eq!(to_text(at), "2026-03-02T15:00:00Z");
        assert_eq!(to_text("1969-12-31T23:59:59.5Z".parse().unwrap()), "1969-12-31T23:59:59Z");
        assert_eq!(from_text("2026-03-02T16:00:00+01:00"), from_text("2026-03-02T15:00:00Z"));
        assert_eq!(from_text("yesterday"), None);
    }
}
