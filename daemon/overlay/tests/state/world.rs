//! A network of states in virtual time, with loss, delay, reordering and duplicates. The members are stood in for by the
//! rule of precedence alone.

use std::{collections::BTreeMap, time::Duration};

use gossiperl_idl::{
    Salt,
    codec::encode_compact,
    frame::{self, Frames},
    generated::MemberUpdate,
};
use gossiperl_overlay::{
    Time,
    state::{
        State,
        repair::Find,
        size::CHUNK,
        store::{Bounds, Change},
    },
};
use rand::{Rng, SeedableRng};

use crate::support::{Random, entry, member, salt, set_member, update};

/// Rounds of gossip, to so many each; probes.
const GOSSIP: Duration = Duration::from_millis(200);
const GOSSIP_TO: usize = 3;
const PROBE: Duration = Duration::from_secs(1);

/// What a datagram between hosts has room for.
const DATAGRAM: usize = 1_344;

/// A daemon that knows so many others, each with `entries` entries.
pub(crate) fn established(number: u64, owners: u64, entries: i64) -> Daemon {
    let mut daemon = Daemon::new(number);
    for owner in 10..10 + owners {
        daemon.learn(Time::ZERO, &member(owner));
        let held = (1..=entries).map(|version| entry(format!("topic-{version}").as_bytes(), b"\0", version));
        let mut bytes = Vec::new();
        frame::put_with(frame::STATE_UPDATE, &mut bytes, |out| {
            encode_compact(&update(owner, 0, entries, held.collect()), out);
        });
        daemon.receive(Time::ZERO, salt(number), &bytes);
    }
    daemon
}

pub(crate) struct Daemon {
    pub(crate) state: State,
    pub(crate) number: u64,
    members: BTreeMap<String, MemberUpdate>,
    /// What the changes told amount to.
    pub(crate) index: BTreeMap<(Salt, Vec<u8>), Vec<u8>>,
    pub(crate) up: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) datagrams: usize,
    pub(crate) bytes: usize,
    pub(crate) repair_datagrams: usize,
    pub(crate) repair_bytes: usize,
}

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) daemons: Vec<Daemon>,
    pub(crate) random: Random,
    /// Of each datagram, and as many come twice.
    pub(crate) loss: f64,
    /// One way, at least and at most.
    pub(crate) delay: (u64, u64),
    /// Times a change is sent.
    pub(crate) transmits: u32,
    pub(crate) gossip: bool,
    pub(crate) probes: bool,
    pub(crate) traffic: Traffic,
    air: BTreeMap<(Time, u64), Datagram>,
    sent: u64,
    next_gossip: Time,
    next_probe: Time,
}

#[derive(Clone)]
enum Datagram {
    Frames { from: usize, to: usize, bytes: Vec<u8> },
    Root { from: usize, to: usize, root: i64, answer: bool },
}

impl World {
    /// Daemons that know only themselves.
    pub(crate) fn new(random: &mut Random, daemons: u64) -> Self {
        let mut world = World {
            now: Time::from_micros(1_000_000),
            daemons: Vec::new(),
            random: Random::seed_from_u64(random.random()),
            loss: 0.0,
            delay: (500, 5_000),
            transmits: 8,
            gossip: true,
            probes: true,
            traffic: Traffic::default(),
            air: BTreeMap::new(),
            sent: 0,
            next_gossip: Time::ZERO,
            next_probe: Time::ZERO,
        };
        for number in 0..daemons {
            world.daemons.push(Daemon::new(number));
        }
        world
    }

    /// Everybody knows everybody.
    pub(crate) fn acquainted(random: &mut Random, daemons: u64) -> Self {
        let mut world = World::new(random, daemons);
        for daemon in &mut world.daemons {
            (0..daemons).for_each(|number| daemon.learn(world.now, &member(number)));
        }
        world
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut turns = (self.now, 0);
        loop {
            turns = if turns.0 == self.now { (self.now, turns.1 + 1) } else { (self.now, 0) };
            assert!(turns.1 < 10_000, "time stands still");
            self.flush();
            let timeouts = self
                .daemons
                .iter()
                .filter(|daemon| daemon.up)
                .filter_map(|daemon| daemon.state.poll_timeout());
            let arrivals = self.air.keys().next().map(|(time, _)| *time);
            let next =
                timeouts.chain(arrivals).chain([self.next_gossip, self.next_probe, end]).min().unwrap();
            self.now = self.now.max(next);
            if self.now >= end {
                return;
            }
            self.deliver();
            for daemon in self.daemons.iter_mut().filter(|daemon| daemon.up) {
                if daemon.state.poll_timeout().is_some_and(|due| due <= self.now) {
                    daemon.state.handle_timeout(self.now);
                }
            }
            self.tick();
        }
    }

