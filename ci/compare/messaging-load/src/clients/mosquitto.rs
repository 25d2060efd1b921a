//! MQTT 3.1.1, QoS 1 on both sides.

use std::time::Duration;

use anyhow::{Context, bail};
use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Packet, QoS};
use tokio::{sync::watch, task::JoinHandle};

use super::{Publish, Subscribe};
use crate::load::{SUBJECT, Target};

/// Messages published and not yet acknowledged.
const WINDOW: u16 = 8_192;
/// Messages that wait for the client's event loop.
const QUEUE: usize = 1_024;

fn open(target: &Target, name: &str) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(name, "127.0.0.1", target.port);
    options
        .set_clean_session(true)
        .set_keep_alive(Duration::from_secs(600))
        .set_inflight(WINDOW)
        .set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut events) = AsyncClient::new(options, QUEUE);
    let mut network = events.network_options();
    network.set_tcp_nodelay(true);
    events.set_network_options(network);
    (client, events)
}

pub(crate) struct MosquittoPublisher {
    client: AsyncClient,
    published: u64,
    acknowledged: watch::Receiver<u64>,
    driver: JoinHandle<anyhow::Result<()>>,
}

impl MosquittoPublisher {
    pub(crate) async fn connect(target: &Target) -> anyhow::Result<Self> {
        let (client, mut events) = open(target, "publisher");
        while !matches!(events.poll().await?, Event::Incoming(Packet::ConnAck(_))) {}
        let (acknowledge, acknowledged) = watch::channel(0);
        let driver = tokio::spawn(async move {
            loop {
                if let Event::Incoming(Packet::PubAck(_)) = events.poll().await? {
                    acknowledge.send_modify(|count| *count += 1);
                }
            }
        });
        Ok(MosquittoPublisher { client, published: 0, acknowledged, driver })
    }
}

impl Publish for MosquittoPublisher {
    async fn publish(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        if self.driver.is_finished() {
            bail!("the publisher's connection has ended");
        }
        self.published += 1;
        Ok(self.client.publish(SUBJECT, QoS::AtLeastOnce, false, payload).await?)
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        let published = self.published;
        self.acknowledged
            .wait_for(|acknowledged| *acknowledged >= published)
            .await
            .context("the publisher's connection has ended")?;
        Ok(())
    }
}

impl Drop for MosquittoPublisher {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

pub(crate) struct MosquittoSubscriber {
    _client: AsyncClient,
    events: EventLoop,
}

impl MosquittoSubscriber {
    pub(crate) async fn connect(target: &Target, number: usize) -> anyhow::Result<Self> {
        let (client, mut events) = open(target, &format!("subscriber-{number}"));
        client.subscribe(SUBJECT, QoS::AtLeastOnce).await?;
        while !matches!(events.poll().await?, Event::Incoming(Packet::SubAck(_))) {}
        Ok(MosquittoSubscriber { _client: client, events })
    }
}

impl Subscribe for MosquittoSubscriber {
    /// The event loop acknowledges what it hands over.
    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> anyhow::Result<bool> {
        match self.events.poll().await {
            Ok(Event::Incoming(Packet::Publish(publish))) => take(&publish.payload),
            Ok(_) => {}
            Err(ConnectionError::Io(_) | ConnectionError::MqttState(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }
}
