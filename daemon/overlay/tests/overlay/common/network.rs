//! Whole overlays in virtual time: several daemons with clients of their own, on a network that delays and loses.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use gossiperl_idl::{Salt, generated::SlowPolicy};
use gossiperl_overlay::{Change, Config, Event, Limits, Overlay, State, Time};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use zeroize::Zeroizing;

use super::{Client, KEY};

pub const SECOND: Duration = Duration::from_secs(1);

/// A daemon, its host's clients, and whether it runs.
pub struct Machine {
    pub address: SocketAddr,
    pub overlay: Overlay,
    pub clients: Vec<Client>,
    pub up: bool,
    /// The daemon stands still until then; what arrives waits in its socket.
    pub asleep_until: Time,
    pub socket: Vec<(SocketAddr, Vec<u8>)>,
}

impl Machine {
    pub fn new(address: SocketAddr, overlay: Overlay) -> Self {
        let (clients, socket) = (Vec::new(), Vec::new());
        Machine { address, overlay, clients, up: true, asleep_until: Time::ZERO, socket }
    }

    /// A datagram for the daemon. Its socket holds only so many.
    fn receive(&mut self, now: Time, from: SocketAddr, mut datagram: Vec<u8>) {
        if now >= self.asleep_until {
            self.overlay.handle_datagram(now, from, &mut datagram);
        } else if self.socket.len() < 2_000 {
            self.socket.push((from, datagram));
        }
    }
}

