//! Which records somebody asks for, and the statements that say so.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use m365_activity::ActivityType;
use m365_model::{TenantId, to_text};
use m365_privacy::{DomainName, TypedAddress};
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

/// What records must be to be shown; everything that is named must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Meetings or messages alone.
    pub kind: Option<ActivityType>,
    /// Those with somebody whom an entry of this domain let in, open or closed.
    pub domain: Option<DomainName>,
    /// Those of one person alone, wherever he stands in them.
    pub person: Option<TypedAddress>,
    /// Those of these days alone.
    pub days: Days,
    /// Meetings that have not begun, too.
    pub upcoming: bool,
}

/// Days, as somebody's calendar has them. A meeting that is known to fill whole days counts on its own date everywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Days {
    /// The first; from the beginning when absent.
    pub from: Option<Date>,
    /// The last, which is among them; until now when absent.
    pub until: Option<Date>,
    /// Where those days are.
    pub offset: Offset,
}

/// How far somebody's clock is before UTC, in minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offset(i64);

impl Offset {
    /// An offset of so many minutes; `None` where no clock goes so far: the largest in use is 14 hours
    /// (<https://www.iana.org/time-zones>).
    pub fn of_minutes(minutes: i64) -> Option<Self> {
        (minutes.abs() <= 14 * 60).then_some(Self(minutes))
    }

    /// In minutes.
    pub const fn minutes(self) -> i64 {
        self.0
    }

    /// The day on which `at` falls there.
    pub fn day_of(self, at: Timestamp) -> Date {
        let there = at.checked_add(SignedDuration::from_mins(self.0)).unwrap_or(at);
        TimeZone::UTC.to_datetime(there).date()
    }

    /// When `day` begins there, as it is stored.
    fn beginning(self, day: Date) -> String {
        let midnight = TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).unwrap_or(Timestamp::MIN);
        to_text(midnight.checked_sub(SignedDuration::from_mins(self.0)).unwrap_or(midnight))
    }
}

/// Whether a meeting `a` is told to fill whole days. What stands in `details` was written by serde, without blanks, and no
/// other text in it can hold a quotation mark.
pub(crate) const IS_ALL_DAY: &str = "a.details LIKE '%\"isAllDay\":true%'";

/// Whether a message `a` is told to be one that nobody wrote.
pub(crate) const IS_AUTOMATED: &str = "a.details LIKE '%\"automated\":true%'";

/// A statement that is put together, with its values. It is of few shapes, so that the engine's cache of statements holds them.
pub(crate) struct Statement {
    sql: String,
    values: Vec<Value>,
}

enum Value {
    Text(String),
    Number(i64),
}

impl Statement {
    /// An empty one about `tenant`, whose id is `$1`.
    pub(crate) fn about(tenant: &TenantId) -> Self {
        Self { sql: String::new(), values: vec![Value::Text(tenant.as_str().to_owned())] }
    }

    /// Goes on with a fixed text.
    pub(crate) fn say(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Keeps a text, and tells what stands for it.
    pub(crate) fn text(&mut self, text: impl Into<String>) -> String {
        self.values.push(Value::Text(text.into()));
        format!("${}", self.values.len())
    }

    /// Keeps a number, and tells what stands for it.
    pub(crate) fn number(&mut self, number: i64) -> String {
        self.values.push(Value::Number(number));
        format!("${}", self.values.len())
    }

    /// The condition on a record `a` of the tenant that `filter` makes, at `now`. It can be said several times.
    pub(crate) fn condition(&mut self, filter: &Filter, now: Timestamp) -> String {
        let mut all = vec!["a.tenant_id = $1".to_owned()];
        if let Some(kind) = filter.kind {
            all.push(format!("a.type = {}", self.text(kind.word())));
        }
        if let Some(domain) = &filter.domain {
            let domain = self.text(domain.as_str());
            let entries =
                format!("(SELECT e.id FROM allowed_external_domain e WHERE e.tenant_id = $1 AND e.domain = {domain})");
            all.push(format!(
                "(a.entry_id IN {entries} OR EXISTS (SELECT 1 FROM activity_participant p \
                 WHERE p.activity_id = a.id AND p.entry_id IN {entries}))"
            ));
        }
        if let Some(person) = &filter.person {
            let person = self.text(person.as_str());
            // Both halves are found by an index, however many records there are.
            all.push(format!(
                "a.id IN (SELECT f.id FROM activity f WHERE f.tenant_id = $1 AND f.person_external_id = {person} UNION ALL \
                 SELECT p.activity_id FROM activity_participant p WHERE p.tenant_id = $1 AND p.address = {person})"
            ));
        }
        self.days(&filter.days, &mut all);
        if !filter.upcoming {
            all.push(format!("a.occurred_at <= {}", self.text(to_text(now))));
        }
        all.join(" AND ")
    }

    fn days(&mut self, days: &Days, all: &mut Vec<String>) {
        let bounds = |offset: Offset| {
            let from = days.from.map(|day| offset.beginning(day));
            let until = days.until.and_then(|day| day.tomorrow().ok()).map(|day| offset.beginning(day));
            (from, until)
        };
        let ((from, until), (date_from, date_until)) = (bounds(days.offset), bounds(Offset::default()));
        // The wider bounds stand outside, for the index; whole days are told apart within them.
        if let (Some(from), Some(date_from)) = (from, date_from) {
            let outer = self.text(from.clone().min(date_from.clone()));
            let (from, date_from) = (self.text(from), self.text(date_from));
            all.push(format!("a.occurred_at >= {outer}"));
            all.push(format!("a.occurred_at >= CASE WHEN {IS_ALL_DAY} THEN {date_from} ELSE {from} END"));
        }
        if let (Some(until), Some(date_until)) = (until, date_until) {
            let outer = self.text(until.clone().max(date_until.clone()));
            let (until, date_until) = (self.text(until), self.text(date_until));
            all.push(format!("a.occurred_at < {outer}"));
            all.push(format!("a.occurred_at < CASE WHEN {IS_ALL_DAY} THEN {date_until} ELSE {until} END"));
        }
    }

    /// The statement, ready to be asked.
    pub(crate) fn query(self) -> Query<'static, Any, AnyArguments> {
        let mut query = sqlx::query(sqlx::AssertSqlSafe(self.sql));
        for value in self.values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_the_viewer_is() {
        let day = Date::constant(2026, 3, 2);
        for (minutes, beginning) in
            [(0, "2026-03-02T00:00:00Z"), (120, "2026-03-01T22:00:00Z"), (-330, "2026-03-02T05:30:00Z")]
        {
            let offset = Offset::of_minutes(minutes).unwrap();
            assert_eq!(offset.beginning(day), beginning);
            let at: Timestamp = beginning.parse().unwrap();
            assert_eq!(offset.day_of(at), day);
            assert_eq!(offset.day_of(at - SignedDuration::from_secs(1)), day.yesterday().unwrap());
        }
    }

    #[test]
    fn no_clock_goes_further_than_fourteen_hours() {
        assert!(Offset::of_minutes(841).is_none() && Offset::of_minutes(-841).is_none());
        assert_eq!(Offset::of_minutes(840).map(Offset::minutes), Some(840));
    }
}
