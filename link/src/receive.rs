//! The receiving half: frames taken over in order, early ones kept within the window, acknowledgements when they are due.
//!
//! PROTOCOL.md section 4. What is kept for later, early frames and the pieces of a cut one, never costs more than
//! the receive window (or one largest frame, where the window is smaller than that).

use std::{collections::BTreeMap, time::Duration};

use gossiperl_idl::{
    acknowledgement::{Acknowledgement, MAX_RANGES},
    frame,
};

use crate::{
    FRAME_COST, LinkStats, Verdict, error::LinkError, fragment::Assembly, ranges::RangeSet, time::Time,
};

/// Longest acknowledgement frame without ranges, and what a range adds.
const BARE_ACKNOWLEDGEMENT: usize = 2 + 11 + 6 + 6 + 3 + 1 + 1 + 1;
const RANGE: usize = 20;

/// A frame that came before its turn.
#[derive(Debug)]
struct Early {
    kind: u8,
    body: Box<[u8]>,
}

#[derive(Debug)]
pub(crate) struct Receiver {
    window: u32,
    ack_delay: Duration,
    /// Number of the next numbered frame to come in; 0 before the first Run.
    run: u64,
    /// Number of the next frame to be taken over.
    next: u64,
    early: BTreeMap<u64, Early>,
    early_numbers: RangeSet,
    early_cost: u64,
    assembly: Assembly,
    /// The sink said `Hold`: everything is dropped until the release.
    holding: bool,
    /// Frames were dropped in a hold, and the peer has not been told to send them again. Told once: if that gets lost,
    /// its probe or its timeout says the same, and told twice it would send them twice.
    rewind: bool,
    /// When an acknowledgement is due.
    due: Option<Time>,
    /// Cost of the frames taken over since the last acknowledgement.
    unreported: u64,
    newest_arrival: Time,
}

impl Receiver {
    pub(crate) fn new(window: u32, ack_delay: Duration) -> Self {
        Receiver {
            window: window.clamp(1, i32::MAX as u32),
            ack_delay,
            run: 0,
            next: 1,
            early: BTreeMap::new(),
            early_numbers: RangeSet::default(),
            early_cost: 0,
            assembly: Assembly::default(),
            holding: false,
            rewind: false,
            due: None,
            unreported: 0,
            newest_arrival: Time::ZERO,
        }
    }

    pub(crate) fn handle_run(&mut self, first: u64) {
        self.run = first;
    }

    #[inline]
    pub(crate) fn handle_numbered(
        &mut self,
        now: Time,
        kind: u8,
        body: &[u8],
        sink: &mut impl FnMut(u8, &[u8]) -> Verdict,
        stats: &mut LinkStats,
    ) -> Result<(), LinkError> {
        if self.run == 0 {
            return Err(LinkError::NoRun);
        }
        if !frame::is_numbered(kind) {
            return Err(LinkError::NotNumbered(kind));
        }
        let number = self.run;
        self.run = number.saturating_add(1);
        self.newest_arrival = now;
        if self.holding {
            stats.held += 1;
            self.due = Some(now);
            return Ok(());
        }
        if number != self.next {
            self.handle_out_of_order(now, number, kind, body, stats);
            return Ok(());
        }
        let result = self.offer(now, kind, body, sink, stats);
        if self.early.is_empty() { result } else { result.and(self.offer_early(now, sink, stats)) }
    }

    /// The sink can take frames again.
    pub(crate) fn release(&mut self, now: Time) {
        if std::mem::take(&mut self.holding) {
            self.rewind = true;
            self.due = Some(now);
        }
    }

    pub(crate) fn is_holding(&self) -> bool {
        self.holding
    }

    /// What is kept for later, as cost.
    pub(crate) fn kept_cost(&self) -> usize {
        self.early_cost as usize + self.assembly.len()
    }

    pub(crate) fn due(&self) -> Option<Time> {
        self.due
    }

    pub(crate) fn trim(&mut self) {
        self.early_numbers.trim();
    }

    /// Appends an acknowledgement, with as many ranges as fit. False, and nothing appended, if none fits.
    pub(crate) fn acknowledge(&mut self, now: Time, out: &mut Vec<u8>, limit: usize) -> bool {
        let room = limit.saturating_sub(out.len());
        if room < BARE_ACKNOWLEDGEMENT {
            return false;
        }
        let most = ((room - BARE_ACKNOWLEDGEMENT) / RANGE).min(MAX_RANGES);
        let mut acknowledgement = Acknowledgement {
            cumulative: self.next - 1,
            window: self.advertised(),
            delay_us: now.since(self.newest_arrival).as_micros().try_into().unwrap_or(u32::MAX),
            rewind: std::mem::take(&mut self.rewind),
            ..Acknowledgement::default()
        };
        for range in self.early_numbers.iter().take(most) {
            acknowledgement.ranges.push(range.clone());
        }
        frame::put_with(frame::ACKNOWLEDGEMENT, out, |out| acknowledgement.write(out));
        self.due = None;
        self.unreported = 0;
        true
    }

