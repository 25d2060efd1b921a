//! What others say of us, and what we say of ourselves: refuting, leaving, taking a newer generation.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gossiperl_idl::{Salt, code, generated::Introduction};
use gossiperl_link::Time;

use super::{
    Members,
    claim::{Claim, Liveness, MAX_INCARNATION},
    event::{MemberEvent, count},
    frame::MembersFrame,
    table::MemberId,
};
use crate::Identity;

/// A newer generation is asked for at most once in this time, whatever others claim.
const GENERATION_EVERY: Duration = Duration::from_secs(10);
/// A conflict or a refusal is reported at most once in this time for each name or address.
const REPORT_EVERY: Duration = Duration::from_secs(60);
/// Names and addresses so remembered; beyond it the oldest is forgotten, and reported again.
const MAX_REPORTED: usize = 64;
/// Members told at once of a new generation or of our leaving, before the gossip's next tick.
const TOLD_AT_ONCE: usize = 8;

/// The passing state of ourselves.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// When a newer generation was last asked for.
    asked_generation: Option<Time>,
    /// When a datagram of any member last arrived.
    pub(super) heard: Time,
}

impl Members {
    /// Says that we go: everybody is told, nobody probed any more. Watch [`Members::is_left`].
    pub fn leave(&mut self) {
        if self.me().liveness == Liveness::Left {
            return;
        }
        let me = self.me_mut();
        me.liveness = Liveness::Left;
        me.incarnation = me.incarnation.saturating_add(1).min(MAX_INCARNATION);
        self.mark_changed(MemberId::ME);
        self.probes.stop();
        self.tell_own();
        self.gossip_targets = self.lists.pick_any(&mut self.rng, TOLD_AT_ONCE, None);
    }

    /// Whether our leaving has been told as often as gossip tells anything, or there is nobody to tell.
    pub fn is_left(&self) -> bool {
        let me = self.me();
        me.liveness == Liveness::Left && (!self.own_is_news() || self.lists.live() == 0)
    }

    /// Goes on under a newer salt, which must be greater than all that were under our name: others see a restart.
    pub fn set_generation(&mut self, now: Time, generation: Salt) {
        let left = self.me().liveness == Liveness::Left;
        self.mark_changed(MemberId::ME);
        let me = self.me_mut();
        (me.identity, me.incarnation) =
            (Arc::new(Identity { generation, ..Identity::clone(&me.identity) }), 0);
        if left {
            return;
        }
        self.tell_own();
        for id in self.lists.pick_any(&mut self.rng, TOLD_AT_ONCE, None) {
            let Some(member) = self.table.get(id) else { continue };
            let (to, receiver) = (member.address(), *member.generation());
            self.introduce(to, Some(receiver), true);
        }
        self.seeds.hurry(now);
    }

    /// A claim under our name.
    pub(super) fn merge_own(&mut self, now: Time, claim: &Claim<'_>) {
        let me = self.me();
        let elsewhere = claim.address != me.address();
        if claim.generation != *me.generation() {
            if claim.liveness.is_live() && elsewhere {
                count(&mut self.counters.conflicts);
                self.report_conflict(now, MemberId::ME, claim);
            } else if claim.generation > *me.generation() {
                // A run of ours, or of a dead namesake, that others hold for newer than this one.
                self.need_generation(now, claim.generation);
            } else {
                // Somebody has not heard of this run yet.
                self.tell_own_again();
            }
            return;
        }
        if me.liveness == Liveness::Left {
            return;
        }
        let (ours, theirs) = (me.incarnation, claim.incarnation);
        match claim.liveness {
            // Leaving is final, and we have not left.
            Liveness::Left => self.need_generation(now, claim.generation),
            Liveness::Suspect | Liveness::Failed if theirs >= ours => self.refute(now, theirs),
            // Only we raise our incarnation; someone else did, or has our address wrong.
            Liveness::Alive if theirs > ours || (theirs == ours && elsewhere) => self.refute(now, theirs),
            Liveness::Alive => {}
            Liveness::Suspect | Liveness::Failed => self.tell_own_again(),
        }
    }

    /// Answers an accusation with a higher incarnation (SWIM section 4.2); it also says something about our own health
    /// (Lifeguard section IV.A).
    fn refute(&mut self, now: Time, accused: u32) {
        if accused >= MAX_INCARNATION {
            let generation = *self.me().generation();
            self.need_generation(now, generation);
            return;
        }
        count(&mut self.counters.refutations);
        self.me_mut().incarnation = accused + 1;
        self.mark_changed(MemberId::ME);
        self.awareness.worsen(1);
        self.tell_own();
    }

    fn need_generation(&mut self, now: Time, above: Salt) {
        if self.own.asked_generation.is_some_and(|asked| now.since(asked) < GENERATION_EVERY) {
            return;
        }
        self.own.asked_generation = Some(now);
        self.report(MemberEvent::NewGenerationNeeded { above: above.max(*self.me().generation()) });
    }

    /// Puts our own state into the gossip.
    pub(super) fn tell_own(&mut self) {
        self.gossip.push(MemberId::ME);
    }

    fn tell_own_again(&mut self) {
        if !self.own_is_news() {
            self.tell_own();
        }
    }

    /// Sends an introduction of ours.
    pub(super) fn introduce(&mut self, to: SocketAddr, receiver: Option<Salt>, answer: bool) {
        let member = self.me().claim().to_update();
        self.send(to, receiver, MembersFrame::Introduction(Introduction { member, answer }));
    }

    /// Another daemon refused our introduction.
    pub fn handle_refusal(&mut self, now: Time, from: SocketAddr, code: i32) {
        if code != code::DONE && self.report_due(now, &from.to_string()) {
            self.report(MemberEvent::Refused { by: from, code });
        }
    }

    pub(super) fn report_conflict(&mut self, now: Time, known: MemberId, claim: &Claim<'_>) {
        if !self.report_due(now, claim.name) {
            return;
        }
        let Some(member) = self.table.get(known) else { return };
        let (name, known) = (member.name().clone(), member.address());
        self.report(MemberEvent::Conflict { name, known, refused: claim.address });
    }

    fn report_due(&mut self, now: Time, subject: &str) -> bool {
        self.reported.retain(|(when, _)| now.since(*when) < REPORT_EVERY);
        if self.reported.iter().any(|(_, reported)| reported == subject) {
            return false;
        }
        if self.reported.len() >= MAX_REPORTED {
            self.reported.pop_front();
        }
        self.reported.push_back((now, subject.to_owned()));
        true
    }

    fn me_mut(&mut self) -> &mut super::Member {
        // Nothing ever removes us from the table.
        #[allow(clippy::expect_used)]
        self.table.get_mut(MemberId::ME).expect("we are always a member")
    }
}
