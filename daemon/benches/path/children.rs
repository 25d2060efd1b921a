//! Processes of a measurement: started, listened to, ended.
//!
//! A role says `ready …` when it is, begins when it reads a line, and tells its result as one line of JSON. It ends when its
//! standard input does, so that nothing outlives this program.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::UdpSocket,
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::system;

/// The overlay's key in all measurements.
pub(crate) const KEY: &str = "a key for measuring only";

/// What a daemon keeps, in its folder.
const DATA: &str = "data";
/// Where the management interface says what its address is, in `DATA`.
const ADDRESS: &str = "rest/address";
const CONFIG: &str = "gossiperl.toml";

/// How often a file is looked for, and the pauses between.
const WAITS: u32 = 1_000;
const WAIT: Duration = Duration::from_millis(20);

/// This program in one of its roles.
pub(crate) struct RoleProcess {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// What it said with `ready`.
    pub(crate) said: String,
}

impl RoleProcess {
    /// Starts the role and waits until it is ready.
    pub(crate) fn start(role: &str, arguments: &[String]) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(role)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the role {role}"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("piped")?);
        let mut process = RoleProcess { child, input, output, said: String::new() };
        let line = process.line()?;
        let Some(said) = line.strip_prefix("ready") else { bail!("{role} said {line:?} instead of ready") };
        process.said = said.trim().to_owned();
        Ok(process)
    }

    /// Lets it begin.
    pub(crate) fn begin(&mut self) -> anyhow::Result<()> {
        Ok(self.input.as_mut().context("it still listens")?.write_all(b"begin\n")?)
    }

    /// Waits for its result.
    pub(crate) fn result<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let line = self.line()?;
        serde_json::from_str(&line).with_context(|| format!("no result: {line:?}"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("a process of the measurement ended early");
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for RoleProcess {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// What a role does at its start: says that it is ready, and waits for the word to begin.
pub(crate) fn ready(said: &str) -> anyhow::Result<()> {
    println!("ready {said}");
    if std::io::stdin().read_line(&mut String::new())? == 0 {
        bail!("the measurement ended before it began");
    }
    Ok(())
}

/// What a role does at its end: stays until it is told to go.
pub(crate) fn finish(result: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(result)?);
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

/// A gossiperld of its own folder and port.
pub(crate) struct DaemonProcess {
    child: Child,
    log: Option<BufReader<ChildStderr>>,
    pub(crate) port: u16,
    folder: TempDir,
}

impl DaemonProcess {
    /// Starts one without the management interface, and waits until it serves.
    pub(crate) fn start() -> anyhow::Result<Self> {
        DaemonProcess::start_with("rest = false")
    }

    /// Starts one with the management interface on a free port, and waits until it serves.
    pub(crate) fn start_managed() -> anyhow::Result<Self> {
        let daemon = DaemonProcess::start_with("rest = { port = 0 }")?;
        daemon.url()?;
        Ok(daemon)
    }

    fn start_with(rest: &str) -> anyhow::Result<Self> {
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        let text = format!(
            "data_dir = {:?}\n{rest}\n[overlays.bench]\nip = \"127.0.0.1\"\nport = {port}\nmember_name = \"daemon\"\n\
             symmetric_key = \"{KEY}\"\nsecret = \"{KEY}\"\nracks = {{ default = [] }}\n",
            folder.path().join(DATA)
        );
        fs::write(folder.path().join(CONFIG), text)?;
        DaemonProcess::run(folder, port)
    }

    /// Ends it and starts it again.
    pub(crate) fn restarted(mut self) -> anyhow::Result<Self> {
        self.child.kill()?;
        self.child.wait()?;
        fs::remove_file(self.file(ADDRESS))?;
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir()?);
        let daemon = DaemonProcess::run(folder, self.port)?;
        daemon.url()?;
        Ok(daemon)
    }

    fn run(folder: TempDir, port: u16) -> anyhow::Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gossiperld"))
            .arg("--config")
            .arg(folder.path().join(CONFIG))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start gossiperld")?;
        let log = child.stderr.take().map(BufReader::new);
        let mut daemon = DaemonProcess { child, log, port, folder };
        daemon.wait_until_started()?;
        daemon.keep_reading();
        Ok(daemon)
    }

    fn wait_until_started(&mut self) -> anyhow::Result<()> {
        let mut log = String::new();
        let output = self.log.as_mut().context("piped")?;
        loop {
            let before = log.len();
            if output.read_line(&mut log)? == 0 {
                bail!("gossiperld did not start:\n{log}");
            }
            if log[before..].contains("started") {
                return Ok(());
            }
        }
    }

    /// Lets nothing of its log stand in its way.
    fn keep_reading(&mut self) {
        if let Some(mut log) = self.log.take() {
            std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        }
    }

    /// Where the management interface is, once it answers.
    pub(crate) fn url(&self) -> anyhow::Result<String> {
        for _ in 0..WAITS {
            match fs::read_to_string(self.file(ADDRESS)) {
                Ok(url) if url.ends_with('\n') => return Ok(url.trim_end().to_owned()),
                _ => std::thread::sleep(WAIT),
            }
        }
        bail!("the management interface did not start")
    }

    /// A file that it keeps.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(DATA).join(name)
    }

    pub(crate) fn cpu(&self) -> anyhow::Result<u64> {
        system::cpu(self.child.id())
    }

    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        system::resident(self.child.id())
    }

    pub(crate) fn anonymous(&self) -> anyhow::Result<u64> {
        system::anonymous(self.child.id())
    }
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
