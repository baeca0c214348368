//! The office behind the wire: people, mail and meetings as they really are.
//!
//! Nothing in here knows of HTTP or JSON. A test reads it to work out what a careful person would
//! have written down; the wire shows it as Microsoft Graph would.

mod calendar;
mod mail;
mod meeting;

use std::collections::HashMap;

use jiff::Timestamp;

pub use calendar::{CalChange, CalWhat, Calendar, Entry, EntryNo, Instance};
pub use mail::{
    Folder, FolderKind, FolderNo, Letter, LetterKind, LetterNo, MailChange, MailWhat, Mailbox, Message, MessageNo,
};
pub use meeting::{
    Attendee, AttendeeKind, Exception, Meeting, MeetingNo, Occurrence, Pattern, Recurrence, Response, Sensitivity,
    Series,
};
pub(crate) use meeting::{day_number, day_of};

use crate::ids::Stem;

/// A user of the directory, by place in [`World::users`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserNo(pub usize);

/// Someone who can stand in an address field, by place in [`World::people`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonNo(pub usize);

/// What stands in the `address` of an `emailAddress`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// Some text, not always an address.
    Text(String),
    /// `null`.
    Null,
    /// The member is not there at all.
    Absent,
}

impl Address {
    /// The text, where there is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Absent => None,
        }
    }
}

/// A name and an address, inside or outside the tenant.
#[derive(Debug, Clone)]
pub struct Person {
    /// The display name, with its canary.
    pub name: String,
    /// The address as it is written on the wire.
    pub address: Address,
}

/// What kind of account a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserKind {
    /// A person with a licence.
    Member,
    /// A person without: mail and calendar calls answer 404.
    Unlicensed,
    /// Someone of another organization: mail and calendar calls answer 404.
    Guest,
    /// A room, a resource mailbox whose account is disabled.
    Room,
    /// A shared mailbox, whose account is disabled too.
    Shared,
}

/// One account of the directory.
#[derive(Debug, Clone)]
pub struct User {
    /// The object id.
    pub id: String,
    /// The user principal name.
    pub upn: String,
    /// The primary address, which some accounts lack.
    pub mail: Option<String>,
    /// `SMTP:` and `smtp:` addresses, and an X.500 one.
    pub proxies: Vec<String>,
    /// The display name, with its canary.
    pub display_name: String,
    /// What it is.
    pub kind: UserKind,
    /// `userType` as shown; `None` is `null`, as on old accounts.
    pub user_type: Option<&'static str>,
    /// Whether the account can sign in.
    pub enabled: bool,
    /// Who this is in address fields.
    pub person: PersonNo,
    /// Whether the account is gone.
    pub removed: bool,
    /// The mailbox, if the account has one that can be read.
    pub mailbox: Option<Mailbox>,
}

/// The whole invented tenant at one instant.
#[derive(Debug, Clone)]
pub struct World {
    /// The simulated clock.
    pub now: Timestamp,
    /// The seed that the tenant was drawn from.
    pub seed: u64,
    /// The tenant's verified domains, the default one first.
    pub domains: Vec<String>,
    /// Every account, removed ones too.
    pub users: Vec<User>,
    /// Everyone who stands in an address field.
    pub people: Vec<Person>,
    /// Every letter once, however many mailboxes hold a copy.
    pub letters: Vec<Letter>,
    /// Every meeting and series once, however many calendars hold a copy.
    pub meetings: Vec<Meeting>,
    /// How many conversations there are.
    pub conversations: usize,
    /// Lower-case object ids and user principal names.
    by_key: HashMap<String, UserNo>,
    /// Which user a person is.
    by_person: HashMap<PersonNo, UserNo>,
}

