//! Calendars: delta rounds over a window (<https://learn.microsoft.com/graph/api/event-delta>),
//! plain views, and single events.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use super::Ask;
use super::answer::{Answer, Refusal};
use super::folders::skipping;
use crate::Quirks;
use crate::ids::{IdForm, Item};
use crate::token::{Phase, Stream, Token};
use crate::wire::event::{Copy, DeltaRow};
use crate::wire::{Select, View};
use crate::world::{CalWhat, EntryNo, Mailbox, UserNo, World};

const READ: [&str; 4] = ["Calendars.Read", "Calendars.ReadWrite", "Calendars.ReadBasic.All", "Calendars.ReadBasic"];

/// The longest window, in days (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/6284>).
const LONGEST: i64 = 1_825;

/// The largest page that a round gives, whatever is preferred.
const LARGEST_PAGE: usize = 1_000;

fn calendar_of(ask: &Ask<'_>, key: &str) -> Result<UserNo, Refusal> {
    if !ask.may(&READ) {
        return Err(Refusal::access_denied());
    }
    ask.mailbox_of(key)
}

fn view_of(ask: &Ask<'_>) -> View {
    super::view(ask, ask.may(&READ[..2]))
}

/// A window, in seconds.
type Window = (i64, i64);

fn window(ask: &Ask<'_>) -> Result<Window, Refusal> {
    let query = &ask.request.query;
    let (Some(from), Some(to)) = (query.get("startDateTime"), query.get("endDateTime")) else {
        let text = "This request requires a time window specified by the query string parameters \
                    StartDateTime and EndDateTime.";
        return Err(Refusal::new(400, "ErrorInvalidParameter", text));
    };
    let read = |text: &str| -> Result<i64, Refusal> {
        let with_zone = text.parse::<Timestamp>().ok();
        let civil = || text.parse().ok().map(|local| crate::Zone::Utc.instant(local));
        with_zone
            .or_else(civil)
            .map(Timestamp::as_second)
            .ok_or_else(|| Refusal::new(400, "ErrorInvalidParameter", "The date and time could not be read."))
    };
    let (from, to) = (read(from)?, read(to)?);
    if from > to {
        let text = "The start of the window must not be after its end.";
        return Err(Refusal::new(400, "ErrorInvalidParameter", text));
    }
    if to - from > LONGEST * 86_400 {
        let text = format!(
            "Your request can't be completed. The range between the start and end dates is \
             greater than the allowed range. Maximum number of days: {LONGEST}"
        );
        return Err(Refusal::new(400, "ErrorInvalidRequest", &text));
    }
    Ok((from, to))
}

fn instants((from, to): Window) -> (Timestamp, Timestamp) {
    let at = |second| Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
    (at(from), at(to))
}

/// `GET …/calendarView/delta`. `$select` is ignored, so bodies always come along.
pub(crate) fn delta(ask: &Ask<'_>, key: &str) -> Result<Answer, Refusal> {
    let user = calendar_of(ask, key)?;
    let world = ask.sim.world();
    let mailbox = world.mailbox(user).ok_or_else(Refusal::no_mailbox)?;
    let token = match super::delta::held_token(ask)? {
        Some(token) => {
            let Stream::Calendar(..) = token.stream else {
                return Err(Refusal::malformed_token());
            };
            super::delta::check(ask, &token, user, token.stream, mailbox.generation)?;
            token
        }
        None => first_token(ask, user, mailbox)?,
    };
    let Stream::Calendar(from, to) = token.stream else {
        return Err(Refusal::malformed_token());
    };
    let size = ask.request.prefer.page_size.unwrap_or(10).min(LARGEST_PAGE);
    let (quirks, looping, slow) = {
        let faults = ask.sim.faults();
        let looping = faults.loops.get(&user).is_some_and(|wrong| wrong.holds(size, to - from));
        let slow = faults.slow_series.get(&user).is_some_and(|enough| size < *enough);
        (faults.quirks, looping, slow)
    };
    if slow && has_endless_series(&world, mailbox) {
        return Err(Refusal::new(504, "UnknownError", ""));
    }
    let round = Round { world: &world, user, mailbox, view: view_of(ask), window: (from, to), quirks };
    let mut token = token;
    let (rows, phase) = match token.phase {
        Phase::First { since, sent, after } => {
            let (rows, phase) = round.first(size, since, sent, after);
            if looping {
                // The same page for ever, behind links that differ
                // (<https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3082>).
                token.nonce += 1;
                (rows, Phase::First { since, sent, after })
            } else {
                (rows, phase)
            }
        }
        Phase::Changes { since, upto, done } => round.changes(size, since, upto.unwrap_or(mailbox.seq), done),
    };
    let context = format!("{}/v1.0/$metadata#Collection(event)", ask.request.root);
    Ok(super::delta::page(ask, context, rows, token, phase))
}

