//! Office life.

use jiff::SignedDuration;

use super::mail::some_message;
use crate::Simulator;
use crate::generate::Draw;
use crate::world::{FolderKind, FolderNo, MeetingNo, Response, UserNo, World};

/// What happened in a [`Simulator::tick`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tick {
    /// Letters written.
    pub letters: usize,
    /// Messages marked read, moved or deleted.
    pub handled: usize,
    /// Meetings called.
    pub called: usize,
    /// Meetings answered, moved, made private or called off.
    pub changed: usize,
}

impl Simulator {
    /// Lets a quarter of an hour of office life pass, by the tenant's own seeded chance: some
    /// mail, some tidying up, some changes of plan.
    pub fn tick(&self) -> Tick {
        self.advance(SignedDuration::from_mins(15));
        let people = self.desk().cast.colleagues.len();
        let mut tick = Tick::default();
        for _ in 0..people.div_ceil(3) {
            let (user, what) = {
                let mut desk = self.desk();
                let desk = &mut *desk;
                let Some(user) = desk.draw.pick(&desk.cast.colleagues) else { break };
                (user, desk.draw.below(100))
            };
            match what {
                0..50 => {
                    tick.letters += usize::from(!self.deliver_random(user).is_empty());
                }
                50..75 => tick.handled += usize::from(self.handle_a_message(user, what)),
                75..85 => tick.called += usize::from(self.create_random_meeting(user).is_some()),
                _ => tick.changed += usize::from(self.change_a_meeting(user, what)),
            }
        }
        tick
    }

    /// Reads, moves or deletes one message.
    fn handle_a_message(&self, user: UserNo, what: usize) -> bool {
        let (message, folder, read) = {
            let mut desk = self.desk();
            let draw = &mut desk.draw;
            let world = self.world();
            let Some(message) = some_message(&world, draw, user) else { return false };
            let Some(mailbox) = world.mailbox(user) else { return false };
            let folders: Vec<_> = (1..mailbox.folders.len())
                .map(FolderNo)
                .filter(|f| {
                    let folder = mailbox.folder(*f);
                    folder.kind == FolderKind::Plain && !folder.removed && !folder.hidden
                })
                .collect();
            let Some(folder) = draw.pick(&folders) else { return false };
            (message, folder, mailbox.message(message).is_read)
        };
        match what {
            50..62 => self.mark_read(user, message, !read),
            62..72 => self.move_message(user, message, folder),
            _ => self.delete_message(user, message),
        }
        true
    }

    /// Changes the plan for one meeting.
    fn change_a_meeting(&self, user: UserNo, what: usize) -> bool {
        let (meeting, address, start) = {
            let mut desk = self.desk();
            let world = self.world();
            let Some(meeting) = some_meeting(&world, &mut desk.draw, user) else { return false };
            let start = desk.draw.moment(world.now, 0, 30);
            let attendees = &world.meeting(meeting).attendees;
            let person = desk.draw.below(attendees.len());
            let address = attendees.get(person).and_then(|a| world.person(a.person).address.text().map(str::to_owned));
            (meeting, address, start)
        };
        match what {
            85..91 => {
                let Some(address) = address else { return false };
                let answers = [Response::Accepted, Response::Tentative, Response::Declined];
                self.respond(meeting, &address, answers[what % 3]);
            }
            // What has taken place is not put off.
            91..95 => {
                let over = {
                    let world = self.world();
                    let meeting = world.meeting(meeting);
                    meeting.recurrence.is_none() && meeting.start <= world.now
                };
                if over {
                    return false;
                }
                self.reschedule(meeting, start);
            }
            95 | 96 => self.cancel_meeting(meeting),
            97 => self.make_private(meeting),
            _ => self.delete_copy(meeting, user),
        }
        true
    }
}

/// A meeting by chance that a user's calendar shows.
fn some_meeting(world: &World, draw: &mut Draw, user: UserNo) -> Option<MeetingNo> {
    let entries = &world.mailbox(user)?.calendar.entries;
    let at = draw.below(entries.len());
    entries.get(at).filter(|e| !e.removed).map(|e| e.meeting)
}
