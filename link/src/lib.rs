//! gossiperl's link: reliable, ordered, bounded delivery of frames between two endpoints, as a pure state machine.
//!
//! A [`Link`] is one end of section 4 of PROTOCOL.md, both directions: what it sends is numbered, repeated until the peer
//! has taken it over, and held back by the peer's window and by congestion; what it receives comes out in order, each
//! frame once. It sees bodies of frames: opening, sealing and addressing datagrams is the caller's, and so is time.
//!
//! A caller's loop: for each frame of an opened datagram, [`handle_run`](Link::handle_run),
//! [`handle_numbered`](Link::handle_numbered) or [`handle_acknowledgement`](Link::handle_acknowledgement); then
//! [`poll_transmit`](Link::poll_transmit) while [`wants_transmit`](Link::wants_transmit), a fresh datagram each time; then
//! sleep until [`poll_timeout`](Link::poll_timeout) and call [`handle_timeout`](Link::handle_timeout).
//!
//! Every collection is bounded: the queue by the configuration ([`Full`] beyond it), what is in flight by the queue,
//! what is kept out of order by the receive window (dropped beyond it, and sent again by the peer).

mod congestion;
mod error;
mod flight;
mod fragment;
mod outgoing;
mod pack;
mod queue;
mod ranges;
mod receive;
mod rtt;
mod send;
#[cfg(test)]
mod tests;
mod time;

use std::time::Duration;

use bytes::Bytes;
use gossiperl_idl::acknowledgement::Acknowledgement;

pub use error::{Full, LinkError};
use receive::Receiver;
use send::Sender;
pub use time::Time;

/// What a numbered frame costs beyond the length of its body (PROTOCOL.md section 4).
pub const FRAME_COST: u64 = 64;

/// The longest body of a numbered frame, in bytes; longer than a datagram, it travels in pieces.
pub const MAX_FRAME: usize = gossiperl_idl::fragment::MAX_FRAGMENTED as usize;

/// How a link is set up. Costs are bytes of bodies plus [`FRAME_COST`] for each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Cost of the frames we are ready to have in flight towards us; what is kept for later stays within it.
    /// What the peer is told in Welcome or elsewhere. At least 1, at most `i32::MAX`.
    pub receive_window: u32,
    /// An acknowledgement waits at most so long. PROTOCOL.md section 4: 0 for a daemon hearing its clients, 1 ms for a
    /// client, 2 ms between daemons.
    pub ack_delay: Duration,
    /// Bound of what is sent and not yet taken over, as cost. One frame is taken in any case.
    pub queue_cost: usize,
    /// Bound of the same as a number of frames.
    pub queue_frames: usize,
    /// Room for the link's frames in a datagram that holds nothing else: the limit of its size less header and tag.
    /// Frames that do not fit are cut. At least 256.
    pub datagram: usize,
    /// Both ends are on this host: nothing but the peer's window limits the start, and round trips are short.
    pub loopback: bool,
}

/// What the taker of frames says to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is taken over; its acknowledgement is ours.
    Taken,
    /// Not now. It is dropped, and everything behind it until [`Link::release`]; the peer sends it again then.
    Hold,
}

/// What an acknowledgement has brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acked {
    /// Whole frames now taken over by the peer, the oldest ones sent and not dropped: those of [`Link::send`] and of
    /// [`Link::send_control`].
    pub items: u64,
    /// Those among `items` that [`Link::send`] took.
    pub messages: u64,
    /// A new sample of the round trip.
    pub rtt: Option<Duration>,
}

/// What has happened on a link so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Frames and pieces sent for the first time.
    pub sent: u64,
    /// Frames and pieces sent again.
    pub resent: u64,
    /// Expiries of the retransmission timeout.
    pub expiries: u64,
    /// Times the congestion window was halved.
    pub reductions: u64,
    /// Frames and pieces taken over.
    pub received: u64,
    /// Frames and pieces that had been taken over or kept before.
    pub duplicates: u64,
    /// Frames and pieces dropped because they were beyond the receive window.
    pub beyond_window: u64,
    /// Frames and pieces dropped because of [`Verdict::Hold`].
    pub held: u64,
}

/// One end of a link, both directions.
#[derive(Debug)]
pub struct Link {
    sender: Sender,
    receiver: Receiver,
    stats: LinkStats,
}

impl Link {
    /// A new link to a peer that is ready to have `peer_window` in flight towards it.
    pub fn new(config: LinkConfig, peer_window: u32) -> Self {
        Link {
            sender: Sender::new(&config, peer_window),
            receiver: Receiver::new(config.receive_window, config.ack_delay),
            stats: LinkStats::default(),
        }
    }

    /// Queues a numbered frame of this kind (64 and above, not Fragment). The tag is for
    /// [`drop_unsent`](Self::drop_unsent); it means nothing to the link and does not travel.
    #[inline]
    pub fn send(&mut self, kind: u8, tag: u32, body: Bytes) -> Result<(), Full> {
        self.sender.outgoing_mut().push(kind, Some(tag), body)
    }

    /// As [`send`](Self::send), for frames that must get through where messages wait: 256 KiB and 256 frames beyond
    /// the queue's bounds are theirs alone, and they are never dropped.
    pub fn send_control(&mut self, kind: u8, body: Bytes) -> Result<(), Full> {
        self.sender.outgoing_mut().push(kind, None, body)
    }

    /// Cost that [`send`](Self::send) still takes.
    pub fn room(&self) -> usize {
        self.sender.outgoing().room()
    }

