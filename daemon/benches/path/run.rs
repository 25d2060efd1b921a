//! One run of a load through gossiperl, or through the relay.

use crate::{
    children::{DaemonProcess, RoleProcess},
    load::{Load, Received},
    system,
};

/// What moves the messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Through {
    Relay,
    Gossiperl,
}

/// What one run showed.
pub(crate) struct Run {
    /// When publishing began, nanoseconds.
    start: u64,
    received: Vec<Received>,
    messages: u64,
    /// CPU time of the process in the middle, of the publisher's and of the subscribers', nanoseconds.
    pub(crate) server: u64,
    pub(crate) publisher: u64,
    pub(crate) subscribers: u64,
}

impl Run {
    /// Publishes the load once, to so many subscribers.
    pub(crate) fn of(through: Through, load: Load, subscribers: usize) -> anyhow::Result<Run> {
        match through {
            Through::Relay => {
                let count = ["--sinks".to_owned(), subscribers.to_string()];
                let relay = RoleProcess::start("relay", &count)?;
                let port = ["--port".to_owned(), relay.said.clone()];
                let sinks = RoleProcess::start("sink", &[&port[..], &count, &load.arguments()].concat())?;
                let source = RoleProcess::start("source", &[&port[..], &load.arguments()].concat())?;
                let pid = relay.pid();
                Run::measure(load, source, sinks, || system::cpu(pid))
            }
            Through::Gossiperl => Run::over(&DaemonProcess::start()?, load, subscribers),
        }
    }

    /// Publishes the load once, over this daemon.
    pub(crate) fn over(daemon: &DaemonProcess, load: Load, subscribers: usize) -> anyhow::Result<Run> {
        let port = ["--port".to_owned(), daemon.port.to_string()];
        let count = ["--clients".to_owned(), subscribers.to_string()];
        let subscribers = RoleProcess::start("subscribe", &[&port[..], &count, &load.arguments()].concat())?;
        let publisher = RoleProcess::start("publish", &[&port[..], &load.arguments()].concat())?;
        Run::measure(load, publisher, subscribers, || daemon.cpu())
    }

    fn measure(
        load: Load,
        mut publisher: RoleProcess,
        mut subscribers: RoleProcess,
        server: impl Fn() -> anyhow::Result<u64>,
    ) -> anyhow::Result<Run> {
        let used = || anyhow::Ok([server()?, system::cpu(publisher.pid())?, system::cpu(subscribers.pid())?]);
        let before = used()?;
        subscribers.begin()?;
        publisher.begin()?;
        let received = subscribers.result()?;
        let start = publisher.result()?;
        let after = [server()?, system::cpu(publisher.pid())?, system::cpu(subscribers.pid())?];
        let [server, publisher, subscribers] = std::array::from_fn(|index| after[index] - before[index]);
        Ok(Run { start, received, messages: load.messages, server, publisher, subscribers })
    }

    /// Deliveries a second, from the start of publishing to the last one.
    pub(crate) fn rate(&self) -> f64 {
        let last = self.received.iter().map(|received| received.last).max().unwrap_or(self.start);
        self.deliveries() as f64 / ((last - self.start) as f64 / 1e9)
    }

    /// Deliveries to all subscribers together.
    pub(crate) fn deliveries(&self) -> u64 {
        self.messages * self.received.len() as u64
    }

    /// What the first subscriber got.
    pub(crate) fn latency(&self) -> Option<&Received> {
        self.received.first()
    }
}

/// The middle one of the values; the upper one of two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
