//! The client's UDP socket: connected to the daemon, read in batches.

use std::{
    io::{self, IoSliceMut},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use tokio::io::{Interest, unix::AsyncFd};

/// A socket that sends to and hears of one address only.
pub(super) struct Socket {
    /// Waited for as readable alone: the system calls it writable after each datagram that left, and hearing of that would
    /// cost a call each time.
    inner: AsyncFd<RawSocket>,
    state: UdpSocketState,
    /// One allocation, cut into [`BATCH`] buffers of [`BUFFER`] bytes.
    buffers: Vec<u8>,
    receive_buffer: usize,
}

/// What became of an attempt to receive or send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// Nothing to be read, or no room to send, for now.
    Blocked,
    /// The system says that nobody listens at the other end.
    Unreachable,
}

impl Socket {
    /// Opens a socket on any free port of the address family's loopback, with buffers as large as the system gives.
    pub(super) fn connect(address: SocketAddr) -> io::Result<Self> {
        let raw = RawSocket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        raw.set_nonblocking(true)?;
        // What the system does not give is answered by a smaller window, below.
        let _ = raw.set_recv_buffer_size(WANTED_BUFFER);
        let _ = raw.set_send_buffer_size(WANTED_BUFFER);
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        raw.bind(&any.into())?;
        raw.connect(&address.into())?;
        let receive_buffer = raw.recv_buffer_size()?;
        let state = UdpSocketState::new(UdpSockRef::from(&raw))?;
        let inner = wait_for(raw, Interest::READABLE)?;
        Ok(Socket { inner, state, buffers: vec![0; BATCH * BUFFER], receive_buffer })
    }

    /// Bytes of numbered frames that may be in flight towards us: a quarter of the buffer, since the system counts a small
    /// datagram as several times its size.
    pub(super) fn receive_window(&self) -> u32 {
        u32::try_from(self.receive_buffer / 4).unwrap_or(u32::MAX).clamp(SMALLEST_WINDOW, LARGEST_WINDOW)
    }

    /// The port that the daemon sees.
    pub(super) fn local_port(&self) -> io::Result<u16> {
        let address = self.inner.get_ref().local_addr()?.as_socket();
        address.map(|address| address.port()).ok_or(io::ErrorKind::AddrNotAvailable.into())
    }

    /// Reads what is there, a batch at most, and hands over datagram by datagram.
    pub(super) fn receive(&mut self, mut take: impl FnMut(&mut [u8])) -> Outcome {
        let mut meta = [RecvMeta::default(); BATCH];
        let mut slices = self.buffers.chunks_exact_mut(BUFFER).map(IoSliceMut::new);
        let mut slices: [IoSliceMut<'_>; BATCH] =
            std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let receive = |socket: &RawSocket| self.state.recv(UdpSockRef::from(socket), &mut slices, &mut meta);
        let received = self.inner.try_io(Interest::READABLE, receive);
        let count = match received {
            Ok(count) => count,
            Err(error) => return outcome(&error),
        };
        for (slice, meta) in slices.iter_mut().zip(&meta).take(count) {
            let filled = slice.get_mut(..meta.len).unwrap_or_default();
            for datagram in filled.chunks_mut(meta.stride.max(1)) {
                take(datagram);
            }
        }
        Outcome::Done
    }

    /// Sends one datagram. One that the system refuses for another reason than those of [`Outcome`] counts as lost on the way.
    pub(super) fn send(&self, datagram: &[u8]) -> Outcome {
        match self.inner.get_ref().send(datagram) {
            Ok(_) => Outcome::Done,
            Err(error) => outcome(&error),
        }
    }

    /// Waits until there is something to read, or, where `sending`, room to send.
    pub(super) async fn ready(&self, sending: bool) {
        // Rare enough for a second handle that is made anew each time.
        let output =
            if sending { self.inner.get_ref().try_clone() } else { Err(io::ErrorKind::Other.into()) };
        let output = output.and_then(|socket| wait_for(socket, Interest::WRITABLE));
        // An error shows itself at the next attempt.
        match output {
            Ok(output) => tokio::select! {
                _ = self.inner.readable() => {}
                _ = output.writable() => {}
            },
            Err(_) => drop(self.inner.readable().await),
        }
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe; a socket keeps its one descriptor open, which is all that asks for"
)]
fn wait_for(socket: RawSocket, interest: Interest) -> io::Result<AsyncFd<RawSocket>> {
    AsyncFd::with_interest(socket, interest)
}

fn outcome(error: &io::Error) -> Outcome {
    match error.kind() {
        io::ErrorKind::WouldBlock => Outcome::Blocked,
        io::ErrorKind::ConnectionRefused => Outcome::Unreachable,
        _ => Outcome::Done,
    }
}

/// Datagrams, or groups of them, read in one call.
const BATCH: usize = 4;
/// Enough for any datagram, and for any group that the system joins.
const BUFFER: usize = 65_536;
/// Asked of the system for each direction; it gives what its limits allow.
const WANTED_BUFFER: usize = 4 << 20;
/// One datagram of the largest size, at least.
const SMALLEST_WINDOW: u32 = 65_536;
const LARGEST_WINDOW: u32 = 1 << 20;
