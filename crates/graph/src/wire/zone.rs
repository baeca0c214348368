//! Names of time zones, as Exchange writes them.

use jiff::tz::TimeZone;
use windows_timezones::WindowsTimezone;

/// The zone behind a name of Windows' or of the IANA's, by the rules that this program carries in itself; `None` for a
/// name that is neither, such as `tzone://Microsoft/Custom`, which has no rules that anyone could know.
pub(super) fn by_name(name: &str) -> Option<TimeZone> {
    if UTC.iter().any(|utc| utc.eq_ignore_ascii_case(name)) {
        return Some(TimeZone::UTC);
    }
    // Windows' names by CLDR's table, territory 001; they are written in one case, and so compared.
    let windows = name.parse::<WindowsTimezone>().ok();
    let iana = windows.map_or(name, |zone| zone.tzdb_id());
    // What is no name of a zone is not to be looked for in a table of files.
    let looks_right = iana.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
    if looks_right { TimeZone::get(iana).ok() } else { None }
}

/// The names under which UTC is written.
const UTC: &[&str] = &["UTC", "Etc/UTC", "GMT", "Etc/GMT", "tzone://Microsoft/Utc", "Coordinated Universal Time"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_kinds_are_zones_that_are_known_here() {
        for name in [
            "W. Europe Standard Time",
            "Pacific Standard Time (Mexico)",
            "Tokyo Standard Time",
            "UTC-11",
            "Line Islands Standard Time",
            "Europe/Kyiv",
            "America/Argentina/Buenos_Aires",
        ] {
            assert!(by_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_none_has_no_zone() {
        for name in ["", "tzone://Microsoft/Custom", "Customized Time Zone", "../../etc/passwd", "Mars/Olympus"] {
            assert!(by_name(name).is_none(), "{name}");
        }
        assert!(by_name("europe/amsterdam").is_some() && by_name("tzone://Microsoft/UTC").is_some());
    }
}
