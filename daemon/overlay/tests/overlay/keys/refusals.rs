//! What is not done, and why.

use gossiperl_idl::code;
use gossiperl_overlay::{KeyAnswer, KeyCommand, KeyRefusal};
use zeroize::Zeroizing;

use crate::{
    common::{KEY, network::SECOND},
    keys::world::{DONE, NEW, World, add, id, retire, use_key},
};

fn names(of: &[usize]) -> Vec<String> {
    of.iter().map(|number| format!("daemon-{number}")).collect()
}

fn forced(command: KeyCommand) -> KeyCommand {
    match command {
        KeyCommand::Use { id, .. } => KeyCommand::Use { id, forced: true },
        KeyCommand::Retire { id, .. } => KeyCommand::Retire { id, forced: true },
        other => other,
    }
}

/// Host 2 has the old key alone, the others both.
fn divided() -> World {
    let mut world = World::new(4, 0.0, 1);
    world.done(0, add(NEW), &[KEY, NEW]);
    world.network.restart_with(2, 2, &[KEY]);
    world.network.run_patiently(20 * SECOND);
    world
}

#[test]
fn a_key_is_not_used_before_every_live_daemon_has_it_unless_forced() {
    let mut world = divided();
    let outcome = world.command(0, use_key(NEW));
    assert_eq!(outcome.refused, Some(KeyRefusal::Missing(names(&[2]))));
    assert_eq!(World::answers(&outcome), [KeyAnswer::Listed; 4]);
    assert!(outcome.daemons.iter().all(|daemon| daemon.keys[0].id == id(KEY)), "nothing was changed");
    let outcome = world.command(0, forced(use_key(NEW)));
    assert_eq!(outcome.refused, None);
    assert_eq!(World::answers(&outcome), [DONE, DONE, KeyAnswer::Refused(code::KEY_UNKNOWN), DONE]);
    // It lacks the key, and yet nobody loses sight of it.
    world.load(30_000);
    for machine in 0..4 {
        assert_eq!(world.network.reachable(machine), 4);
        assert_eq!(world.network.changes(machine, "daemon-2").len(), if machine == 2 { 0 } else { 2 });
    }
    world.is_whole([1, 3]);
}

#[test]
fn a_key_that_a_live_daemon_seals_with_is_not_retired_unless_forced_which_cuts_it_off() {
    let mut world = divided();
    world.command(0, forced(use_key(NEW)));
    world.load(1_000);
    let outcome = world.command(1, retire(KEY));
    assert_eq!(outcome.refused, Some(KeyRefusal::Sealing(names(&[2]))));
    assert!(outcome.daemons.iter().all(|daemon| daemon.keys.iter().any(|key| key.id == id(KEY))));
    let outcome = world.command(1, forced(retire(KEY)));
    assert_eq!(World::answers(&outcome), [DONE, DONE, KeyAnswer::Refused(code::KEY_SEALING), DONE]);
    world.load(20_000);
    assert_eq!([0, 1, 2, 3].map(|machine| world.network.reachable(machine)), [3, 3, 1, 3]);
    // With the retired key alone it cannot come back, with the new one it can.
    world.network.restart_with(2, 3, &[KEY]);
    world.network.run_patiently(60 * SECOND);
    assert_eq!([0, 1, 2, 3].map(|machine| world.network.reachable(machine)), [3, 3, 1, 3]);
    assert!(world.network.machines[0].overlay.stats().unknown_key > 0, "and it is counted");
    world.network.restart_with(2, 4, &[NEW]);
    world.network.run_patiently(30 * SECOND);
    assert_eq!([0, 1, 2, 3].map(|machine| world.network.reachable(machine)), [4; 4]);
    world.is_whole([1, 3]);
}

#[test]
fn the_key_that_seals_is_not_retired_not_even_by_force() {
    let mut world = World::new(3, 0.0, 1);
    for command in [retire(KEY), forced(retire(KEY))] {
        let outcome = world.command(1, command);
        assert_eq!(outcome.refused, Some(KeyRefusal::Sealing(names(&[0, 1, 2]))));
    }
    world.is_whole(1..3);
}

#[test]
fn a_key_that_nobody_has_is_not_used_not_even_by_force() {
    let mut world = World::new(2, 0.0, 1);
    for command in [use_key(NEW), forced(use_key(NEW))] {
        assert_eq!(world.command(0, command).refused, Some(KeyRefusal::Unknown(id(NEW))));
    }
}

