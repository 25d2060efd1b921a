//! Two who change keys at the same time: whatever comes of it, all daemons still open what each of them seals.

use gossiperl_idl::sealed::KeyId;
use gossiperl_overlay::{KeyAnswer, KeyOutcome, KeyRefusal};
use rand::Rng;

use crate::{
    common::{
        KEY,
        network::{SECOND, seeds},
    },
    keys::world::{DONE, NEW, World, add, id, retire, use_key},
};

/// The rings of all daemons as they report them.
fn rings(world: &mut World) -> Vec<Vec<KeyId>> {
    let outcome = world.command(0, gossiperl_overlay::KeyCommand::List);
    outcome.daemons.iter().map(|daemon| daemon.keys.iter().map(|key| key.id).collect()).collect()
}

fn outcome_of(world: &mut World, machine: usize) -> KeyOutcome {
    for _ in 0..1_200 {
        if let Some(outcome) = world.network.machines[machine].overlay.poll_key_outcome() {
            return outcome;
        }
        world.load(10);
    }
    panic!("no outcome");
}

#[test]
fn one_retires_a_key_while_another_uses_it() {
    let mut both_refused = 0;
    for seed in seeds(1, 10) {
        eprintln!("GOSSIPERL_SEED={seed}");
        let mut world = World::new(4, 0.1, seed);
        world.command(0, add(NEW));
        world.done_or_already(0, use_key(NEW));
        let now = world.network.now;
        world.network.machines[1].overlay.change_keys(now, retire(KEY));
        let between = world.network.rng.random_range(0..40_u32);
        world.load(between);
        let now = world.network.now;
        world.network.machines[2].overlay.change_keys(now, use_key(KEY));
        let outcomes = [outcome_of(&mut world, 1), outcome_of(&mut world, 2)];
        let done = outcomes.each_ref().map(|outcome| outcome.refused.is_none());
        assert_ne!(done, [true, true], "seed {seed}");
        both_refused += u32::from(done == [false, false]);
        for ring in rings(&mut world) {
            assert!(!done[0] || ring == [id(NEW)], "seed {seed}: {ring:?}");
            assert!(!done[1] || ring == [id(KEY), id(NEW)], "seed {seed}: {ring:?}");
        }
        world.load(2_000);
        world.is_whole(1..4);
    }
    println!("both refused: {both_refused}");
}

#[test]
fn the_rings_of_an_asker_that_dies_are_free_again_after_a_while() {
    let mut world = World::new(3, 0.0, 1);
    world.command(0, add(NEW));
    let now = world.network.now;
    world.network.machines[1].overlay.change_keys(now, use_key(NEW));
    // Its question is out, and it hears no answer.
    world.network.settle();
    world.network.machines[1].up = false;
    world.load(100);
    let outcome = world.command(0, use_key(NEW));
    let Some(KeyRefusal::Busy(_)) = outcome.refused else { panic!("{outcome:?}") };
    world.network.run(20 * SECOND);
    let outcome = world.command(0, use_key(NEW));
    assert_eq!(World::answers(&outcome), [DONE, KeyAnswer::Silent, DONE]);
    world.is_whole([2]);
}

#[test]
fn a_change_that_was_refused_holds_nobody() {
    let mut world = World::new(3, 0.0, 1);
    for machine in 0..3 {
        assert!(matches!(world.command(machine, use_key(NEW)).refused, Some(KeyRefusal::Unknown(_))));
    }
    world.done(2, add(NEW), &[KEY, NEW]);
    world.done(1, use_key(NEW), &[NEW, KEY]);
}

#[test]
fn more_commands_than_are_under_way_at_a_time_are_refused() {
    let mut world = World::new(2, 0.0, 1);
    world.network.deaf.insert((0, 1));
    let now = world.network.now;
    let overlay = &mut world.network.machines[0].overlay;
    for _ in 0..20 {
        overlay.change_keys(now, gossiperl_overlay::KeyCommand::List);
    }
    let busy = std::iter::from_fn(|| overlay.poll_key_outcome());
    assert_eq!(busy.filter(|outcome| matches!(outcome.refused, Some(KeyRefusal::Busy(_)))).count(), 4);
    world.network.run(6 * SECOND);
    let overlay = &mut world.network.machines[0].overlay;
    assert_eq!(std::iter::from_fn(|| overlay.poll_key_outcome()).count(), 16);
}
