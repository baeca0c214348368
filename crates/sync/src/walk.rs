//! One stream, page by page, to the end of its round; and what is done where rounds do not end.

use m365_graph::{Event, FolderId, GraphError, Link, Message, Next, Page};
use m365_model::{StreamKind, Way};
use m365_store::streams::{Advance, Position, QuietEnd, Round, Stream};
use m365_store::{PageError, PageTx};
use secrecy::{ExposeSecret as _, SecretString};

use crate::Progress;
use crate::calendar::{CalendarPage, DroppedMasters};
use crate::copies::join_copies;
use crate::mail::plan_page;
use crate::mailbox::{Failure, MailboxSync};
use crate::plan::{Step, is_worth_keeping, next_step, start_over};
use crate::remedy;
use crate::repeats::Repeats;
use crate::rules::Rules;
use crate::summary::{Counts, Dropped};

/// Graph ends a filtered message round after so many items without a word
/// (<https://learn.microsoft.com/graph/delta-query-messages>).
const FILTERED_ROUND_CAP: i64 = 5000;

/// A page of either kind of stream.
enum Fetched {
    Events(Page<Event>),
    Messages(Page<Message>),
}

impl Fetched {
    fn next(&self) -> &Next {
        match self {
            Self::Events(page) => &page.next,
            Self::Messages(page) => &page.next,
        }
    }

    /// How many items could be read, and how many could not.
    fn sizes(&self) -> (usize, u32) {
        match self {
            Self::Events(page) => (page.items.len(), page.malformed),
            Self::Messages(page) => (page.items.len(), page.malformed),
        }
    }

    /// Whether the round goes in circles. A changed item that comes again is another one.
    fn is_endless(&self, repeats: &mut Repeats) -> bool {
        match self {
            Self::Events(page) => {
                let items = page.items.iter().map(|event| (&event.id, event.removed, event.last_modified));
                repeats.leads_on_in_circles(&page.next, items)
            }
            Self::Messages(page) => {
                let items = page.items.iter().map(|message| (&message.id, message.removed));
                repeats.leads_on_in_circles(&page.next, items)
            }
        }
    }
}

/// What storing a page did to its stream.
struct Applied {
    /// Where the stream stands; `None` when its round has ended without a link to another.
    position: Option<Position>,
    put_aside: u64,
    has_moved: bool,
    /// Whether the whole list of the folder was asked for.
    wants_list: bool,
}

impl Applied {
    /// The round brought nothing.
    fn nothing(position: Position) -> Self {
        Self { position: Some(position), put_aside: 0, has_moved: false, wants_list: false }
    }
}

/// What a walk to the end of a round leaves to be done.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Whether a page was stored.
    pub has_moved: bool,
    /// How many occurrences were put aside for their master.
    pub put_aside: u64,
    /// Whether the whole list of the folder was asked for.
    pub wants_list: bool,
}

/// The state of a walk that is not stored: whoever breaks it off finds all of this out again.
#[derive(Default)]
struct Memory {
    has_restarted: bool,
    walked: Walked,
    dropped_masters: DroppedMasters,
    repeats: Repeats,
}

impl Memory {
    /// The round begins anew.
    fn forget_round(&mut self) {
        self.dropped_masters.clear();
        self.repeats = Repeats::default();
    }
}

