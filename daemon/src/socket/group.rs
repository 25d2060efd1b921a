//! The socket that listens to a multicast group, and what the overlay's own socket needs to ask there.
//!
//! It is bound to the group's address, so that nothing else arrives at it, and only receives: questions leave from the
//! overlay's own address and port, where the answers are to come. Daemons of one host share the group's port by
//! SO_REUSEADDR, each with its own copy of every datagram. Where the overlay's own socket is bound to all addresses it has
//! to allow that at the moment of binding, and only then: with the option left on, any local program could bind the
//! overlay's port too and take its datagrams.
//!
//! A membership belongs to an interface. When that goes (a cable's does not, a container's or a modem's does) the
//! membership is gone with it, without a word; therefore [`Group::keep`] looks after it now and then.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use nix::{errno::Errno, net::if_::if_nametoindex};
use socket2::Socket;

use super::{AddressError, BufferSizes, Port, address::interfaces};
use crate::config::Multicast;

/// Questions are few and short; a flood of them beyond this is lost, and costs the other sockets nothing.
const SIZES: BufferSizes = BufferSizes { receive: 1 << 20, send: 65_536 };

/// What has become of the membership.
#[derive(Debug)]
pub enum Kept {
    /// It lasts.
    Still,
    /// It was gone with its interface, and begins anew.
    Again,
    /// It is gone, and cannot begin anew yet.
    Lost(AddressError),
}

/// A group that is listened to.
pub(super) struct Group {
    pub(super) port: Port,
    address: SocketAddr,
    /// `None`: the system's choice.
    interface: Option<IpAddr>,
}

impl Group {
    /// Joins the group at the port of `main`, and makes `main` ask there.
    pub(super) fn join(main: &Port, settings: Multicast) -> Result<Self, AddressError> {
        let bound = main.address;
        let address = SocketAddr::new(settings.ip, bound.port());
        let own = Some(bound.ip()).filter(|ip| !ip.is_unspecified());
        let interface = settings.local_iface_address.or(own);
        let failed = |error| AddressError::Group(address, interface, error);
        if bound.is_ipv4() != address.is_ipv4() {
            let text = format!("{bound} is of another IP version; write an ip of the group's");
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        prepare_main(main.io.get_ref(), &settings)
            .and_then(|()| choose_interface(main.io.get_ref(), address.ip(), interface))
            .map_err(failed)?;
        let port = open(main, address, interface).map_err(failed)?;
        Ok(Group { port, address, interface })
    }

    /// The group's address and port.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Looks whether the membership lasts, and begins it anew where it is gone.
    pub(super) fn keep(&mut self, main: &Port) -> Kept {
        let (address, interface) = (self.address, self.interface);
        let failed = |error| AddressError::Group(address, interface, error);
        // The choice names an interface by number, and the same interface may have come back under another.
        if let Err(error) = choose_interface(main.io.get_ref(), address.ip(), interface) {
            return Kept::Lost(failed(error));
        }
        match join(self.port.io.get_ref(), address.ip(), interface) {
            Err(error) if error.raw_os_error() == Some(Errno::EADDRINUSE as i32) => Kept::Still,
            Err(error) => Kept::Lost(failed(error)),
            // This socket still holds its place in the interface that has gone; a fresh one holds nothing.
            Ok(()) => match open(main, address, interface) {
                Ok(port) => {
                    self.port = port;
                    Kept::Again
                }
                Err(error) => Kept::Lost(failed(error)),
            },
        }
    }
}

/// A socket bound to the group's address that has joined it.
fn open(main: &Port, address: SocketAddr, interface: Option<IpAddr>) -> io::Result<Port> {
    let shared = main.address.ip().is_unspecified();
    let own = main.io.get_ref();
    if shared {
        own.set_reuse_address(true)?;
    }
    let opened = Port::open(address, SIZES, |socket| {
        socket.set_reuse_address(true)?;
        only_own_groups(socket, address.is_ipv4())?;
        join(socket, address.ip(), interface)
    });
    if shared {
        own.set_reuse_address(false)?;
    }
    opened.map(|(port, _)| port)
}

fn prepare_main(main: &Socket, settings: &Multicast) -> io::Result<()> {
    // What comes for groups is the other socket's.
    only_own_groups(main, settings.ip.is_ipv4())?;
    match settings.ip {
        IpAddr::V4(_) => {
            main.set_multicast_ttl_v4(settings.ttl.into())?;
            // Other daemons of this host are to hear us.
            main.set_multicast_loop_v4(true)
        }
        IpAddr::V6(_) => {
            main.set_multicast_hops_v6(settings.ttl.into())?;
            main.set_multicast_loop_v6(true)
        }
    }
}

/// Otherwise a socket bound to all addresses hears every group that any program of this host has joined.
fn only_own_groups(socket: &Socket, v4: bool) -> io::Result<()> {
    if v4 { socket.set_multicast_all_v4(false) } else { socket.set_multicast_all_v6(false) }
}

fn choose_interface(main: &Socket, group: IpAddr, interface: Option<IpAddr>) -> io::Result<()> {
    match (group, interface) {
        (_, None) => Ok(()),
        (IpAddr::V4(_), Some(IpAddr::V4(address))) => main.set_multicast_if_v4(&address),
        (_, Some(address)) => main.set_multicast_if_v6(index_of(address)?),
    }
}

fn join(socket: &Socket, group: IpAddr, interface: Option<IpAddr>) -> io::Result<()> {
    match (group, interface) {
        (IpAddr::V4(group), Some(IpAddr::V4(address))) => socket.join_multicast_v4(&group, &address),
        (IpAddr::V4(group), _) => socket.join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED),
        (IpAddr::V6(group), Some(address)) => socket.join_multicast_v6(&group, index_of(address)?),
        (IpAddr::V6(group), None) => socket.join_multicast_v6(&group, 0),
    }
}

/// The number of the interface that has this address.
fn index_of(address: IpAddr) -> io::Result<u32> {
    let found = interfaces()?.into_iter().find(|interface| interface.ip == address);
    let found = found.ok_or_else(|| io::Error::from(Errno::ENODEV))?;
    Ok(if_nametoindex(found.name.as_str())?)
}
