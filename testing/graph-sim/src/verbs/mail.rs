//! Letters and folders.

use crate::Simulator;
use crate::generate::{self, Draw, internet_message_id};
use crate::world::{Address, FolderNo, Letter, LetterKind, MailWhat, MessageNo, PersonNo, UserNo, World};

/// A letter to be sent.
#[derive(Debug, Clone, Default)]
pub struct NewMessage {
    /// Who writes.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
    /// Who gets a copy.
    pub cc: Vec<String>,
    /// The subject.
    pub subject: String,
}

impl NewMessage {
    /// A letter to one recipient.
    pub fn new(from: &str, to: &str, subject: &str) -> Self {
        Self { from: from.to_owned(), to: vec![to.to_owned()], cc: Vec::new(), subject: subject.to_owned() }
    }
}

/// The person with this address, made up if there is none yet.
pub(super) fn person(world: &mut World, address: &str) -> PersonNo {
    match world.find_person(address) {
        Some(found) => found,
        None => world.add_person("Newcomer", Address::Text(address.to_owned())),
    }
}

impl Simulator {
    /// Sends a letter now: a copy goes to the sender's sent items and to the inbox of every
    /// recipient who has a mailbox here. What was filed, and where.
    pub fn send_message(&self, new: &NewMessage) -> Vec<(UserNo, MessageNo)> {
        let mut world = self.world_mut();
        let letter = compose(&mut world, new);
        let sender = letter.from.and_then(|p| world.user_of(p));
        let mut readers: Vec<_> = letter.to.iter().chain(&letter.cc).filter_map(|p| world.user_of(*p)).collect();
        readers.sort_unstable();
        readers.dedup();
        file(&mut world, letter, sender, &readers)
    }

    /// Puts a letter into one inbox, whoever its recipients are: a blind copy, or a list.
    pub fn deliver_to(&self, user: UserNo, new: &NewMessage) -> Option<MessageNo> {
        let mut world = self.world_mut();
        let letter = compose(&mut world, new);
        file(&mut world, letter, None, &[user]).first().map(|filed| filed.1)
    }

    /// Delivers something by chance that concerns a user, as the tenant's own mail was drawn.
    pub fn deliver_random(&self, user: UserNo) -> Vec<(UserNo, MessageNo)> {
        let mut desk = self.desk();
        let desk = &mut *desk;
        let mut world = self.world_mut();
        let now = world.now;
        generate::letter(&mut world, &desk.cast, &mut desk.draw, user, now)
    }

    /// Fills a folder with inbound letters a second apart, the newest of them now: for tests of
    /// caps and paging.
    pub fn fill_folder(&self, user: UserNo, folder: FolderNo, count: usize, from: &str) {
        let mut world = self.world_mut();
        let (now, me) = (world.now, world.user(user).person);
        let from = person(&mut world, from);
        for number in 0..count {
            let back = i64::try_from(count - 1 - number).unwrap_or_default();
            let sent = now - jiff::SignedDuration::from_secs(back);
            let mut letter = blank(&mut world, "Series of letters");
            letter.from = Some(from);
            letter.sender = Some(from);
            letter.to = vec![me];
            letter.sent = sent;
            let at = add_letter(&mut world, letter);
            if let Some(mailbox) = world.mailbox_mut(user) {
                mailbox.add_message(at, folder, sent, false);
            }
        }
    }

    /// Marks a message read or unread.
    pub fn mark_read(&self, user: UserNo, message: MessageNo, read: bool) {
        self.touch(user, message, MailWhat::ReadState, |m| m.is_read = read);
    }

    /// Flags a message.
    pub fn flag_message(&self, user: UserNo, message: MessageNo) {
        self.touch(user, message, MailWhat::Edited, |m| m.flagged = true);
    }

    fn touch(&self, user: UserNo, message: MessageNo, what: MailWhat, change: impl FnOnce(&mut crate::world::Message)) {
        let mut world = self.world_mut();
        let now = world.now;
        if let Some(mailbox) = world.mailbox_mut(user)
            && !mailbox.message(message).removed
        {
            mailbox.touch(message, now, what, change);
        }
    }

