//! Frames that were sent and are not known to be taken over, and the datagrams they went out in.
//!
//! A frame is on its way in one datagram at most; it is *waiting* when that datagram counts as lost, and *kept* when the
//! peer holds it out of order. Send times and loss are kept per datagram, so a datagram of 250 small frames costs one
//! entry. Datagrams are lost in the order of sending (RFC 9002 section 6.1): each is looked
//! at once when it leaves the list, so everything here costs time in proportion to frames sent, never to the window.
//!
//! Numbers, not datagrams, are acknowledged, so an acknowledgement of a frame sent twice does not say which of the two
//! arrived. It gives no round trip (Karn), and counts for its datagram only if a round trip has passed since
//! (RFC 8985 section 6.2, step 2).

use std::{collections::VecDeque, ops::Range, time::Duration};

use bytes::Bytes;

use crate::{ranges::RangeSet, time::Time};

/// A datagram is lost when one sent so many later has arrived (RFC 9002 section 6.1.1); or when any later one has, and
/// enough time has passed (6.1.2).
const PACKET_THRESHOLD: u64 = 3;
const WAITING: u64 = u64::MAX;
const KEPT: u64 = u64::MAX - 1;

/// Which part of a frame this is, where it was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) total: u32,
    pub(crate) offset: u32,
}

/// A numbered frame.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) body: Bytes,
    /// Sum of the costs of all frames up to and with this one.
    pub(crate) end: u64,
    /// Datagram it is on its way in, `WAITING` or `KEPT`.
    datagram: u64,
    pub(crate) piece: Option<Piece>,
    pub(crate) kind: u8,
    pub(crate) control: bool,
    resent: bool,
}

impl Sent {
    pub(crate) fn new(kind: u8, control: bool, piece: Option<Piece>, body: Bytes, end: u64) -> Self {
        Sent { body, end, datagram: WAITING, piece, kind, control, resent: false }
    }

    /// Bytes on the wire, nearly; never zero.
    fn size(&self) -> u64 {
        self.body.len() as u64 + 4
    }

    /// Length of the whole frame's body, where this is the frame or its last piece.
    pub(crate) fn completes(&self) -> Option<u64> {
        match self.piece {
            None => Some(self.body.len() as u64),
            Some(piece) => (piece.offset as usize + self.body.len() == piece.total as usize)
                .then_some(piece.total.into()),
        }
    }
}

/// A datagram some frames of which are on their way.
#[derive(Debug)]
struct Datagram {
    sent: Time,
    /// Bytes of those frames.
    on_way: u64,
    /// How many of `runs` are this datagram's.
    runs: u32,
}

/// What an acknowledgement newly acknowledges.
#[derive(Debug, Default)]
pub(crate) struct Newly {
    /// Frames and pieces, taken over or kept.
    pub(crate) frames: u64,
    /// Bytes of those that were on their way.
    pub(crate) bytes: u64,
    /// Whole frames taken over …
    pub(crate) items: u64,
    /// … of them, those that are not control frames.
    pub(crate) messages: u64,
    /// … and of them, those that were cut.
    pub(crate) cut: u64,
    /// Sum of the bodies' lengths of `items`.
    pub(crate) body_bytes: u64,
    /// The newest datagram that a frame sent only once was in, and when it was sent.
    pub(crate) clean: Option<(u64, Time)>,
    /// The newest datagram that arrived for certain.
    pub(crate) newest: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Flight {
    frames: VecDeque<Sent>,
    /// Frames up to and with this number are taken over.
    cumulative: u64,
    /// Sums of the costs of frames taken over, and of frames sent.
    taken: u64,
    sent: u64,
    on_way: u64,
    datagrams: VecDeque<Datagram>,
    first_datagram: u64,
    /// Frames of `datagrams`, in the same order; a frame counts only for the datagram it names.
    runs: VecDeque<Range<u64>>,
    kept: RangeSet,
    waiting: RangeSet,
    newest: u64,
}

impl Flight {
    pub(crate) fn cumulative(&self) -> u64 {
        self.cumulative
    }

