//! Datagrams out: one endpoint after the other, each datagram filled with whatever waits for it.

use std::net::SocketAddr;

use gossiperl_idl::sealed::{HEADER_LEN, TAG_LEN};
use gossiperl_link::Time;

use super::Overlay;
use crate::{endpoint::EndpointId, event::is_local};

/// Largest datagram between hosts, in bytes of UDP payload (DESIGN: the path limit).
pub(crate) const PATH_LIMIT: usize = 1_400;

/// Largest datagram on loopback.
pub(crate) const LOOPBACK_LIMIT: usize = 60_000;

/// A datagram to send: the first `len` bytes of the buffer that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where it goes.
    pub destination: SocketAddr,
    /// Its length in bytes.
    pub len: usize,
}

/// The largest datagram to this address.
pub(crate) fn limit_to(address: &SocketAddr) -> usize {
    if is_local(address) { LOOPBACK_LIMIT } else { PATH_LIMIT }
}

/// Room for frames in an empty datagram to this address.
pub(crate) fn frames_to(address: &SocketAddr) -> usize {
    limit_to(address) - HEADER_LEN - TAG_LEN
}

impl Overlay {
    /// Writes the next datagram into `out`, replacing what it held. `None`: nothing waits. To be called until then, after every input.
    pub fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<Transmit> {
        out.clear();
        self.queue_members_datagrams(now);
        let destination = self
            .transmit_single(now, out)
            .or_else(|| self.transmit_endpoint(now, out))
            .or_else(|| self.transmit_legacy(now, out))?;
        self.stats.datagrams_sent += 1;
        self.stats.bytes_sent += out.len() as u64;
        Some(Transmit { destination, len: out.len() })
    }

    /// Datagrams to addresses that have no endpoint: challenges, first contact, what membership says.
    fn transmit_single(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        while let Some(single) = self.singles.pop_front() {
            let offset = self.datagrams.start(single.role, out);
            let begin = out.len();
            out.extend_from_slice(&single.frames);
            if let Some(to) = &single.gossip_to {
                self.fill_gossip(now, to, out, PATH_LIMIT - TAG_LEN);
            }
            if out.len() == begin && !single.offer {
                out.clear();
                continue;
            }
            self.traffic.frames_sent.count_all(out.get(begin..).unwrap_or_default());
            let (role, receiver, destination) = (single.role, single.receiver, single.destination);
            let keys = self.keys_of(&single.under);
            if self.seal(now, keys, role, receiver, destination, out, offset).is_some() {
                return Some(destination);
            }
            out.clear();
        }
        None
    }

    fn transmit_endpoint(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        // Each once: one that wants to send and fills nothing, which would be a defect, must not stop the others.
        for _ in 0..self.endpoints.in_line() {
            let Some(id) = self.endpoints.next_dirty() else { break };
            let sent = self.fill_datagram(now, id, out);
            self.endpoints.settle(now, id);
            if sent.is_some() {
                return sent;
            }
            out.clear();
        }
        None
    }

    fn fill_datagram(&mut self, now: Time, id: EndpointId, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let endpoint = self.endpoints.get_mut(id)?;
        let (role, destination) = (endpoint.role(), endpoint.address());
        let receiver = endpoint.salt().receiver_id();
        let limit = limit_to(&destination) - TAG_LEN;
        let offset = self.datagrams.start(role, out);
        let begin = out.len();
        if let Some(pending) = endpoint.pending_mut() {
            take_frames(pending, out, limit);
        }
        if let Some(link) = endpoint.link.as_deref_mut() {
            let before = link.stats().resent;
            link.poll_transmit(now, out, limit);
            self.stats.resent += link.stats().resent - before;
        }
        if out.len() == begin {
            return None;
        }
        self.traffic.frames_sent.count_all(out.get(begin..).unwrap_or_default());
        let keys = self.keys_of_endpoint(id);
        self.seal(now, keys, role, receiver, destination, out, offset)?;
        Some(destination)
    }
}

/// Moves as many whole frames as fit from `pending` to `out`.
fn take_frames(pending: &mut Vec<u8>, out: &mut Vec<u8>, limit: usize) {
    if pending.is_empty() {
        return;
    }
    let room = limit.saturating_sub(out.len());
    if pending.len() <= room {
        out.append(pending);
        return;
    }
    let mut fits = 0;
    for (kind, body) in gossiperl_idl::frame::Frames::new(pending).flatten() {
        let _ = kind;
        let end = fits + gossiperl_idl::frame::overhead(body.len()) + body.len();
        if end > room {
            break;
        }
        fits = end;
    }
    out.extend_from_slice(&pending[..fits]);
    pending.drain(..fits);
}