#[test]
fn no_key_is_retired_while_somebody_seals_with_one_that_others_lack() {
    let mut world = World::new(3, 0.0, 1);
    world.done(0, add(NEW), &[KEY, NEW]);
    let third: &[u8] = b"a key that one daemon has alone";
    // What somebody did to one daemon by hand.
    let overlay = &mut world.network.machines[2].overlay;
    let third = overlay.add_key(third).unwrap();
    overlay.promote_key(third).unwrap();
    let outcome = world.command(0, retire(NEW));
    assert_eq!(outcome.refused, Some(KeyRefusal::Diverged(names(&[2]))));
    world.is_whole(1..3);
}

#[test]
fn a_silent_daemon_stops_use_and_retire_unless_forced_but_not_add() {
    let mut world = World::new(3, 0.0, 1);
    // It answers probes late enough to live, and stands still for the rest: nobody takes it for failed within this time.
    let sleeps = |world: &mut World| {
        world.network.machines[2].asleep_until = world.network.now + 6 * SECOND;
    };
    world.network.deaf.insert((0, 2));
    let outcome = world.command(0, add(NEW));
    assert_eq!(World::answers(&outcome)[..2], [DONE; 2]);
    assert_eq!(World::answers(&outcome)[2], KeyAnswer::Silent, "it does not hear us; others see it alive");
    let outcome = world.command(0, use_key(NEW));
    assert_eq!(outcome.refused, Some(KeyRefusal::Silent(names(&[2]))));
    world.network.deaf.clear();
    world.network.run(20 * SECOND);
    world.done_or_already(0, add(NEW));
    sleeps(&mut world);
    let outcome = world.command(0, forced(use_key(NEW)));
    assert_eq!(outcome.refused, None);
    assert_eq!(World::answers(&outcome)[..2], [DONE; 2]);
    world.network.run(20 * SECOND);
    world.done_or_already(0, use_key(NEW));
    // The other one was away for its daemon, and lost what came meanwhile.
    world.is_whole([1]);
}

#[test]
fn a_ring_takes_eight_keys_and_no_ninth() {
    let mut world = World::new(2, 0.0, 1);
    for number in 1..8 {
        let outcome = world.command(0, add(format!("further key {number} of the overlay").as_bytes()));
        assert_eq!(World::answers(&outcome), [DONE; 2]);
    }
    let outcome = world.command(0, add(NEW));
    assert_eq!(World::answers(&outcome), [KeyAnswer::Refused(code::KEYS_FULL); 2]);
    assert_eq!(outcome.daemons[1].keys.len(), 8);
    world.is_whole(1..2);
}

#[test]
fn a_key_too_short_or_too_long_is_refused_at_once() {
    let mut world = World::new(2, 0.0, 1);
    for length in [0, 15, 1_025, 100_000] {
        let outcome = world.command(0, KeyCommand::Add(Zeroizing::new(vec![7; length])));
        assert_eq!((outcome.refused, outcome.daemons.len()), (Some(KeyRefusal::Length(length)), 0));
    }
    for length in [16, 1_024] {
        let outcome = world.command(0, KeyCommand::Add(Zeroizing::new(vec![7; length])));
        assert_eq!(World::answers(&outcome), [DONE; 2]);
    }
}

#[test]
fn a_daemon_that_leaves_changes_nothing_any_more() {
    let mut world = World::new(2, 0.0, 1);
    let now = world.network.now;
    world.network.machines[0].overlay.leave(now);
    world.network.machines[0].overlay.change_keys(now, add(NEW));
    let outcome = world.network.machines[0].overlay.poll_key_outcome().unwrap();
    assert_eq!(outcome.refused, Some(KeyRefusal::Leaving));
}

#[test]
fn every_refusal_says_who_and_what_to_do() {
    let who = || names(&[1, 2]);
    for refusal in [
        KeyRefusal::Length(3),
        KeyRefusal::Busy(who()),
        KeyRefusal::Unknown(id(NEW)),
        KeyRefusal::Missing(who()),
        KeyRefusal::Silent(who()),
        KeyRefusal::Sealing(who()),
        KeyRefusal::Diverged(who()),
        KeyRefusal::Leaving,
    ] {
        let text = refusal.to_string();
        let named = matches!(refusal, KeyRefusal::Length(_) | KeyRefusal::Unknown(_) | KeyRefusal::Leaving);
        assert!(named || text.contains("daemon-1, daemon-2"), "{text}");
        assert!(text.len() > 40, "{text}");
    }
}
