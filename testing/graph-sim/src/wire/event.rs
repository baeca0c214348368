//! Events (<https://learn.microsoft.com/graph/api/resources/event>), and the bare occurrences of
//! calendar delta rounds
//! (<https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/34>).

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Body, Recipient, RemovedRow, View, fine_instant};
use crate::ids::{self, Item};
use crate::world::{Attendee, AttendeeKind, EntryNo, Mailbox, Meeting, Occurrence, Pattern, Recurrence, UserNo, World};
use crate::zones::Zone;

pub(crate) const TYPE: &str = "#microsoft.graph.event";

const NEVER: &str = "0001-01-01T00:00:00Z";

/// A row of a calendar delta round.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum DeltaRow<'a> {
    Whole(Box<EventRow<'a>>),
    Bare(BareRow),
    Removed(RemovedRow),
}

/// An occurrence that does not differ from its series: its place in time and nothing else.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BareRow {
    #[serde(rename = "@odata.type")]
    kind: &'static str,
    #[serde(rename = "@odata.etag")]
    etag: String,
    id: String,
    series_master_id: String,
    #[serde(rename = "type")]
    event_type: &'static str,
    start: DateTimeZone,
    end: DateTimeZone,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DateTimeZone {
    date_time: String,
    time_zone: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    response: &'static str,
    time: String,
}

#[derive(Debug, Serialize)]
struct AttendeeRow<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    status: Status,
    #[serde(flatten)]
    who: Recipient<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OnlineMeeting {
    join_url: String,
}

/// A single meeting, the master of a series, or a day of one, in full.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the resource has as many")]
pub(crate) struct EventRow<'a> {
    #[serde(rename = "@odata.type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(rename = "@odata.etag")]
    etag: String,
    id: String,
    created_date_time: String,
    last_modified_date_time: String,
    change_key: String,
    categories: [&'static str; 0],
    transaction_id: Option<&'static str>,
    original_start_time_zone: &'static str,
    original_end_time_zone: &'static str,
    #[serde(rename = "iCalUId")]
    ical_uid: String,
    uid: &'a str,
    reminder_minutes_before_start: i32,
    is_reminder_on: bool,
    has_attachments: bool,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_preview: Option<String>,
    importance: &'static str,
    sensitivity: &'static str,
    is_all_day: bool,
    is_cancelled: bool,
    is_organizer: bool,
    response_requested: bool,
    series_master_id: Option<String>,
    show_as: &'static str,
    #[serde(rename = "type")]
    event_type: &'static str,
    web_link: String,
    online_meeting_url: Option<&'static str>,
    is_online_meeting: bool,
    online_meeting_provider: &'static str,
    allow_new_time_proposals: bool,
    occurrence_id: Option<String>,
    original_start: Option<String>,
    is_draft: bool,
    hide_attendees: bool,
    response_status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Body>,
    start: DateTimeZone,
    end: DateTimeZone,
    location: Value,
    locations: Vec<Value>,
    recurrence: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attendees: Option<Vec<AttendeeRow<'a>>>,
    organizer: Recipient<'a>,
    online_meeting: Option<OnlineMeeting>,
}

/// A copy of a meeting that rows are written for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copy<'a> {
    pub world: &'a World,
    pub user: UserNo,
    pub mailbox: &'a Mailbox,
    pub entry: EntryNo,
    pub view: View,
}

