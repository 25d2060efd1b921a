//! How much an overlay holds at the moment: for whoever watches it, and for tests that nothing grows without a bound.

use super::Overlay;

/// What is held in memory now. Each number has a bound: see [`Limits`](crate::Limits) and the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Local clients, at most `Limits::clients`.
    pub clients: usize,
    /// Other daemons, forgotten ones until their tombstones go; at most `Limits::members`.
    pub members: usize,
    /// Sessions of protocol 2, and daemons that sealed datagrams are exchanged with: at most one each.
    pub endpoints: usize,
    /// Messages and control frames that one endpoint's link holds, at most; `Limits::queue_frames` and 256.
    pub longest_queue: usize,
    /// Their cost, likewise; `Limits::queue_cost` and 256 KiB, and one frame more.
    pub costliest_queue: usize,
    /// Messages that wait for a client to subscribe again, at most; `Limits::queue_frames`.
    pub longest_backlog: usize,
    /// Control frames that wait for one endpoint's link, at most; 4,096.
    pub waiting_replies: usize,
    /// Bytes of datagram frames that wait for one endpoint, at most; 8 KiB.
    pub waiting_bytes: usize,
    /// Cost of what one link keeps out of order, at most; `Limits::receive_window`, or the longest frame.
    pub costliest_kept: usize,
    /// Datagrams that wait for addresses without an endpoint; 1,024.
    pub waiting_datagrams: usize,
    /// Runs of others that have ended and whose recordings are refused; 8,192.
    pub ended_runs: usize,
    /// Subscriptions at other daemons; bounded by the shared state of each.
    pub remote_subscriptions: usize,
    /// Events that nobody has asked for; 4,096.
    pub events: usize,
    /// Endpoints that have not shown to have the key that seals; at most `endpoints`.
    pub behind: usize,
    /// Publishers whose links are held until a queue has room.
    pub held: usize,
}

impl Overlay {
    /// What is held in memory now; costs a look at each endpoint.
    pub fn load(&self) -> Load {
        let mut load = Load {
            clients: self.clients.iter().count(),
            members: self.members.iter().count(),
            waiting_datagrams: self.singles.len(),
            ended_runs: self.endpoints.ended_runs(),
            remote_subscriptions: self.remote_subscriptions.len(),
            events: self.events.len(),
            behind: self.sealing.behind(),
            held: self.held.values().map(|held| held.len()).sum(),
            ..Load::default()
        };
        for endpoint in self.endpoints.iter() {
            load.endpoints += 1;
            load.waiting_replies = load.waiting_replies.max(endpoint.replies().len());
            load.waiting_bytes = load.waiting_bytes.max(endpoint.pending().len());
            if let Some(link) = endpoint.link.as_deref() {
                load.longest_queue = load.longest_queue.max(link.queued_frames());
                load.costliest_queue = load.costliest_queue.max(link.queued_cost());
                load.costliest_kept = load.costliest_kept.max(link.kept_cost());
            }
            let session = endpoint.session.as_deref();
            let backlog = session.and_then(|session| session.backlog.as_deref());
            load.longest_backlog = load.longest_backlog.max(backlog.map_or(0, |backlog| backlog.len()));
        }
        load
    }
}
