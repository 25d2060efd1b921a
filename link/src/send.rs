//! The sending half: what goes into the next datagram, what an acknowledgement changes, when to try again.
//!
//! PROTOCOL.md section 4, with the retransmission timer of RFC 6298 section 5 and the probes of a held-back sender
//! (RFC 9293 section 3.8.6.1). Waiting frames go before new ones. A new frame gets its number here, when it is
//! first written.

use std::time::Duration;

use bytes::Bytes;
use gossiperl_idl::{acknowledgement::Acknowledgement, fragment::FRAGMENT_OVERHEAD, frame};

use crate::{
    Acked, FRAME_COST, Full, LinkConfig, LinkStats, MAX_FRAME,
    congestion::Congestion,
    error::LinkError,
    flight::{Flight, Newly, Piece, Sent},
    pack::{Packer, RUN_ROOM},
    queue::{Queue, Unsent},
    rtt::Rtt,
    time::Time,
};

/// Room of control frames beyond the bound of the queue.
const RESERVE_COST: usize = 256 * 1024;
const RESERVE_FRAMES: usize = 256;
/// A held-back sender asks at least so often (PROTOCOL.md section 4).
const MOST_PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// Datagrams sent after the retransmission timeout until something is acknowledged (RFC 9002 section 6.2.4).
const TRIES: u8 = 2;
/// The rest of a datagram is not worth a piece smaller than this.
const LEAST_PART: usize = 256;
/// Less room than this makes pieces that are all overhead.
const LEAST_DATAGRAM: usize = 256;

/// The peer takes nothing: its first frame is repeated alone.
#[derive(Debug)]
struct HeldBack {
    interval: Duration,
    probe_at: Time,
}

/// A frame some pieces of which are sent.
#[derive(Debug)]
struct Cutting {
    kind: u8,
    control: bool,
    body: Bytes,
    offset: usize,
}

#[derive(Debug)]
pub(crate) struct Sender {
    queue: Queue,
    cutting: Option<Cutting>,
    flight: Flight,
    rtt: Rtt,
    congestion: Congestion,
    peer_window: u64,
    datagram: usize,
    most_cost: usize,
    most_frames: usize,
    /// Everything not taken over by the peer, sent or not.
    cost: usize,
    frames: usize,
    held_back: Option<HeldBack>,
    /// The retransmission timeout runs from here.
    alarm_from: Time,
    /// Datagrams that may still go out after the timeout's expiry; `None` when there was none.
    tries: Option<u8>,
}

impl Sender {
    pub(crate) fn new(config: &LinkConfig, peer_window: u32) -> Self {
        let datagram = config.datagram.max(LEAST_DATAGRAM);
        Sender {
            queue: Queue::default(),
            cutting: None,
            flight: Flight::default(),
            rtt: Rtt::new(config.loopback),
            congestion: Congestion::new(datagram, config.loopback, peer_window),
            peer_window: peer_window.into(),
            datagram,
            most_cost: config.queue_cost,
            most_frames: config.queue_frames,
            cost: 0,
            frames: 0,
            held_back: None,
            alarm_from: Time::ZERO,
            tries: None,
        }
    }

    #[inline]
    pub(crate) fn send(&mut self, kind: u8, tag: Option<u32>, body: Bytes) -> Result<(), Full> {
        debug_assert!(frame::is_numbered(kind) && kind != frame::FRAGMENT, "frame kind {kind}");
        let reserve = if tag.is_none() { (RESERVE_COST, RESERVE_FRAMES) } else { (0, 0) };
        let cost = self.cost + body.len() + FRAME_COST as usize;
        // One frame is always taken, so that a bound below its cost does not shut it out for ever.
        let full = self.frames > 0
            && (cost > self.most_cost.saturating_add(reserve.0)
                || self.frames >= self.most_frames.saturating_add(reserve.1));
        if full || body.len() > MAX_FRAME {
            return Err(Full(body));
        }
        self.cost = cost;
        self.frames += 1;
        self.queue.push(Unsent { kind, tag, body });
        Ok(())
    }

    pub(crate) fn room(&self) -> usize {
        if self.frames >= self.most_frames { 0 } else { self.most_cost.saturating_sub(self.cost) }
    }

    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    pub(crate) fn frames(&self) -> usize {
        self.frames
    }

    pub(crate) fn drop_unsent(&mut self, tag: u32) -> Option<Bytes> {
        let body = self.queue.drop_oldest(tag)?;
        self.forget(1, body.len());
        Some(body)
    }

    pub(crate) fn clear_unsent(&mut self, tag: u32) -> usize {
        let (frames, bytes) = self.queue.clear(tag);
        self.forget(frames, bytes);
        frames
    }

    pub(crate) fn rtt(&self) -> &Rtt {
        &self.rtt
    }

    pub(crate) fn seed_rtt(&mut self, round_trip: Duration) {
        self.rtt.seed(round_trip);
    }

