//! What a daemon takes: memory idle, for each local client and for each remote member; CPU idle; time until it serves.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::Context;
use clap::Args;
use gossiperl_daemon::{
    config::Settings,
    driver::{self, Handle},
    lookup::Lookup,
};

use crate::{
    children::{DaemonProcess, KEY, RoleProcess, finish, ready},
    run::median,
    system, table,
};

const CLIENTS: usize = 1_000;
const MEMBERS: usize = 500;
const IDLE: Duration = Duration::from_secs(10);

/// A crowd of daemons in one process, each with its own socket and task, which join the one measured.
#[derive(Args)]
pub(crate) struct Members {
    #[arg(long)]
    seed: u16,
    #[arg(long)]
    members: usize,
}

pub(crate) fn measure(rounds: u32) -> anyhow::Result<()> {
    table::begin("Footprint of gossiperld", &["what", "median"]);
    let (mut starts, mut idle, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let before = system::now();
        let daemon = DaemonProcess::start()?;
        starts.push((system::now() - before) as f64 / 1e6);
        idle.push(daemon.resident()? as f64 / 1e6);
        let used = daemon.cpu()?;
        std::thread::sleep(IDLE);
        cpu.push((daemon.cpu()? - used) as f64 / IDLE.as_nanos() as f64 * 100.0);
    }
    let row = |what: &str, value: String| table::row(&[what.to_owned(), value]);
    row("start to serving", format!("{:.1} ms", median(starts)));
    row("resident memory, idle", format!("{:.1} MB", median(idle)));
    row("CPU, idle and alone", format!("{:.3} %", median(cpu)));

    let daemon = DaemonProcess::start()?;
    let before = daemon.resident()?;
    let port = ["--port".to_owned(), daemon.port.to_string()];
    let count = ["--clients".to_owned(), CLIENTS.to_string()];
    let clients = RoleProcess::start("crowd", &[&port[..], &count].concat())?;
    let grown = daemon.resident()?.saturating_sub(before) as f64 / CLIENTS as f64;
    row("memory a local client", format!("{} B", table::count(grown)));
    drop(clients);
    drop(daemon);

    let daemon = DaemonProcess::start()?;
    let before = daemon.resident()?;
    let arguments = ["--seed", &daemon.port.to_string(), "--members", &MEMBERS.to_string()];
    let members = RoleProcess::start("members", &arguments.map(str::to_owned))?;
    let grown = daemon.resident()?.saturating_sub(before) as f64 / MEMBERS as f64;
    row("memory a remote member", format!("{} B", table::count(grown)));
    let used = daemon.cpu()?;
    std::thread::sleep(IDLE);
    let used = (daemon.cpu()? - used) as f64 / IDLE.as_nanos() as f64 * 100.0;
    row(&format!("CPU, idle among {MEMBERS} members"), format!("{used:.3} %"));
    drop(members);
    table::end();
    Ok(())
}

impl Members {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let folder = tempfile::tempdir()?;
            let seed = SocketAddr::from(([127, 0, 0, 1], self.seed));
            let mut handles = Vec::new();
            for number in 0..self.members {
                handles.push(start(number, seed, folder.path())?);
            }
            for handle in &handles {
                while handle.members().await?.len() <= self.members {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
            tokio::task::spawn_blocking(move || ready("").and_then(|()| finish(&0))).await?
        })
    }
}

fn start(number: usize, seed: SocketAddr, folder: &Path) -> anyhow::Result<Handle> {
    let text = format!(
        "data_dir = {:?}\n[overlays.bench]\nip = \"127.0.0.1\"\nport = 1\nmember_name = \"member {number}\"\n\
         symmetric_key = \"{KEY}\"\nsecret = \"{KEY}\"\nracks = {{ default = [\"{seed}\"] }}\n",
        folder.join(number.to_string())
    );
    let mut settings = Settings::parse(&text, Path::new("members.toml"))?;
    let overlay = settings.overlays.first_mut().context("one overlay")?;
    // The system picks a free one.
    overlay.port = 0;
    let (handle, _task) = driver::start(overlay, &settings.data_dir, Lookup::default())?;
    Ok(handle)
}
