//! Next and delta links: opaque, and followed only where they belong.
//!
//! A link is a URL from an answer, or from the database, to which the bearer token is sent. So each is checked, when it
//! is read and when it is restored: it must lead to the Graph root and to the mailbox whose stream it is part of
//! ([what happens otherwise](https://github.com/andrewyng/openworker/pull/467)).

use std::fmt;

use m365_model::GraphUserId;
use url::Url;

use crate::error::GraphError;
use crate::percent;

/// A link that was found to lead where it may. It is followed as it stands: whatever is in it is Graph's business.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Link(Url);

/// A link that leads elsewhere. The link is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a link pointed away from where it belongs")]
pub struct ForeignLink;

impl From<ForeignLink> for GraphError {
    fn from(_: ForeignLink) -> Self {
        Self::ForeignLink
    }
}

/// Where a link may lead: to the list of users, or to one mailbox, on one Graph root.
#[derive(Clone)]
pub struct LinkScope {
    root: Url,
    mailbox: Option<GraphUserId>,
}

impl LinkScope {
    pub(crate) fn directory(root: &Url) -> Self {
        Self { root: root.clone(), mailbox: None }
    }

    pub(crate) fn mailbox(root: &Url, user: &GraphUserId) -> Self {
        Self { root: root.clone(), mailbox: Some(user.clone()) }
    }

    /// The one maker of links.
    pub(crate) fn parse(&self, text: &str) -> Result<Link, ForeignLink> {
        let url = Url::parse(text).map_err(|_| ForeignLink)?;
        if self.admits(&url) { Ok(Link(url)) } else { Err(ForeignLink) }
    }

    pub(crate) fn admits(&self, url: &Url) -> bool {
        url.origin() == self.root.origin()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
            && url.path().strip_prefix("/v1.0/").is_some_and(|path| self.admits_path(path))
    }

    fn admits_path(&self, path: &str) -> bool {
        let mut segments = path.split('/').map(percent::decoded);
        // An escaped way up would be a way out for a server that unescapes before it resolves.
        if segments.clone().any(|segment| segment.split(['/', '\\']).any(|part| part == "..")) {
            return false;
        }
        let first = segments.next().unwrap_or_default();
        let Some(mailbox) = &self.mailbox else {
            return first.eq_ignore_ascii_case("users") && segments.all(|more| is_delta(&more));
        };
        let id = match first.split_once("('") {
            None if first.eq_ignore_ascii_case("users") => segments.next().unwrap_or_default(),
            Some((users, key)) if users.eq_ignore_ascii_case("users") => match key.strip_suffix("')") {
                Some(id) => id.to_owned(),
                None => return false,
            },
            _ => return false,
        };
        id.eq_ignore_ascii_case(mailbox.as_str()) && segments.next().is_some_and(|next| !next.is_empty())
    }
}

impl fmt::Debug for LinkScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkScope(..)")
    }
}

impl Link {
    /// Takes back what [`Link::expose`] gave away, after the same check as at first.
    pub fn restore(scope: &LinkScope, text: &str) -> Result<Self, ForeignLink> {
        scope.parse(text)
    }

    /// The link as text, for the store to encrypt. It holds a person's id and where a stream stands.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// Whether the link is part of a delta round, whose every page must name the next one.
    pub(crate) fn is_delta(&self) -> bool {
        self.0.path().rsplit('/').next().is_some_and(|last| is_delta(&percent::decoded(last)))
    }
}

