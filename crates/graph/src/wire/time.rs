//! Graph's `dateTimeTimeZone`: a wall-clock time and the name of a zone.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::zone;

/// When an event starts or ends. Every request asks for UTC; occurrences of a series have been seen in the zone of the
/// series all the same, so that each time is read in the
/// [zone that it names](https://github.com/microsoftgraph/microsoft-graph-docs/issues/19284). One in a zone that nobody
/// knows is read as UTC and says so, to be counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EventTime {
    wall: DateTime,
    instant: Timestamp,
    zone_unknown: bool,
}

super::silent_debug!(EventTime);

#[derive(Deserialize)]
pub(super) struct WireTime {
    #[serde(rename = "dateTime")]
    date_time: String,
    #[serde(rename = "timeZone")]
    time_zone: Option<String>,
}

impl TryFrom<WireTime> for EventTime {
    type Error = jiff::Error;

    /// Seven digits of a fraction and no offset is the documented form; a form with an offset is read for what it says.
    fn try_from(wire: WireTime) -> Result<Self, jiff::Error> {
        let text = wire.date_time.trim();
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Ok(Self { wall: TimeZone::UTC.to_datetime(instant), instant, zone_unknown: false });
        }
        let name = wire.time_zone.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let zone = name.map_or(Some(TimeZone::UTC), zone::by_name);
        let zone_unknown = zone.is_none();
        let wall = text.parse::<DateTime>()?;
        // An hour that a change of clocks skips or repeats is read as the clocks before the change had it.
        let instant = zone.unwrap_or(TimeZone::UTC).to_timestamp(wall)?;
        Ok(Self { wall, instant, zone_unknown })
    }
}

impl EventTime {
    /// The instant.
    pub fn instant(&self) -> Timestamp {
        self.instant
    }

    /// Midnight UTC of the date: when an all-day event begins or ends, whatever zone its
    /// [midnight](https://github.com/microsoftgraph/microsoft-graph-docs/issues/6003) was meant in.
    pub fn midnight(&self) -> Timestamp {
        let midnight = self.wall.date().to_datetime(Time::midnight());
        TimeZone::UTC.to_timestamp(midnight).unwrap_or(self.instant)
    }

    /// Whether the zone's name was none that this crate knows.
    pub fn zone_unknown(&self) -> bool {
        self.zone_unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(date_time: &str, zone: Option<&str>) -> Option<EventTime> {
        WireTime { date_time: date_time.to_owned(), time_zone: zone.map(str::to_owned) }.try_into().ok()
    }

    #[test]
    fn a_time_is_read_with_its_seven_digits_and_without_an_offset() {
        let time = read("2026-08-03T09:00:00.1234567", Some("UTC")).unwrap();
        assert_eq!(time.instant().to_string(), "2026-08-03T09:00:00.1234567Z");
        assert!(!time.zone_unknown());
        for zone in [None, Some(""), Some("utc"), Some("Etc/UTC"), Some("tzone://Microsoft/Utc")] {
            assert!(!read("2026-08-03T09:00:00", zone).unwrap().zone_unknown(), "{zone:?}");
        }
    }

    #[test]
    fn a_time_is_read_in_the_zone_that_it_names() {
        for (zone, winter, summer) in [
            ("W. Europe Standard Time", "2026-01-05T08:00:00Z", "2026-08-03T07:00:00Z"),
            ("Europe/Amsterdam", "2026-01-05T08:00:00Z", "2026-08-03T07:00:00Z"),
            ("Tokyo Standard Time", "2026-01-05T00:00:00Z", "2026-08-03T00:00:00Z"),
            ("Eastern Standard Time", "2026-01-05T14:00:00Z", "2026-08-03T13:00:00Z"),
        ] {
            for (wall, instant) in [("2026-01-05T09:00:00.0000000", winter), ("2026-08-03T09:00:00.0000000", summer)] {
                let time = read(wall, Some(zone)).unwrap();
                assert_eq!((time.instant().to_string().as_str(), time.zone_unknown()), (instant, false), "{zone}");
            }
        }
    }

    #[test]
    fn an_unknown_zone_is_read_as_utc_and_says_so() {
        let time = read("2026-08-03T09:00:00.0000000", Some("tzone://Microsoft/Custom")).unwrap();
        assert!(time.zone_unknown());
        assert_eq!(time.instant().to_string(), "2026-08-03T09:00:00Z");
    }

    #[test]
    fn an_offset_is_believed_and_an_all_day_event_starts_at_midnight_of_its_date() {
        assert_eq!(read("2026-08-03T09:00:00+02:00", None).unwrap().instant().to_string(), "2026-08-03T07:00:00Z");
        let day = read("2026-08-10T00:00:00.0000000", Some("Europe/Amsterdam")).unwrap();
        assert_eq!(day.midnight().to_string(), "2026-08-10T00:00:00Z");
        for nonsense in ["", "soon", "2026-13-01T00:00:00", "2026-08-03 quarter past"] {
            assert!(read(nonsense, None).is_none(), "{nonsense}");
        }
        assert_eq!(read("0001-01-01T00:00:00.0000000", None).unwrap().instant().to_string(), "0001-01-01T00:00:00Z");
    }
}
