//! What can go wrong, on demand.
//!
//! A fault is a rule with a scope and a count; the first rule that fits a request is used up by
//! one. Nothing happens by chance.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::id_token::Spoiled;
use crate::world::{FolderNo, UserNo};

/// Whose requests a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every request to Graph.
    All,
    /// Requests for one mailbox.
    Mailbox(UserNo),
    /// Requests of one kind, named as in [`Counters::by_kind`](crate::Counters::by_kind).
    Kind(&'static str),
    /// Requests of one kind for one mailbox.
    MailboxKind(UserNo, &'static str),
}

impl Scope {
    fn holds(self, mailbox: Option<UserNo>, kind: &str) -> bool {
        match self {
            Self::All => true,
            Self::Mailbox(user) => mailbox == Some(user),
            Self::Kind(wanted) => kind == wanted,
            Self::MailboxKind(user, wanted) => mailbox == Some(user) && kind == wanted,
        }
    }
}

impl From<UserNo> for Scope {
    fn from(user: UserNo) -> Self {
        Self::Mailbox(user)
    }
}

/// What happens to a request as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// 429, with this in `Retry-After`.
    Throttle(Option<String>),
    /// Any other error; without a code the body is empty.
    Fail(u16, String),
    /// The right answer, cut off in the middle.
    Halfway,
    /// The connection is closed without a word.
    HangUp,
}

/// What happens to a page of a listing or a delta round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PageTrouble {
    /// One item is not what it should be.
    MalformedItem,
    /// Neither a next link nor a delta link.
    NoLinks,
    /// Nothing on the page, and a next link to the same place.
    Empty,
    /// The next link or delta link leads to another host.
    Foreign(String),
    /// A next link to the page that has just been given.
    Repeat,
    /// The link has lost the key of the user: `users//`.
    Keyless,
    /// Every item stands on the page twice.
    Twice,
    /// The page comes again, behind a link that differs.
    Again,
}

/// Which link of a delta round a request follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// A next link, in the middle of a round.
    Next,
    /// A delta link, which begins a later round.
    Delta,
    /// Either.
    Any,
}

/// When the first rounds over a calendar never end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loop {
    /// Whenever the page size is smaller than this.
    BelowPageSize(usize),
    /// Whenever the window is longer than so many days.
    OverDays(i64),
}

impl Loop {
    pub fn holds(self, page_size: usize, seconds: i64) -> bool {
        match self {
            Self::BelowPageSize(enough) => page_size < enough,
            Self::OverDays(days) => seconds > days * 86_400,
        }
    }
}

/// How the simulated services behave where reports from the field disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Quirks {
    /// Bare occurrences are written in the series' own zone, whatever zone was asked for.
    pub occurrences_in_series_zone: bool,
    /// Tokens carry their roles. Where access was granted in Exchange instead, they carry none
    /// and calls work all the same.
    pub roles_in_token: bool,
    /// A link that was obtained with one form of ids is refused with the other
    /// (<https://github.com/alcionai/corso/pull/3176>).
    pub strict_id_form: bool,
    /// With immutable ids, a message that left a folder and came back between two rounds is
    /// reported as removed (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/21752>).
    pub round_trip_is_removal: bool,
    /// The removal of a series names its master only, not the days.
    pub series_removed_by_master_only: bool,
    /// Later rounds send the days of a changed series without its master.
    pub later_rounds_without_masters: bool,
    /// A day taken out of a series is reported as removed.
    pub removed_days_reported: bool,
    /// Links are written with keys in brackets: `users('…')/mailFolders('…')`.
    pub key_form_links: bool,
    /// Listings say of every folder that nothing lies in it.
    pub counts_are_zero: bool,
    /// A round that brings nothing ends with another link than it began with. The directory is said to do so
    /// (<https://github.com/microsoftgraph/microsoft-graph-docs/pull/2937>); of mailboxes nobody says.
    pub fresh_links: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            occurrences_in_series_zone: true,
            roles_in_token: true,
            strict_id_form: true,
            round_trip_is_removal: false,
            series_removed_by_master_only: false,
            later_rounds_without_masters: false,
            removed_days_reported: false,
            key_form_links: false,
            counts_are_zero: false,
            fresh_links: false,
        }
    }
}

/// An answer of the token endpoint in place of a token.
#[derive(Debug, Clone)]
pub(crate) struct TokenTrouble {
    pub status: u16,
    pub error: String,
    pub description: String,
}

/// An answer to whoever follows a link.
#[derive(Debug, Clone)]
pub(crate) struct LinkTrouble {
    pub links: Links,
    pub status: u16,
    pub code: String,
}

