//! A command's time with the daemon: connect, work, say goodbye, also when interrupted.

use std::{future::Future, time::Duration};

use anyhow::Context;
use gossiperl_client::{Client, Options, Protocol};

use super::Connection;

/// Longest wait for a session: a daemon on this host answers in a millisecond, or is not there.
const CONNECTING: Duration = Duration::from_secs(3);
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

/// Runs `work` to its end, or until Ctrl-C or SIGTERM, which end a command as well as anything.
pub(crate) fn run(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("cannot start threads")?;
    let result = runtime.block_on(async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = work => result,
            _ = tokio::signal::ctrl_c() => Ok(()),
            _ = terminate.recv() => Ok(()),
        }
    });
    // Clients dropped say goodbye from tasks of their own.
    runtime.shutdown_timeout(Duration::from_millis(500));
    result
}
