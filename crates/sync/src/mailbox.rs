//! One mailbox: its calendar and its folders, stream by stream, and what they say of it together.

use std::collections::BTreeSet;
use std::sync::Mutex;

use futures_util::{StreamExt as _, stream};
use m365_graph::{Event, GraphError, MailboxVerdict, RootDelta, TokenError};
use m365_model::{GraphUserId, MailboxId, StreamKind};
use m365_store::keys::ShortKey;
use m365_store::mailboxes::{KnownFolder, KnownMailbox, MailboxState};
use m365_store::streams::{Advance, QuietEnd, Round, Stream};
use m365_store::{PageError, StoreError};
use serde::{Deserialize, Serialize};

use crate::calendar::{CalendarPage, DroppedMasters};
use crate::folders::{self, FolderError, ReadFolder};
use crate::plan::{can_be_passed_over, new_round};
use crate::run::Run;
use crate::summary::{Counts, Dropped, Problem};

/// How many streams of one mailbox are walked side by side; the client lets four requests through at once.
const STREAMS_AT_ONCE: usize = 4;

/// Why a stream, or everything, stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Graph refused, or could not be reached.
    Graph(GraphError),
    /// The agreement was withdrawn: the whole run ends.
    Withdrawn,
    /// The run was asked to stop.
    Stopped,
    /// The store failed: the whole run ends.
    Store(StoreError),
}

impl Failure {
    /// Whether the other mailboxes would fail in the same way.
    pub fn ends_the_run(&self) -> bool {
        match self {
            Self::Graph(error) => {
                matches!(error, GraphError::Token(TokenError::Refused(_) | TokenError::Malformed))
            }
            Self::Withdrawn | Self::Stopped | Self::Store(_) => true,
        }
    }
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<PageError> for Failure {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Withdrawn => Self::Withdrawn,
            PageError::Store(error) => Self::Store(error),
            // Both are answered where pages are applied; elsewhere nothing was lost and the next sync goes on.
            PageError::RulesChanged | PageError::Stale => Self::Graph(GraphError::Unreadable),
        }
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Graph(error) => error.into(),
            FolderError::Page(error) => error.into(),
        }
    }
}

/// What could be read of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Access {
    /// It was read.
    Read,
    /// The tenant lets the application not into it.
    Denied,
}

/// How the read of a mailbox ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MailboxEnd {
    pub state: MailboxState,
    pub calendar: Access,
    pub mail: Access,
    pub problem: Option<Problem>,
    /// What a person should know though the mailbox was read.
    pub notes: BTreeSet<Problem>,
}

/// One mailbox of a run.
pub(crate) struct MailboxSync<'r> {
    pub run: &'r Run<'r>,
    pub user: GraphUserId,
    pub mailbox: MailboxId,
    /// What a person should know though the mailbox was read.
    notes: Mutex<BTreeSet<Problem>>,
    /// Where the rounds ended that brought nothing.
    quiet: Mutex<Vec<QuietEnd>>,
}

impl<'r> MailboxSync<'r> {
    pub fn new(run: &'r Run<'r>, user: GraphUserId, mailbox: MailboxId) -> Self {
        Self { run, user, mailbox, notes: Mutex::default(), quiet: Mutex::default() }
    }

    /// Reads the mailbox, and notes how that ended.
    pub async fn sync(&self) -> Result<MailboxEnd, Failure> {
        let mut end = self.read().await?;
        end.notes = std::mem::take(&mut *self.notes.lock().expect("no holder of this lock panics"));
        let code = end.problem.as_ref().map(|problem| problem.code.as_str());
        let quiet = std::mem::take(&mut *self.quiet.lock().expect("no holder of this lock panics"));
        self.run.store.mailbox_ended(self.run.gate, self.mailbox, end.state, code, &quiet).await?;
        Ok(end)
    }

    /// A round brought nothing: where the next one begins is stored when the mailbox has been read. Until then the old link is
    /// as good.
    pub(crate) fn end_quietly(&self, end: QuietEnd) {
        self.quiet.lock().expect("no holder of this lock panics").push(end);
    }

    pub(crate) fn note(&self, code: &str, resolution: &str) {
        let mailbox = Some(self.user.as_str().to_owned());
        let note = Problem { mailbox, code: code.to_owned(), resolution: resolution.to_owned() };
        self.notes.lock().expect("no holder of this lock panics").insert(note);
    }