    pub(crate) fn congestion_window(&self) -> u64 {
        self.congestion.window()
    }

    pub(crate) fn is_held_back(&self) -> bool {
        self.held_back.is_some()
    }

    pub(crate) fn set_datagram(&mut self, datagram: usize) {
        self.datagram = datagram.max(LEAST_DATAGRAM);
        self.congestion.set_datagram(self.datagram);
    }

    pub(crate) fn trim(&mut self) {
        self.queue.trim();
        self.flight.trim();
    }

    pub(crate) fn handle_acknowledgement(
        &mut self,
        now: Time,
        acknowledgement: &Acknowledgement,
        stats: &mut LinkStats,
    ) -> Result<Acked, LinkError> {
        let ranges = acknowledgement.ranges.as_slice();
        let highest = ranges.last().map_or(0, |range| range.end - 1).max(acknowledgement.cumulative);
        if highest > self.flight.last() {
            return Err(LinkError::AcknowledgedUnsent { acknowledged: highest, sent: self.flight.last() });
        }
        if acknowledgement.cumulative < self.flight.cumulative() {
            return Ok(Acked::default());
        }
        let dropped = acknowledgement.window == 0 || acknowledgement.rewind;
        let on_way = self.flight.on_way();
        let least_rtt = self.rtt.least();
        let mut newly = Newly::default();
        self.flight.take_over(acknowledgement.cumulative, now, least_rtt, &mut newly);
        if !dropped {
            for range in ranges {
                self.flight.keep(range.clone(), now, least_rtt, &mut newly);
            }
        }
        self.forget(newly.items as usize, newly.body_bytes as usize);
        let mut acked = Acked { items: newly.items, messages: newly.messages, rtt: None };
        if newly.frames > 0 {
            self.tries = None;
            self.alarm_from = now;
            acked.rtt = newly.clean.map(|(_, sent)| {
                self.rtt.sample(now.since(sent), Duration::from_micros(acknowledgement.delay_us.into()))
            });
        }
        if let Some(newest) = newly.newest {
            self.congestion.acknowledged(newly.bytes, on_way, newest);
        }
        let lost = self.flight.find_lost(newly.newest);
        if let Some(lost) = lost.filter(|_| !dropped) {
            stats.reductions += u64::from(self.congestion.lost(lost, self.flight.next_datagram()));
        }
        self.peer_window = acknowledgement.window.into();
        if acknowledgement.window == 0 {
            self.hold_back(now, newly.frames > 0);
        } else if self.held_back.take().is_some() || dropped || self.flight.is_first_kept() {
            // After a hold everything waits already; this is for one of which we heard nothing.
            self.flight.rewind();
            self.tries = None;
        }
        Ok(acked)
    }

    pub(crate) fn wants_transmit(&self, now: Time) -> bool {
        if let Some(held) = &self.held_back {
            return held.probe_at <= now && self.has_frames();
        }
        if self.tries == Some(0) {
            return false;
        }
        if let Some((number, frame)) = self.flight.first_waiting() {
            return self.is_allowed(number, frame.end);
        }
        let Some(length) = self.next_length() else { return false };
        let piece = self.cutting.is_some() || length + frame::overhead(length) + RUN_ROOM > self.datagram;
        let length =
            if piece { length.min(self.part_room(self.datagram)) + FRAGMENT_OVERHEAD } else { length };
        self.is_allowed(self.flight.last() + 1, self.flight.sent() + length as u64 + FRAME_COST)
    }

