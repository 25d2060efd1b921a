//! What comes in from other daemons: authenticated, not replayed, and still perhaps absurd.

use std::{net::SocketAddr, time::Duration};

use gossiperl_idl::{
    Salt, code,
    generated::{MemberUpdate, PingAck, PingRequest, Refusal},
};
use gossiperl_link::Time;

use super::{
    MAX_MET, Members,
    claim::{Claim, Liveness, canonical},
    frame::MembersFrame,
    merge::{Merged, Source},
    table::MemberId,
};

/// A daemon that does not accept what we know of it is told so at most once in this time.
const NOTICE_EVERY: Duration = Duration::from_millis(500);

impl Members {
    /// A frame of a daemon whose present generation is known, in a datagram addressed to our generation; an
    /// introduction or refusal: of any.
    pub fn handle_frame(&mut self, now: Time, generation: &Salt, from: SocketAddr, frame: &MembersFrame) {
        match frame {
            MembersFrame::Update(update) => self.handle_update(now, update),
            MembersFrame::Introduction(body) => {
                self.handle_introduction(now, from, generation, &body.member, body.answer);
            }
            MembersFrame::Ping(ping) => self.handle_ping(now, generation, from, ping.sequence),
            MembersFrame::PingRequest(request) => self.handle_ping_request(now, generation, from, request),
            MembersFrame::PingAck(ack) => self.handle_ping_ack(now, generation, from, ack.sequence, ack.root),
            MembersFrame::PingNack(nack) => self.handle_ping_nack(now, generation, from, nack.sequence),
            MembersFrame::Refusal(refusal) => self.handle_refusal(now, from, refusal.code),
        }
    }

    /// News about a member, passed on as gossip.
    pub fn handle_update(&mut self, now: Time, update: &MemberUpdate) {
        self.take_update(now, update, Source::Gossip);
    }

    /// A member as another daemon's table has it, found by repair.
    pub fn handle_repair(&mut self, now: Time, update: &MemberUpdate) {
        self.take_update(now, update, Source::Repair);
    }

    /// First contact, or its answer: a daemon speaks of itself, under the `generation` that sealed the datagram.
    pub fn handle_introduction(
        &mut self,
        now: Time,
        from: SocketAddr,
        generation: &Salt,
        update: &MemberUpdate,
        answer: bool,
    ) {
        self.enter_time(now);
        let from = canonical(from);
        let Ok(claim) = Claim::read(update) else { return self.malformed() };
        if claim.generation != *generation || claim.liveness != Liveness::Alive {
            return self.malformed();
        }
        if self.me().liveness == Liveness::Left {
            return;
        }
        if generation == self.me().generation() {
            self.seeds.is_us(&from);
            return;
        }
        let before = self.table.by_address(&claim.address);
        let merged = self.merge(now, &claim, Source::Itself);
        match merged {
            Merged::News(_) | Merged::Known => {}
            // A second daemon of our own name, while we are alive.
            Merged::Own => return self.refuse(from, *generation, code::NAME_CONFLICT, claim.name),
            Merged::Conflict(_) => return self.refuse(from, *generation, code::NAME_CONFLICT, claim.name),
            Merged::NoRoom => return self.refuse(from, *generation, code::TOO_MANY_MEMBERS, claim.name),
            Merged::Stale(id) => return self.correct(now, id, from, *generation, answer),
        }
        // Whoever lived there under another name has made place for this one.
        if let Some(before) = before.filter(|&id| self.table.by_generation(generation) != Some(id)) {
            self.hasten(now, before);
            self.fail_direct(now, before);
        }
        self.heard_from(now, generation, from);
        let sought = self.seeds.is_asked(&from);
        let round_trip = self.seeds.answered(now, &from, *generation);
        if let (Some(round_trip), Some(id)) = (round_trip, self.table.by_generation(generation)) {
            self.measured(id, round_trip);
        }
        if answer {
            self.introduce(from, Some(*generation), false);
        }
        // One that we know, and did not look for, has been challenged because of a recording, say: there is nothing to learn from it.
        let met = sought || matches!(merged, Merged::News(_));
        if met && !self.met.iter().any(|(_, met)| met == generation) {
            if self.met.len() >= MAX_MET {
                self.met.pop_front();
            }
            self.met.push_back((claim.address, *generation));
        }
    }

    /// A probe: answered to where it came from.
    pub fn handle_ping(&mut self, now: Time, generation: &Salt, from: SocketAddr, sequence: i32) {
        if !self.heard_from(now, generation, from) {
            return;
        }
        // Most of all an accuser is to hear what we say to it.
        if self.own_is_news() {
            let update = self.me().claim().to_update();
            self.send(from, Some(*generation), MembersFrame::Update(update));
        }
        let ack = PingAck { sequence, root: self.root };
        self.send(from, Some(*generation), MembersFrame::PingAck(ack));
    }

