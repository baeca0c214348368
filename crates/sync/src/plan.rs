//! Where a stream goes on: a pure decision, tested in tables.

use std::time::Duration;

use jiff::Timestamp;
use m365_model::StreamKind;
use m365_store::streams::{Position, Round, Stream};
use secrecy::{ExposeSecret as _, SecretString};

/// How far a calendar's window reaches ahead.
const AHEAD: Duration = days(180);
/// A window's token never slides (<https://learn.microsoft.com/graph/api/event-delta>): when less than this is left ahead,
/// a new round with a new window begins.
const LEAST_AHEAD: Duration = days(120);

const fn days(n: u64) -> Duration {
    Duration::from_secs(n * 24 * 60 * 60)
}

/// What a stream does next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Begins a round over its whole window.
    Begin(Round),
    /// Follows a link, in the round that the link belongs to.
    Follow(SecretString, Round),
}

/// The window of a round that begins at `now`.
pub(crate) fn new_round(
    kind: StreamKind,
    number: i64,
    window_version: i64,
    lookback_days: u16,
    now: Timestamp,
) -> Round {
    let back = days(u64::from(lookback_days));
    Round {
        number,
        is_full: true,
        items: 0,
        window_start: now.checked_sub(back).unwrap_or(Timestamp::UNIX_EPOCH),
        window_end: (kind == StreamKind::Calendar).then(|| now.checked_add(AHEAD).unwrap_or(Timestamp::MAX)),
        window_version,
    }
}

/// What `stream` does at `now`, under rules of `window_version`.
pub(crate) fn next_step(stream: &Stream, window_version: i64, lookback_days: u16, now: Timestamp) -> Step {
    let begin = || Step::Begin(new_round(stream.kind, stream.round.number + 1, window_version, lookback_days, now));
    // The list of a folder is read for the window of the round that asked for it.
    if stream.kind == StreamKind::MailBackfill {
        return match &stream.position {
            Position::Next(link) => Step::Follow(link.clone(), stream.round.clone()),
            _ => Step::Begin(stream.round.clone()),
        };
    }
    if stream.round.window_version != window_version {
        return begin();
    }
    let short = stream.round.window_end.is_some_and(|end| end < now.checked_add(LEAST_AHEAD).unwrap_or(Timestamp::MAX));
    match &stream.position {
        Position::Start => begin(),
        Position::Next(link) => Step::Follow(link.clone(), stream.round.clone()),
        Position::Delta(_) if short => begin(),
        Position::Delta(link) => Step::Follow(link.clone(), Round { is_full: false, items: 0, ..stream.round.clone() }),
    }
}

/// Whether a link leads where the stream stands already, so that there is nothing to write.
pub(crate) fn is_same_place(stream: &Stream, link: &str) -> bool {
    matches!(&stream.position, Position::Delta(old) if old.expose_secret() == link)
}

#[cfg(test)]
mod tests {
    use super::*;
    use m365_model::{MailboxId, StreamId};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn stream(kind: StreamKind, position: Position, began: &str) -> Stream {
        let round = new_round(kind, 3, 7, 90, at(began));
        Stream { id: StreamId(1), mailbox: MailboxId(1), kind, folder_row: 0, version: 5, position, round }
    }

    fn outcome(stream: &Stream, window_version: i64, now: &str) -> (&'static str, Round) {
        match next_step(stream, window_version, 90, at(now)) {
            Step::Begin(round) => ("begin", round),
            Step::Follow(_, round) => ("follow", round),
        }
    }

    const DAY: &str = "2026-03-01T00:00:00Z";

    #[test]
    fn a_stream_goes_on_where_it_left_off() {
        let link = || SecretString::from("link");
        let next = stream(StreamKind::Calendar, Position::Next(link()), DAY);
        assert_eq!(outcome(&next, 7, "2026-03-02T00:00:00Z"), ("follow", next.round.clone()));
        let delta = stream(StreamKind::Calendar, Position::Delta(link()), DAY);
        let (step, round) = outcome(&delta, 7, "2026-03-02T00:00:00Z");
        assert_eq!((step, round.is_full, round.number), ("follow", false, 3));
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
}
