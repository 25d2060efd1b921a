//! When something is due, doing it, and noticing that it is done late.

use std::time::Duration;

use gossiperl_link::Time;

use super::{Members, claim::Liveness, event::count, frame::MembersFrame, table::MemberId};

/// Timers later than this, or than a probe's timeout if that is longer, mean that we were not run.
const LATE: Duration = Duration::from_millis(200);
/// The local health score rises by one for each probe timeout of a stall, but by no more than this.
const STALL_SCORE: u128 = 4;

impl Members {
    /// When [`Members::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        [
            self.probes.next_timeout(),
            self.relays.next_timeout(),
            self.suspicions.next_timeout(),
            self.tombstones.next_timeout(),
            self.gossip_timeout(),
            self.seeds_timeout(),
            self.lost_timeout(),
            self.group_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does everything that is due.
    pub fn handle_timeout(&mut self, now: Time) {
        self.enter_time(now);
        self.advance_probes(now);
        self.advance_relays(now);
        self.advance_suspicions(now);
        self.advance_tombstones(now);
        self.advance_seeds(now);
        self.advance_lost(now);
        self.advance_group(now);
        self.advance_gossip(now);
    }

    /// To be called with every input: if the detector's own timers are late we were stalled. Nobody could answer or
    /// refute to us in that time, so it does not count (compare Lifeguard section III: slow message processing).
    pub(super) fn enter_time(&mut self, now: Time) {
        let Some(due) = self.probes.next_timeout() else { return };
        let late = now.since(due);
        let timeout = self.settings.detector.probe_timeout;
        if late <= LATE.max(timeout) {
            return;
        }
        count(&mut self.counters.stalls);
        let score = (late.as_micros() / timeout.as_micros().max(1)).clamp(1, STALL_SCORE);
        self.awareness.worsen(score as u32);
        self.own.heard = now;
        self.probes.shift(late);
        self.suspicions.shift(late);
    }

    fn seeds_timeout(&self) -> Option<Time> {
        if self.me().liveness == Liveness::Left { None } else { self.seeds.next_timeout() }
    }

    /// Declares failed whom nobody has heard refute.
    fn advance_suspicions(&mut self, now: Time) {
        while let Some(id) = self.suspicions.due(now) {
            // It answered us, so its refutation must be on its way; but not for ever.
            if self.suspicions.get(id).is_some_and(|suspicion| suspicion.answered && !suspicion.extended) {
                self.suspicions.change(id, |suspicion| suspicion.extend(now));
                self.hasten(now, id);
                continue;
            }
            self.declare_failed(now, id);
        }
    }

    fn declare_failed(&mut self, now: Time, id: MemberId) {
        count(&mut self.counters.failures);
        self.become_failed(now, id);
        let Some(member) = self.table.get(id) else { return };
        self.gossip.push(id);
        // If it lives it refutes at once.
        let (to, receiver) = (member.address(), *member.generation());
        let update = member.claim().to_update();
        self.send(to, Some(receiver), MembersFrame::Update(update));
    }
}
