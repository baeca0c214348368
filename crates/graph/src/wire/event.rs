//! Events of a calendar.

use jiff::Timestamp;
use m365_privacy::{AttendeeKind, RawAddress, RawAttendee, RawText, ResponseStatus};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Recipient;
use super::time::{EventTime, WireTime};

/// A row of a calendar round, or an event asked for by its id, before the filter.
///
/// An occurrence of a series [comes bare](https://github.com/microsoftgraph/microsoft-graph-docs/issues/7632): id, kind,
/// master, start and end. All else is then `None` and is the master's.
#[derive(Deserialize)]
#[serde(try_from = "WireEvent")]
pub struct Event {
    /// The immutable id in this mailbox.
    pub id: String,
    /// The row says that the event left the window: deleted, moved out of it, or
    /// [changed outside of it](https://github.com/microsoftgraph/microsoft-graph-docs/issues/6599) all along.
    pub removed: bool,
    /// What it is.
    pub kind: EventKind,
    /// The series that an occurrence or an exception belongs to.
    pub series_master_id: Option<String>,
    /// The same for every event of a series, and for every copy.
    pub uid: Option<String>,
    /// The same for every copy; whether it tells occurrences apart
    /// [depends](https://github.com/microsoftgraph/microsoft-graph-docs/issues/17479).
    pub ical_uid: Option<String>,
    /// The place of an exception in its series.
    pub occurrence_id: Option<String>,
    /// When an exception would have started, had it not been moved.
    pub original_start: Option<Timestamp>,
    /// The subject.
    pub subject: Option<RawText>,
    /// The start.
    pub start: Option<EventTime>,
    /// The end, which is no longer part of it.
    pub end: Option<EventTime>,
    /// Whether it fills whole days.
    pub is_all_day: Option<bool>,
    /// Whether it was called off. The copy may stay in a calendar.
    pub is_cancelled: Option<bool>,
    /// Whether the calendar's owner is the organizer.
    pub is_organizer: Option<bool>,
    /// Whether there is a link to join it. The link itself is not read.
    pub is_online_meeting: Option<bool>,
    /// How private it is.
    pub sensitivity: Option<Sensitivity>,
    /// How it stands in the calendar.
    pub show_as: Option<ShowAs>,
    /// When it was changed last.
    pub last_modified: Option<Timestamp>,
    /// Who called it.
    pub organizer: Option<RawAddress>,
    /// Who was asked, resources too, and the organizer in an attendee's copy.
    pub attendees: Option<Vec<RawAttendee>>,
}

super::silent_debug!(Event);

/// An enum of Graph's with its words. A word that is not in the list is the last variant.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$more:meta])* $variant:ident = $word:literal,)* } else $(#[$other_doc:meta])* $other:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$more])* $variant,)*
            $(#[$other_doc])* $other,
        }

        impl $name {
            fn read(text: &str) -> Self {
                $(if text.eq_ignore_ascii_case($word) { return Self::$variant; })*
                Self::$other
            }

            /// Graph's word; `None` for a word that Graph's documentation does not have.
            pub const fn word(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($word),)*
                    Self::$other => None,
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|text| Self::read(&text))
            }
        }
    };
}

words! {
    /// What an event is, in Graph's field `type`.
    EventKind {
        /// An event of its own.
        SingleInstance = "singleInstance",
        /// One of a series, as the series has it.
        Occurrence = "occurrence",
        /// One of a series, changed.
        Exception = "exception",
        /// The series itself, which is no meeting; its start is
        /// [its first occurrence's](https://github.com/ridafkih/keeper.sh/pull/409), in the window or not.
        SeriesMaster = "seriesMaster",
    } else
    /// Another word, or none, as in a removal.
    Unknown
}

words! {
    /// How private an event is.
    Sensitivity {
        /// Open.
        Normal = "normal",
    } else
    /// Personal, private, confidential, or a word that Graph does not document.
    Other
}

words! {
    /// How an event stands in the calendar.
    ShowAs {
        /// Free.
        Free = "free",
        /// Not sure.
        Tentative = "tentative",
        /// Busy.
        Busy = "busy",
        /// Away.
        Oof = "oof",
        /// At work in another place.
        WorkingElsewhere = "workingElsewhere",
    } else
    /// Graph's own `unknown`, or another word.
    Unknown
}