    /// Number of the last frame sent.
    pub(crate) fn last(&self) -> u64 {
        self.cumulative + self.frames.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes of frames on their way.
    pub(crate) fn on_way(&self) -> u64 {
        self.on_way
    }

    /// Sum of the costs of all frames sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Sum of the costs of frames taken over.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Number the next datagram gets.
    pub(crate) fn next_datagram(&self) -> u64 {
        self.first_datagram + self.datagrams.len() as u64
    }

    /// The waiting frame that was sent first.
    pub(crate) fn first_waiting(&self) -> Option<(u64, &Sent)> {
        let number = self.waiting.first()?;
        Some((number, self.frames.get(self.index(number))?))
    }

    /// All frames that are not taken over, oldest first.
    pub(crate) fn into_frames(self) -> impl Iterator<Item = Sent> {
        self.frames.into_iter()
    }

    /// Adds a frame, as waiting; its number is the new [`last`](Self::last).
    pub(crate) fn push(&mut self, frame: Sent) {
        self.sent = frame.end;
        self.frames.push_back(frame);
    }

    /// The last frame pushed waits: it was sent in no datagram that counts.
    pub(crate) fn wait_for_last(&mut self) {
        let last = self.last();
        self.waiting.insert(last..last + 1, |_| {});
    }

    pub(crate) fn start_datagram(&mut self, now: Time) {
        self.datagrams.push_back(Datagram { sent: now, on_way: 0, runs: 0 });
    }

    /// Frame `number` goes out in the datagram started last.
    pub(crate) fn put_in_datagram(&mut self, number: u64) {
        let newest = self.next_datagram().wrapping_sub(1);
        let index = self.index(number);
        let (Some(frame), Some(datagram)) = (self.frames.get_mut(index), self.datagrams.back_mut()) else {
            return;
        };
        frame.datagram = newest;
        datagram.on_way += frame.size();
        self.on_way += frame.size();
        match self.runs.back_mut() {
            Some(run) if datagram.runs > 0 && run.end == number => run.end += 1,
            _ => {
                self.runs.push_back(number..number + 1);
                datagram.runs += 1;
            }
        }
    }

    /// As [`put_in_datagram`](Self::put_in_datagram), for a frame that waited.
    pub(crate) fn put_again(&mut self, number: u64) {
        self.waiting.remove_below(number + 1);
        if let Some(frame) = self.frame_mut(number) {
            frame.resent = true;
        }
        self.put_in_datagram(number);
    }

    /// All frames up to and with `cumulative` are taken over.
    pub(crate) fn take_over(&mut self, cumulative: u64, now: Time, least_rtt: Duration, newly: &mut Newly) {
        while self.cumulative < cumulative {
            let Some(frame) = self.frames.pop_front() else { break };
            self.cumulative += 1;
            self.taken = frame.end;
            self.arrived(frame.datagram, frame.resent, frame.size(), now, least_rtt, newly);
            if let Some(length) = frame.completes() {
                newly.items += 1;
                newly.messages += u64::from(!frame.control);
                newly.cut += u64::from(frame.piece.is_some());
                newly.body_bytes += length;
            }
        }
        self.kept.remove_below(cumulative + 1);
        self.waiting.remove_below(cumulative + 1);
    }

    /// The peer keeps these frames for later.
    pub(crate) fn keep(&mut self, range: Range<u64>, now: Time, least_rtt: Duration, newly: &mut Newly) {
        let range = range.start.max(self.cumulative + 1)..range.end.min(self.last() + 1);
        let mut kept = std::mem::take(&mut self.kept);
        kept.insert(range, |added| {
            for number in added.clone() {
                let Some(frame) = self.frame_mut(number) else { break };
                let (datagram, resent, size) = (frame.datagram, frame.resent, frame.size());
                frame.datagram = KEPT;
                self.arrived(datagram, resent, size, now, least_rtt, newly);
            }
            self.waiting.remove(added);
        });
        self.kept = kept;
    }

    /// A frame that was in this datagram has arrived.
    #[inline]
    fn arrived(
        &mut self,
        datagram: u64,
        resent: bool,
        size: u64,
        now: Time,
        least_rtt: Duration,
        newly: &mut Newly,
    ) {
        if datagram == KEPT {
            return;
        }
        newly.frames += 1;
        if datagram == WAITING {
            return;
        }
        let Some(entry) = self.datagrams.get_mut(datagram.wrapping_sub(self.first_datagram) as usize) else {
            return;
        };
        entry.on_way -= size;
        self.on_way -= size;
        newly.bytes += size;
        if !resent && newly.clean.is_none_or(|(newest, _)| newest < datagram) {
            newly.clean = Some((datagram, entry.sent));
        }
        if newly.newest < Some(datagram) && (!resent || now.since(entry.sent) >= least_rtt) {
            newly.newest = Some(datagram);
        }
    }

    /// Datagram `newest` has arrived, if any has. Declares datagrams lost that others have overtaken, either three of them
    /// or `patience` ago, whose frames then wait. Returns the newest lost one.
    pub(crate) fn find_lost(&mut self, newest: Option<u64>, now: Time, patience: Duration) -> Option<u64> {
        self.newest = self.newest.max(newest.unwrap_or(0));
        let mut lost = None;
        while let Some(datagram) = self.datagrams.front() {
            if datagram.on_way > 0 {
                let passed_over = self.first_datagram + PACKET_THRESHOLD <= self.newest;
                let late = self.first_datagram < self.newest && datagram.sent + patience <= now;
                if !passed_over && !late {
                    break;
                }
                lost = Some(self.first_datagram);
            }
            self.drop_datagram();
        }
        lost
    }

    /// When the oldest datagram was sent, if a newer one has arrived before it.
    pub(crate) fn overtaken_since(&self) -> Option<Time> {
        let datagram = self.datagrams.front()?;
        (datagram.on_way > 0 && self.first_datagram < self.newest).then_some(datagram.sent)
    }

    /// Nothing is on its way any more: every frame the peer does not keep waits.
    pub(crate) fn lose_all(&mut self) {
        while !self.datagrams.is_empty() {
            self.drop_datagram();
        }
    }

    /// The peer dropped everything beyond `cumulative`: all of it waits.
    pub(crate) fn rewind(&mut self) {
        self.lose_all();
        for range in std::mem::take(&mut self.kept).iter() {
            for number in range.clone() {
                if let Some(frame) = self.frame_mut(number) {
                    frame.datagram = WAITING;
                }
            }
            self.waiting.insert(range.clone(), |_| {});
        }
    }

    /// Gives spare memory back.
    pub(crate) fn trim(&mut self) {
        self.frames.shrink_to_fit();
        self.datagrams.shrink_to_fit();
        self.runs.shrink_to_fit();
        self.kept.trim();
        self.waiting.trim();
    }

    /// Whether something is sent and neither waits nor is known to have arrived, or all of it is said to have arrived.
    pub(crate) fn awaits_acknowledgement(&self) -> bool {
        !self.frames.is_empty() && (self.on_way > 0 || self.waiting.is_empty())
    }

    /// Whether the peer once kept the frame behind the last one it took over: then it has dropped it since.
    pub(crate) fn is_first_kept(&self) -> bool {
        self.kept.first() == Some(self.cumulative + 1)
    }

    fn index(&self, number: u64) -> usize {
        number.wrapping_sub(self.cumulative + 1) as usize
    }

    fn frame_mut(&mut self, number: u64) -> Option<&mut Sent> {
        self.frames.get_mut(number.wrapping_sub(self.cumulative + 1) as usize)
    }

    /// Takes the oldest datagram off the list; its frames that are still on their way in it wait.
    fn drop_datagram(&mut self) {
        let Some(datagram) = self.datagrams.pop_front() else { return };
        let id = self.first_datagram;
        self.first_datagram += 1;
        self.on_way -= datagram.on_way;
        for _ in 0..datagram.runs {
            let Some(run) = self.runs.pop_front() else { return };
            if datagram.on_way == 0 {
                continue;
            }
            // Frames that arrived, or went out again since, split the run.
            let mut waits = run.start.max(self.cumulative + 1)..run.end;
            while !waits.is_empty() {
                let start = waits.start;
                let lost = waits.find(|&number| !self.lose(number, id)).unwrap_or(run.end);
                self.waiting.insert(start..lost, |_| {});
            }
        }
    }

    /// The frame waits, if it is on its way in this datagram; says whether it is.
    fn lose(&mut self, number: u64, datagram: u64) -> bool {
        let frame = self.frame_mut(number).filter(|frame| frame.datagram == datagram);
        frame.map(|frame| frame.datagram = WAITING).is_some()
    }
}

#[cfg(test)]
impl Flight {
    /// What must hold at any time.
    pub(crate) fn check(&self) {
        let mut on_way = vec![0; self.datagrams.len()];
        let mut end = self.taken;
        for (number, frame) in (self.cumulative + 1..).zip(&self.frames) {
            let is_in = |set: &RangeSet| set.iter().any(|range| range.contains(&number));
            assert_eq!(is_in(&self.waiting), frame.datagram == WAITING, "frame {number} waits");
            assert_eq!(is_in(&self.kept), frame.datagram == KEPT, "frame {number} is kept");
            if frame.datagram < KEPT {
                on_way[(frame.datagram - self.first_datagram) as usize] += frame.size();
            }
            assert!(frame.end > end, "costs add up");
            end = frame.end;
        }
        assert_eq!(end, self.sent);
        assert!(self.datagrams.iter().map(|datagram| datagram.on_way).eq(on_way.iter().copied()));
        assert_eq!(self.on_way, on_way.iter().sum::<u64>());
        assert_eq!(
            self.runs.len(),
            self.datagrams.iter().map(|datagram| datagram.runs as usize).sum::<usize>()
        );
        let last = self.waiting.iter().chain(self.kept.iter()).map(|range| range.end).max();
        assert!(last.is_none_or(|end| end <= self.last() + 1));
    }
}
