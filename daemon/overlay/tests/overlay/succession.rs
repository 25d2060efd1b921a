//! A client's session after another one of the same client: what was acknowledged to publishers and not by the client is not lost.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use crate::common::{
    Client, Heard,
    host::{Host, SECOND, config},
    network::{Network, seeds},
};
use gossiperl_idl::{
    code,
    codec::encode_compact,
    frame,
    generated::{Keepalive, SlowPolicy, Subscribe, Subscription, Unsubscribe},
};
use gossiperl_overlay::{Config, Limits};
use rand::Rng;

/// A publisher, and a subscriber of these types that takes nothing any more.
fn with_stuck_subscriber(config: Config, types: &[&str]) -> Host {
    let mut host = Host::connected(config, &["publisher", "subscriber"]);
    for event_type in types {
        host.clients[1].subscribe(event_type, SlowPolicy::WAIT);
    }
    host.run(SECOND);
    host.clients[1].holds = true;
    host
}

fn publish(host: &mut Host, event_type: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        assert!(host.clients[0].publish(event_type, &number.to_be_bytes()));
    }
    host.run(SECOND / 10);
}

fn subscribe_all(client: &mut Client, types: &[&str]) {
    let subscription =
        |event_type: &&str| Subscription::new(event_type.as_bytes().to_vec(), SlowPolicy::WAIT);
    client.request(frame::SUBSCRIBE, &Subscribe::new(77, types.iter().map(subscription).collect()));
}

/// The subscriber's process is another one now, which has not subscribed yet.
fn restart(host: &mut Host, number: u64) {
    host.clients[1] = host.clients[1].restarted(number);
    host.clients[1].hello();
    host.run(SECOND / 10);
    assert_eq!(host.clients[1].heard, [Heard::Welcome { fresh: true }], "nothing comes unasked");
}

/// Time passes, and every client that is there says now and then that it is.
fn stay_awake(host: &mut Host, seconds: u32) {
    let mut body = Vec::new();
    encode_compact(&Keepalive::new(5, true), &mut body);
    for _ in 0..seconds / 10 {
        host.clients.iter_mut().for_each(|client| client.frame(frame::KEEPALIVE, &body));
        host.run(10 * SECOND);
    }
}

fn dropped(client: &Client) -> i64 {
    client.heard.iter().map(|heard| if let Heard::Dropped(count) = heard { *count } else { 0 }).sum()
}

#[test]
fn a_restarted_subscriber_gets_what_its_crash_left_unacknowledged_before_anything_newer() {
    let mut host = with_stuck_subscriber(config(), &["n"]);
    publish(&mut host, "n", 0..300);
    restart(&mut host, 11);
    publish(&mut host, "n", 300..400);
    assert_eq!(host.clients[0].link.queued_frames(), 0, "acknowledged between the sessions too");
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    publish(&mut host, "n", 400..500);
    assert_eq!(host.clients[1].numbers(), (0..500).collect::<Vec<_>>());
    let reply = host.clients[1].heard.iter().position(|heard| matches!(heard, Heard::Reply { .. }));
    assert_eq!(reply, Some(1), "the answer comes first");
    assert_eq!((host.overlay.stats().dropped, host.overlay.stats().fanned_out), (0, 500));
}

#[test]
fn types_subscribed_together_come_in_the_order_they_were_published_in() {
    let mut host = with_stuck_subscriber(config(), &["a", "b"]);
    for number in 0..200 {
        publish(&mut host, if number % 3 == 0 { "a" } else { "b" }, number..number + 1);
    }
    restart(&mut host, 11);
    subscribe_all(&mut host.clients[1], &["b", "a"]);
    host.run(SECOND);
    assert_eq!(host.clients[1].numbers(), (0..200).collect::<Vec<_>>());
}

