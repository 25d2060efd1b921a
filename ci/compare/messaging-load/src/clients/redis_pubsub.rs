//! Redis channels. The answer to PUBLISH says that it was handed out, no more.

use futures_util::{StreamExt, stream::ReadyChunks};
use redis::{
    Cmd,
    aio::{PubSubSink, PubSubStream},
};

use super::{Subscribe, redis_publisher::client};
use crate::load::{SUBJECT, Target};

/// Messages taken at once where so many wait.
const BATCH: usize = 1_024;

/// Publishes to the channel.
pub(crate) fn redis_publish(payload: &[u8]) -> Cmd {
    let mut command = redis::cmd("PUBLISH");
    command.arg(SUBJECT).arg(payload);
    command
}

pub(crate) struct RedisPubsubSubscriber {
    messages: ReadyChunks<PubSubStream>,
    _sink: PubSubSink,
}

impl RedisPubsubSubscriber {
    pub(crate) async fn connect(target: &Target) -> anyhow::Result<Self> {
        let (mut sink, stream) = client(target)?.get_async_pubsub().await?.split();
        sink.subscribe(SUBJECT).await?;
        Ok(RedisPubsubSubscriber { messages: stream.ready_chunks(BATCH), _sink: sink })
    }
}

impl Subscribe for RedisPubsubSubscriber {
    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> anyhow::Result<bool> {
        let Some(batch) = self.messages.next().await else { return Ok(false) };
        batch.iter().for_each(|message| take(message.get_payload_bytes()));
        Ok(true)
    }
}
