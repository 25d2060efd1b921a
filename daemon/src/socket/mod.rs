//! The UDP sockets of one overlay: batched receive and send, and word of closed ports (`returned`).
//!
//! # Which addresses are bound
//!
//! Clients find their daemon at 127.0.0.1 and the overlay's port, and expect its answers from there (PROTOCOL section 3);
//! other daemons find it at the address it advertises.
//!
//! - `ip = "0.0.0.0"`: one socket serves both. The system answers a loopback client from 127.0.0.1 by itself.
//! - `ip` is some other address of the host, or any of version 6: a second socket on 127.0.0.1 serves the clients. What
//!   goes to a version 4 loopback address leaves by it, all else by the first.
//! - `ip` is in 127.0.0.0/8: one socket. Several daemons of one host can so share a port (127.0.0.2, 127.0.0.3, …); their
//!   clients connect to that address instead of 127.0.0.1. Clients and daemons are then both on loopback; the role in
//!   each sealed datagram's header tells them apart.
//!
//! The system never delivers a datagram from another host with a loopback source or destination, so that "from
//! loopback" means "from this host".
//!
//! - With a multicast group: the first socket is for daemons, and asks the group; a second one on 127.0.0.1, at the
//!   clients' own port, serves the clients; a third one listens to the group (`group`). No loopback address is bound for
//!   daemons then, so that the rule above holds: what goes to loopback goes to clients.

mod address;
mod group;
mod receive;
mod returned;

use std::{collections::VecDeque, io, net::SocketAddr};

use nix::sys::socket::{setsockopt, sockopt};
use quinn_udp::{UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{Interest, Ready, unix::AsyncFd};

pub use address::{AddressError, advertised, resolve};
pub use group::Kept;
pub use receive::Buffers;

use group::Group;
use returned::{Returned, next_error};

use crate::config::{Multicast, bound_addresses};

/// Refusals kept until they are asked for; beyond it the oldest are forgotten (the next send brings another).
const MOST_REFUSALS: usize = 1_024;
/// Error messages read in one go.
const MOST_ERRORS: usize = 64;

/// The sockets of one overlay.
pub struct Sockets {
    main: Port,
    /// 127.0.0.1, where `main` cannot be reached there.
    loopback: Option<Port>,
    group: Option<Group>,
    refused: VecDeque<SocketAddr>,
    /// What went wrong so far.
    pub counts: Counts,
}

/// Sends and receives that failed. Nothing is lost for good by them: all that matters is sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams the system would not send (no route, firewall, larger than the interface takes).
    pub unsent: u64,
    /// Receive calls that reported an error.
    pub receive_errors: u64,
}

/// Datagrams to one destination in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Where to.
    pub destination: SocketAddr,
    /// One datagram, or several of `segment_size` bytes each (the last may be shorter).
    pub contents: &'a [u8],
    /// Size of each datagram where there are several.
    pub segment_size: Option<usize>,
}

/// One of the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Where other daemons reach us, and clients too where there is no other.
    Main,
    /// Where clients reach us, where that is another.
    Clients,
    /// Where a multicast group reaches us.
    Group,
}

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Handed to the system, or given up and counted.
    Done,
    /// The system's buffer is full: nothing was sent; try again when [`Sockets::ready`].
    Blocked,
}

/// Sizes of the system's buffers, bytes: less than asked for where the system allows no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferSizes {
    /// Of received datagrams.
    pub receive: usize,
    /// Of datagrams to be sent.
    pub send: usize,
}

impl Sockets {
    /// Binds `address` and, where clients need it, 127.0.0.1 at the same port. With port 0 the system picks one.
    ///
    /// Errors name the address that could not be bound; nothing stays bound then. Needs a tokio runtime.
    pub fn bind(address: SocketAddr, wanted: BufferSizes) -> Result<(Self, BufferSizes), AddressError> {
        let (main, sizes) = Port::bind(address, wanted)?;
        let port = main.address.port();
        let mut others = bound_addresses(SocketAddr::new(address.ip(), port), None).into_iter().skip(1);
        let loopback = others.next().map(|address| Port::bind(address, wanted)).transpose()?;
        let loopback = loopback.map(|(port, _)| port);
        let sockets =
            Sockets { main, loopback, group: None, refused: VecDeque::new(), counts: Counts::default() };
        Ok((sockets, sizes))
    }

