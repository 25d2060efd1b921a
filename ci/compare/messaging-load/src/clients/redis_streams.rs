//! Redis streams: a consumer group for each subscriber, read in batches and acknowledged.

use anyhow::{Context, bail};
use redis::{Cmd, Pipeline, Value, aio::MultiplexedConnection};

use super::{Subscribe, redis_publisher::connect};
use crate::load::{SUBJECT, Target};

/// Entries that the stream keeps, about.
const STORED: u64 = 1_000_000;
/// Entries read at once.
const BATCH: usize = 1_000;

/// Adds to the stream.
pub(crate) fn redis_add(payload: &[u8]) -> Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(SUBJECT).arg("MAXLEN").arg("~").arg(STORED).arg("*").arg("p").arg(payload);
    command
}

pub(crate) struct RedisStreamsSubscriber {
    connection: MultiplexedConnection,
    group: String,
    /// Entries in our hands, acknowledged with the next read.
    unacknowledged: Vec<Value>,
}

impl RedisStreamsSubscriber {
    pub(crate) async fn connect(target: &Target, number: usize) -> anyhow::Result<Self> {
        let (mut connection, group) = (connect(target).await?, format!("subscriber-{number}"));
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATE").arg(SUBJECT).arg(&group).arg("$").arg("MKSTREAM");
        create.exec_async(&mut connection).await?;
        Ok(RedisStreamsSubscriber { connection, group, unacknowledged: Vec::new() })
    }
}

impl Subscribe for RedisStreamsSubscriber {
    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> anyhow::Result<bool> {
        let mut pipeline = Pipeline::with_capacity(2);
        if !self.unacknowledged.is_empty() {
            let acknowledge = pipeline.cmd("XACK").arg(SUBJECT).arg(&self.group);
            for id in &self.unacknowledged {
                if let Value::BulkString(id) = id {
                    acknowledge.arg(id.as_slice());
                }
            }
            acknowledge.ignore();
        }
        let read = pipeline.cmd("XREADGROUP").arg("GROUP").arg(&self.group).arg("reader");
        read.arg("COUNT").arg(BATCH).arg("BLOCK").arg(0).arg("STREAMS").arg(SUBJECT).arg(">");
        let answer: Vec<Value> = pipeline.query_async(&mut self.connection).await?;
        self.unacknowledged.clear();
        let entries = answer.into_iter().next().and_then(entries).context("XREADGROUP answered nothing")?;
        for entry in entries {
            let Some((id, payload)) = id_and_payload(entry) else { bail!("an entry is not as it was added") };
            take(&payload);
            self.unacknowledged.push(id);
        }
        Ok(true)
    }
}

/// The entries of the only stream: `[[stream, [entry…]]]`.
fn entries(answer: Value) -> Option<Vec<Value>> {
    let stream = array(answer)?.into_iter().next()?;
    array(array(stream)?.into_iter().nth(1)?)
}

/// `[id, [field, payload]]`.
fn id_and_payload(entry: Value) -> Option<(Value, Vec<u8>)> {
    let mut entry = array(entry)?.into_iter();
    let (id, fields) = (entry.next()?, entry.next()?);
    match array(fields)?.into_iter().nth(1)? {
        Value::BulkString(payload) => Some((id, payload)),
        _ => None,
    }
}

fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}
