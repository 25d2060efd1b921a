//! The subscribers' process: one connection for each.

use std::{cell::RefCell, future::Future, rc::Rc, time::Duration};

use anyhow::bail;
use hdrhistogram::Histogram;
use tokio::task::{JoinSet, LocalSet, coop::unconstrained};

use crate::{
    clients::{
        GossiperlSubscriber, JetstreamSubscriber, MosquittoSubscriber, NatsSubscriber, RedisPubsubSubscriber,
        RedisStreamsSubscriber, Subscribe,
    },
    clock,
    load::{Assignment, Latency, Load, Order, Received, Report},
    system::System,
    tally::Tally,
    worker::Orders,
};

/// Once all is published, what has not come within so many nanoseconds of the last delivery is lost.
const SILENCE: u64 = 3_000_000_000;
/// Between two looks at whether all has come.
const LOOK: Duration = Duration::from_millis(5);
/// At a rate, messages of the first quarter of a second are not timed.
const WARM_UP: u64 = 4;

pub(crate) async fn run(assignment: &Assignment, orders: &mut Orders) -> anyhow::Result<()> {
    let Assignment { target, load } = assignment;
    match target.system {
        System::Gossiperl => work(|number| GossiperlSubscriber::connect(target, number), load, orders).await,
        System::Nats => work(|_| NatsSubscriber::connect(target), load, orders).await,
        System::Jetstream => work(|number| JetstreamSubscriber::connect(target, number), load, orders).await,
        System::Mosquitto => work(|number| MosquittoSubscriber::connect(target, number), load, orders).await,
        System::RedisPubsub => work(|_| RedisPubsubSubscriber::connect(target), load, orders).await,
        System::RedisStreams => {
            work(|number| RedisStreamsSubscriber::connect(target, number), load, orders).await
        }
    }
}

async fn work<S, F>(connect: impl Fn(usize) -> F, load: &Load, orders: &mut Orders) -> anyhow::Result<()>
where
    S: Subscribe + 'static,
    F: Future<Output = anyhow::Result<S>>,
{
    let local = LocalSet::new();
    local.run_until(receive_all(connect, load, orders)).await
}

async fn receive_all<S, F>(
    connect: impl Fn(usize) -> F,
    load: &Load,
    orders: &mut Orders,
) -> anyhow::Result<()>
where
    S: Subscribe + 'static,
    F: Future<Output = anyhow::Result<S>>,
{
    let mut tallies = Vec::with_capacity(load.subscribers);
    let mut pumps = JoinSet::new();
    for number in 0..load.subscribers {
        let subscriber = connect(number).await?;
        let tally = Rc::new(RefCell::new(Tally::new(load.rate.map_or(u64::MAX, |rate| rate / WARM_UP))?));
        // Takes whatever waits: a share of the thread as small as the client's own task's would make buffers overflow here, not in the server.
        pumps.spawn_local(unconstrained(pump(subscriber, Rc::clone(&tally))));
        tallies.push(tally);
    }
    orders.report(&Report::Ready)?;
    let published = match orders.next().await? {
        Order::Published(published) => published,
        Order::Publish => bail!("a subscriber was told to publish"),
    };
    let told = clock::now();
    while tallies.iter().any(|tally| waits(&tally.borrow(), published, told)) {
        tokio::time::sleep(LOOK).await;
    }
    let received = sum(tallies.iter().map(|tally| tally.borrow()))?;
    orders.report(&Report::Received(received))?;
    // Connections stay until the server's figures are read.
    orders.ended().await;
    Ok(())
}

async fn pump(mut subscriber: impl Subscribe, tally: Rc<RefCell<Tally>>) {
    loop {
        match subscriber.receive(|payload| tally.borrow_mut().take(payload)).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                eprintln!("a subscriber ends: {error:#}");
                break;
            }
        }
    }
    tally.borrow_mut().ended = true;
}

/// Whether more is to come.
fn waits(tally: &Tally, published: u64, told: u64) -> bool {
    let last = tally.span.map_or(told, |(_, last)| last.max(told));
    tally.deliveries < published && !tally.ended && clock::now().saturating_sub(last) < SILENCE
}

fn sum(tallies: impl Iterator<Item = impl std::ops::Deref<Target = Tally>>) -> anyhow::Result<Received> {
    let mut received = Received::default();
    let mut latencies = Histogram::<u64>::new(3)?;
    let mut span: Option<(u64, u64)> = None;
    for tally in tallies {
        received.deliveries += tally.deliveries;
        received.duplicates += tally.duplicates;
        received.ended += u64::from(tally.ended);
        latencies.add(&tally.latencies)?;
        if let Some((first, last)) = tally.span {
            span = Some(
                span.map_or((first, last), |(earliest, latest)| (earliest.min(first), latest.max(last))),
            );
        }
    }
    received.nanos = span.map_or(0, |(first, last)| last - first);
    let micros = |nanos: u64| nanos as f64 / 1e3;
    received.latency = (!latencies.is_empty()).then(|| Latency {
        p50: micros(latencies.value_at_quantile(0.5)),
        p99: micros(latencies.value_at_quantile(0.99)),
        max: micros(latencies.max()),
    });
    Ok(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_of_all_is_from_the_earliest_to_the_latest() {
        let tally = |span, deliveries| {
            let mut tally = Tally::new(0).unwrap();
            (tally.span, tally.deliveries) = (Some(span), deliveries);
            Box::new(tally)
        };
        let received = sum([tally((5, 9), 2), tally((3, 7), 4)].into_iter()).unwrap();
        assert_eq!((received.nanos, received.deliveries), (6, 6));
        assert!(received.latency.is_none());
    }
}
