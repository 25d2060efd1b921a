//! A key is added, used, and the old one retired, while messages flow.

use gossiperl_idl::generated::SlowPolicy;
use gossiperl_overlay::{KeyAnswer, State};

use crate::{
    common::{
        KEY,
        network::{SECOND, seeds},
    },
    keys::world::{DONE, NEW, World, add, id, retire, use_key},
};

/// From the old key alone to the new one alone.
fn rotate(world: &mut World) {
    world.load(500);
    world.done(2, add(NEW), &[KEY, NEW]);
    assert_eq!(world.keys_between_hosts(500), [id(KEY)], "what is added does not seal");
    world.done(4, use_key(NEW), &[NEW, KEY]);
    world.load(1_000);
    world.done(1, retire(KEY), &[NEW]);
    assert_eq!(world.keys_between_hosts(500), [id(NEW)]);
}

#[test]
fn keys_are_changed_on_five_daemons_and_no_message_is_lost_refused_or_doubled() {
    let mut world = World::new(5, 0.0, 1);
    rotate(&mut world);
    world.is_whole(1..5);
    for machine in 0..5 {
        assert_eq!(world.network.client(machine, 0).sealing(), id(NEW), "clients that have both go along");
        let stats = world.network.machines[machine].overlay.stats();
        assert_eq!((stats.cut_off, stats.unknown_key, stats.dropped), (0, 0, 0));
    }
}

#[test]
fn so_they_are_on_a_network_that_loses_doubles_and_reorders() {
    for seed in seeds(1, 8) {
        eprintln!("GOSSIPERL_SEED={seed}");
        let mut world = World::new(5, 0.1, seed);
        world.network.duplication = 0.1;
        world.network.jitter = SECOND / 50;
        world.network.local_loss = 0.02;
        rotate(&mut world);
        world.is_whole(1..5);
        assert!(world.network.machines.iter().all(|machine| machine.overlay.stats().dropped == 0));
    }
}

#[test]
fn all_use_the_new_key_soon_after_use_though_the_old_one_is_not_retired() {
    let mut world = World::new(5, 0.0, 1);
    world.done(0, add(NEW), &[KEY, NEW]);
    world.done(0, use_key(NEW), &[NEW, KEY]);
    // Probes go round within a few seconds, and offers with them.
    world.load(10_000);
    assert_eq!(world.keys_between_hosts(5_000), [id(NEW)]);
    for machine in &world.network.machines {
        assert_eq!(machine.overlay.load().behind, 0);
    }
    world.is_whole(1..5);
}

#[test]
fn the_same_again_is_so_already_everywhere() {
    let mut world = World::new(3, 0.0, 1);
    for command in [add(NEW), use_key(NEW), retire(KEY)] {
        assert_eq!(World::answers(&world.command(0, command.clone())), [DONE; 3]);
        assert_eq!(World::answers(&world.command(1, command)), [KeyAnswer::Already; 3]);
    }
    world.is_whole(1..3);
}

#[test]
fn a_newcomer_with_the_old_key_alone_takes_part_until_that_is_retired() {
    for seed in seeds(1, 4) {
        let mut world = World::new(4, 0.05, seed);
        world.command(0, add(NEW));
        world.command(0, use_key(NEW));
        world.load(5_000);
        // Host 3 starts anew, and its configuration knows nothing of the new key.
        world.network.restart_with(3, 2, &[KEY]);
        world.network.run_patiently(30 * SECOND);
        for machine in 0..4 {
            assert_eq!(world.network.reachable(machine), 4, "seed {seed}");
            let flaps = world.network.changes(machine, "daemon-3").len();
            assert!(flaps <= 6, "{flaps} changes, seed {seed}");
        }
        world.network.client(3, 0).seal_with(id(KEY));
        world.network.client(3, 0).hello();
        world.network.run_patiently(5 * SECOND);
        world.network.client(3, 0).subscribe("numbers", SlowPolicy::WAIT);
        world.network.run_patiently(10 * SECOND);
        let missed = world.published;
        world.load(1_000);
        world.network.run(10 * SECOND);
        let got = world.network.numbers(3, 0);
        let expected: Vec<u32> = (missed..world.published).collect();
        assert!(got.ends_with(&expected), "seed {seed}: {} of {}", got.len(), expected.len());
        world.is_whole(1..3);
    }
}

#[test]
fn who_was_away_when_a_key_was_added_gets_it_by_the_same_command_again() {
    let mut world = World::new(4, 0.0, 1);
    world.network.machines[3].up = false;
    world.network.run(30 * SECOND);
    let outcome = world.command(0, add(NEW));
    assert_eq!(World::answers(&outcome), [DONE, DONE, DONE, KeyAnswer::Silent]);
    assert_eq!((outcome.daemons[3].state, outcome.daemons[3].keys.len()), (State::Unreachable, 0));
    world.network.restart_with(3, 2, &[KEY]);
    world.network.machines[3].up = true;
    world.network.run_patiently(10 * SECOND);
    let already = KeyAnswer::Already;
    assert_eq!(World::answers(&world.command(1, add(NEW))), [already, already, already, DONE]);
    world.done(1, use_key(NEW), &[NEW, KEY]);
    world.is_whole(1..3);
}

#[test]
fn a_daemon_that_stops_or_starts_anew_midway_is_reported_and_holds_nobody_up() {
    for seed in seeds(1, 4) {
        let mut world = World::new(5, 0.05, seed);
        let now = world.network.now;
        world.network.machines[0].overlay.change_keys(now, add(NEW));
        world.network.machines[3].up = false;
        world.network.restart_with(4, 2, &[KEY]);
        let mut outcome = None;
        for _ in 0..600 {
            world.load(20);
            outcome = outcome.or(world.network.machines[0].overlay.poll_key_outcome());
        }
        let outcome = outcome.expect("an outcome within its time");
        assert_eq!(World::answers(&outcome)[..3], [DONE; 3], "seed {seed}");
        assert_eq!(World::answers(&outcome)[3..], [KeyAnswer::Silent; 2], "seed {seed}");
        // The one that started anew lacks the key and is found out; what is done again is done.
        world.network.run_patiently(20 * SECOND);
        let outcome = world.command(2, use_key(NEW));
        assert!(outcome.refused.is_some(), "seed {seed}: {outcome:?}");
        world.command(2, add(NEW));
        assert_eq!(world.command(2, use_key(NEW)).refused, None, "seed {seed}");
        world.is_whole(1..3);
    }
}