    /// 0 is for holding alone, so that a window used up by pieces does not stop the rest of their frame.
    fn advertised(&self) -> u32 {
        if self.holding { 0 } else { self.window.saturating_sub(self.assembly.len() as u32).max(1) }
    }

    /// Offers the next frame in order to the sink, and takes it over unless the sink holds.
    #[inline]
    fn offer(
        &mut self,
        now: Time,
        kind: u8,
        body: &[u8],
        sink: &mut impl FnMut(u8, &[u8]) -> Verdict,
        stats: &mut LinkStats,
    ) -> Result<(), LinkError> {
        let (verdict, result) = if kind == frame::FRAGMENT {
            self.join(body, sink)
        } else {
            let unfinished = self.assembly.len() > 0 && self.assembly.clear();
            let result = if unfinished { Err(LinkError::FragmentUnfinished) } else { Ok(()) };
            (sink(kind, body), result)
        };
        if verdict == Verdict::Hold {
            self.hold(now, stats);
            return result;
        }
        stats.received += 1;
        self.next += 1;
        self.unreported += cost(body);
        let quarter_used = self.unreported * 4 >= u64::from(self.window);
        if quarter_used || self.due.is_none() {
            self.due = Some(if quarter_used { now } else { now + self.ack_delay });
        }
        result
    }

    fn join(
        &mut self,
        body: &[u8],
        sink: &mut impl FnMut(u8, &[u8]) -> Verdict,
    ) -> (Verdict, Result<(), LinkError>) {
        let before = self.assembly.len();
        match self.assembly.add(body) {
            Err(error) => (Verdict::Taken, Err(error)),
            Ok(None) => (Verdict::Taken, Ok(())),
            Ok(Some(kind)) => {
                let verdict = sink(kind, self.assembly.bytes());
                match verdict {
                    Verdict::Taken => drop(self.assembly.clear()),
                    Verdict::Hold => self.assembly.truncate(before),
                }
                (verdict, Ok(()))
            }
        }
    }

    /// Offers the early frames whose turn has come.
    fn offer_early(
        &mut self,
        now: Time,
        sink: &mut impl FnMut(u8, &[u8]) -> Verdict,
        stats: &mut LinkStats,
    ) -> Result<(), LinkError> {
        let mut result = Ok(());
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() == self.next) {
            let early = entry.remove();
            self.early_cost -= cost(&early.body);
            self.early_numbers.remove_below(self.next + 1);
            result = result.and(self.offer(now, early.kind, &early.body, sink, stats));
            if self.holding {
                break;
            }
        }
        // A gap was there, and the sender wants to know that it is filled, or that the next one is not.
        self.due = Some(now);
        result
    }

    fn hold(&mut self, now: Time, stats: &mut LinkStats) {
        stats.held += 1 + self.early.len() as u64;
        self.early.clear();
        self.early_numbers.clear();
        self.early_cost = 0;
        self.holding = true;
        self.due = Some(now);
    }

    #[cold]
    fn handle_out_of_order(&mut self, now: Time, number: u64, kind: u8, body: &[u8], stats: &mut LinkStats) {
        self.due = Some(now);
        if number < self.next || self.early.contains_key(&number) {
            stats.duplicates += 1;
            return;
        }
        // A frame costs at least FRAME_COST, so honest senders are never further ahead.
        let room = u64::from(self.advertised());
        let too_far = number - self.next > room / FRAME_COST;
        if too_far || self.early_cost + cost(body) > room {
            stats.beyond_window += 1;
            return;
        }
        self.early_cost += cost(body);
        self.early_numbers.insert(number..number + 1, |_| {});
        self.early.insert(number, Early { kind, body: body.into() });
    }
}

fn cost(body: &[u8]) -> u64 {
    body.len() as u64 + FRAME_COST
}

#[cfg(test)]
impl Receiver {
    /// What must hold at any time.
    pub(crate) fn check(&self) {
        assert_eq!(self.early_cost, self.early.values().map(|early| cost(&early.body)).sum::<u64>());
        assert!(self.early.keys().copied().eq(self.early_numbers.iter().cloned().flatten()));
        assert!(self.early.keys().all(|&number| number > self.next));
        assert!(!self.holding || self.early.is_empty());
    }
}
