//! Partitions, whole and one-sided, lost seeds, and stalls.

use std::time::Duration;

use super::{
    super::{Liveness, MemberEventKind::*},
    network::{Network, name, seconds},
};

#[test]
fn halves_apart_for_ten_minutes_merge_by_themselves() {
    for (seed, one) in [(1, 10), (2, 3), (3, 19)] {
        let mut network = Network::settled(seed, 20);
        let halves: (Vec<usize>, Vec<usize>) = (0..20).partition(|&node| node < one);
        network.part(&halves.0, &halves.1);
        let apart = |network: &Network| {
            halves.0.iter().all(|&node| network.knows_exactly(node, &halves.0))
                && halves.1.iter().all(|&node| network.knows_exactly(node, &halves.1))
        };
        assert!(network.run_until(seconds(90), apart));
        network.run(seconds(600));
        assert!(apart(&network));
        network.forget_events();
        network.cut.clear();
        let start = network.now;
        assert!(network.run_until(seconds(60), Network::converged));
        println!("halves of {one} and {} merged after {:?}", 20 - one, network.now.since(start));
        network.run(seconds(60));
        for node in 0..20 {
            for other in (0..20).filter(|&other| other != node) {
                // Dropped after 180 s on the other side, so in again; and nothing at all on one's own.
                let expected: &[_] = if (node < one) == (other < one) { &[] } else { &[In] };
                assert_eq!(network.kinds(node, &name(other)), expected, "of {other} at {node}");
            }
        }
    }
}

#[test]
fn a_short_partition_flaps_nobody_on_the_own_side() {
    for seed in 10..20 {
        let mut network = Network::settled(seed, 16);
        network.forget_events();
        let halves: (Vec<usize>, Vec<usize>) = (0..16).partition(|&node| node < 8);
        network.part(&halves.0, &halves.1);
        // Just long enough that failures of the other side are being declared when it heals.
        network.run(Duration::from_millis(2_500 + 150 * (seed - 10)));
        network.cut.clear();
        assert!(network.run_until(seconds(60), Network::converged));
        for node in 0..16 {
            for other in (0..16).filter(|&other| (node < 8) == (other < 8)) {
                assert_eq!(
                    network.count(node, &name(other), Unreachable),
                    0,
                    "of {other} at {node}, seed {seed}"
                );
            }
        }
    }
}

#[test]
fn losing_all_seeds_harms_nobody_and_a_restart_finds_back_through_any_member() {
    let mut network = Network::settled(4, 10);
    network.crash(0);
    network.run(seconds(400));
    let all: Vec<usize> = network.up().collect();
    assert!(network.converged());
    network.crash(6);
    network.restart(6, &[0, 3]);
    assert!(
        network.run_until(seconds(10), |network| all.iter().all(|&node| network.knows_exactly(node, &all)))
    );
}

#[test]
fn a_daemon_alone_tries_its_seeds_for_ever_at_a_bounded_rate() {
    let mut network = Network::new(5);
    network.add(0, "default");
    network.add(1, "default");
    network.crash(0);
    network.join(1, &[0]);
    network.run(seconds(3_600));
    let sent = network.nodes[1].sent;
    assert!((3_600 / 3..3_600).contains(&sent), "{sent} tries in an hour");
    network.nodes[0].up = true;
    assert!(network.run_until(seconds(15), Network::converged));
}

#[test]
fn one_that_loses_everybody_finds_back_without_seeds() {
    let mut network = Network::settled(6, 10);
    let others: Vec<usize> = (1..10).collect();
    network.part(&[0], &others);
    network.run(seconds(600));
    assert_eq!(network.nodes[0].members.live(), 0);
    network.cut.clear();
    assert!(network.run_until(seconds(60), Network::converged));
}

#[test]
fn one_cut_link_fails_nobody() {
    let mut network = Network::settled(7, 10);
    network.forget_events();
    network.part(&[2], &[5]);
    network.run(seconds(600));
    for node in 0..10 {
        for other in 0..10 {
            assert_eq!(network.count(node, &name(other), Unreachable), 0, "of {other} at {node}");
        }
    }
}

#[test]
fn one_that_hears_nobody_takes_nobody_down() {
    let mut network = Network::settled(8, 12);
    network.forget_events();
    for other in 1..12 {
        network.cut.insert((other, 0));
    }
    network.run(seconds(120));
    for node in 1..12 {
        assert_eq!(network.liveness(node, &name(0)), Some(Liveness::Failed), "deaf, so failed");
        for other in 1..12 {
            assert_eq!(network.count(node, &name(other), Unreachable), 0, "of {other} at {node}");
        }
    }
    network.cut.clear();
    assert!(network.run_until(seconds(60), Network::converged));
}

#[test]
fn a_stalled_daemon_accuses_no_healthy_one() {
    for (seed, stall) in [(20, 1_000), (21, 5_000), (22, 30_000), (23, 300_000)] {
        let mut network = Network::settled(seed, 12);
        network.forget_events();
        network.nodes[4].stalled_until = network.now + Duration::from_millis(stall);
        network.run(Duration::from_millis(stall) + seconds(60));
        assert!(network.converged());
        for node in 0..12 {
            for other in (0..12).filter(|&other| other != 4) {
                assert_eq!(
                    network.count(node, &name(other), Unreachable),
                    0,
                    "of {other} at {node}, {stall} ms"
                );
            }
        }
        if stall <= 1_000 {
            assert_eq!(network.count(0, &name(4), Unreachable), 0, "a second is no failure");
        }
    }
}

#[test]
fn daemons_that_stall_again_and_again_accuse_no_healthy_one() {
    let mut network = Network::settled(24, 16);
    network.loss = 0.05;
    network.forget_events();
    for round in 0..200 {
        for node in [3, 9, 12] {
            network.nodes[node].stalled_until =
                network.now + Duration::from_millis(200 + 370 * ((round + node as u64) % 5));
        }
        network.run(seconds(3));
    }
    for node in 0..16 {
        for other in (0..16).filter(|other| ![3, 9, 12].contains(other)) {
            assert_eq!(network.count(node, &name(other), Unreachable), 0, "of {other} at {node}");
        }
    }
}
