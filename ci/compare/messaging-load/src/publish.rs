//! The publisher's process.

use std::future::Future;

use anyhow::bail;

use crate::{
    clients::{
        GossiperlPublisher, JetstreamPublisher, MosquittoPublisher, NatsPublisher, Publish, RedisPublisher,
        redis_add, redis_publish,
    },
    clock::{self, Timer},
    load::{Assignment, Header, Load, Order, Report},
    system::System,
    worker::Orders,
};

/// At a rate, messages go out in bursts at least this many nanoseconds apart, so that a high rate does not wake us for each message.
const TICK: u64 = 200_000;
/// Messages after which the client's own tasks get a turn, for clients that do not give them one while there is room.
const BETWEEN_YIELDS: u64 = 1_024;

pub(crate) async fn run(assignment: &Assignment, orders: &mut Orders) -> anyhow::Result<()> {
    let Assignment { target, load } = assignment;
    match target.system {
        System::Gossiperl => work(GossiperlPublisher::connect(target), load, orders).await,
        System::Nats => work(NatsPublisher::connect(target), load, orders).await,
        System::Jetstream => work(JetstreamPublisher::connect(target), load, orders).await,
        System::Mosquitto => work(MosquittoPublisher::connect(target), load, orders).await,
        System::RedisPubsub => work(RedisPublisher::connect(target, redis_publish), load, orders).await,
        System::RedisStreams => work(RedisPublisher::connect(target, redis_add), load, orders).await,
    }
}

async fn work<P: Publish>(
    connecting: impl Future<Output = anyhow::Result<P>>,
    load: &Load,
    orders: &mut Orders,
) -> anyhow::Result<()> {
    let mut publisher = connecting.await?;
    orders.report(&Report::Ready)?;
    match orders.next().await? {
        Order::Publish => {}
        Order::Published(_) => bail!("a publisher was told what was published"),
    }
    let published = match load.rate {
        Some(rate) => publish_at(&mut publisher, load, rate).await?,
        None => publish_all(&mut publisher, load).await?,
    };
    publisher.pause().await?;
    publisher.flush().await?;
    orders.report(&Report::Published(published))?;
    // The connection stays until everything has been received.
    orders.ended().await;
    Ok(())
}

/// As many as go.
async fn publish_all(publisher: &mut impl Publish, load: &Load) -> anyhow::Result<u64> {
    let mut payload = vec![b'.'; load.size];
    let end = clock::now() + load.millis * 1_000_000;
    for sequence in 0..load.most {
        let stamp = clock::now();
        if stamp >= end {
            return Ok(sequence);
        }
        Header { stamp, sequence }.write(&mut payload);
        publisher.publish(&payload).await?;
        give_turn(sequence).await;
    }
    Ok(load.most)
}

/// So many a second, whatever the server does: when publishing was held up, what was due meanwhile is stamped with the time it was due, so that
/// latency counts the wait (no coordinated omission). Only the timer's own lateness is left out.
async fn publish_at(publisher: &mut impl Publish, load: &Load, rate: u64) -> anyhow::Result<u64> {
    let mut payload = vec![b'.'; load.size];
    let timer = Timer::new()?;
    let total = (rate * load.millis / 1_000).clamp(1, load.most);
    let start = clock::now();
    let mut woken = start;
    for sequence in 0..total {
        let due = start + (u128::from(sequence) * 1_000_000_000 / u128::from(rate)) as u64;
        if due > clock::now() {
            publisher.pause().await?;
            timer.wait_until(due.max(woken + TICK)).await?;
            woken = clock::now();
        }
        Header { stamp: due.max(woken), sequence }.write(&mut payload);
        publisher.publish(&payload).await?;
        give_turn(sequence).await;
    }
    Ok(total)
}

async fn give_turn(sequence: u64) {
    if sequence.is_multiple_of(BETWEEN_YIELDS) {
        tokio::task::yield_now().await;
    }
}
