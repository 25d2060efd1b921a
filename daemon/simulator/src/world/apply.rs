//! The scenario's actions, made to happen.

use std::time::Duration;

use rand::Rng;

use super::{
    Client, World,
    hostile::Hostile,
    machine::Machine,
    queue::{Ending, Happening},
    some,
};
use crate::scenario::{self, Action, Who};

/// The first client's port on its machine.
const CLIENT_PORT: u16 = 20_000;

/// Time for subscriptions to get around before anything is published.
const SETTLE: Duration = Duration::from_secs(10);

impl World {
    /// The n-th time of an action.
    pub(super) fn act(&mut self, number: usize, nth: u32) {
        let Some(action) = self.scenario.action.get(number).cloned() else { return };
        if let Some(every) = action.every
            && action.times.is_none_or(|times| nth + 1 < times)
        {
            self.queue.push(self.now + every.0, Happening::Action(number, nth + 1));
        }
        self.watch.happened(self.now);
        self.act_once(&action);
    }

    fn act_once(&mut self, action: &Action) {
        if let Some(crash) = &action.crash {
            for machine in self.pick(&crash.who) {
                self.crash(machine, crash.host_stays);
            }
        } else if let Some(restart) = &action.restart {
            for machine in self.pick(&restart.who) {
                let away = restart.after.pick(&mut self.rng);
                self.crash(machine, true);
                self.queue.push(self.now + away, Happening::Start(machine));
            }
        } else if let Some(who) = &action.leave {
            for machine in self.pick(who) {
                self.leave(machine);
            }
        } else if let Some(join) = &action.join {
            self.add(join);
        } else if let Some(stall) = &action.stall {
            for machine in self.pick(&stall.who) {
                let lasting = stall.lasting.pick(&mut self.rng);
                self.disturb(machine, lasting, Ending::Stall(machine));
                self.machines[machine].busy_until = self.now + lasting;
            }
        } else if let Some(slow) = &action.slow {
            for machine in self.pick(&slow.who) {
                let lasting = slow.lasting.pick(&mut self.rng);
                self.disturb(machine, lasting, Ending::Slowness(machine));
                self.machines[machine].each = slow.each.0;
            }
        } else if let Some(clock) = &action.clock {
            for machine in self.pick(&clock.who) {
                jump(&mut self.machines[machine], clock);
                self.set_wake(machine);
            }
        } else {
            self.act_on_network(action);
        }
    }

    fn act_on_network(&mut self, action: &Action) {
        if let Some(partition) = &action.partition {
            let side = self.side(&partition.who);
            self.watch.separate(self.now, side.clone(), partition.direction, partition.lasting.0);
            let number = self.network.cut(side, partition.direction);
            self.end_after(partition.lasting.0, Ending::Trouble(number));
        } else if let Some(lossy) = &action.lossy {
            let side = self.side(&lossy.who);
            for (machine, concerned) in side.iter().enumerate() {
                if *concerned {
                    self.watch.excuse(machine, self.now + lossy.lasting.0);
                }
            }
            let number = self.network.spoil(side, lossy.direction, lossy.loss);
            self.end_after(lossy.lasting.0, Ending::Trouble(number));
        } else if let Some(who) = &action.subscribe {
            for machine in self.pick(who) {
                let event_type = format!("change-{}", self.clients);
                let client = self.add_client(machine);
                client.subscribe(event_type.as_bytes());
                self.watch.subscribed(self.now, machine);
                self.pump(machine);
            }
        } else if let Some(publish) = &action.publish {
            self.set_to_work(publish);
        } else if let Some(hostile) = &action.hostile {
            let number = self.hostiles.len();
            let random = self.rng.random();
            self.hostiles.push(Hostile::new(number, hostile.holds, hostile.pace.0, random));
            self.end_after(hostile.lasting.0, Ending::Hostile(number));
            self.queue.push(self.now, Happening::Hostile(number));
        }
    }

    /// What an action began is over.
    pub(super) fn end_of(&mut self, ending: Ending) {
        self.watch.calm(self.now);
        match ending {
            Ending::Trouble(number) => {
                if self.network.end(number) {
                    self.watch.healed(self.now);
                }
            }
            Ending::Slowness(machine) => self.machines[machine].each = Duration::ZERO,
            Ending::Stall(machine) => self.watch.awake(machine),
            Ending::Hostile(number) => self.hostiles[number].stop(),
        }
    }

    /// A hostile sender's turn.
    pub(super) fn send_hostile(&mut self, number: usize) {
        let live: Vec<usize> = (0..self.machines.len()).filter(|it| self.machines[*it].is_on()).collect();
        let Some(hostile) = self.hostiles.get_mut(number).filter(|hostile| !hostile.is_stopped()) else {
            return;
        };
        self.queue.push(self.now + hostile.pace, Happening::Hostile(number));
        if live.is_empty() {
            return;
        }
        let to = live[self.rng.random_range(0..live.len())];
        let other = live[self.rng.random_range(0..live.len())];
        let victim = self.machines[other].overlay.as_ref().and_then(|overlay| overlay.own_update());
        let salt = self.machines[to].overlay.as_ref().map(|overlay| overlay.salt());
        let (Some(victim), Some(salt)) = (victim, salt) else { return };
        if let Some((from, bytes)) = hostile.next(&mut self.rng, salt, &victim) {
            self.queue.push(self.now, Happening::Datagram { to, from, bytes });
        }
    }