    /// Cost of everything queued or in flight.
    pub fn queued_cost(&self) -> usize {
        self.sender.outgoing().cost()
    }

    /// Frames queued or in flight.
    pub fn queued_frames(&self) -> usize {
        self.sender.outgoing().frames()
    }

    /// Whether everything sent is taken over by the peer, and no acknowledgement is to be sent.
    pub fn is_idle(&self) -> bool {
        self.sender.outgoing().frames() == 0 && self.receiver.due().is_none()
    }

    /// Takes the oldest frame of this tag back that was never sent so far, not even a piece of it.
    pub fn drop_unsent(&mut self, tag: u32) -> Option<Bytes> {
        self.sender.outgoing_mut().drop_oldest(tag)
    }

    /// Drops all frames of this tag that were never sent so far. Returns how many.
    pub fn clear_unsent(&mut self, tag: u32) -> usize {
        self.sender.outgoing_mut().clear(Some(tag))
    }

    /// As [`clear_unsent`](Self::clear_unsent), whatever their tags. What is left costs no more than the peer's window and the control frames.
    pub fn clear_all_unsent(&mut self) -> usize {
        self.sender.outgoing_mut().clear(None)
    }

    /// Ends the link: the bodies of what [`send`](Self::send) took and the peer is not known to have taken over, oldest first. The peer may
    /// have taken over the first of them nevertheless: that much its acknowledgements had yet to say.
    pub fn into_untaken(self) -> Vec<Bytes> {
        self.sender.into_untaken()
    }

    /// A Run: the next numbered frame is `first`. A datagram's numbered frames always stand behind one.
    pub fn handle_run(&mut self, first: u64) {
        self.receiver.handle_run(first);
    }

    /// A numbered frame has arrived. Whole frames whose turn it is go to `sink`, in order, each once: none, this one, or
    /// this one and others that came early. An error is the peer's fault; see [`LinkError`] for what is left.
    #[inline]
    pub fn handle_numbered(
        &mut self,
        now: Time,
        kind: u8,
        body: &[u8],
        sink: &mut impl FnMut(u8, &[u8]) -> Verdict,
    ) -> Result<(), LinkError> {
        self.receiver.handle_numbered(now, kind, body, sink, &mut self.stats)
    }

    /// An acknowledgement has arrived. One that is out of date changes nothing.
    pub fn handle_acknowledgement(
        &mut self,
        now: Time,
        acknowledgement: &Acknowledgement,
    ) -> Result<Acked, LinkError> {
        self.sender.handle_acknowledgement(now, acknowledgement, &mut self.stats)
    }

    /// The sink can take frames again after [`Verdict::Hold`]; the peer is told to send again what was dropped.
    pub fn release(&mut self, now: Time) {
        self.receiver.release(now);
    }

    /// Whether a frame was held and [`release`](Self::release) has not been called since.
    pub fn is_holding(&self) -> bool {
        self.receiver.is_holding()
    }

    /// Whether the peer takes nothing at the moment.
    pub fn is_held_back(&self) -> bool {
        self.sender.is_held_back()
    }

    /// Whether an acknowledgement should not wait any longer.
    pub fn ack_due(&self, now: Time) -> bool {
        self.receiver.due().is_some_and(|due| due <= now)
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something for a fresh datagram.
    pub fn wants_transmit(&self, now: Time) -> bool {
        self.ack_due(now) || self.sender.wants_transmit(now)
    }

    /// Appends frames to a datagram, until `out` is `limit` bytes long at most: an acknowledgement if one is due, or if it
    /// can ride on others; then numbered frames behind a Run. False if nothing was appended: nothing is to be sent,
    /// or the rest of the datagram is too small for it. `out` may hold other frames; a fresh datagram must have
    /// [`LinkConfig::datagram`] bytes left.
    pub fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>, limit: usize) -> bool {
        let sends = self.sender.wants_transmit(now);
        let due = self.ack_due(now) || (sends && self.receiver.due().is_some());
        let acknowledged = due && self.receiver.acknowledge(now, out, limit);
        let sent = sends && self.sender.transmit(now, out, limit, &mut self.stats);
        acknowledged || sent
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, or an acknowledgement or a probe becomes due.
    pub fn poll_timeout(&self) -> Option<Time> {
        [self.receiver.due(), self.sender.poll_timeout()].into_iter().flatten().min()
    }

    /// Time has passed; calling it too early changes nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        self.sender.handle_timeout(now, &mut self.stats);
    }

    /// The path has changed, and with it the room for frames in an empty datagram. What was sent before keeps its size.
    pub fn set_datagram(&mut self, datagram: usize) {
        self.sender.set_datagram(datagram);
    }

    /// A round trip to the peer measured by other means; counts until the link has measured one.
    pub fn seed_rtt(&mut self, round_trip: Duration) {
        self.sender.seed_rtt(round_trip);
    }

    /// The smoothed round trip; a guess before the first acknowledgement.
    pub fn rtt(&self) -> Duration {
        self.sender.rtt().smoothed()
    }

    /// Bytes that congestion control allows in flight.
    pub fn congestion_window(&self) -> u64 {
        self.sender.congestion_window()
    }

    /// Cost of what is kept for later: frames out of order, pieces of a cut one.
    pub fn kept_cost(&self) -> usize {
        self.receiver.kept_cost()
    }

    /// What has happened so far.
    pub fn stats(&self) -> &LinkStats {
        &self.stats
    }

    /// Gives spare memory back; to be called now and then on a link that is idle.
    pub fn trim(&mut self) {
        self.sender.trim();
        self.receiver.trim();
    }
}
