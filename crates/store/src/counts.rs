//! How many records there are, day by day and domain by domain.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use m365_model::{TenantId, from_text};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::filter::{Days, Filter, IS_ALL_DAY, IS_AUTOMATED, Offset, Statement};
use crate::{Store, StoreError};

/// The longest time that is counted by day; longer ones are counted by week. It is counted, too, where nobody names a first day.
pub const DAYS: i64 = 92;

/// How many records there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records of meetings.
    pub meetings: u64,
    /// Those among them that are known to fill whole days.
    pub all_day: u64,
    /// Records of messages.
    pub messages: u64,
    /// Those among them that are known to be written by nobody.
    pub automated: u64,
}

impl Counts {
    /// All of them.
    pub const fn all(self) -> u64 {
        self.meetings + self.messages
    }

    fn of(kind: &str, is_told: bool, count: i64) -> Self {
        let count = u64::try_from(count).unwrap_or_default();
        let told = if is_told { count } else { 0 };
        if kind == "meeting_attend" {
            Self { meetings: count, all_day: told, ..Self::default() }
        } else {
            Self { messages: count, automated: told, ..Self::default() }
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.meetings += more.meetings;
        self.all_day += more.all_day;
        self.messages += more.messages;
        self.automated += more.automated;
    }
}

/// Some days, and how many records happened on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// The first of them.
    pub from: Date,
    /// The last.
    pub until: Date,
    /// How many.
    pub counts: Counts,
}

/// How many records there are over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Whether each bar is a week, from Monday on; a day otherwise.
    pub by_week: bool,
    /// The bars, without a gap between them.
    pub bars: Vec<Bar>,
    /// All of them together.
    pub total: Counts,
    /// The days that it is about.
    pub days: Days,
}

/// Whether a record is of the sort that is told apart: a meeting of whole days, a message that nobody wrote.
fn told() -> String {
    format!("CAST(CASE WHEN {IS_ALL_DAY} OR {IS_AUTOMATED} THEN 1 ELSE 0 END AS BIGINT)")
}

impl Store {
    /// How many of the records that `filter` asks for happened on which day, or in which week where they are more than
    /// [`DAYS`] days. Without a first day, the last [`DAYS`] days are counted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn chart(&self, tenant: &TenantId, filter: &Filter) -> Result<Chart, StoreError> {
        let now = self.surroundings().now();
        let days = counted_days(filter.days, now);
        let filter = Filter { days, ..filter.clone() };
        let mut statement = Statement::about(tenant);
        let condition = statement.condition(&filter, now);
        // No clock's offset is finer than a quarter of an hour.
        statement.say(&format!(
            "SELECT SUBSTR(a.occurred_at, 1, 13), CAST(SUBSTR(a.occurred_at, 15, 2) AS BIGINT) / 15, a.type, {}, COUNT(*) \
             FROM activity a WHERE {condition} GROUP BY 1, 2, 3, 4",
            told()
        ));
        let mut reader = self.db.reader(tenant).await?;
        let mut by_day: BTreeMap<Date, Counts> = BTreeMap::new();
        let mut total = Counts::default();
        for row in statement.query().fetch_all(reader.connection()).await? {
            let (day, counts) = read_day(&row, days.offset)?;
            *by_day.entry(day).or_default() += counts;
            total += counts;
        }
        let (by_week, mut bars) = empty_bars(days, by_day.keys().next().copied());
        let mut at = 0;
        for (day, counts) in by_day {
            while bars.get(at).is_some_and(|bar| bar.until < day) {
                at += 1;
            }
            if let Some(bar) = bars.get_mut(at) {
                bar.counts += counts;
            }
        }
        Ok(Chart { by_week, bars, total, days })
    }

    /// How many of the records that `filter` asks for have somebody whom an entry of a domain let in, for each domain, over the
    /// days of [`Store::chart`]. A message with people of several domains counts with each.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts_by_domain(
        &self,
        tenant: &TenantId,
        filter: &Filter,
    ) -> Result<Vec<(String, Counts)>, StoreError> {
        let now = self.surroundings().now();
        let filter = Filter { days: counted_days(filter.days, now), ..filter.clone() };
        let mut statement = Statement::about(tenant);
        let condition = statement.condition(&filter, now);
        let told = told();
        // `UNION` takes each pair of record and domain once.
        statement.say(&format!(
            "SELECT d.domain, d.type, d.told, COUNT(*) FROM (\
             SELECT a.id, a.type, {told} AS told, e.domain FROM activity a \
             JOIN allowed_external_domain e ON e.id = a.entry_id WHERE {condition} \
             UNION SELECT a.id, a.type, {told} AS told, e.domain FROM activity a \
             JOIN activity_participant p ON p.activity_id = a.id \
             JOIN allowed_external_domain e ON e.id = p.entry_id WHERE {condition}) AS d \
             GROUP BY d.domain, d.type, d.told"
        ));
        let mut reader = self.db.reader(tenant).await?;
        let mut domains: BTreeMap<String, Counts> = BTreeMap::new();
        for row in statement.query().fetch_all(reader.connection()).await? {
            let counts = Counts::of(row.try_get(1)?, row.try_get::<i64, _>(2)? != 0, row.try_get(3)?);
            *domains.entry(row.try_get(0)?).or_default() += counts;
        }
        let mut domains: Vec<_> = domains.into_iter().collect();
        domains.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.all()));
        Ok(domains)
    }

    /// The domains of all entries, open and closed, by name: `limit` at the most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn listed_domains(&self, tenant: &TenantId, limit: u16) -> Result<Vec<String>, StoreError> {
        let mut reader = self.db.reader(tenant).await?;
        let rows = sqlx::query(
            "SELECT DISTINCT domain FROM allowed_external_domain WHERE tenant_id = $1 ORDER BY domain LIMIT $2",
        );
        let rows = rows.bind(tenant.as_str()).bind(i64::from(limit)).fetch_all(reader.connection()).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }
}

