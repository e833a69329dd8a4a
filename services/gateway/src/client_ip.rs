use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;
use kernel::Error;

/// Proxies whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Networks (`10.0.0.0/8`) or addresses.
    ///
    /// # Errors
    /// `INVALID_TRUSTED_PROXY` names the one that is neither.
    pub fn parse<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let parse = |text: &str| {
            text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                Error::invalid("INVALID_TRUSTED_PROXY", format!("{text:?} is no IP address or network"))
            })
        };
        networks.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who is at the other end: the peer, or whom a chain of trusted proxies names. What is written
    /// to the left of the first address that is not trusted was written by that client itself.
    pub fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
        if !self.trusts(peer) {
            return Some(peer);
        }
        let lines: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
        let mut client = peer;
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Some(address) = address(hop.trim()) else { break };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        Some(client)
    }
}

/// With or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let parsed = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    parsed.ok().map(|address| address.to_canonical())
}

/// What one customer of a provider holds: the address, or the /64 of an IPv6 address.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let proxies = TrustedProxies::parse(proxies.iter().copied()).unwrap();
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        proxies.client(&extensions, &headers).unwrap().to_string()
    }

    #[test]
    fn a_client_cannot_name_itself() {
        assert_eq!(client(&[], "203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        // The proxy appends what it saw; what stood there before is the client's own.
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.1", "203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn a_chain_of_trusted_proxies_is_followed_to_its_end() {
        let proxies = ["10.0.0.0/8", "2001:db8::1"];
        assert_eq!(client(&proxies, "2001:db8::1", &["203.0.113.9, 10.1.1.1"]), "203.0.113.9");
        assert_eq!(client(&proxies, "10.0.0.1", &["10.9.9.9"]), "10.9.9.9");
        assert_eq!(client(&proxies, "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client(&proxies, "::ffff:10.0.0.1", &["[2001:db8:7::2]:443"]), "2001:db8:7::2");
    }

    #[test]
    fn what_is_no_address_ends_the_chain() {
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["203.0.113.9, unknown, 10.2.2.2"]), "10.2.2.2");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["';--"]), "10.0.0.1");
    }

    #[test]
    fn a_setting_that_is_no_network_is_refused() {
        for bad in ["10.0.0.0/33", "proxy.example", ""] {
            assert_eq!(TrustedProxies::parse([bad]).unwrap_err().reason, "INVALID_TRUSTED_PROXY", "{bad}");
        }
    }

    #[test]
    fn an_ipv6_customer_holds_a_whole_network() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("203.0.113.9"), "203.0.113.9");
    }
}