    /// Moves a message to another folder of its mailbox.
    pub fn move_message(&self, user: UserNo, message: MessageNo, target: FolderNo) {
        let mut world = self.world_mut();
        let now = world.now;
        if let Some(mailbox) = world.mailbox_mut(user)
            && !mailbox.message(message).removed
            && mailbox.message(message).folder != target
        {
            mailbox.move_message(message, target, now);
        }
    }

    /// Deletes a message for good.
    pub fn delete_message(&self, user: UserNo, message: MessageNo) {
        if let Some(mailbox) = self.world_mut().mailbox_mut(user) {
            mailbox.remove_message(message);
        }
    }

    /// Makes a folder.
    pub fn create_folder(&self, user: UserNo, parent: FolderNo, name: &str) -> Option<FolderNo> {
        let mut world = self.world_mut();
        Some(world.mailbox_mut(user)?.add_folder(name.to_owned(), None, Some(parent)))
    }

    /// Gives a folder another name.
    pub fn rename_folder(&self, user: UserNo, folder: FolderNo, name: &str) {
        if let Some(mailbox) = self.world_mut().mailbox_mut(user) {
            name.clone_into(&mut mailbox.folders[folder.0].name);
        }
    }

    /// Moves a folder, with all that is in it, into another. Into itself it does not go.
    pub fn move_folder(&self, user: UserNo, folder: FolderNo, parent: FolderNo) {
        if let Some(mailbox) = self.world_mut().mailbox_mut(user)
            && !mailbox.is_within(parent, folder)
        {
            mailbox.folders[folder.0].parent = Some(parent);
        }
    }

    /// Deletes a folder for good, with every folder and message in it.
    pub fn delete_folder(&self, user: UserNo, folder: FolderNo) {
        let mut world = self.world_mut();
        let Some(mailbox) = world.mailbox_mut(user) else { return };
        let doomed: Vec<_> =
            (0..mailbox.folders.len()).map(FolderNo).filter(|f| mailbox.is_within(*f, folder)).collect();
        let messages: Vec<_> =
            mailbox.live_messages().filter(|(_, m)| doomed.contains(&m.folder)).map(|(number, _)| number).collect();
        for message in messages {
            mailbox.remove_message(message);
        }
        for folder in doomed {
            mailbox.folders[folder.0].removed = true;
        }
    }
}

fn blank(world: &mut World, subject: &str) -> Letter {
    world.conversations += 1;
    Letter {
        kind: LetterKind::Mail,
        from: None,
        sender: None,
        to: Vec::new(),
        cc: Vec::new(),
        bcc: Vec::new(),
        subject: subject.to_owned(),
        sent: world.now,
        conversation: world.conversations - 1,
        internet_message_id: Some(internet_message_id(world.seed, world.letters.len())),
        attachment: false,
        big: false,
    }
}

fn compose(world: &mut World, new: &NewMessage) -> Letter {
    let mut letter = blank(world, &new.subject);
    let from = person(world, &new.from);
    letter.from = Some(from);
    letter.sender = Some(from);
    letter.to = new.to.iter().map(|address| person(world, address)).collect();
    letter.cc = new.cc.iter().map(|address| person(world, address)).collect();
    letter
}

fn add_letter(world: &mut World, letter: Letter) -> crate::world::LetterNo {
    world.letters.push(letter);
    crate::world::LetterNo(world.letters.len() - 1)
}

fn file(world: &mut World, letter: Letter, sender: Option<UserNo>, readers: &[UserNo]) -> Vec<(UserNo, MessageNo)> {
    let sent = letter.sent;
    let number = add_letter(world, letter);
    let mut out = Vec::new();
    let places = sender.map(|s| (s, "sentitems", true)).into_iter();
    for (user, alias, is_read) in places.chain(readers.iter().map(|r| (*r, "inbox", false))) {
        if let Some(mailbox) = world.mailbox_mut(user)
            && let Some(folder) = mailbox.by_alias(alias)
        {
            out.push((user, mailbox.add_message(number, folder, sent, is_read)));
        }
    }
    out
}

/// A message by chance that is still there.
pub(super) fn some_message(world: &World, draw: &mut Draw, user: UserNo) -> Option<MessageNo> {
    let mailbox = world.mailbox(user)?;
    let at = draw.below(mailbox.messages.len());
    mailbox.messages.get(at).filter(|m| !m.removed).map(|_| MessageNo(at))
}
