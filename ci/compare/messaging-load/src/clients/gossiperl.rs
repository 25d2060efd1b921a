//! gossiperl in protocol 2.

use gossiperl_client::{Client, Options, Publisher, SlowPolicy, Subscription};

use super::{Publish, Subscribe};
use crate::load::{SUBJECT, Target};

/// Deliveries taken at once.
const BATCH: usize = 4_096;

pub(crate) struct GossiperlPublisher {
    publisher: Publisher,
}

impl GossiperlPublisher {
    pub(crate) async fn connect(target: &Target) -> anyhow::Result<Self> {
        let client = Client::connect(Options::new(target.port, "publisher", &target.key)).await?;
        Ok(GossiperlPublisher { publisher: client.publisher(SUBJECT)? })
    }
}

impl Publish for GossiperlPublisher {
    async fn publish(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        Ok(self.publisher.send(payload).await?)
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        Ok(self.publisher.flush().await?)
    }
}

pub(crate) struct GossiperlSubscriber {
    subscription: Subscription,
}

impl GossiperlSubscriber {
    pub(crate) async fn connect(target: &Target, number: usize) -> anyhow::Result<Self> {
        let name = format!("subscriber-{number}");
        let client = Client::connect(Options::new(target.port, name.as_str(), &target.key)).await?;
        Ok(GossiperlSubscriber { subscription: client.subscribe([SUBJECT], SlowPolicy::Wait).await? })
    }
}

impl Subscribe for GossiperlSubscriber {
    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> anyhow::Result<bool> {
        let batch = self.subscription.next_batch(BATCH).await;
        batch.iter().for_each(|delivery| take(delivery.payload()));
        Ok(!batch.is_empty())
    }
}
