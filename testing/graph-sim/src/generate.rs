//! Draws a tenant from a seed.

mod cast;
mod folders;
mod mail;
mod meetings;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub(crate) use cast::{Cast, enlist, open_mailbox};
pub(crate) use folders::furnish;
pub(crate) use mail::{internet_message_id, letter};
pub(crate) use meetings::{Age, call_off, hand_out, meeting};

use crate::SimOptions;
use crate::world::{UserKind, World};

/// A seeded source of choices.
#[derive(Debug)]
pub(crate) struct Draw(StdRng);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number from zero up to, not including, `end`; zero where there is no choice.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end < 2 { 0 } else { self.0.random_range(0..end) }
    }

    /// A number in a range, both ends included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high)
    }

    /// True so many times in a hundred.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.0.random_ratio(percent, 100)
    }

    /// One of several; `None` where there are none.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(from.len());
        from.get(at).copied()
    }

    /// One of a fixed set of words.
    pub(crate) fn word<const N: usize>(&mut self, from: &[&'static str; N]) -> &'static str {
        from[self.below(N)]
    }

    /// A moment of a working day between so many days before `now` and so many after.
    pub(crate) fn moment(&mut self, now: Timestamp, before: i64, after: i64) -> Timestamp {
        let midnight = now.as_second().div_euclid(86_400) * 86_400;
        let day = self.between(-before, after);
        let seconds = self.between(7 * 3_600, 18 * 3_600 - 1);
        Timestamp::from_second(midnight + day * 86_400 + seconds).unwrap_or(now)
    }

    /// A moment of a working day that has passed.
    pub(crate) fn past(&mut self, now: Timestamp, days: i64) -> Timestamp {
        let at = self.moment(now, days, 0);
        if at <= now { at } else { at - SignedDuration::from_hours(24) }
    }
}

/// The tenant that these options describe, and who plays in it.
pub(crate) fn tenant(options: &SimOptions) -> (World, Cast) {
    let mut draw = Draw::new(options.seed);
    let (mut world, cast) = cast::hire(options, &mut draw);
    let people: Vec<_> = world.users_of(UserKind::Member).collect();
    for user in &people {
        for _ in 0..options.messages_per_mailbox {
            let when = draw.past(world.now, 80);
            mail::letter(&mut world, &cast, &mut draw, *user, when);
        }
        // Colleagues' invitations fill up the rest of the calendar.
        for _ in 0..(options.meetings_per_mailbox * 3).div_ceil(5) {
            meetings::meeting(&mut world, &cast, &mut draw, *user, Age::Any);
        }
    }
    for shared in world.users_of(UserKind::Shared).collect::<Vec<_>>() {
        for _ in 0..options.messages_per_mailbox / 4 {
            let when = draw.past(world.now, 80);
            mail::letter(&mut world, &cast, &mut draw, shared, when);
        }
    }
    if let Some(first) = world.letters.first_mut() {
        first.big = true;
    }
    if let Some(single) = world.meetings.iter_mut().find(|m| m.recurrence.is_none()) {
        single.big = true;
    }
    for user in &mut world.users {
        if let Some(mailbox) = &mut user.mailbox {
            mailbox.settle();
        }
    }
    (world, cast)
}