impl<'a> Copy<'a> {
    pub fn meeting(&self) -> &'a Meeting {
        self.world.meeting(self.mailbox.calendar.entry(self.entry).meeting)
    }

    /// The id of the copy as a whole.
    pub fn id(&self) -> String {
        self.mailbox.stem().id(Item::Event(self.entry.0), self.view.form)
    }

    /// The id of one of its days.
    pub fn day_id(&self, date: jiff::civil::Date) -> String {
        self.world.occurrence_id(self.user, self.entry, date, self.view.form).unwrap_or_default()
    }

    pub fn removed(&self) -> RemovedRow {
        RemovedRow::new(TYPE, self.id())
    }

    pub fn day_removed(&self, date: jiff::civil::Date) -> RemovedRow {
        RemovedRow::new(TYPE, self.day_id(date))
    }

    /// The single meeting or the master.
    pub fn whole(&self, in_delta: bool) -> EventRow<'a> {
        self.row(None, in_delta)
    }

    /// A day in full: an exception, or what a plain calendar view shows of an occurrence.
    pub fn day(&self, day: &Occurrence<'a>, in_delta: bool) -> EventRow<'a> {
        self.row(Some(day), in_delta)
    }

    /// A day as a delta round shows it.
    pub fn delta_day(&self, day: &Occurrence<'a>) -> DeltaRow<'a> {
        if day.exception.is_some() {
            return DeltaRow::Whole(Box::new(self.day(day, true)));
        }
        let meeting = self.meeting();
        let zone = if self.view.series_zone { meeting.zone } else { self.view.zone };
        DeltaRow::Bare(BareRow {
            kind: TYPE,
            etag: self.etag("DwAAABYAAAC"),
            id: self.day_id(day.date),
            series_master_id: self.id(),
            event_type: "occurrence",
            start: moment(day.start, meeting.all_day, zone),
            end: moment(day.end, meeting.all_day, zone),
        })
    }

    fn etag(&self, prefix: &str) -> String {
        format!("W/\"{prefix}{}\"", self.change_key())
    }

    fn change_key(&self) -> String {
        let version = self.mailbox.calendar.entry(self.entry).version;
        self.mailbox.stem().change_key(self.entry.0, version)
    }

    fn row(&self, day: Option<&Occurrence<'a>>, in_delta: bool) -> EventRow<'a> {
        let (world, view) = (self.world, self.view);
        let entry = self.mailbox.calendar.entry(self.entry);
        let meeting = self.meeting();
        let exception = day.and_then(|d| d.exception);
        let is_organizer = world.is_organizer(entry.meeting, self.user);
        let cancelled = meeting.cancelled || entry.is_uninvited || exception.is_some_and(|e| e.cancelled);
        let subject = exception.and_then(|e| e.subject.as_ref()).unwrap_or(&meeting.subject);
        let attendees = exception.and_then(|e| e.attendees.as_deref()).unwrap_or(&meeting.attendees);
        let is_thin = exception.is_some_and(|e| e.is_thin);
        let (start, end) = day.map_or((meeting.start, meeting.end), |d| (d.start, d.end));
        let modified = world.modified_of(self.user, self.entry, day.map(|d| d.date));
        let number = entry.meeting.0;
        let location = location(number, meeting.online);
        EventRow {
            kind: in_delta.then_some(TYPE),
            etag: self.etag(""),
            id: day.map_or_else(|| self.id(), |d| self.day_id(d.date)),
            created_date_time: fine_instant(meeting.created),
            last_modified_date_time: fine_instant(modified.unwrap_or(meeting.modified)),
            change_key: self.change_key(),
            categories: [],
            transaction_id: None,
            original_start_time_zone: original_zone(number, meeting.zone),
            original_end_time_zone: original_zone(number, meeting.zone),
            ical_uid: day.map_or_else(|| meeting.uid.clone(), |d| ids::exception_uid(&meeting.uid, d.date)),
            uid: &meeting.uid,
            reminder_minutes_before_start: 15,
            is_reminder_on: true,
            has_attachments: false,
            subject: if cancelled { format!("Canceled: {subject}") } else { subject.clone() },
            body_preview: view.bodies.then(|| format!("CANARY-PREVIEW-E{number:06}")),
            importance: "normal",
            sensitivity: exception
                .and_then(|e| e.sensitivity)
                .unwrap_or_else(|| world.sensitivity_of(self.user, self.entry))
                .word(),
            is_all_day: meeting.all_day,
            is_cancelled: cancelled,
            is_organizer,
            response_requested: true,
            series_master_id: day.map(|_| self.id()),
            show_as: if cancelled { "free" } else { meeting.show_as },
            event_type: match (day, exception) {
                (Some(_), Some(_)) => "exception",
                (Some(_), None) => "occurrence",
                (None, _) if meeting.recurrence.is_some() => "seriesMaster",
                (None, _) => "singleInstance",
            },
            web_link: format!("https://outlook.example/owa/?itemid={}&path=/calendar/item", self.id()),
            online_meeting_url: None,
            is_online_meeting: meeting.online,
            online_meeting_provider: if meeting.online { "teamsForBusiness" } else { "unknown" },
            allow_new_time_proposals: true,
            occurrence_id: day.map(|d| format!("OID.{}.{}", self.id(), d.date)),
            original_start: None,
            is_draft: false,
            hide_attendees: meeting.hide_attendees,
            response_status: self.own_answer(attendees, is_organizer, meeting.created),
            body: view.bodies.then(|| {
                let size = if meeting.big { view.big } else { 0 };
                Body::new(&format!("CANARY-BODY-E{number:06}"), view.text, size)
            }),
            start: moment(start, meeting.all_day, view.zone),
            end: moment(end, meeting.all_day, view.zone),
            locations: vec![location.clone()],
            location,
            recurrence: if day.is_some() { None } else { recurrence(meeting) },
            attendees: (!is_thin).then(|| {
                let attendees = world.attendees_in(entry.meeting, attendees, self.user);
                attendees.iter().map(|a| attendee(world, a)).collect()
            }),
            organizer: Recipient::new(world, meeting.organizer),
            online_meeting: meeting.online.then(|| OnlineMeeting {
                join_url: format!("https://teams.example/l/meetup-join/CANARY-JOIN-E{number:06}"),
            }),
        }
    }

    fn own_answer(&self, attendees: &[Attendee], is_organizer: bool, when: Timestamp) -> Status {
        if is_organizer {
            return Status { response: "organizer", time: NEVER.to_owned() };
        }
        let answer = attendees.iter().find(|a| self.world.is_person(self.user, a.person)).map(|a| a.response.word());
        Status { response: answer.unwrap_or("notResponded"), time: fine_instant(when) }
    }
}

fn attendee<'a>(world: &'a World, attendee: &Attendee) -> AttendeeRow<'a> {
    AttendeeRow {
        kind: match attendee.kind {
            AttendeeKind::Required => "required",
            AttendeeKind::Optional => "optional",
            AttendeeKind::Resource => "resource",
        },
        status: Status { response: attendee.response.word(), time: NEVER.to_owned() },
        who: Recipient::new(world, attendee.person),
    }
}

