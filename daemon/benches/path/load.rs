//! What is sent: so many messages of one size, numbered and stamped, at a rate or as fast as they go; and whether all came.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::system;

/// Bytes of the stamp and the number at the start of a payload.
const MARK: usize = 16;

/// Latencies above a minute count as one, nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// Pauses of a rate, at least. What is due in between goes out together.
const TICK: Duration = Duration::from_micros(100);

/// One publisher's load.
#[derive(Args, Clone, Copy)]
pub(crate) struct Load {
    /// Messages.
    #[arg(long)]
    pub(crate) messages: u64,
    /// Bytes of each payload, at least 16.
    #[arg(long)]
    pub(crate) size: usize,
    /// Messages a second; 0: as many as go.
    #[arg(long, default_value = "0")]
    pub(crate) rate: u64,
}

impl Load {
    /// As arguments of a role.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let pairs = [
            ("--messages", self.messages.to_string()),
            ("--size", self.size.to_string()),
            ("--rate", self.rate.to_string()),
        ];
        pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    /// A payload without its mark.
    pub(crate) fn payload(&self) -> Vec<u8> {
        vec![b'.'; self.size.max(MARK)]
    }

    /// Messages due by now, counted from `start` (nanoseconds).
    pub(crate) fn due(&self, start: u64) -> u64 {
        if self.rate == 0 {
            return self.messages;
        }
        let since = u128::from(system::now() - start);
        let due = since * u128::from(self.rate) / 1_000_000_000;
        self.messages.min(u64::try_from(due).unwrap_or(u64::MAX))
    }

    /// How long to pause at a rate.
    pub(crate) fn tick(&self) -> Duration {
        Duration::from_nanos(1_000_000_000_u64.checked_div(self.rate).unwrap_or(0)).max(TICK)
    }
}

/// Writes time and number into a payload.
pub(crate) fn mark(payload: &mut [u8], number: u64) {
    payload[..8].copy_from_slice(&system::now().to_le_bytes());
    payload[8..MARK].copy_from_slice(&number.to_le_bytes());
}

/// What one subscriber got, checked message by message.
pub(crate) struct Receipts {
    next: u64,
    first: u64,
    last: u64,
    latencies: Histogram<u64>,
}

/// What a subscriber tells of its receipts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Received {
    /// When the first and the last message came, nanoseconds.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Quantiles of the time from publishing to delivery, nanoseconds.
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) most: u64,
}

impl Receipts {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Receipts { next: 0, first: 0, last: 0, latencies: Histogram::new_with_max(LONGEST, 3)? })
    }

    /// A message has come at `now`; it must be the next one.
    #[inline]
    pub(crate) fn take(&mut self, now: u64, payload: &[u8]) -> anyhow::Result<()> {
        let (stamp, number) = read_mark(payload)?;
        ensure!(number == self.next, "message {number} came where {} was due", self.next);
        if number == 0 {
            self.first = now;
        }
        self.next += 1;
        self.last = now;
        self.latencies.saturating_record(now.saturating_sub(stamp));
        Ok(())
    }

    /// Messages so far.
    pub(crate) fn count(&self) -> u64 {
        self.next
    }

    pub(crate) fn tell(&self) -> Received {
        Received {
            first: self.first,
            last: self.last,
            p50: self.latencies.value_at_quantile(0.5),
            p99: self.latencies.value_at_quantile(0.99),
            most: self.latencies.max(),
        }
    }
}

fn read_mark(payload: &[u8]) -> anyhow::Result<(u64, u64)> {
    let mark = payload.first_chunk::<MARK>();
    let (stamp, number) = mark.and_then(|mark| mark.split_first_chunk::<8>()).unzip();
    let number = number.and_then(|number| number.first_chunk::<8>());
    let (Some(stamp), Some(number)) = (stamp, number) else { anyhow::bail!("a payload without mark") };
    Ok((u64::from_le_bytes(*stamp), u64::from_le_bytes(*number)))
}