    /// Runs until the condition holds, looked at every 100 ms; panics after `limit`. Returns the time it took.
    pub(crate) fn run_until(
        &mut self,
        limit: Duration,
        what: &str,
        holds: impl Fn(&World) -> bool,
    ) -> Duration {
        let start = self.now;
        while !holds(self) {
            assert!(self.now.since(start) < limit, "not {what} after {limit:?}");
            self.run(Duration::from_millis(100));
        }
        self.now.since(start)
    }

    /// Whether the roots of all that are up agree.
    pub(crate) fn agrees(&self) -> bool {
        let mut roots = self.daemons.iter().filter(|daemon| daemon.up).map(|daemon| daemon.state.root());
        let first = roots.next();
        roots.all(|root| Some(root) == first)
    }

    /// Every daemon that is up holds what each has put, and was told exactly that.
    pub(crate) fn check(&self) {
        for (own, one) in self.daemons.iter().enumerate().filter(|(_, daemon)| daemon.up) {
            for (owner, other) in self.daemons.iter().enumerate().filter(|(_, daemon)| daemon.up) {
                let (ours, theirs) = (one.state.store(), other.state.store());
                let owner_salt = salt(other.number);
                assert_eq!(
                    ours.complete_to(&owner_salt),
                    theirs.complete_to(&owner_salt),
                    "{owner} at {own}"
                );
                assert!(ours.entries(&owner_salt).eq(theirs.entries(&owner_salt)), "{owner} at {own}");
            }
            let members = one.members.values().map(|member| Salt::from_slice(&member.generation).unwrap());
            let held = members.flat_map(|owner| {
                one.state
                    .store()
                    .entries(&owner)
                    .map(move |(key, value)| ((owner, key.to_vec()), value.to_vec()))
            });
            assert_eq!(one.index, held.collect::<BTreeMap<_, _>>(), "what was told at {own}");
        }
    }

    pub(crate) fn stop(&mut self, daemon: usize) {
        self.daemons[daemon].up = false;
    }

    /// Everybody has noticed that the daemon is gone.
    pub(crate) fn forget(&mut self, daemon: usize) {
        let gone = member(self.daemons[daemon].number);
        for one in self.daemons.iter_mut().filter(|one| one.up) {
            one.members.remove(&gone.name);
            one.state.forget_member(self.now, &Salt::from_slice(&gone.generation).unwrap());
            one.note_changes();
        }
    }

    fn flush(&mut self) {
        for from in 0..self.daemons.len() {
            self.daemons[from].note_changes();
            while let Some((to, bytes)) = self.daemons[from].state.poll_transmit(self.now) {
                assert!(bytes.len() <= CHUNK, "a chunk of {} bytes", bytes.len());
                self.traffic.repair_datagrams += 1;
                self.traffic.repair_bytes += bytes.len();
                let to = self.daemons.iter().position(|daemon| salt(daemon.number) == to);
                if let Some(to) = to {
                    self.send(Datagram::Frames { from, to, bytes });
                }
            }
        }
    }

    fn tick(&mut self) {
        let count = self.daemons.len();
        if self.gossip && self.next_gossip <= self.now {
            self.next_gossip = self.now + GOSSIP;
            for from in 0..count {
                for _ in 0..GOSSIP_TO {
                    let to = self.random.random_range(0..count);
                    if to == from || !self.daemons[from].state.has_gossip() {
                        continue;
                    }
                    let mut bytes = Vec::new();
                    self.daemons[from].state.fill_gossip(&mut bytes, DATAGRAM, self.transmits);
                    self.send(Datagram::Frames { from, to, bytes });
                }
            }
        }
        if self.next_gossip <= self.now {
            self.next_gossip = self.now + GOSSIP;
        }
        if self.next_probe <= self.now {
            self.next_probe = self.now + PROBE;
            for from in 0..count {
                let to = self.random.random_range(0..count);
                if self.probes && to != from {
                    let root = self.daemons[from].state.root();
                    self.send(Datagram::Root { from, to, root, answer: true });
                }
            }
        }
    }