#[test]
fn several_restarts_in_a_row_lose_nothing() {
    let mut host = with_stuck_subscriber(config(), &["a", "b"]);
    publish(&mut host, "a", 0..50);
    restart(&mut host, 11);
    host.clients[1].holds = true;
    host.clients[1].subscribe("a", SlowPolicy::WAIT);
    publish(&mut host, "a", 50..100);
    publish(&mut host, "b", 0..20);
    restart(&mut host, 12);
    publish(&mut host, "b", 20..30);
    restart(&mut host, 13);
    host.clients[1].subscribe("a", SlowPolicy::WAIT);
    host.run(SECOND);
    assert_eq!(host.clients[1].numbers(), (0..100).collect::<Vec<_>>());
    host.clients[1].heard.clear();
    host.clients[1].subscribe("b", SlowPolicy::WAIT);
    host.run(SECOND);
    assert_eq!(host.clients[1].numbers(), (0..30).collect::<Vec<_>>());
}

#[test]
fn the_same_process_under_a_newer_salt_gets_again_only_what_it_had_not_acknowledged() {
    let mut host = Host::connected(config(), &["publisher", "subscriber"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(SECOND);
    publish(&mut host, "n", 0..100);
    host.clients[1].holds = true;
    publish(&mut host, "n", 100..150);
    assert_eq!(host.clients[1].numbers(), (0..100).collect::<Vec<_>>());
    host.clients[1] = host.clients[1].reconnected(11);
    host.clients[1].hello();
    host.run(SECOND);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(SECOND);
    assert_eq!(host.clients[1].numbers(), (100..150).collect::<Vec<_>>());
}

#[test]
fn only_what_is_subscribed_to_again_is_carried_over_and_the_rest_ends_in_time() {
    let mut host = with_stuck_subscriber(config(), &["wanted", "forgotten", "refused"]);
    publish(&mut host, "wanted", 0..10);
    publish(&mut host, "forgotten", 0..20);
    publish(&mut host, "refused", 0..30);
    restart(&mut host, 11);
    host.clients[1].subscribe("wanted", SlowPolicy::WAIT);
    host.clients[1].request(frame::UNSUBSCRIBE, &Unsubscribe::new(9, vec![b"refused".to_vec()]));
    host.run(SECOND);
    assert_eq!(host.clients[1].numbers(), (0..10).collect::<Vec<_>>());
    assert_eq!((host.overlay.stats().dropped, host.overlay.stats().unheard), (30, 0));
    publish(&mut host, "forgotten", 20..21);
    publish(&mut host, "refused", 30..31);
    assert_eq!(host.overlay.stats().unheard, 1, "nobody wants what was unsubscribed");
    stay_awake(&mut host, 40);
    publish(&mut host, "forgotten", 21..22);
    assert_eq!((host.overlay.stats().dropped, host.overlay.stats().unheard), (30 + 21, 2));
    host.clients[1].subscribe("forgotten", SlowPolicy::WAIT);
    host.settle();
    publish(&mut host, "forgotten", 22..23);
    assert_eq!(host.clients[1].numbers().last(), Some(&22));
    assert_eq!(host.clients[1].messages().count(), 11, "what had ended does not come back");
}

#[test]
fn another_secret_inherits_nothing_and_takes_nothing_away() {
    let mut host = with_stuck_subscriber(config(), &["n"]);
    publish(&mut host, "n", 0..10);
    let mut thief = host.clients[1].restarted(11);
    thief.secret = b"guess".to_vec();
    thief.address.set_port(29_999);
    thief.hello();
    thief.subscribe("n", SlowPolicy::WAIT);
    host.clients.push(thief);
    host.run(SECOND);
    let refusal = Heard::Refusal { code: code::WRONG_SECRET, entity: "subscriber".to_owned() };
    assert!(host.clients[2].heard.iter().all(|heard| *heard == refusal) && !host.clients[2].heard.is_empty());
    restart(&mut host, 12);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(SECOND);
    assert_eq!(host.clients[1].numbers(), (0..10).collect::<Vec<_>>());
}

#[test]
fn what_is_kept_for_a_client_is_bounded_and_what_gave_way_is_counted_and_told() {
    let mut config = config();
    config.limits = Limits { queue_frames: 100, ..config.limits };
    let mut host = with_stuck_subscriber(config, &["n", "other"]);
    publish(&mut host, "other", 0..30);
    restart(&mut host, 11);
    publish(&mut host, "n", 0..1_000);
    assert_eq!(host.clients[0].link.queued_frames(), 0, "nobody is held back for it");
    restart(&mut host, 12);
    subscribe_all(&mut host.clients[1], &["n", "other"]);
    host.run(5 * SECOND);
    let of_n = host.clients[1].messages().count() - 30;
    assert!((70..=100).contains(&of_n), "{of_n}");
    assert!(host.clients[1].numbers().contains(&999), "the newest are there");
    assert_eq!(dropped(&host.clients[1]), 1_000 - of_n as i64, "the client that asks for the type is told");
    assert_eq!(host.overlay.stats().dropped, 1_000 - of_n as u64);
}

#[test]
fn a_publisher_is_held_back_for_a_type_only_once_the_new_session_has_it() {
    let mut config = config();
    config.limits = Limits { queue_frames: 100, ..config.limits };
    let mut host = with_stuck_subscriber(config, &["n"]);
    publish(&mut host, "n", 0..40);
    restart(&mut host, 11);
    host.clients[1].holds = true;
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.settle();
    publish(&mut host, "n", 40..400);
    assert!(host.clients[0].link.queued_frames() > 200, "held back");
    assert_eq!(host.overlay.stats().dropped, 0);
    host.clients[1].holds = false;
    host.clients[1].link.release(host.now);
    host.run(10 * SECOND);
    assert_eq!(host.clients[1].numbers(), (0..400).collect::<Vec<_>>());
    assert_eq!(host.clients[0].link.queued_frames(), 0);
}

#[test]
fn a_client_that_was_silent_for_long_and_comes_back_has_everything() {
    let mut host = with_stuck_subscriber(config(), &["n"]);
    let absent = host.clients.remove(1);
    publish(&mut host, "n", 0..100);
    host.run(100 * SECOND);
    publish(&mut host, "n", 100..200);
    host.clients.push(absent);
    host.clients[1].holds = false;
    let now = host.now;
    host.clients[1].link.release(now);
    host.run(10 * SECOND);
    assert_eq!(host.clients[1].numbers(), (0..200).collect::<Vec<_>>());
}

#[test]
fn a_client_that_is_away_is_waited_for_until_it_is_dropped() {
    let mut host = with_stuck_subscriber(config(), &["n"]);
    publish(&mut host, "n", 0..10);
    restart(&mut host, 11);
    let absent = host.clients.remove(1);
    host.overlay.handle_unreachable(host.now, absent.address);
    host.run(100 * SECOND);
    host.clients.push(absent);
    restart(&mut host, 12);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(SECOND);
    assert_eq!(host.clients[1].numbers(), (0..10).collect::<Vec<_>>());
    publish(&mut host, "n", 10..20);
    let mut gone = host.clients.remove(1);
    stay_awake(&mut host, 300);
    publish(&mut host, "n", 20..21);
    assert_eq!(host.overlay.stats().unheard, 1);
    gone = gone.restarted(13);
    gone.hello();
    host.clients.push(gone);
    host.run(SECOND);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(SECOND);
    assert_eq!(host.clients[1].messages().count(), 0, "it was forgotten");
}

#[test]
fn another_instance_under_the_same_salt_inherits_too() {
    let mut host = with_stuck_subscriber(config(), &["n"]);
    publish(&mut host, "n", 0..50);
    host.clients[1].instance = 99;
    host.clients[1].heard.clear();
    host.clients[1].holds = false;
    host.clients[1].hello();
    host.settle();
    assert_eq!(host.clients[1].heard, [Heard::Welcome { fresh: true }]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(SECOND);
    assert_eq!(host.clients[1].numbers(), (0..50).collect::<Vec<_>>());
}

#[test]
fn leaving_in_order_leaves_nothing_and_counts_what_was_not_delivered() {
    let mut host = with_stuck_subscriber(config(), &["n"]);
    publish(&mut host, "n", 0..10);
    host.clients[1].frame(frame::GOODBYE, &[0]);
    host.run(SECOND);
    assert_eq!(host.overlay.stats().dropped, 10);
    host.clients[1] = host.clients[1].restarted(11);
    host.clients[1].hello();
    host.run(SECOND);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(SECOND);
    assert_eq!(host.clients[1].messages().count(), 0);
}

#[test]
fn a_session_that_asked_too_much_is_replaced_without_a_loss() {
    let mut host = with_stuck_subscriber(config(), &["n"]);
    publish(&mut host, "n", 0..100);
    for request in 0..6_000 {
        host.clients[1].request(frame::UNSUBSCRIBE, &Unsubscribe::new(request, Vec::new()));
    }
    while let Some(mut datagram) = host.clients[1].transmit(host.now) {
        host.overlay.handle_datagram(host.now, host.clients[1].address, &mut datagram);
    }
    let mut unread = Vec::new();
    while host.overlay.poll_transmit(host.now, &mut unread).is_some() {}
    host.clients[1].heard.clear();
    host.clients[1].holds = false;
    publish(&mut host, "n", 100..150);
    host.run(5 * SECOND);
    assert_eq!(host.clients[1].heard, [Heard::Welcome { fresh: true }]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(5 * SECOND);
    assert_eq!(host.clients[1].numbers(), (0..150).collect::<Vec<_>>());
}

/// What a subscriber's process, or its predecessors of the same name, were given.
#[derive(Default)]
struct Received {
    by_name: BTreeSet<u32>,
    /// In the present process's order, without what it had before.
    by_instance: Vec<u32>,
}

impl Received {
    fn collect(&mut self, client: &Client, seed: u64) {
        let had = self.by_instance.len();
        let old: BTreeSet<u32> = self.by_instance.iter().copied().collect();
        self.by_name.extend(client.numbers());
        self.by_instance.extend(client.numbers().into_iter().filter(|number| !old.contains(number)));
        let new = self.by_instance.get(had.saturating_sub(1)..).unwrap_or_default();
        assert!(new.is_sorted_by(|one, other| one < other), "GOSSIPERL_SEED={seed}: {new:?}");
    }
}

#[test]
fn subscribers_that_restart_under_loss_miss_nothing_and_get_it_in_order_once_an_instance() {
    for seed in seeds(2_000, 100) {
        eprintln!("GOSSIPERL_SEED={seed}");
        let mut network = Network::new(3, 0.0, seed);
        let machine = network.rng.random_range(0..3);
        let publisher = network.connect(0, "publisher");
        let subscriber = network.connect(machine, "subscriber");
        network.run(5 * SECOND);
        subscribe_all(network.client(machine, subscriber), &["a", "b"]);
        network.run(5 * SECOND);
        network.loss = network.rng.random_range(0.0..0.2);
        network.local_loss = network.rng.random_range(0.0..0.2);
        let (mut sent, mut received) = (0u32, Received::default());
        for number in 0..network.rng.random_range(1..6) {
            for _ in 0..network.rng.random_range(1..60) {
                let event_type = if network.rng.random_bool(0.5) { "a" } else { "b" };
                assert!(network.client(0, publisher).publish(event_type, &sent.to_be_bytes()));
                sent += 1;
                let pause = network.rng.random_range(0..20);
                network.run(SECOND * pause / 1_000);
            }
            let client = network.client(machine, subscriber);
            received.collect(client, seed);
            let is_restart = number % 2 == 0;
            let mut next = match is_restart {
                true => client.restarted(500 + number),
                false => client.reconnected(500 + number),
            };
            if is_restart {
                received.by_instance.clear();
            }
            next.hello();
            *client = next;
            let late = network.rng.random_range(0..2_000);
            network.run_patiently(SECOND * late / 1_000);
            while !network.client(machine, subscriber).is_connected() {
                network.run_patiently(SECOND / 10);
            }
            subscribe_all(network.client(machine, subscriber), &["a", "b"]);
        }
        network.run_patiently(60 * SECOND);
        assert_eq!(network.client(0, publisher).link.queued_frames(), 0, "all acknowledged");
        received.collect(network.client(machine, subscriber), seed);
        assert_eq!(received.by_name, (0..sent).collect::<BTreeSet<_>>(), "GOSSIPERL_SEED={seed}");
        let stats = network.machines.iter().map(|machine| machine.overlay.stats());
        assert_eq!(stats.map(|stats| stats.dropped).sum::<u64>(), 0);
    }
}
