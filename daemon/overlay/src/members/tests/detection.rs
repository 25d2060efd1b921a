//! The crashed are found out, and the healthy are left alone.

use std::time::Duration;

use super::{
    super::{Liveness, MemberEventKind},
    network::{Network, name, seconds},
};

/// How long until all have declared the crashed one failed.
fn detect(network: &mut Network, crashed: usize) -> Duration {
    network.crash(crashed);
    let start = network.now;
    let known = |network: &Network| {
        network.up().all(|node| network.liveness(node, &name(crashed)) == Some(Liveness::Failed))
    };
    // The bound: everybody's round comes past it at the latest after two rounds, a probe, the longest suspicion, and a
    // round of gossip.
    let rounds = 2 * network.nodes.len() as u64;
    assert!(network.run_until(seconds(rounds + 2 + 10 + 5), known), "not found out");
    network.now.since(start)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
fn a_crash_is_known_by_all_in_bounded_time() {
    for (count, loss, icmp) in
        [(8, 0.0, false), (8, 0.1, false), (30, 0.0, false), (30, 0.0, true), (30, 0.3, false)]
    {
        let mut times = Vec::new();
        for run in 0..7 {
            let mut network = Network::settled(run, count);
            (network.loss, network.icmp) = (loss, icmp);
            network.run(Duration::from_millis(1_000 + 137 * run));
            times.push(detect(&mut network, (run as usize * 5) % count));
        }
        println!(
            "{count} members, loss {loss}, closed port told {icmp}: median {:?} of {times:?}",
            median(times.clone())
        );
    }
}

#[test]
fn ten_percent_loss_for_an_hour_raises_no_false_alarm() {
    let mut network = Network::settled(3, 16);
    network.loss = 0.1;
    network.forget_events();
    network.run(seconds(3_600));
    let mut quarantines = 0;
    for node in 0..16 {
        for other in 0..16 {
            assert_eq!(network.count(node, &name(other), MemberEventKind::Unreachable), 0);
            quarantines += network.count(node, &name(other), MemberEventKind::Quarantine);
        }
    }
    println!("suspicions seen in an hour: {quarantines}");
}
