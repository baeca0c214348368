//! A list, played.

use std::panic::resume_unwind;

use graph_sim::world::{Attendee, AttendeeKind, FolderNo, MeetingNo, MessageNo, Pattern, Response, UserKind, UserNo};
use graph_sim::{Links, NewMeeting, NewMessage, Scope, World};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use m365_sync::Ended;

use super::op::{Day, Op, Rhythm};
use crate::Kit;
use crate::truth::people::{Said, read};
use crate::truth::{Ledger, Rules};

/// The domains that come and go, the first two being let in at first.
const DOMAINS: [&str; 3] = ["acme.com", "globex.com", "initech.com"];

/// Plays `ops` in an office drawn from `seed`.
///
/// # Errors
/// What is wrong with what is stored after one of its syncs, or how a sync failed, in words.
///
/// # Panics
/// Never: a panic of the product is an error here.
pub async fn play(seed: u64, ops: &[Op]) -> Result<(), String> {
    let ops = ops.to_vec();
    // A thread by itself, for the office and the connector both: little is left to chance, and a panic is caught.
    let played = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut scene = Scene::open(seed).await;
            for (number, op) in ops.iter().enumerate() {
                scene.act(*op).await.map_err(|wrong| format!("after {number}, {op:?}: {wrong}"))?;
            }
            Ok(())
        })
    });
    match played.await {
        Ok(end) => end,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => Err(said(panic)),
            Err(error) => resume_unwind(Box::new(error)),
        },
    }
}

fn said(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => format!("a panic: {text}"),
        Err(panic) => format!("a panic: {}", panic.downcast_ref::<&str>().copied().unwrap_or("without words")),
    }
}

/// An office, the connector that reads it, and what should have been written down.
struct Scene {
    kit: Kit,
    ledger: Ledger,
    /// Whether the agreement stands.
    agreed: bool,
}

impl Scene {
    async fn open(seed: u64) -> Self {
        let kit = Kit::ready(&DOMAINS[..2], |options| {
            options.seed = seed;
            options.mailboxes = 4;
            options.messages_per_mailbox = 8;
            options.meetings_per_mailbox = 5;
            options.big_body_bytes = 1024;
        })
        .await;
        let ledger = Ledger::new(Rules::first_sync(&DOMAINS[..2], kit.now()));
        Self { kit, ledger, agreed: true }
    }

    async fn act(&mut self, op: Op) -> Result<(), String> {
        match op {
            Op::Allow(_) | Op::Close(_) | Op::Purge(_) | Op::Erase(_) | Op::Withdraw | Op::Agree => {
                self.decide(op).await;
            }
            Op::Sync => return self.sync().await,
            Op::Crash { request } => {
                if self.agreed {
                    self.kit.crash_in_sync(request.into()).await;
                }
                return self.sync().await;
            }
            Op::Hours(hours) => self.kit.advance(SignedDuration::from_hours(hours.into())),
            Op::Life(quarters) => self.kit.ticks(quarters.into()),
            Op::Throttle(_)
            | Op::Drop(_)
            | Op::HangUp(_)
            | Op::OddPages(_)
            | Op::Expire { .. }
            | Op::RefuseLinks(_) => {
                self.trouble(op);
            }
            Op::Mail { .. } | Op::MailToTwo { .. } | Op::Move { .. } | Op::Delete { .. } | Op::Flag { .. } => {
                self.mail(op);
            }
            _ => self.meet(op),
        }
        Ok(())
    }

    async fn sync(&mut self) -> Result<(), String> {
        let outcome = m365_sync::sync(&self.kit.tenant, &self.kit.engine, &m365_sync::Unwatched).await;
        let ended = outcome.map_err(|error| format!("the store failed: {error:?}"))?.ended;
        let expected = if self.agreed { Ended::Done } else { Ended::Blocked };
        if ended != expected {
            return Err(format!("a sync ended {ended:?}"));
        }
        if self.agreed {
            self.ledger.read(&self.kit.sim.world());
        }
        // What a sync did not meet is over with it, so that a later one does not meet it in its place.
        self.kit.sim.clear_faults();
        match self.ledger.difference(&self.kit.records(true).await, self.kit.now()) {
            Some(wrong) => Err(wrong),
            None => Ok(()),
        }
    }

