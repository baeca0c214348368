//! The handful of time zones that the office keeps.
//!
//! Zones are written as POSIX rules, so that no time zone database is needed and the same tenant
//! comes out on every machine.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

/// A time zone of the simulated calendars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Coordinated Universal Time.
    Utc,
    /// Berlin, Amsterdam, Paris.
    WesternEurope,
    /// London.
    London,
    /// New York.
    Eastern,
    /// Tokyo, which has no summer time.
    Tokyo,
}

impl Zone {
    const ALL: [Self; 5] = [Self::Utc, Self::WesternEurope, Self::London, Self::Eastern, Self::Tokyo];

    /// The name that Exchange uses by default.
    pub fn windows_name(self) -> &'static str {
        match self {
            Self::Utc => "UTC",
            Self::WesternEurope => "W. Europe Standard Time",
            Self::London => "GMT Standard Time",
            Self::Eastern => "Eastern Standard Time",
            Self::Tokyo => "Tokyo Standard Time",
        }
    }

    fn iana_name(self) -> &'static str {
        match self {
            Self::Utc => "Etc/UTC",
            Self::WesternEurope => "Europe/Berlin",
            Self::London => "Europe/London",
            Self::Eastern => "America/New_York",
            Self::Tokyo => "Asia/Tokyo",
        }
    }

    /// The zone that a request names, in either spelling.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|zone| zone.windows_name().eq_ignore_ascii_case(name) || zone.iana_name().eq_ignore_ascii_case(name))
    }

    fn rules(self) -> TimeZone {
        let posix = match self {
            Self::Utc => return TimeZone::UTC,
            Self::WesternEurope => "CET-1CEST,M3.5.0,M10.5.0/3",
            Self::London => "GMT0BST,M3.5.0/1,M10.5.0",
            Self::Eastern => "EST5EDT,M3.2.0,M11.1.0",
            Self::Tokyo => "JST-9",
        };
        TimeZone::posix(posix).unwrap_or(TimeZone::UTC)
    }

    /// What a clock on the wall shows.
    pub fn local(self, at: Timestamp) -> DateTime {
        match self {
            Self::Utc => TimeZone::UTC.to_datetime(at),
            other => other.rules().to_datetime(at),
        }
    }

    /// The instant at which a clock on the wall shows this.
    pub fn instant(self, local: DateTime) -> Timestamp {
        self.rules().to_ambiguous_timestamp(local).compatible().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Midnight of the day on which this zone's clock shows `at`, as UTC midnight of that date.
    pub fn date_as_utc(self, at: Timestamp) -> Timestamp {
        Self::Utc.instant(self.local(at).date().to_datetime(Time::midnight()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summer_time_is_kept() {
        let nine = |text: &str| Zone::WesternEurope.instant(text.parse().expect("a civil time"));
        assert_eq!(nine("2026-01-12T09:00").to_string(), "2026-01-12T08:00:00Z");
        assert_eq!(nine("2026-07-13T09:00").to_string(), "2026-07-13T07:00:00Z");
        assert_eq!(Zone::named("europe/berlin"), Some(Zone::WesternEurope));
    }
}
