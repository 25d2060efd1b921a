//! The world: machines, the network between them, and what happens to both, one thing after the other.

mod apply;
mod client;
mod hostile;
mod machine;
mod network;
mod queue;

use std::{
    hash::{DefaultHasher, Hasher},
    net::SocketAddr,
    time::Duration,
};

use gossiperl_overlay::{Config, Event, Identities, Overlay, Time};
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use self::{
    client::Client,
    hostile::Hostile,
    machine::{Machine, Power},
    network::Network,
    queue::{Happening, Queue},
};
pub use self::{
    machine::{index_of, name_of},
    network::{address_of, machine_at},
};
use crate::{
    check::Violation,
    measure::Watch,
    report::{Progress, Report},
    scenario::{Scenario, Start},
};

/// The overlay's key.
const KEY: &[u8] = b"v3JElaRswYgxOt4b";

/// UDP and IPv4 headers of a datagram.
const HEADERS: u64 = 28;

/// Seeds that a daemon joins through.
const SEEDS: usize = 3;

/// An overlay that has not formed by then never will.
const FORMS_WITHIN: Duration = Duration::from_secs(300);

/// Members that a daemon is told of at once: what that brings about stays as little as in a daemon that learns bit by bit.
const LEARNT_AT_ONCE: usize = 32;

const SECOND: Duration = Duration::from_secs(1);

/// A scenario at work.
pub struct World {
    scenario: Scenario,
    seed: u64,
    now: Time,
    end: Time,
    rng: ChaCha8Rng,
    machines: Vec<Machine>,
    network: Network,
    queue: Queue,
    hostiles: Vec<Hostile>,
    watch: Watch,
    formed: Option<Time>,
    fingerprint: DefaultHasher,
    out: Vec<u8>,
    /// Members' names and addresses, once for all daemons.
    identities: Identities,
    /// Things that happened so far.
    steps: u64,
    clients: u64,
}

