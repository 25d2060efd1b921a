//! Several hosts in one overlay, each with a daemon and clients.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use gossiperl_client::{Client, MemberKind, MemberState, Options};
use tempfile::TempDir;

use super::{Daemon, KEY, Place, Relay, Table, free_port, soon, write_config};

/// Hosts that know each other by host-1, the seed. Folders and addresses stay when a daemon ends, so that it can be started again.
pub(crate) struct Hosts {
    place: Place,
    folder: TempDir,
    /// Where each daemon is bound.
    bound: Vec<SocketAddr>,
    /// Where others find it.
    faces: Vec<SocketAddr>,
    /// Further lines of the overlay's table.
    more: String,
}

impl Hosts {
    /// So many hosts, which reach each other directly.
    pub(crate) fn new(place: Place, count: u8) -> Self {
        let bound: Vec<SocketAddr> = (1..=count)
            .map(|number| {
                let ip = place.address(number);
                SocketAddr::new(ip, free_port(&[ip, place.client_address(ip)]))
            })
            .collect();
        Hosts {
            place,
            folder: tempfile::tempdir().expect("a folder"),
            faces: bound.clone(),
            bound,
            more: String::new(),
        }
    }

    /// So many hosts with a relay between them that loses `loss` datagrams in a hundred.
    pub(crate) fn behind_relay(place: Place, count: u8, loss: u32, seed: u64) -> (Self, Relay) {
        let mut hosts = Hosts::new(place, count);
        for (number, face) in (101..).zip(&mut hosts.faces) {
            face.set_ip(place.address(number));
        }
        let pairs: Vec<_> = hosts.bound.iter().copied().zip(hosts.faces.iter().copied()).collect();
        let relay = Relay::start(&pairs, loss, seed);
        (hosts, relay)
    }

    /// Further lines for the table of each overlay.
    pub(crate) fn with(mut self, more: &str) -> Self {
        self.more = more.to_owned();
        self
    }

    /// Where the daemon of host-1, host-2, … is bound.
    pub(crate) fn bound(&self, number: usize) -> SocketAddr {
        self.bound[number - 1]
    }

    /// Where its daemon has configuration and data.
    pub(crate) fn folder(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("host-{number}"))
    }

    /// Starts the daemon of host-1, host-2, …, and waits until it serves.
    pub(crate) fn start(&self, number: usize) -> Daemon {
        let daemon = Daemon::start(&self.config(number));
        daemon.wait_for("started");
        daemon
    }

    /// Writes the configuration of that daemon.
    pub(crate) fn config(&self, number: usize) -> PathBuf {
        let folder = self.folder(number);
        fs::create_dir_all(&folder).expect("made");
        let (bound, face) = (self.bound[number - 1], self.faces[number - 1]);
        let seeds = [self.faces[0].to_string()];
        let more = format!(
            "member_name = \"host-{number}\"\npreset = \"local\"\nip_hint = \"{}\"\n{}",
            face.ip(),
            self.more
        );
        let table = Table { name: "main", ip: bound.ip(), port: bound.port(), seeds: &seeds, more: &more };
        write_config(&folder, "", &[table])
    }

    /// Starts all of them, and waits until all know each other.
    pub(crate) async fn start_all(&self) -> Vec<Daemon> {
        let daemons: Vec<Daemon> = (1..=self.bound.len()).map(|number| self.start(number)).collect();
        for number in 1..=self.bound.len() {
            let client = self.client(number, "counting").await;
            soon("the daemons know each other", self.wait_for_members(&client, daemons.len())).await;
            client.close().await;
        }
        daemons
    }

    /// A client of this host's daemon.
    pub(crate) async fn client(&self, number: usize, name: &str) -> Client {
        let options = self.options(number, name);
        soon("a session", Client::connect(options)).await.expect("a session")
    }

    /// Options for such a client.
    pub(crate) fn options(&self, number: usize, name: &str) -> Options {
        let bound = self.bound[number - 1];
        let address: IpAddr = self.place.client_address(bound.ip());
        Options::new(bound.port(), format!("{name}@host-{number}"), KEY).address(address)
    }

    /// Waits until the client's daemon holds so many daemons for reachable.
    pub(crate) async fn wait_for_members(&self, client: &Client, count: usize) {
        let mut watch = client.watch_members().await.expect("a session");
        let reachable = |watch: &gossiperl_client::MemberWatch| {
            let members = watch.current();
            let daemons = members.iter().filter(|member| member.kind == MemberKind::Daemon);
            daemons.filter(|member| member.state == MemberState::Reachable).count()
        };
        while reachable(&watch) < count {
            watch.next().await.expect("open");
        }
    }
}
