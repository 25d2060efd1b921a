//! The sending half: what goes into the next datagram, what an acknowledgement changes, when to try again.
//!
//! PROTOCOL.md section 4, with the retransmission timer of RFC 6298 section 5 and the probes of a held-back sender
//! (RFC 9293 section 3.8.6.1). Waiting frames go before new ones. A new frame gets its number here, when it is
//! first written.

use std::time::Duration;

use bytes::Bytes;
use gossiperl_idl::acknowledgement::Acknowledgement;

use crate::{
    Acked, LinkConfig, LinkStats,
    congestion::Congestion,
    error::LinkError,
    flight::{Flight, Newly, Sent},
    outgoing::Outgoing,
    pack::Packer,
    rtt::Rtt,
    time::Time,
};

/// A held-back sender asks at least so often (PROTOCOL.md section 4).
const MOST_PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// Datagrams sent after the retransmission timeout until something is acknowledged (RFC 9002 section 6.2.4).
const TRIES: u8 = 2;
/// Less room than this makes pieces that are all overhead.
const LEAST_DATAGRAM: usize = 256;

/// The peer takes nothing: its first frame is repeated alone.
#[derive(Debug)]
struct HeldBack {
    interval: Duration,
    probe_at: Time,
}

#[derive(Debug)]
pub(crate) struct Sender {
    outgoing: Outgoing,
    flight: Flight,
    rtt: Rtt,
    congestion: Congestion,
    peer_window: u64,
    datagram: usize,
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
            outgoing: Outgoing::new(config.queue_cost, config.queue_frames),
            flight: Flight::default(),
            rtt: Rtt::new(config.loopback),
            congestion: Congestion::new(datagram, config.loopback, peer_window),
            peer_window: peer_window.into(),
            datagram,
            held_back: None,
            alarm_from: Time::ZERO,
            tries: None,
        }
    }

    pub(crate) fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }

    pub(crate) fn outgoing_mut(&mut self) -> &mut Outgoing {
        &mut self.outgoing
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
        self.outgoing.trim();
        self.flight.trim();
    }

    pub(crate) fn into_untaken(self) -> Vec<Bytes> {
        self.outgoing.into_untaken(self.flight.into_frames())
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
        self.outgoing.forget(newly.items as usize, newly.body_bytes as usize);
        self.outgoing.forget_cut(newly.cut);
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
        if !dropped {
            self.find_lost(newly.newest, now, stats);
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
            return frame.end <= self.most_end(number);
        }
        let cost = self.outgoing.next_cost(self.datagram);
        cost.is_some_and(|cost| self.flight.sent() + cost <= self.most_end(self.flight.last() + 1))
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
            if frame.end > self.most_end(number) || !packer.put(number, frame) {
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
            None => [self.alarm(), self.loss_at()].into_iter().flatten().min(),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Time, stats: &mut LinkStats) {
        if self.held_back.is_some() {
            return;
        }
        if self.loss_at().is_some_and(|loss| loss <= now) {
            self.find_lost(None, now, stats);
        }
        if self.alarm().is_none_or(|alarm| now < alarm) {
            return;
        }
        stats.expiries += 1;
        self.rtt.back_off();
        self.congestion.expired(self.flight.next_datagram(), self.tries.is_some());
        // What the peer keeps might be lost as well, if it has dropped it since (RFC 2018 section 8).
        self.flight.rewind();
        self.tries = Some(TRIES);
    }

    /// When the retransmission timeout expires.
    fn alarm(&self) -> Option<Time> {
        self.flight.awaits_acknowledgement().then(|| self.alarm_from + self.rtt.timeout())
    }

    /// When the oldest datagram counts as lost because a later one has arrived.
    fn loss_at(&self) -> Option<Time> {
        Some(self.flight.overtaken_since()? + self.rtt.patience())
    }

    fn find_lost(&mut self, newest: Option<u64>, now: Time, stats: &mut LinkStats) {
        if let Some(lost) = self.flight.find_lost(newest, now, self.rtt.patience()) {
            stats.reductions += u64::from(self.congestion.lost(lost, self.flight.next_datagram()));
        }
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
        let most_end = self.most_end(number);
        self.outgoing.next(packer.room(number), self.datagram, self.flight.sent(), most_end)
    }

    /// The windows allow frame `number` if the sum of costs with it is not above this. The frame behind the last one
    /// taken over is always within the peer's window: it takes no place among those kept for later.
    #[inline]
    fn most_end(&self, number: u64) -> u64 {
        if self.held_back.is_none() && self.flight.on_way() >= self.congestion.window() {
            0
        } else if number == self.flight.cumulative() + 1 {
            u64::MAX
        } else {
            self.flight.taken() + self.peer_window
        }
    }

    fn has_frames(&self) -> bool {
        self.outgoing.frames() > 0
    }
}

#[cfg(test)]
impl Sender {
    pub(crate) fn flight_cumulative(&self) -> u64 {
        self.flight.cumulative()
    }

    /// What must hold at any time.
    pub(crate) fn check(&self, now: Time) {
        self.flight.check();
        let idle = self.flight.is_empty() && self.outgoing.next_cost(self.datagram).is_none();
        assert_eq!(idle, self.outgoing.frames() == 0);
        assert!(!idle || self.outgoing.cost() == 0);
        let will_go_on = self.poll_timeout().is_some() || self.wants_transmit(now);
        assert!(idle || will_go_on, "frames are left, and nothing will happen");
    }
}
