//! Which of two claims about a member holds: SWIM's rules of precedence (section 4.2), with generations above them.
//!
//! - A newer generation beats an older one, unless the older lives at another address: that is a conflict.
//! - Within a generation a higher incarnation beats a lower one; only the member itself raises it.
//! - At one incarnation suspect beats alive, and failed beats both; left beats everything and is final for the run.

use std::{sync::Arc, time::Duration};

use gossiperl_idl::Salt;
use gossiperl_link::Time;
use rand::Rng;

use super::{
    Members,
    claim::{Claim, Liveness},
    event::count,
    table::{Member, MemberId},
};
use crate::Identity;

/// So many of those who hear of a suspicion probe the suspect at once, on average. Two confirmations are wanted; chance
/// rarely picks fewer than two with this.
const SECOND_OPINIONS: f64 = 5.0;
/// What repair brings is passed on as gossip only while the queue is shorter: a few changes are news, a table is not.
const NEWS_FROM_REPAIR: usize = 16;

/// Where a claim comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Passed on as news.
    Gossip,
    /// Found by comparing tables.
    Repair,
    /// The member itself, in an introduction.
    Itself,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merged {
    /// It changed what we know.
    News(MemberId),
    /// We know it, or it says nothing new.
    Known,
    /// We know better.
    Stale(MemberId),
    /// The name lives at another address.
    Conflict(MemberId),
    /// No room.
    NoRoom,
    /// It is about us.
    Own,
}

impl Members {
    /// Takes a claim into account.
    pub(super) fn merge(&mut self, now: Time, claim: &Claim<'_>, source: Source) -> Merged {
        let known = self.table.by_name(claim.name);
        if let Some(other) = self.other_of_run(&claim.generation, known) {
            count(&mut self.counters.stale);
            return Merged::Stale(other);
        }
        let merged = match known {
            None => self.merge_unknown(now, claim),
            Some(MemberId::ME) => {
                self.merge_own(now, claim);
                return Merged::Own;
            }
            Some(id) => self.merge_known(now, id, claim, source),
        };
        match merged {
            Merged::News(id) => {
                count(&mut self.counters.news);
                self.pass_on(id, source);
            }
            Merged::Stale(_) => count(&mut self.counters.stale),
            Merged::NoRoom => count(&mut self.counters.no_room),
            Merged::Conflict(id) => {
                count(&mut self.counters.conflicts);
                self.report_conflict(now, id, claim);
                // Is the known one still there?
                self.hasten(now, id);
            }
            // Who introduces itself tells no news once more: it was asked to.
            Merged::Known if source == Source::Itself => {}
            Merged::Known => count(&mut self.counters.known),
            Merged::Own => {}
        }
        merged
    }

    /// A run has one name: who has this generation, where that is not the claim's member.
    fn other_of_run(&self, generation: &Salt, known: Option<MemberId>) -> Option<MemberId> {
        let holder = match self.table.by_generation(generation) {
            None if generation == self.me().generation() => Some(MemberId::ME),
            holder => holder,
        };
        holder.filter(|_| holder != known)
    }

    fn merge_unknown(&mut self, now: Time, claim: &Claim<'_>) -> Merged {
        if !self.make_room(now) {
            return Merged::NoRoom;
        }
        let identity = self.identify(claim, None);
        // Polled as new, unless it was known under this name when that was last asked for.
        self.changed.entry(identity.name.clone()).or_insert(None);
        let id = self.table.insert(Member::new(now, claim, identity));
        self.enter(now, id, claim);
        Merged::News(id)
    }

    fn merge_known(&mut self, now: Time, id: MemberId, claim: &Claim<'_>, source: Source) -> Merged {
        let Some(member) = self.table.get(id) else { return Merged::Known };
        if claim.generation < *member.generation() {
            return Merged::Stale(id);
        }
        if claim.generation == *member.generation() {
            return self.merge_same_run(now, id, claim, source);
        }
        if member.liveness.is_live() && member.address() != claim.address {
            return Merged::Conflict(id);
        }
        self.probes.forget(id);
        self.rewrite(id, claim);
        // The run before is over. Where it was alive to the last, the change of runs is a rejoin of its own.
        let restarted = self.table.get(id).is_some_and(|member| member.liveness == Liveness::Alive);
        if restarted && claim.liveness.is_live() {
            self.announce(id, super::MemberEventKind::Rejoin);
        }
        self.enter(now, id, claim);
        Merged::News(id)
    }

    fn merge_same_run(&mut self, now: Time, id: MemberId, claim: &Claim<'_>, source: Source) -> Merged {
        let Some(member) = self.table.get(id) else { return Merged::Known };
        let (ours, theirs) = (member.liveness, claim.liveness);
        if ours == Liveness::Left {
            return if theirs == Liveness::Left { Merged::Known } else { Merged::Stale(id) };
        }
        let newer = claim.incarnation > member.incarnation;
        let same = claim.incarnation == member.incarnation;
        match theirs {
            Liveness::Left if newer || same => {}
            Liveness::Failed if (newer || same) && ours.is_live() => {
                return self.merge_failure(now, id, claim, source);
            }
            _ if newer => {}
            Liveness::Suspect if same && ours == Liveness::Suspect => {
                return self.merge_confirmation(id, claim);
            }
            Liveness::Suspect if same && ours == Liveness::Alive => {}
            _ if same && ours == theirs => return Merged::Known,
            _ => return Merged::Stale(id),
        }
        if newer && theirs.is_live() {
            self.rewrite(id, claim);
        } else if let Some(member) = self.table.get_mut(id) {
            member.incarnation = claim.incarnation;
        }
        self.enter(now, id, claim);
        Merged::News(id)
    }

