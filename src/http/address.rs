//! Where a request came from: the peer, or what a proxy that we trust says of it.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use poem::http::HeaderMap;
use poem::web::RemoteAddr;
use poem::{Addr, Request};

/// More hops than this are nobody's chain of proxies.
const MOST_HOPS: usize = 20;

/// The caller's address, after [`Networks`] was asked about the peer. The guard stores it with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

/// Whether the peer itself is one of the trusted proxies. The guard stores it with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FromProxy(pub bool);

/// An address block such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

/// Addresses and networks, such as `server.trusted_proxies`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Reads addresses and CIDR blocks.
    ///
    /// # Errors
    /// The text that is neither, or a block of length 0: trusting everybody is trusting the attacker
    /// (attack row V2).
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, String> {
        texts.iter().map(|text| text.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of them has the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }

    /// The right-most hop of `X-Forwarded-For` that is not one of ours, if the peer is. Anything that cannot
    /// be read makes it the peer's own request, so junk never skips a check (attack row V3).
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.contains(peer) {
            return peer;
        }
        let mut lines = Vec::new();
        for value in headers.get_all("x-forwarded-for") {
            match value.to_str() {
                Ok(line) => lines.push(line),
                Err(_) => return peer,
            }
        }
        let hops: Vec<&str> = lines.iter().flat_map(|line| line.split(',')).collect();
        if hops.len() > MOST_HOPS {
            return peer;
        }
        let mut farthest = peer;
        for hop in hops.into_iter().rev() {
            let Some(address) = hop_address(hop.trim()) else { return peer };
            if !self.contains(address) {
                return address;
            }
            farthest = address;
        }
        farthest
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differ = u32::from(ours) ^ u32::from(theirs);
                differ.leading_zeros() >= self.prefix
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differ = u128::from(ours) ^ u128::from(theirs);
                differ.leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is neither an address nor a network such as 10.0.0.0/8");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => widest,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().map_err(|_| wrong())?
            }
            Some(_) => return Err(wrong()),
        };
        if prefix > widest {
            return Err(wrong());
        }
        if prefix == 0 {
            return Err(format!("{text:?} would trust every address"));
        }
        Ok(Self { address, prefix })
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || hop.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
    hop.parse().ok().or_else(with_port).or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

/// The peer's address. Requests that came over no socket (tests) have the unspecified one.
pub fn peer(remote: &RemoteAddr) -> IpAddr {
    match &remote.0 {
        Addr::SocketAddr(socket) => socket.ip().to_canonical(),
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

/// The caller's address, as the guard stored it; the peer's where no guard stands before the endpoint.
pub fn client_ip(request: &Request) -> IpAddr {
    request.data::<ClientIp>().map_or_else(|| peer(request.remote_addr()), |ip| ip.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        Networks::parse(trusted).unwrap().client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn v2_only_a_trusted_peer_may_speak_for_others() {
        assert_eq!(client(&[], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client(&["192.0.2.0/24"], "192.0.2.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client(&["192.0.2.0/24"], "192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn v3_the_right_most_untrusted_hop_counts() {
        let ours = ["10.0.0.0/8", "::1"];
        assert_eq!(client(&ours, "10.0.0.1", &["6.6.6.6, 198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(client(&ours, "10.0.0.1", &["6.6.6.6", "198.51.100.7:4711", "10.0.0.2"]), "198.51.100.7");
        assert_eq!(client(&ours, "::1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client(&ours, "::1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client(&ours, "10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn v3_junk_is_the_peers_own() {
        let many = vec!["10.0.0.2"; 21].join(",");
        for junk in ["unknown", "198.51.100.7, x", ",", "198.51.100.7,", "1.2.3", "999.1.1.1", &many] {
            assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[junk]), "10.0.0.1", "{junk}");
        }
    }

    #[test]
    fn v2_a_network_is_checked_when_read() {
        for bad in ["0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/", "proxy", "10.0.0/8", ""] {
            assert!(Networks::parse(&[bad]).is_err(), "{bad}");
        }
        let networks = Networks::parse(&["10.1.2.3/16", "2001:db8::/32", "::ffff:192.0.2.0"]);
        assert!(networks.unwrap().contains("::ffff:10.1.255.255".parse().unwrap()));
    }
}
