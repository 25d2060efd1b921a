//! Room for one batch of received datagrams.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
};

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use socket2::Socket;

/// The system joins equal datagrams of one sender up to the largest UDP payload.
const BUFFER_SIZE: usize = 65_536;

/// Buffers filled by one call, each with one datagram or a train of equal ones (GRO).
pub struct Buffers {
    bytes: Vec<u8>,
    metas: Vec<RecvMeta>,
    filled: usize,
}

impl Buffers {
    /// Room for `count` buffers, 1 to 32, of 64 KiB each; memory is taken as they are first used.
    pub fn new(count: usize) -> Self {
        let count = count.clamp(1, BATCH_SIZE);
        Buffers { bytes: vec![0; count * BUFFER_SIZE], metas: vec![RecvMeta::default(); count], filled: 0 }
    }

    /// Receives without waiting.
    pub(super) fn fill(&mut self, socket: &Socket, state: &UdpSocketState) -> io::Result<()> {
        self.filled = 0;
        let mut chunks = self.bytes.chunks_exact_mut(BUFFER_SIZE);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let count = self.metas.len();
        self.filled = state.recv(UdpSockRef::from(socket), &mut slices[..count], &mut self.metas)?;
        Ok(())
    }

    /// Hands on what the last [`Buffers::fill`] took.
    pub(super) fn datagrams(&mut self, take: &mut impl FnMut(SocketAddr, &mut [u8])) {
        let filled = self.metas.iter().take(self.filled);
        for (meta, buffer) in filled.zip(self.bytes.chunks_exact_mut(BUFFER_SIZE)) {
            let Some(train) = buffer.get_mut(..meta.len) else { continue };
            // An empty datagram has no stride, and nothing to say.
            for datagram in train.chunks_mut(meta.stride.max(1)) {
                take(meta.addr, datagram);
            }
        }
        self.filled = 0;
    }
}
