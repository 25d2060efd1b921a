//! Datagrams of ours that came back, from the socket's error queue: which ports are closed.
//!
//! `IP_RECVERR` makes the system tell which destination refused a datagram. Such an ICMP message is not authenticated,
//! therefore only those about loopback destinations, sent from loopback, are reported: nobody else can forge them.

use std::{
    io::{self, IoSliceMut},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsRawFd,
};

use nix::{
    libc,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg},
};
use socket2::Socket;

/// What the system says about a datagram of ours.
pub(super) struct Returned {
    destination: Option<SocketAddr>,
    refused: bool,
    told_by_loopback: bool,
}

impl Returned {
    /// The destination, where it is certain that nobody listens there.
    pub(super) fn trusted_refusal(&self) -> Option<SocketAddr> {
        self.destination.filter(|to| self.refused && self.told_by_loopback && to.ip().is_loopback())
    }
}

/// The next message of the socket's error queue; `WouldBlock` when it is empty.
pub(super) fn next_error(socket: &Socket) -> io::Result<Returned> {
    let mut byte = [0; 1];
    let mut slices = [IoSliceMut::new(&mut byte)];
    let mut control = [0; 512];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut control), flags)?;
    // With an error message, the "sender" is where our datagram was to go.
    let destination = message.address.as_ref().and_then(socket_address);
    let mut returned = Returned { destination, refused: false, told_by_loopback: false };
    for control in message.cmsgs()? {
        let (error, teller) = match control {
            ControlMessageOwned::Ipv4RecvErr(error, teller) => (
                error,
                teller
                    .is_some_and(|teller| Ipv4Addr::from(teller.sin_addr.s_addr.to_ne_bytes()).is_loopback()),
            ),
            ControlMessageOwned::Ipv6RecvErr(error, teller) => {
                (error, teller.is_some_and(|teller| Ipv6Addr::from(teller.sin6_addr.s6_addr).is_loopback()))
            }
            _ => continue,
        };
        let from_icmp = [libc::SO_EE_ORIGIN_ICMP, libc::SO_EE_ORIGIN_ICMP6].contains(&error.ee_origin);
        returned.refused = from_icmp && i32::try_from(error.ee_errno) == Ok(libc::ECONNREFUSED);
        returned.told_by_loopback = teller;
    }
    Ok(returned)
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::new(v4.ip().into(), v4.port()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::new(v6.ip().into(), v6.port())))
}