    fn crash(&mut self, machine: usize, host_stays: bool) {
        self.watch.ended(self.now, machine);
        self.watch.crashed(self.now, machine);
        self.machines[machine].end(host_stays);
    }

    fn leave(&mut self, index: usize) {
        let now = self.now;
        let machine = &mut self.machines[index];
        let local = machine.local(now);
        if let Some(overlay) = machine.overlay.as_deref_mut() {
            overlay.leave(local);
        }
        self.watch.left(now, index);
        self.machines[index].clients.clear();
        self.machines[index].leaving = true;
        self.pump(index);
    }

    fn add(&mut self, join: &scenario::Join) {
        let first = self.machines.len();
        for index in first..first + join.count {
            self.machines.push(Machine::new(index, self.scenario.racks));
            let within = join.within.0.mul_f64(self.rng.random_range(0.0..=1.0));
            self.queue.push(self.now + within, Happening::Start(index));
        }
        self.watch.coming(self.now, first..first + join.count);
    }

    fn set_to_work(&mut self, publish: &scenario::Publish) {
        let event_type = format!("work-{}", self.clients).into_bytes();
        let (from, until) = (self.now + SETTLE, self.now + SETTLE + publish.lasting.0);
        let subscribers = self.pick(&publish.subscribers);
        let publishers = self.pick(&publish.publishers);
        let mut readers = Vec::new();
        for machine in subscribers {
            let client = self.add_client(machine);
            client.subscribe(&event_type);
            readers.push((machine, client.instance));
            self.watch.subscribed(self.now, machine);
        }
        for machine in publishers {
            let start = from + publish.pace.0.mul_f64(self.rng.random_range(0.0..1.0));
            let client = self.add_client(machine);
            client.publish(&event_type, publish.bytes, publish.pace.0, start, until);
            let writer = client.instance;
            self.watch.delivery.expect(machine, writer, &readers);
        }
        for machine in 0..self.machines.len() {
            self.pump(machine);
        }
    }

    fn add_client(&mut self, index: usize) -> &mut Client {
        self.clients += 1;
        let (now, number) = (self.now, self.clients);
        let machine = &mut self.machines[index];
        let port = CLIENT_PORT + machine.clients.len() as u16;
        machine.clients.push(Client::new(now, &format!("client-{number}"), number, port));
        let last = machine.clients.len() - 1;
        &mut machine.clients[last]
    }

    fn disturb(&mut self, machine: usize, lasting: Duration, ending: Ending) {
        self.watch.excuse(machine, self.now + lasting);
        if matches!(ending, Ending::Stall(_)) {
            self.watch.asleep(machine);
        }
        self.end_after(lasting, ending);
    }

    fn end_after(&mut self, lasting: Duration, ending: Ending) {
        self.watch.troubled();
        self.queue.push(self.now + lasting, Happening::End(ending));
    }

    /// The machines of a choice that run and are awake.
    fn pick(&mut self, who: &Who) -> Vec<usize> {
        let now = self.now;
        let fit = |machine: &Machine| {
            machine.is_on() && !machine.leaving && machine.busy_until <= now + Duration::from_millis(100)
        };
        let live: Vec<usize> = (0..self.machines.len()).filter(|it| fit(&self.machines[*it])).collect();
        let count = match (who.count, who.share) {
            (Some(count), _) => count,
            (None, Some(share)) => ((live.len() as f64 * share).round() as usize).max(1),
            (None, None) => live.len(),
        };
        let named = |machine: &usize| {
            who.rack.is_none_or(|rack| self.machines[*machine].rack == rack)
                && who.members.as_ref().is_none_or(|members| members.contains(machine))
        };
        let live: Vec<usize> = live.into_iter().filter(named).collect();
        let mut picked = some(&mut self.rng, live, count);
        picked.sort_unstable();
        picked
    }

    fn side(&mut self, who: &Who) -> Vec<bool> {
        let mut side = vec![false; self.machines.len()];
        for machine in self.pick(who) {
            side[machine] = true;
        }
        side
    }
}

fn jump(machine: &mut Machine, clock: &scenario::Clock) {
    let micros = |span: scenario::Span| i64::try_from(span.0.as_micros()).unwrap_or(i64::MAX);
    if let Some(forward) = clock.wall_forward {
        machine.wall_ahead = machine.wall_ahead.saturating_add(micros(forward));
    }
    if let Some(back) = clock.wall_back {
        machine.wall_ahead = machine.wall_ahead.saturating_sub(micros(back));
    }
    if let Some(forward) = clock.monotonic_forward {
        machine.ahead += forward.0;
    }
}