/// The days that are counted: up to today, and [`DAYS`] of them where nobody says from when.
fn counted_days(days: Days, now: Timestamp) -> Days {
    let today = days.offset.day_of(now);
    let until = days.until.map_or(today, |until| until.min(today));
    let from = days.from.or_else(|| until.checked_sub((DAYS - 1).days()).ok());
    Days { from, until: Some(until), ..days }
}

fn read_day(row: &AnyRow, offset: Offset) -> Result<(Date, Counts), StoreError> {
    let unreadable = || StoreError::Unreadable("activity.occurred_at");
    let (hour, quarter): (&str, i64) = (row.try_get(0)?, row.try_get(1)?);
    let (kind, is_told): (&str, bool) = (row.try_get(2)?, row.try_get::<i64, _>(3)? != 0);
    let at = from_text(&format!("{hour}:{:02}:00Z", quarter * 15)).ok_or_else(unreadable)?;
    // A meeting of whole days stands on its date, wherever it is looked at from.
    let is_all_day = is_told && kind == "meeting_attend";
    let day = if is_all_day { Offset::default().day_of(at) } else { offset.day_of(at) };
    Ok((day, Counts::of(kind, is_told, row.try_get(4)?)))
}

/// Bars without a gap over `days`: one a day, or one a week where they are many. Long spans begin with what was `found` first.
fn empty_bars(days: Days, found: Option<Date>) -> (bool, Vec<Bar>) {
    let (Some(from), Some(until)) = (days.from, days.until) else { return (false, Vec::new()) };
    let is_long = |from: Date| (until - from).get_days() >= i32::try_from(DAYS).unwrap_or(i32::MAX);
    let from = if is_long(from) { found.unwrap_or(until).max(from) } else { from };
    let by_week = is_long(from);
    let mut bars = Vec::new();
    let mut next = Some(from);
    while let Some(from) = next.filter(|from| *from <= until) {
        let last = if by_week {
            from.checked_add((7 - i32::from(from.weekday().to_monday_one_offset())).days())
        } else {
            Ok(from)
        };
        let last = last.map_or(until, |last| last.min(until));
        bars.push(Bar { from, until: last, counts: Counts::default() });
        next = last.tomorrow().ok();
    }
    (by_week, bars)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(from: &str, until: &str) -> Days {
        Days { from: Some(from.parse().unwrap()), until: Some(until.parse().unwrap()), ..Days::default() }
    }

    fn names(bars: &[Bar]) -> Vec<String> {
        bars.iter().map(|bar| format!("{}..{}", bar.from, bar.until)).collect()
    }

    #[test]
    fn ninety_two_days_are_counted_by_day_and_one_more_by_week() {
        let (by_week, bars) = empty_bars(days("2026-01-01", "2026-04-02"), None);
        assert!(!by_week && bars.len() == 92);
        let found = Some("2026-01-01".parse().unwrap());
        let (by_week, bars) = empty_bars(days("2026-01-01", "2026-04-03"), found);
        assert!(by_week);
        // Weeks begin on Monday; the first and the last may be short.
        assert_eq!(names(&bars[..2]), ["2026-01-01..2026-01-04", "2026-01-05..2026-01-11"]);
        assert_eq!(names(&bars[bars.len() - 1..]), ["2026-03-30..2026-04-03"]);
        assert!(bars.windows(2).all(|pair| pair[0].until.tomorrow().unwrap() == pair[1].from));
    }

    #[test]
    fn a_long_time_begins_with_the_first_record() {
        let (by_week, bars) = empty_bars(days("1970-01-01", "2026-03-02"), Some("2026-03-01".parse().unwrap()));
        assert!(!by_week);
        assert_eq!(names(&bars), ["2026-03-01..2026-03-01", "2026-03-02..2026-03-02"]);
        assert_eq!(empty_bars(days("1970-01-01", "2026-03-02"), None).1.len(), 1);
        assert!(empty_bars(days("2026-03-03", "2026-03-02"), None).1.is_empty());
    }

    #[test]
    fn without_a_first_day_the_last_ones_are_counted_where_the_viewer_is() {
        let now: Timestamp = "2026-03-02T23:30:00Z".parse().unwrap();
        let counted = counted_days(Days { offset: Offset::of_minutes(60).unwrap(), ..Days::default() }, now);
        assert_eq!(counted.until.unwrap().to_string(), "2026-03-03");
        assert_eq!(counted.from.unwrap().to_string(), "2025-12-02");
        let ahead = counted_days(days("2026-01-01", "2030-01-01"), now);
        assert_eq!(ahead.until.unwrap().to_string(), "2026-03-02");
    }
}
