//! Where Microsoft is: the authority that gives tokens, and the root of Graph.

use std::net::Ipv4Addr;

use url::{Host, Url};

/// The two places that the client talks to, each a root without a path. No other host ever sees a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    authority: Url,
    graph_root: Url,
}

/// Why a text cannot be one of the two roots. It does not repeat the text: a URL may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL, or not one of the web.
    #[error("{0} is not a web address: expected something like https://graph.microsoft.com")]
    NotAUrl(&'static str),
    /// Plain http to another machine.
    #[error("{0} must start with https: plain http is for 127.0.0.1, ::1 and localhost only")]
    Insecure(&'static str),
    /// A path such as `/v1.0`, a query, a fragment, or a user name.
    #[error("{0} must be a root such as https://graph.microsoft.com: no path (so no /v1.0), query or user name")]
    NotARoot(&'static str),
}

impl Endpoints {
    /// Microsoft's global cloud.
    ///
    /// # Panics
    /// Never: both addresses are constants.
    pub fn global() -> Self {
        Self::custom("https://login.microsoftonline.com", "https://graph.microsoft.com").expect("two web addresses")
    }

    /// A [national cloud](https://learn.microsoft.com/en-us/graph/deployments), or a stand-in on this machine.
    pub fn custom(authority: &str, graph_root: &str) -> Result<Self, EndpointError> {
        Ok(Self { authority: root(authority, "the authority")?, graph_root: root(graph_root, "the Graph address")? })
    }

    /// Where tokens come from.
    pub fn authority(&self) -> &Url {
        &self.authority
    }

    /// Where everything else comes from.
    pub fn graph_root(&self) -> &Url {
        &self.graph_root
    }

    /// What a token is asked for: whatever the administrator granted on this Graph root. Tokens of one cloud do not open
    /// [another](https://learn.microsoft.com/en-us/graph/deployments).
    pub(crate) fn scope(&self) -> String {
        format!("{}.default", self.graph_root)
    }

    /// Whether both places are on this machine, where no proxy and no certificate has a part.
    pub(crate) fn all_on_loopback(&self) -> bool {
        self.authority.scheme() == "http" && self.graph_root.scheme() == "http"
    }
}

fn root(text: &str, which: &'static str) -> Result<Url, EndpointError> {
    let url = Url::parse(text.trim()).map_err(|_| EndpointError::NotAUrl(which))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(EndpointError::Insecure(which)),
        _ => return Err(EndpointError::NotAUrl(which)),
    }
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if bare { Ok(url) } else { Err(EndpointError::NotARoot(which)) }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.octets()[0] == Ipv4Addr::LOCALHOST.octets()[0],
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for good in
            ["http://127.0.0.1:81", "http://127.9.9.9", "http://[::1]:82/", "http://LOCALHOST:83", "https://x.us"]
        {
            assert!(Endpoints::custom(good, good).is_ok(), "{good}");
        }
        let refused = |text| Endpoints::custom("https://login.test", text).unwrap_err();
        for bad in [
            "http://graph.microsoft.com",
            "http://10.0.0.1",
            "http://localhost.evil.test",
            "http://127.0.0.1.evil.test",
        ] {
            assert_eq!(refused(bad), EndpointError::Insecure("the Graph address"), "{bad}");
        }
        for bad in ["", "graph.microsoft.com", "ftp://localhost", "file:///etc"] {
            assert_eq!(refused(bad), EndpointError::NotAUrl("the Graph address"), "{bad}");
        }
        for bad in ["https://x.test/v1.0", "https://u:p@x.test", "https://x.test/?a", "https://x.test/#a"] {
            assert_eq!(refused(bad), EndpointError::NotARoot("the Graph address"), "{bad}");
        }
    }

    #[test]
    fn the_scope_is_the_default_of_the_graph_root() {
        assert_eq!(Endpoints::global().scope(), "https://graph.microsoft.com/.default");
    }
}
