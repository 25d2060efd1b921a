//! Keeps the service manager's watchdog quiet for as long as every overlay answers.
//!
//! At half of the watchdog's time each overlay's task is asked for its counters, which costs it next to nothing, and the
//! manager is told once all have answered. Where a task hangs, or the runtime no longer runs anything, the watchdog's time
//! passes, and the manager ends the process and starts another. An answer that comes late, but within that time, is as good
//! as any: a slow machine is no reason to start again.

use std::convert::Infallible;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::Manager;
use crate::driver::Handle;

/// Asks and tells for ever; only waits where the manager has no watchdog. `overlays`: those that should answer now.
///
/// An overlay that has been left in the meantime is not missed. Needs a tokio runtime.
pub(super) async fn watch(manager: &Manager, overlays: impl Fn() -> Vec<Handle>) -> Infallible {
    let Some(within) = manager.watchdog() else { return std::future::pending().await };
    let mut ticks = interval(within / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Half of what is left until the manager acts, so that the log can say which overlay it was.
        let soon = Instant::now() + within / 4;
        for overlay in overlays() {
            let answer = overlay.statistics();
            tokio::pin!(answer);
            if timeout_at(soon, &mut answer).await.is_err() {
                let overlay = overlay.overlay();
                tracing::error!(
                    overlay,
                    ?within,
                    "does not answer; the service manager will start gossiperld again"
                );
                let _ = answer.await;
                tracing::warn!(overlay, "answers again");
            }
        }
        manager.alive().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{io, os::linux::net::SocketAddrExt, os::unix::net as unix, path::Path, time::Duration};

    use tokio::runtime::{Builder, Runtime};

    use super::*;
    use crate::{config::Settings, manage::Host, statistics::Collector};

    /// What the manager waits for in these tests.
    const WITHIN: Duration = Duration::from_millis(100);

    /// A host with one overlay, on a runtime of its own.
    fn host(runtime: &Runtime, folder: &Path) -> Host {
        let text = "[overlays.main]\nip = \"127.0.0.1\"\nport = 6666\nracks = { default = [] }\nsymmetric_key = \"a key\"";
        let mut settings = Settings::parse(text, Path::new("test")).unwrap_or_else(|error| panic!("{error}"));
        settings.data_dir = folder.to_owned();
        settings.overlays[0].port = 0;
        runtime.block_on(Host::start(&settings, None, Collector::new(None))).expect("started").0
    }

    fn handles(host: &Host) -> Vec<Handle> {
        host.all().iter().map(|running| running.handle().clone()).collect()
    }

    /// Whose tasks run by themselves.
    fn running() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    }

    /// Whose tasks stand still, as if they hung, while nothing is waited for on it.
    fn hanging() -> Runtime {
        Builder::new_current_thread().enable_all().build().expect("a runtime")
    }

    /// Watches these overlays on a runtime of its own, and hands over what the manager hears.
    fn watched(name: &str, overlays: Vec<Handle>, heard: impl FnOnce(&unix::UnixDatagram)) {
        let name = format!("gossiperl-test-{}-{name}", std::process::id());
        let address = unix::SocketAddr::from_abstract_name(&name).expect("an address");
        let socket = unix::UnixDatagram::bind_addr(&address).expect("bound");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
        let manager = Manager::at(address, WITHIN);
        let runtime = running();
        let watching = runtime.spawn(async move { watch(&manager, || overlays.clone()).await });
        heard(&socket);
        watching.abort();
    }

    fn hears(socket: &unix::UnixDatagram) {
        let mut message = [0; 64];
        let length = socket.recv(&mut message).expect("told");
        assert_eq!(&message[..length], b"WATCHDOG=1");
    }

    #[test]
    fn the_manager_hears_of_overlays_that_answer() {
        let (runtime, folder) = (running(), tempfile::tempdir().expect("a folder"));
        let host = host(&runtime, folder.path());
        watched("answering", handles(&host), |socket| (0..3).for_each(|_| hears(socket)));
        runtime.block_on(host.leave());
    }

    #[test]
    fn the_manager_hears_nothing_while_one_overlay_hangs() {
        let (runtime, folder) = (running(), tempfile::tempdir().expect("a folder"));
        let (stopped, other_folder) = (hanging(), tempfile::tempdir().expect("a folder"));
        let hosts = (host(&runtime, folder.path()), host(&stopped, other_folder.path()));
        let overlays = [handles(&hosts.0), handles(&hosts.1)].concat();
        watched("hanging", overlays, |socket| {
            socket.set_read_timeout(Some(WITHIN * 5)).expect("set");
            let error = socket.recv(&mut [0; 64]).expect_err("one overlay hangs");
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            socket.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
            // Leaving runs the task again, which answers on its way out.
            stopped.block_on(hosts.1.leave());
            hears(socket);
        });
        runtime.block_on(hosts.0.leave());
    }

    #[test]
    fn an_overlay_that_was_left_is_not_missed() {
        let (runtime, folder) = (running(), tempfile::tempdir().expect("a folder"));
        let host = host(&runtime, folder.path());
        let left = handles(&host);
        runtime.block_on(host.leave());
        watched("left", left, hears);
    }
}
