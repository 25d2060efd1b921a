//! Publishing and subscribing processes: applications with `gossiperl-client`, on a runtime of one thread.

use std::{sync::Arc, time::Duration};

use clap::Args;
use gossiperl_client::{Client, Options, SlowPolicy, Subscription};
use tokio::{sync::Notify, time::Interval};

use crate::{
    children::{KEY, finish, ready},
    load::{Load, Receipts, Received, mark},
    system,
};

const EVENT_TYPE: &str = "measured";

/// One publisher.
#[derive(Args)]
pub(crate) struct Publish {
    #[arg(long)]
    port: u16,
    #[command(flatten)]
    load: Load,
}

/// Any number of subscribers.
#[derive(Args)]
pub(crate) struct Subscribe {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    clients: usize,
    #[command(flatten)]
    load: Load,
}

/// Clients that are there and do nothing.
#[derive(Args)]
pub(crate) struct Crowd {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    clients: usize,
}

impl Publish {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        run(async move {
            let client = connect(self.port, "publisher").await?;
            let publisher = client.publisher(EVENT_TYPE)?;
            let mut payload = self.load.payload();
            blocking(|| ready("")).await?;
            let start = system::now();
            let mut clock = Clock::new(self.load);
            let mut sent = 0;
            while sent < self.load.messages {
                let due = self.load.due(start);
                for number in sent..due {
                    mark(&mut payload, number);
                    publisher.send(&payload).await?;
                }
                sent = due;
                clock.tick().await;
            }
            publisher.flush().await?;
            blocking(move || finish(&start)).await
        })
    }
}

impl Subscribe {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        run(async move {
            let mut subscriptions = Vec::new();
            for number in 0..self.clients {
                let client = connect(self.port, &format!("subscriber {number}")).await?;
                subscriptions.push(client.subscribe([EVENT_TYPE], SlowPolicy::Wait).await?);
            }
            blocking(|| ready("")).await?;
            let load = self.load;
            let tasks: Vec<_> = subscriptions
                .into_iter()
                .map(|subscription| tokio::spawn(take_all(subscription, load)))
                .collect();
            let mut received = Vec::new();
            for task in tasks {
                received.push(task.await??);
            }
            blocking(move || finish(&received)).await
        })
    }
}

impl Crowd {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        run(async move {
            let mut clients = Vec::new();
            for number in 0..self.clients {
                clients.push(connect(self.port, &format!("client {number}")).await?);
            }
            blocking(|| ready("")).await?;
            blocking(move || finish(&self.clients)).await
        })
    }
}

async fn take_all(mut subscription: Subscription, load: Load) -> anyhow::Result<Received> {
    let mut receipts = Receipts::new()?;
    while receipts.count() < load.messages {
        let batch = subscription.next_batch(4_096).await;
        anyhow::ensure!(!batch.is_empty(), "the subscription ended");
        let now = system::now();
        for delivery in &batch {
            receipts.take(now, delivery.payload())?;
        }
    }
    Ok(receipts.tell())
}

/// What a publisher at a rate waits for.
enum Clock {
    /// As many as go.
    None,
    /// The runtime's own timer, whose shortest time is a millisecond.
    Runtime(Interval),
    /// A thread, for shorter ticks. It stops when this is dropped.
    Thread(Arc<Notify>),
}

impl Clock {
    fn new(load: Load) -> Self {
        match load.tick() {
            _ if load.rate == 0 => Clock::None,
            tick if tick >= Duration::from_millis(1) => Clock::Runtime(tokio::time::interval(tick)),
            tick => {
                let ticks = Arc::new(Notify::new());
                let ticking = Arc::downgrade(&ticks);
                std::thread::spawn(move || {
                    while let Some(ticks) = ticking.upgrade() {
                        ticks.notify_one();
                        drop(ticks);
                        std::thread::sleep(tick);
                    }
                });
                Clock::Thread(ticks)
            }
        }
    }

    async fn tick(&mut self) {
        match self {
            Clock::None => {}
            Clock::Runtime(interval) => drop(interval.tick().await),
            Clock::Thread(ticks) => ticks.notified().await,
        }
    }
}

async fn connect(port: u16, name: &str) -> anyhow::Result<Client> {
    Ok(Client::connect(Options::new(port, name, KEY)).await?)
}

/// Waits for standard input while the clients live on.
async fn blocking(wait: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(wait).await?
}

/// In a task, as in most applications: the runtime wakes the future that it was started with in a costlier way.
fn run(main: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::spawn(main).await? })
}
