//! NATS JetStream: acknowledged on both sides.

use std::{collections::VecDeque, future::IntoFuture};

use anyhow::{Context as _, anyhow};
use async_nats::{
    Subject,
    jetstream::{
        self, Context,
        consumer::{AckPolicy, push},
        context::PublishAckFuture,
        stream,
    },
};
use bytes::Bytes;
use futures_util::{StreamExt, stream::ReadyChunks};

use super::{
    Publish, Subscribe,
    nats::{BATCH, connect},
};
use crate::load::{SUBJECT, Target};

/// Messages published and not yet acknowledged.
const WINDOW: usize = 4_096;
/// Messages that a subscriber has not yet acknowledged.
const UNACKNOWLEDGED: i64 = 65_536;
/// Messages that the stream keeps.
const STORED: i64 = 1_000_000;

async fn open(target: &Target) -> anyhow::Result<Context> {
    let context = jetstream::context::ContextBuilder::new().max_ack_inflight(2 * WINDOW);
    Ok(context.build(connect(target).await?))
}

/// The stream, made by whoever comes first.
async fn stream(context: &Context) -> anyhow::Result<stream::Stream> {
    let config = stream::Config {
        name: SUBJECT.into(),
        subjects: vec![SUBJECT.into()],
        storage: stream::StorageType::Memory,
        max_messages: STORED,
        ..stream::Config::default()
    };
    Ok(context.get_or_create_stream(config).await?)
}

pub(crate) struct JetstreamPublisher {
    context: Context,
    subject: Subject,
    unacknowledged: VecDeque<PublishAckFuture>,
}

impl JetstreamPublisher {
    pub(crate) async fn connect(target: &Target) -> anyhow::Result<Self> {
        let context = open(target).await?;
        stream(&context).await?;
        Ok(JetstreamPublisher {
            context,
            subject: Subject::from_static(SUBJECT),
            unacknowledged: VecDeque::with_capacity(WINDOW),
        })
    }

    async fn acknowledged(&mut self) -> anyhow::Result<()> {
        let oldest = self.unacknowledged.pop_front().context("nothing is unacknowledged")?;
        oldest.into_future().await?;
        Ok(())
    }
}

impl Publish for JetstreamPublisher {
    async fn publish(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        if self.unacknowledged.len() >= WINDOW {
            self.acknowledged().await?;
        }
        let payload = Bytes::copy_from_slice(payload);
        self.unacknowledged.push_back(self.context.publish(self.subject.clone(), payload).await?);
        Ok(())
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        while !self.unacknowledged.is_empty() {
            self.acknowledged().await?;
        }
        Ok(())
    }
}

pub(crate) struct JetstreamSubscriber {
    messages: ReadyChunks<push::Messages>,
}

impl JetstreamSubscriber {
    pub(crate) async fn connect(target: &Target, number: usize) -> anyhow::Result<Self> {
        let context = open(target).await?;
        let config = push::Config {
            deliver_subject: format!("deliver.{number}"),
            durable_name: Some(format!("subscriber-{number}")),
            ack_policy: AckPolicy::All,
            max_ack_pending: UNACKNOWLEDGED,
            ..push::Config::default()
        };
        let consumer = stream(&context).await?.create_consumer(config).await?;
        Ok(JetstreamSubscriber { messages: consumer.messages().await?.ready_chunks(BATCH) })
    }
}

impl Subscribe for JetstreamSubscriber {
    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> anyhow::Result<bool> {
        let Some(batch) = self.messages.next().await else { return Ok(false) };
        let mut last = None;
        for message in batch {
            let message = message?;
            take(&message.payload);
            last = Some(message);
        }
        if let Some(last) = last {
            // Everything up to it too: AckPolicy::All.
            last.ack().await.map_err(|error| anyhow!(error))?;
        }
        Ok(true)
    }
}