    fn send(&mut self, datagram: Datagram) {
        let (Datagram::Frames { from, .. } | Datagram::Root { from, .. }) = &datagram;
        if !self.daemons[*from].up {
            return;
        }
        if let Datagram::Frames { bytes, .. } = &datagram {
            self.traffic.datagrams += 1;
            self.traffic.bytes += bytes.len();
        }
        let mut copies = 1;
        while self.random.random_bool(self.loss) {
            copies = if self.random.random_bool(0.5) { 0 } else { copies + 1 };
        }
        for _ in 0..copies {
            let delay = Duration::from_micros(self.random.random_range(self.delay.0..=self.delay.1));
            self.sent += 1;
            self.air.insert((self.now + delay, self.sent), datagram.clone());
        }
    }

    fn deliver(&mut self) {
        while let Some(next) = self.air.first_entry()
            && next.key().0 <= self.now
        {
            match next.remove() {
                Datagram::Frames { from, to, bytes } => {
                    let from = salt(self.daemons[from].number);
                    self.daemons[to].receive(self.now, from, &bytes);
                }
                Datagram::Root { from, to, root, answer } => {
                    if !self.daemons[to].up {
                        continue;
                    }
                    let sender = salt(self.daemons[from].number);
                    self.daemons[to].state.handle_root(self.now, sender, root);
                    if answer {
                        let root = self.daemons[to].state.root();
                        self.send(Datagram::Root { from: to, to: from, root, answer: false });
                    }
                }
            }
        }
    }
}

impl Daemon {
    pub(crate) fn new(number: u64) -> Self {
        let mut daemon = Daemon {
            state: State::new(salt(number), Bounds::default()),
            number,
            members: BTreeMap::new(),
            index: BTreeMap::new(),
            up: true,
        };
        daemon.learn(Time::ZERO, &member(number));
        daemon
    }

    /// The members' part: takes over what is newer.
    pub(crate) fn learn(&mut self, now: Time, update: &MemberUpdate) {
        let known = self.members.get(&update.name);
        let newer = known.is_none_or(|known| {
            (&update.generation, update.incarnation, update.liveness)
                > (&known.generation, known.incarnation, known.liveness)
        });
        if newer {
            self.members.insert(update.name.clone(), update.clone());
            set_member(&mut self.state, now, update);
        }
    }

    pub(crate) fn receive(&mut self, now: Time, from: Salt, datagram: &[u8]) {
        if !self.up {
            return;
        }
        for frame in Frames::new(datagram) {
            let (kind, body) = frame.unwrap();
            assert!((frame::STATE_UPDATE..=frame::TREE_DIGEST_ACK_ACK).contains(&kind));
            let Daemon { state, members, .. } = self;
            let find = |find: Find<'_>| match find {
                Find::Name(name) => members.get(name).cloned(),
                // The tests' daemons are named by number.
                Find::Generation(generation) => {
                    let number = generation.unix_micros() - salt(0).unix_micros();
                    members
                        .get(&member(number).name)
                        .filter(|member| member.generation == generation.0)
                        .cloned()
                }
            };
            let mut learned = Vec::new();
            assert!(state.handle_frame(now, from, kind, body, &find, &mut learned).unwrap());
            learned.iter().for_each(|update| self.learn(now, update));
            self.note_changes();
        }
    }

    pub(crate) fn note_changes(&mut self) {
        while let Some(Change { owner, key, value }) = self.state.poll_change() {
            let key = (owner, key.to_vec());
            match value {
                Some(value) => drop(self.index.insert(key, value.to_vec())),
                None => assert!(self.index.remove(&key).is_some(), "told of the end of what was not there"),
            }
        }
    }
}
