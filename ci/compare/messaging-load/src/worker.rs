//! Publisher and subscriber as processes of their own: this program again, told what to do on its standard input, answering on its
//! standard output, one line of JSON each. A worker ends when its input does, so none outlives the one that started it.

use std::{io::Write, process::Stdio, time::Duration};

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    load::{Assignment, Order, Report},
    publish, subscribe,
};

/// What a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Publisher,
    Subscriber,
}

/// The worker's side of it.
pub(crate) struct Orders {
    lines: Lines<BufReader<Stdin>>,
}

impl Orders {
    pub(crate) async fn next(&mut self) -> anyhow::Result<Order> {
        self.read().await
    }

    async fn read<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let line = self.lines.next_line().await?.context("no orders come any more")?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Waits until no orders can come.
    pub(crate) async fn ended(&mut self) {
        while let Ok(Some(_)) = self.lines.next_line().await {}
    }

    pub(crate) fn report(&self, report: &Report) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(report)?;
        line.push('\n');
        let mut output = std::io::stdout().lock();
        output.write_all(line.as_bytes())?;
        Ok(output.flush()?)
    }
}

/// A worker's life.
pub(crate) async fn run(role: Role) -> anyhow::Result<()> {
    let mut orders = Orders { lines: BufReader::new(tokio::io::stdin()).lines() };
    let assignment: Assignment = orders.read().await?;
    match role {
        Role::Publisher => publish::run(&assignment, &mut orders).await,
        Role::Subscriber => subscribe::run(&assignment, &mut orders).await,
    }
}

/// The side of the one that started it. Killed when dropped.
pub(crate) struct Worker {
    role: Role,
    child: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Starts one, and waits until it is connected.
    pub(crate) async fn start(role: Role, assignment: &Assignment) -> anyhow::Result<Self> {
        let name = role.to_possible_value().context("a role has a name")?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--worker", name.get_name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a worker")?;
        let orders = child.stdin.take().context("a worker takes orders")?;
        let output = child.stdout.take().context("a worker reports")?;
        let mut worker = Worker { role, child, orders, reports: BufReader::new(output).lines() };
        worker.send(assignment).await?;
        match worker.report(Duration::from_secs(20)).await? {
            Report::Ready => Ok(worker),
            other => bail!("the {role:?} said {other:?} before it was ready"),
        }
    }

    pub(crate) async fn order(&mut self, order: Order) -> anyhow::Result<()> {
        self.send(&order).await
    }

    /// Its next report, in bounded time.
    pub(crate) async fn report(&mut self, within: Duration) -> anyhow::Result<Report> {
        let line = tokio::time::timeout(within, self.reports.next_line()).await;
        let line = line.with_context(|| format!("the {:?} said nothing for {within:?}", self.role))??;
        let line = line.with_context(|| format!("the {:?} has ended", self.role))?;
        Ok(serde_json::from_str(&line)?)
    }

    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().with_context(|| format!("the {:?} has ended", self.role))
    }

    /// Lets it end.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        let Worker { mut child, orders, .. } = self;
        drop(orders);
        if tokio::time::timeout(Duration::from_secs(3), child.wait()).await.is_err() {
            child.kill().await?;
        }
        Ok(())
    }

    async fn send(&mut self, message: &impl serde::Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(message)?;
        line.push('\n');
        self.orders.write_all(line.as_bytes()).await?;
        Ok(self.orders.flush().await?)
    }
}