pub struct Network {
    pub now: Time,
    pub machines: Vec<Machine>,
    pub addresses: BTreeMap<SocketAddr, usize>,
    /// In flight: arrival and a tie-breaker, then from, to, bytes.
    pub flight: BTreeMap<(Time, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    pub rng: ChaCha8Rng,
    pub loss: f64,
    /// Of datagrams between clients and their daemon.
    pub local_loss: f64,
    pub duplication: f64,
    /// A datagram takes half a millisecond and up to so much more: later ones overtake it.
    pub jitter: Duration,
    /// Machines below it and the others do not hear each other; 0: all do.
    pub split: usize,
    /// Pairs (from, to) of which the second does not hear the first.
    pub deaf: BTreeSet<(usize, usize)>,
    /// What the first address sends arrives as if from the second.
    pub arrives_from: Option<(SocketAddr, SocketAddr)>,
    pub count: u64,
    pub seed: u64,
    /// What went from one host to another, where it is wanted.
    pub recorded: Option<Vec<(SocketAddr, SocketAddr, Vec<u8>)>>,
}

/// So many seeds from `first`: the one in `GOSSIPERL_SEED` instead, or `GOSSIPERL_SEEDS` as many.
pub fn seeds(first: u64, count: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    match number("GOSSIPERL_SEED") {
        Some(seed) => seed..seed + 1,
        None => first..first + number("GOSSIPERL_SEEDS").unwrap_or(count),
    }
}

pub fn seed() -> u64 {
    let seed = std::env::var("GOSSIPERL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    eprintln!("GOSSIPERL_SEED={seed}");
    seed
}

pub fn overlay(index: usize, run: u64, seed: u64, now: Time, drop_after: u64) -> (SocketAddr, Overlay) {
    overlay_with(index, run, seed, now, drop_after, &[KEY])
}

/// The same with this ring.
pub fn overlay_with(
    index: usize,
    run: u64,
    seed: u64,
    now: Time,
    drop_after: u64,
    keys: &[&[u8]],
) -> (SocketAddr, Overlay) {
    let ip: IpAddr = Ipv4Addr::new(10, 0, (index / 250) as u8, (index % 250) as u8 + 1).into();
    let mut config = Config::new("test", &format!("daemon-{index}"), (ip, 6666), KEY);
    config.symmetric_keys = keys.iter().map(|key| Zeroizing::new(key.to_vec())).collect();
    config.drop_unreachable_after = Duration::from_secs(drop_after);
    // These clients send no keepalives.
    config.quarantine_after = Duration::from_secs(3_600);
    let overlay = Overlay::new(config, salt(index, run, seed), now, 1_000).unwrap();
    (SocketAddr::new(ip, 6666), overlay)
}

/// The run of a machine's daemon.
pub fn salt(index: usize, run: u64, seed: u64) -> Salt {
    Salt::new(run, seed ^ ((index as u64 + 1) << 32) ^ (run << 56))
}

impl Network {
    pub fn new(count: usize, loss: f64, seed: u64) -> Self {
        let machine = |index| {
            let (address, overlay) = overlay(index, 1, seed, Time::ZERO, 180);
            Machine::new(address, overlay)
        };
        let machines: Vec<Machine> = (0..count).map(machine).collect();
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let addresses =
            machines.iter().enumerate().map(|(index, machine)| (machine.address, index)).collect();
        let mut network = Network {
            addresses,
            now: Time::ZERO,
            machines,
            flight: BTreeMap::new(),
            rng,
            loss,
            local_loss: 0.0,
            duplication: 0.0,
            jitter: SECOND / 1_000,
            split: 0,
            deaf: BTreeSet::new(),
            arrives_from: None,
            count: 0,
            seed,
            recorded: None,
        };
        let first = network.machines[0].address;
        for machine in &mut network.machines[1..] {
            machine.overlay.join(Time::ZERO, &[first]);
        }
        network
    }

    pub fn connect(&mut self, machine: usize, name: &str) -> usize {
        let number = 1 + machine as u64 * 100 + self.machines[machine].clients.len() as u64;
        let mut client = Client::new(name, number);
        client.hello();
        self.machines[machine].clients.push(client);
        self.machines[machine].clients.len() - 1
    }

    pub fn client(&mut self, machine: usize, client: usize) -> &mut Client {
        &mut self.machines[machine].clients[client]
    }

    /// Everything that can be sent now is on its way; what stays on a host arrives at once.
    pub fn settle(&mut self) {
        let mut out = Vec::new();
        for _ in 0..10_000 {
            let mut quiet = true;
            for index in 0..self.machines.len() {
                let now = self.now;
                let machine = &mut self.machines[index];
                if !machine.up {
                    continue;
                }
                let mut arrived = Vec::new();
                for client in &mut machine.clients {
                    while let Some(datagram) = client.transmit(now) {
                        quiet = false;
                        if self.rng.random_bool(self.local_loss) {
                            continue;
                        }
                        arrived.push((client.address, datagram));
                    }
                }
                for (from, datagram) in arrived {
                    machine.receive(now, from, datagram);
                }
                if machine.asleep_until > now {
                    continue;
                }
                while let Some(transmit) = machine.overlay.poll_transmit(now, &mut out) {
                    quiet = false;
                    if let Some(client) =
                        machine.clients.iter_mut().find(|client| client.address == transmit.destination)
                    {
                        if !self.rng.random_bool(self.local_loss) {
                            client.handle(now, &mut out[..transmit.len]);
                        }
                        continue;
                    }
                    assert!(transmit.len <= 1_400, "between hosts");
                    let to = self.addresses.get(&transmit.destination).copied();
                    let cut =
                        self.split > 0 && to.is_some_and(|to| (to < self.split) != (index < self.split));
                    let cut = cut || to.is_some_and(|to| self.deaf.contains(&(index, to)));
                    if let Some(recorded) = &mut self.recorded {
                        recorded.push((machine.address, transmit.destination, out[..transmit.len].to_vec()));
                    }
                    if cut || self.rng.random_bool(self.loss) {
                        continue;
                    }
                    let copies = 1 + u32::from(self.rng.random_bool(self.duplication));
                    for _ in 0..copies {
                        self.count += 1;
                        let longest = 501 + self.jitter.as_micros() as u64;
                        let arrival = now + Duration::from_micros(self.rng.random_range(500..longest));
                        let packet = (machine.address, transmit.destination, out[..transmit.len].to_vec());
                        self.flight.insert((arrival, self.count), packet);
                    }
                }
            }
            if quiet {
                return;
            }
        }
        panic!("datagrams go to and fro without an end");
    }

    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.settle();
            let running = self.machines.iter().filter(|machine| machine.up);
            let timers = running.flat_map(|machine| {
                let clients = machine.clients.iter().filter_map(|client| client.link.poll_timeout());
                let asleep = machine.asleep_until > self.now;
                let daemon = if asleep { Some(machine.asleep_until) } else { machine.overlay.poll_timeout() };
                clients.chain(daemon)
            });
            let arrival = self.flight.keys().next().map(|(at, _)| *at);
            let Some(next) = timers.chain(arrival).min().filter(|next| *next <= end) else { break };
            self.now = next.max(self.now + Duration::from_micros(1));
            while let Some(entry) = self.flight.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (from, to, datagram) = entry.remove();
                let from = self.arrives_from.filter(|(sent, _)| *sent == from).map_or(from, |(_, seen)| seen);
                if let Some(machine) =
                    self.machines.iter_mut().find(|machine| machine.address == to && machine.up)
                {
                    machine.receive(self.now, from, datagram);
                }
            }
            for machine in self.machines.iter_mut().filter(|machine| machine.up) {
                if machine.asleep_until <= self.now {
                    for (from, datagram) in std::mem::take(&mut machine.socket) {
                        machine.receive(self.now, from, datagram);
                    }
                    machine.overlay.handle_timeout(self.now);
                }
                for client in &mut machine.clients {
                    client.link.handle_timeout(self.now);
                }
            }
        }
        self.now = self.now.max(end);
    }

    /// What must hold at any time: no member twice, and nothing beyond its bound.
    pub fn check(&self) {
        let limits = Limits::default();
        for machine in self.machines.iter().filter(|machine| machine.up) {
            let views = machine.overlay.members();
            let names: BTreeSet<&str> = views.iter().map(|view| view.name.as_str()).collect();
            assert_eq!(names.len(), views.len(), "a member twice: {views:?}");
            let load = machine.overlay.load();
            assert!(load.behind <= load.endpoints, "{load:?}");
            assert!(load.endpoints <= 2 * load.members + machine.clients.len(), "{load:?}");
            assert!(load.longest_queue <= limits.queue_frames && load.longest_backlog <= limits.queue_frames);
            assert!(load.costliest_queue <= limits.queue_cost && load.waiting_bytes <= 8 << 10, "{load:?}");
            assert!(load.costliest_kept <= limits.receive_window as usize, "{load:?}");
            assert!(load.waiting_datagrams <= 1_024 && load.waiting_replies <= 4_096, "{load:?}");
        }
    }

    /// The daemon stops without a word, and one of the same name starts on its host.
    pub fn restart(&mut self, machine: usize, run: u64) {
        self.restart_with(machine, run, &[KEY]);
    }

    /// The same with this ring.
    pub fn restart_with(&mut self, machine: usize, run: u64, keys: &[&[u8]]) {
        let (_, restarted) = overlay_with(machine, run, self.seed, self.now, 180, keys);
        let others = self.machines.iter().enumerate().filter(|(index, _)| *index != machine);
        let seeds: Vec<SocketAddr> = others.map(|(_, machine)| machine.address).collect();
        let now = self.now;
        let machine = &mut self.machines[machine];
        machine.overlay = restarted;
        machine.socket.clear();
        machine.asleep_until = now;
        machine.overlay.join(now, &seeds);
    }

    /// As [`run`](Self::run), with clients that repeat their hello until it is answered.
    pub fn run_patiently(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.run((SECOND / 10).min(end.since(self.now)));
            for machine in &mut self.machines {
                machine
                    .clients
                    .iter_mut()
                    .filter(|client| !client.is_connected())
                    .for_each(Client::hello_again);
            }
        }
    }

    /// A publisher on the first machine and a subscriber of the type on another, all known to all.
    pub fn pair(&mut self, machine: usize, event_type: &str) -> (usize, usize) {
        let publisher = self.connect(0, "publisher");
        let subscriber = self.connect(machine, "subscriber");
        self.run(5 * SECOND);
        self.client(machine, subscriber).subscribe(event_type, SlowPolicy::WAIT);
        self.run(5 * SECOND);
        (publisher, subscriber)
    }

    pub fn numbers(&mut self, machine: usize, client: usize) -> Vec<u32> {
        self.machines[machine].clients[client].numbers()
    }

    pub fn reachable(&self, machine: usize) -> usize {
        let views = self.machines[machine].overlay.members();
        views.iter().filter(|view| !view.client && view.state == State::Reachable).count()
    }

    pub fn changes(&mut self, machine: usize, name: &str) -> Vec<Change> {
        let overlay = &mut self.machines[machine].overlay;
        std::iter::from_fn(|| overlay.poll_event())
            .filter_map(|event| match event {
                Event::Member(change, view) if view.name == name => Some(change),
                _ => None,
            })
            .collect()
    }
}
