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
const FEW_MEMBERS: usize = 600;
const MANY_MEMBERS: usize = 1_600;
const IDLE: Duration = Duration::from_secs(10);
pub(crate) const SETTLING: Duration = Duration::from_secs(20);

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
    let (mut starts, mut idle, mut cpu, mut managed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let before = system::now();
        let daemon = DaemonProcess::start()?;
        starts.push((system::now() - before) as f64 / 1e6);
        idle.push(memory(&daemon)?);
        let used = daemon.cpu()?;
        std::thread::sleep(IDLE);
        cpu.push((daemon.cpu()? - used) as f64 / IDLE.as_nanos() as f64);
        // Its second start: the first makes passwords and a certificate.
        managed.push(memory(&DaemonProcess::start_managed()?.restarted()?)?);
    }
    let row = |what: &str, value: String| table::row(&[what.to_owned(), value]);
    row("start to serving", format!("{:.1} ms", median(starts)));
    let both = |all: &[(f64, f64)]| {
        let (resident, own) = all.iter().copied().unzip::<_, _, Vec<_>, Vec<_>>();
        format!("{}, {} of it its own", megabytes(median(resident)), megabytes(median(own)))
    };
    row("resident memory, idle, without the management interface", both(&idle));
    row("with it", both(&managed));
    row("CPU, idle and alone", percent(median(cpu)));

    row("memory a local client", format!("{} B", table::count(among_clients(CLIENTS)?)));
    let (_, few, _) = among_members(FEW_MEMBERS)?;
    let (resident, many, cpu) = among_members(MANY_MEMBERS)?;
    // What grows with the first members and then no more is not theirs: prepared keys, buffers.
    let grown = many.saturating_sub(few) as f64 / (MANY_MEMBERS - FEW_MEMBERS) as f64;
    row("memory a remote member", format!("{} B", table::count(grown)));
    row(
        &format!("resident memory among {} members", table::count(MANY_MEMBERS as f64)),
        megabytes(resident as f64),
    );
    row(&format!("CPU, idle among {} members", table::count(MANY_MEMBERS as f64)), percent(cpu));
    table::end();
    Ok(())
}

/// What a daemon's memory grows by for each client, bytes.
fn among_clients(clients: usize) -> anyhow::Result<f64> {
    let daemon = DaemonProcess::start()?;
    let before = daemon.anonymous()?;
    let port = ["--port".to_owned(), daemon.port.to_string()];
    let count = ["--clients".to_owned(), clients.to_string()];
    let mut crowd = RoleProcess::start("crowd", &[&port[..], &count].concat())?;
    let grown = daemon.anonymous()?.saturating_sub(before) as f64 / clients as f64;
    crowd.begin()?;
    Ok(grown)
}

/// A daemon's resident memory and what is its own, bytes.
fn memory(daemon: &DaemonProcess) -> anyhow::Result<(f64, f64)> {
    Ok((daemon.resident()? as f64, daemon.anonymous()? as f64))
}

/// A daemon's memory, bytes, what of it is its own, and its CPU time a second, among so many others.
fn among_members(members: usize) -> anyhow::Result<(u64, u64, f64)> {
    let daemon = DaemonProcess::start()?;
    let arguments = ["--seed", &daemon.port.to_string(), "--members", &members.to_string()];
    let mut crowd = RoleProcess::start("members", &arguments.map(str::to_owned))?;
    // Until all know all, and nobody has anything left to tell.
    std::thread::sleep(SETTLING);
    let used = daemon.cpu()?;
    std::thread::sleep(IDLE);
    let cpu = (daemon.cpu()? - used) as f64 / IDLE.as_nanos() as f64;
    let (resident, own) = (daemon.resident()?, daemon.anonymous()?);
    crowd.begin()?;
    Ok((resident, own, cpu))
}

fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}

fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
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
        "data_dir = {:?}\nrest = false\n[overlays.bench]\nip = \"127.0.0.1\"\nport = 1\nmember_name = \"member {number}\"\n\
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