impl World {
    /// The scenario's beginning. The seed decides every chance.
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        let racks = scenario.racks;
        let machines = (0..scenario.members).map(|index| Machine::new(index, racks)).collect();
        let network = Network::new(scenario.link.clone(), scenario.far.clone());
        World {
            watch: Watch::new(&scenario),
            seed,
            now: Time::ZERO,
            end: Time::ZERO + FORMS_WITHIN,
            rng: ChaCha8Rng::seed_from_u64(seed),
            machines,
            network,
            queue: Queue::default(),
            hostiles: Vec::new(),
            formed: None,
            fingerprint: DefaultHasher::new(),
            out: Vec::new(),
            identities: Identities::default(),
            steps: 0,
            clients: 0,
            scenario,
        }
    }

    /// Runs it to its end or to the first violation, telling `progress` of each second.
    pub fn run(mut self, mut progress: impl FnMut(Progress)) -> Report {
        self.start();
        while self.watch.violations().is_empty()
            && let Some((at, happening)) = self.queue.pop(self.end)
        {
            self.now = self.now.max(at);
            self.steps += 1;
            if matches!(happening, Happening::Second) {
                progress(self.progress());
            }
            self.happen(happening);
        }
        self.finish()
    }

    fn start(&mut self) {
        self.queue.push(self.now + SECOND, Happening::Second);
        match self.scenario.start {
            Start::Join => {
                for machine in 0..self.machines.len() {
                    let at = Time::from_micros(self.rng.random_range(0..1_000_000));
                    self.queue.push(at, Happening::Start(machine));
                }
            }
            Start::Known => self.start_known(),
        }
    }

    /// All at once, each told of all the others.
    fn start_known(&mut self) {
        for machine in 0..self.machines.len() {
            self.boot(machine);
        }
        let known: Vec<_> = self
            .machines
            .iter()
            .filter_map(|machine| machine.overlay.as_ref().and_then(|overlay| overlay.own_update()))
            .collect();
        for index in 0..self.machines.len() {
            let local = self.machines[index].local(self.now);
            if let Some(overlay) = self.machines[index].overlay.as_deref_mut() {
                for some in known.chunks(LEARNT_AT_ONCE) {
                    overlay.learn(local, some);
                    while overlay.poll_event().is_some() {}
                }
            }
            self.pump(index);
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Datagram { to, from, bytes } => self.arrive(to, from, bytes),
            Happening::Refused { to, address } => {
                let now = self.now;
                let Some(machine) = self.machines.get_mut(to).filter(|machine| machine.is_on()) else {
                    return;
                };
                let local = machine.local(now);
                if machine.busy_until <= now
                    && let Some(overlay) = machine.overlay.as_deref_mut()
                {
                    overlay.handle_unreachable(local, address);
                    self.pump(to);
                }
            }
            Happening::Wake(index) => self.wake(index),
            Happening::Start(index) => {
                self.boot(index);
                self.join(index);
                self.pump(index);
            }
            Happening::Action(index, nth) => self.act(index, nth),
            Happening::End(ending) => self.end_of(ending),
            Happening::Hostile(index) => self.send_hostile(index),
            Happening::Second => self.second(),
        }
    }

    /// A process starts.
    fn boot(&mut self, index: usize) {
        let (now, random) = (self.now, self.rng.random());
        let settings = &self.scenario.overlay;
        let Some(machine) = self.machines.get_mut(index) else { return };
        let address = machine.address;
        let mut config = Config::new("simulated", &machine.name, (address.ip(), address.port()), KEY);
        config.rack_name = format!("rack-{}", machine.rack);
        config.detector = settings.detector();
        config.legacy_clients = false;
        config.identities = Some(self.identities.clone());
        if let Some(after) = settings.drop_unreachable_after {
            config.drop_unreachable_after = after.0;
        }
        let salt = machine.next_salt(now, random);
        let (local, unix) = (machine.local(now), (machine.wall(now) / 1_000_000).cast_signed());
        let made = Overlay::new(config, salt, local, unix);
        machine.overlay = made.ok().map(Box::new);
        machine.power = Power::On;
        self.watch.started(now, index);
    }

    /// It introduces itself to some that run, or will.
    fn join(&mut self, index: usize) {
        let now = self.now;
        let others = self.machines.len();
        let picked = some(&mut self.rng, (0..others).collect(), SEEDS);
        let seeds: Vec<SocketAddr> = picked.into_iter().chain([0]).map(address_of).collect();
        let Some(machine) = self.machines.get_mut(index) else { return };
        let local = machine.local(now);
        if let Some(overlay) = machine.overlay.as_deref_mut() {
            overlay.join(local, &seeds);
        }
    }

    fn arrive(&mut self, to: usize, from: SocketAddr, bytes: Vec<u8>) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(to) else { return };
        match machine.power {
            Power::On if machine.busy_until > now || !machine.socket.is_empty() => {
                machine.keep(from, bytes);
                self.set_wake(to);
            }
            Power::On => self.take(to, from, bytes),
            Power::Off { host_stays: true } => {
                if let Some(sender) = machine_at(&from) {
                    let address = machine.address;
                    self.send_back(to, sender, address);
                }
            }
            Power::New | Power::Off { .. } => {}
        }
    }

    /// "Nobody listens there" goes the way of any datagram.
    fn send_back(&mut self, from: usize, to: usize, address: SocketAddr) {
        let racks = self.scenario.racks;
        let same_rack = from % racks == to % racks;
        let [first, _] = self.network.carry(&mut self.rng, from, to, same_rack);
        if let Some(after) = first {
            self.queue.push(self.now + after, Happening::Refused { to, address });
        }
    }

    /// A datagram is read and dealt with.
    fn take(&mut self, index: usize, from: SocketAddr, mut bytes: Vec<u8>) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index) else { return };
        machine.busy_until = now + machine.each;
        let local = machine.local(now);
        if let Some(overlay) = machine.overlay.as_deref_mut() {
            overlay.handle_datagram(local, from, &mut bytes);
        }
        self.pump(index);
    }

    fn wake(&mut self, index: usize) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index) else { return };
        if machine.wake != Some(now) {
            return;
        }
        machine.wake = None;
        if !machine.is_on() || machine.busy_until > now {
            return self.set_wake(index);
        }
        // As the daemon does it: first what waits in the socket, then what is due.
        while let Some(machine) = self.machines.get_mut(index)
            && machine.busy_until <= now
            && let Some((from, bytes)) = machine.read()
        {
            self.take(index, from, bytes);
        }
        let Some(machine) = self.machines.get_mut(index) else { return };
        if machine.busy_until > now {
            return self.set_wake(index);
        }
        let local = machine.local(now);
        let mut due = false;
        if let Some(overlay) = machine.overlay.as_deref_mut()
            && overlay.poll_timeout().is_some_and(|at| at <= local)
        {
            overlay.handle_timeout(local);
            due = true;
        }
        for client in &mut machine.clients {
            if client.poll_timeout().is_some_and(|at| at <= now) {
                client.handle_timeout(now);
                due = true;
            }
        }
        if due {
            machine.busy_until = now + machine.each;
            self.pump(index);
        } else {
            self.set_wake(index);
        }
    }

    /// Everything that the machine has to send goes on its way, everything that it reports is noted. The end of each step.
    fn pump(&mut self, index: usize) {
        let now = self.now;
        let sent = self.transmit(index);
        let Some(machine) = self.machines.get_mut(index) else { return };
        let mut restart = None;
        let Some(overlay) = machine.overlay.as_deref_mut() else { return };
        while let Some(event) = overlay.poll_event() {
            match &event {
                Event::Member(change, view) if !view.client => {
                    let Some(about) = index_of(&view.name) else { continue };
                    self.watch.heard(now, index, about, *change);
                }
                Event::NewGenerationNeeded { above } => restart = Some(*above),
                _ => {}
            }
        }
        self.watch.stepped(now, index, overlay, sent);
        for client in &mut machine.clients {
            while let Some(delivered) = client.poll_delivered() {
                self.watch.delivery.delivered(now, client.instance, delivered);
            }
        }
        if let Some(above) = restart {
            self.start_anew(index, above.unix_micros());
        }
        self.set_wake(index);
    }

    fn transmit(&mut self, index: usize) -> usize {
        let now = self.now;
        let mut out = std::mem::take(&mut self.out);
        let mut sent = 0;
        let (machines, racks) = (self.machines.len(), self.scenario.racks);
        loop {
            let mut quiet = true;
            let Some(machine) = self.machines.get_mut(index) else { break };
            let local = machine.local(now);
            let (address, rack) = (machine.address, machine.rack);
            let Machine { overlay, clients, .. } = machine;
            let Some(overlay) = overlay.as_deref_mut() else { break };
            for client in clients.iter_mut() {
                while let Some(mut datagram) = client.transmit(now) {
                    quiet = false;
                    overlay.handle_datagram(local, client.address, &mut datagram);
                }
            }
            let (mut datagrams, mut bytes) = (0, 0);
            while let Some(transmit) = overlay.poll_transmit(local, &mut out) {
                quiet = false;
                let datagram = &mut out[..transmit.len];
                if transmit.destination.ip().is_loopback() {
                    let client = clients.iter_mut().find(|client| client.address == transmit.destination);
                    if let Some(client) = client {
                        client.handle(now, datagram);
                    }
                    continue;
                }
                datagrams += 1;
                bytes += datagram.len() as u64 + HEADERS;
                self.fingerprint.write_u64(now.as_micros() ^ (index as u64) << 44);
                self.fingerprint.write(&datagram[datagram.len().saturating_sub(8)..]);
                for hostile in &mut self.hostiles {
                    hostile.record(&mut self.rng, address, transmit.destination, datagram);
                }
                let Some(to) = machine_at(&transmit.destination) else { continue };
                if to >= machines {
                    continue;
                }
                let same_rack = rack == to % racks;
                let times = self.network.carry(&mut self.rng, index, to, same_rack);
                for after in times.into_iter().flatten() {
                    let bytes = datagram.to_vec();
                    self.queue.push(now + after, Happening::Datagram { to, from: address, bytes });
                }
            }
            let Some(machine) = self.machines.get_mut(index) else { break };
            machine.datagrams += datagrams;
            machine.bytes += bytes;
            sent += datagrams as usize;
            if quiet {
                break;
            }
        }
        self.out = out;
        sent
    }

    fn set_wake(&mut self, index: usize) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        let Some(wanted) = machine.wants_wake().map(|at| at.max(self.now)) else { return };
        // Sooner than needed does no harm; only an earlier one is put in.
        if machine.wake.is_some_and(|at| at <= wanted) {
            return;
        }
        machine.wake = Some(wanted);
        self.queue.push(wanted, Happening::Wake(index));
    }

    /// The overlay asked for a newer run, as gossiperld gives it one.
    fn start_anew(&mut self, index: usize, above: u64) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index) else { return };
        let behind = above.saturating_sub(machine.wall(now));
        machine.wall_ahead += behind.cast_signed() + 1;
        machine.overlay = None;
        machine.clients.clear();
        self.watch.ended(now, index);
        self.boot(index);
        self.join(index);
        self.pump(index);
    }

    fn second(&mut self) {
        let now = self.now;
        self.queue.push(now + SECOND, Happening::Second);
        for (index, machine) in self.machines.iter_mut().enumerate() {
            let unix = (machine.wall(now) / 1_000_000).cast_signed();
            if let Some(overlay) = machine.overlay.as_deref_mut() {
                overlay.set_unix_time(unix);
            }
            if machine.is_on() {
                self.watch.traffic.sample(now, index, machine.datagrams, machine.bytes);
            }
            if machine.leaving && machine.overlay.as_deref().is_none_or(Overlay::is_left) {
                machine.end(true);
            }
        }
        self.watch.second(now);
        if self.formed.is_none() && self.watch.is_formed(self.scenario.members) {
            self.form();
        }
    }

    /// The overlay is there: from now on the scenario's time runs.
    fn form(&mut self) {
        let now = self.now;
        self.formed = Some(now);
        self.end = now + self.scenario.duration.0;
        self.watch.formed(now);
        for (index, action) in self.scenario.action.iter().enumerate() {
            self.queue.push(now + action.at.0, Happening::Action(index, 0));
        }
    }

    fn finish(mut self) -> Report {
        self.now = self.now.max(self.end.min(self.now + SECOND));
        if self.formed.is_none() {
            let text = format!("{} members did not find together", self.scenario.members);
            self.watch.violate(Violation { at: self.now, checker: "formation", text });
        }
        let published: Vec<_> = self
            .machines
            .iter()
            .flat_map(|machine| &machine.clients)
            .map(|client| (client.instance, client.published()))
            .collect();
        self.watch.finish(self.now, &published);
        let members = self.machines.iter().filter_map(|machine| machine.overlay.as_deref());
        self.watch.redundancy(members);
        let fingerprint = self.fingerprint.finish();
        Report::new(&self.scenario, self.seed, self.now, self.formed, self.steps, fingerprint, self.watch)
    }

    fn progress(&self) -> Progress {
        Progress {
            now: self.now,
            end: self.formed.map(|_| self.end),
            steps: self.steps,
            live: self.watch.live(),
        }
    }
}

/// So many of these, picked by chance.
fn some(rng: &mut ChaCha8Rng, mut from: Vec<usize>, count: usize) -> Vec<usize> {
    let count = count.min(from.len());
    from.partial_shuffle(rng, count).0.to_vec()
}