    async fn read(&self) -> Result<MailboxEnd, Failure> {
        let known = self.run.store.known_of(self.run.gate, self.mailbox).await?;
        let KnownMailbox { streams, folders: known, has_waiting } = known;
        let skipped = folders::skipped(&known);
        // The folders first: a user without a mailbox is found out by one request.
        let tree = folders::read_tree(&self.run.graph, self.run.gate, &self.user, &skipped);
        let mail = match self.run.unless_stopped(tree).await? {
            Ok(tree) => Ok(tree),
            Err(error) if matches!(error.mailbox_verdict(), MailboxVerdict::Skip(_)) => {
                return self.judge(Ok(()), Err(error.into()));
            }
            Err(error) => Err(Failure::from(error)),
        };
        if mail.is_ok() {
            self.run.unless_stopped(self.settle_mailbox_wide_delta()).await.flatten()?;
        }
        let calendar = self.calendar(&streams, has_waiting);
        let folders = async {
            match mail {
                Ok(tree) => self.folders(&streams, known, &tree).await,
                Err(failure) => Err(failure),
            }
        };
        let (calendar, mail) = futures_util::join!(calendar, folders);
        self.judge(calendar, mail)
    }

    /// Asks once whether the mailbox tells its changes as a whole, which only a 400 settles. Mail is read folder by folder
    /// either way (<https://github.com/microsoftgraph/msgraph-metadata/issues/607>).
    async fn settle_mailbox_wide_delta(&self) -> Result<(), Failure> {
        if !self.run.asks_mailbox_wide_delta() {
            return Ok(());
        }
        let since = self.run.store.surroundings().now();
        let answer = self.run.graph.message_delta_at_mailbox_root(self.run.gate, &self.user, since).await;
        if let Ok(RootDelta::Refused) = answer {
            self.run.store.settle_mailbox_wide_delta(self.run.gate.tenant()).await?;
        }
        Ok(())
    }

    async fn calendar(&self, streams: &[Stream], has_waiting: bool) -> Result<(), Failure> {
        let stream = self.stream(streams, StreamKind::Calendar, 0).await?;
        let walked = self.walk(stream, None).await?;
        if !has_waiting && !walked.has_moved {
            return Ok(());
        }
        self.join_waiting(walked.put_aside).await
    }

