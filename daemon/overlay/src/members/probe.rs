//! Probing: direct pings, then pings through others, then an accusation (SWIM section 4.1, Lifeguard section IV.A).
//!
//! A probe's time runs from its first ping to `min(probe_every, 3 * probe_timeout)`. The direct ping is repeated each
//! half `probe_timeout`, after a whole one three others are asked to ping in our place. All times stretch with our
//! local health score. An acknowledgement of any of the pings ends the probe well.
//!
//! Besides the one member of each period, a member may be probed at once for a reason (a suspicion heard of, a conflict):
//! never more than [`MAX_PROBES`] at a time.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use gossiperl_idl::{
    Salt,
    generated::{Ping, PingRequest},
};
use gossiperl_link::Time;
use rand::Rng;

use super::{
    Members,
    claim::{Liveness, address_bytes},
    event::count,
    frame::MembersFrame,
    spread::update_in_turn,
    suspicion::probe_span,
    table::{Member, MemberId},
};

/// Probes at a time. A period's own probe ends before the next begins, the others are extra.
const MAX_PROBES: usize = 8;
/// Members waiting for an extra probe; beyond it they wait for their turn in the round.
const MAX_SOON: usize = 64;
/// Periods without a datagram of any member after which we take ourselves for cut off from all.
const CUT_OFF_PERIODS: u32 = 10;
/// Helpers asked at most, whatever the configuration says: their answers are bits of a word.
const MAX_HELPERS: usize = 32;

/// Running probes, and what decides the next.
#[derive(Debug, Default)]
pub(super) struct Probes {
    running: Vec<Probe>,
    soon: VecDeque<MemberId>,
    /// When the next period begins; `None` while there is nobody to probe.
    pub(super) next_period: Option<Time>,
    sequence: u32,
}

#[derive(Debug)]
struct Probe {
    target: MemberId,
    generation: Salt,
    sequence: u32,
    began: Time,
    /// When something is to be done next; never after `end`.
    next: Time,
    end: Time,
    /// Half a probe timeout, as stretched when the probe began.
    half: Duration,
    /// Pings sent.
    pings: u32,
    helpers: Vec<Salt>,
    /// One bit for each helper that said that it had no success either.
    nacks: u32,
    /// The system said that nobody listens there.
    unreachable: bool,
    /// It was answered with a challenge and we introduced ourselves.
    challenged: bool,
}

impl Probes {
    /// A number for a ping of ours, not used for a long time before. Never negative on the wire.
    pub(super) fn next_sequence(&mut self) -> i32 {
        self.sequence = (self.sequence + 1) & i32::MAX as u32;
        self.sequence as i32
    }

    pub(super) fn next_timeout(&self) -> Option<Time> {
        self.running.iter().map(|probe| probe.next).chain(self.next_period).min()
    }

    /// Ends all probing for good.
    pub(super) fn stop(&mut self) {
        self.running.clear();
        self.soon.clear();
        self.next_period = None;
    }

    /// Ends what concerns this member's run.
    pub(super) fn forget(&mut self, id: MemberId) {
        self.running.retain(|probe| probe.target != id);
        self.soon.retain(|&soon| soon != id);
    }

    /// Moves everything by a stall of ours.
    pub(super) fn shift(&mut self, by: Duration) {
        for probe in &mut self.running {
            (probe.next, probe.end) = (probe.next + by, probe.end + by);
        }
        self.next_period = self.next_period.map(|time| time + by);
    }

    fn of(&self, id: MemberId) -> Option<usize> {
        self.running.iter().position(|probe| probe.target == id)
    }
}

impl Members {
    /// Begins the periods, at a random phase, once there is somebody to probe.
    pub(super) fn start_probing(&mut self, now: Time) {
        if self.probes.next_period.is_none() && self.me().liveness != Liveness::Left {
            let phase = self.rng.random_range(0.0..1.0);
            self.probes.next_period = Some(now + self.settings.detector.probe_every.mul_f64(phase));
        }
    }

    /// Probes a member at once, or as soon as there is a place.
    pub(super) fn hasten(&mut self, now: Time, id: MemberId) {
        if self.me().liveness == Liveness::Left || id == MemberId::ME {
            return;
        }
        if self.probes.running.len() < MAX_PROBES {
            self.start_probe(now, id);
        } else if self.probes.soon.len() < MAX_SOON && !self.probes.soon.contains(&id) {
            self.probes.soon.push_back(id);
        }
    }

