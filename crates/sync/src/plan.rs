//! Where a stream goes on: a pure decision, tested in tables.

use std::time::Duration;

use jiff::Timestamp;
use m365_model::{StreamKind, Way};
use m365_store::streams::{Position, Round, Stream};
use secrecy::{ExposeSecret as _, SecretString};

/// How far a calendar's window reaches ahead.
const AHEAD: Duration = days(180);
/// A window's token never slides (<https://learn.microsoft.com/graph/api/event-delta>): when less than this is left ahead,
/// a new round with a new window begins.
const LEAST_AHEAD: Duration = days(120);
/// The same for a window that had to be shortened. What has happened is covered all the same, and what lies further ahead
/// comes in as the window moves on.
const SHORT_AHEAD: Duration = days(30);
const SHORT_LEAST_AHEAD: Duration = days(20);
/// A plain list of new mail begins this much before the last one began: a message may be filed under a time gone by.
const OVERLAP: Duration = days(1);
/// A folder in which nothing lies is read after so long all the same.
const LONGEST_UNREAD: Duration = days(1);
/// After so many plain lists, rounds are tried again.
const LISTS_BEFORE_ROUNDS: i64 = 200;

const fn days(n: u64) -> Duration {
    Duration::from_secs(n * 24 * 60 * 60)
}

/// What is decided about all streams of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub window_version: i64,
    pub lookback_days: u16,
    pub now: Timestamp,
    /// Whether this cloud tells changes of mail at all.
    pub has_mail_rounds: bool,
}

/// What a stream does next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Begins a round, asking for what happened since then.
    Begin { round: Round, since: Timestamp },
    /// Follows a link, in the round that the link belongs to.
    Follow(SecretString, Round),
}

/// A round over the whole window, in the way that suits the cloud.
pub(crate) fn new_round(kind: StreamKind, number: i64, terms: &Terms) -> Round {
    let back = days(u64::from(terms.lookback_days));
    let from = terms.now.checked_sub(back).unwrap_or(Timestamp::UNIX_EPOCH);
    let round = Round::over(number, from, None, terms.window_version);
    let way = if kind == StreamKind::MailFolder && !terms.has_mail_rounds { Way::List } else { Way::Delta };
    over_window(Round { way, ..round }, kind, terms.now)
}

fn over_window(round: Round, kind: StreamKind, now: Timestamp) -> Round {
    let ahead = if round.way == Way::ShortWindow { SHORT_AHEAD } else { AHEAD };
    let window_end = match (kind, round.way) {
        (StreamKind::Calendar, _) => Some(now.checked_add(ahead).unwrap_or(Timestamp::MAX)),
        (StreamKind::MailFolder, Way::List) => Some(now),
        _ => None,
    };
    Round { window_end, ..round }
}

/// What `stream` does next under these terms.
pub(crate) fn next_step(stream: &Stream, terms: &Terms) -> Step {
    // The list of a folder is read for the window of the round that asked for it.
    if stream.kind == StreamKind::MailBackfill {
        return match &stream.position {
            Position::Next(link) => Step::Follow(link.clone(), stream.round.clone()),
            _ => Step::Begin { since: stream.round.window_start, round: stream.round.clone() },
        };
    }
    if stream.round.window_version != terms.window_version {
        return begin(new_round(stream.kind, stream.round.number + 1, terms));
    }
    match &stream.position {
        Position::Start => begin_again(stream, terms),
        Position::Next(link) => Step::Follow(link.clone(), stream.round.clone()),
        Position::Delta(_) if runs_short(stream, terms.now) => begin_again(stream, terms),
        Position::Delta(link) => {
            let number = stream.round.number + 1;
            Step::Follow(link.clone(), Round { number, is_full: false, items: 0, ..stream.round.clone() })
        }
    }
}

fn begin(round: Round) -> Step {
    Step::Begin { since: round.window_start, round }
}

/// Begins in the way that the stream is read in.
fn begin_again(stream: &Stream, terms: &Terms) -> Step {
    let number = stream.round.number + 1;
    let fresh = new_round(stream.kind, number, terms);
    let way = stream.round.way;
    if way == Way::List && number % LISTS_BEFORE_ROUNDS == 0 {
        return begin(fresh);
    }
    let round = over_window(Round { way: way.max(fresh.way), ..fresh }, stream.kind, terms.now);
    if stream.kind != StreamKind::MailFolder || round.way != Way::List {
        return begin(round);
    }
    // A folder's list brings what is new since the last one, once one has been read to its end.
    let Some(listed) = stream.round.window_end else { return begin(round) };
    let since = listed.checked_sub(OVERLAP).unwrap_or(Timestamp::UNIX_EPOCH).max(round.window_start);
    let coverage = stream.round.coverage.clone();
    Step::Begin { since, round: Round { is_full: false, coverage, ..round } }
}

