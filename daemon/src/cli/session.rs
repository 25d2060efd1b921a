//! A command's time with the daemon: connect, work, say goodbye, also when interrupted.

use std::time::Duration;

use anyhow::{Context, anyhow};
use gossiperl_client::{Client, Options, Protocol};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Connection;

/// Longest wait for a session: a daemon on this host answers in a millisecond, or is not there.
const CONNECTING: Duration = Duration::from_secs(3);
/// How long an interrupted command waits for the session that it has asked for, to say goodbye.
const GIVING_UP: Duration = Duration::from_millis(500);
/// Longest wait for an answer of the daemon.
const PATIENCE: Duration = Duration::from_secs(10);

impl Connection {
    /// Connects as these options say.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        let resolved = self.resolve()?;
        let mut keys = resolved.keys.iter();
        let first = keys.next().context("the overlay has no key")?;
        let protocol = if resolved.legacy { Protocol::Legacy } else { Protocol::Sealed };
        let mut options = Options::new(resolved.port, resolved.name.as_str(), first)
            .address(resolved.address)
            .secret(&resolved.secret)
            .protocol(protocol)
            .connect_timeout(CONNECTING);
        for key in keys {
            options = options.additional_key(key);
        }
        Ok(Client::connect(options).await?)
    }
}

/// Waits for the daemon's answer, in bounded time: a client whose daemon went away would wait for its return.
pub(crate) async fn answered<T>(answer: impl Future<Output = T>) -> anyhow::Result<T> {
    let answered = tokio::time::timeout(PATIENCE, answer).await;
    answered.with_context(|| format!("the daemon has not answered within {PATIENCE:?}: is it still running?"))
}

/// What an interruption (Ctrl-C, SIGTERM) is to a command.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Interruption {
    /// Its way to end.
    Ends,
    /// A failure, since something is left undone; with what to say about it.
    Fails(&'static str),
}

impl Interruption {
    fn result(self) -> anyhow::Result<()> {
        match self {
            Interruption::Ends => Ok(()),
            Interruption::Fails(left) => Err(anyhow!("interrupted: {left}")),
        }
    }
}

/// Connects, runs `work` to its end or until it is interrupted, and in either case waits until what it published is
/// acknowledged and says goodbye to the daemon. A second interruption ends without.
pub(crate) fn with_client(
    connection: &Connection,
    interruption: Interruption,
    work: impl AsyncFnOnce(&Client) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    block_on(async |signals| {
        let mut connecting = std::pin::pin!(connection.connect());
        let client = tokio::select! {
            client = &mut connecting => client?,
            () = signals.next() => {
                // The daemon may know us already.
                let goodbye = async {
                    if let Ok(Ok(client)) = tokio::time::timeout(GIVING_UP, connecting).await {
                        client.close().await;
                    }
                };
                tokio::select! {
                    () = goodbye => {}
                    () = signals.next() => {}
                }
                return interruption.result();
            }
        };
        let result = tokio::select! {
            result = work(&client) => result,
            () = signals.next() => interruption.result(),
        };
        tokio::select! {
            () = client.close() => {}
            () = signals.next() => {}
        }
        result
    })
}

/// Runs `work` to its end or until it is interrupted.
pub(crate) fn run(
    interruption: Interruption,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    block_on(async |signals| {
        tokio::select! {
            result = work => result,
            () = signals.next() => interruption.result(),
        }
    })
}

fn block_on(work: impl AsyncFnOnce(&mut Signals) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("cannot start threads")?;
    let result = runtime.block_on(async {
        let mut signals = Signals::new().context("cannot listen to signals")?;
        work(&mut signals).await
    });
    // A thread that still reads standard input is not waited for.
    runtime.shutdown_background();
    result
}

/// The signals that interrupt a command, listened to from here on.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
