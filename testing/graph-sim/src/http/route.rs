//! What a path asks for.

use super::request::Request;

/// A path, read. Users are named by object id or user principal name, folders by id or
/// well-known name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Token(String),
    OpenId(String),
    Keys(String),
    Authorize(String),
    AuthorizeAs(String, String),
    AdminConsent(String),
    Consent(String, String),
    Batch,
    Me,
    Organization,
    Users,
    User(String),
    Folders(String),
    Folder(String, String),
    ChildFolders(String, String),
    MessageDelta(String, String),
    FolderMessages(String, String),
    Messages(String),
    Message(String, String),
    Attachments(String, String),
    RootDelta(String),
    CalendarDelta(String),
    CalendarView(String),
    Calendars(String),
    Event(String, String),
    Unknown(Option<String>),
}

impl Route {
    pub fn of(request: &Request) -> Self {
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            [tenant, "oauth2", "v2.0", "token"] => Self::Token((*tenant).to_owned()),
            [tenant, "v2.0", ".well-known", "openid-configuration"] => Self::OpenId((*tenant).to_owned()),
            [tenant, "discovery", "v2.0", "keys"] => Self::Keys((*tenant).to_owned()),
            [tenant, "oauth2", "v2.0", "authorize"] => Self::Authorize((*tenant).to_owned()),
            [tenant, "oauth2", "v2.0", "authorize", "as", choice] => {
                Self::AuthorizeAs((*tenant).to_owned(), (*choice).to_owned())
            }
            [tenant, "v2.0", "adminconsent"] => Self::AdminConsent((*tenant).to_owned()),
            [tenant, "v2.0", "adminconsent", choice] => Self::Consent((*tenant).to_owned(), (*choice).to_owned()),
            ["v1.0", rest @ ..] => Self::graph(rest),
            _ => Self::Unknown(None),
        }
    }

    fn graph(segments: &[&str]) -> Self {
        let Some((first, rest)) = segments.split_first() else {
            return Self::Unknown(None);
        };
        if is(first, "$batch") && rest.is_empty() {
            return Self::Batch;
        }
        if is(first, "me") {
            return Self::Me;
        }
        if is(first, "organization") && rest.is_empty() {
            return Self::Organization;
        }
        if !is(first, "users") {
            return Self::Unknown(None);
        }
        let Some((key, rest)) = rest.split_first() else {
            return Self::Users;
        };
        let key = (*key).to_owned();
        match rest {
            [] => Self::User(key),
            [a, rest @ ..] if is(a, "mailFolders") => Self::folder(key, rest),
            [a] if is(a, "messages") => Self::Messages(key),
            [a, b] if is(a, "messages") && is_delta(b) => Self::RootDelta(key),
            [a, id] if is(a, "messages") => Self::Message(key, (*id).to_owned()),
            [a, id, c] if is(a, "messages") && is(c, "attachments") => Self::Attachments(key, (*id).to_owned()),
            [a] if is(a, "calendars") => Self::Calendars(key),
            // The default calendar by its several names.
            [a, rest @ ..] if is(a, "calendar") => Self::calendar(key, rest),
            [a, _, rest @ ..] if is(a, "calendars") => Self::calendar(key, rest),
            rest => Self::calendar(key, rest),
        }
    }

    fn folder(key: String, segments: &[&str]) -> Self {
        match segments {
            [] => Self::Folders(key),
            [folder] => Self::Folder(key, (*folder).to_owned()),
            [folder, b] if is(b, "childFolders") => Self::ChildFolders(key, (*folder).to_owned()),
            [folder, b] if is(b, "messages") => Self::FolderMessages(key, (*folder).to_owned()),
            [folder, b, c] if is(b, "messages") && is_delta(c) => Self::MessageDelta(key, (*folder).to_owned()),
            [_, b, id] if is(b, "messages") => Self::Message(key, (*id).to_owned()),
            _ => Self::Unknown(Some(key)),
        }
    }

    fn calendar(key: String, segments: &[&str]) -> Self {
        match segments {
            [a] if is(a, "calendarView") => Self::CalendarView(key),
            [a, b] if is(a, "calendarView") && is_delta(b) => Self::CalendarDelta(key),
            [a, id] if is(a, "events") => Self::Event(key, (*id).to_owned()),
            _ => Self::Unknown(Some(key)),
        }
    }

    /// Whose mailbox a request is for; accounts themselves are not in a mailbox.
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Folders(key)
            | Self::Folder(key, _)
            | Self::ChildFolders(key, _)
            | Self::MessageDelta(key, _)
            | Self::FolderMessages(key, _)
            | Self::Messages(key)
            | Self::Message(key, _)
            | Self::Attachments(key, _)
            | Self::RootDelta(key)
            | Self::CalendarDelta(key)
            | Self::CalendarView(key)
            | Self::Calendars(key)
            | Self::Event(key, _)
            | Self::Unknown(Some(key)) => Some(key),
            _ => None,
        }
    }

    /// The name under which a request is counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::OpenId(_) => "openid-configuration",
            Self::Keys(_) => "keys",
            Self::Authorize(_) => "authorize",
            Self::AuthorizeAs(..) => "authorize/as",
            Self::AdminConsent(_) => "adminconsent",
            Self::Consent(..) => "adminconsent/choice",
            Self::Batch => "$batch",
            Self::Me => "me",
            Self::Organization => "organization",
            Self::Users => "users",
            Self::User(_) => "user",
            Self::Folders(_) => "mailFolders",
            Self::Folder(..) => "mailFolder",
            Self::ChildFolders(..) => "childFolders",
            Self::MessageDelta(..) => "messages/delta",
            Self::FolderMessages(..) | Self::Messages(_) => "messages",
            Self::Message(..) => "message",
            Self::Attachments(..) => "attachments",
            Self::RootDelta(_) => "root messages/delta",
            Self::CalendarDelta(_) => "calendarView/delta",
            Self::CalendarView(_) => "calendarView",
            Self::Calendars(_) => "calendars",
            Self::Event(..) => "event",
            Self::Unknown(_) => "unknown",
        }
    }
}

fn is(segment: &str, name: &str) -> bool {
    segment.eq_ignore_ascii_case(name)
}

fn is_delta(segment: &str) -> bool {
    ["delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()"]
        .iter()
        .any(|spelling| is(segment, spelling))
}
