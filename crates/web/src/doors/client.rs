//! Where a request comes from, as far as it is known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use thiserror::Error;

/// Proxies that stand in front, by address or by network. What they say of whom they ask for is believed, and nobody else's word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<(IpAddr, u32)>);

/// A text that names no proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "expected the addresses or networks of the proxies in front, separated by commas, such as 10.0.0.7 or 10.1.0.0/16"
)]
pub struct InvalidProxies;

impl FromStr for TrustedProxies {
    type Err = InvalidProxies;
    fn from_str(text: &str) -> Result<Self, InvalidProxies> {
        text.split(',').map(|network| network_of(network.trim())).collect::<Option<_>>().map(Self).ok_or(InvalidProxies)
    }
}

/// An address, or one with the length of its network. A network of length 0 would be everybody.
fn network_of(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Some(whole), |length| length.parse().ok())?;
    (1..=whole).contains(&length).then_some((address, length))
}

impl TrustedProxies {
    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(network, length)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => (network.to_bits() ^ address.to_bits()) >> (32 - length) == 0,
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()) >> (128 - length) == 0
            }
            _ => false,
        })
    }
}

/// Whoever asks, as tries are counted: an address, or of the newer kind a network of the size that one customer gets
/// (<https://www.rfc-editor.org/rfc/rfc6177>).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// The client of a request: whoever is connected, or whom the trusted proxies name.
    pub(super) fn of(parts: &Parts, proxies: &TrustedProxies) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip().to_canonical());
        Self::from(behind(peer, &parts.headers, proxies))
    }
}

impl<A: Into<IpAddr>> From<A> for Client {
    fn from(address: A) -> Self {
        Self(counted(address.into().to_canonical()))
    }
}

/// Each proxy adds its peer at the end of the header, so it is believed from its end, as far as proxies are trusted
/// (<https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-For#selecting_an_ip_address>).
fn behind(peer: IpAddr, headers: &HeaderMap, proxies: &TrustedProxies) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().rev().filter_map(|line| line.to_str().ok());
    let mut hops = lines.flat_map(|line| line.rsplit(','));
    let mut client = peer;
    while proxies.contain(client) {
        let Some(hop) = hops.next().and_then(read_hop) else { break };
        client = hop;
    }
    client
}

/// An address; some proxies write the port behind it.
fn read_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = hop.parse().or_else(|_| hop.parse::<SocketAddr>().map(|with_port| with_port.ip())).ok()?;
    Some(IpAddr::to_canonical(&address))
}

fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_are_read_and_everybody_is_none() {
        let proxies: TrustedProxies = "10.1.0.0/16, 192.0.2.7,2001:db8::/32".parse().unwrap();
        for inside in ["10.1.255.1", "192.0.2.7", "2001:db8:1::1"] {
            assert!(proxies.contain(ip(inside)), "{inside}");
        }
        for outside in ["10.2.0.1", "192.0.2.8", "2001:db9::1", "0.0.0.0"] {
            assert!(!proxies.contain(ip(outside)), "{outside}");
        }
        for wrong in ["", "true", "0.0.0.0/0", "::/0", "10.0.0.1/33", "10.0.0.1/x", "10.0.0.1,"] {
            assert_eq!(wrong.parse::<TrustedProxies>(), Err(InvalidProxies), "{wrong}");
        }
    }

    /// Fails when the header is read from its beginning, which the client writes.
    #[test]
    fn only_the_word_of_trusted_proxies_counts() {
        let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
        let seen = |peer: &str, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            behind(ip(peer), &headers, &proxies).to_string()
        };
        assert_eq!(seen("198.51.100.1", &["203.0.113.9"]), "198.51.100.1", "nobody trusts this peer");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4, 203.0.113.9"]), "203.0.113.9", "the client wrote the first");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4", "203.0.113.9, 10.0.0.2"]), "203.0.113.9", "two proxies");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["unknown"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn a_customers_network_is_one_client() {
        assert_eq!(counted(ip("2001:db8:1:2:aaaa::1")), counted(ip("2001:db8:1:2:bbbb::9")));
        assert_ne!(counted(ip("2001:db8:1:2::1")), counted(ip("2001:db8:1:3::1")));
        assert_ne!(counted(ip("192.0.2.1")), counted(ip("192.0.2.2")));
    }
}