    async fn decide(&mut self, op: Op) {
        match op {
            Op::Allow(pick) => {
                let domain = DOMAINS[pick % DOMAINS.len()];
                self.kit.allow(&[domain]).await;
                self.ledger.allow(domain);
            }
            Op::Close(pick) => {
                let domain = DOMAINS[pick % DOMAINS.len()];
                self.kit.disallow(domain).await;
                self.ledger.close(domain, self.kit.now());
            }
            Op::Purge(pick) => {
                let domain = DOMAINS[pick % DOMAINS.len()];
                self.kit.purge(domain).await;
                self.ledger.purge(domain);
            }
            Op::Erase(pick) => {
                let person = self.outsider(pick);
                if let Said::Address(person, _) = read(&person) {
                    self.kit.erase(&person).await;
                    self.ledger.erase(&person);
                }
            }
            Op::Withdraw => {
                self.kit.withdraw().await;
                self.agreed = false;
            }
            Op::Agree if !self.agreed => {
                self.kit.accept().await;
                self.agreed = true;
            }
            _ => {}
        }
    }

    fn trouble(&self, op: Op) {
        let sim = &self.kit.sim;
        // One trouble at a time: a request that meets too many in a row is given up, and rightly.
        sim.clear_faults();
        match op {
            Op::Throttle(requests) => sim.throttle(Scope::All, requests.into(), 0),
            Op::Drop(answers) => sim.drop_response_halfway(Scope::All, answers.into()),
            Op::HangUp(connections) => sim.hang_up(Scope::All, connections.into()),
            Op::OddPages(pages) => match pages % 3 {
                0 => sim.empty_pages(Scope::All, pages.into()),
                1 => sim.double_rows(Scope::All, pages.into()),
                _ => sim.repeat_pages(Scope::All, pages.into()),
            },
            Op::Expire { of } => sim.expire_links(self.member(of)),
            Op::RefuseLinks(links) => {
                let code = ["SyncStateNotFound", "resyncRequired", "syncStateInvalid"][usize::from(links % 3)];
                // A stream starts anew once a run; a second time in the middle of its round its mailbox waits for the next run.
                match links {
                    3.. => sim.refuse_links(Scope::All, Links::Next, 410, code, 1),
                    _ => sim.refuse_links(Scope::All, Links::Delta, 410, code, links.into()),
                }
            }
            _ => {}
        }
    }

    fn mail(&self, op: Op) {
        let sim = &self.kit.sim;
        match op {
            Op::Mail { from, to } => {
                let (outside, inside) = (self.outsider(from), self.address(to));
                // An even number writes to us, an odd one is written to.
                let (from, to) = if from.is_multiple_of(2) { (outside, inside) } else { (inside, outside) };
                sim.send_message(&NewMessage::new(&from, &to, "A letter"));
            }
            Op::MailToTwo { from, first, second } => {
                let mut new = NewMessage::new(&self.address(from), &self.outsider(first), "A letter to two");
                new.cc.push(self.outsider(second));
                sim.send_message(&new);
            }
            Op::Move { of, message, folder } => {
                let user = self.member(of);
                let folders = {
                    let world = sim.world();
                    let mailbox = world.mailbox(user).expect("a mailbox");
                    let plain = |folder: &FolderNo| {
                        let folder = mailbox.folder(*folder);
                        folder.kind == graph_sim::world::FolderKind::Plain && !folder.hidden && folder.parent.is_some()
                    };
                    (0..mailbox.folders.len()).map(FolderNo).filter(plain).collect::<Vec<_>>()
                };
                if let Some(message) = self.message(user, message) {
                    sim.move_message(user, message, folders[folder % folders.len()]);
                }
            }
            Op::Delete { of, message } => {
                let user = self.member(of);
                if let Some(message) = self.message(user, message) {
                    sim.delete_message(user, message);
                }
            }
            Op::Flag { of, message } => {
                let user = self.member(of);
                if let Some(message) = self.message(user, message) {
                    sim.flag_message(user, message);
                }
            }
            _ => {}
        }
    }

