//! Daemons on hosts of one or several segments in virtual time: what goes to the group reaches everybody on the sender's.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use gossiperl_idl::Salt;
use gossiperl_overlay::{Config, Overlay, State, Stats, Time};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const KEY: &[u8] = b"v3JElaRswYgxOt4b";
pub(crate) const PORT: u16 = 6_666;

pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) overlay: Overlay,
    pub(crate) up: bool,
    /// Those of one segment hear each other.
    pub(crate) segment: usize,
}

pub(crate) struct Network {
    pub(crate) now: Time,
    pub(crate) hosts: Vec<Host>,
    pub(crate) loss: f64,
    /// Every question sent to the group: by whom, and its bytes.
    pub(crate) questions: Vec<(usize, Vec<u8>)>,
    by_address: BTreeMap<SocketAddr, usize>,
    flight: BTreeMap<(Time, u64), Flight>,
    rng: ChaCha8Rng,
    runs: u64,
    count: u64,
}

struct Flight {
    from: SocketAddr,
    to: usize,
    by_group: bool,
    datagram: Vec<u8>,
}

/// The seed to replay, or this one; printed, and shown when the test fails.
pub(crate) fn seed(default: u64) -> u64 {
    let seed = std::env::var("GOSSIPERL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(default);
    eprintln!("GOSSIPERL_SEED={seed}");
    seed
}

pub(crate) fn group() -> SocketAddr {
    (Ipv4Addr::new(239, 1, 2, 3), PORT).into()
}

pub(crate) fn host_address(index: usize) -> SocketAddr {
    (Ipv4Addr::new(10, 0, (index / 250) as u8, (index % 250) as u8 + 1), PORT).into()
}

pub(crate) fn config(index: usize) -> Config {
    let address = host_address(index);
    let mut config = Config::new("test", &format!("daemon-{index}"), (address.ip(), PORT), KEY);
    config.group = Some(group());
    config.client_port = Some(PORT + 1);
    config
}

impl Network {
    /// `count` daemons without a single seed that start at the same moment.
    pub(crate) fn new(count: usize, loss: f64, seed: u64) -> Self {
        let mut network = Network {
            now: Time::ZERO,
            hosts: Vec::new(),
            loss,
            questions: Vec::new(),
            by_address: BTreeMap::new(),
            flight: BTreeMap::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            runs: 0,
            count: 0,
        };
        for _ in 0..count {
            network.add();
        }
        network
    }

    /// One more daemon, on the first segment.
    pub(crate) fn add(&mut self) -> usize {
        let index = self.hosts.len();
        let (address, overlay) = (host_address(index), self.overlay(index));
        self.by_address.insert(address, index);
        self.hosts.push(Host { address, overlay, up: true, segment: 0 });
        index
    }

    /// Starts a daemon anew that was stopped without a word.
    pub(crate) fn restart(&mut self, index: usize) {
        let overlay = self.overlay(index);
        self.hosts[index].overlay = overlay;
        self.hosts[index].up = true;
    }

    fn overlay(&mut self, index: usize) -> Overlay {
        self.runs += 1;
        let salt = Salt::new(self.runs, self.rng.random::<u64>() | 1);
        Overlay::new(config(index), salt, self.now, 1_000).unwrap()
    }

    /// Everything that can be sent now is on its way.
    pub(crate) fn settle(&mut self) {
        let mut out = Vec::new();
        for index in 0..self.hosts.len() {
            while self.hosts[index].up
                && let Some(transmit) = self.hosts[index].overlay.poll_transmit(self.now, &mut out)
            {
                let datagram = &out[..transmit.len];
                if transmit.destination == group() {
                    self.questions.push((index, datagram.to_vec()));
                    for to in 0..self.hosts.len() {
                        self.send(index, to, true, datagram);
                    }
                } else if let Some(to) = self.by_address.get(&transmit.destination).copied() {
                    self.send(index, to, false, datagram);
                }
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, by_group: bool, datagram: &[u8]) {
        let apart = self.hosts[from].segment != self.hosts[to].segment;
        if apart || (from != to && self.rng.random_bool(self.loss)) {
            return;
        }
        self.count += 1;
        let arrival = self.now + Duration::from_micros(self.rng.random_range(200..2_000));
        let from = self.hosts[from].address;
        self.flight.insert((arrival, self.count), Flight { from, to, by_group, datagram: datagram.to_vec() });
    }

    /// Lets virtual time pass.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.settle();
            let timers =
                self.hosts.iter().filter(|host| host.up).filter_map(|host| host.overlay.poll_timeout());
            let arrival = self.flight.keys().next().map(|(at, _)| *at);
            let Some(next) = timers.chain(arrival).min().filter(|next| *next <= end) else { break };
            self.now = next.max(self.now + Duration::from_micros(1));
            while let Some(entry) = self.flight.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let Flight { from, to, by_group, mut datagram } = entry.remove();
                let host = &mut self.hosts[to];
                match (host.up, by_group) {
                    (false, _) => {}
                    (true, true) => host.overlay.handle_group_datagram(self.now, from, &mut datagram),
                    (true, false) => host.overlay.handle_peer_datagram(self.now, from, &mut datagram),
                }
            }
            for host in self.hosts.iter_mut().filter(|host| host.up) {
                if host.overlay.poll_timeout().is_some_and(|at| at <= self.now) {
                    host.overlay.handle_timeout(self.now);
                }
                // A driver takes them; nobody here asks.
                while host.overlay.poll_event().is_some() {}
            }
        }
        self.now = self.now.max(end);
    }

    /// Runs until everybody that is up on each segment knows exactly its segment; for how long it took.
    pub(crate) fn converge(&mut self, within: Duration) -> Duration {
        let start = self.now;
        while !(0..self.hosts.len()).all(|index| !self.hosts[index].up || self.knows_its_segment(index)) {
            assert!(self.now.since(start) < within, "not together after {within:?}: {:?}", self.reachables());
            self.run(Duration::from_millis(50));
        }
        self.now.since(start)
    }

    pub(crate) fn knows_its_segment(&self, index: usize) -> bool {
        let segment = self.hosts[index].segment;
        let there = self.hosts.iter().filter(|host| host.up && host.segment == segment).count();
        self.reachable(index) == there
    }

    /// How many daemons this one holds for reachable, itself included.
    pub(crate) fn reachable(&self, index: usize) -> usize {
        let views = self.hosts[index].overlay.members();
        views.iter().filter(|view| view.state == State::Reachable).count()
    }

    fn reachables(&self) -> Vec<usize> {
        (0..self.hosts.len()).map(|index| self.reachable(index)).collect()
    }

    pub(crate) fn stats(&self, index: usize) -> Stats {
        self.hosts[index].overlay.stats()
    }

    /// Questions answered so far, by all.
    pub(crate) fn answers(&self) -> u64 {
        (0..self.hosts.len()).map(|index| self.stats(index).group_answers).sum()
    }
}
