//! One of the demonstration's hosts: a daemon in a process of its own, on a loopback address of its own.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{Read, Write},
    net::{Ipv4Addr, UdpSocket},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use gossiperl_client::{Client, Options};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::random;

/// The configuration of each host.
const CONFIGURATION: &str = include_str!("host.toml");

/// What all hosts have in common.
pub(super) struct Network {
    pub(super) folder: PathBuf,
    addresses: Vec<Ipv4Addr>,
    port: u16,
    key: String,
}

impl Network {
    /// A folder of our own, `count` loopback addresses with one port free on all of them, and a fresh key.
    pub(super) fn new(count: u8) -> anyhow::Result<Self> {
        let number = random::number()?;
        let folder = std::env::temp_dir().join(format!("gossiperl-demo-{number:016x}"));
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.with_context(|| {
            format!("cannot make the folder {}; set TMPDIR to another place", folder.display())
        })?;
        let [net, host, ..] = number.to_le_bytes();
        let addresses: Vec<Ipv4Addr> =
            (1..=count).map(|index| Ipv4Addr::new(127, net.clamp(1, 254), host, index)).collect();
        let port = free_port(&addresses)?;
        Ok(Network { folder, addresses, port, key: random::key()? })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn free_port(addresses: &[Ipv4Addr]) -> anyhow::Result<u16> {
    let first = *addresses.first().context("no addresses")?;
    for _ in 0..64 {
        let port =
            UdpSocket::bind((first, 0)).context("cannot bind a loopback address")?.local_addr()?.port();
        if addresses.iter().all(|address| UdpSocket::bind((*address, port)).is_ok()) {
            return Ok(port);
        }
    }
    bail!("no UDP port is free on {addresses:?}")
}

/// A running daemon; killed when dropped.
pub(super) struct Host {
    pub(super) name: String,
    pub(super) address: Ipv4Addr,
    log: PathBuf,
    child: Child,
}

impl Host {
    /// Starts the daemon of the address with this index.
    pub(super) fn start(network: &Network, index: usize) -> anyhow::Result<Self> {
        let address = *network.addresses.get(index).context("no such address")?;
        let seed = *network.addresses.first().context("no addresses")?;
        let name = format!("host-{}", index + 1);
        let file = |ending: &str| network.folder.join(format!("{name}.{ending}"));
        let text = CONFIGURATION
            .replace("{folder}", &file("data").display().to_string())
            .replace("{address}", &address.to_string())
            .replace("{port}", &network.port.to_string())
            .replace("{name}", &name)
            .replace("{seed}", &seed.to_string())
            .replace("{key}", &network.key);
        write_private(&file("toml"), &text)?;
        let log = file("log");
        let program = std::env::current_exe().context("cannot find this program's file")?;
        let child = Command::new(program)
            .arg("daemon")
            .arg("--config")
            .arg(file("toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("cannot start a daemon")?;
        Ok(Host { name, address, log, child })
    }

    /// A client of this host's daemon.
    pub(super) async fn connect(&mut self, network: &Network, name: &str) -> anyhow::Result<Client> {
        let options = Options::new(network.port, format!("{name}@{}", self.name), &network.key)
            .address(self.address.into())
            .secret(random::key()?);
        let connected = Client::connect(options).await;
        connected.with_context(|| format!("{} does not serve; its log:\n{}", self.name, self.log()))
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What kill -9 does.
    pub(super) fn crash(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill the daemon")?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and up to five seconds for leaving. True: it ended with 0.
    pub(super) async fn stop(&mut self) -> anyhow::Result<bool> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        for _ in 0..500 {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(false)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the daemon's process: asks it to stop when the demonstration is gone, however it ended.
pub(in crate::cli) fn stop_with_parent() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        let _ = kill(Pid::this(), Signal::SIGTERM);
    });
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
