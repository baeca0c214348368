//! Where Microsoft is: the authority that gives tokens, and the root of Graph.

use std::net::Ipv4Addr;

use url::{Host, Url};

/// One of Microsoft's [clouds](https://learn.microsoft.com/en-us/graph/deployments). A token of one does not open another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// The global one, GCC included.
    Global,
    /// US government, GCC High.
    UsGov,
    /// US Department of Defense.
    Dod,
    /// China, operated by 21Vianet.
    China,
}

impl Cloud {
    const ALL: [Self; 4] = [Self::Global, Self::UsGov, Self::Dod, Self::China];

    /// The word of the environment variable.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGov => "usgov",
            Self::Dod => "dod",
            Self::China => "china",
        }
    }

    /// Reads [`Cloud::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.word() == word)
    }

    /// The root of its authority.
    pub const fn authority(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::Dod => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// The root of its Graph.
    pub const fn graph_root(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::Dod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }
}

/// Who signs id tokens of China's authority.
const CHINAS_ISSUER: &str = "https://login.partner.microsoftonline.cn";

/// The two places that the client talks to, each a root without a path. No other host ever sees a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    cloud: Cloud,
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
        Self::of(Cloud::Global)
    }

    /// The places of a cloud.
    ///
    /// # Panics
    /// Never: the addresses are constants.
    pub fn of(cloud: Cloud) -> Self {
        Self::in_cloud(cloud, cloud.authority(), cloud.graph_root()).expect("two web addresses")
    }

    /// A stand-in for the global cloud, on this machine or elsewhere.
    pub fn custom(authority: &str, graph_root: &str) -> Result<Self, EndpointError> {
        Self::in_cloud(Cloud::Global, authority, graph_root)
    }

    /// Other addresses of a cloud, or a stand-in for it.
    pub fn in_cloud(cloud: Cloud, authority: &str, graph_root: &str) -> Result<Self, EndpointError> {
        let authority = root(authority, "the authority")?;
        Ok(Self { cloud, authority, graph_root: root(graph_root, "the Graph address")? })
    }

    /// Whether the cloud tells changes of mail. China's
    /// [does not](https://learn.microsoft.com/en-us/graph/api/message-delta): mail is listed there.
    pub fn has_message_delta(&self) -> bool {
        self.cloud != Cloud::China
    }

    /// Where tokens come from.
    pub fn authority(&self) -> &Url {
        &self.authority
    }

    /// Where everything else comes from.
    pub fn graph_root(&self) -> &Url {
        &self.graph_root
    }

    /// The root of the issuer of id tokens, without a slash at its end: the authority, but in China, whose authority
    /// [signs under another name](https://login.chinacloudapi.cn/common/v2.0/.well-known/openid-configuration).
    pub(crate) fn issuer_root(&self) -> String {
        let authority = self.authority.as_str().trim_end_matches('/');
        if authority == Cloud::China.authority() { CHINAS_ISSUER } else { authority }.to_owned()
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

    #[test]
    fn the_issuer_is_the_authority_but_in_china() {
        assert_eq!(Endpoints::global().issuer_root(), "https://login.microsoftonline.com");
        assert_eq!(Endpoints::of(Cloud::UsGov).issuer_root(), "https://login.microsoftonline.us");
        assert_eq!(Endpoints::of(Cloud::China).issuer_root(), "https://login.partner.microsoftonline.cn");
    }
}