    /// An accusation of someone suspected already.
    fn merge_confirmation(&mut self, id: MemberId, claim: &Claim<'_>) -> Merged {
        let accuser = self.accuser_of(claim);
        if self.confirm(id, &accuser) { Merged::News(id) } else { Merged::Known }
    }

    /// Someone declared failed what we hold for live. Believed once we have suspected it ourselves for long enough that
    /// a refutation would have come; before that a partition may just have healed, or the suspicion got lost.
    fn merge_failure(&mut self, now: Time, id: MemberId, claim: &Claim<'_>, source: Source) -> Merged {
        let alive = self.table.get(id).is_some_and(|member| member.liveness == Liveness::Alive);
        if alive && source == Source::Repair {
            self.hasten(now, id);
            self.tell_accused(now, id, claim);
            return Merged::Known;
        }
        let known = self
            .table
            .get_mut(id)
            .map(|member| std::mem::replace(&mut member.incarnation, claim.incarnation) == claim.incarnation);
        if alive {
            let accuser = self.accuser_of(claim);
            self.become_suspect(now, id, &accuser);
            self.hasten(now, id);
        }
        let patience = self.patience().min / 2;
        if self.bring_forward(id, patience) <= now {
            self.become_failed(now, id);
            return Merged::News(id);
        }
        if alive || known == Some(false) { Merged::News(id) } else { Merged::Known }
    }

    /// Puts a member whose run, incarnation and address are the claim's into the claim's liveness.
    fn enter(&mut self, now: Time, id: MemberId, claim: &Claim<'_>) {
        match claim.liveness {
            Liveness::Alive => self.become_alive(now, id),
            Liveness::Suspect => {
                let accuser = self.accuser_of(claim);
                self.become_suspect(now, id, &accuser);
                self.second_opinion(now, id);
            }
            Liveness::Failed => self.become_failed(now, id),
            Liveness::Left => self.become_left(now, id),
        }
    }

    /// Counts an accuser of a suspect. True where it was news.
    pub(super) fn confirm(&mut self, id: MemberId, accuser: &Arc<str>) -> bool {
        self.suspicions.change(id, |suspicion| suspicion.confirm(accuser)).unwrap_or(false)
    }

    /// Lets a suspicion last no longer than this from its start. Returns its end; of one not suspected, the start of time.
    fn bring_forward(&mut self, id: MemberId, lasting: Duration) -> Time {
        self.suspicions.change(id, |suspicion| suspicion.bring_forward(lasting));
        self.suspicions.get(id).map_or(Time::ZERO, |suspicion| suspicion.deadline)
    }

    fn pass_on(&mut self, id: MemberId, source: Source) {
        if source == Source::Repair && self.gossip.len() >= NEWS_FROM_REPAIR {
            return;
        }
        if self.table.get(id).is_some() {
            self.gossip.push(id);
        }
    }

    /// Probes the suspect at once, if chance picks us.
    fn second_opinion(&mut self, now: Time, id: MemberId) {
        if self.rng.random_bool((SECOND_OPINIONS / self.lists.live().max(1) as f64).min(1.0)) {
            self.hasten(now, id);
        }
    }

    fn rewrite(&mut self, id: MemberId, claim: &Claim<'_>) {
        self.mark_changed(id);
        let identity = self.identify(claim, self.table.get(id).map(Member::identity));
        self.table.move_to(id, identity);
        if let Some(member) = self.table.get_mut(id) {
            member.incarnation = claim.incarnation;
        }
    }

    /// The claim's identity, sharing what it can: all of it, with other overlays or where nothing of it has changed; the name with the member's
    /// earlier one; the rack with ours, which most members are of.
    fn identify(&self, claim: &Claim<'_>, known: Option<&Arc<Identity>>) -> Arc<Identity> {
        if let Some(known) = known.filter(|known| claim.is_of(known)) {
            return known.clone();
        }
        let ours = &self.me().identity;
        let make = || {
            let rack = if *ours.rack == *claim.rack { ours.rack.clone() } else { Arc::from(claim.rack) };
            match known.filter(|known| *known.name == *claim.name) {
                Some(known) => Identity {
                    generation: claim.generation,
                    address: claim.address,
                    rack,
                    ..Identity::clone(known)
                },
                None => Identity::new(claim.name, claim.generation, claim.address, rack),
            }
        };
        match &self.identities {
            Some(pool) => pool.share(&claim.generation, |held| claim.is_of(held), make),
            None => Arc::new(make()),
        }
    }

    /// The accuser's name, shared with its entry in the table where it has one. No accuser counts as one, too.
    fn accuser_of(&self, claim: &Claim<'_>) -> Arc<str> {
        let name = claim.accuser.unwrap_or_default();
        let known = self.table.by_name(name).and_then(|id| self.table.get(id));
        known.map_or_else(|| Arc::from(name), |member| member.name().clone())
    }
}
