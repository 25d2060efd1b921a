//! Each system's client behind the same two faces.
//!
//! Windows are bounded: where a system has flow control, nothing is dropped for lack of patience.

mod gossiperl;
mod jetstream;
mod mosquitto;
mod nats;
mod redis_publisher;
mod redis_pubsub;
mod redis_streams;

pub(crate) use gossiperl::{GossiperlPublisher, GossiperlSubscriber};
pub(crate) use jetstream::{JetstreamPublisher, JetstreamSubscriber};
pub(crate) use mosquitto::{MosquittoPublisher, MosquittoSubscriber};
pub(crate) use nats::{NatsPublisher, NatsSubscriber};
pub(crate) use redis_publisher::RedisPublisher;
pub(crate) use redis_pubsub::{RedisPubsubSubscriber, redis_publish};
pub(crate) use redis_streams::{RedisStreamsSubscriber, redis_add};

/// Publishes through one connection.
pub(crate) trait Publish {
    /// Hands over a message as soon as there is room in the window of unacknowledged ones.
    async fn publish(&mut self, payload: &[u8]) -> anyhow::Result<()>;

    /// No message follows for now: sends what was kept back to fill a batch. Most clients do that by themselves.
    async fn pause(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Waits until everything is acknowledged, or at least sent where nothing is.
    async fn flush(&mut self) -> anyhow::Result<()>;
}

/// Receives through one connection.
pub(crate) trait Subscribe {
    /// Waits for messages, hands over each payload, and acknowledges. False: the server has ended it.
    async fn receive(&mut self, take: impl FnMut(&[u8])) -> anyhow::Result<bool>;
}
