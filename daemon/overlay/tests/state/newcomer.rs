//! A newcomer among many.

use std::time::Duration;

use crate::{
    support::{Random, member, salt, with_seeds},
    world::{World, established},
};

fn join(random: &mut Random, owners: u64, entries: i64, loss: f64) -> World {
    let mut world = World::new(random, 2);
    world.daemons[0] = established(0, owners, entries);
    world.gossip = false;
    world.loss = loss;
    let newcomer = member(1);
    let now = world.now;
    world.daemons[0].learn(now, &newcomer);
    world.daemons[1].learn(now, &member(0));
    world.daemons[1].state.repair_with(now, salt(0), None);
    let took = world.run_until(Duration::from_secs(60), "complete", World::agrees);
    let traffic = world.traffic;
    println!(
        "{owners} owners with {entries} entries each, {:.0} % loss: a newcomer is complete after {took:?}, {} datagrams, {} bytes",
        loss * 100.0,
        traffic.repair_datagrams,
        traffic.repair_bytes
    );
    world.check();
    assert_eq!(
        world.daemons[1].state.tree().count(gossiperl_overlay::state::tree::Place::ROOT),
        owners as usize + 2
    );
    assert_eq!(world.daemons[1].index.len(), world.daemons[0].index.len());
    world
}

#[test]
fn a_newcomer_among_10_000_gets_members_and_entries() {
    with_seeds(1, |random| drop(join(random, 10_000, 2, 0.0)));
}

#[test]
fn a_newcomer_among_10_000_gets_all_with_loss() {
    with_seeds(1, |random| drop(join(random, 10_000, 2, 0.1)));
}

#[test]
fn a_newcomer_among_few_gets_all_at_once() {
    with_seeds(3, |random| {
        for owners in [0, 1, 3, 60, 300] {
            join(random, owners, 3, 0.0);
        }
    });
}

#[test]
fn an_owner_with_many_entries_comes_in_pages() {
    with_seeds(1, |random| {
        let mut world = World::acquainted(random, 2);
        world.gossip = false;
        for number in 0..20_000_u32 {
            world.daemons[0].state.put(world.now, &number.to_be_bytes(), &[7; 40]).unwrap();
        }
        world.loss = 0.05;
        let took = world.run_until(Duration::from_secs(120), "complete", World::agrees);
        println!("20,000 entries after {took:?}, {} bytes", world.traffic.repair_bytes);
        world.check();
    });
}
