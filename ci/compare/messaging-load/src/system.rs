//! The systems that are compared.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A system, in one way of using it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum System {
    /// gossiperl, protocol 2
    Gossiperl,
    /// NATS without acknowledgements
    Nats,
    /// NATS JetStream
    Jetstream,
    /// mosquitto, QoS 1 on both sides
    Mosquitto,
    /// Redis channels: PUBLISH, SUBSCRIBE
    RedisPubsub,
    /// Redis streams: XADD, XREADGROUP, XACK
    RedisStreams,
}

impl System {
    pub(crate) const ALL: [System; 6] = [
        System::Gossiperl,
        System::Nats,
        System::Jetstream,
        System::Mosquitto,
        System::RedisPubsub,
        System::RedisStreams,
    ];

    /// A column's head.
    pub(crate) fn title(self) -> &'static str {
        match self {
            System::Gossiperl => "gossiperl",
            System::Nats => "NATS core",
            System::Jetstream => "NATS JetStream",
            System::Mosquitto => "mosquitto",
            System::RedisPubsub => "Redis pub/sub",
            System::RedisStreams => "Redis streams",
        }
    }

    /// What the publisher gets acknowledged.
    pub(crate) fn publisher_acknowledged(self) -> &'static str {
        match self {
            System::Gossiperl => "in every subscriber's queue",
            System::Nats => "no",
            System::Jetstream => "stored",
            System::Mosquitto => "taken (PUBACK)",
            System::RedisPubsub => "handed out, not delivered",
            System::RedisStreams => "stored",
        }
    }

    /// What the subscriber acknowledges.
    pub(crate) fn subscriber_acknowledges(self) -> &'static str {
        match self {
            System::Gossiperl | System::Mosquitto => "each message",
            System::Jetstream => "each message, in batches",
            System::RedisStreams => "each message (XACK), in batches",
            System::Nats | System::RedisPubsub => "no",
        }
    }

    /// Settings that are not the system's or its client's defaults, and those that matter.
    pub(crate) fn settings(self) -> &'static str {
        match self {
            System::Gossiperl => {
                "sealed datagrams (AES-256-GCM), preset lan; client window 16,384 messages or 8 MiB, SlowPolicy::Wait"
            }
            System::Nats => {
                "server's defaults: a subscriber that falls behind is cut off; client's subscription_capacity 1,048,576"
            }
            System::Jetstream => {
                "stream in memory, limits retention, at most 1,000,000 messages, the oldest dropped; publish window 4,096; \
                 push consumers, AckPolicy::All, at most 65,536 unacknowledged"
            }
            System::Mosquitto => {
                "persistence false, max_queued_messages 0 and max_inflight_messages 0 (no limit), set_tcp_nodelay; \
                 client window 8,192, clean session"
            }
            System::RedisPubsub => {
                "no persistence, default client-output-buffer-limit: a subscriber that falls behind is cut off; \
                 pipelines of up to 256 commands, 16 under way"
            }
            System::RedisStreams => {
                "no persistence, MAXLEN ~ 1,000,000; pipelines of up to 256 commands, 16 under way; one group a subscriber, \
                 COUNT 1,000"
            }
        }
    }

    /// The program of its server, and the argument that makes it tell its version; `None` for our own.
    pub(crate) fn program(self) -> Option<(&'static str, &'static str)> {
        match self {
            System::Gossiperl => None,
            System::Nats | System::Jetstream => Some(("nats-server", "--version")),
            System::Mosquitto => Some(("mosquitto", "-h")),
            System::RedisPubsub | System::RedisStreams => Some(("redis-server", "--version")),
        }
    }
}
