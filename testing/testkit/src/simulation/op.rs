//! What can happen.

use super::draw::Draw;

/// One thing that happens. Numbers pick from what is there, by remainder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// So many hours pass.
    Hours(u16),
    /// So many quarters of an hour of office life pass, by the simulator's own chance.
    Life(u8),
    /// Someone outside writes to someone inside, or the other way round.
    Mail { from: usize, to: usize },
    /// Two people outside are written to at once.
    MailToTwo { from: usize, first: usize, second: usize },
    /// A message goes to another folder.
    Move { of: usize, message: usize, folder: usize },
    /// A message is deleted.
    Delete { of: usize, message: usize },
    /// A message is flagged, so that it is read again.
    Flag { of: usize, message: usize },
    /// A meeting is called, to begin in so many hours.
    Meet { who: usize, with: usize, and: usize, hours: u16 },
    /// Someone outside calls a meeting.
    MeetOutside { who: usize, with: usize, hours: u16 },
    /// A series is called, to begin in so many hours.
    Series { who: usize, with: usize, hours: u16, rhythm: Rhythm },
    /// One day of a series changes.
    ChangeDay { series: usize, day: usize, how: Day },
    /// Someone who is invited comes.
    Accept { meeting: usize, who: usize },
    /// Someone who is invited does not come.
    Decline { meeting: usize, who: usize },
    /// One more person is invited.
    Invite { meeting: usize, who: usize },
    /// A meeting to come, or a series, is put off by so many hours.
    Reschedule { meeting: usize, hours: u16 },
    /// A meeting gets another subject.
    Rename { meeting: usize },
    /// A meeting is called off.
    Cancel { meeting: usize },
    /// A meeting is called off, and every copy says so.
    CancelLoudly { meeting: usize },
    /// Every copy of a meeting is deleted.
    Vanish { meeting: usize },
    /// One copy of a meeting is deleted.
    DeleteCopy { meeting: usize, of: usize },
    /// A meeting becomes private.
    Private { meeting: usize },
    /// One copy of a meeting becomes private.
    PrivateCopy { meeting: usize, of: usize },
    /// So many requests are throttled.
    Throttle(u8),
    /// So many answers break off.
    Drop(u8),
    /// So many connections close without a word.
    HangUp(u8),
    /// A page comes empty, twice, or each row on it twice.
    OddPages(u8),
    /// A mailbox forgets every link.
    Expire { of: usize },
    /// So many links are refused, in a round or between rounds.
    RefuseLinks(u8),
    /// A domain is let in.
    Allow(usize),
    /// A domain is closed, and what it let in stays.
    Close(usize),
    /// A domain is closed, and those it let in are taken out.
    Purge(usize),
    /// Someone outside is erased.
    Erase(usize),
    /// The agreement is withdrawn.
    Withdraw,
    /// The agreement is accepted anew.
    Agree,
    /// A sync, and a comparison.
    Sync,
    /// A sync that is killed at a request, a new process, a sync, and a comparison.
    Crash { request: u16 },
}

/// How a series repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// Every week, without an end.
    Weekly,
    /// Every second day, for four weeks.
    EveryOtherDay,
    /// Monday to Friday, without an end.
    Workdays,
}

/// How a day of a series changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// It takes place so many hours later.
    Later(u8),
    /// It gets another subject.
    Renamed,
    /// One more person comes.
    Joined(usize),
    /// It is called off.
    Cancelled,
    /// It is taken out of the series.
    Deleted,
}

/// A way to draw one thing.
type Drawn = fn(&mut Draw) -> Op;