/// Everything that is going to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    requests: VecDeque<(Scope, u32, Trouble)>,
    pages: VecDeque<(Scope, u32, PageTrouble)>,
    tokens: VecDeque<(u32, TokenTrouble)>,
    links: VecDeque<(Scope, u32, LinkTrouble)>,
    /// Mailboxes that answer nothing but this: a status, a code and a text.
    pub mailbox_errors: BTreeMap<UserNo, (u16, String, String)>,
    /// Mailboxes that answer to object ids only.
    pub nameless: BTreeSet<UserNo>,
    /// Calendars whose first rounds never end.
    pub loops: BTreeMap<UserNo, Loop>,
    /// Mail folders whose first rounds never end.
    pub folder_loops: BTreeSet<(UserNo, FolderNo)>,
    /// Calendars with a series without an end that time out over pages smaller than this.
    pub slow_series: BTreeMap<UserNo, usize>,
    /// After how many accounts the list of users breaks off.
    pub users_cut: Option<usize>,
    /// The kinds of listings that lead back to themselves.
    pub circular: BTreeSet<&'static str>,
    /// What the next id_tokens are spoilt by.
    pub spoiled: VecDeque<Spoiled>,
    /// How many seconds later than it is id_tokens say that it is.
    pub id_token_skew: i64,
    /// How many more requests for the signing keys fail.
    pub keys_down: u32,
    /// How many more requests to Graph come before the grant has reached it.
    pub ungranted: u32,
    /// How many more tokens carry no roles yet.
    pub roleless: u32,
    /// How the services behave.
    pub quirks: Quirks,
}

/// Takes one of a count, if there is any left; the largest count never runs out.
pub(crate) fn take_one(left: &mut u32) -> bool {
    let any = *left > 0;
    if any && *left != u32::MAX {
        *left -= 1;
    }
    any
}

impl Faults {
    pub fn add(&mut self, scope: Scope, times: u32, trouble: Trouble) {
        if times > 0 {
            self.requests.push_back((scope, times, trouble));
        }
    }

    pub fn add_page(&mut self, scope: Scope, times: u32, trouble: PageTrouble) {
        if times > 0 {
            self.pages.push_back((scope, times, trouble));
        }
    }

    pub fn add_token(&mut self, times: u32, trouble: TokenTrouble) {
        if times > 0 {
            self.tokens.push_back((times, trouble));
        }
    }

    /// What happens to a request, once.
    pub fn take(&mut self, mailbox: Option<UserNo>, kind: &str) -> Option<Trouble> {
        take(&mut self.requests, mailbox, kind)
    }

    /// Whether a listing of this kind leads back to itself.
    pub fn is_circular(&self, kind: &str) -> bool {
        self.circular.contains(kind)
    }

    /// What happens to a page, once.
    pub fn take_page(&mut self, mailbox: Option<UserNo>, kind: &str) -> Option<PageTrouble> {
        take(&mut self.pages, mailbox, kind)
    }

    pub fn add_link(&mut self, scope: Scope, times: u32, trouble: LinkTrouble) {
        if times > 0 {
            self.links.push_back((scope, times, trouble));
        }
    }

    /// What happens to a request that follows a link, once.
    pub fn take_link(&mut self, mailbox: Option<UserNo>, kind: &str, link: Links) -> Option<LinkTrouble> {
        let fits = |trouble: &LinkTrouble| trouble.links == Links::Any || trouble.links == link;
        take_fitting(&mut self.links, mailbox, kind, fits)
    }

    /// What happens to a request for a token, once.
    pub fn take_token(&mut self) -> Option<TokenTrouble> {
        let (left, trouble) = self.tokens.front_mut()?;
        *left -= 1;
        let (spent, trouble) = (*left == 0, trouble.clone());
        if spent {
            self.tokens.pop_front();
        }
        Some(trouble)
    }

    /// Puts everything right that has not happened yet.
    pub fn clear(&mut self) {
        *self = Self { quirks: self.quirks, ..Self::default() };
    }
}

fn take<T: Clone>(rules: &mut VecDeque<(Scope, u32, T)>, mailbox: Option<UserNo>, kind: &str) -> Option<T> {
    take_fitting(rules, mailbox, kind, |_| true)
}

fn take_fitting<T: Clone>(
    rules: &mut VecDeque<(Scope, u32, T)>,
    mailbox: Option<UserNo>,
    kind: &str,
    fits: impl Fn(&T) -> bool,
) -> Option<T> {
    let at = rules.iter().position(|(scope, _, trouble)| scope.holds(mailbox, kind) && fits(trouble))?;
    let (_, left, trouble) = rules.get_mut(at)?;
    // The largest count never runs out.
    if *left != u32::MAX {
        *left -= 1;
    }
    let (spent, trouble) = (*left == 0, trouble.clone());
    if spent {
        rules.remove(at);
    }
    Some(trouble)
}