fn is_delta(segment: &str) -> bool {
    let name = segment.strip_suffix("()").unwrap_or(segment);
    let name = name.strip_prefix("microsoft.graph.").unwrap_or(name);
    name.eq_ignore_ascii_case("delta")
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "https://graph.microsoft.com";

    fn scope() -> LinkScope {
        LinkScope::mailbox(&ROOT.parse().unwrap(), &"6ea91a8d-e32e".parse().unwrap())
    }

    #[test]
    fn a_link_home_is_taken_in_every_spelling() {
        for path in [
            "/v1.0/users/6ea91a8d-e32e/messages/delta?$deltatoken=a%2Fb",
            "/v1.0/users('6ea91a8d-e32e')/mailFolders('F')/messages/delta?$skiptoken=x",
            "/v1.0/Users('6EA91A8D-E32E')/calendarView/delta",
            "/v1.0/users%28%276ea91a8d-e32e%27%29/calendarView/microsoft.graph.delta()?$deltatoken=x",
            "/v1.0/users/6ea91a8d%2De32e/calendarView",
        ] {
            let link = scope().parse(&format!("{ROOT}{path}")).expect(path);
            assert_eq!(link.is_delta(), path.contains("delta"), "{path}");
            assert_eq!(Link::restore(&scope(), link.expose()), Ok(link));
        }
        assert!(scope().parse("https://GRAPH.microsoft.com:443/v1.0/users/6ea91a8d-e32e/x").is_ok());
    }

    #[test]
    fn a_link_away_is_refused() {
        let mine = "/v1.0/users/6ea91a8d-e32e/messages";
        for text in [
            format!("http://graph.microsoft.com{mine}"),
            format!("https://graph.microsoft.com:444{mine}"),
            format!("https://graph.microsoft.com.evil.test{mine}"),
            format!("https://evil.test{mine}"),
            format!("https://graph.microsoft.com@evil.test{mine}"),
            format!("https://u:p@graph.microsoft.com{mine}"),
            format!("https://u@graph.microsoft.com{mine}"),
            format!("{ROOT}{mine}#x"),
            format!("{ROOT}/beta/users/6ea91a8d-e32e/messages"),
            format!("{ROOT}/v1.0/../beta/users/6ea91a8d-e32e/messages"),
            format!("{ROOT}/v1.0/users/other/messages"),
            format!("{ROOT}/v1.0/users/6ea91a8d-e32e/../other/messages"),
            format!("{ROOT}/v1.0/users/6ea91a8d-e32e/%2e%2e/other/messages"),
            format!("{ROOT}/v1.0/users/6ea91a8d-e32e%2F..%2Fother/messages"),
            format!("{ROOT}/v1.0/users/6ea91a8d-e32e/x%2F..%2F..%2Fother/messages"),
            format!("{ROOT}/v1.0/users/6ea91a8d-e32e/..%5C..%5Cother"),
            format!("{ROOT}/v1.0/users/6ea91a8d-e32ex/messages"),
            format!("{ROOT}/v1.0/users//messages"),
            format!("{ROOT}/v1.0/users('')/messages"),
            format!("{ROOT}/v1.0/users('6ea91a8d-e32e'/messages"),
            format!("{ROOT}/v1.0/users/6ea91a8d-e32e"),
            format!("{ROOT}/v1.0/users/6ea91a8d-e32e/"),
            format!("{ROOT}/v1.0/users"),
            format!("{ROOT}/v1.0/me/messages"),
            format!("{ROOT}/v1.0//users/6ea91a8d-e32e/messages"),
            mine.to_owned(),
            String::new(),
        ] {
            assert_eq!(scope().parse(&text), Err(ForeignLink), "{text}");
        }
    }

    #[test]
    fn a_link_of_the_directory_leads_to_the_list_of_users_alone() {
        let scope = LinkScope::directory(&ROOT.parse().unwrap());
        assert!(scope.parse(&format!("{ROOT}/v1.0/users?$skiptoken=x")).is_ok());
        assert!(scope.parse(&format!("{ROOT}/v1.0/users/delta?$skiptoken=x")).is_ok());
        for path in ["/v1.0/users/u1/messages", "/v1.0/groups", "/v1.0/users/", "/users"] {
            assert_eq!(scope.parse(&format!("{ROOT}{path}")), Err(ForeignLink), "{path}");
        }
    }

    #[test]
    fn links_show_nothing_of_themselves() {
        let link = scope().parse(&format!("{ROOT}/v1.0/users/6ea91a8d-e32e/messages")).unwrap();
        assert_eq!(
            format!("{link:?} {:?} {ForeignLink}", scope()),
            "Link(..) LinkScope(..) a link pointed away from where it belongs"
        );
    }
}
