//! What is asked of Graph: every URL that this crate makes is made here.
//!
//! An [`Ask`] for people, mail or calendars is made with the gate in hand; the one made without asks for the organization.

use std::fmt::Write as _;

use jiff::Timestamp;
use m365_database::DpaAccepted;
use m365_model::{GraphUserId, to_text};
use reqwest::header::HeaderValue;
use url::Url;

use crate::Limits;
use crate::error::GraphError;
use crate::link::{Link, LinkScope};
use crate::page::Walk;
use crate::percent::segment;
use crate::wire::{DomainsEntry, Event, Folder, FolderId, Message, User, WellKnownFolder};

/// How many users a page. The most that Graph [gives](https://learn.microsoft.com/en-us/graph/api/user-list).
const USERS_PAGE: u32 = 999;
/// How many folders a page.
const FOLDERS_PAGE: u32 = 100;

/// One request.
pub(crate) struct Ask {
    pub(crate) url: Url,
    pub(crate) mailbox: Option<GraphUserId>,
    pub(crate) prefer: Option<HeaderValue>,
    /// Where links on the answer may lead.
    pub(crate) scope: LinkScope,
    /// Whether the answer must name a next page.
    pub(crate) walk: Walk,
    /// Whether the URL is a link that Graph gave.
    pub(crate) followed: bool,
}

/// Makes requests of one Graph root.
pub(crate) struct Asks {
    root: Url,
    limits: Limits,
    message_select: String,
}

impl Asks {
    pub(crate) fn new(root: &Url, limits: &Limits, with_message_ids: bool) -> Self {
        let more = if with_message_ids { &[Message::INTERNET_ID][..] } else { &[] };
        let message_select = Message::SELECT.iter().chain(more).copied().collect::<Vec<_>>().join(",");
        Self { root: root.clone(), limits: limits.clone(), message_select }
    }

    pub(crate) fn directory_scope(&self) -> LinkScope {
        LinkScope::directory(&self.root)
    }

    pub(crate) fn mailbox_scope(&self, user: &GraphUserId) -> LinkScope {
        LinkScope::mailbox(&self.root, user)
    }

    /// Whether the organization answers. Asks for no person, so it needs no gate.
    pub(crate) fn organization(&self) -> Ask {
        self.in_directory("organization?$select=id&$top=1")
    }

    pub(crate) fn verified_domains(&self, _: &DpaAccepted<'_>) -> Ask {
        self.in_directory(&format!("organization?$select={}", DomainsEntry::SELECT.join(",")))
    }

    pub(crate) fn users(&self, _: &DpaAccepted<'_>) -> Ask {
        self.in_directory(&format!("users?$select={}&$top={USERS_PAGE}", User::SELECT.join(",")))
    }

    pub(crate) fn users_probe(&self, _: &DpaAccepted<'_>) -> Ask {
        self.in_directory("users?$select=id&$top=1")
    }

    pub(crate) fn more_users(&self, _: &DpaAccepted<'_>, link: &Link) -> Result<Ask, GraphError> {
        let scope = self.directory_scope();
        follow(scope, None, None, link)
    }

    pub(crate) fn folders(&self, _: &DpaAccepted<'_>, user: &GraphUserId, parent: Option<&FolderId>) -> Ask {
        let below = parent.map(|parent| format!("/{}/childFolders", segment(parent.as_str()))).unwrap_or_default();
        let path = format!("mailFolders{below}?$top={FOLDERS_PAGE}&$select={}", Folder::SELECT.join(","));
        self.in_mailbox(user, &path, prefer_mail(FOLDERS_PAGE), Walk::List)
    }

    pub(crate) fn more_folders(&self, _: &DpaAccepted<'_>, user: &GraphUserId, link: &Link) -> Result<Ask, GraphError> {
        follow(self.mailbox_scope(user), Some(user), Some(prefer_mail(FOLDERS_PAGE)), link)
    }

    pub(crate) fn folder_by_alias(&self, _: &DpaAccepted<'_>, user: &GraphUserId, folder: WellKnownFolder) -> Ask {
        let path = format!("mailFolders/{folder}?$select=id");
        self.in_mailbox(user, &path, self.prefer(false), Walk::List)
    }

    pub(crate) fn message_delta(
        &self,
        _: &DpaAccepted<'_>,
        user: &GraphUserId,
        folder: &FolderId,
        since: Timestamp,
    ) -> Ask {
        let path = format!("mailFolders/{}/messages/delta?{}", segment(folder.as_str()), self.messages_since(since));
        self.in_mailbox(user, &path, self.prefer(false), Walk::Delta)
    }

    pub(crate) fn message_delta_at_root(&self, _: &DpaAccepted<'_>, user: &GraphUserId, since: Timestamp) -> Ask {
        let path = format!("messages/delta?{}", self.messages_since(since));
        self.in_mailbox(user, &path, self.prefer(false), Walk::Delta)
    }