fn has_endless_series(world: &World, mailbox: &Mailbox) -> bool {
    let rules = mailbox.calendar.live().filter_map(|(_, entry)| world.meeting(entry.meeting).recurrence);
    rules.into_iter().any(|rule| rule.until.is_none())
}

fn first_token(ask: &Ask<'_>, user: UserNo, mailbox: &Mailbox) -> Result<Token, Refusal> {
    let (from, to) = window(ask)?;
    for option in ["$filter", "$orderby", "$expand", "$search"] {
        if ask.request.query.get(option).is_some() {
            let text = format!("The query option '{option}' is not supported with change tracking.");
            return Err(Refusal::new(400, "ErrorInvalidUrlQuery", &text));
        }
    }
    Ok(Token {
        user: user.0,
        stream: Stream::Calendar(from, to),
        phase: Phase::First { since: mailbox.seq, sent: 0, after: None },
        generation: mailbox.generation,
        immutable: ask.request.prefer.immutable,
        select: None,
        floor: None,
        cap: None,
        nonce: 0,
    })
}

/// What stands in a row of a round, before it is written.
enum Line {
    Whole(EntryNo),
    Day(EntryNo, Date),
    Gone(EntryNo),
    DayGone(EntryNo, Date),
}

/// One calendar in one state of a round.
struct Round<'a> {
    world: &'a World,
    user: UserNo,
    mailbox: &'a Mailbox,
    view: View,
    window: Window,
    quirks: Quirks,
}

