//! A network of members in virtual time: loss, delay, duplication, partitions in one or both directions, stalls.
//!
//! It plays the part of the composition around [`Members`]: receiver ids and challenges, frames in datagrams, gossip in
//! their spare room, and a plain stand-in for repair (pages of the whole table when roots differ). After each step it
//! checks that a member's events come in their order, and now and then the members' own bookkeeping.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use gossiperl_idl::Salt;
use gossiperl_link::Time;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{super::*, wire::Happening};

pub(super) struct Network {
    pub(super) now: Time,
    pub(super) nodes: Vec<Node>,
    pub(super) loss: f64,
    pub(super) duplicates: f64,
    pub(super) delay: (Duration, Duration),
    /// Whether a host tells senders that nobody listens.
    pub(super) icmp: bool,
    /// Pairs (from, to) of which nothing arrives.
    pub(super) cut: BTreeSet<(usize, usize)>,
    pub(super) settings: Settings,
    pub(super) rng: ChaCha8Rng,
    seed: u64,
    pub(super) queue: BTreeMap<(Time, u64), Happening>,
    pub(super) happened: u64,
    clock: u64,
}

pub(super) struct Node {
    pub(super) members: Members,
    pub(super) address: SocketAddr,
    pub(super) salt: Salt,
    pub(super) up: bool,
    pub(super) stalled_until: Time,
    pub(super) events: Vec<(Time, MemberEvent)>,
    pub(super) sent: u64,
    pub(super) bytes: u64,
    /// The second it is in, and what it has sent in it.
    pub(super) burst: (u64, u64),
    pub(super) standing: BTreeMap<Arc<str>, MemberEventKind>,
    pub(super) summaries: BTreeMap<Arc<str>, Summary>,
    pub(super) root: i64,
    pub(super) next_repair: Time,
    pub(super) inbox: VecDeque<Happening>,
    pub(super) timer: Option<Time>,
}

/// Prints the seed when a test fails.
impl Drop for Network {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("GOSSIPERL_SEED={} at {:?}", self.seed, self.now);
        }
    }
}

/// The seed to replay, or this one.
pub(super) fn seed(default: u64) -> u64 {
    std::env::var("GOSSIPERL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub(super) fn settings() -> Settings {
    Settings {
        detector: Detector::lan(),
        members: 20_000,
        max_quarantined: Duration::from_secs(10),
        drop_unreachable_after: Duration::from_secs(180),
    }
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn name(node: usize) -> String {
    format!("node-{node}")
}

pub(super) fn address(node: usize) -> SocketAddr {
    let [_, _, high, low] = (node as u32).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, high, low)), 7_000)
}

impl Network {
    pub(super) fn new(seed_: u64) -> Self {
        Network::with(seed_, settings())
    }

    pub(super) fn with(seed_: u64, settings: Settings) -> Self {
        let seed = seed(seed_);
        Network {
            now: Time::from_micros(1_000_000),
            nodes: Vec::new(),
            loss: 0.0,
            duplicates: 0.0,
            delay: (Duration::from_micros(200), Duration::from_millis(2)),
            icmp: false,
            cut: BTreeSet::new(),
            settings,
            rng: ChaCha8Rng::seed_from_u64(seed),
            seed,
            queue: BTreeMap::new(),
            happened: 0,
            clock: 1_700_000_000_000_000,
        }
    }

    /// A network of `count` that all know each other.
    pub(super) fn settled(seed: u64, count: usize) -> Self {
        let mut network = Network::new(seed);
        network.grow(count);
        network
    }

    /// Adds `count` daemons that join through the first, and waits until everybody knows everybody.
    pub(super) fn grow(&mut self, count: usize) {
        for _ in 0..count {
            let node = self.add(self.nodes.len(), "default");
            self.join(node, &[0]);
        }
        assert!(self.run_until(seconds(60), Network::converged), "no convergence");
    }

    /// Adds a daemon with this number's name and address. It is up and alone.
    pub(super) fn add(&mut self, number: usize, rack: &str) -> usize {
        let salt = self.fresh_salt();
        self.add_as(&name(number), address(number), rack, salt)
    }

    pub(super) fn add_as(&mut self, name: &str, address: SocketAddr, rack: &str, salt: Salt) -> usize {
        let me = Me { name: name.to_owned(), generation: salt, address, rack: rack.to_owned() };
        let members = Members::new(self.settings.clone(), me, self.rng.random(), self.now);
        self.nodes.push(Node {
            members,
            address,
            salt,
            up: true,
            stalled_until: Time::ZERO,
            events: Vec::new(),
            sent: 0,
            bytes: 0,
            burst: (0, 0),
            standing: BTreeMap::new(),
            summaries: BTreeMap::new(),
            root: 0,
            next_repair: Time::ZERO,
            inbox: VecDeque::new(),
            timer: None,
        });
        self.nodes.len() - 1
    }

    pub(super) fn fresh_salt(&mut self) -> Salt {
        self.clock += 1_000_000;
        Salt::new(self.clock, self.rng.random::<u64>() | 1)
    }