    /// Does what is due.
    pub(super) fn advance_probes(&mut self, now: Time) {
        if self.probes.next_period.is_some_and(|time| time <= now) {
            let every = self.settings.detector.probe_every;
            // Whoever hears nobody at all is cut off, rather than slow: it finds out soon, however long the list.
            let cut_off = now.since(self.own.heard) > every * CUT_OFF_PERIODS;
            let every = if cut_off { every } else { self.awareness.scale(every) };
            self.probes.next_period = (self.lists.live() > 0).then_some(now + every);
            for _ in 0..if cut_off { MAX_PROBES } else { 1 } {
                if let Some(id) = self.lists.next(&mut self.table, &mut self.rng) {
                    self.start_probe(now, id);
                }
            }
        }
        while let Some(index) = self.probes.running.iter().position(|probe| probe.next <= now) {
            self.advance_probe(now, index);
        }
        while self.probes.running.len() < MAX_PROBES
            && let Some(id) = self.probes.soon.pop_front()
        {
            self.start_probe(now, id);
        }
    }

    /// The member's address does not answer, or as another run: its direct probe has failed, nothing more is proven.
    pub(super) fn fail_direct(&mut self, now: Time, id: MemberId) {
        let Some(index) = self.probes.of(id) else { return };
        let Some(probe) = self.probes.running.get_mut(index) else { return };
        if std::mem::replace(&mut probe.unreachable, true) {
            return;
        }
        if probe.helpers.is_empty() {
            self.ask_helpers(index);
        }
        self.end_if_hopeless(now, index);
    }

    /// An acknowledgement of a probe of ours: from the member itself, or from one that we asked.
    pub(super) fn probe_acknowledged(&mut self, now: Time, generation: &Salt, sequence: i32) -> bool {
        let found = self.probes.running.iter().position(|probe| {
            probe.sequence as i32 == sequence
                && (probe.generation == *generation || probe.helpers.contains(generation))
        });
        let Some(index) = found else { return false };
        let probe = self.probes.running.swap_remove(index);
        if probe.pings == 1 && !probe.challenged && probe.generation == *generation {
            let elapsed = now.since(probe.began);
            // Longer ones would have been repeated: we were not run.
            if elapsed <= probe.half {
                self.measured(probe.target, elapsed);
            }
        }
        self.awareness.improve();
        self.suspicions.change(probe.target, |suspicion| suspicion.answered = true);
        true
    }

    /// A helper lives and had no success so far.
    pub(super) fn probe_refused(&mut self, now: Time, generation: &Salt, sequence: i32) {
        let found = self.probes.running.iter().position(|probe| probe.sequence as i32 == sequence);
        let Some(index) = found else { return };
        let Some(probe) = self.probes.running.get_mut(index) else { return };
        if let Some(helper) = probe.helpers.iter().position(|helper| helper == generation) {
            probe.nacks |= 1 << helper;
            self.end_if_hopeless(now, index);
        }
    }

    /// The probed daemon did not know us, and has our introduction now: ping it again, once.
    pub(super) fn probe_challenged(&mut self, address: SocketAddr, generation: &Salt) {
        let found = self.probes.running.iter_mut().position(|probe| probe.generation == *generation);
        let Some(probe) = found.and_then(|index| self.probes.running.get_mut(index)) else { return };
        if !std::mem::replace(&mut probe.challenged, true) {
            let frame = Ping { sequence: probe.sequence as i32, root: self.root };
            self.send(address, Some(*generation), MembersFrame::Ping(frame));
        }
    }