impl<'a> Round<'a> {
    fn copy(&self, entry: EntryNo) -> Copy<'a> {
        Copy { world: self.world, user: self.user, mailbox: self.mailbox, entry, view: self.view }
    }

    /// Everything that touches the window, in order of the entries.
    fn first(&self, size: usize, since: u64, sent: usize, after: Option<(i64, usize)>) -> (Vec<DeltaRow<'a>>, Phase) {
        let begin = after.map_or(0, |(_, entry)| entry);
        let mut lines = Vec::new();
        for (entry, _) in self.mailbox.calendar.live().skip_while(|(entry, _)| entry.0 < begin) {
            let from = after.filter(|(_, last)| *last == entry.0).map(|(slot, _)| slot);
            lines.extend(self.lines_of(entry).into_iter().filter(|(slot, _)| from.is_none_or(|f| *slot > f)));
            if lines.len() > size {
                break;
            }
        }
        let more = lines.len() > size;
        lines.truncate(size);
        let last = lines.last().map(|(slot, line)| (*slot, line.entry().0));
        let phase = if more {
            Phase::First { since, sent: sent + lines.len(), after: last }
        } else {
            Phase::Changes { since, upto: None, done: 0 }
        };
        (lines.iter().map(|(_, line)| self.row(line)).collect(), phase)
    }

    /// What has happened since a round ended: a changed series is sent again as a whole.
    fn changes(&self, size: usize, since: u64, upto: u64, done: usize) -> (Vec<DeltaRow<'a>>, Phase) {
        let lines = self.changed_lines(since, upto);
        let rows: Vec<_> = lines.iter().skip(done).take(size).map(|line| self.row(line)).collect();
        let sent = done + rows.len();
        let phase = if sent < lines.len() {
            Phase::Changes { since, upto: Some(upto), done: sent }
        } else {
            Phase::Changes { since: upto, upto: None, done: 0 }
        };
        (rows, phase)
    }

    fn changed_lines(&self, since: u64, upto: u64) -> Vec<Line> {
        let log = &self.mailbox.calendar.log;
        let begin = log.partition_point(|change| change.seq <= since);
        let mut days_gone: BTreeMap<EntryNo, Vec<Date>> = BTreeMap::new();
        let mut order = Vec::new();
        for change in log[begin..].iter().take_while(|change| change.seq <= upto) {
            let days = days_gone.entry(change.entry).or_insert_with(|| {
                order.push(change.entry);
                Vec::new()
            });
            if let CalWhat::DayGone(date) = change.what {
                days.push(date);
            }
        }
        let mut lines = Vec::new();
        for entry in order {
            if self.mailbox.calendar.entry(entry).removed {
                lines.push(Line::Gone(entry));
                let (from, to) = instants(self.window);
                if !self.quirks.series_removed_by_master_only {
                    let days = self.copy(entry).meeting().occurrences(from, to);
                    lines.extend(days.iter().map(|day| Line::DayGone(entry, day.date)));
                }
                continue;
            }
            let now = self.lines_of(entry);
            if now.is_empty() {
                // What was changed outside the window is reported as if it were gone
                // (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/6599>).
                lines.push(Line::Gone(entry));
            }
            let days_only = self.quirks.later_rounds_without_masters && now.len() > 1;
            let now = now.into_iter().map(|(_, line)| line);
            lines.extend(now.filter(|line| !(days_only && matches!(line, Line::Whole(_)))));
            let gone = days_gone.remove(&entry).unwrap_or_default();
            let meeting = self.copy(entry).meeting();
            lines.extend(
                gone.into_iter()
                    .filter(|date| meeting.occurrence(*date).is_none())
                    .map(|date| Line::DayGone(entry, date)),
            );
        }
        lines
    }

    /// The rows of one entry with their order: a single meeting, or a master and its days. The
    /// master comes first but for every third series, where it comes last, because nothing
    /// promises an order.
    fn lines_of(&self, entry: EntryNo) -> Vec<(i64, Line)> {
        let meeting = self.copy(entry).meeting();
        let (from, to) = instants(self.window);
        if meeting.recurrence.is_none() {
            let line = meeting.touches(from, to).then_some((0, Line::Whole(entry)));
            return line.into_iter().collect();
        }
        let days = meeting.occurrences(from, to);
        if days.is_empty() {
            return Vec::new();
        }
        let mut lines: Vec<_> =
            days.iter().map(|day| (crate::world::day_number(day.date), Line::Day(entry, day.date))).collect();
        if entry.0 % 3 == 2 {
            lines.push((i64::MAX, Line::Whole(entry)));
        } else {
            lines.insert(0, (i64::MIN, Line::Whole(entry)));
        }
        lines
    }

    fn row(&self, line: &Line) -> DeltaRow<'a> {
        let copy = self.copy(line.entry());
        match line {
            Line::Whole(_) => DeltaRow::Whole(Box::new(copy.whole(true))),
            Line::Gone(_) => DeltaRow::Removed(copy.removed()),
            Line::DayGone(_, date) => DeltaRow::Removed(copy.day_removed(*date)),
            Line::Day(_, date) => match copy.meeting().occurrence(*date) {
                Some(day) => copy.delta_day(&day),
                None => DeltaRow::Removed(copy.day_removed(*date)),
            },
        }
    }
}

impl Line {
    fn entry(&self) -> EntryNo {
        match self {
            Self::Whole(entry) | Self::Day(entry, _) | Self::Gone(entry) | Self::DayGone(entry, _) => *entry,
        }
    }
}

