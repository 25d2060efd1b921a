//! Everything at once, from many seeds: whatever happened, peace brings agreement.

use std::time::Duration;

use rand::Rng;

use super::{
    super::{MemberEvent, MemberEventKind},
    network::{Network, seconds},
};

/// Faults at random, then peace.
fn live_through(seed: u64) {
    let mut network = Network::new(seed);
    let count = network.rng.random_range(3..14);
    network.grow(count);
    for _ in 0..60 {
        fault(&mut network);
        let pause = network.rng.random_range(50..20_000);
        network.run(Duration::from_millis(pause));
    }
    (network.loss, network.duplicates, network.icmp) = (0.0, 0.0, false);
    network.delay = (Duration::from_micros(200), Duration::from_millis(2));
    network.cut.clear();
    // Whoever left has ended; somebody must be there to be found.
    let gone: Vec<usize> = network.up().filter(|&node| network.has_left(node)).collect();
    gone.into_iter().for_each(|node| network.crash(node));
    for node in 0..count {
        if !network.nodes[node].up && network.rng.random_bool(0.5) {
            network.restart(node, &[0, 1, 2]);
        }
    }
    if network.up().count() == 0 {
        return;
    }
    // Those that know nobody at all, since all were gone when they started, have their seeds.
    let lone: Vec<usize> = network.up().collect();
    lone.iter().for_each(|&node| network.join(node, &lone));
    assert!(network.run_until(seconds(150), Network::converged), "no agreement:\n{}", network.views());
    // What suspicions and accusations are still about may run out.
    network.run(seconds(15));
    network.forget_events();
    network.run(seconds(60));
    assert!(network.converged());
    for node in network.up() {
        // The dead may be given up in this time; the living change no more.
        let events = network.nodes[node].events.iter();
        let loud: Vec<_> = events.filter(|(_, event)| !is_end(event)).collect();
        assert!(loud.is_empty(), "{loud:?} at {node}");
    }
}

fn is_end(event: &MemberEvent) -> bool {
    matches!(event, MemberEvent::Changed { kind: MemberEventKind::Drop | MemberEventKind::Out, .. })
}

fn fault(network: &mut Network) {
    let count = network.nodes.len();
    let node = network.rng.random_range(0..count);
    if network.nodes[node].up && network.nodes[node].members.is_left() {
        network.crash(node);
    }
    match network.rng.random_range(0..12) {
        0 if network.nodes[node].up => network.crash(node),
        0..12 if !network.nodes[node].up => {
            let seeds = [network.rng.random_range(0..count), network.rng.random_range(0..count)];
            network.restart(node, &seeds);
        }
        2..=4 => {
            let stall = network.rng.random_range(10..15_000);
            network.nodes[node].stalled_until = network.now + Duration::from_millis(stall);
        }
        5 => {
            let line = network.rng.random_range(1..count);
            let halves: (Vec<usize>, Vec<usize>) = (0..count).partition(|&node| node < line);
            network.part(&halves.0, &halves.1);
        }
        6 => {
            for _ in 0..count {
                let pair = (network.rng.random_range(0..count), network.rng.random_range(0..count));
                network.cut.insert(pair);
            }
        }
        7 | 8 => network.cut.clear(),
        1 => network.leave(node),
        10 => {
            network.loss =
                *[0.0, 0.0, 0.05, 0.1, 0.3].get(network.rng.random_range(0..5usize)).expect("in range")
        }
        11 => {
            network.duplicates = network.rng.random_range(0.0..0.3);
            network.icmp = network.rng.random();
            let most = network.rng.random_range(1..120);
            network.delay = (Duration::from_micros(100), Duration::from_millis(most));
        }
        _ => {}
    }
}

/// `GOSSIPERL_ROUNDS` runs more of them; `GOSSIPERL_SEED` the one that failed.
#[test]
fn after_any_faults_those_that_live_agree_and_stay_quiet() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("GOSSIPERL_SEED") {
        return live_through(seed);
    }
    (0..number("GOSSIPERL_ROUNDS").unwrap_or(20)).for_each(|round| live_through(5_000 + round));
}
