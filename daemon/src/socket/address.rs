//! Which address to bind, and which one to tell others.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags};

use crate::config::Bind;

/// Why an overlay has no address. Nothing is bound.
#[derive(Debug)]
pub enum AddressError {
    /// No such interface, or it has no address; with those that have one.
    Interface(String, Vec<String>),
    /// The system does not say which interfaces there are.
    Interfaces(io::Error),
    /// The multicast group could not be joined, on the interface with this address or of the system's choice.
    Group(SocketAddr, Option<IpAddr>, io::Error),
    /// The system refused to bind the address.
    Bind(SocketAddr, io::Error),
}

impl fmt::Display for AddressError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressError::Interface(name, known) => write!(
                formatter,
                "interface {name:?} (iface) has no address on this host; interfaces with one: {}",
                known.join(", ")
            ),
            AddressError::Interfaces(error) => {
                write!(formatter, "cannot list this host's interfaces: {error}")
            }
            AddressError::Group(group, interface, error) => {
                write!(formatter, "cannot join the multicast group {group}: {error}")?;
                match (error.kind(), interface) {
                    (io::ErrorKind::InvalidInput, _) => Ok(()),
                    (io::ErrorKind::AddrInUse, _) => write!(
                        formatter,
                        ". Another program has this port without sharing it: `ss -ulpn sport = :{}` shows it",
                        group.port()
                    ),
                    (_, Some(ip)) => write!(
                        formatter,
                        ". No interface that is there has the address {ip} (multicast.local_iface_address, else ip): `ip address` lists them"
                    ),
                    (_, None) => write!(
                        formatter,
                        ". This host has no route to it: write multicast.local_iface_address with the address of an interface \
                         (`ip address` lists them), or make a route: `ip route add {} dev INTERFACE`",
                        group.ip()
                    ),
                }
            }
            AddressError::Bind(address, error) => {
                write!(formatter, "cannot bind UDP {address}: {error}")?;
                match error.kind() {
                    io::ErrorKind::AddrInUse => write!(
                        formatter,
                        ". Another program has this port, perhaps another gossiperld: `ss -ulpn sport = :{}` shows it",
                        address.port()
                    ),
                    io::ErrorKind::AddrNotAvailable => {
                        formatter.write_str(". It is no address of this host: `ip address` lists them")
                    }
                    io::ErrorKind::PermissionDenied => {
                        formatter.write_str(". Ports below 1024 need a privilege")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for AddressError {}

/// The address to bind: the one configured, or the interface's first.
pub fn resolve(bind: &Bind, port: u16) -> Result<SocketAddr, AddressError> {
    match bind {
        Bind::Ip(ip) => Ok(SocketAddr::new(*ip, port)),
        Bind::Interface(name) => {
            let all = interfaces().map_err(AddressError::Interfaces)?;
            let first = all.iter().find(|interface| interface.name == *name);
            first.map(|interface| SocketAddr::new(interface.ip, port)).ok_or_else(|| {
                let mut known: Vec<String> = all.into_iter().map(|interface| interface.name).collect();
                known.sort();
                known.dedup();
                AddressError::Interface(name.clone(), known)
            })
        }
    }
}

/// The address to tell others: `ip_hint`, else the bound one, else (all are bound) the first that is not loopback, else
/// 127.0.0.1. Second, when that was a choice: the others there were, for the log.
pub fn advertised(bound: SocketAddr, ip_hint: Option<IpAddr>) -> (SocketAddr, Vec<IpAddr>) {
    if let Some(ip) = ip_hint.or((!bound.ip().is_unspecified()).then(|| bound.ip())) {
        return (SocketAddr::new(ip, bound.port()), Vec::new());
    }
    let all = interfaces().unwrap_or_default().into_iter();
    let mut outward =
        all.filter(|at| !at.loopback && at.ip.is_ipv4() == bound.is_ipv4()).map(|interface| interface.ip);
    let ip = outward.next().unwrap_or(Ipv4Addr::LOCALHOST.into());
    (SocketAddr::new(ip, bound.port()), outward.collect())
}

pub(super) struct Interface {
    pub(super) name: String,
    pub(super) ip: IpAddr,
    loopback: bool,
}

/// Addresses of the interfaces that are up, version 4 first; link-local ones, which need a scope, left out.
pub(super) fn interfaces() -> io::Result<Vec<Interface>> {
    let mut found: Vec<Interface> = getifaddrs()?
        .filter(|entry| entry.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|entry| {
            let address = entry.address?;
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
            let v6 = address.as_sockaddr_in6().filter(|v6| !v6.ip().is_unicast_link_local());
            let ip = v4.or(v6.map(|v6| IpAddr::from(v6.ip())))?;
            let loopback = entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
            Some(Interface { name: entry.interface_name, ip, loopback })
        })
        .collect();
    found.sort_by_key(|interface| interface.ip.is_ipv6());
    Ok(found)
}