/// `GET …/calendarView`: single meetings and every day of a series in full, no masters.
pub(crate) fn view(ask: &Ask<'_>, key: &str) -> Result<Answer, Refusal> {
    let user = calendar_of(ask, key)?;
    let (from, to) = instants(window(ask)?);
    let world = ask.sim.world();
    let mailbox = world.mailbox(user).ok_or_else(Refusal::no_mailbox)?;
    let mut found: Vec<(Timestamp, EntryNo, Option<Date>)> = Vec::new();
    for (entry, copy) in mailbox.calendar.live() {
        let meeting = world.meeting(copy.meeting);
        if meeting.recurrence.is_some() {
            let days = meeting.occurrences(from, to);
            found.extend(days.iter().map(|day| (day.start, entry, Some(day.date))));
        } else if meeting.touches(from, to) {
            found.push((meeting.start, entry, None));
        }
    }
    found.sort_unstable();
    let select = Select::new(ask.request.query.get("$select"));
    let view = view_of(ask);
    let context = format!("{}/v1.0/$metadata#users('{}')/calendarView", ask.request.root, world.user(user).id);
    Ok(skipping(ask, context, found.len(), |skip, top| {
        found
            .iter()
            .skip(skip)
            .take(top)
            .filter_map(|(_, entry, date)| {
                let copy = Copy { world: &world, user, mailbox, entry: *entry, view };
                let row = match date {
                    None => copy.whole(false),
                    Some(date) => copy.day(&copy.meeting().occurrence(*date)?, false),
                };
                Some(select.apply(&row))
            })
            .collect()
    }))
}

/// `GET …/events/{id}`.
pub(crate) fn event(ask: &Ask<'_>, key: &str, id: &str) -> Result<Answer, Refusal> {
    let user = calendar_of(ask, key)?;
    let select = Select::new(ask.request.query.get("$select"));
    let world = ask.sim.world();
    let mailbox = world.mailbox(user).ok_or_else(Refusal::no_mailbox)?;
    let (entry, date) = match mailbox.stem().read(id) {
        Some(Item::Event(entry)) => (EntryNo(entry), None),
        Some(Item::Occurrence { entry, day }) => (EntryNo(entry), crate::world::day_of(day)),
        _ => return Err(Refusal::item_not_found()),
    };
    let found = mailbox.calendar.entries.get(entry.0).filter(|e| !e.removed);
    if found.is_none() {
        return Err(Refusal::item_not_found());
    }
    let copy = Copy { world: &world, user, mailbox, entry, view: view_of(ask) };
    let row = match date {
        None => copy.whole(false),
        Some(date) => {
            let day = copy.meeting().occurrence(date).ok_or_else(Refusal::item_not_found)?;
            copy.day(&day, false)
        }
    };
    let mut value = select.apply(&row);
    if select.asks_for("cancelledOccurrences") && copy.meeting().recurrence.is_some() {
        let gone: Vec<_> = copy
            .meeting()
            .exceptions
            .iter()
            .filter(|(_, e)| e.deleted)
            .map(|(date, _)| format!("OID.{}.{date}", copy.id()))
            .collect();
        value["cancelledOccurrences"] = json!(gone);
    }
    value["@odata.context"] =
        json!(format!("{}/v1.0/$metadata#users('{}')/events/$entity", ask.request.root, world.user(user).id));
    Ok(Answer::ok(&value))
}

/// `GET …/calendars`: the default one is all there is.
pub(crate) fn calendars(ask: &Ask<'_>, key: &str) -> Result<Answer, Refusal> {
    let user = calendar_of(ask, key)?;
    let world = ask.sim.world();
    let mailbox = world.mailbox(user).ok_or_else(Refusal::no_mailbox)?;
    Ok(Answer::ok(&json!({
        "@odata.context": format!("{}/v1.0/$metadata#users('{}')/calendars", ask.request.root, world.user(user).id),
        "value": [{
            "id": mailbox.stem().id(Item::Calendar, IdForm::Regular),
            "name": "Calendar",
            "isDefaultCalendar": true,
            "canEdit": true,
        }],
    })))
}
