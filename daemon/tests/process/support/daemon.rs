//! gossiperld as a process.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::{sys::signal::Signal, unistd::Pid};
use tempfile::TempDir;

use super::{GOSSIPERL, GOSSIPERLD, Log, Table, ended, free_port, signal, write_config};

/// A running daemon; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    log: Log,
    config: PathBuf,
    /// What it keeps, where nobody else keeps it.
    _folder: Option<TempDir>,
}

impl Daemon {
    /// Starts one with this configuration.
    pub(crate) fn start(config: &Path) -> Self {
        Daemon::start_with(config, &[])
    }

    /// Starts one with this configuration, and these variables in its environment.
    pub(crate) fn start_with(config: &Path, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(GOSSIPERLD)
            .arg("--config")
            .arg(config)
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let log = Log::of(child.stderr.take().expect("piped"));
        Daemon { child, log, config: config.to_owned(), _folder: None }
    }

    /// Starts host-1, with one overlay at this address and nobody else in it, and waits until it serves.
    pub(crate) fn alone(ip: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ip: IpAddr = ip.parse().expect("an address");
        let table =
            Table { name: "main", ip, port: free_port(&[ip]), seeds: &[], more: "member_name = \"host-1\"" };
        let mut daemon = Daemon::start(&write_config(folder.path(), "", &[table]));
        daemon._folder = Some(folder);
        daemon.wait_for("started");
        daemon
    }

    /// Starts host-1 likewise, with a management interface on a port of its own.
    pub(crate) fn managed(ip: &str) -> Self {
        Daemon::managed_with(ip, tempfile::tempdir().expect("a folder"), "")
    }

    /// The same with these lines in its table `[rest]`, and in this folder.
    pub(crate) fn managed_with(ip: &str, folder: TempDir, rest: &str) -> Self {
        let ip: IpAddr = ip.parse().expect("an address");
        let table =
            Table { name: "main", ip, port: free_port(&[ip]), seeds: &[], more: "member_name = \"host-1\"" };
        let mut daemon =
            Daemon::start(&write_config(folder.path(), &format!("[rest]\nport = 0\n{rest}"), &[table]));
        daemon._folder = Some(folder);
        daemon.wait_for("started");
        daemon
    }

    /// Waits for the next line of the log that has these words; returns the log since the last such line.
    pub(crate) fn wait_for(&self, words: &str) -> String {
        self.log.wait_for(&[words])
    }

    /// The log.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The threads besides the first.
    pub(crate) fn threads(&self) -> Vec<(Pid, String)> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let tasks = tasks.map(|task| task.expect("a thread").path());
        let thread = |task: PathBuf| {
            let id = task.file_name().and_then(|id| id.to_str()?.parse().ok()).expect("a number");
            let name = std::fs::read_to_string(task.join("comm")).expect("its name");
            (Pid::from_raw(id), name.trim_end().to_owned())
        };
        let first = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        tasks.map(thread).filter(|(id, _)| *id != first).collect()
    }

    pub(crate) fn signal(&self, what: Signal) {
        signal(&self.child, what);
    }

    /// What kill -9 does.
    pub(crate) fn crash(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// Waits for its end; its exit code.
    pub(crate) fn code(mut self) -> i32 {
        self.child.wait().expect("ended").code().expect("no signal")
    }

    /// Waits for its end; what it kept stays, and so commands can be run for it.
    pub(crate) fn end(&mut self) {
        self.child.wait().expect("ended");
    }

    /// Resident memory, bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        1_024 * line.trim_end_matches("kB").trim().parse::<u64>().expect("a number")
    }

    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// A command for this daemon.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(GOSSIPERL);
        command.args(arguments).arg("--config").arg(&self.config);
        command
    }

    /// Runs a command for this daemon: exit code, standard output, standard error.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        ended(self.command(arguments).output().expect("started"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of {}:\n{}", self.config.display(), self.log.lines().join("\n"));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