    async fn folders(
        &self,
        streams: &[Stream],
        known: Vec<KnownFolder>,
        tree: &[folders::Node],
    ) -> Result<(), Failure> {
        let run = self.run;
        let read = folders::resolve(&run.graph, &run.store, run.gate, &self.user, self.mailbox, known, tree);
        let read = run.unless_stopped(read).await??;
        let walks = read.iter().map(|folder| self.folder(streams, folder));
        let ends: Vec<_> = stream::iter(walks).buffer_unordered(STREAMS_AT_ONCE).collect().await;
        // What ends the run outweighs what ends a folder.
        let mut failure = None;
        for end in ends {
            match end {
                Err(error) if error.ends_the_run() => return Err(error),
                Err(error) => failure = failure.or(Some(error)),
                Ok(()) => {}
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn folder(&self, streams: &[Stream], folder: &ReadFolder) -> Result<(), Failure> {
        let is_list = |stream: &&Stream| stream.kind == StreamKind::MailBackfill && stream.folder_row == folder.row;
        let list = streams.iter().find(is_list);
        let stream = self.stream(streams, StreamKind::MailFolder, folder.row).await?;
        if list.is_none() && can_be_passed_over(&stream, folder.item_count, &self.run.terms()) {
            return Ok(());
        }
        let walked = match self.walk(stream, Some(&folder.id)).await {
            Err(Failure::Graph(error)) if error.is_not_found() => return Ok(()), // The folder is gone.
            end => end?,
        };
        if list.is_none() && !walked.wants_list {
            return Ok(());
        }
        let streams = self.run.store.streams(self.run.gate, self.mailbox).await?;
        if let Some(list) = streams.iter().find(is_list) {
            self.walk(list.clone(), Some(&folder.id)).await?;
        }
        Ok(())
    }

    async fn stream(&self, streams: &[Stream], kind: StreamKind, row: i64) -> Result<Stream, Failure> {
        if let Some(stream) = streams.iter().find(|stream| stream.kind == kind && stream.folder_row == row) {
            return Ok(stream.clone());
        }
        // Nothing is read yet, so nothing is listed yet.
        let round = Round { window_end: None, ..new_round(kind, 0, &self.run.terms()) };
        Ok(self.run.store.create_stream(self.run.gate, self.mailbox, kind, row, &round).await?)
    }

    /// Occurrences whose master came neither before nor after them: the master is asked for by its id.
    async fn join_waiting(&self, put_aside: u64) -> Result<(), Failure> {
        let waiting = self.waiting_masters().await?;
        let mut failure = None;
        for master_id in &waiting {
            let master = self.run.graph.event(self.run.gate, &self.user, master_id);
            match self.run.unless_stopped(master).await? {
                Ok(master) => self.join_master(master_id, master).await?,
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if let Some(error) = failure {
            let mut counts = Counts::default();
            counts.events.drop_many(Dropped::MasterUnavailable, put_aside);
            self.run.add(&counts);
            return Err(error.into());
        }
        Ok(())
    }

    async fn waiting_masters(&self) -> Result<Vec<String>, Failure> {
        let mut masters: Vec<String> = self
            .run
            .store
            .waiting(self.run.gate, self.mailbox)
            .await?
            .into_iter()
            .filter_map(|c| c.master_id)
            .collect();
        masters.sort_unstable();
        masters.dedup();
        Ok(masters)
    }

    async fn join_master(&self, master_id: &str, mut master: Option<Event>) -> Result<(), Failure> {
        loop {
            let rules = self.run.rules();
            let round = self.calendar_round().await?;
            let mut tx = match self.run.store.open_join(self.run.gate, rules.version).await {
                Err(PageError::RulesChanged) => {
                    self.run.reload_rules().await?;
                    continue;
                }
                tx => tx?,
            };
            tx.take_turn_at_meetings().await?;
            let mut dropped = DroppedMasters::new();
            let mut page =
                CalendarPage::new(self.run.gate, &rules, (self.mailbox, self.user.as_str()), &round, &mut dropped);
            match master.take().filter(|event| event.kind == m365_graph::EventKind::SeriesMaster) {
                Some(master) => page.fetched_master(&mut tx, master).await?,
                None => page.master_is_gone(&mut tx, ShortKey::event(self.mailbox, master_id)).await?,
            }
            let (counts, _) = page.settle(&mut tx).await?;
            tx.add_coverage(self.mailbox, StreamKind::Calendar, 0, &counts.events.coverage()).await?;
            tx.save(Advance::Nowhere).await?;
            self.run.add(&counts);
            return Ok(());
        }
    }

    async fn calendar_round(&self) -> Result<Round, Failure> {
        let streams = self.run.store.streams(self.run.gate, self.mailbox).await?;
        let calendar = streams.into_iter().find(|stream| stream.kind == StreamKind::Calendar);
        calendar.map(|stream| stream.round).ok_or(Failure::Store(StoreError::Unreadable("delta_state")))
    }

    /// What the two halves say of the mailbox.
    fn judge(&self, calendar: Result<(), Failure>, mail: Result<(), Failure>) -> Result<MailboxEnd, Failure> {
        let (mut denied, mut read) = ([false, false], true);
        let mut worst: Option<(MailboxState, GraphError)> = None;
        for (half, end) in [calendar, mail].into_iter().enumerate() {
            let error = match end {
                Ok(()) => continue,
                Err(Failure::Graph(error)) if !Failure::Graph(error.clone()).ends_the_run() => error,
                Err(failure) => return Err(failure),
            };
            match error.mailbox_verdict() {
                MailboxVerdict::AccessDenied => {
                    denied[half] = true;
                    worst = worst.or(Some((MailboxState::Skipped, error)));
                }
                MailboxVerdict::Skip(_) => {
                    read = false;
                    worst = Some((MailboxState::Skipped, error));
                }
                MailboxVerdict::RetryLater | MailboxVerdict::Fail => {
                    read = false;
                    worst = Some((MailboxState::Failed, error));
                    break;
                }
            }
        }
        let access = |denied| if denied { Access::Denied } else { Access::Read };
        let (calendar, mail) = (access(denied[0]), access(denied[1]));
        let one_half_only = read && denied[0] != denied[1];
        let state = match &worst {
            None => MailboxState::Synced,
            Some(_) if one_half_only => MailboxState::Synced,
            Some((state, _)) => *state,
        };
        let problem = worst.map(|(_, error)| Problem {
            mailbox: Some(self.user.as_str().to_owned()),
            code: error.code().into_owned(),
            resolution: match (one_half_only, calendar) {
                (true, Access::Denied) => crate::remedy::CALENDARS.to_owned(),
                (true, Access::Read) => crate::remedy::MAIL.to_owned(),
                _ => error.resolution().to_owned(),
            },
        });
        Ok(MailboxEnd { state, calendar, mail, problem, notes: BTreeSet::new() })
    }
}
