//! The world: machines, the network between them, and what happens to both, one thing after the other.

mod apply;
mod client;
mod hostile;
mod machine;
mod network;
mod queue;
mod step;

use std::{
    hash::{DefaultHasher, Hasher},
    time::Duration,
};

use gossiperl_overlay::{Identities, Overlay, Time};
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use self::{
    client::Client,
    hostile::Hostile,
    machine::Machine,
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
                overlay.reserve(known.len());
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