    pub(super) fn join(&mut self, node: usize, seeds: &[usize]) {
        let seeds: Vec<SocketAddr> = seeds.iter().map(|&seed| self.nodes[seed].address).collect();
        let now = self.now;
        self.nodes[node].members.join(now, &seeds);
        self.flush(node);
    }

    /// Stops a daemon without a word.
    pub(super) fn crash(&mut self, node: usize) {
        self.nodes[node].up = false;
    }

    /// Starts a crashed daemon anew, with a newer generation, and has it join through `seeds`.
    pub(super) fn restart(&mut self, node: usize, seeds: &[usize]) {
        let salt = self.fresh_salt();
        self.restart_as(node, salt, seeds);
    }

    pub(super) fn restart_as(&mut self, node: usize, salt: Salt, seeds: &[usize]) {
        let (name, rack, address) = {
            let old = &self.nodes[node];
            let me = old.members.me();
            (me.name().to_string(), me.rack().to_owned(), old.address)
        };
        let new = self.add_as(&name, address, &rack, salt);
        let fresh = self.nodes.pop().expect("just added");
        assert_eq!(new, self.nodes.len());
        self.nodes[node] = fresh;
        self.join(node, seeds);
    }

    pub(super) fn leave(&mut self, node: usize) {
        self.nodes[node].members.leave();
        self.flush(node);
    }

    /// Nothing passes between the two groups, in either direction.
    pub(super) fn part(&mut self, one: &[usize], other: &[usize]) {
        for &a in one {
            for &b in other {
                self.cut.insert((a, b));
                self.cut.insert((b, a));
            }
        }
    }

    /// Lets virtual time pass.
    pub(super) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
        self.now = end;
        self.check();
    }

    /// Lets virtual time pass until the condition holds; false if it does not within `duration`.
    pub(super) fn run_until(&mut self, duration: Duration, condition: impl Fn(&Network) -> bool) -> bool {
        let end = self.now + duration;
        loop {
            let next = (self.now + Duration::from_millis(10)).min(end);
            while self.step(next) {}
            self.now = next;
            if condition(self) {
                self.check();
                return true;
            }
            if next == end {
                return false;
            }
        }
    }

    /// Every daemon that is up holds exactly those that are up for live, in their present runs.
    pub(super) fn converged(&self) -> bool {
        let up: Vec<usize> = self.up().collect();
        up.iter().all(|&node| self.knows_exactly(node, &up))
    }

    pub(super) fn knows_exactly(&self, node: usize, others: &[usize]) -> bool {
        let members = &self.nodes[node].members;
        members.live() + 1 == others.len()
            && others.iter().filter(|&&other| other != node).all(|&other| self.holds_live(node, other))
    }

    pub(super) fn holds_live(&self, node: usize, other: usize) -> bool {
        let salt = &self.nodes[other].salt;
        let members = &self.nodes[node].members;
        members
            .by_generation(salt)
            .and_then(|id| members.member(id))
            .is_some_and(|member| member.liveness().is_live())
    }

    pub(super) fn liveness(&self, node: usize, name: &str) -> Option<Liveness> {
        let members = &self.nodes[node].members;
        members.by_name(name).and_then(|id| members.member(id)).map(Member::liveness)
    }

    pub(super) fn up(&self) -> impl Iterator<Item = usize> {
        self.nodes.iter().enumerate().filter(|(_, node)| node.up).map(|(index, _)| index)
    }

    pub(super) fn has_left(&self, node: usize) -> bool {
        self.nodes[node].members.me().liveness() == Liveness::Left
    }

    /// What everybody that is up holds of everybody.
    pub(super) fn views(&self) -> String {
        let view = |node: usize| {
            let members = self.nodes[node].members.iter();
            let members: Vec<String> = members
                .map(|(_, member)| {
                    let (name, incarnation) = (member.name(), member.incarnation());
                    format!(
                        "{name}/{} {:?} {incarnation}",
                        member.generation().unix_micros() / 1_000_000 % 1_000,
                        member.liveness()
                    )
                })
                .collect();
            format!("{node}: {}\n", members.join(", "))
        };
        self.up().map(view).collect()
    }

    /// How often a node reported this of that name.
    pub(super) fn count(&self, node: usize, about: &str, wanted: MemberEventKind) -> usize {
        self.kinds(node, about).into_iter().filter(|&kind| kind == wanted).count()
    }

    /// All that a node reported of a name, in order.
    pub(super) fn kinds(&self, node: usize, about: &str) -> Vec<MemberEventKind> {
        let events = self.nodes[node].events.iter();
        events
            .filter_map(|(_, event)| match event {
                MemberEvent::Changed { kind, name, .. } if **name == *about => Some(*kind),
                _ => None,
            })
            .collect()
    }

    pub(super) fn forget_events(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.events.clear());
    }

    pub(super) fn check(&self) {
        self.nodes.iter().for_each(|node| node.members.check());
    }
}