/// How often each thing happens, in about a thousandth.
const WEIGHTS: [(usize, Drawn); 37] = [
    (60, |d| Op::Hours(hours(d))),
    (15, |d| Op::Hours(24 * (1 + u16_below(d, 70)))),
    (40, |d| Op::Life(1 + u8_below(d, 8))),
    (60, |d| Op::Mail { from: any(d), to: any(d) }),
    (40, |d| Op::MailToTwo { from: any(d), first: any(d), second: any(d) }),
    (30, |d| Op::Move { of: any(d), message: any(d), folder: any(d) }),
    (30, |d| Op::Delete { of: any(d), message: any(d) }),
    (20, |d| Op::Flag { of: any(d), message: any(d) }),
    (50, |d| Op::Meet { who: any(d), with: any(d), and: any(d), hours: hours(d) }),
    (30, |d| Op::MeetOutside { who: any(d), with: any(d), hours: hours(d) }),
    (30, |d| Op::Series { who: any(d), with: any(d), hours: hours(d), rhythm: rhythm(d) }),
    (50, |d| Op::ChangeDay { series: any(d), day: d.below(12), how: day(d) }),
    (25, |d| Op::Accept { meeting: any(d), who: any(d) }),
    (25, |d| Op::Decline { meeting: any(d), who: any(d) }),
    (20, |d| Op::Invite { meeting: any(d), who: any(d) }),
    (30, |d| Op::Reschedule { meeting: any(d), hours: hours(d) }),
    (15, |d| Op::Rename { meeting: any(d) }),
    (15, |d| Op::Cancel { meeting: any(d) }),
    (10, |d| Op::CancelLoudly { meeting: any(d) }),
    (20, |d| Op::Vanish { meeting: any(d) }),
    (30, |d| Op::DeleteCopy { meeting: any(d), of: any(d) }),
    (10, |d| Op::Private { meeting: any(d) }),
    (15, |d| Op::PrivateCopy { meeting: any(d), of: any(d) }),
    (10, |d| Op::Throttle(1 + u8_below(d, 4))),
    (10, |d| Op::Drop(1 + u8_below(d, 3))),
    (5, |d| Op::HangUp(1 + u8_below(d, 3))),
    (10, |d| Op::OddPages(1 + u8_below(d, 6))),
    (35, |d| Op::Expire { of: any(d) }),
    (10, |d| Op::RefuseLinks(1 + u8_below(d, 3))),
    (20, |d| Op::Allow(any(d))),
    (15, |d| Op::Close(any(d))),
    (10, |d| Op::Purge(any(d))),
    (15, |d| Op::Erase(any(d))),
    (5, |_| Op::Withdraw),
    (15, |_| Op::Agree),
    (170, |_| Op::Sync),
    (45, |d| Op::Crash { request: 1 + u16_below(d, 90) }),
];

/// The list of a seed: between twenty and forty things, a sync after a few of them and one at the end.
pub fn draw(seed: u64) -> Vec<Op> {
    let mut draw = Draw::new(seed);
    let total: usize = WEIGHTS.iter().map(|(weight, _)| weight).sum();
    let count = 20 + draw.below(21);
    let mut ops: Vec<Op> = (0..count)
        .map(|_| {
            let mut left = draw.below(total);
            let place = WEIGHTS.iter().position(|(weight, _)| match left.checked_sub(*weight) {
                Some(rest) => {
                    left = rest;
                    false
                }
                None => true,
            });
            WEIGHTS[place.unwrap_or_default()].1(&mut draw)
        })
        .collect();
    // Whatever was in the way at last, the end is compared.
    ops.extend([Op::Agree, Op::Sync]);
    ops
}

fn any(draw: &mut Draw) -> usize {
    draw.below(100)
}

fn u8_below(draw: &mut Draw, end: u8) -> u8 {
    u8::try_from(draw.below(end.into())).unwrap_or_default()
}

fn u16_below(draw: &mut Draw, end: u16) -> u16 {
    u16::try_from(draw.below(end.into())).unwrap_or_default()
}

/// Up to four days.
fn hours(draw: &mut Draw) -> u16 {
    1 + u16_below(draw, 96)
}

fn rhythm(draw: &mut Draw) -> Rhythm {
    [Rhythm::Weekly, Rhythm::Weekly, Rhythm::EveryOtherDay, Rhythm::Workdays][draw.below(4)]
}

fn day(draw: &mut Draw) -> Day {
    match draw.below(6) {
        0 | 1 => Day::Later(1 + u8_below(draw, 60)),
        2 => Day::Renamed,
        3 => Day::Joined(any(draw)),
        4 => Day::Deleted,
        _ => Day::Cancelled,
    }
}
