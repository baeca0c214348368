//! Mailboxes: folders, the messages in them, and what has changed.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{PersonNo, calendar::Calendar};
use crate::ids::{IdForm, Item, Stem};

/// A folder, by place in [`Mailbox::folders`]; the first is the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderNo(pub usize);

/// A message, by place in [`Mailbox::messages`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageNo(pub usize);

/// A letter, by place in [`World::letters`](super::World::letters).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterNo(pub usize);

/// What a letter is to Exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterKind {
    /// Ordinary mail.
    Mail,
    /// An invitation.
    MeetingRequest,
    /// An answer to one.
    MeetingResponse,
    /// Not sent yet.
    Draft,
}

/// What was written, once for all who hold a copy of it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// What it is.
    pub kind: LetterKind,
    /// The `from` of the letter; a draft may lack it.
    pub from: Option<PersonNo>,
    /// The `sender`: another person where somebody sends on behalf of `from`.
    pub sender: Option<PersonNo>,
    /// The `toRecipients`.
    pub to: Vec<PersonNo>,
    /// The `ccRecipients`.
    pub cc: Vec<PersonNo>,
    /// The `bccRecipients`, which only the sender's copy shows.
    pub bcc: Vec<PersonNo>,
    /// The subject.
    pub subject: String,
    /// When it was sent.
    pub sent: Timestamp,
    /// The conversation it belongs to.
    pub conversation: usize,
    /// The `internetMessageId`, the same in every mailbox.
    pub internet_message_id: Option<String>,
    /// Whether it has an attachment.
    pub attachment: bool,
    /// Whether its body is the large one.
    pub big: bool,
}

/// One mailbox's copy of a letter.
#[derive(Debug, Clone)]
pub struct Message {
    /// What was written.
    pub letter: LetterNo,
    /// Where it is now, or was last.
    pub folder: FolderNo,
    /// When it arrived here.
    pub received: Timestamp,
    /// When it was last touched.
    pub modified: Timestamp,
    /// How often it has been moved.
    pub moves: usize,
    /// How often it has changed.
    pub version: usize,
    /// Whether it has been read.
    pub is_read: bool,
    /// Whether it has been flagged.
    pub flagged: bool,
    /// Whether it is gone.
    pub removed: bool,
}

/// Ordinary folders and saved searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderKind {
    /// Holds messages.
    Plain,
    /// `#microsoft.graph.mailSearchFolder`: shows messages that are elsewhere.
    Search,
}

/// One folder.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The name in the mailbox's language.
    pub name: String,
    /// The well-known name, which is the same in every language.
    pub alias: Option<&'static str>,
    /// The folder it is in; only the root is in none.
    pub parent: Option<FolderNo>,
    /// What it is.
    pub kind: FolderKind,
    /// Whether it is listed only on request.
    pub hidden: bool,
    /// Whether it is gone.
    pub removed: bool,
    /// What is in it, by the second of arrival and number.
    pub(crate) items: BTreeSet<(i64, usize)>,
    /// What has happened in it, oldest first.
    pub(crate) log: Vec<MailChange>,
}

/// Something that happened to a message in a folder.
#[derive(Debug, Clone, Copy)]
pub struct MailChange {
    /// The mailbox's count of changes at the time.
    pub seq: u64,
    /// Which message.
    pub message: MessageNo,
    /// How often it had been moved while it was in this folder.
    pub moves: usize,
    /// What happened.
    pub what: MailWhat,
}

/// What can happen to a message in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailWhat {
    /// It is new here.
    Arrived,
    /// Something other than its read state changed.
    Edited,
    /// It was marked read or unread.
    ReadState,
    /// It was moved away or deleted.
    Left,
}

/// A user's mail and calendar.
#[derive(Debug, Clone)]
pub struct Mailbox {
    /// Every folder, the root first, removed ones too.
    pub folders: Vec<Folder>,
    /// Every message, removed ones too.
    pub messages: Vec<Message>,
    /// The calendar.
    pub calendar: Calendar,
    /// How many changes there have been.
    pub(crate) seq: u64,
    /// Raised when the service forgets its sync states: older links answer 410.
    pub(crate) generation: u64,
    stem: Stem,
}

impl Mailbox {
    pub(crate) fn new(stem: Stem) -> Self {
        Self { folders: Vec::new(), messages: Vec::new(), calendar: Calendar::default(), seq: 0, generation: 149, stem }
    }

    pub(crate) fn stem(&self) -> &Stem {
        &self.stem
    }

    /// One message.
    pub fn message(&self, message: MessageNo) -> &Message {
        &self.messages[message.0]
    }

    /// One folder.
    pub fn folder(&self, folder: FolderNo) -> &Folder {
        &self.folders[folder.0]
    }

    /// Every message that is still there.
    pub fn live_messages(&self) -> impl Iterator<Item = (MessageNo, &Message)> {
        self.messages.iter().enumerate().filter(|(_, m)| !m.removed).map(|(number, m)| (MessageNo(number), m))
    }

