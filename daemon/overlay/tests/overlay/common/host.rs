//! One daemon and its clients, without loss, in virtual time.

use std::{net::Ipv4Addr, time::Duration};

use gossiperl_idl::Salt;
use gossiperl_overlay::{Config, Overlay, Time};

use super::{Client, Heard, KEY};

/// One overlay and its clients.
pub struct Host {
    pub now: Time,
    pub overlay: Overlay,
    pub clients: Vec<Client>,
}

impl Host {
    pub fn new(config: Config, names: &[&str]) -> Self {
        let overlay = Overlay::new(config, Salt::new(1, 99), Time::ZERO, 1_000).unwrap();
        let clients =
            names.iter().enumerate().map(|(index, name)| Client::new(name, index as u64 + 1)).collect();
        Host { now: Time::ZERO, overlay, clients }
    }

    /// All clients connected.
    pub fn connected(config: Config, names: &[&str]) -> Self {
        let mut host = Host::new(config, names);
        host.clients.iter_mut().for_each(Client::hello);
        host.settle();
        for client in &mut host.clients {
            assert_eq!(client.heard, [Heard::Welcome { fresh: true }]);
            client.heard.clear();
        }
        host
    }

    /// Passes datagrams until nobody has any, without letting time pass.
    pub fn settle(&mut self) {
        let mut out = Vec::new();
        for round in 0.. {
            assert!(round < 10_000, "datagrams go to and fro without an end");
            let mut quiet = true;
            for index in 0..self.clients.len() {
                while let Some(mut datagram) = self.clients[index].transmit(self.now) {
                    quiet = false;
                    let from = self.clients[index].address;
                    self.overlay.handle_datagram(self.now, from, &mut datagram);
                }
            }
            while let Some(transmit) = self.overlay.poll_transmit(self.now, &mut out) {
                quiet = false;
                let to = self.clients.iter_mut().find(|client| client.address == transmit.destination);
                if let Some(client) = to {
                    client.handle(self.now, &mut out[..transmit.len]);
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Lets time pass, from timer to timer.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.settle();
            let timers = self.clients.iter().filter_map(|client| client.link.poll_timeout());
            let next = timers.chain(self.overlay.poll_timeout()).min().filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.now = next.max(self.now + Duration::from_micros(1));
            self.overlay.handle_timeout(self.now);
            for client in &mut self.clients {
                client.link.handle_timeout(self.now);
            }
        }
        self.now = self.now.max(end);
    }
}

/// The configuration the tests start from.
pub fn config() -> Config {
    Config::new("test", "daemon", (Ipv4Addr::LOCALHOST.into(), 6666), KEY)
}

pub const SECOND: Duration = Duration::from_secs(1);
