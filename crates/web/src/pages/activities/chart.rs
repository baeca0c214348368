//! Counts over time as a picture, and the same as a table. No script is needed for either.

use jiff::civil::Date;
use m365_store::counts::{Bar, Chart, Counts};

use super::chosen::Chosen;
use crate::render::number;

/// How wide a bar is, with the gap beside it, and how high the picture is: in units of its own.
const WIDTH: usize = 10;
const GAP: usize = 2;
const HEIGHT: u64 = 96;

/// A bar: where it stands, how high its two parts are, and what they say.
pub struct Drawn {
    /// From the left.
    pub x: usize,
    /// How wide.
    pub width: usize,
    /// Where the mails begin, from above.
    pub mails_y: u64,
    /// How high they are.
    pub mails: u64,
    /// Where the meetings begin, from above.
    pub meetings_y: u64,
    /// How high they are.
    pub meetings: u64,
    /// All of it in words.
    pub said: String,
}

/// A line of the table.
pub struct Line {
    /// Which days.
    pub days: String,
    /// Where the records of those days are.
    pub link: String,
    /// How many meetings.
    pub meetings: String,
    /// How many of them fill whole days.
    pub all_day: String,
    /// How many mails.
    pub mails: String,
    /// How many of them nobody wrote.
    pub automated: String,
}

/// The picture and its table.
pub struct Picture {
    /// What it shows, in a sentence for whoever does not see it.
    pub title: String,
    /// How wide it is.
    pub width: usize,
    /// How high.
    pub height: u64,
    /// The bars.
    pub bars: Vec<Drawn>,
    /// The table, newest first, without days on which nothing happened.
    pub lines: Vec<Line>,
    /// Whether the table tells whole days and automated mails apart: some record says so.
    pub tells_apart: bool,
    /// The days in words.
    pub span: String,
    /// How many meetings there are in all, and where they are.
    pub meetings: (String, String),
    /// How many mails.
    pub mails: (String, String),
}

/// A day for people.
pub fn day(date: Date) -> String {
    date.strftime("%-d %b %Y").to_string()
}

fn days(bar: &Bar) -> String {
    if bar.from == bar.until { day(bar.from) } else { format!("{} to {}", day(bar.from), day(bar.until)) }
}

fn in_words(counts: Counts) -> String {
    let many = |n: u64, one: &str, more: &str| format!("{} {}", number(n), if n == 1 { one } else { more });
    format!("{}, {}", many(counts.meetings, "meeting", "meetings"), many(counts.messages, "mail", "mails"))
}

impl Picture {
    /// Draws `chart`, of what is `chosen`.
    pub fn of(chart: &Chart, chosen: &Chosen) -> Self {
        let highest = chart.bars.iter().map(|bar| bar.counts.all()).max().unwrap_or_default().max(1);
        // What happened at all is to be seen, however little it is beside the highest.
        let height = |n: u64| if n == 0 { 0 } else { (n * HEIGHT / highest).max(1) };
        let bars = chart.bars.iter().enumerate().map(|(place, bar)| {
            let meetings = height(bar.counts.meetings);
            let mails = height(bar.counts.messages).min(HEIGHT - meetings);
            Drawn {
                x: place * WIDTH,
                width: WIDTH - GAP,
                mails_y: HEIGHT - meetings - mails,
                mails,
                meetings_y: HEIGHT - meetings,
                meetings,
                said: format!("{}: {}", days(bar), in_words(bar.counts)),
            }
        });
        let there = |bar: &Bar| {
            Chosen { from: Some(bar.from), until: Some(bar.until), ..chosen.clone() }.link("/activities", None)
        };
        let line = |bar: &Bar| Line {
            days: days(bar),
            link: there(bar),
            meetings: number(bar.counts.meetings),
            all_day: number(bar.counts.all_day),
            mails: number(bar.counts.messages),
            automated: number(bar.counts.automated),
        };
        let span = match (chart.bars.first(), chart.bars.last()) {
            (Some(first), Some(last)) => days(&Bar { until: last.until, ..*first }),
            _ => "No day".to_owned(),
        };
        let of_kind = |kind| {
            let chosen = Chosen { kind: Some(kind), from: chart.days.from, until: chart.days.until, ..chosen.clone() };
            chosen.link("/activities", None)
        };
        Self {
            title: format!(
                "Records by {}, {span}: {}",
                if chart.by_week { "week" } else { "day" },
                in_words(chart.total)
            ),
            width: chart.bars.len().max(1) * WIDTH - GAP,
            height: HEIGHT,
            bars: bars.collect(),
            lines: chart.bars.iter().rev().filter(|bar| bar.counts.all() > 0).map(line).collect(),
            tells_apart: chart.total.all_day + chart.total.automated > 0,
            span,
            meetings: (number(chart.total.meetings), of_kind(m365_activity::ActivityType::MeetingAttend)),
            mails: (number(chart.total.messages), of_kind(m365_activity::ActivityType::EmailThread)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_high_as_its_share_and_never_higher_than_the_picture() {
        let bar = |meetings, messages| {
            let day: Date = "2026-03-02".parse().unwrap();
            Bar { from: day, until: day, counts: Counts { meetings, messages, ..Counts::default() } }
        };
        let bars = vec![bar(0, 0), bar(1, 999), bar(500, 500), bar(1, 0)];
        let chart = Chart { by_week: false, bars, total: Counts::default(), days: m365_store::filter::Days::default() };
        let picture = Picture::of(&chart, &Chosen::default());
        let heights: Vec<_> = picture.bars.iter().map(|bar| (bar.meetings, bar.mails)).collect();
        assert_eq!(heights, [(0, 0), (1, 95), (48, 48), (1, 0)]);
        assert!(picture.bars.iter().all(|bar| bar.mails_y + bar.mails + bar.meetings == HEIGHT));
        assert_eq!(picture.bars[3].said, "2 Mar 2026: 1 meeting, 0 mails");
        assert_eq!(picture.lines.len(), 3);
    }
}
