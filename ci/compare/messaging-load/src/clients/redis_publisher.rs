//! Publishing to Redis, to a channel or a stream: commands in pipelines, a bounded number of them under way.

use anyhow::Context;
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, aio::MultiplexedConnection};
use tokio::task::JoinSet;

use super::Publish;
use crate::load::Target;

/// Commands of a pipeline.
const PIPELINE: usize = 256;
/// Pipelines whose answers have not come.
const PIPELINES: usize = 16;

pub(super) fn client(target: &Target) -> anyhow::Result<Client> {
    Client::open(format!("redis://127.0.0.1:{}", target.port)).context("Redis's address is wrong")
}

/// A connection that waits as long as it takes.
pub(super) async fn connect(target: &Target) -> anyhow::Result<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    Ok(client(target)?.get_multiplexed_async_connection_with_config(&config).await?)
}

pub(crate) struct RedisPublisher {
    connection: MultiplexedConnection,
    /// The command that publishes a payload.
    command: fn(&[u8]) -> Cmd,
    filling: Pipeline,
    /// In the order they were made: a runtime of one thread starts tasks first come, first served.
    under_way: JoinSet<redis::RedisResult<()>>,
}

impl RedisPublisher {
    pub(crate) async fn connect(target: &Target, command: fn(&[u8]) -> Cmd) -> anyhow::Result<Self> {
        let connection = connect(target).await?;
        Ok(RedisPublisher { connection, command, filling: Pipeline::new(), under_way: JoinSet::new() })
    }

    async fn answered(&mut self) -> anyhow::Result<()> {
        self.under_way.join_next().await.context("nothing is under way")???;
        Ok(())
    }
}

impl Publish for RedisPublisher {
    async fn publish(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        self.filling.add_command((self.command)(payload)).ignore();
        if self.filling.len() >= PIPELINE { self.pause().await } else { Ok(()) }
    }

    async fn pause(&mut self) -> anyhow::Result<()> {
        if self.filling.is_empty() {
            return Ok(());
        }
        while self.under_way.len() >= PIPELINES {
            self.answered().await?;
        }
        let pipeline = std::mem::replace(&mut self.filling, Pipeline::with_capacity(PIPELINE));
        let mut connection = self.connection.clone();
        self.under_way.spawn(async move { pipeline.exec_async(&mut connection).await });
        Ok(())
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        self.pause().await?;
        while !self.under_way.is_empty() {
            self.answered().await?;
        }
        Ok(())
    }
}
