//! What repair costs, and what it does about members.

use std::time::Duration;

use gossiperl_idl::generated::{Liveness, MemberUpdate};
use gossiperl_overlay::{Time, state::tree::Place};
use rand::Rng;

use crate::{
    support::{Random, member, salt, with_seeds},
    world::{World, established},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Two daemons that hold the same of so many others.
fn twins(random: &mut Random, owners: u64) -> World {
    let mut world = World::new(random, 2);
    world.gossip = false;
    for number in [0, 1] {
        world.daemons[number as usize] = established(number, owners, 2);
        world.daemons[number as usize].learn(Time::ZERO, &member(1 - number));
    }
    assert!(world.agrees());
    world
}

#[test]
fn equal_daemons_exchange_nothing_but_the_root() {
    with_seeds(1, |random| {
        let mut world = twins(random, 1_000);
        world.run(5 * MINUTE);
        assert_eq!(world.traffic.datagrams, 0);
        assert_eq!(world.daemons[0].state.stats().repair.exchanges, 0);
    });
}

#[test]
fn an_exchange_of_equals_is_a_digest_and_an_empty_answer() {
    with_seeds(1, |random| {
        let mut world = twins(random, 1_000);
        assert!(world.daemons[0].state.repair_with(world.now, salt(1), None));
        world.run(MINUTE);
        assert_eq!(world.traffic.datagrams, 2);
        assert!(world.traffic.bytes < 350, "{} bytes", world.traffic.bytes);
        assert!(world.daemons[0].state.is_repaired());
    });
}

#[test]
fn daemons_that_differ_exchange_what_differs() {
    with_seeds(3, |random| {
        for changed in [1, 10, 100] {
            let mut world = twins(random, 1_000);
            for _ in 0..changed {
                // Members refuted a suspicion, which one daemon has heard, the other not.
                let owner = random.random_range(10..1_010);
                let at = random.random_range(0..2);
                let update = MemberUpdate { incarnation: random.random_range(1..9), ..member(owner) };
                world.daemons[at].learn(world.now, &update);
            }
            let took = world.run_until(MINUTE, "in agreement", World::agrees);
            world.run(MINUTE);
            let traffic = world.traffic;
            println!("{changed} of 1,000 differ: agreed after {took:?}, {traffic:?}");
            // Three times 16 hashes of 17 bytes from each side at the most, then the owners of the leaf; and the check.
            assert!(traffic.bytes < 400 + changed * 900, "{traffic:?} for {changed}");
        }
    });
}

#[test]
fn both_sides_learn_in_one_exchange() {
    with_seeds(3, |random| {
        let mut world = twins(random, 500);
        world.probes = false;
        for number in 0..50_u8 {
            world.daemons[0].state.put(world.now, &[b'a', number], b"").unwrap();
            world.daemons[1].state.put(world.now, &[b'b', number], b"").unwrap();
        }
        for number in 0..20 {
            world.daemons[0].learn(world.now, &member(20_000 + number));
            world.daemons[1].learn(world.now, &member(30_000 + number));
        }
        world.daemons[0].state.repair_with(world.now, salt(1), None);
        world.run_until(MINUTE, "in agreement", World::agrees);
        world.check();
        assert_eq!(world.daemons[1].state.tree().count(Place::ROOT), 542);
        assert_eq!(world.daemons[1].state.stats().repair.exchanges, 0);
    });
}

#[test]
fn there_is_one_exchange_with_a_peer_and_few_in_all() {
    with_seeds(1, |random| {
        let mut world = World::acquainted(random, 8);
        let state = &mut world.daemons[0].state;
        assert!(state.repair_with(world.now, salt(1), None));
        assert!(!state.repair_with(world.now, salt(1), None));
        let started = (2..8).filter(|peer| state.repair_with(world.now, salt(*peer), None)).count();
        assert_eq!(started, 3);
    });
}

#[test]
fn what_is_lost_is_asked_again_after_three_round_trips_where_they_are_known() {
    with_seeds(3, |random| {
        let mut world = twins(random, 10);
        world.probes = false;
        world.gossip = false;
        world.daemons[1].state.put(world.now, b"key", b"value").unwrap();
        world.daemons[1].up = false;
        world.daemons[0].state.repair_with(world.now, salt(1), Some(Duration::from_millis(10)));
        world.run(Duration::from_millis(10));
        world.daemons[1].up = true;
        assert!(!world.agrees());
        world.run(Duration::from_millis(300));
        assert!(world.agrees());
    });
}

#[test]
fn an_exchange_with_a_dead_peer_ends() {
    with_seeds(1, |random| {
        let mut world = twins(random, 10);
        world.probes = false;
        world.stop(1);
        world.daemons[0].state.repair_with(world.now, salt(1), None);
        world.run(MINUTE);
        assert!(world.daemons[0].state.is_repaired());
        assert_eq!(world.daemons[0].state.poll_timeout(), None);
        assert_eq!(world.traffic.datagrams, 4);
    });
}

#[test]
fn constant_change_costs_bounded_repair() {
    with_seeds(2, |random| {
        let mut world = World::acquainted(random, 20);
        let seconds = 60;
        for turn in 0..seconds * 10_u64 {
            let daemon = random.random_range(0..20);
            world.daemons[daemon].state.put(world.now, b"changing", &turn.to_be_bytes()).unwrap();
            world.run(Duration::from_millis(100));
        }
        let each = world.traffic.repair_bytes as u64 / 20 / seconds;
        println!("10 changes a second among 20: {each} bytes of repair a second and daemon");
        assert!(each < 1_000, "{each}");
        world.run_until(MINUTE, "in agreement", World::agrees);
        world.check();
    });
}

#[test]
fn a_failure_is_told_to_who_takes_the_member_for_alive() {
    with_seeds(1, |random| {
        let mut world = twins(random, 100);
        let failed = MemberUpdate { liveness: Liveness::FAILED, ..member(42) };
        world.daemons[0].learn(world.now, &failed);
        world.run_until(MINUTE, "in agreement", World::agrees);
        assert_eq!(world.daemons[1].state.tree().count(Place::ROOT), 101);
        // Nor does it come back, or cost more, once the exchange has ended.
        world.run(Duration::from_secs(2));
        let before = world.traffic.datagrams;
        world.run(5 * MINUTE);
        assert_eq!(world.traffic.datagrams, before);
    });
}

#[test]
fn failed_members_are_not_taught_to_who_has_dropped_them() {
    with_seeds(1, |random| {
        let mut world = twins(random, 100);
        let failed = MemberUpdate { liveness: Liveness::FAILED, ..member(42) };
        world.daemons[0].learn(world.now, &failed);
        world.daemons[1].state.forget_member(world.now, &salt(42));
        assert!(world.agrees());
    });
}

#[test]
fn a_restart_is_told_to_who_knows_the_run_before() {
    with_seeds(1, |random| {
        let mut world = twins(random, 100);
        let restarted = MemberUpdate { generation: salt(90_000).0.to_vec(), ..member(42) };
        let now = world.now;
        world.daemons[0].learn(now, &restarted);
        world.daemons[0].state.forget_member(now, &salt(42));
        // As the members have it do when a generation ends.
        world.run_until(MINUTE, "told", |world| {
            world.daemons[1].state.store().complete_to(&salt(90_000)).is_some()
        });
        let now = world.now;
        world.daemons[1].state.forget_member(now, &salt(42));
        world.run_until(MINUTE, "in agreement", World::agrees);
        assert_eq!(world.daemons[1].state.tree().count(Place::ROOT), 102);
    });
}