super::asked_for! {
    WireEvent {
        "id" => id: String,
        "type" => kind: Option<EventKind>,
        "seriesMasterId" => series_master_id: Option<String>,
        "uid" => uid: Option<String>,
        "iCalUId" => ical_uid: Option<String>,
        "occurrenceId" => occurrence_id: Option<String>,
        "originalStart" => original_start: Option<Timestamp>,
        "subject" => subject: Option<RawText>,
        "start" => start: Option<WireTime>,
        "end" => end: Option<WireTime>,
        "isAllDay" => is_all_day: Option<bool>,
        "isCancelled" => is_cancelled: Option<bool>,
        "isOrganizer" => is_organizer: Option<bool>,
        "isOnlineMeeting" => is_online_meeting: Option<bool>,
        "sensitivity" => sensitivity: Option<Sensitivity>,
        "showAs" => show_as: Option<ShowAs>,
        "lastModifiedDateTime" => last_modified: Option<Timestamp>,
        "organizer" => organizer: Option<Recipient>,
        "attendees" => attendees: Option<Vec<Option<WireAttendee>>>,
    }
    unasked {
        "@removed" => removed: Option<IgnoredAny>,
    }
}

#[derive(Default, Deserialize)]
struct WireAttendee {
    #[serde(rename = "emailAddress")]
    email: Option<super::EmailAddress>,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<WireStatus>,
}

#[derive(Deserialize)]
struct WireStatus {
    response: Option<String>,
}

/// Every row of the list is one attendee, an empty row too.
fn attendee(wire: Option<WireAttendee>) -> RawAttendee {
    let WireAttendee { email, kind, status } = wire.unwrap_or_default();
    RawAttendee {
        address: Recipient { email }.address(),
        kind: AttendeeKind::from_graph(kind.as_deref().unwrap_or_default()),
        response: ResponseStatus::from_graph(status.and_then(|status| status.response).as_deref()),
    }
}

impl TryFrom<WireEvent> for Event {
    type Error = &'static str;

    fn try_from(wire: WireEvent) -> Result<Self, &'static str> {
        let time =
            |time: Option<WireTime>| time.map(EventTime::try_from).transpose().map_err(|_| "a time that is none");
        let given = |id: Option<String>| id.filter(|id| !id.is_empty());
        Ok(Self {
            id: super::nonempty_id(wire.id)?,
            removed: wire.removed.is_some(),
            kind: wire.kind.unwrap_or(EventKind::Unknown),
            series_master_id: given(wire.series_master_id),
            uid: given(wire.uid),
            ical_uid: given(wire.ical_uid),
            occurrence_id: given(wire.occurrence_id),
            original_start: wire.original_start,
            subject: wire.subject,
            start: time(wire.start)?,
            end: time(wire.end)?,
            is_all_day: wire.is_all_day,
            is_cancelled: wire.is_cancelled,
            is_organizer: wire.is_organizer,
            is_online_meeting: wire.is_online_meeting,
            sensitivity: wire.sensitivity,
            show_as: wire.show_as,
            last_modified: wire.last_modified,
            organizer: wire.organizer.map(Recipient::address),
            attendees: wire.attendees.map(|rows| rows.into_iter().map(attendee).collect()),
        })
    }
}

