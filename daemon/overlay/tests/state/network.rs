//! Networks of daemons agree, whatever gets lost.

use std::time::Duration;

use rand::Rng;

use crate::{
    support::{Random, salt, with_seeds},
    world::World,
};

const MINUTE: Duration = Duration::from_secs(60);

fn random_change(world: &mut World, random: &mut Random) {
    let daemon = random.random_range(0..world.daemons.len());
    let key = [b'k', random.random_range(0..8)];
    let now = world.now;
    let state = &mut world.daemons[daemon].state;
    if random.random_bool(0.3) {
        state.delete(now, &key);
    } else {
        let length = if random.random_bool(0.03) { 3_000 } else { random.random_range(0..40) };
        let value: Vec<u8> = (0..length).map(|_| random.random()).collect();
        state.put(now, &key, &value).unwrap();
    }
}

#[test]
fn a_change_reaches_everybody_by_gossip_alone() {
    with_seeds(5, |random| {
        let mut world = World::acquainted(random, 60);
        world.probes = false;
        world.run(Duration::from_millis(300));
        world.daemons[7].state.put(world.now, b"topic", b"").unwrap();
        let known = |world: &World| {
            world.daemons.iter().all(|daemon| daemon.state.store().get(&salt(7), b"topic").is_some())
        };
        let took = world.run_until(Duration::from_secs(5), "known by all", known);
        println!("a change known by 60 after {took:?}");
        world.check();
        world.run(Duration::from_secs(5));
        assert!(world.daemons.iter().all(|daemon| !daemon.state.has_gossip()), "gossip ends");
    });
}

#[test]
fn daemons_agree_after_random_changes_loss_duplicates_and_reordering() {
    with_seeds(20, |random| {
        let daemons = random.random_range(2..12);
        let mut world = World::acquainted(random, daemons);
        world.loss = random.random_range(0.0..0.4);
        world.transmits = random.random_range(1..6);
        world.delay = (100, random.random_range(1_000..600_000));
        for _ in 0..100 {
            for _ in 0..random.random_range(0..4) {
                random_change(&mut world, random);
            }
            world.run(Duration::from_millis(random.random_range(1..500)));
        }
        world.run_until(2 * MINUTE, "in agreement", World::agrees);
        world.check();
    });
}

#[test]
fn daemons_agree_by_repair_alone() {
    with_seeds(10, |random| {
        let mut world = World::acquainted(random, 8);
        world.gossip = false;
        world.loss = 0.2;
        for _ in 0..200 {
            random_change(&mut world, random);
        }
        world.run_until(2 * MINUTE, "in agreement", World::agrees);
        world.check();
    });
}

#[test]
fn deletions_are_known_even_to_who_was_away_longer_than_they_are_remembered() {
    with_seeds(5, |random| {
        let mut world = World::acquainted(random, 6);
        (0..200).for_each(|_| random_change(&mut world, random));
        world.run_until(MINUTE, "in agreement", World::agrees);
        // Five is cut off while entries go, and their tombstones.
        let away = world.daemons.pop().unwrap();
        for key in 0..8 {
            world.daemons[0].state.delete(world.now, &[b'k', key]);
        }
        (0..20).for_each(|_| random_change(&mut world, random));
        world.run(Duration::from_secs(700));
        assert!(world.agrees());
        world.daemons.push(away);
        world.run_until(MINUTE, "in agreement", World::agrees);
        world.check();
    });
}

#[test]
fn the_entries_of_a_daemon_that_is_gone_vanish_and_do_not_come_back() {
    with_seeds(5, |random| {
        let mut world = World::acquainted(random, 6);
        world.loss = 0.1;
        (0..200).for_each(|_| random_change(&mut world, random));
        world.run_until(MINUTE, "in agreement", World::agrees);
        random_change(&mut world, random);
        world.stop(2);
        world.forget(2);
        world.run(Duration::from_secs(10));
        world.run_until(MINUTE, "in agreement", World::agrees);
        world.check();
        let gone = world.daemons[2].number;
        for (_, daemon) in world.daemons.iter().enumerate().filter(|(at, _)| *at != 2) {
            assert_eq!(daemon.state.store().entries(&salt(gone)).count(), 0);
            assert_eq!(daemon.state.store().complete_to(&salt(gone)), None);
        }
    });
}

#[test]
fn what_is_missing_is_asked_for_as_soon_as_a_later_change_shows_it() {
    with_seeds(10, |random| {
        let mut world = World::acquainted(random, 2);
        world.probes = false;
        world.daemons[0].state.put(world.now, b"a", b"1").unwrap();
        // The first change is gossiped to nobody.
        let mut lost = Vec::new();
        while world.daemons[0].state.has_gossip() {
            world.daemons[0].state.fill_gossip(&mut lost, 1_000, 1);
        }
        world.daemons[0].state.put(world.now, b"b", b"2").unwrap();
        let known = |world: &World| world.daemons[1].state.store().get(&salt(0), b"a").is_some();
        let took = world.run_until(Duration::from_secs(5), "known", known);
        println!("a gap closed after {took:?}");
        world.check();
    });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    with_seeds(2, |random| {
        let run = |mut random: Random| {
            let mut world = World::acquainted(&mut random, 6);
            world.loss = 0.2;
            for _ in 0..50 {
                random_change(&mut world, &mut random);
                world.run(Duration::from_millis(100));
            }
            (world.traffic.datagrams, world.traffic.bytes, world.daemons[0].state.root())
        };
        assert_eq!(run(random.clone()), run(random.clone()));
    });
}