    /// Binds `address` for daemons, 127.0.0.1 at a port of its own for clients, and joins a multicast group at the port of
    /// `address`. Otherwise like [`Sockets::bind`].
    pub fn bind_with_group(
        address: SocketAddr,
        multicast: Multicast,
        wanted: BufferSizes,
    ) -> Result<(Self, BufferSizes), AddressError> {
        let (main, sizes) = Port::bind(address, wanted)?;
        let (clients, _) = Port::bind(multicast.client_address(), wanted)?;
        let group = Some(Group::join(&main, multicast)?);
        let sockets = Sockets {
            main,
            loopback: Some(clients),
            group,
            refused: VecDeque::new(),
            counts: Counts::default(),
        };
        Ok((sockets, sizes))
    }

    /// The address other daemons reach.
    pub fn local_address(&self) -> SocketAddr {
        self.main.address
    }

    /// The group listened to.
    pub fn group(&self) -> Option<SocketAddr> {
        self.group.as_ref().map(Group::address)
    }

    /// Looks whether the group is still listened to, and joins it again where its interface had gone. `None`: there is no
    /// group.
    pub fn keep_group(&mut self) -> Option<Kept> {
        let Sockets { main, group, .. } = self;
        group.as_mut().map(|group| group.keep(main))
    }

    /// Most datagrams for one [`Sockets::send`]; 1 where the system cannot cut them.
    pub fn max_segments(&self) -> usize {
        let loopback = self.loopback.iter().map(|port| port.state.max_gso_segments());
        loopback.fold(self.main.state.max_gso_segments(), usize::min)
    }

    /// Waits until there may be something to receive, a refusal to read, or room for what was [`Sent::Blocked`] on its
    /// way to this destination.
    pub async fn ready(&mut self, blocked: Option<SocketAddr>) -> io::Result<()> {
        let blocked = blocked.map(|destination| self.port(destination).address);
        let is_error = match &self.loopback {
            None => self.main.ready(blocked).await?.is_error(),
            Some(loopback) => tokio::select! {
                ready = self.main.ready(blocked) => ready?.is_error(),
                ready = loopback.ready(blocked) => ready?.is_error(),
                ready = group_ready(self.group.as_ref()) => ready?.is_error(),
            },
        };
        if is_error {
            self.read_errors();
        }
        Ok(())
    }

    /// Takes what is there, one batch from each socket, and hands it on datagram by datagram. False: there was nothing.
    pub fn receive(&mut self, buffers: &mut Buffers, mut take: impl FnMut(SocketAddr, &mut [u8])) -> bool {
        let main = self.receive_at(At::Main, buffers, &mut take);
        let clients = self.receive_at(At::Clients, buffers, &mut take);
        main || clients
    }

    /// Takes what is there at one of the sockets, one batch. False: there was nothing, or there is no such socket.
    pub fn receive_at(
        &mut self,
        at: At,
        buffers: &mut Buffers,
        mut take: impl FnMut(SocketAddr, &mut [u8]),
    ) -> bool {
        let port = match at {
            At::Main => Some(&self.main),
            At::Clients => self.loopback.as_ref(),
            At::Group => self.group.as_ref().map(|group| &group.port),
        };
        let Some(port) = port else { return false };
        match port.receive(buffers) {
            Ok(()) => buffers.datagrams(&mut take),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            // Word of an earlier datagram that came back: the datagrams waiting are read on the next call.
            Err(_) => {
                self.counts.receive_errors += 1;
                self.read_errors();
            }
        }
        true
    }

    /// Sends, or says that the system cannot take it now. What the system refuses for good is counted and given up.
    pub fn send(&mut self, outgoing: Outgoing<'_>) -> Sent {
        for _ in 0..2 {
            match self.port(outgoing.destination).send(outgoing) {
                Ok(()) => return Sent::Done,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Sent::Blocked,
                // Most likely the word of an earlier datagram; reading it makes way.
                Err(_) => self.read_errors(),
            }
        }
        // Where the interface cannot cut, or one datagram is at fault, the others still go.
        let size = outgoing.segment_size.unwrap_or(outgoing.contents.len()).max(1);
        for datagram in outgoing.contents.chunks(size) {
            let single = Outgoing { contents: datagram, segment_size: None, ..outgoing };
            if self.port(outgoing.destination).send(single).is_err() {
                self.counts.unsent += 1;
            }
        }
        Sent::Done
    }

    /// A destination on this host where nobody listens, learnt since the last call.
    pub fn pop_refused(&mut self) -> Option<SocketAddr> {
        self.refused.pop_front()
    }

    /// Reads what the system has to say about datagrams that came back.
    fn read_errors(&mut self) {
        for at_loopback in [false, true] {
            for _ in 0..MOST_ERRORS {
                let Some(port) = self.port_at(at_loopback) else { break };
                let Ok(error) = port.next_error() else { break };
                if let Some(destination) = error.trusted_refusal() {
                    if self.refused.len() == MOST_REFUSALS {
                        self.refused.pop_front();
                    }
                    self.refused.push_back(destination);
                }
            }
        }
    }

