//! The property `multicast`: a group in which daemons find each other, and the port that clients of this host then use.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{
    overlay::Bind,
    reader::{Table, integer, ip, needed, qualified},
};

/// Routers a question may pass, unless the configuration says otherwise.
const DEFAULT_TTL: u8 = 4;

/// A multicast group. Its port is the overlay's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multicast {
    /// The group's address.
    pub ip: IpAddr,
    /// Routers that a question passes at most; 0: it does not leave this host.
    pub ttl: u8,
    /// An address of the interface to ask and listen on; `None`: that of the address bound, where it is a single one,
    /// else the system's choice.
    pub local_iface_address: Option<IpAddr>,
    /// Where clients of this host find the daemon, at 127.0.0.1.
    pub local_port: u16,
}

impl Multicast {
    /// Where clients of this host find the daemon.
    pub fn client_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.local_port).into()
    }
}

/// What stands in `multicast`; `None` when it is absent, or wrong and reported.
pub(super) fn read(table: &mut Table<'_, '_>, port: Option<u64>) -> Option<Multicast> {
    let value = table.raw("multicast")?;
    let Some(written) = value.get_ref().as_table() else {
        table.wrong("multicast", needed(value.get_ref(), "a table: { ip = \"239.192.66.66\" }"));
        return None;
    };
    let path = qualified(table.path(), "multicast");
    let mut table = Table::new(table.report, written, path, value.span());
    let ip = read_group(&mut table);
    let ttl = table.optional("ttl", integer(0, 255)).and_then(|ttl| u8::try_from(ttl).ok());
    if ttl == Some(0) {
        table.note("ttl", "0: questions do not leave this host; only daemons on it are found");
    }
    let local_iface_address = read_interface(&mut table, ip);
    let local_port = read_local_port(&mut table, port);
    table.finish();
    Some(Multicast { ip: ip?, ttl: ttl.unwrap_or(DEFAULT_TTL), local_iface_address, local_port: local_port? })
}

fn read_group(table: &mut Table<'_, '_>) -> Option<IpAddr> {
    let write = "write the group's address, such as \"239.192.66.66\", the same on every host";
    let group = table.required("ip", write, |value| {
        let allowed =
            "an address from 224.0.0.0 to 239.255.255.255 or from ff00::/8, such as \"239.192.66.66\"";
        let group = ip(value)?;
        match group.is_multicast() {
            true => Ok(group),
            false => Err(format!("{group} is no multicast address; allowed is {allowed}")),
        }
    })?;
    match group {
        IpAddr::V4(ip) if ip.octets()[..3] == [224, 0, 0] => {
            table.note("ip", "routers never forward 224.0.0.x, whatever the ttl, and other protocols use it; 239.x.x.x is for such as us");
        }
        // The lowest four bits of the second byte are the scope (RFC 4291 section 2.7).
        IpAddr::V6(ip) if ip.octets()[1] & 15 <= 2 => {
            let text = format!(
                "{ip} is of one link or host only, and needs a scope; choose one of the site, such as \"ff05::6666\""
            );
            table.wrong("ip", text);
        }
        _ => {}
    }
    Some(group)
}

fn read_interface(table: &mut Table<'_, '_>, group: Option<IpAddr>) -> Option<IpAddr> {
    let interface = table.optional("local_iface_address", ip)?;
    if interface.is_multicast() {
        let text = format!(
            "{interface} is a multicast address; write one of this host's, or \"0.0.0.0\" for the system's choice"
        );
        table.wrong("local_iface_address", text);
    } else if group.is_some_and(|group| group.is_ipv4() != interface.is_ipv4()) {
        let text = format!("{interface} and the group are of different IP versions");
        table.wrong("local_iface_address", text);
    }
    Some(interface).filter(|interface| !interface.is_unspecified())
}

/// The old daemon took 0 for "the next one" too.
fn read_local_port(table: &mut Table<'_, '_>, port: Option<u64>) -> Option<u16> {
    let written = table.optional("local_port", integer(0, 65_535)).filter(|local| *local != 0);
    let port = port?;
    let local = written.unwrap_or(port + 1);
    if local == port {
        let text = format!(
            "{local} is the overlay's port, which belongs to the daemons; choose another for the clients of this host"
        );
        table.wrong("local_port", text);
    }
    let local = u16::try_from(local).ok();
    if local.is_none() {
        table.wrong("local_port", "missing; above the overlay's port 65535 there is none, so write the port for the clients of this host");
    }
    local
}

/// Finds fault with the address to bind in the light of the group, and replaces what the old daemon's files say.
pub(super) fn check_bind(table: &mut Table<'_, '_>, bind: Bind, group: IpAddr) -> Bind {
    let Bind::Ip(ip) = bind else { return bind };
    if ip == group {
        // The old daemon bound the group's address alone, and its files name it here.
        return Bind::Ip(unspecified(group));
    }
    if ip.is_multicast() {
        table.wrong("ip", format!("{ip} is a multicast address; an address of this host is needed, or none at all: the group stands in multicast.ip"));
    } else if ip.is_ipv4() != group.is_ipv4() {
        table.wrong("ip", format!("{ip} and the multicast group {group} are of different IP versions"));
    } else if ip.is_loopback() {
        let text = format!(
            "{ip} is a loopback address, which no other host reaches through the group; write the address of an interface, or leave ip out for all"
        );
        table.wrong("ip", text);
    }
    bind
}

/// All addresses of the group's version.
pub(super) fn unspecified(group: IpAddr) -> IpAddr {
    match group {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}
