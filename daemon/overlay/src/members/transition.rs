//! A member's liveness changes: everything that goes with it, in one place.

use std::sync::Arc;

use gossiperl_link::Time;

use super::{
    Members,
    claim::Liveness,
    event::{MemberEvent, MemberEventKind},
    suspicion::{Patience, Suspicion},
    table::{List, MemberId},
};

impl Members {
    /// It lives: known as alive under what the table says now.
    pub(super) fn become_alive(&mut self, now: Time, id: MemberId) {
        let Some(before) = self.leave_liveness(id, Liveness::Alive) else { return };
        let Some(member) = self.table.get(id) else { return };
        if !member.announced {
            self.announce(id, MemberEventKind::In);
        } else if before != Liveness::Alive {
            self.announce(id, MemberEventKind::Rejoin);
        }
        self.enlist(now, id);
    }

    /// It is suspected; `accuser` says so.
    pub(super) fn become_suspect(&mut self, now: Time, id: MemberId, accuser: &Arc<str>) {
        let Some(before) = self.leave_liveness(id, Liveness::Suspect) else { return };
        let patience = self.patience();
        let Some(member) = self.table.get(id) else { return };
        self.suspicions.open(id, Suspicion::new(now, patience, accuser.clone()));
        if !member.announced {
            self.announce(id, MemberEventKind::In);
        } else if before == Liveness::Failed {
            self.announce(id, MemberEventKind::Rejoin);
        }
        if before != Liveness::Suspect {
            self.announce(id, MemberEventKind::Quarantine);
        }
        self.enlist(now, id);
    }

    /// It is failed.
    pub(super) fn become_failed(&mut self, now: Time, id: MemberId) {
        let Some(before) = self.leave_liveness(id, Liveness::Failed) else { return };
        let announced = self.table.get(id).is_some_and(|member| member.announced);
        if announced && before.is_live() {
            self.announce(id, MemberEventKind::Unreachable);
        }
        self.lists.put(&mut self.table, &mut self.rng, id, List::Lost);
        self.bury(now, id);
    }

    /// It has left.
    pub(super) fn become_left(&mut self, now: Time, id: MemberId) {
        if self.leave_liveness(id, Liveness::Left).is_none() {
            return;
        }
        if self.table.get(id).is_some_and(|member| member.announced) {
            self.announce(id, MemberEventKind::Out);
        }
        self.lists.take_out(&mut self.table, id);
        self.bury(now, id);
    }

    /// Reports a change of public standing, and keeps to its order.
    pub(super) fn announce(&mut self, id: MemberId, kind: MemberEventKind) {
        let Some(member) = self.table.get_mut(id) else { return };
        member.announced = kind != MemberEventKind::Out;
        let (name, address) = (member.name().clone(), member.address());
        self.report(MemberEvent::Changed { kind, id, name, address });
    }

    /// The member's summary is not going to be the one that was polled last. To be called before its run changes, or it is forgotten.
    pub(super) fn mark_changed(&mut self, id: MemberId) {
        if let Some(member) = self.table.get(id) {
            let (name, run) = (member.name().clone(), *member.generation());
            self.changed.entry(name).or_insert(Some(run));
        }
    }

    /// How long suspicions last in an overlay of the present size.
    pub(super) fn patience(&self) -> Patience {
        Patience::new(&self.settings.detector, self.lists.live() + 1, self.settings.max_quarantined)
    }

    fn leave_liveness(&mut self, id: MemberId, to: Liveness) -> Option<Liveness> {
        debug_assert_ne!(id, MemberId::ME);
        self.suspicions.close(id);
        self.unbury(id);
        let member = self.table.get_mut(id)?;
        let before = std::mem::replace(&mut member.liveness, to);
        self.mark_changed(id);
        Some(before)
    }

    fn enlist(&mut self, now: Time, id: MemberId) {
        let Some(member) = self.table.get(id) else { return };
        let list = if member.rack() == self.me().rack() { List::Near } else { List::Far };
        self.lists.put(&mut self.table, &mut self.rng, id, list);
        self.start_probing(now);
    }
}
