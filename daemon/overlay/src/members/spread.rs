//! Gossip on its way out: into any datagram to a daemon, and in a rhythm of its own while there is something to say.

use gossiperl_idl::{Salt, generated::MemberUpdate};
use gossiperl_link::Time;
use std::net::SocketAddr;

use super::{
    Members,
    claim::{Claim, Liveness},
    frame::MembersFrame,
    gossip::{Told, tellings},
    suspicion::Suspicion,
    table::{Member, MemberId},
};

/// Updates in one datagram at most; at 70 to 90 bytes each, 1,400 bytes take fewer.
const MAX_UPDATES: usize = 64;

impl Members {
    /// The next daemon to send a datagram for gossip's sake: fill one with [`Members::fill_gossip`]. There are some at
    /// each tick of gossip's rhythm while something waits to be told.
    pub fn poll_gossip_target(&mut self) -> Option<(SocketAddr, Salt)> {
        loop {
            let id = self.gossip_targets.pop()?;
            let Some(member) = self.table.get(id).filter(|member| member.liveness.is_live()) else {
                continue;
            };
            // This datagram is gossip's own: what was piggybacked before does not count.
            self.gossiped.end(id);
            return Some((member.address(), *member.generation()));
        }
    }

    /// Appends what waits to be told, as MemberUpdate frames, while `out` stays within `limit` bytes. Returns how many.
    ///
    /// To be called for each datagram to the daemon `to`; it adds something at most twice in `gossip_every`, so that one
    /// daemon with much traffic does not use up everybody's tellings.
    pub fn fill_gossip(&mut self, now: Time, to: &Salt, out: &mut Vec<u8>, limit: usize) -> usize {
        if self.gossip.is_empty() || out.len() >= limit {
            return 0;
        }
        let receiver = self.table.by_generation(to);
        if let Some(id) = receiver {
            if self.gossiped.holds(now, id) {
                return 0;
            }
            self.gossiped.begin(now, id, now + self.settings.detector.gossip_every / 2);
        }
        let mut puts = 0;
        let told = self.gossip.tell(|id, turn| {
            let Some(member) = self.table.get(id) else { return Told::NotForIt };
            // It knows that it lives, and who we are is what introductions are for.
            if receiver == Some(id) && member.liveness == Liveness::Alive {
                return Told::NotForIt;
            }
            if puts == MAX_UPDATES {
                return Told::NoRoom;
            }
            let start = out.len();
            let suspicion = self.suspicions.get(id);
            MembersFrame::Update(update_in_turn(member, suspicion, turn)).put(out);
            if out.len() > limit {
                out.truncate(start);
                return Told::NoRoom;
            }
            puts += 1;
            Told::Put
        });
        let tellings = tellings(self.settings.detector.retransmit_mult, self.lists.live() + 1);
        for &id in &told {
            self.gossip.count(id, tellings);
        }
        told.len()
    }

    /// When gossip is to go out.
    pub(super) fn gossip_timeout(&self) -> Option<Time> {
        let waits = !self.gossip.is_empty() && self.lists.live() > 0;
        waits.then(|| self.rhythm.next(self.settings.detector.gossip_every, self.gossip.is_fresh()))
    }

    /// Picks this tick's targets.
    pub(super) fn advance_gossip(&mut self, now: Time) {
        if self.lists.live() == 0 {
            self.forget_news();
        }
        if self.gossip_timeout().is_some_and(|time| time <= now) {
            if self.rhythm.tick(now, self.settings.detector.gossip_every, self.gossip.is_fresh()) {
                self.gossip.settle();
            }
            let count = self.settings.detector.gossip_nodes.min(MAX_UPDATES);
            self.gossip_targets = self.lists.pick(&mut self.rng, count, None);
        }
    }

    /// Alone there is nobody to tell, and when somebody comes back the news of our losses is none.
    fn forget_news(&mut self) {
        while let Some(id) = self.gossip.first_of_others() {
            self.gossip.remove(id);
        }
    }

    /// Whether our own state is still being told.
    pub(super) fn own_is_news(&self) -> bool {
        self.gossip.contains(MemberId::ME)
    }
}

/// What is said about a member the `turn`th time: each accuser of a suspect gets named in turn.
pub(super) fn update_in_turn(member: &Member, suspicion: Option<&Suspicion>, turn: usize) -> MemberUpdate {
    let accuser = suspicion.and_then(|suspicion| suspicion.accuser(turn));
    Claim { accuser: accuser.map(|name| &**name), ..member.claim() }.to_update()
}