    /// A request to probe in the sender's place.
    pub fn handle_ping_request(
        &mut self,
        now: Time,
        generation: &Salt,
        from: SocketAddr,
        request: &PingRequest,
    ) {
        if self.heard_from(now, generation, from) {
            self.relay_ping(now, (from, *generation), request);
        }
    }

    /// A probe's answer: of the probed one, or passed on by one that we asked.
    pub fn handle_ping_ack(
        &mut self,
        now: Time,
        generation: &Salt,
        from: SocketAddr,
        sequence: i32,
        root: i64,
    ) {
        if self.heard_from(now, generation, from) && !self.probe_acknowledged(now, generation, sequence) {
            self.relay_acknowledged(generation, sequence, root);
        }
    }

    /// One that we asked has had no success.
    pub fn handle_ping_nack(&mut self, now: Time, generation: &Salt, from: SocketAddr, sequence: i32) {
        if self.heard_from(now, generation, from) {
            self.probe_refused(now, generation, sequence);
        }
    }

    /// A datagram of this daemon arrived: any kind counts. False if its generation is no member's present one.
    ///
    /// One that we hold for dead is told so, so that it can refute.
    pub fn heard_from(&mut self, now: Time, generation: &Salt, from: SocketAddr) -> bool {
        self.enter_time(now);
        let Some(id) = self.table.by_generation(generation) else { return false };
        let Some(member) = self.table.get_mut(id) else { return false };
        member.last_heard = now;
        self.own.heard = now;
        if !member.liveness.is_live() && self.me().liveness != Liveness::Left {
            self.correct(now, id, from, *generation, true);
        }
        true
    }

    /// The daemon at `from` wants to be addressed as `generation`: it restarted, or does not know us.
    ///
    /// Answered with our introduction, where we had a reason to write there.
    pub fn handle_challenge(&mut self, now: Time, from: SocketAddr, generation: &Salt) {
        self.enter_time(now);
        let address = canonical(from);
        if generation == self.me().generation() {
            self.seeds.is_us(&address);
            return;
        }
        if self.me().liveness == Liveness::Left || generation.receiver_id() == 0 {
            return;
        }
        let there = self.table.by_address(&address);
        let known = self.table.by_generation(generation);
        let seed = self.seeds.challenged(now, &address, *generation);
        let expected = there.is_some() || known.is_some() || seed;
        if !expected && !self.group.as_mut().is_some_and(|group| group.takes_answer(now)) {
            return;
        }
        // Whom we know as it is now need not introduce itself.
        let is_live = |id| self.table.get(id).is_some_and(|member| member.liveness.is_live());
        let answer = known.is_none() || known != there || !known.is_some_and(is_live);
        self.introduce(from, Some(*generation), answer);
        match there {
            Some(id) if known != Some(id) => self.fail_direct(now, id),
            _ => {}
        }
        self.probe_challenged(from, generation);
    }

    /// The system says that nobody listens at this address. No proof, but no probe needs to wait for it either.
    pub fn handle_unreachable(&mut self, now: Time, address: SocketAddr) {
        self.enter_time(now);
        let address = canonical(address);
        self.relay_unreachable(now, address);
        if let Some(id) = self.table.by_address(&address) {
            self.fail_direct(now, id);
        }
    }

    fn take_update(&mut self, now: Time, update: &MemberUpdate, source: Source) {
        self.enter_time(now);
        match Claim::read(update) {
            Ok(claim) => {
                self.merge(now, &claim, source);
            }
            Err(_) => self.malformed(),
        }
    }

    /// Tells a daemon what we know of it, or of its name, that it does not: it refutes, or takes a newer generation.
    fn correct(&mut self, now: Time, id: MemberId, to: SocketAddr, generation: Salt, answer: bool) {
        let Some(member) = self.table.get(id) else { return };
        if self.noticed.holds(now, id) {
            return;
        }
        self.noticed.begin(now, id, now + NOTICE_EVERY);
        let update = member.claim().to_update();
        self.send(to, Some(generation), MembersFrame::Update(update));
        self.introduce(to, Some(generation), answer);
    }

    /// Tells a member that we hold for live who has it for failed, so that it refutes. Otherwise it would learn of that only when it meets one
    /// of those that do: after a cut in one direction they are many, and it may take half a minute.
    pub(super) fn tell_accused(&mut self, now: Time, id: MemberId, claim: &Claim<'_>) {
        let Some(member) = self.table.get(id) else { return };
        if self.noticed.holds(now, id) {
            return;
        }
        self.noticed.begin(now, id, now + NOTICE_EVERY);
        let (to, receiver) = (member.address(), *member.generation());
        self.send(to, Some(receiver), MembersFrame::Update(claim.to_update()));
    }

    fn refuse(&mut self, to: SocketAddr, generation: Salt, code: i32, name: &str) {
        let message = code::text(code).to_owned();
        let refusal = Refusal { nonce: 0, code, entity: name.to_owned(), message };
        self.send(to, Some(generation), MembersFrame::Refusal(refusal));
    }
}
