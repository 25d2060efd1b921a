//! Tombstones: what is left of failed and left members, so that old claims do not revive them.
//!
//! A failed member is public as unreachable until `drop_unreachable_after`; then it is reported dropped and out, but
//! its tombstone stays for [`REMEMBERED`], invisible to the public and to repair, and goes on being tried: a partition
//! may last longer than the public's patience. At the table's bound the oldest make room first.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gossiperl_link::Time;

use super::{
    Members,
    claim::Liveness,
    event::MemberEventKind,
    table::{Member, MemberId},
};

/// How long a tombstone outlives its drop. Serf tries failed members for 24 hours (its `reconnect_timeout`).
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// How long one that left stays public as left, where nothing is ever dropped. Protocol 1's default.
const LEFT_SHOWN: Duration = Duration::from_secs(180);
/// Stands for "never".
const NEVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Tombstones by the time at which something happens to them.
#[derive(Debug, Default)]
pub(super) struct Tombstones {
    /// Still public.
    shown: BTreeSet<(Time, MemberId)>,
    /// Only remembered.
    remembered: BTreeSet<(Time, MemberId)>,
    /// When something happens to each.
    due: BTreeMap<MemberId, Time>,
}

impl Tombstones {
    pub(super) fn next_timeout(&self) -> Option<Time> {
        let times = [self.shown.first(), self.remembered.first()];
        times.into_iter().flatten().map(|&(time, _)| time).min()
    }

    /// Whether it is in the queue that its member says.
    #[cfg(test)]
    pub(super) fn contains(&self, id: MemberId, member: &Member) -> bool {
        let queue = if member.dropped { &self.remembered } else { &self.shown };
        self.due.get(&id).is_some_and(|due| queue.contains(&(*due, id)))
    }

    /// The one that makes room: forgotten ones before public ones, each from the oldest.
    fn oldest(&self) -> Option<MemberId> {
        self.remembered.first().or_else(|| self.shown.first()).map(|&(_, id)| id)
    }
}

impl Members {
    /// Starts a tombstone's time.
    pub(super) fn bury(&mut self, now: Time, id: MemberId) {
        let shown_for = self.settings.drop_unreachable_after;
        let Some(member) = self.table.get(id) else { return };
        let shown_for = match member.liveness {
            Liveness::Left if shown_for.is_zero() => LEFT_SHOWN,
            _ if shown_for.is_zero() => NEVER,
            _ => shown_for,
        };
        let due = now + shown_for;
        self.tombstones.due.insert(id, due);
        self.tombstones.shown.insert((due, id));
    }

    /// Ends a tombstone, if it is one.
    pub(super) fn unbury(&mut self, id: MemberId) {
        if let Some(member) = self.table.get_mut(id) {
            member.dropped = false;
        }
        if let Some(due) = self.tombstones.due.remove(&id) {
            self.tombstones.shown.remove(&(due, id));
            self.tombstones.remembered.remove(&(due, id));
        }
    }

    /// Drops and forgets what is due.
    pub(super) fn advance_tombstones(&mut self, now: Time) {
        while let Some(&(due, id)) = self.tombstones.shown.first()
            && due <= now
        {
            self.tombstones.shown.remove(&(due, id));
            self.drop_member(now, id);
        }
        while let Some(&(due, id)) = self.tombstones.remembered.first()
            && due <= now
        {
            self.forget(id);
        }
    }

    /// Whether there is, or could be made, room for one more member.
    pub(super) fn make_room(&mut self, now: Time) -> bool {
        // We ourselves are in the table and do not count.
        if self.table.len() <= self.settings.members {
            return true;
        }
        let Some(id) = self.tombstones.oldest() else { return false };
        if self.table.get(id).is_some_and(|member| !member.dropped) {
            let due = self.tombstones.due.get(&id).copied().unwrap_or(now);
            self.tombstones.shown.remove(&(due, id));
            self.drop_member(now, id);
        }
        self.forget(id);
        true
    }

    /// The public's patience is over.
    fn drop_member(&mut self, now: Time, id: MemberId) {
        let Some(member) = self.table.get_mut(id) else { return };
        member.dropped = true;
        let (announced, due) = (member.announced, now + REMEMBERED);
        self.tombstones.due.insert(id, due);
        self.tombstones.remembered.insert((due, id));
        if announced {
            self.announce(id, MemberEventKind::Drop);
            self.announce(id, MemberEventKind::Out);
        }
        self.mark_changed(id);
    }

    fn forget(&mut self, id: MemberId) {
        self.mark_changed(id);
        self.unbury(id);
        self.lists.take_out(&mut self.table, id);
        self.gossip.remove(id);
        self.gossiped.end(id);
        self.noticed.end(id);
        self.probes.forget(id);
        let _: Option<Member> = self.table.remove(id);
    }
}