impl Event {
    /// The fields that a request for one event asks for. A calendar's delta takes
    /// [no selection](https://learn.microsoft.com/en-us/graph/api/event-delta) and sends everything.
    pub const SELECT: &'static [&'static str] = WireEvent::SELECT;

    /// When it starts; an all-day event at midnight UTC of its date. An occurrence does not say that it is all-day: see the
    /// master, and [`EventTime::midnight`].
    pub fn starts_at(&self) -> Option<Timestamp> {
        self.start.map(|start| self.instant_of(start))
    }

    /// When it ends.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.end.map(|end| self.instant_of(end))
    }

    fn instant_of(&self, time: EventTime) -> Timestamp {
        if self.is_all_day == Some(true) { time.midnight() } else { time.instant() }
    }

    /// Whether a time of it stood in a zone that was read as UTC for want of better knowledge.
    pub fn zone_unknown(&self) -> bool {
        [self.start, self.end].into_iter().flatten().any(|time| time.zone_unknown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Event {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_request_for_one_event_names_what_is_kept_and_no_body() {
        for never in ["body", "bodyPreview", "location", "locations", "onlineMeeting", "onlineMeetingUrl", "categories"]
        {
            assert!(!Event::SELECT.contains(&never), "{never}");
        }
        assert_eq!(Event::SELECT.len(), 19);
    }

    #[test]
    fn a_bare_occurrence_has_its_times_and_its_master_alone() {
        let bare = read(
            r#"{"id":"o1","seriesMasterId":"m1","type":"occurrence",
                "start":{"dateTime":"2026-08-03T11:00:00.0000000","timeZone":"W. Europe Standard Time"},
                "end":{"dateTime":"2026-08-03T09:30:00.0000000","timeZone":"tzone://Microsoft/Custom"}}"#,
        );
        assert_eq!(bare.kind, EventKind::Occurrence);
        assert_eq!(bare.series_master_id.as_deref(), Some("m1"));
        assert_eq!(bare.starts_at().unwrap().to_string(), "2026-08-03T09:00:00Z");
        assert!(bare.zone_unknown() && bare.attendees.is_none() && bare.subject.is_none() && bare.organizer.is_none());
    }

    #[test]
    fn people_come_with_kind_and_answer_however_odd_they_are() {
        let event = read(
            r#"{"id":"e1","attendees":[
                {"type":"required","status":{"response":"TentativelyAccepted"},"emailAddress":{"address":"a@b.c"}},
                {"type":"resource","status":{"response":"none"},"emailAddress":{"name":"CANARY"}},
                {"type":"newKind","status":{"response":"maybe"},"emailAddress":{"address":null}},
                {"emailAddress":{"address":"/o=ExchangeLabs/cn=Recipients/cn=x"}},{},null],
                "organizer":{"emailAddress":{}},"onlineMeeting":{"joinUrl":"CANARY"},"body":{"content":"CANARY"}}"#,
        );
        let people = event.attendees.unwrap();
        let words: Vec<_> = people.iter().map(|one| (one.kind, one.response.word())).collect();
        assert_eq!(
            words,
            [
                (AttendeeKind::Required, "tentativelyAccepted"),
                (AttendeeKind::Resource, "none"),
                (AttendeeKind::Required, "none"),
                (AttendeeKind::Required, "none"),
                (AttendeeKind::Required, "none"),
                (AttendeeKind::Required, "none"),
            ]
        );
        assert!(event.organizer.is_some());
    }

    #[test]
    fn an_unknown_sensitivity_is_not_normal_and_an_absent_one_is_absent() {
        assert_eq!(read(r#"{"id":"e","sensitivity":"Normal"}"#).sensitivity, Some(Sensitivity::Normal));
        assert_eq!(read(r#"{"id":"e","sensitivity":"secret"}"#).sensitivity, Some(Sensitivity::Other));
        assert_eq!(read(r#"{"id":"e","sensitivity":null}"#).sensitivity, None);
        assert_eq!(read(r#"{"id":"e"}"#).sensitivity, None);
    }

    #[test]
    fn an_all_day_event_starts_at_midnight_utc_of_its_date() {
        let day = read(
            r#"{"id":"e","isAllDay":true,"start":{"dateTime":"2026-08-10T00:00:00.0000000","timeZone":"Europe/Amsterdam"},
                "end":{"dateTime":"2026-08-11T00:00:00.0000000","timeZone":"Europe/Amsterdam"}}"#,
        );
        assert_eq!(day.starts_at().unwrap().to_string(), "2026-08-10T00:00:00Z");
        assert_eq!(day.ends_at().unwrap().to_string(), "2026-08-11T00:00:00Z");
    }

    #[test]
    fn a_removal_is_an_id() {
        let gone = read(r#"{"id":"e","@removed":{"reason":"deleted"}}"#);
        assert!(gone.removed && gone.kind == EventKind::Unknown);
        for bad in ["{}", r#"{"id":""}"#, r#"{"id":"e","start":{"dateTime":"soon"}}"#, r#"{"id":"e","isAllDay":"yes"}"#]
        {
            assert!(serde_json::from_str::<Event>(bad).is_err(), "{bad}");
        }
    }
}
