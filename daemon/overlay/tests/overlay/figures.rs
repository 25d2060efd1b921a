//! What an overlay counts, held against what its clients did.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use crate::common::{
    host::{Host, SECOND, config},
    network::{self, Network},
};
use gossiperl_idl::{frame, generated::SlowPolicy};
use gossiperl_overlay::{Histogram, Snapshot, Tally};

fn longest(histogram: &Histogram) -> Option<Duration> {
    histogram.quantile(1.0)
}

#[test]
fn frames_are_counted_by_kind_and_direction_with_their_bytes() {
    let mut host = Host::connected(config(), &["publisher", "near", "far"]);
    for client in &mut host.clients[1..] {
        client.subscribe("news", SlowPolicy::WAIT);
    }
    host.settle();
    for _ in 0..500 {
        assert!(host.clients[0].publish("news", &[7; 200]));
        host.run(Duration::from_millis(2));
    }
    host.run(SECOND);
    let Snapshot { stats, traffic, latencies, gauges, .. } = host.overlay.snapshot();
    let count = |tally: Tally| tally.count;
    assert_eq!(count(traffic.frames_received.of(frame::CLIENT_HELLO)), 3);
    assert_eq!(count(traffic.frames_sent.of(frame::WELCOME)), 3);
    assert_eq!(count(traffic.frames_received.of(frame::SUBSCRIBE)), 2);
    assert_eq!(count(traffic.frames_sent.of(frame::REPLY)), 2);
    let (received, sent) =
        (traffic.frames_received.of(frame::MESSAGE), traffic.frames_sent.of(frame::MESSAGE));
    assert_eq!((received.count, sent.count), (500, 1_000));
    // A frame's head, and what a message says beside its payload, the same to everybody.
    assert!((500 * 210..500 * 240).contains(&received.bytes), "{received:?}");
    assert_eq!(sent.bytes, 2 * received.bytes);
    assert_eq!((stats.published, stats.fanned_out, stats.delivered, stats.resent), (500, 1_000, 1_000, 0));
    let frames: u64 = traffic.frames_sent.iter().map(|(_, tally)| tally.bytes).sum();
    assert!(frames < stats.bytes_sent && stats.bytes_sent < frames + 100 * stats.datagrams_sent);
    let frames: u64 = traffic.frames_received.iter().map(|(_, tally)| tally.bytes).sum();
    assert!(frames < stats.bytes_received && stats.bytes_received < frames + 100 * stats.datagrams_received);
    assert!(latencies.clients.count() > 500, "each subscriber acknowledges: {:?}", latencies.clients);
    assert_eq!((latencies.daemons.count(), latencies.probes.count()), (0, 0));
    assert_eq!((gauges.clients.reachable, gauges.daemons.reachable), (3, 1));
    assert_eq!((gauges.local_subscriptions, gauges.event_types, gauges.remote_subscriptions), (2, 1, 0));
}

#[test]
fn what_waits_for_a_client_is_seen_until_it_goes() {
    let mut host = Host::connected(config(), &["publisher", "slow"]);
    host.clients[1].subscribe("news", SlowPolicy::WAIT);
    host.settle();
    host.clients[1].holds = true;
    for _ in 0..100 {
        assert!(host.clients[0].publish("news", &[7; 1_000]));
    }
    host.settle();
    let waiting = host.overlay.snapshot().gauges.to_clients;
    assert_eq!((waiting.messages, waiting.longest), (100, 100));
    assert!((100_000..105_000).contains(&waiting.bytes) && waiting.largest == waiting.bytes, "{waiting:?}");
    host.run(SECOND);
    assert!(host.overlay.stats().resent > 0, "a held-back link asks again");
    host.clients[1].holds = false;
    host.clients[1].link.release(host.now);
    host.run(SECOND);
    let gauges = host.overlay.snapshot().gauges;
    assert_eq!((gauges.to_clients.messages, gauges.to_clients.bytes), (0, 0));
    host.clients[1].frame(frame::GOODBYE, &[0]);
    host.run(SECOND);
    let gauges = host.overlay.snapshot().gauges;
    assert_eq!((gauges.clients.reachable, gauges.local_subscriptions, gauges.event_types), (1, 0, 0));
}

#[test]
fn between_daemons_messages_round_trips_and_members_are_seen_from_both_sides() {
    let mut network = Network::new(3, 0.0, network::seed());
    network.run(SECOND * 5);
    let (publisher, subscriber) = network.pair(1, "news");
    for number in 0..200u32 {
        assert!(network.client(0, publisher).publish("news", &number.to_be_bytes()));
        network.run(Duration::from_millis(5));
    }
    network.run(SECOND * 5);
    assert_eq!(network.numbers(1, subscriber).len(), 200);
    let [from, to, aside] = [0, 1, 2].map(|machine| network.machines[machine].overlay.snapshot());
    assert_eq!((from.stats.published, from.stats.forwarded, from.stats.fanned_out), (200, 200, 0));
    assert_eq!((to.stats.relayed, to.stats.fanned_out, to.stats.delivered), (200, 200, 200));
    assert_eq!(to.traffic.frames_received.of(frame::MESSAGE).count, 200);
    assert_eq!(aside.traffic.frames_received.of(frame::MESSAGE).count, 0);
    assert!(from.latencies.daemons.count() > 0 && aside.latencies.daemons.count() == 0);
    assert!(longest(&from.latencies.daemons).is_some_and(|longest| longest < SECOND));
    for snapshot in [&from, &to, &aside] {
        assert_eq!(snapshot.gauges.daemons.reachable, 3);
        assert!(snapshot.members.probes > 5 && snapshot.members.probes_failed == 0);
        assert!(snapshot.latencies.probes.count() > 5);
        let (pings, acks) = (&snapshot.traffic.frames_sent, &snapshot.traffic.frames_received);
        assert!(pings.of(frame::PING).count >= snapshot.members.probes);
        assert!(
            acks.of(frame::PING_ACK).count >= snapshot.latencies.probes.count() - 2,
            "first contact apart"
        );
    }
    assert_eq!((from.gauges.remote_subscriptions, to.gauges.local_subscriptions), (1, 1));
    network.machines[2].up = false;
    network.run(SECOND * 30);
    let snapshot = network.machines[0].overlay.snapshot();
    assert_eq!((snapshot.gauges.daemons.reachable, snapshot.gauges.daemons.unreachable), (2, 1));
    assert!(snapshot.members.probes_failed > 0);
}

#[test]
fn all_counters_are_gone_through_once_and_can_be_written() {
    let mut snapshot = Snapshot::default();
    let count = snapshot.values().count();
    for (at, value) in snapshot.values_mut().enumerate() {
        assert_eq!(*value, 0);
        *value = at as u64 + 1;
    }
    assert!(snapshot.values().eq(1..=count as u64), "read in the order in which they are written");
    assert_eq!((snapshot.stats.datagrams_received, snapshot.gauges), (1, Default::default()));
}
