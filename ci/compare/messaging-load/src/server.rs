//! A server under load: started on a free port with a folder of its own that is thrown away, stopped by its pid.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{load::Target, serving, system::System};

/// Longest wait for a server that starts, or stops.
const PATIENCE: Duration = Duration::from_secs(10);
const GOSSIPERL: &str = include_str!("gossiperl.toml");
const MOSQUITTO: &str = include_str!("mosquitto.conf");

/// Killed when dropped, and by the kernel should this process die without a chance to do so.
pub(crate) struct Server {
    child: Child,
    target: Target,
    /// From the start of the process to its first answer.
    start: Duration,
    _folder: TempDir,
}

impl Server {
    /// Starts it and waits until it serves.
    pub(crate) async fn start(system: System, gossiperld: &Path) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("messaging-load-")?;
        let target = Target { system, port: free_port()?, key: random_key()? };
        let log = folder.path().join("log");
        let (output, errors) = (File::create(&log)?, File::options().append(true).open(&log)?);
        let mut command = command(&target, folder.path(), gossiperld)?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors).kill_on_drop(true);
        let begin = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start {}", system.title()))?;
        tokio::select! {
            serves = tokio::time::timeout(PATIENCE, serving::wait(&target)) => {
                let told = || format!("{} does not serve; its log:\n{}", system.title(), read(&log));
                serves.with_context(told)?.with_context(told)?;
            }
            _ = child.wait() => bail!("{} has ended; its log:\n{}", system.title(), read(&log)),
        }
        Ok(Server { child, target, start: begin.elapsed(), _folder: folder })
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn start_time(&self) -> Duration {
        self.start
    }

    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().with_context(|| format!("{} has ended", self.target.system.title()))
    }

    /// SIGTERM, and SIGKILL where that is not enough.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(i32::try_from(self.pid()?)?), Signal::SIGTERM)?;
        if tokio::time::timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

fn command(target: &Target, folder: &Path, gossiperld: &Path) -> anyhow::Result<Command> {
    let port = target.port.to_string();
    let data = folder.join("data");
    fs::create_dir(&data)?;
    // Everything a configuration may name is made by us, so that it needs no escaping.
    let configure = |name: &str, template: &str| -> anyhow::Result<PathBuf> {
        let file = folder.join(name);
        let text = template
            .replace("{folder}", &data.display().to_string())
            .replace("{port}", &port)
            .replace("{key}", &target.key);
        fs::write(&file, text)?;
        Ok(file)
    };
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    match target.system {
        System::Gossiperl => {
            command.arg(gossiperld).arg("--config").arg(configure("gossiperl.toml", GOSSIPERL)?);
        }
        System::Nats => {
            command.args(["nats-server", "-a", "127.0.0.1", "-p", &port]);
        }
        System::Jetstream => {
            command.args(["nats-server", "-a", "127.0.0.1", "-p", &port, "-js", "-sd"]).arg(&data);
        }
        System::Mosquitto => {
            command.args(["mosquitto", "-c"]).arg(configure("mosquitto.conf", MOSQUITTO)?);
        }
        System::RedisPubsub | System::RedisStreams => {
            command.args(["redis-server", "--bind", "127.0.0.1", "--port", &port]);
            command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(&data);
        }
    }
    Ok(command)
}

/// Free for TCP and UDP on loopback.
fn free_port() -> anyhow::Result<u16> {
    for _ in 0..64 {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free on loopback")
}

/// 32 random bytes, spelt.
fn random_key() -> anyhow::Result<String> {
    use std::io::Read;
    let mut bytes = [0_u8; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn read(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}