    fn port_at(&self, at_loopback: bool) -> Option<&Port> {
        if at_loopback { self.loopback.as_ref() } else { Some(&self.main) }
    }

    fn port(&self, destination: SocketAddr) -> &Port {
        match &self.loopback {
            Some(loopback) if destination.is_ipv4() && destination.ip().is_loopback() => loopback,
            _ => &self.main,
        }
    }
}

/// Waits until something comes to the group; for ever where there is none.
async fn group_ready(group: Option<&Group>) -> io::Result<Ready> {
    match group {
        Some(group) => group.port.ready(None).await,
        None => std::future::pending().await,
    }
}

/// One bound socket.
struct Port {
    /// Waited for as readable alone: the system calls it writable after each datagram that left, and hearing of that would
    /// cost a call each time.
    io: AsyncFd<Socket>,
    state: UdpSocketState,
    address: SocketAddr,
}

impl Port {
    fn bind(address: SocketAddr, wanted: BufferSizes) -> Result<(Self, BufferSizes), AddressError> {
        Self::try_bind(address, wanted).map_err(|error| AddressError::Bind(address, error))
    }

    fn try_bind(address: SocketAddr, wanted: BufferSizes) -> io::Result<(Self, BufferSizes)> {
        Self::open(address, wanted, |_| Ok(()))
    }

    /// Binds; `prepare` is called before.
    fn open(
        address: SocketAddr,
        wanted: BufferSizes,
        prepare: impl FnOnce(&Socket) -> io::Result<()>,
    ) -> io::Result<(Self, BufferSizes)> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        prepare(&socket)?;
        if address.is_ipv6() {
            // Version 4 clients have a socket of their own, so that their addresses never appear mapped.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        let sizes = set_buffer_sizes(&socket, wanted)?;
        socket.bind(&address.into())?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        state.enable_transport_errors(UdpSockRef::from(&socket))?;
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let io = wait_for(socket, INPUT)?;
        Ok((Port { io, state, address }, sizes))
    }

    async fn ready(&self, blocked: Option<SocketAddr>) -> io::Result<Ready> {
        if blocked != Some(self.address) {
            return Ok(self.io.ready(INPUT).await?.ready());
        }
        // Rare enough for a second handle that is made anew each time.
        let output = wait_for(self.io.get_ref().try_clone()?, Interest::WRITABLE)?;
        tokio::select! {
            ready = self.io.ready(INPUT) => Ok(ready?.ready()),
            ready = output.writable() => Ok(ready?.ready()),
        }
    }

    fn receive(&self, buffers: &mut Buffers) -> io::Result<()> {
        self.io.try_io(Interest::READABLE, |socket| buffers.fill(socket, &self.state))
    }

    fn send(&self, outgoing: Outgoing<'_>) -> io::Result<()> {
        let transmit = quinn_udp::Transmit {
            destination: outgoing.destination,
            ecn: None,
            contents: outgoing.contents,
            segment_size: outgoing.segment_size,
            src_ip: None,
        };
        self.state.try_send(UdpSockRef::from(self.io.get_ref()), &transmit)
    }

    /// The next message of the error queue; `WouldBlock` when it is empty, which tokio then knows.
    fn next_error(&self) -> io::Result<Returned> {
        next_error(self.io.get_ref()).or_else(|_| self.io.try_io(Interest::ERROR, next_error))
    }
}

/// What a socket is waited for: datagrams, and word of those that came back.
const INPUT: Interest = Interest::READABLE.add(Interest::ERROR);

#[expect(
    deprecated,
    reason = "its successor is unsafe; a socket keeps its one descriptor open, which is all that asks for"
)]
fn wait_for(socket: Socket, interest: Interest) -> io::Result<AsyncFd<Socket>> {
    AsyncFd::with_interest(socket, interest)
}

/// Asks for the sizes, beyond the system's limit where we may, and says what was given.
fn set_buffer_sizes(socket: &Socket, wanted: BufferSizes) -> io::Result<BufferSizes> {
    if setsockopt(socket, sockopt::RcvBufForce, &wanted.receive).is_err() {
        socket.set_recv_buffer_size(wanted.receive)?;
    }
    if setsockopt(socket, sockopt::SndBufForce, &wanted.send).is_err() {
        socket.set_send_buffer_size(wanted.send)?;
    }
    // Linux reports twice what was set (socket(7)): half of it is for its own bookkeeping.
    Ok(BufferSizes { receive: socket.recv_buffer_size()? / 2, send: socket.send_buffer_size()? / 2 })
}
