// A daemon of one overlay for tests and for the examples in the documentation: the real overlay, driven by a small loop on a socket of
// its own. (Included by documentation tests too, hence no `//!` and no outer `use` of test-only things.)

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A running daemon; dropping it is a crash.
pub(crate) struct Daemon {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
    pause: tokio::sync::watch::Sender<bool>,
}

impl Daemon {
    /// The overlay's key.
    pub(crate) const KEY: &'static str = "v3JElaRswYgxOt4b";

    /// Starts a daemon on a free port.
    pub(crate) async fn start() -> Daemon {
        Daemon::start_at(0, |_| {}).await
    }

    /// Starts a daemon on this port, or any free one for 0, with this configuration.
    pub(crate) async fn start_at(
        port: u16,
        configure: impl FnOnce(&mut gossiperl_overlay::Config),
    ) -> Daemon {
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).await.expect("a free port");
        let address = socket.local_addr().expect("an address");
        let advertised = (address.ip(), address.port());
        let mut config = gossiperl_overlay::Config::new("test", "daemon", advertised, Daemon::KEY.as_bytes());
        configure(&mut config);
        let (pause, paused) = tokio::sync::watch::channel(false);
        Daemon { address, task: tokio::spawn(drive(socket, config, paused)), pause }
    }

    /// The overlay's port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Options for a client of this name.
    pub(crate) fn options(&self, name: &str) -> gossiperl_client::Options {
        gossiperl_client::Options::new(self.port(), name, Daemon::KEY).secret("its own")
    }

    /// A connected client of this name.
    pub(crate) async fn client(&self, name: &str) -> gossiperl_client::Client {
        gossiperl_client::Client::connect(self.options(name)).await.expect("a session")
    }

    /// Ends the daemon without a word, and waits until its port is free.
    pub(crate) async fn crash(self) {
        self.task.abort();
        while !self.task.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// While set, the daemon does nothing at all.
    pub(crate) fn pause(&self, paused: bool) {
        self.pause.send_replace(paused);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn drive(
    socket: tokio::net::UdpSocket,
    config: gossiperl_overlay::Config,
    mut paused: tokio::sync::watch::Receiver<bool>,
) {
    let unix = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let start = Instant::now();
    let now = || gossiperl_overlay::Time::ZERO + start.elapsed();
    let salt = gossiperl_idl::Salt::new(unix().as_micros() as u64, unix().as_nanos() as u64 | 1);
    let mut overlay = gossiperl_overlay::Overlay::new(config, salt, now(), unix().as_secs() as i64)
        .expect("a configuration");
    let (mut datagram, mut out) = (vec![0; 65_536], Vec::new());
    loop {
        while let Ok((length, from)) = socket.try_recv_from(&mut datagram) {
            overlay.handle_datagram(now(), from, &mut datagram[..length]);
        }
        overlay.handle_timeout(now());
        while let Some(transmit) = overlay.poll_transmit(now(), &mut out) {
            if let Err(error) = socket.send_to(&out[..transmit.len], transmit.destination).await
                && error.kind() == std::io::ErrorKind::ConnectionRefused
            {
                overlay.handle_unreachable(now(), transmit.destination);
            }
        }
        while overlay.poll_event().is_some() {}
        let wait = overlay.poll_timeout().map_or(Duration::from_secs(1), |at| at.since(now()));
        tokio::select! {
            _ = socket.readable() => {}
            () = tokio::time::sleep(wait) => {}
            _ = paused.changed() => {}
        }
        let _ = paused.wait_for(|paused| !*paused).await;
    }
}

/// Runs an example to its end.
pub(crate) fn run(example: impl Future<Output = Result<(), Box<dyn std::error::Error>>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(example).expect("the example");
}
