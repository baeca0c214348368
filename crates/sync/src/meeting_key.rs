//! Which copies are of one meeting.
//!
//! A meeting's copies in several calendars have their own ids and one `uid`
//! (<https://learn.microsoft.com/graph/api/resources/event>). `iCalUId` is the same but for the instance's date, which
//! Exchange writes into it, and does not tell occurrences apart reliably
//! (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/17479>). So a meeting is a uid, and for a series the
//! day that the instance had in the series.

use jiff::Timestamp;
use m365_graph::Event;
use m365_model::to_text;
use m365_store::keys::ShortKey;

/// How every global object id of Exchange begins; the instance's date follows
/// (<https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxocal/1d3aac05-a7b9-45cc-a213-47f0a0a2c5c1>).
const GLOBAL_OBJECT_ID: &str = "040000008200E00074C5B7101A82E008";
const DATE: std::ops::Range<usize> = 32..40;

/// What an event has in common with its copies elsewhere and with its series, if anything.
pub(crate) fn series_key(event: &Event) -> Option<ShortKey> {
    let uid = event.uid.as_deref().or(event.ical_uid.as_deref())?;
    Some(ShortKey::series(&without_date(uid)))
}

/// What tells an instance of a series from the others: its day in the series, or its start where that is not told.
pub(crate) fn instance(event: &Event, start: Timestamp, is_bare: bool) -> String {
    let told = event
        .occurrence_id
        .as_deref()
        .and_then(|id| id.rsplit('.').next())
        .filter(|day| day.parse::<jiff::civil::Date>().is_ok())
        .map(str::to_owned)
        .or_else(|| event.original_start.map(day_of))
        .or_else(|| event.ical_uid.as_deref().and_then(date_in));
    match told {
        Some(day) => day,
        // A bare occurrence keeps its place in the series, and its time is told in the zone of the series more often than
        // not; an exception may have been moved.
        None if is_bare => day_of(event.start.map_or(start, |time| time.midnight())),
        None => to_text(start),
    }
}

/// The instance of a meeting that is not of a series: it has one, wherever it is moved.
pub(crate) const ONLY: &str = "only";

/// What tells a single meeting from others with its uid. Whoever was asked to some days of a series alone has each of them as a single
/// meeting, with the series' uid and its own day in `iCalUId`.
pub(crate) fn single(event: &Event) -> String {
    event.ical_uid.as_deref().and_then(date_in).unwrap_or_else(|| ONLY.to_owned())
}

/// The day of an instant, in UTC.
fn day_of(at: Timestamp) -> String {
    to_text(at)[..10].to_owned()
}

fn is_global_object_id(uid: &str) -> bool {
    uid.len() > DATE.end
        && uid.is_ascii()
        && uid[..DATE.start].eq_ignore_ascii_case(GLOBAL_OBJECT_ID)
        && uid[DATE].bytes().all(|b| b.is_ascii_hexdigit())
}

fn without_date(uid: &str) -> String {
    if is_global_object_id(uid) {
        format!("{}00000000{}", &uid[..DATE.start], &uid[DATE.end..]).to_ascii_uppercase()
    } else {
        uid.to_owned()
    }
}

/// The instance's date in a global object id: year, month and day in hex.
fn date_in(uid: &str) -> Option<String> {
    if !is_global_object_id(uid) {
        return None;
    }
    let number = |range| i16::from_str_radix(uid.get(range)?, 16).ok();
    let (year, month, day) = (number(32..36)?, number(36..38)?, number(38..40)?);
    let date = jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    (year > 0).then(|| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_in_an_exceptions_uid_is_its_instance_and_not_part_of_its_series() {
        let tail = "00000000C59E58148916DD01000000000000000010000000EF92B5A896B7BB44B4F204EA69833FAF";
        let (series, instance) =
            (format!("{GLOBAL_OBJECT_ID}00000000{tail}"), format!("{GLOBAL_OBJECT_ID}07EA080A{tail}"));
        assert_eq!(date_in(&instance).as_deref(), Some("2026-08-10"));
        assert_eq!(date_in(&series), None);
        assert_eq!(without_date(&instance), without_date(&series));
        assert_eq!(without_date(&series.to_lowercase()), without_date(&series));
        assert_eq!(without_date("someone-elses-uid"), "someone-elses-uid");
        assert_eq!(date_in(&format!("{GLOBAL_OBJECT_ID}07EA1F0A{tail}")), None, "there is no 31st month");
    }
}
