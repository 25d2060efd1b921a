//! Whole overlays in virtual time while links, daemons and hosts fail: events are right, members and subscriptions neither doubled nor left
//! over, messages once, in order and with exactly the hops that are needed, and all bounds hold.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeMap, time::Duration};

use crate::common::network::{Network, SECOND, seeds};
use gossiperl_idl::generated::SlowPolicy;
use gossiperl_overlay::{Change, Event};
use rand::Rng;

/// A publisher on machine 0, one subscriber on each of the next ones, and what the daemons have reported.
struct World {
    network: Network,
    publisher: usize,
    subscribers: Vec<(usize, usize)>,
    published: u32,
    /// By observer and member, since the beginning.
    events: BTreeMap<(usize, String), Vec<Change>>,
}

impl World {
    fn new(machines: usize, subscribers: usize, seed: u64) -> Self {
        eprintln!("GOSSIPERL_SEED={seed}");
        let mut network = Network::new(machines, 0.0, seed);
        let publisher = network.connect(0, "publisher");
        let connect = |machine| (machine, network.connect(machine, &format!("subscriber-{machine}")));
        let subscribers: Vec<_> = (1..=subscribers).map(connect).collect();
        let mut world = World { network, publisher, subscribers, published: 0, events: BTreeMap::new() };
        world.network.run(5 * SECOND);
        for (machine, client) in world.subscribers.clone() {
            world.network.client(machine, client).subscribe("n", SlowPolicy::WAIT);
        }
        world.network.run(5 * SECOND);
        world
    }

    fn publish(&mut self) {
        let (number, publisher) = (self.published.to_be_bytes(), self.publisher);
        assert!(self.network.client(0, publisher).publish("n", &number));
        self.published += 1;
    }

    /// Time passes while messages are published.
    fn run_busy(&mut self, duration: Duration) {
        let end = self.network.now + duration;
        while self.network.now < end {
            self.publish();
            let pause = self.network.rng.random_range(1..200);
            self.network.run((SECOND * pause / 1_000).min(end.since(self.network.now)));
            self.look();
        }
    }

    fn run(&mut self, duration: Duration) {
        for _ in 0..duration.as_secs() {
            self.network.run(SECOND);
            self.look();
        }
    }

