//! `gossiperl demo`: three daemons on this machine, real messages between them, one of them killed.
//!
//! The daemons are processes of their own, this same program started with a hidden command, so that killing one is what
//! it would be on a host. Nothing outlives the demonstration: they end when it ends.

mod host;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use gossiperl_client::{Client, MemberChange, MemberKind, MemberState, SlowPolicy, Subscription};

use super::{
    members::state,
    output,
    session::{self, Interruption},
};
use host::{Host, Network};

pub(super) use host::stop_with_parent;

const TYPE: &str = "demo.orders";
const MESSAGES: u32 = 1_000;
/// Longest wait for anything that takes well under a second.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest wait for a killed daemon to be found out.
const DETECTION: Duration = Duration::from_secs(60);

/// Runs the demonstration; an error where anything was not as it should be.
pub(crate) fn run() -> anyhow::Result<()> {
    session::run(Interruption::Fails("the daemons are stopped"), demonstrate())
}

async fn demonstrate() -> anyhow::Result<()> {
    let network = Network::new(3)?;
    let began = Instant::now();
    let mut hosts = (0..3).map(|index| Host::start(&network, index)).collect::<anyhow::Result<Vec<_>>>()?;
    output::line("Three daemons, each a process of its own, in one overlay:")?;
    for host in &hosts {
        output::line(format_args!(
            "  {}  {}:{}  pid {}",
            host.name,
            host.address,
            network.port(),
            host.pid()
        ))?;
    }
    let mut clients = Vec::new();
    for host in &mut hosts {
        clients.push(host.connect(&network, "demo").await?);
    }
    let [publisher, second, third] = clients.as_slice() else { bail!("three clients expected") };
    wait_for_members(publisher, 3).await?;
    output::line(format_args!(
        "All serve, and know each other, {} after their start.\n",
        output::duration(began.elapsed())
    ))?;

    let mut readers = BTreeMap::new();
    for (name, client) in [("host-2", second), ("host-3", third)] {
        readers.insert(name, client.subscribe([TYPE], SlowPolicy::Wait).await?);
    }
    wait_for_subscriptions(publisher, &mut readers).await?;
    exchange(publisher, &mut readers).await?;

    output::line("\nThe members as host-1 sees them:")?;
    print_members(publisher).await?;

    output::line("\nKilling host-3 (kill -9) ...")?;
    let mut watch = publisher.watch_members().await?;
    let killed = Instant::now();
    if let Some(host) = hosts.get_mut(2) {
        host.crash()?;
    }
    readers.remove("host-3");
    let found_out = async {
        while let Some(event) = watch.next().await {
            if event.member.name != "host-3" {
                continue;
            }
            output::line(format_args!(
                "  after {:>8}  {}",
                output::duration(killed.elapsed()),
                event.change
            ))?;
            if event.change == MemberChange::Unreachable {
                return anyhow::Ok(());
            }
        }
        bail!("the connection to host-1 has ended")
    };
    in_time(DETECTION, "host-1 did not find out that host-3 is gone", found_out).await??;

    output::line("\nThe others go on:")?;
    exchange(publisher, &mut readers).await?;
    output::line("")?;
    print_members(publisher).await?;

    for client in &clients {
        if client.name() != third.name() {
            client.close().await;
        }
    }
    for host in hosts.iter_mut().take(2) {
        let stopped = host.stop().await?;
        output::line(format_args!(
            "{} {}",
            host.name,
            if stopped { "has left in order." } else { "did not stop!" }
        ))?;
        if !stopped {
            bail!("{} did not stop in order", host.name);
        }
    }
    Ok(())
}