fn runs_short(stream: &Stream, now: Timestamp) -> bool {
    let least = if stream.round.way == Way::ShortWindow { SHORT_LEAST_AHEAD } else { LEAST_AHEAD };
    stream.kind == StreamKind::Calendar
        && stream.round.window_end.is_some_and(|end| end < now.checked_add(least).unwrap_or(Timestamp::MAX))
}

/// Makes `stream` begin anew, in this way.
pub(crate) fn start_over(stream: &mut Stream, way: Way) {
    stream.position = Position::Start;
    stream.round.way = way;
    if stream.kind == StreamKind::MailFolder {
        stream.round.window_end = None;
    }
}

/// Whether the link at the end of a round that brought nothing is to be stored: it is another one, or it is a day that the
/// stream was looked at last. How long a link is good nobody says
/// (<https://learn.microsoft.com/graph/delta-query-overview>), so the newest is kept.
pub(crate) fn is_worth_keeping(stream: &Stream, link: &SecretString, now: Timestamp) -> bool {
    let is_same = matches!(&stream.position, Position::Delta(old) if old.expose_secret() == link.expose_secret());
    !is_same || was_long_ago(stream.moved_at, now)
}

/// Whether a folder can be passed over because nothing lies in it: then its round can only tell what left it, which takes no
/// record back. What comes into it is counted in it (<https://learn.microsoft.com/graph/api/resources/mailfolder>) and read in
/// the next round, by the link that is kept; what came and went again stands where it went. So that no count is believed for
/// good, a folder that ever told of a message is read in every round, any other once a day all the same; and so it is where a
/// round is not over or other rules hold.
pub(crate) fn can_be_passed_over(stream: &Stream, item_count: Option<u64>, terms: &Terms) -> bool {
    item_count == Some(0)
        && stream.round.coverage.seen == 0
        && stream.kind == StreamKind::MailFolder
        && stream.round.window_version == terms.window_version
        && matches!(stream.position, Position::Delta(_))
        && !was_long_ago(stream.moved_at, terms.now)
}