    /// Checks what must always hold, and gathers events.
    fn look(&mut self) {
        self.network.check();
        for (observer, machine) in self.network.machines.iter_mut().enumerate() {
            while let Some(event) = machine.overlay.poll_event() {
                match event {
                    Event::Member(change, view) if !view.client => {
                        self.events.entry((observer, view.name)).or_default().push(change);
                    }
                    Event::Member(..) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// How often this observer reported the change of the member.
    fn count(&self, observer: usize, member: usize, change: Change) -> usize {
        let events = self.events.get(&(observer, format!("daemon-{member}")));
        events.map_or(0, |events| events.iter().filter(|event| **event == change).count())
    }

    fn total(&self, change: Change) -> usize {
        self.events.values().flatten().filter(|event| **event == change).count()
    }

    fn numbers(&mut self, subscriber: usize) -> Vec<u32> {
        let (machine, client) = self.subscribers[subscriber];
        let got = self.network.numbers(machine, client);
        assert!(got.is_sorted_by(|one, other| one < other), "once and in order");
        got
    }

    fn complete(&mut self, subscriber: usize) {
        let all: Vec<u32> = (0..self.published).collect();
        assert_eq!(self.numbers(subscriber), all, "subscriber {subscriber}");
    }

    /// Everybody sees everybody, as one event after the other says it, and what is published now reaches all in the needed hops.
    fn is_whole(&mut self) {
        let count = self.network.machines.len();
        for machine in 0..count {
            assert_eq!(self.network.reachable(machine), count, "as {machine} sees it");
        }
        for ((observer, member), events) in &self.events {
            assert!(is_consistent(events), "{observer} says of {member}: {events:?}");
            assert!(
                matches!(events.last(), Some(Change::In | Change::Rejoin)),
                "{observer}, {member}: {events:?}"
            );
        }
        let stats = |world: &World, machine: usize| world.network.machines[machine].overlay.stats();
        let before: Vec<_> = (0..count).map(|machine| stats(self, machine)).collect();
        for _ in 0..20 {
            self.publish();
        }
        self.run(5 * SECOND);
        let last = self.published - 1;
        for subscriber in 0..self.subscribers.len() {
            assert!(self.numbers(subscriber).ends_with(&[last - 1, last]), "subscriber {subscriber}");
        }
        let hops = self.subscribers.len() as u64 * 20;
        assert_eq!(stats(self, 0).forwarded - before[0].forwarded, hops, "exactly the needed hops");
        for (machine, before) in before.iter().enumerate().skip(1) {
            let subscribed = self.subscribers.iter().filter(|(place, _)| *place == machine).count() as u64;
            let relayed = stats(self, machine).relayed - before.relayed;
            let fanned_out = stats(self, machine).fanned_out - before.fanned_out;
            assert_eq!((relayed, fanned_out), (20 * subscribed, 20 * subscribed), "machine {machine}");
        }
    }

    /// Nobody is left subscribed once all have unsubscribed.
    fn leaves_no_subscription(&mut self) {
        for (machine, client) in self.subscribers.clone() {
            let unsubscribe = gossiperl_idl::generated::Unsubscribe::new(99, vec![b"n".to_vec()]);
            self.network.client(machine, client).request(gossiperl_idl::frame::UNSUBSCRIBE, &unsubscribe);
        }
        self.run(10 * SECOND);
        let before = self.network.machines[0].overlay.stats();
        self.publish();
        self.run(SECOND);
        let after = self.network.machines[0].overlay.stats();
        assert_eq!((after.unheard - before.unheard, after.forwarded), (1, before.forwarded));
        for machine in &self.network.machines {
            assert_eq!(machine.overlay.load().remote_subscriptions, 0);
        }
    }
}

/// Whether these changes of one member can follow each other (the states of protocol 1, section 4).
fn is_consistent(events: &[Change]) -> bool {
    let first = events.first() == Some(&Change::In);
    let follows = |pair: &[Change]| match (pair[0], pair[1]) {
        (Change::In | Change::Rejoin, next) => {
            matches!(next, Change::Quarantine | Change::Unreachable | Change::Rejoin | Change::Out)
        }
        (Change::Quarantine, next) => matches!(next, Change::Rejoin | Change::Unreachable | Change::Out),
        (Change::Unreachable, next) => matches!(next, Change::Rejoin | Change::Drop | Change::Out),
        (Change::Drop, next) => next == Change::Out,
        (Change::Out, next) => next == Change::In,
    };
    first && events.windows(2).all(follows)
}

#[test]
fn a_member_that_one_other_does_not_hear_stays_and_nothing_is_lost() {
    for seed in seeds(3_000, 30) {
        let mut world = World::new(5, 2, seed);
        for _ in 0..3 {
            let from = world.network.rng.random_range(0..5);
            let to = (from + world.network.rng.random_range(1..5)) % 5;
            world.network.deaf.insert((from, to));
            let long = world.network.rng.random_range(1..20);
            world.run_busy(SECOND * long);
            world.network.deaf.clear();
            world.run_busy(3 * SECOND);
        }
        world.run(20 * SECOND);
        assert_eq!(world.total(Change::Unreachable), 0, "{:?}", world.events);
        world.complete(0);
        world.complete(1);
        world.is_whole();
        world.leaves_no_subscription();
    }
}

#[test]
fn a_daemon_that_stands_still_for_a_while_is_found_again_once_and_keeps_its_clients() {
    for seed in seeds(4_000, 24) {
        let mut world = World::new(4, 2, seed);
        let mut stalls = [0; 4];
        for _ in 0..3 {
            let stalled = world.network.rng.random_range(0..4usize);
            let long = SECOND / 1_000 * world.network.rng.random_range(1_000..10_000);
            stalls[stalled] += 1;
            world.network.machines[stalled].asleep_until = world.network.now + long;
            world.run_busy(long + 10 * SECOND);
        }
        world.run(20 * SECOND);
        for member in 0..4 {
            for observer in (0..4).filter(|observer| *observer != member) {
                // A daemon that stood still itself may take others for failed once.
                let most = stalls[member] + stalls[observer];
                let failed = world.count(observer, member, Change::Unreachable);
                assert!(failed <= most, "{observer} says of {member}: {:?}", world.events);
            }
        }
        assert_eq!(world.total(Change::Drop) + world.total(Change::Out), 0);
        for subscriber in 0..2 {
            if world.count(0, subscriber + 1, Change::Unreachable) == 0 {
                world.complete(subscriber);
            }
        }
        world.is_whole();
        world.leaves_no_subscription();
    }
}

#[test]
fn a_daemon_that_restarts_amid_traffic_is_the_same_member_and_disturbs_no_other() {
    for seed in seeds(5_000, 30) {
        let mut world = World::new(4, 3, seed);
        world.network.loss = world.network.rng.random_range(0.0..0.1);
        for run in 2..4 {
            let pause = world.network.rng.random_range(1..5_000);
            world.run_busy(SECOND * pause / 1_000);
            world.network.restart(3, run);
            world.run_busy(SECOND / 2);
            let (machine, client) = world.subscribers[2];
            // A keepalive of its would tell it that the daemon is another one.
            world.network.client(machine, client).hello();
            world.network.run_patiently(2 * SECOND);
            world.network.client(machine, client).subscribe("n", SlowPolicy::WAIT);
        }
        world.run_busy(10 * SECOND);
        world.network.loss = 0.0;
        world.run(30 * SECOND);
        // The restarted one has forgotten what it said itself.
        world.events.retain(|(observer, _), _| *observer != 3);
        assert_eq!(world.total(Change::In), 9, "three observers, three others each: {:?}", world.events);
        assert_eq!(world.total(Change::Out), 0, "{:?}", world.events);
        world.complete(0);
        world.complete(1);
        world.is_whole();
        world.leaves_no_subscription();
    }
}

#[test]
fn what_a_partition_separates_comes_together_again_without_doubles() {
    for seed in seeds(6_000, 12) {
        let mut world = World::new(6, 5, seed);
        let mut crossed = 0;
        for _ in 0..2 {
            let split = world.network.rng.random_range(1..6);
            // Machine 0 publishes, so subscribers beyond the split are cut off.
            crossed = crossed.max(6 - split);
            world.network.split = split;
            let long = world.network.rng.random_range(2..60);
            world.run_busy(SECOND * long);
            world.network.split = 0;
            world.run(90 * SECOND);
        }
        let near = 5 - crossed;
        for subscriber in 0..near {
            world.complete(subscriber);
        }
        assert_eq!(world.total(Change::Out), 0);
        for member in 0..6 {
            for observer in (0..6).filter(|observer| *observer != member) {
                assert!(world.count(observer, member, Change::Unreachable) <= 2, "flaps: {:?}", world.events);
            }
        }
        world.is_whole();
        world.leaves_no_subscription();
    }
}
