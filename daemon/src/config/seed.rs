//! Seeds: where a daemon knocks to join an overlay.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// An address or a DNS name of a daemon that is probably there. Names are looked up again at each attempt to join.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seed {
    /// An IP address; without a port, the overlay's own.
    Address(IpAddr, Option<u16>),
    /// A host name (A and AAAA records); without a port, the overlay's own.
    Host(String, Option<u16>),
    /// A service name such as `_gossiperl._udp.example.com` (SRV records, which name hosts and ports).
    Service(String),
}

impl Seed {
    /// The address itself, where no name has to be looked up.
    pub fn address(&self, default_port: u16) -> Option<SocketAddr> {
        match self {
            Seed::Address(ip, port) => Some(SocketAddr::new(*ip, port.unwrap_or(default_port))),
            Seed::Host(..) | Seed::Service(_) => None,
        }
    }
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Seed::Address(ip, None));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return match address.port() {
                0 => Err(refusal(text, "port 0 is none")),
                port => Ok(Seed::Address(address.ip(), Some(port))),
            };
        }
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
            && let Ok(ip) = inner.parse::<Ipv6Addr>()
        {
            return Ok(Seed::Address(ip.into(), None));
        }
        let (host, port) = match text.rsplit_once(':') {
            None => (text, None),
            Some((host, port)) => match port.parse::<u16>() {
                Ok(port) if port > 0 => (host, Some(port)),
                _ => return Err(refusal(text, "what follows the colon is no port from 1 to 65535")),
            },
        };
        if !is_host_name(host) {
            return Err(refusal(text, "this is no host name"));
        }
        match (host.starts_with('_'), port) {
            (false, port) => Ok(Seed::Host(host.to_owned(), port)),
            (true, None) => Ok(Seed::Service(host.to_owned())),
            (true, Some(_)) => Err(refusal(text, "SRV records name the port themselves")),
        }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seed::Address(ip, None) => write!(formatter, "{ip}"),
            Seed::Address(ip, Some(port)) => write!(formatter, "{}", SocketAddr::new(*ip, *port)),
            Seed::Host(host, None) | Seed::Service(host) => write!(formatter, "{host}"),
            Seed::Host(host, Some(port)) => write!(formatter, "{host}:{port}"),
        }
    }
}

fn refusal(text: &str, why: &str) -> String {
    format!(
        "{text:?} is not allowed, {why}; allowed are an IP address or a host name, each with or without :port, \
         or an SRV name such as \"_gossiperl._udp.example.com\""
    )
}

/// RFC 1123 names, underscores allowed, at most 253 bytes; all digits and dots is a mistyped address instead.
fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253
        && name.split('.').all(label)
        && !name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}
