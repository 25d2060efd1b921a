//! What is counted of one overlay, from its start on.
//!
//! Counting is on a message's way, so it costs no more than adding to a number at a known place: kinds of frames are
//! places in an array ([`Frames`]), and a round trip that a link measures anyway falls into one of 25 buckets
//! ([`Histogram`]). What can be had by looking ([`Gauges`]) is looked at when somebody asks.
//!
//! Each counter's description stands here once: it is the field's documentation and, word for word, what operators read.

mod counters;
mod gauges;
mod latency;
mod traffic;

pub use counters::Counter;
pub(crate) use counters::counters;
pub use gauges::{Gauges, Queues, Standings};
pub use latency::{Histogram, Latencies};
pub use traffic::{Digests, Frames, Tally, Traffic};

use crate::members::MemberCounters;

counters! {
    /// What has happened so far. Every counter wraps only after 2^64.
    pub struct Stats {
        datagrams {
            /// Datagrams that came in, of both protocols.
            datagrams_received,
            /// Bytes of the datagrams that came in, as UDP payload.
            bytes_received,
            /// Datagrams that went out, of both protocols.
            datagrams_sent,
            /// Bytes of the datagrams that went out, as UDP payload.
            bytes_sent,
            /// Questions that came to our multicast group.
            group_questions,
            /// Questions of our multicast group that we answered.
            group_answers,
        }
        failures {
            /// Datagrams of neither protocol, or of one not spoken with that address.
            foreign,
            /// Datagrams sealed under a key that is not in the ring.
            unknown_key,
            /// Datagrams that did not open: altered, cut, or sealed with another key or secret.
            forged,
            /// Datagrams opened before, or older than the replay window.
            replayed,
            /// Datagrams addressed to another run or another daemon.
            misdirected,
            /// Datagrams from a sender without a session here, or with a wrong secret.
            strangers,
            /// Datagrams opened, but with contents that are not what they should be.
            malformed,
            /// Structs of protocol 1 that nobody may send to a daemon.
            unexpected,
            /// Challenges not sent because of their rate limit.
            challenges_withheld,
            /// Answers of protocol 1 not made because too many waited.
            replies_withheld,
            /// Requests to subscribe refused because the shared state had no room.
            unannounced,
            /// Messages and requests refused for good.
            refused,
            /// Entries of the shared state left out because a bound is reached.
            entries_refused,
        }
        deliveries {
            /// Messages taken over from local publishers.
            published,
            /// Messages taken over from other daemons.
            relayed,
            /// Messages put into another daemon's queue.
            forwarded,
            /// Messages put into a local subscriber's queue.
            fanned_out,
            /// Messages acknowledged by local subscribers.
            delivered,
            /// Messages nobody subscribes to.
            unheard,
        }
        losses {
            /// Messages dropped by a subscription's policy, or because their subscriber unsubscribed or went.
            dropped,
            /// Messages of protocol 1 given up after redelivery_retry_max, or for newer ones where the client acknowledges none.
            expired,
            /// Messages too large for a subscriber of protocol 1.
            undeliverable,
            /// Local clients that were last heard under a key when it was retired.
            cut_off,
        }
        retries {
            /// Frames and pieces of frames that a link sent again.
            resent,
            /// Expiries of a link's retransmission timeout.
            timeouts,
            /// Messages sent again to subscribers of protocol 1.
            redelivered,
            /// Messages that publishers of protocol 1 sent again, acknowledged and not delivered again.
            republished,
            /// Publishes put off because a queue was full.
            held_back,
        }
    }
}

/// Everything that is counted and looked at, at one moment. Plain numbers: copying it is all that keeping it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Datagrams, failures, deliveries, losses, retries.
    pub stats: Stats,
    /// What membership has counted.
    pub members: MemberCounters,
    /// Frames and digests by kind.
    pub traffic: Traffic,
    /// Round trips.
    pub latencies: Latencies,
    /// What is there now. Not counted: no part of [`Snapshot::values`].
    pub gauges: Gauges,
}

impl Snapshot {
    /// Every counter, in an order that stays the same while the program runs.
    pub fn values(&self) -> impl Iterator<Item = u64> {
        let counted = self.stats.values().chain(self.members.values());
        counted.chain(self.traffic.values()).chain(self.latencies.values())
    }

    /// The same, to be written.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let counted = self.stats.values_mut().chain(self.members.values_mut());
        counted.chain(self.traffic.values_mut()).chain(self.latencies.values_mut())
    }
}
