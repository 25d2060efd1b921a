//! NATS core: nothing is acknowledged.

use anyhow::Context;
use async_nats::{Client, ConnectOptions, Subject, Subscriber};
use bytes::Bytes;
use futures_util::{StreamExt, stream::ReadyChunks};

use super::{Publish, Subscribe};
use crate::load::{SUBJECT, Target};

/// Messages taken at once where so many wait.
pub(super) const BATCH: usize = 1_024;

/// Messages that may wait in a subscriber's client, which drops what is more. Its default of 65,536 is less than one turn of its own task can
/// read from the socket, so that it would drop at any rate.
const WAITING: usize = 1 << 20;

pub(super) async fn connect(target: &Target) -> anyhow::Result<Client> {
    let options = ConnectOptions::new().subscription_capacity(WAITING);
    let connected = options.connect(format!("nats://127.0.0.1:{}", target.port)).await;
    connected.context("cannot connect to NATS")
}

pub(crate) struct NatsPublisher {
    client: Client,
    subject: Subject,
}

impl NatsPublisher {
    pub(crate) async fn connect(target: &Target) -> anyhow::Result<Self> {
        Ok(NatsPublisher { client: connect(target).await?, subject: Subject::from_static(SUBJECT) })
    }
}

impl Publish for NatsPublisher {
    async fn publish(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        Ok(self.client.publish(self.subject.clone(), Bytes::copy_from_slice(payload)).await?)
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        Ok(self.client.flush().await?)
    }
}

pub(crate) struct NatsSubscriber {
    messages: ReadyChunks<Subscriber>,
    _client: Client,
}

impl NatsSubscriber {
    pub(crate) async fn connect(target: &Target) -> anyhow::Result<Self> {
        let client = connect(target).await?;
        let messages = client.subscribe(SUBJECT).await?;
        // Its answer comes behind the subscription.
        client.flush().await?;
        Ok(NatsSubscriber { messages: messages.ready_chunks(BATCH), _client: client })
    }
}

impl Subscribe for NatsSubscriber {
    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> anyhow::Result<bool> {
        let Some(batch) = self.messages.next().await else { return Ok(false) };
        batch.iter().for_each(|message| take(&message.payload));
        Ok(true)
    }
}