    fn meet(&self, op: Op) {
        let sim = &self.kit.sim;
        match op {
            Op::Meet { who, with, and, hours } => {
                let (who, with, and) = (self.address(who), self.outsider(with), self.anyone(and));
                sim.create_meeting(&NewMeeting::new(&who, &[&with, &and], "A meeting", self.hour(hours)));
            }
            Op::MeetOutside { who, with, hours } => {
                let (who, with) = (self.outsider(who), self.address(with));
                sim.create_meeting(&NewMeeting::new(&who, &[&with], "A meeting elsewhere", self.hour(hours)));
            }
            Op::Series { who, with, hours, rhythm } => {
                let (who, with) = (self.address(who), self.outsider(with));
                let start = self.hour(hours);
                let mut new = NewMeeting::new(&who, &[&with], "A series", start);
                new.zone = graph_sim::Zone::WesternEurope;
                let day = |hours| new.zone.local(start + SignedDuration::from_hours(hours)).date();
                let (pattern, until) = match rhythm {
                    Rhythm::Weekly => (Pattern::Weekly(1), None),
                    Rhythm::EveryOtherDay => (Pattern::Daily(2), Some(day(24 * 28))),
                    Rhythm::Workdays => (Pattern::Workdays, None),
                };
                sim.create_series(&new, pattern, until);
            }
            Op::ChangeDay { series, day, how } => self.change_day(series, day, how),
            Op::Invite { meeting, who } => self.with(meeting, |m| sim.add_attendee(m, &self.anyone(who))),
            Op::Accept { meeting, who } => self.answer(meeting, who, Response::Accepted),
            Op::Decline { meeting, who } => self.answer(meeting, who, Response::Declined),
            Op::Reschedule { meeting, hours } => self.with(meeting, |m| {
                let (start, is_over) = {
                    let world = sim.world();
                    let meeting = world.meeting(m);
                    (meeting.start, meeting.recurrence.is_none() && meeting.start <= world.now)
                };
                // What has taken place is not put off.
                if !is_over {
                    sim.reschedule(m, start + SignedDuration::from_hours(hours.into()));
                }
            }),
            Op::Rename { meeting } => self.with(meeting, |m| sim.rename_meeting(m, "Another subject")),
            Op::Cancel { meeting } => self.with(meeting, |m| sim.cancel_meeting(m)),
            Op::CancelLoudly { meeting } => self.with(meeting, |m| sim.cancel_meeting_keeping_copies(m)),
            Op::Vanish { meeting } => self.with(meeting, |m| sim.delete_meeting(m)),
            Op::DeleteCopy { meeting, of } => self.with(meeting, |m| sim.delete_copy(m, self.member(of))),
            Op::Private { meeting } => self.with(meeting, |m| sim.make_private(m)),
            Op::PrivateCopy { meeting, of } => self.with(meeting, |m| sim.make_copy_private(m, self.member(of))),
            _ => {}
        }
    }

