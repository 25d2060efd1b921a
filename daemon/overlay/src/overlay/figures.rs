//! The overlay's counters put together, and what it holds, for whoever keeps an eye on it.

use gossiperl_link::FRAME_COST;

use super::Overlay;
use crate::{
    Gauges, Latencies, Snapshot, Standings, Stats, clients::ClientId, endpoint::Endpoint, event::State,
    members::Liveness,
};

impl Overlay {
    /// What has happened so far; costs no more than adding up.
    pub fn stats(&self) -> Stats {
        let (legacy, state) = (self.legacy.stats(), self.state.stats());
        Stats {
            foreign: self.stats.foreign + legacy.foreign,
            malformed: self.stats.malformed + legacy.malformed,
            unexpected: legacy.unexpected,
            strangers: self.stats.strangers + legacy.unauthenticated,
            replies_withheld: legacy.withheld,
            refused: self.stats.refused + legacy.refused,
            entries_refused: state.entries_refused,
            delivered: self.stats.delivered + legacy.delivered,
            dropped: self.stats.dropped + legacy.dropped,
            expired: legacy.expired,
            undeliverable: legacy.undeliverable,
            redelivered: legacy.redelivered,
            republished: legacy.duplicates,
            ..self.stats
        }
    }

    /// Everything that is counted, and what is there now; costs a look at each member and endpoint.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            stats: self.stats(),
            members: *self.members.counters(),
            traffic: self.traffic,
            latencies: Latencies { probes: *self.members.round_trips(), ..self.latencies },
            gauges: self.gauges(),
        }
    }

    fn gauges(&self) -> Gauges {
        let (event_types, local_subscriptions) = self.routes.counts();
        let mut gauges = Gauges {
            daemons: self.daemons_by_standing(),
            local_subscriptions: local_subscriptions as u64,
            remote_subscriptions: self.remote_subscriptions.len() as u64,
            event_types: event_types as u64,
            held_publishers: self.held.values().map(|held| held.len() as u64).sum(),
            paused_types: self.pressure.paused_types() as u64,
            health_score: self.members.health_score().into(),
            ..Gauges::default()
        };
        for (id, client) in self.clients.iter() {
            stand(&mut gauges.clients, client.state);
            let (messages, bytes) = self.queued_legacy(id);
            gauges.to_clients.add(messages, bytes);
        }
        for endpoint in self.endpoints.iter() {
            let queues =
                if endpoint.session.is_some() { &mut gauges.to_clients } else { &mut gauges.to_daemons };
            let (messages, bytes) = queued(endpoint);
            queues.add(messages, bytes);
        }
        gauges
    }

    /// The members that the public sees, ourselves among them.
    fn daemons_by_standing(&self) -> Standings {
        let mut standings = Standings::default();
        for (_, member) in self.members.iter().filter(|(_, member)| !member.is_forgotten()) {
            match member.liveness() {
                Liveness::Alive => standings.reachable += 1,
                Liveness::Suspect => standings.quarantine += 1,
                Liveness::Failed => standings.unreachable += 1,
                Liveness::Left => standings.left += 1,
            }
        }
        standings
    }

    fn queued_legacy(&self, client: ClientId) -> (usize, usize) {
        let (cost, messages) = self.legacy.queued(client);
        (messages, bytes_of(cost, messages))
    }
}

fn stand(standings: &mut Standings, state: State) {
    match state {
        State::Reachable => standings.reachable += 1,
        State::Quarantine => standings.quarantine += 1,
        State::Unreachable => standings.unreachable += 1,
        State::Left => standings.left += 1,
    }
}

/// Frames that one endpoint has not acknowledged, or not been sent, and bytes of their bodies.
fn queued(endpoint: &Endpoint) -> (usize, usize) {
    let link = endpoint.link.as_deref().map_or((0, 0), |link| (link.queued_frames(), link.queued_cost()));
    let backlog = endpoint.session.as_deref().and_then(|session| session.backlog.as_deref());
    let backlog = backlog.map_or((0, 0), |backlog| (backlog.len(), backlog.cost()));
    let (frames, cost) = (link.0 + backlog.0, link.1 + backlog.1);
    (frames, bytes_of(cost, frames))
}

/// Protocol 1's queues and links reckon the same for a message beside its bytes.
fn bytes_of(cost: usize, messages: usize) -> usize {
    cost.saturating_sub(messages.saturating_mul(FRAME_COST as usize))
}