impl MailboxSync<'_> {
    /// Walks a stream to the end of its round.
    pub(crate) async fn walk(&self, mut stream: Stream, folder: Option<&FolderId>) -> Result<Walked, Failure> {
        let mut memory = Memory::default();
        loop {
            let rules = self.run.rules();
            let step = next_step(&stream, &self.run.terms());
            let follows = matches!(step, Step::Follow(..));
            let (fetched, mut round) = match self.run.unless_stopped(self.fetch(&stream, folder, step)).await? {
                Ok((fetched, _)) if fetched.is_endless(&mut memory.repeats) => {
                    self.go_another_way(&mut stream, &mut memory, GraphError::RepeatingPages)?;
                    continue;
                }
                Ok(fetched) => fetched,
                Err(error)
                    if follows && !memory.has_restarted && (error.is_cursor_lost() || error.is_bad_stored_link()) =>
                {
                    memory.has_restarted = true;
                    memory.forget_round();
                    let way = stream.round.way;
                    start_over(&mut stream, way);
                    self.run.add(&Counts { resyncs: 1, ..Counts::default() });
                    continue;
                }
                Err(error) => {
                    self.go_another_way(&mut stream, &mut memory, error)?;
                    continue;
                }
            };
            match self.apply(&stream, &rules, &mut round, fetched, &mut memory.dropped_masters).await {
                Ok(applied) => {
                    memory.walked.has_moved |= applied.has_moved;
                    memory.walked.put_aside += applied.put_aside;
                    memory.walked.wants_list |= applied.wants_list;
                    let Some(position) = applied.position else { return Ok(memory.walked) };
                    let is_done = matches!(position, Position::Delta(_));
                    stream.version += i64::from(applied.has_moved);
                    stream.position = position;
                    stream.round = round;
                    if is_done {
                        return Ok(memory.walked);
                    }
                }
                Err(PageError::RulesChanged) => self.run.reload_rules().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Begins the stream anew in the next way in which the service may bring its round to an end, and says so; or gives the
    /// error back where no other way would help.
    fn go_another_way(&self, stream: &mut Stream, memory: &mut Memory, error: GraphError) -> Result<(), Failure> {
        let way = if error == GraphError::RepeatingPages || error.is_too_much_at_once() {
            stream.round.way.next(stream.kind)
        } else if error.is_over_quota() && stream.kind != StreamKind::MailBackfill && stream.round.way != Way::List {
            // Rounds need room in the mailbox, lists do not.
            Some(Way::List)
        } else {
            None
        };
        let Some(way) = way else { return Err(error.into()) };
        start_over(stream, way);
        memory.forget_round();
        self.run.add(&Counts { resyncs: 1, ..Counts::default() });
        self.note(&error.code(), remedy::of_way(way));
        Ok(())
    }

    async fn fetch(
        &self,
        stream: &Stream,
        folder: Option<&FolderId>,
        step: Step,
    ) -> Result<(Fetched, Round), GraphError> {
        let (gate, user) = (self.run.gate, &self.user);
        let way = match &step {
            Step::Begin { round, .. } | Step::Follow(_, round) => round.way,
        };
        let graph = match way {
            Way::Delta | Way::List => self.run.graph.clone(),
            Way::LargePages | Way::ShortWindow => self.run.graph.with_large_pages(),
        };
        match (stream.kind, step, folder) {
            (StreamKind::Calendar, Step::Begin { round, since }, _) => {
                let until = round.window_end.unwrap_or(since);
                let page = if way == Way::List {
                    graph.calendar_list_start(gate, user, since, until).await?
                } else {
                    graph.calendar_delta_start(gate, user, since, until).await?
                };
                Ok((Fetched::Events(page), round))
            }
            (kind, Step::Begin { round, since }, Some(folder)) => {
                let page = if way == Way::List || kind == StreamKind::MailBackfill {
                    graph.messages_list_start(gate, user, folder, since).await?
                } else {
                    graph.message_delta_start(gate, user, folder, since).await?
                };
                Ok((Fetched::Messages(page), round))
            }
            (_, Step::Begin { .. }, None) => Err(GraphError::Unreadable),
            (kind, Step::Follow(link, round), _) => {
                let link = Link::restore(&graph.mailbox_scope(user), link.expose_secret())?;
                let fetched = match kind {
                    StreamKind::Calendar => Fetched::Events(graph.follow(gate, user, &link).await?),
                    _ => Fetched::Messages(graph.follow(gate, user, &link).await?),
                };
                Ok((fetched, round))
            }
        }
    }

    /// Filters a page and stores it with its cursor.
    async fn apply(
        &self,
        stream: &Stream,
        rules: &Rules,
        round: &mut Round,
        fetched: Fetched,
        dropped_masters: &mut DroppedMasters,
    ) -> Result<Applied, PageError> {
        let ((items, malformed), next) = (fetched.sizes(), fetched.next().clone());
        if let Next::Done(link) = &next
            && items == 0
            && malformed == 0
            && !round.is_full
            && let Position::Delta(_) = stream.position
        {
            let link: SecretString = link.expose().to_owned().into();
            if is_worth_keeping(stream, &link, self.run.terms().now) {
                self.end_quietly(QuietEnd { stream: stream.id, version: stream.version, link: link.clone() });
            }
            return Ok(Applied::nothing(Position::Delta(link)));
        }
        let position = match &next {
            Next::More(link) => Some(Position::Next(link.expose().to_owned().into())),
            Next::Done(link) => Some(Position::Delta(link.expose().to_owned().into())),
            Next::End => None,
        };
        round.items += i64::try_from(items).unwrap_or_default() + i64::from(malformed);
        let mut tx;
        let (mut put_aside, mut wants_list) = (0, false);
        let counts = match fetched {
            Fetched::Messages(page) => {
                let (mut wanted, mut counts) = plan_page(self.run.gate, rules, round, self.user.as_str(), page.items);
                counts.messages.drop_many(Dropped::Malformed, malformed.into());
                tx = self.run.store.open_page(self.run.gate, stream, rules.version).await?;
                join_copies(&mut tx, &mut wanted, &mut counts).await?;
                counts.activities += tx.put_activities(&wanted).await?;
                if matches!(next, Next::Done(_)) && round.is_full && round.items >= FILTERED_ROUND_CAP {
                    tx.begin_backfill(self.mailbox, stream.folder_row, round).await?;
                    wants_list = true;
                }
                round.coverage += &counts.messages.coverage();
                counts
            }
            Fetched::Events(page) => {
                tx = self.run.store.open_page(self.run.gate, stream, rules.version).await?;
                tx.take_turn_at_meetings().await?;
                let mut calendar =
                    CalendarPage::new(self.run.gate, rules, (self.mailbox, self.user.as_str()), round, dropped_masters);
                calendar.counts.events.drop_many(Dropped::Malformed, malformed.into());
                calendar.apply(&mut tx, page.items).await?;
                if !matches!(next, Next::More(_))
                    && let Some(until) = round.window_end
                {
                    if round.is_full {
                        calendar.take_back_unseen(&mut tx, until).await?;
                    } else {
                        calendar.take_back_vanished(&mut tx, until).await?;
                    }
                }
                let (counts, aside) = calendar.settle(&mut tx).await?;
                put_aside = aside;
                round.coverage += &counts.events.coverage();
                counts
            }
        };
        save(tx, stream.kind, &next, round).await?;
        self.run.add(&counts);
        let seen = counts.events.seen() + counts.messages.seen();
        self.run.watcher.on(Progress::Page { seen, kept: counts.events.kept + counts.messages.kept });
        Ok(Applied { position, put_aside, has_moved: true, wants_list })
    }
}

async fn save(tx: PageTx, kind: StreamKind, next: &Next, round: &Round) -> Result<(), PageError> {
    match next {
        Next::More(link) => tx.save(Advance::Next(link.expose(), round)).await,
        Next::Done(link) => tx.save(Advance::Delta(link.expose(), round)).await,
        Next::End if kind == StreamKind::MailBackfill => tx.save(Advance::Finished(round)).await,
        Next::End => tx.save(Advance::Again(round)).await,
    }
}
