//! Round trips as probes measure them.

use std::time::Duration;

use super::{
    super::round_trip::RoundTrips,
    network::{Network, seconds},
};

const MS: Duration = Duration::from_millis(1);

#[test]
fn racks_are_told_apart_and_nothing_is_told_before_a_sample() {
    let mut network = Network::new(1);
    for number in 0..4 {
        let node = network.add(number, ["near", "far"][number % 2]);
        network.join(node, &[0]);
    }
    assert!(network.run_until(seconds(20), Network::converged));
    let salts = [2, 1].map(|node: usize| network.nodes[node].salt);
    let members = &mut network.nodes[0].members;
    let [near, far] = salts.map(|salt| members.by_generation(&salt).expect("a member"));
    members.round_trips = RoundTrips::default();
    members.measured(far, 100 * MS);
    assert_eq!((members.round_trip(near), members.round_trip(far)), (None, Some(150 * MS)));
    members.measured(near, MS / 5);
    assert_eq!(members.round_trip(near), Some(15 * MS));
}

#[test]
fn probes_measure_them_and_repeated_ones_do_not() {
    let mut network = Network::settled(2, 3);
    let salt = network.nodes[1].salt;
    network.nodes[0].members.round_trips = RoundTrips::default();
    // Longer than a ping waits before it is repeated, and shorter than a probe takes.
    network.delay = (60 * MS, 70 * MS);
    network.run(seconds(5));
    let members = &network.nodes[0].members;
    let id = members.by_generation(&salt).expect("a member");
    assert_eq!(members.round_trip(id), None);
    network.delay = (20 * MS, 21 * MS);
    network.run(seconds(20));
    let measured = network.nodes[0].members.round_trip(id).expect("measured");
    assert!((40 * MS..60 * MS).contains(&measured), "{measured:?}");
}
