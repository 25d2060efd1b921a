//! Runs of other daemons, and the endpoint and link that each has: made at first use, kept while the run may come back, ended behind it.

use std::{net::SocketAddr, time::Duration};

use gossiperl_idl::Salt;
use gossiperl_link::{Link, LinkConfig, Time};

use super::{Overlay, transmit};
use crate::{
    endpoint::{Endpoint, EndpointId},
    event::is_local,
    members::{Liveness, Member, MemberId},
};

/// An acknowledgement between daemons waits at most so long (PROTOCOL.md section 4).
const ACK_DELAY: Duration = Duration::from_millis(2);

impl Overlay {
    /// The endpoint of a member's present run; made where there is none yet.
    pub(super) fn daemon_endpoint(&mut self, salt: &Salt) -> Option<EndpointId> {
        if let Some(id) = self.endpoints.find_daemon(salt) {
            return Some(id);
        }
        let member = self.members.member(self.members.by_generation(salt)?)?;
        let mut endpoint = Endpoint::of_daemon(member.identity().clone());
        endpoint.reachable = member.liveness().is_live();
        let id = self.endpoints.insert(endpoint);
        self.unheard(id);
        Some(id)
    }

    /// A fresh link to this run of a daemon, at this address. It begins with the round trip that membership has measured, where there is one.
    pub(super) fn daemon_link(&self, salt: &Salt, address: &SocketAddr) -> Box<Link> {
        let limits = &self.config.limits;
        let config = LinkConfig {
            receive_window: limits.receive_window,
            ack_delay: ACK_DELAY,
            queue_cost: limits.queue_cost,
            queue_frames: limits.queue_frames,
            datagram: transmit::frames_to(address),
            loopback: is_local(address),
        };
        let loopback = config.loopback;
        let mut link = Link::new(config, limits.receive_window);
        let measured = self.members.by_generation(salt).and_then(|id| self.members.round_trip(id));
        // A link on loopback begins with less than membership ever tells.
        if let Some(round_trip) = measured.filter(|_| !loopback) {
            link.seed_rtt(round_trip);
        }
        Box::new(link)
    }

    /// Ends the endpoint of a member's earlier run. That of one we forgot as failed stays: it may come back in the same run and never have
    /// given us up, and then its end of the link goes on where it was. Of what was queued for it, what had been sent is kept.
    pub(super) fn follow_run(&mut self, now: Time, before: Option<Salt>, known: Option<MemberId>) {
        let member = known.and_then(|id| self.members.member(id));
        let member = member.filter(|member| !member.is_forgotten() || member.liveness() != Liveness::Left);
        let (run, parks) =
            (member.map(|member| *member.generation()), member.is_some_and(Member::is_forgotten));
        if let Some(id) = before
            .filter(|before| Some(*before) != run)
            .and_then(|before| self.endpoints.find_daemon(&before))
        {
            self.close_endpoint(now, id);
        }
        let parked = run.filter(|_| parks).and_then(|run| self.endpoints.find_daemon(&run));
        if let Some(endpoint) = parked.and_then(|id| self.endpoints.get_mut(id)) {
            endpoint.parked = true;
            let dropped = endpoint.link.as_deref_mut().map_or(0, Link::clear_all_unsent);
            self.stats.dropped += dropped as u64;
        }
    }
}
