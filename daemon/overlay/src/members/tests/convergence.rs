//! Everybody comes to know everybody.

use super::network::{Network, seconds};

#[test]
fn two_to_fifty_daemons_come_to_know_each_other_through_one_seed() {
    for count in [2, 3, 5, 8, 13, 21, 34, 50] {
        let mut network = Network::new(count as u64);
        for number in 0..count {
            let node = network.add(number, "default");
            network.join(node, &[0]);
        }
        assert!(network.run_until(seconds(20), Network::converged), "{count} did not converge");
    }
}

#[test]
fn a_newcomer_is_known_by_all() {
    let mut network = Network::settled(1, 40);
    let start = network.now;
    let node = network.add(40, "default");
    network.join(node, &[17]);
    assert!(network.run_until(seconds(10), Network::converged));
    println!("a newcomer known by 41, and knowing them, after {:?}", network.now.since(start));
}

#[test]
fn a_seed_that_does_not_answer_is_tried_at_least_thrice_in_the_first_second() {
    let mut network = Network::settled(1, 3);
    let node = network.add(3, "default");
    network.loss = 1.0;
    network.join(node, &[0]);
    network.run(seconds(1));
    // At once, after 150 ms, and after 300 ms more; the next may come before the second is over or not.
    assert!((3..=4).contains(&network.nodes[node].sent), "{}", network.nodes[node].sent);
    network.loss = 0.0;
    assert!(network.run_until(seconds(10), Network::converged));
}

#[test]
fn thirty_percent_loss_delays_joining_by_seconds() {
    let mut slowest = seconds(0);
    for seed in 0..100 {
        let mut network = Network::new(1_000 + seed);
        network.loss = 0.3;
        (0..3).for_each(|number| {
            network.add(number, "default");
        });
        (1..3).for_each(|node| network.join(node, &[0]));
        let start = network.now;
        assert!(network.run_until(seconds(30), Network::converged));
        slowest = slowest.max(network.now.since(start));
    }
    println!("the slowest of 100 joins of three at 30 % loss took {slowest:?}");
}

#[test]
fn loss_duplication_and_reordering_do_not_stop_it() {
    for seed in 0..5 {
        let mut network = Network::new(100 + seed);
        (network.loss, network.duplicates) = (0.3, 0.2);
        network.delay = (seconds(0), std::time::Duration::from_millis(150));
        for number in 0..20 {
            let node = network.add(number, "default");
            network.join(node, if number == 0 { &[] } else { &[0] });
        }
        // A suspicion may always be open at such loss, and a suspect counts as known.
        assert!(network.run_until(seconds(60), Network::converged));
    }
}
