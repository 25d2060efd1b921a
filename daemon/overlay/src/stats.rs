//! Counters of one overlay since its start.

/// What has happened so far. Every counter wraps only after 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams handed in.
    pub datagrams_received: u64,
    /// Bytes of them.
    pub bytes_received: u64,
    /// Datagrams handed out.
    pub datagrams_sent: u64,
    /// Bytes of them.
    pub bytes_sent: u64,
    /// Not a datagram of either protocol, or one not spoken with that address.
    pub foreign: u64,
    /// Sealed under a key that is not in the ring.
    pub unknown_key: u64,
    /// Did not open: altered, cut, or sealed with another key or secret.
    pub forged: u64,
    /// Opened before, or older than the replay window.
    pub replayed: u64,
    /// Addressed to another run or another daemon.
    pub misdirected: u64,
    /// From a sender without a session here.
    pub strangers: u64,
    /// Opened, but with frames that are not what they should be.
    pub malformed: u64,
    /// Challenges not sent because of their rate limit.
    pub challenges_withheld: u64,
    /// Questions that came to our multicast group.
    pub group_questions: u64,
    /// Those of them that we answered.
    pub group_answers: u64,
    /// Messages taken over from local publishers.
    pub published: u64,
    /// Messages taken over from other daemons.
    pub relayed: u64,
    /// Messages put into another daemon's queue.
    pub forwarded: u64,
    /// Messages put into a local subscriber's queue.
    pub fanned_out: u64,
    /// Messages acknowledged by local subscribers of protocol 2.
    pub delivered: u64,
    /// Messages nobody subscribes to.
    pub unheard: u64,
    /// Requests to subscribe refused because the shared state had no room.
    pub unannounced: u64,
    /// Publishes put off because a queue was full.
    pub held_back: u64,
    /// Publishes refused for good.
    pub refused: u64,
    /// Messages dropped by a subscription's policy or because their subscriber went.
    pub dropped: u64,
}
