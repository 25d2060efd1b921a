//! `gossiperl bench pub|sub`: messages a second, and how long each takes.
//!
//! Each message begins with the publisher's clock; a subscriber on the same host subtracts it from its own. Between hosts
//! the clocks' difference is in the numbers, and the subscriber says so when it sees it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::bail;
use clap::{Args, Subcommand};
use gossiperl_client::{Client, SlowPolicy};
use hdrhistogram::Histogram;

use super::{
    Connection, output,
    session::{self, Interruption},
};
use crate::printable::Printable;

/// Bytes of the clock at the start of a payload.
const STAMP: usize = 8;
/// A subscriber ends when it has heard nothing for so long after the first message.
const SILENCE: Duration = Duration::from_secs(5);

/// Options of `bench`.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    side: Side,
}

#[derive(Debug, Subcommand)]
enum Side {
    /// Publish messages as fast as the daemon takes them, or at a rate
    Pub {
        /// The event type
        event_type: String,
        /// Messages to publish
        #[arg(short, long, default_value = "100000", value_parser = clap::value_parser!(u64).range(1..))]
        messages: u64,
        /// Bytes of each, at least 8
        #[arg(short, long, default_value = "200", value_parser = clap::value_parser!(u32).range(STAMP as i64..=60_000))]
        size: u32,
        /// Messages a second [default: as many as go]
        #[arg(short, long, value_parser = clap::value_parser!(u64).range(1..))]
        rate: Option<u64>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Subscribe, count and time messages
    Sub {
        /// The event type
        event_type: String,
        /// Messages to wait for
        #[arg(short, long, default_value = "100000", value_parser = clap::value_parser!(u64).range(1..))]
        messages: u64,
        #[command(flatten)]
        connection: Connection,
    },
}

impl Bench {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let interruption = Interruption::Fails("nothing was measured");
        match self.side {
            Side::Pub { event_type, messages, size, rate, connection } => {
                session::with_client(&connection, interruption, async |client| {
                    publish(client, &event_type, messages, size as usize, rate).await
                })
            }
            Side::Sub { event_type, messages, connection } => {
                session::with_client(&connection, interruption, async |client| {
                    subscribe(client, &event_type, messages).await
                })
            }
        }
    }
}

async fn publish(
    client: &Client,
    event_type: &str,
    messages: u64,
    size: usize,
    rate: Option<u64>,
) -> anyhow::Result<()> {
    let publisher = client.publisher(event_type)?;
    let mut payload = vec![b'.'; size];
    let start = Instant::now();
    for number in 0..messages {
        if let Some(rate) = rate {
            let due = start + Duration::from_secs_f64(number as f64 / rate as f64);
            // Shorter pauses than the runtime's millisecond would be rounded up.
            if let Some(early) = due.checked_duration_since(Instant::now())
                && early > Duration::from_micros(500)
            {
                tokio::time::sleep(early).await;
            }
        }
        payload[..STAMP].copy_from_slice(&unix_nanos().to_be_bytes());
        publisher.send(&payload).await?;
    }
    publisher.flush().await?;
    tell_rate("published and acknowledged", messages, size as u64 * messages, start.elapsed())
}

async fn subscribe(client: &Client, event_type: &str, messages: u64) -> anyhow::Result<()> {
    let mut subscription = session::answered(client.subscribe([event_type], SlowPolicy::Wait)).await??;
    output::note(format_args!("waiting for {messages} messages of {}", Printable(event_type)));
    let mut latencies = Histogram::<u64>::new(3)?;
    let (mut count, mut bytes, mut ahead) = (0, 0, 0_u64);
    let mut start = None;
    let mut last = Instant::now();
    while count < messages {
        let batch = match start {
            None => subscription.next_batch(1_024).await,
            Some(_) => match tokio::time::timeout(SILENCE, subscription.next_batch(1_024)).await {
                Ok(batch) => batch,
                Err(_) => break,
            },
        };
        if batch.is_empty() {
            bail!("the connection to the daemon has ended");
        }
        last = Instant::now();
        start.get_or_insert(last);
        let now = unix_nanos();
        for delivery in &batch {
            bytes += delivery.payload().len() as u64;
            if let Some(stamp) = delivery.payload().first_chunk::<STAMP>() {
                let sent = u64::from_be_bytes(*stamp);
                ahead += u64::from(sent > now);
                latencies.record(now.saturating_sub(sent) / 1_000)?;
            }
        }
        count += batch.len() as u64;
    }
    let took = start.map_or(Duration::ZERO, |start| last - start);
    tell_rate("received", count, bytes, took)?;
    let at = |quantile: f64| output::duration(Duration::from_micros(latencies.value_at_quantile(quantile)));
    output::line(format_args!(
        "latency p50 {}, p90 {}, p99 {}, p99.9 {}, most {}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        output::duration(Duration::from_micros(latencies.max()))
    ))?;
    if ahead > 0 {
        output::note(format_args!(
            "{ahead} messages seem to come from the future: the publisher's clock is ahead of this host's"
        ));
    }
    match count < messages {
        true => {
            bail!("{} of {messages} messages did not come within {SILENCE:?} of the last", messages - count)
        }
        false => Ok(()),
    }
}

fn tell_rate(what: &str, messages: u64, bytes: u64, took: Duration) -> anyhow::Result<()> {
    if took.is_zero() {
        return Ok(output::line(format_args!("{messages} messages {what} at once: too few for a rate"))?);
    }
    let seconds = took.as_secs_f64();
    let (rate, volume) = (messages as f64 / seconds, bytes as f64 / seconds / 1e6);
    Ok(output::line(format_args!(
        "{messages} messages {what} in {}: {rate:.0} messages/s, {volume:.1} MB/s",
        output::duration(took)
    ))?)
}

fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