impl World {
    /// A tenant with nobody in it.
    pub(crate) fn empty(now: Timestamp, seed: u64, domains: Vec<String>) -> Self {
        Self {
            now,
            seed,
            domains,
            users: Vec::new(),
            people: Vec::new(),
            letters: Vec::new(),
            meetings: Vec::new(),
            conversations: 0,
            by_key: HashMap::new(),
            by_person: HashMap::new(),
        }
    }

    /// One account.
    pub fn user(&self, user: UserNo) -> &User {
        &self.users[user.0]
    }

    /// Someone in an address field.
    pub fn person(&self, person: PersonNo) -> &Person {
        &self.people[person.0]
    }

    /// What stands in the address of someone, where it is a text.
    pub fn address_of(&self, person: PersonNo) -> Option<&str> {
        self.person(person).address.text()
    }

    /// The account with this object id or user principal name, unless it was removed.
    pub fn find_user(&self, key: &str) -> Option<UserNo> {
        let found = *self.by_key.get(&key.to_lowercase())?;
        (!self.user(found).removed).then_some(found)
    }

    /// The account that a person has in this tenant; guests have one too.
    pub fn user_of(&self, person: PersonNo) -> Option<UserNo> {
        let found = *self.by_person.get(&person)?;
        (!self.user(found).removed).then_some(found)
    }

    /// Whether a person is this user, under the address of today or of earlier.
    pub fn is_person(&self, user: UserNo, person: PersonNo) -> bool {
        self.user(user).person == person || self.by_person.get(&person) == Some(&user)
    }

    /// A user's mailbox, if it can be read.
    pub fn mailbox(&self, user: UserNo) -> Option<&Mailbox> {
        let user = self.user(user);
        user.mailbox.as_ref().filter(|_| !user.removed)
    }

    pub(crate) fn mailbox_mut(&mut self, user: UserNo) -> Option<&mut Mailbox> {
        let user = &mut self.users[user.0];
        user.mailbox.as_mut().filter(|_| !user.removed)
    }

    /// Every user with a mailbox that can be read.
    pub fn mailboxes(&self) -> impl Iterator<Item = (UserNo, &Mailbox)> {
        (0..self.users.len()).map(UserNo).filter_map(|user| Some((user, self.mailbox(user)?)))
    }

    /// The users of one kind, without those who were removed.
    pub fn users_of(&self, kind: UserKind) -> impl Iterator<Item = UserNo> {
        self.users
            .iter()
            .enumerate()
            .filter(move |(_, user)| user.kind == kind && !user.removed)
            .map(|(number, _)| UserNo(number))
    }

    /// The person with exactly this address on the wire.
    pub fn find_person(&self, address: &str) -> Option<PersonNo> {
        self.people.iter().position(|p| p.address.text() == Some(address)).map(PersonNo)
    }

    pub(crate) fn add_person(&mut self, name: &str, address: Address) -> PersonNo {
        let number = self.people.len();
        self.people.push(Person { name: format!("{name} CANARY-NAME-{number:06}"), address });
        PersonNo(number)
    }

    pub(crate) fn add_user(&mut self, user: User) -> UserNo {
        let number = UserNo(self.users.len());
        self.by_key.insert(user.id.to_lowercase(), number);
        self.by_key.insert(user.upn.to_lowercase(), number);
        self.by_person.insert(user.person, number);
        self.users.push(user);
        number
    }

    /// Gives an account another name and person; the old person is still the account's, its old name is nobody's.
    pub(crate) fn rename_user(&mut self, user: UserNo, upn: &str, person: PersonNo) {
        let old = std::mem::replace(&mut self.users[user.0].upn, upn.to_owned());
        self.by_key.remove(&old.to_lowercase());
        self.by_key.insert(upn.to_lowercase(), user);
        self.by_person.insert(person, user);
        self.users[user.0].person = person;
    }

    /// The part of ids that belongs to a user's mailbox.
    pub(crate) fn stem_for(&self, user: UserNo) -> Stem {
        Stem::new(self.seed.rotate_left(17) ^ (user.0 as u64))
    }
}