    /// The folder with this well-known name.
    pub fn by_alias(&self, alias: &str) -> Option<FolderNo> {
        self.folders
            .iter()
            .position(|f| !f.removed && f.alias.is_some_and(|a| a.eq_ignore_ascii_case(alias)))
            .map(FolderNo)
    }

    /// The folder with this well-known name or id.
    pub fn find_folder(&self, key: &str) -> Option<FolderNo> {
        if let Some(found) = self.by_alias(key) {
            return Some(found);
        }
        match self.stem.read(key) {
            Some(Item::Folder(number)) => self.folders.get(number).filter(|f| !f.removed).map(|_| FolderNo(number)),
            _ => None,
        }
    }

    /// The folders directly in another.
    pub fn children(&self, parent: FolderNo) -> impl Iterator<Item = FolderNo> {
        self.folders
            .iter()
            .enumerate()
            .filter(move |(_, f)| f.parent == Some(parent) && !f.removed)
            .map(|(number, _)| FolderNo(number))
    }

    /// Whether a folder is this one or somewhere below it.
    pub fn is_within(&self, folder: FolderNo, ancestor: FolderNo) -> bool {
        let mut at = Some(folder);
        while let Some(here) = at {
            if here == ancestor {
                return true;
            }
            at = self.folder(here).parent;
        }
        false
    }

    /// A folder's id.
    pub fn folder_id(&self, folder: FolderNo) -> String {
        self.stem.id(Item::Folder(folder.0), IdForm::Regular)
    }

    /// A message's id as it is now.
    pub fn message_id(&self, message: MessageNo, form: IdForm) -> String {
        let moves = self.message(message).moves;
        self.stem.id(Item::Message { number: message.0, moves }, form)
    }

    /// The message with this id, if the id is not one from before a move.
    pub fn find_message(&self, id: &str) -> Option<MessageNo> {
        let Some(Item::Message { number, .. }) = self.stem.read(id) else {
            return None;
        };
        let number = MessageNo(number);
        let found = self.messages.get(number.0)?;
        let current = [IdForm::Regular, IdForm::Immutable].into_iter().any(|form| self.message_id(number, form) == id);
        (current && !found.removed).then_some(number)
    }

    /// A conversation's id in this mailbox.
    pub fn conversation_id(&self, letter: &Letter) -> String {
        self.stem.conversation(letter.conversation)
    }

    pub(crate) fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    pub(crate) fn add_folder(
        &mut self,
        name: String,
        alias: Option<&'static str>,
        parent: Option<FolderNo>,
    ) -> FolderNo {
        self.folders.push(Folder {
            name,
            alias,
            parent,
            kind: FolderKind::Plain,
            hidden: false,
            removed: false,
            items: BTreeSet::new(),
            log: Vec::new(),
        });
        FolderNo(self.folders.len() - 1)
    }

    pub(crate) fn add_message(
        &mut self,
        letter: LetterNo,
        folder: FolderNo,
        received: Timestamp,
        is_read: bool,
    ) -> MessageNo {
        let number = MessageNo(self.messages.len());
        self.messages.push(Message {
            letter,
            folder,
            received,
            modified: received,
            moves: 0,
            version: 0,
            is_read,
            flagged: false,
            removed: false,
        });
        self.folders[folder.0].items.insert((received.as_second(), number.0));
        self.note(number, MailWhat::Arrived);
        number
    }

    /// Changes a message in its place and notes what happened.
    pub(crate) fn touch(
        &mut self,
        message: MessageNo,
        now: Timestamp,
        what: MailWhat,
        change: impl FnOnce(&mut Message),
    ) {
        let at = &mut self.messages[message.0];
        at.modified = now;
        at.version += 1;
        change(at);
        self.note(message, what);
    }

    pub(crate) fn move_message(&mut self, message: MessageNo, target: FolderNo, now: Timestamp) {
        self.leave(message);
        let at = &mut self.messages[message.0];
        at.folder = target;
        at.moves += 1;
        at.version += 1;
        at.modified = now;
        let key = (at.received.as_second(), message.0);
        self.folders[target.0].items.insert(key);
        self.note(message, MailWhat::Arrived);
    }

    pub(crate) fn remove_message(&mut self, message: MessageNo) {
        if !self.messages[message.0].removed {
            self.leave(message);
            self.messages[message.0].removed = true;
        }
    }

    fn leave(&mut self, message: MessageNo) {
        let at = self.message(message);
        let (folder, key) = (at.folder, (at.received.as_second(), message.0));
        self.folders[folder.0].items.remove(&key);
        self.note(message, MailWhat::Left);
    }

    fn note(&mut self, message: MessageNo, what: MailWhat) {
        let seq = self.next_seq();
        let at = self.message(message);
        let (folder, moves) = (at.folder, at.moves);
        self.folders[folder.0].log.push(MailChange { seq, message, moves, what });
    }

    /// Forgets how the mailbox came to be: a first delta round starts from what is there.
    pub(crate) fn settle(&mut self) {
        for folder in &mut self.folders {
            folder.log = Vec::new();
        }
        self.calendar.log = Vec::new();
    }
}
