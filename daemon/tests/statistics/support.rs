//! Overlays with statistics, clients, and numbers out of what is answered.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    time::Duration,
};

use gossiperl_client::{Client, Options, SlowPolicy, Subscription};
use gossiperl_daemon::{config::Settings, service::Service};
use tempfile::TempDir;

/// The overlay's key.
pub(crate) const KEY: &str = "a key of this test";
/// The type of the messages of these tests.
pub(crate) const TYPE: &str = "numbers";
/// The file's name in a host's folder.
const CONFIG: &str = "gossiperl.toml";

/// A service with the overlay `main`.
pub(crate) struct Host {
    pub(crate) service: Service,
    /// Where its clients find it.
    pub(crate) address: SocketAddr,
    folder: TempDir,
}

impl Host {
    /// Starts one whose configuration begins with `top`.
    pub(crate) async fn start(top: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(top, folder.path());
        let address = settings.overlays[0].client_address();
        let service = Service::start(&settings, Some(&folder.path().join(CONFIG))).await.expect("started");
        Host { service, address, folder }
    }

    /// Reads its configuration again, which now begins with `top`.
    pub(crate) async fn reload(&self, top: &str) {
        let text = text(top, self.folder.path(), self.address.port());
        fs::write(self.folder.path().join(CONFIG), text).expect("written");
        self.service.host().reload().await.expect("taken over");
    }

    /// What it keeps.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A client of protocol 2.
    pub(crate) async fn client(&self, name: &str) -> Client {
        let options = Options::new(self.address.port(), name, KEY).address(self.address.ip());
        soon("a session", Client::connect(options)).await.expect("a session")
    }

    /// Publishes so many messages of 100 bytes; all are acknowledged.
    pub(crate) async fn publish(&self, publisher: &Client, count: usize) {
        let sender = publisher.publisher(TYPE).expect("a type");
        for _ in 0..count {
            sender.send(vec![7; 100]).await.expect("open");
        }
        soon("everything is taken", sender.flush()).await.expect("taken");
    }

    /// The metrics now.
    pub(crate) async fn metrics(&self) -> Metrics {
        Metrics(self.service.host().collector().metrics(0).await)
    }

    /// Waits until the metrics are so.
    pub(crate) async fn wait_for(&self, what: &str, is_so: impl Fn(&Metrics) -> bool) -> Metrics {
        soon(what, async {
            loop {
                let metrics = self.metrics().await;
                if is_so(&metrics) {
                    return metrics;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
    }
}

/// A subscriber of [`TYPE`].
pub(crate) async fn subscribe(client: &Client) -> Subscription {
    soon("a subscription", client.subscribe([TYPE], SlowPolicy::Wait)).await.expect("subscribed")
}

/// Reads so many messages.
pub(crate) async fn receive(subscription: &mut Subscription, count: usize) {
    for at in 0..count {
        assert!(soon("a delivery", subscription.next()).await.is_some(), "closed after {at}");
    }
}

/// A configuration with the overlay `main` on a free port, and without a management interface unless `top` has one.
pub(crate) fn settings(top: &str, folder: &Path) -> Settings {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = socket.local_addr().expect("bound").port();
    let text = text(top, folder, port);
    Settings::parse(&text, Path::new(CONFIG)).unwrap_or_else(|error| panic!("{error}"))
}

fn text(top: &str, folder: &Path, port: u16) -> String {
    let rest = if top.contains("[rest]") { "" } else { "rest = false" };
    format!(
        "data_dir = {:?}\n{rest}\n{top}\n[overlays.main]\nip = \"127.0.0.1\"\nport = {port}\nsymmetric_key = \"{KEY}\"\nracks = {{ default = [] }}\nmember_name = \"host, 1\"\n",
        folder.join("data")
    )
}

/// The text that Prometheus scrapes.
pub(crate) struct Metrics(pub(crate) String);

impl Metrics {
    /// The value of this line of the overlay `main`; `labels` are those behind the overlay's.
    pub(crate) fn of(&self, name: &str, labels: &str) -> f64 {
        let separator = if labels.is_empty() { "" } else { "," };
        self.line(&format!("{name}{{overlay=\"main\"{separator}{labels}}}"))
    }

    /// The value of this line.
    pub(crate) fn line(&self, series: &str) -> f64 {
        let mut lines = self.0.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let value = lines.next().unwrap_or_else(|| panic!("{series} is not in\n{}", self.0));
        value.parse().expect("a number")
    }

    /// What the InfluxDB writer says became of points.
    pub(crate) fn points(&self, outcome: &str) -> u64 {
        self.line(&format!("gossiperl_influxdb_points_total{{outcome=\"{outcome}\"}}")) as u64
    }

    /// Attempts that failed.
    pub(crate) fn failed(&self) -> u64 {
        self.line("gossiperl_influxdb_failed_attempts_total") as u64
    }

    /// Batches that wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.line("gossiperl_influxdb_waiting_batches") as u64
    }
}

/// A TCP port that nobody uses.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("bound").port()
}

/// Waits for something that takes much less than a minute on a machine that is up.
pub(crate) async fn soon<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    let awaited = tokio::time::timeout(Duration::from_secs(60), awaited).await;
    awaited.unwrap_or_else(|_| panic!("{what}: not within a minute"))
}
