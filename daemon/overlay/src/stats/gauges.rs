//! What an overlay holds at one moment, as operators look at it.

/// How many there are, by standing (PROTOCOL.md section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standings {
    /// Heard of lately.
    pub reachable: u64,
    /// Silent (clients) or suspected (daemons).
    pub quarantine: u64,
    /// Silent for long (clients) or declared failed (daemons), and not forgotten.
    pub unreachable: u64,
    /// Left in order (daemons), and not forgotten.
    pub left: u64,
}

impl Standings {
    /// Each with the state's name.
    pub fn named(&self) -> [(&'static str, u64); 4] {
        [
            ("reachable", self.reachable),
            ("quarantine", self.quarantine),
            ("unreachable", self.unreachable),
            ("left", self.left),
        ]
    }
}

/// What waits in queues of one kind, or is under way and not acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// Messages, and the few control frames among them.
    pub messages: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Messages in the longest queue.
    pub longest: u64,
    /// Bytes in the largest queue.
    pub largest: u64,
}

impl Queues {
    pub(crate) fn add(&mut self, messages: usize, bytes: usize) {
        let (messages, bytes) = (messages as u64, bytes as u64);
        self.messages += messages;
        self.bytes += bytes;
        self.longest = self.longest.max(messages);
        self.largest = self.largest.max(bytes);
    }
}

/// What is there at one moment. Each number has a bound: see [`Limits`](crate::Limits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Daemons of the overlay, ourselves among them.
    pub daemons: Standings,
    /// Clients of this host, of both protocols.
    pub clients: Standings,
    /// Subscriptions of this host's clients, membership events aside.
    pub local_subscriptions: u64,
    /// Subscriptions of other daemons' clients.
    pub remote_subscriptions: u64,
    /// Event types that have subscribers anywhere.
    pub event_types: u64,
    /// What waits for clients of this host.
    pub to_clients: Queues,
    /// What waits for other daemons.
    pub to_daemons: Queues,
    /// Publishers whose links are held until a queue has room.
    pub held_publishers: u64,
    /// Event types that publishers are asked not to send for now.
    pub paused_types: u64,
    /// The local health score: 0 is healthy (Lifeguard).
    pub health_score: u64,
}
