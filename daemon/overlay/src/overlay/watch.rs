//! What one looks at who watches all daemons of an overlay at once, after every step: each answer costs a look-up at most.

use gossiperl_idl::{Salt, generated::MemberUpdate};
use gossiperl_link::Time;

use super::Overlay;
use crate::{
    members::{MemberCounters, MemberId},
    state::StateStats,
};

impl Overlay {
    /// The present run.
    pub fn salt(&self) -> Salt {
        self.datagrams.salt()
    }

    /// The root of the hash tree over the members and their entries: two daemons with the same root know the same live members, in the same
    /// runs and incarnations, and hold the same of their entries.
    pub fn root(&self) -> i64 {
        self.state.root()
    }

    /// Other daemons that are thought to run; suspected ones count.
    pub fn live(&self) -> usize {
        self.members.live()
    }

    /// Subscriptions of other daemons' clients that messages are routed by.
    pub fn remote_subscriptions(&self) -> usize {
        self.remote_subscriptions.len()
    }

    /// The local health score: 0 is healthy (Lifeguard).
    pub fn health_score(&self) -> u32 {
        self.members.health_score()
    }

    /// What membership has counted.
    pub fn member_counters(&self) -> &MemberCounters {
        self.members.counters()
    }

    /// What the shared state has counted.
    pub fn state_stats(&self) -> StateStats {
        self.state.stats()
    }

    /// What we say of ourselves.
    pub fn own_update(&self) -> Option<MemberUpdate> {
        self.members.update_of(MemberId::ME)
    }

    /// Makes room for so many more members at once, for who is about to [`learn`](Overlay::learn) them.
    pub fn reserve(&mut self, members: usize) {
        self.members.reserve(members);
        self.state.reserve(members);
    }

    /// Takes members as another daemon's table has them, for instance from a snapshot: like what repair brings, so that it is not passed on.
    pub fn learn(&mut self, now: Time, members: &[MemberUpdate]) {
        self.now = now;
        for member in members {
            self.members.handle_repair(now, member);
        }
        self.follow_members(now);
    }
}