    /// Newest first: mail that arrives meanwhile pushes rows towards pages still to come, where they are seen twice, not
    /// never.
    pub(crate) fn message_list(
        &self,
        _: &DpaAccepted<'_>,
        user: &GraphUserId,
        folder: &FolderId,
        since: Timestamp,
    ) -> Ask {
        let path = format!(
            "mailFolders/{}/messages?{}&$orderby=receivedDateTime%20desc&$top={}",
            segment(folder.as_str()),
            self.messages_since(since),
            self.limits.mail_page
        );
        self.in_mailbox(user, &path, self.prefer(false), Walk::List)
    }

    /// Takes no `$select`: the window is all that a calendar's delta can be
    /// [told](https://learn.microsoft.com/en-us/graph/api/event-delta).
    pub(crate) fn calendar_delta(
        &self,
        _: &DpaAccepted<'_>,
        user: &GraphUserId,
        from: Timestamp,
        to: Timestamp,
    ) -> Ask {
        let path = format!("calendarView/delta?{}", window(from, to));
        self.in_mailbox(user, &path, self.prefer(true), Walk::Delta)
    }

    pub(crate) fn calendar_list(&self, _: &DpaAccepted<'_>, user: &GraphUserId, from: Timestamp, to: Timestamp) -> Ask {
        let path = format!(
            "calendarView?{}&$select={}&$top={}",
            window(from, to),
            Event::SELECT.join(","),
            self.limits.calendar_page
        );
        self.in_mailbox(user, &path, self.prefer(true), Walk::List)
    }

    pub(crate) fn event(&self, _: &DpaAccepted<'_>, user: &GraphUserId, event: &str) -> Ask {
        let path = format!("events/{}?$select={}", segment(event), Event::SELECT.join(","));
        self.in_mailbox(user, &path, self.prefer(true), Walk::List)
    }

    pub(crate) fn more_of_stream(
        &self,
        _: &DpaAccepted<'_>,
        user: &GraphUserId,
        link: &Link,
        calendar: bool,
    ) -> Result<Ask, GraphError> {
        follow(self.mailbox_scope(user), Some(user), Some(self.prefer(calendar)), link)
    }

    fn in_directory(&self, path: &str) -> Ask {
        Ask {
            url: self.url(path),
            mailbox: None,
            prefer: None,
            scope: self.directory_scope(),
            walk: Walk::List,
            followed: false,
        }
    }

    fn in_mailbox(&self, user: &GraphUserId, path: &str, prefer: HeaderValue, walk: Walk) -> Ask {
        Ask {
            url: self.url(&format!("users/{}/{path}", segment(user.as_str()))),
            mailbox: Some(user.clone()),
            prefer: Some(prefer),
            scope: self.mailbox_scope(user),
            walk,
            followed: false,
        }
    }

    /// The space must be `%20`: a `+` is [refused](https://github.com/microsoftgraph/microsoft-graph-docs/issues/18636).
    fn messages_since(&self, since: Timestamp) -> String {
        format!("$select={}&$filter=receivedDateTime%20ge%20{}", self.message_select, to_text(since))
    }

    fn url(&self, path: &str) -> Url {
        self.root.join(&format!("/v1.0/{path}")).expect("a path of escaped segments")
    }

    fn prefer(&self, calendar: bool) -> HeaderValue {
        if calendar { prefer_calendar(self.limits.calendar_page) } else { prefer_mail(self.limits.mail_page) }
    }
}

/// A link is asked for as it stands, after its place was checked once more.
fn follow(
    scope: LinkScope,
    mailbox: Option<&GraphUserId>,
    prefer: Option<HeaderValue>,
    link: &Link,
) -> Result<Ask, GraphError> {
    if !scope.admits(link.url()) {
        return Err(GraphError::ForeignLink);
    }
    let walk = if link.is_delta() { Walk::Delta } else { Walk::List };
    Ok(Ask { url: link.url().clone(), mailbox: mailbox.cloned(), prefer, scope, walk, followed: true })
}

fn window(from: Timestamp, to: Timestamp) -> String {
    format!("startDateTime={}&endDateTime={}", to_text(from), to_text(to))
}

/// One header for all preferences, on every request of a round.
/// [Immutable ids](https://learn.microsoft.com/en-us/graph/outlook-immutable-id) are asked for by each request anew, and
/// the page size belongs here, since `$top`
/// [ends a delta round](https://github.com/microsoftgraph/microsoft-graph-docs/issues/2232).
fn prefer_mail(page: u32) -> HeaderValue {
    header(&preferences(page))
}

/// Events in UTC, and with short bodies: they come unasked and are not read.
fn prefer_calendar(page: u32) -> HeaderValue {
    let mut all = preferences(page);
    all.push_str(r#", outlook.timezone="UTC", outlook.body-content-type="text""#);
    header(&all)
}

fn preferences(page: u32) -> String {
    let mut all = String::from(r#"IdType="ImmutableId""#);
    write!(all, ", odata.maxpagesize={page}").expect("writing to a String cannot fail");
    all
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a header of plain characters")
}
