//! One measurement of one system: a fresh server, a load through it, and what both cost.

use std::{path::Path, time::Duration};

use anyhow::bail;
use serde::Serialize;

use crate::{
    case::Case,
    load::{Assignment, Load, Order, Received, Report},
    server::Server,
    system::System,
    usage,
    worker::{Role, Worker},
};

/// A load's time beyond the time it is published for, within which a system must have taken and delivered all of it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a load came to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measurement {
    pub(crate) system: System,
    pub(crate) case: Case,
    pub(crate) round: usize,
    pub(crate) load: Load,
    pub(crate) published: u64,
    pub(crate) received: Received,
    /// Deliveries that never came.
    pub(crate) lost: u64,
    /// Deliveries a second from the first to the last.
    pub(crate) per_second: f64,
    pub(crate) server_cpu_seconds: f64,
    pub(crate) publisher_cpu_seconds: f64,
    pub(crate) subscriber_cpu_seconds: f64,
    /// The most the server ever had resident.
    pub(crate) server_peak_kib: u64,
}

/// What a server costs that serves nobody.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) system: System,
    pub(crate) round: usize,
    pub(crate) start_millis: f64,
    pub(crate) resident_kib: u64,
    pub(crate) cpu_percent: f64,
}

/// Puts `load` through a fresh server.
pub(crate) async fn measure(
    system: System,
    case: Case,
    round: usize,
    load: Load,
    gossiperld: &Path,
) -> anyhow::Result<Measurement> {
    let server = Server::start(system, gossiperld).await?;
    let assignment = Assignment { target: server.target().clone(), load: load.clone() };
    // The subscriber first: it makes the stream where there is one, and must not miss the beginning.
    let mut subscriber = Worker::start(Role::Subscriber, &assignment).await?;
    let mut publisher = Worker::start(Role::Publisher, &assignment).await?;
    let pids = [server.pid()?, publisher.pid()?, subscriber.pid()?];
    let before = cpu(pids)?;
    publisher.order(Order::Publish).await?;
    let patience = Duration::from_millis(load.millis) + PATIENCE;
    let published = match publisher.report(patience).await? {
        Report::Published(published) => published,
        other => bail!("the publisher said {other:?}"),
    };
    subscriber.order(Order::Published(published)).await?;
    let received = match subscriber.report(patience).await? {
        Report::Received(received) => received,
        other => bail!("the subscriber said {other:?}"),
    };
    let after = cpu(pids)?;
    let server_peak_kib = usage::memory(server.pid()?, "VmHWM")?;
    publisher.end().await?;
    subscriber.end().await?;
    server.stop().await?;
    let [server_cpu_seconds, publisher_cpu_seconds, subscriber_cpu_seconds] =
        [0, 1, 2].map(|which: usize| after[which] - before[which]);
    Ok(Measurement {
        system,
        case,
        round,
        published,
        lost: (published * load.subscribers as u64).saturating_sub(received.deliveries),
        per_second: per_second(&received),
        received,
        load,
        server_cpu_seconds,
        publisher_cpu_seconds,
        subscriber_cpu_seconds,
        server_peak_kib,
    })
}

/// Lets a fresh server be for so long.
pub(crate) async fn idle(
    system: System,
    round: usize,
    time: Duration,
    gossiperld: &Path,
) -> anyhow::Result<Idle> {
    let server = Server::start(system, gossiperld).await?;
    let pid = server.pid()?;
    // What follows the start and our probe is not idleness yet.
    tokio::time::sleep(time / 4).await;
    let before = usage::cpu_seconds_of_threads(pid)?;
    tokio::time::sleep(time).await;
    let used = usage::cpu_seconds_of_threads(pid)? - before;
    let idle = Idle {
        system,
        round,
        start_millis: server.start_time().as_secs_f64() * 1e3,
        resident_kib: usage::memory(pid, "VmRSS")?,
        cpu_percent: 100.0 * used / time.as_secs_f64(),
    };
    server.stop().await?;
    Ok(idle)
}

fn cpu(pids: [u32; 3]) -> anyhow::Result<[f64; 3]> {
    let mut seconds = [0.0; 3];
    for (second, pid) in seconds.iter_mut().zip(pids) {
        *second = usage::cpu_seconds(pid)?;
    }
    Ok(seconds)
}

fn per_second(received: &Received) -> f64 {
    if received.nanos == 0 {
        return 0.0;
    }
    received.deliveries.saturating_sub(1) as f64 * 1e9 / received.nanos as f64
}