    fn start_probe(&mut self, now: Time, id: MemberId) {
        let Some(member) = self.table.get(id).filter(|member| member.liveness.is_live()) else { return };
        if self.probes.running.len() >= MAX_PROBES || self.probes.of(id).is_some() {
            return;
        }
        let generation = *member.generation();
        let detector = &self.settings.detector;
        let whole = probe_span(detector);
        let half = self.awareness.scale(detector.probe_timeout) / 2;
        let end = now + self.awareness.scale(whole).max(Duration::from_millis(1));
        let sequence = self.probes.next_sequence() as u32;
        count(&mut self.counters.probes);
        self.probes.running.push(Probe {
            target: id,
            generation,
            sequence,
            began: now,
            next: now,
            end,
            // Whatever the configuration says, pings do not come in a flood.
            half: half.max(whole / 16).max(Duration::from_millis(1)),
            pings: 0,
            helpers: Vec::new(),
            nacks: 0,
            unreachable: false,
            challenged: false,
        });
        self.advance_probe(now, self.probes.running.len() - 1);
    }

    fn advance_probe(&mut self, now: Time, index: usize) {
        let Some(probe) = self.probes.running.get_mut(index) else { return };
        if now >= probe.end {
            self.fail_probe(now, index);
            return;
        }
        let ask = probe.pings == 2 && probe.helpers.is_empty();
        probe.pings += 1;
        probe.next = (now + probe.half).min(probe.end);
        let (id, sequence) = (probe.target, probe.sequence as i32);
        self.ping(id, sequence);
        if ask {
            self.ask_helpers(index);
        }
    }

    /// Pings a member; a suspect is told so in the same datagram (Lifeguard's buddy system).
    fn ping(&mut self, id: MemberId, sequence: i32) {
        let Some(member) = self.table.get(id) else { return };
        let (to, receiver) = (member.address(), Some(*member.generation()));
        if let Some(suspicion) = self.suspicions.get(id) {
            let update = update_in_turn(member, Some(suspicion), 0);
            self.send(to, receiver, MembersFrame::Update(update));
        }
        self.send(to, receiver, MembersFrame::Ping(Ping { sequence, root: self.root }));
    }

    fn ask_helpers(&mut self, index: usize) {
        let Some(probe) = self.probes.running.get(index) else { return };
        let wanted = self.settings.detector.indirect_probes.min(MAX_HELPERS);
        let helpers = self.lists.pick_any(&mut self.rng, wanted, Some(probe.target));
        let Some(address) = self.table.get(probe.target).map(Member::address) else { return };
        let request = PingRequest {
            sequence: probe.sequence as i32,
            target_generation: probe.generation.0.to_vec(),
            ip: address_bytes(address.ip()),
            port: i32::from(address.port()),
        };
        let mut asked = Vec::with_capacity(helpers.len());
        for id in helpers {
            let Some(helper) = self.table.get(id) else { continue };
            let (to, generation) = (helper.address(), *helper.generation());
            asked.push(generation);
            self.send(to, Some(generation), MembersFrame::PingRequest(request.clone()));
        }
        if let Some(probe) = self.probes.running.get_mut(index) {
            probe.helpers = asked;
        }
    }

    /// Ends a probe early where the address is dead for us and for all that we asked.
    fn end_if_hopeless(&mut self, now: Time, index: usize) {
        let hopeless = self.probes.running.get(index).is_some_and(|probe| {
            probe.unreachable && probe.nacks.count_ones() as usize == probe.helpers.len()
        });
        if hopeless {
            self.fail_probe(now, index);
        }
    }

    /// Neither the member nor a helper answered: an accusation, unless the helpers' silence tells against us.
    fn fail_probe(&mut self, now: Time, index: usize) {
        let probe = self.probes.running.swap_remove(index);
        count(&mut self.counters.probes_failed);
        if !probe.unreachable {
            let silent = (probe.helpers.len() as u32).saturating_sub(probe.nacks.count_ones());
            self.awareness.worsen(if probe.helpers.is_empty() { 1 } else { silent });
        }
        let Some(member) = self.table.get(probe.target) else { return };
        if *member.generation() != probe.generation || !member.liveness.is_live() {
            return;
        }
        count(&mut self.counters.accusations);
        let accuser = self.me().name().clone();
        let news = if member.liveness == Liveness::Suspect {
            self.confirm(probe.target, &accuser)
        } else {
            self.become_suspect(now, probe.target, &accuser);
            true
        };
        if news {
            self.gossip.push(probe.target);
        }
        // An accuser keeps asking, and telling the suspect, until the suspicion has ended; not one of an address that
        // the system says nobody listens at, which would go round as fast as it says so.
        if !probe.unreachable {
            self.hasten(now, probe.target);
        }
    }
}