    /// Appends a Run and frames, as far as they fit and the windows allow. False if nothing was appended.
    pub(crate) fn transmit(
        &mut self,
        now: Time,
        out: &mut Vec<u8>,
        limit: usize,
        stats: &mut LinkStats,
    ) -> bool {
        if !self.wants_transmit(now) {
            return false;
        }
        let mut packer = Packer::new(out, limit, self.datagram);
        if self.held_back.is_some() {
            return self.probe(now, &mut packer, stats);
        }
        let was_on_way = self.flight.on_way() > 0;
        while let Some((number, frame)) = self.flight.first_waiting() {
            if !self.is_allowed(number, frame.end) || !packer.put(number, frame) {
                break;
            }
            stats.resent += 1;
            if packer.count() == 1 {
                self.flight.start_datagram(now);
            }
            self.flight.put_again(number);
        }
        if self.flight.first_waiting().is_none() {
            while let Some(frame) = self.next_new(&packer) {
                let number = self.flight.last() + 1;
                packer.put(number, &frame);
                stats.sent += 1;
                if packer.count() == 1 {
                    self.flight.start_datagram(now);
                }
                self.flight.push(frame);
                self.flight.put_in_datagram(number);
            }
        }
        if packer.count() == 0 {
            return false;
        }
        if !was_on_way {
            self.alarm_from = now;
        }
        if let Some(tries) = &mut self.tries {
            *tries = tries.saturating_sub(1);
        }
        true
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        match &self.held_back {
            Some(held) => self.has_frames().then_some(held.probe_at),
            None => self.flight.awaits_acknowledgement().then(|| self.alarm_from + self.rtt.timeout()),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Time, stats: &mut LinkStats) {
        if self.held_back.is_some() || self.poll_timeout().is_none_or(|alarm| now < alarm) {
            return;
        }
        stats.expiries += 1;
        self.rtt.back_off();
        self.congestion.expired(self.flight.next_datagram());
        // What the peer keeps might be lost as well, if it has dropped it since (RFC 2018 section 8).
        self.flight.rewind();
        self.tries = Some(TRIES);
    }

    fn hold_back(&mut self, now: Time, progress: bool) {
        self.flight.rewind();
        self.tries = None;
        if self.held_back.is_none() || progress {
            let interval = self.rtt.timeout().min(MOST_PROBE_INTERVAL);
            self.held_back = Some(HeldBack { interval, probe_at: now + interval });
        }
    }

    /// Repeats the first frame alone; it stays among those that wait.
    fn probe(&mut self, now: Time, packer: &mut Packer<'_>, stats: &mut LinkStats) -> bool {
        if self.flight.is_empty() {
            let Some(frame) = self.next_new(packer) else { return false };
            self.flight.push(frame);
            self.flight.wait_for_last();
            stats.sent += 1;
        } else {
            stats.resent += 1;
        }
        let Some((number, frame)) = self.flight.first_waiting() else { return false };
        if !packer.put(number, frame) {
            return false;
        }
        if let Some(held) = &mut self.held_back {
            held.interval = (held.interval * 2).min(MOST_PROBE_INTERVAL);
            held.probe_at = now + held.interval;
        }
        true
    }

    /// The next frame never sent so far, or a piece of it, if it fits and the windows allow it.
    #[inline]
    fn next_new(&mut self, packer: &Packer<'_>) -> Option<Sent> {
        let number = self.flight.last() + 1;
        let sent = self.flight.sent();
        let length = self.next_length()?;
        let room = packer.room(number);
        if self.cutting.is_none() {
            let whole = length + frame::overhead(length);
            if whole <= room {
                let end = sent + length as u64 + FRAME_COST;
                if !self.is_allowed(number, end) {
                    return None;
                }
                let Unsent { kind, tag, body } = self.queue.pop()?;
                return Some(Sent::new(kind, tag.is_none(), None, body, end));
            }
            if whole + RUN_ROOM <= self.datagram {
                return None;
            }
        }
        let part = self.part_room(room.min(self.datagram)).min(length);
        let end = sent + (part + FRAGMENT_OVERHEAD) as u64 + FRAME_COST;
        if part < length.min(LEAST_PART.min(self.datagram / 4)) || !self.is_allowed(number, end) {
            return None;
        }
        self.cut(part, end)
    }

    fn cut(&mut self, part: usize, end: u64) -> Option<Sent> {
        let mut cutting = match self.cutting.take() {
            Some(cutting) => cutting,
            None => {
                let Unsent { kind, tag, body } = self.queue.pop()?;
                Cutting { kind, control: tag.is_none(), body, offset: 0 }
            }
        };
        let piece = Piece { total: cutting.body.len() as u32, offset: cutting.offset as u32 };
        let body = cutting.body.slice(cutting.offset..cutting.offset + part);
        let frame = Sent::new(cutting.kind, cutting.control, Some(piece), body, end);
        cutting.offset += part;
        if cutting.offset < cutting.body.len() {
            self.cutting = Some(cutting);
        }
        Some(frame)
    }

    /// How much of a cut frame's body `room` bytes of a datagram hold.
    fn part_room(&self, room: usize) -> usize {
        let room = room.min(self.datagram - RUN_ROOM);
        room.saturating_sub(FRAGMENT_OVERHEAD + frame::overhead(room))
    }

    /// Length of what is left to send of the next new frame's body.
    fn next_length(&self) -> Option<usize> {
        match &self.cutting {
            Some(cutting) => Some(cutting.body.len() - cutting.offset),
            None => self.queue.front().map(|frame| frame.body.len()),
        }
    }

    /// Whether the windows allow frame `number`, with which the sum of costs is `end`. The frame behind the last one
    /// taken over is always within the peer's window: it takes no place among those kept for later.
    #[inline]
    fn is_allowed(&self, number: u64, end: u64) -> bool {
        let within = self.flight.ahead(end) <= self.peer_window || number == self.flight.cumulative() + 1;
        within && (self.held_back.is_some() || self.flight.on_way() < self.congestion.window())
    }

    fn has_frames(&self) -> bool {
        self.frames > 0
    }

    fn forget(&mut self, frames: usize, bytes: usize) {
        self.frames -= frames;
        self.cost -= bytes + frames * FRAME_COST as usize;
    }
}