    fn change_day(&self, series: usize, day: usize, how: Day) {
        let Some((series, date, attendees)) = self.day_to_come(series, day) else { return };
        let sim = &self.kit.sim;
        match how {
            Day::Later(hours) => sim.change_day(series, date, |day| {
                let later = SignedDuration::from_hours(hours.into());
                (day.start, day.end) = (day.start + later, day.end + later);
            }),
            Day::Renamed => sim.change_day(series, date, |day| day.subject = Some("A day by itself".to_owned())),
            Day::Joined(who) => {
                let Some(person) = sim.world().find_person(&self.outsider(who)) else { return };
                let joined = Attendee { person, kind: AttendeeKind::Optional, response: Response::None };
                let all = attendees.into_iter().filter(|a| a.person != person).chain([joined]).collect();
                sim.change_day(series, date, |day| day.attendees = Some(all));
            }
            Day::Cancelled => sim.cancel_day(series, date),
            Day::Deleted => sim.delete_day(series, date),
        }
    }

    /// A day of a series that has not begun, and who comes.
    fn day_to_come(&self, series: usize, day: usize) -> Option<(MeetingNo, Date, Vec<Attendee>)> {
        let world = self.kit.sim.world();
        let is_series = |number: &usize| world.meetings[*number].recurrence.is_some();
        let all: Vec<usize> = (0..world.meetings.len()).filter(is_series).collect();
        let number = *all.get(series % all.len().max(1))?;
        let meeting = &world.meetings[number];
        let days = meeting.occurrences(world.now, world.now + SignedDuration::from_hours(24 * 60));
        let days: Vec<_> = days.into_iter().filter(|day| day.start > world.now).collect();
        let day = days.get(day % days.len().max(1))?;
        let attendees = day.exception.and_then(|e| e.attendees.clone()).unwrap_or_else(|| meeting.attendees.clone());
        Some((MeetingNo(number), day.date, attendees))
    }

    fn answer(&self, meeting: usize, who: usize, response: Response) {
        self.with(meeting, |m| {
            let address = {
                let world = self.kit.sim.world();
                let invited = &world.meeting(m).attendees;
                let attendee = invited.get(who % invited.len().max(1));
                attendee.and_then(|a| world.address_of(a.person)).map(str::to_owned)
            };
            if let Some(address) = address {
                self.kit.sim.respond(m, &address, response);
            }
        });
    }

    fn with(&self, meeting: usize, act: impl FnOnce(MeetingNo)) {
        let count = self.kit.sim.world().meetings.len();
        if count > 0 {
            act(MeetingNo(meeting % count));
        }
    }

    /// The full hour that begins in so many hours.
    fn hour(&self, hours: u16) -> Timestamp {
        let at = self.kit.now() + SignedDuration::from_hours(hours.into());
        Timestamp::from_second(at.as_second() / 3_600 * 3_600).expect("an hour")
    }

    fn member(&self, pick: usize) -> UserNo {
        let world = self.kit.sim.world();
        let members: Vec<_> = world.users_of(UserKind::Member).collect();
        members[pick % members.len()]
    }

    fn address(&self, pick: usize) -> String {
        let user = self.member(pick);
        let world = self.kit.sim.world();
        world.address_of(world.user(user).person).expect("an address").to_owned()
    }

    /// Someone of the domains that come and go: few of each, so that they meet again.
    fn outsider(&self, pick: usize) -> String {
        let world = self.kit.sim.world();
        let domain = DOMAINS[pick % DOMAINS.len()];
        let people = people_of(&world, domain);
        people[pick / DOMAINS.len() % people.len().min(3)].clone()
    }

    fn anyone(&self, pick: usize) -> String {
        if pick.is_multiple_of(2) { self.outsider(pick / 2) } else { self.address(pick / 2) }
    }

    fn message(&self, user: UserNo, pick: usize) -> Option<MessageNo> {
        let world = self.kit.sim.world();
        let live: Vec<_> = world.mailbox(user)?.live_messages().map(|(number, _)| number).collect();
        live.get(pick % live.len().max(1)).copied()
    }
}

fn people_of(world: &World, domain: &str) -> Vec<String> {
    let addresses = world.people.iter().filter_map(|person| person.address.text());
    addresses.filter(|a| a.ends_with(&format!("@{domain}")) && !a.starts_with('"')).map(str::to_owned).collect()
}
