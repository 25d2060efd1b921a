//! What one measurement puts through a server, and what the processes that take part tell each other.

use serde::{Deserialize, Serialize};

use crate::system::System;

/// Name of the subject, topic, channel, stream or event type.
pub(crate) const SUBJECT: &str = "load";

/// One measurement's load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Bytes of a payload, at least a [`Header`]'s 16.
    pub(crate) size: usize,
    /// Messages a second; `None`: as many as go.
    pub(crate) rate: Option<u64>,
    /// How long the publisher publishes.
    pub(crate) millis: u64,
    /// Messages to publish at most, however short it takes.
    pub(crate) most: u64,
    /// Subscribers, each with a connection of its own.
    pub(crate) subscribers: usize,
}

/// Where a server serves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) system: System,
    pub(crate) port: u16,
    /// gossiperl's overlay key; the others are used as they come, without one.
    pub(crate) key: String,
}

/// The first line that a worker reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Assignment {
    pub(crate) target: Target,
    pub(crate) load: Load,
}

/// Lines after it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// To the publisher: begin.
    Publish,
    /// To the subscriber: so many messages were published, each subscriber waits for as many.
    Published(u64),
}

/// What a worker writes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// Connected, and subscribed.
    Ready,
    /// The publisher has published this many, and every acknowledgement there is has come.
    Published(u64),
    /// The subscriber has everything, or nothing has come for a while.
    Received(Received),
}

/// Of all subscribers together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Received {
    /// Deliveries, each message once a subscriber.
    pub(crate) deliveries: u64,
    /// Deliveries of what a subscriber had before.
    pub(crate) duplicates: u64,
    /// From the first delivery to the last.
    pub(crate) nanos: u64,
    /// Subscribers whose connection or subscription the server ended.
    pub(crate) ended: u64,
    /// Microseconds from publishing to the subscriber's hand; at a rate only.
    pub(crate) latency: Option<Latency>,
}

/// Microseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// The start of each payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// When it was due, or published: nanoseconds of [`crate::clock::now`].
    pub(crate) stamp: u64,
    /// Counts from 0.
    pub(crate) sequence: u64,
}

impl Header {
    /// Writes it to the start of a payload, if there is room.
    pub(crate) fn write(self, payload: &mut [u8]) {
        if let Some((stamp, rest)) = payload.split_first_chunk_mut::<8>()
            && let Some(sequence) = rest.first_chunk_mut::<8>()
        {
            *stamp = self.stamp.to_be_bytes();
            *sequence = self.sequence.to_be_bytes();
        }
    }

    pub(crate) fn read(payload: &[u8]) -> Option<Header> {
        let (stamp, rest) = payload.split_first_chunk::<8>()?;
        let sequence = rest.first_chunk::<8>()?;
        Some(Header { stamp: u64::from_be_bytes(*stamp), sequence: u64::from_be_bytes(*sequence) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let mut payload = [0; 20];
        let header = Header { stamp: 7, sequence: u64::MAX - 1 };
        header.write(&mut payload);
        assert_eq!(Header::read(&payload), Some(header));
        assert_eq!(Header::read(&payload[..15]), None);
    }
}