/// Whole days keep their midnights in whatever zone they are shown.
fn moment(at: Timestamp, all_day: bool, zone: Zone) -> DateTimeZone {
    let local = if all_day { Zone::Utc.local(at) } else { zone.local(at) };
    DateTimeZone { date_time: local.strftime("%Y-%m-%dT%H:%M:%S.0000000").to_string(), time_zone: zone.windows_name() }
}

/// Some programs write zones of their own making.
fn original_zone(meeting: usize, zone: Zone) -> &'static str {
    if meeting % 23 == 7 { "tzone://Microsoft/Custom" } else { zone.windows_name() }
}

fn location(meeting: usize, online: bool) -> Value {
    let name = if online { "Microsoft Teams Meeting" } else { "Room" };
    let name = format!("{name} CANARY-LOCATION-E{meeting:06}");
    json!({"displayName": name, "locationType": "default", "uniqueId": name, "uniqueIdType": "private"})
}

fn recurrence(meeting: &Meeting) -> Option<Value> {
    let Recurrence { pattern, first, until } = meeting.recurrence?;
    let weekday = format!("{:?}", first.weekday()).to_lowercase();
    let (kind, interval, days) = match pattern {
        Pattern::Daily(every) => ("daily", every, Vec::new()),
        Pattern::Weekly(every) => ("weekly", every, vec![weekday]),
        Pattern::Workdays => {
            let days = ["monday", "tuesday", "wednesday", "thursday", "friday"];
            ("weekly", 1, days.map(str::to_owned).to_vec())
        }
    };
    let mut pattern = json!({
        "type": kind, "interval": interval, "month": 0, "dayOfMonth": 0,
        "firstDayOfWeek": "sunday", "index": "first",
    });
    if !days.is_empty() {
        pattern["daysOfWeek"] = json!(days);
    }
    let end = until.map_or_else(|| "0001-01-01".to_owned(), |date| date.to_string());
    Some(json!({
        "pattern": pattern,
        "range": {
            "type": if until.is_some() { "endDate" } else { "noEnd" },
            "startDate": first.to_string(),
            "endDate": end,
            "recurrenceTimeZone": meeting.zone.windows_name(),
            "numberOfOccurrences": 0,
        },
    }))
}