fn was_long_ago(at: Timestamp, now: Timestamp) -> bool {
    at.checked_add(LONGEST_UNREAD).is_ok_and(|due| due <= now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use m365_model::{MailboxId, StreamId};

    const DAY: &str = "2026-03-01T00:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn terms(window_version: i64, now: &str) -> Terms {
        Terms { window_version, lookback_days: 90, now: at(now), has_mail_rounds: true }
    }

    fn stream(kind: StreamKind, position: Position, began: &str) -> Stream {
        let round = new_round(kind, 3, &terms(7, began));
        Stream {
            id: StreamId(1),
            mailbox: MailboxId(1),
            kind,
            folder_row: 0,
            version: 5,
            position,
            round,
            moved_at: at(began),
        }
    }

    fn outcome(stream: &Stream, window_version: i64, now: &str) -> (&'static str, Round) {
        match next_step(stream, &terms(window_version, now)) {
            Step::Begin { round, .. } => ("begin", round),
            Step::Follow(_, round) => ("follow", round),
        }
    }

    #[test]
    fn a_stream_goes_on_where_it_left_off() {
        let link = || SecretString::from("link");
        let next = stream(StreamKind::Calendar, Position::Next(link()), DAY);
        assert_eq!(outcome(&next, 7, "2026-03-02T00:00:00Z"), ("follow", next.round.clone()));
        let delta = stream(StreamKind::Calendar, Position::Delta(link()), DAY);
        let (step, round) = outcome(&delta, 7, "2026-03-02T00:00:00Z");
        assert_eq!((step, round.is_full, round.number), ("follow", false, 4));
        let start = stream(StreamKind::MailFolder, Position::Start, DAY);
        let (step, round) = outcome(&start, 7, DAY);
        assert_eq!((step, round.number, round.window_end), ("begin", 4, None));
    }

    #[test]
    fn other_rules_or_a_window_that_runs_short_begin_a_new_round() {
        let delta = |kind| stream(kind, Position::Delta("link".into()), DAY);
        assert_eq!(outcome(&delta(StreamKind::MailFolder), 8, DAY).0, "begin");
        let half_read = stream(StreamKind::MailFolder, Position::Next("link".into()), DAY);
        assert_eq!(outcome(&half_read, 8, DAY).0, "begin");
        // 180 days ahead at first; 120 must be left.
        assert_eq!(outcome(&delta(StreamKind::Calendar), 7, "2026-04-29T00:00:00Z").0, "follow");
        let (step, round) = outcome(&delta(StreamKind::Calendar), 7, "2026-05-01T00:00:00Z");
        assert_eq!((step, round.number), ("begin", 4));
        assert_eq!(round.window_end, Some(at("2026-10-28T00:00:00Z")));
        assert_eq!(outcome(&delta(StreamKind::MailFolder), 7, "2027-05-01T00:00:00Z").0, "follow");
    }

    #[test]
    fn a_shortened_window_covers_all_that_has_happened_and_moves_on_sooner() {
        let mut short = stream(StreamKind::Calendar, Position::Start, DAY);
        start_over(&mut short, Way::ShortWindow);
        let (_, round) = outcome(&short, 7, DAY);
        assert_eq!((round.way, round.window_start), (Way::ShortWindow, at("2025-12-01T00:00:00Z")));
        assert_eq!(round.window_end, Some(at("2026-03-31T00:00:00Z")));
        short = Stream { round, position: Position::Delta("link".into()), ..short };
        assert_eq!(outcome(&short, 7, "2026-03-11T00:00:00Z").0, "follow");
        let (step, round) = outcome(&short, 7, "2026-03-12T00:00:00Z");
        assert_eq!((step, round.way), ("begin", Way::ShortWindow));
        assert_eq!(outcome(&short, 8, DAY).1.way, Way::Delta, "other rules begin from the beginning");
    }

    #[test]
    fn a_folder_that_is_listed_is_listed_whole_once_and_then_from_the_last_list_on() {
        let mut listed = stream(StreamKind::MailFolder, Position::Start, DAY);
        start_over(&mut listed, Way::List);
        let since = |stream: &Stream, now: &str| match next_step(stream, &terms(7, now)) {
            Step::Begin { round, since } => (since, round),
            Step::Follow(..) => panic!("no link to follow"),
        };
        let (from, round) = since(&listed, DAY);
        assert_eq!((from, round.is_full, round.window_end), (at("2025-12-01T00:00:00Z"), true, Some(at(DAY))));
        listed.round = round;
        let (from, round) = since(&listed, "2026-03-05T00:00:00Z");
        assert_eq!((from, round.is_full), (at("2026-02-28T00:00:00Z"), false));
        assert_eq!(round.window_start, at("2025-12-05T00:00:00Z"));
        // A list that broke off is no list.
        start_over(&mut listed, Way::List);
        assert!(since(&listed, "2026-03-05T00:00:00Z").1.is_full);
        // Rounds are tried again now and then, and where there are none, never.
        listed.round.number = LISTS_BEFORE_ROUNDS - 1;
        assert_eq!(since(&listed, DAY).1.way, Way::Delta);
        let without = Terms { has_mail_rounds: false, ..terms(7, DAY) };
        let Step::Begin { round, .. } = next_step(&listed, &without) else { panic!("no link to follow") };
        assert_eq!((round.way, round.window_end), (Way::List, Some(at(DAY))));
    }

    #[test]
    fn a_folder_in_which_nothing_lies_is_passed_over_for_a_day() {
        let read = stream(StreamKind::MailFolder, Position::Delta("link".into()), DAY);
        let passed = |stream: &Stream, count, version, now| can_be_passed_over(stream, count, &terms(version, now));
        assert!(passed(&read, Some(0), 7, "2026-03-01T23:59:59Z"));
        assert!(!passed(&read, Some(0), 7, "2026-03-02T00:00:00Z"), "a day is over");
        assert!(!passed(&read, Some(1), 7, DAY), "something lies in it");
        assert!(!passed(&read, None, 7, DAY), "nobody says what lies in it");
        assert!(!passed(&read, Some(0), 8, DAY), "other rules hold");
        for position in [Position::Start, Position::Next("link".into())] {
            assert!(!passed(&Stream { position, ..read.clone() }, Some(0), 7, DAY), "it was never read to the end");
        }
        let calendar = stream(StreamKind::Calendar, Position::Delta("link".into()), DAY);
        assert!(!passed(&calendar, Some(0), 7, DAY));
    }

    #[test]
    fn the_link_after_nothing_is_stored_if_it_is_another_or_the_old_one_is_old() {
        let read = stream(StreamKind::MailFolder, Position::Delta("link".into()), DAY);
        let kept = |link: &str, now| is_worth_keeping(&read, &link.into(), at(now));
        assert!(kept("another", DAY));
        assert!(!kept("link", "2026-03-01T23:59:59Z"));
        assert!(kept("link", "2026-03-02T00:00:00Z"));
    }
}