/// Publishes, receives everywhere, prints what came and how quickly; every message must come once everywhere.
async fn exchange(publisher: &Client, readers: &mut BTreeMap<&str, Subscription>) -> anyhow::Result<()> {
    let orders = publisher.publisher(TYPE)?;
    let began = Instant::now();
    let publishing = async {
        for number in 0..MESSAGES {
            orders.send(number.to_be_bytes()).await?;
            if number % 16 == 15 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        orders.flush().await?;
        anyhow::Ok(())
    };
    in_time(PATIENCE, "the daemon did not take the messages", publishing).await??;
    output::line(format_args!(
        "{MESSAGES} messages of type {TYPE} published on host-1, all acknowledged after {}.",
        output::duration(began.elapsed())
    ))?;
    let mut rows = vec![["RECEIVED ON", "MESSAGES", "TWICE", "LOST"].map(str::to_owned).to_vec()];
    for (name, reader) in readers.iter_mut() {
        let mut numbers = BTreeSet::new();
        let mut twice = 0;
        let receiving = async {
            while numbers.len() < MESSAGES as usize {
                let Some(delivery) = reader.next().await else { bail!("the connection to {name} has ended") };
                if let Ok(number) = delivery.payload().try_into().map(u32::from_be_bytes) {
                    twice += u32::from(!numbers.insert(number));
                }
            }
            Ok(())
        };
        let received = tokio::time::timeout(PATIENCE, receiving).await;
        let lost = MESSAGES as usize - numbers.len();
        rows.push(vec![(*name).to_owned(), numbers.len().to_string(), twice.to_string(), lost.to_string()]);
        if lost > 0 || twice > 0 || received.is_err() {
            output::table(&rows)?;
            bail!("{name} lost {lost} messages and received {twice} twice");
        }
    }
    output::table(&rows)?;
    latency(&orders, readers).await
}

/// One message at a time: how long from publishing to each reader.
async fn latency(
    orders: &gossiperl_client::Publisher,
    readers: &mut BTreeMap<&str, Subscription>,
) -> anyhow::Result<()> {
    let mut times: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for _ in 0..100 {
        let at = Instant::now();
        orders.send([]).await?;
        for (name, reader) in readers.iter_mut() {
            let delivery = in_time(PATIENCE, "a message did not come", reader.next()).await?;
            delivery.context("the connection has ended")?;
            times.entry((*name).to_owned()).or_default().push(at.elapsed());
        }
    }
    for (name, mut times) in times {
        times.sort();
        let at = |part: usize| {
            times.get(times.len() * part / 100).copied().map(output::duration).unwrap_or_default()
        };
        output::line(format_args!("latency from host-1 to {name}: median {}, 99 % {}", at(50), at(99)))?;
    }
    Ok(())
}

async fn wait_for_members(client: &Client, count: usize) -> anyhow::Result<()> {
    let mut watch = client.watch_members().await?;
    let reachable = |watch: &gossiperl_client::MemberWatch| {
        let members = watch.current();
        members
            .iter()
            .filter(|member| member.kind == MemberKind::Daemon && member.state == MemberState::Reachable)
            .count()
    };
    let all = async {
        while reachable(&watch) < count {
            if watch.next().await.is_none() {
                bail!("the connection to host-1 has ended");
            }
        }
        Ok(())
    };
    in_time(PATIENCE, "the daemons did not find each other", all).await?
}

/// Publishes until every reader has received one message: then host-1 knows of all subscriptions.
async fn wait_for_subscriptions(
    publisher: &Client,
    readers: &mut BTreeMap<&str, Subscription>,
) -> anyhow::Result<()> {
    let known = async {
        for reader in readers.values_mut() {
            while reader.try_next().is_none() {
                publisher.publish(TYPE, []).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        // What is still on its way comes before a mark of the same publisher.
        publisher.publish(TYPE, "mark").await?;
        for reader in readers.values_mut() {
            while reader.next().await.context("the connection has ended")?.payload() != b"mark" {}
        }
        anyhow::Ok(())
    };
    in_time(PATIENCE, "the subscriptions did not reach host-1", known).await?
}

async fn print_members(client: &Client) -> anyhow::Result<()> {
    let mut rows = vec![["NAME", "STATE", "ADDRESS"].map(str::to_owned).to_vec()];
    let mut members = session::answered(client.members()).await??;
    members.retain(|member| member.kind == MemberKind::Daemon);
    members.sort_by(|one, other| one.name.cmp(&other.name));
    for member in members {
        let address = member.address.map(|address| address.to_string()).unwrap_or_default();
        rows.push(vec![member.name.to_string(), state(member.state).to_owned(), address]);
    }
    Ok(output::table(&rows)?)
}

async fn in_time<T>(within: Duration, otherwise: &str, work: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::time::timeout(within, work).await.with_context(|| format!("{otherwise} within {within:?}"))
}
