//! Whole overlays in virtual time: several daemons with clients of their own, on a network that delays and loses.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use crate::common::{
    Heard, KEY,
    network::{Machine, Network, SECOND, overlay, seed},
};
use gossiperl_idl::{Salt, generated::SlowPolicy};
use gossiperl_overlay::{Change, Config, Overlay, Time};
use rand::Rng;

#[test]
fn daemons_find_each_other_through_one_seed() {
    let mut network = Network::new(8, 0.0, seed());
    network.run(5 * SECOND);
    for machine in 0..8 {
        assert_eq!(network.reachable(machine), 8);
    }
}

#[test]
fn a_message_crosses_to_each_daemon_with_subscribers_once_and_reaches_every_subscriber() {
    let mut network = Network::new(4, 0.0, seed());
    let publisher = network.connect(0, "publisher");
    let subscribers = [(0, "here"), (1, "one"), (1, "two"), (2, "three")]
        .map(|(machine, name)| (machine, network.connect(machine, name)));
    network.run(5 * SECOND);
    for (machine, client) in subscribers {
        network.client(machine, client).subscribe("news", SlowPolicy::WAIT);
    }
    network.run(5 * SECOND);
    network.client(0, publisher).publish("news", b"\xffhello");
    network.run(SECOND);
    for (machine, client) in subscribers {
        assert_eq!(network.client(machine, client).messages().collect::<Vec<_>>(), [b"\xffhello"]);
    }
    let forwarded: Vec<u64> =
        network.machines.iter().map(|machine| machine.overlay.stats().forwarded).collect();
    let relayed: Vec<u64> = network.machines.iter().map(|machine| machine.overlay.stats().relayed).collect();
    assert_eq!((forwarded, relayed), (vec![2, 0, 0, 0], vec![0, 1, 1, 0]));
    assert_eq!(network.client(0, publisher).link.queued_frames(), 0, "acknowledged");
}

#[test]
fn a_subscription_is_told_thrice_within_a_steady_pause_of_gossip() {
    let mut network = Network::new(30, 0.0, seed());
    let subscriber = network.connect(0, "subscriber");
    network.run(20 * SECOND);
    let every = Config::new("", "", (Ipv4Addr::LOCALHOST.into(), 1), KEY).detector.gossip_every;
    network.recorded = Some(Vec::new());
    network.client(0, subscriber).subscribe("news", SlowPolicy::WAIT);
    network.run(every - Duration::from_millis(5));
    let own = network.machines[0].address;
    let sent = network.recorded.take().unwrap_or_default();
    let told: Vec<usize> =
        sent.iter().filter(|(from, _, _)| *from == own).map(|(_, _, bytes)| bytes.len()).collect();
    // 4 for each digit of 30, three at a time; probes and their answers are shorter.
    assert_eq!(told.iter().filter(|len| **len > 100).count(), 8, "{told:?}");
}

#[test]
fn the_first_message_between_two_daemons_is_repeated_by_the_round_trip_that_probes_measured() {
    let mut network = Network::new(3, 0.0, seed());
    let (publisher, subscriber) = network.pair(1, "n");
    network.loss = 1.0;
    network.client(0, publisher).publish("n", b"first");
    network.settle();
    assert_eq!(network.machines[0].overlay.stats().forwarded, 1);
    network.loss = 0.0;
    // Without a measured round trip it would be lost for half a second.
    network.run(SECOND / 10);
    assert_eq!(network.client(1, subscriber).messages().collect::<Vec<_>>(), [b"first"]);
}

#[test]
fn a_subscriber_that_leaves_is_unsubscribed_everywhere() {
    let mut network = Network::new(3, 0.0, seed());
    let (publisher, subscriber) = network.pair(2, "news");
    network.client(2, subscriber).frame(gossiperl_idl::frame::GOODBYE, &[0]);
    network.run(5 * SECOND);
    network.client(0, publisher).publish("news", b"x");
    network.run(SECOND);
    let stats = network.machines[0].overlay.stats();
    assert_eq!((stats.forwarded, stats.unheard), (0, 1));
}

#[test]
fn the_subscriptions_of_a_daemon_that_is_given_up_are_gone() {
    let mut network = Network::new(3, 0.0, seed());
    let (publisher, _) = network.pair(2, "news");
    network.machines[2].up = false;
    network.run(200 * SECOND);
    network.client(0, publisher).hello();
    network.run(SECOND);
    network.client(0, publisher).publish("news", b"x");
    network.run(SECOND);
    assert_eq!(network.machines[0].overlay.stats().unheard, 1);
}

#[test]
fn everything_acknowledged_arrives_once_and_in_order_at_ten_and_thirty_percent_loss() {
    for (round, loss) in [0.1, 0.3].into_iter().enumerate() {
        let mut network = Network::new(3, loss, seed() + round as u64);
        let publisher = network.connect(0, "publisher");
        let subscribers = [(1, network.connect(1, "one")), (2, network.connect(2, "two"))];
        network.run(20 * SECOND);
        for (machine, client) in subscribers {
            network.client(machine, client).subscribe("n", SlowPolicy::WAIT);
        }
        network.run(20 * SECOND);
        let mut sent = 0u32;
        while sent < 2_000 {
            while sent < 2_000 && network.client(0, publisher).publish("n", &sent.to_be_bytes()) {
                sent += 1;
            }
            network.run(SECOND / 100);
        }
        network.run(60 * SECOND);
        assert_eq!(network.client(0, publisher).link.queued_frames(), 0, "all acknowledged");
        for (machine, client) in subscribers {
            let got = network.numbers(machine, client);
            assert_eq!(got, (0..2_000).collect::<Vec<_>>(), "at loss {loss}");
        }
    }
}

#[test]
fn large_payloads_cross_between_hosts_in_pieces() {
    let mut network = Network::new(2, 0.05, seed());
    let (publisher, subscriber) = network.pair(1, "big");
    let payload: Vec<u8> = (0..60_000u32).map(|byte| byte as u8).collect();
    for _ in 0..10 {
        network.client(0, publisher).publish("big", &payload);
    }
    network.run(20 * SECOND);
    let got: Vec<_> = network.client(1, subscriber).messages().collect();
    assert_eq!(got, vec![payload.as_slice(); 10]);
}

#[test]
fn a_crashed_daemon_is_found_out_by_all_and_given_up_and_a_restarted_one_rejoins() {
    let mut network = Network::new(5, 0.0, seed());
    network.run(5 * SECOND);
    network.machines[3].up = false;
    network.run(15 * SECOND);
    for machine in [0, 1, 2, 4] {
        let changes = network.changes(machine, "daemon-3");
        assert_eq!(changes, [Change::In, Change::Quarantine, Change::Unreachable]);
    }
    let (_, restarted) = overlay(3, 2, seed(), network.now, 180);
    let seeds = [network.machines[1].address];
    network.machines[3].overlay = restarted;
    network.machines[3].up = true;
    let now = network.now;
    network.machines[3].overlay.join(now, &seeds);
    network.run(10 * SECOND);
    for machine in [0, 1, 2, 4] {
        assert_eq!(network.changes(machine, "daemon-3"), [Change::Rejoin]);
    }
    assert_eq!(network.reachable(3), 5);
    network.machines[3].up = false;
    network.run(200 * SECOND);
    let expected = [Change::Quarantine, Change::Unreachable, Change::Drop, Change::Out];
    assert_eq!(network.changes(0, "daemon-3"), expected);
}

#[test]
fn a_leaving_daemon_is_out_at_once_and_its_clients_are_told() {
    let mut network = Network::new(3, 0.0, seed());
    let client = network.connect(2, "client");
    network.run(5 * SECOND);
    let now = network.now;
    network.machines[2].overlay.leave(now);
    network.run(5 * SECOND);
    assert!(network.machines[2].overlay.is_left());
    assert_eq!(network.client(2, client).heard.last(), Some(&Heard::Goodbye));
    assert_eq!(network.changes(0, "daemon-2"), [Change::In, Change::Out]);
}

#[test]
fn a_leaving_daemon_hands_over_first_what_it_has_taken_for_others() {
    let mut network = Network::new(2, 0.0, seed());
    let (publisher, subscriber) = network.pair(1, "n");
    network.deaf.insert((0, 1));
    for number in 0..100u32 {
        network.client(0, publisher).publish("n", &number.to_be_bytes());
    }
    network.run(SECOND / 10);
    assert_eq!(network.client(0, publisher).link.queued_frames(), 0, "acknowledged");
    let now = network.now;
    network.machines[0].overlay.leave(now);
    for tenth in 0..100 {
        if network.machines[0].overlay.is_left() {
            break;
        }
        if tenth == 15 {
            network.deaf.clear();
        }
        network.run(SECOND / 10);
    }
    network.machines[0].up = false;
    network.run(SECOND);
    assert_eq!(network.numbers(1, subscriber), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_wrong_overlay_secret_keeps_a_daemon_out_and_is_only_counted() {
    let mut network = Network::new(2, 0.0, seed());
    let mut config = Config::new("test", "intruder", (Ipv4Addr::new(10, 0, 9, 9).into(), 6666), KEY);
    config.secret = b"guess".to_vec().into();
    let address = SocketAddr::new(config.advertised.0, 6666);
    let mut intruder = Overlay::new(config, Salt::new(1, 77), Time::ZERO, 1_000).unwrap();
    let to = network.machines[0].address;
    intruder.join(Time::ZERO, &[to]);
    network.machines.push(Machine::new(address, intruder));
    network.run(10 * SECOND);
    assert_eq!(network.reachable(0), 2);
    assert!(network.machines[0].overlay.stats().forged > 0);
    assert_eq!(network.machines[2].overlay.stats().datagrams_received, 0, "never answered");
}

/// Two hundred small overlays, each with its own loss, duplication and reordering; one seed where the environment names it.
#[test]
fn whatever_the_network_does_to_datagrams_messages_arrive_once_and_in_order() {
    let seeds = match std::env::var("GOSSIPERL_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()) {
        Some(seed) => seed..seed + 1,
        None => 1_000..1_200,
    };
    for seed in seeds {
        eprintln!("GOSSIPERL_SEED={seed}");
        let mut network = Network::new(3, 0.0, seed);
        let (publisher, subscriber) = network.pair(1, "n");
        network.loss = network.rng.random_range(0.0..0.3);
        network.duplication = network.rng.random_range(0.0..0.3);
        network.jitter = Duration::from_micros(network.rng.random_range(0..20_000));
        for number in 0..200u32 {
            assert!(network.client(0, publisher).publish("n", &number.to_be_bytes()));
            let pause = network.rng.random_range(0..3_000);
            network.run(Duration::from_micros(pause));
        }
        network.run(30 * SECOND);
        assert_eq!(network.numbers(1, subscriber), (0..200).collect::<Vec<_>>());
        assert_eq!(network.client(0, publisher).link.queued_frames(), 0, "all acknowledged");
        let relayed: u64 = network.machines.iter().map(|machine| machine.overlay.stats().relayed).sum();
        assert_eq!(relayed, 200, "each crossed once");
    }
}

#[test]
fn halves_that_can_talk_again_merge_and_what_was_accepted_before_arrives() {
    let mut network = Network::new(6, 0.0, seed());
    let (publisher, subscriber) = network.pair(5, "n");
    network.split = 3;
    network.client(0, publisher).publish("n", &7u32.to_be_bytes());
    network.run(60 * SECOND);
    assert!((0..6).all(|machine| network.reachable(machine) == 3));
    assert!(network.numbers(5, subscriber).is_empty());
    network.split = 0;
    network.run(120 * SECOND);
    assert!((0..6).all(|machine| network.reachable(machine) == 6));
    assert_eq!(network.numbers(5, subscriber), [7]);
    network.client(0, publisher).publish("n", &8u32.to_be_bytes());
    network.run(SECOND);
    assert_eq!(network.numbers(5, subscriber), [7, 8]);
}

/// One has given the other up and forgotten it, and the other has not: it waits for ever, or would have within the next second.
#[test]
fn daemons_of_which_one_had_given_the_other_up_go_on_where_they_were() {
    let mut network = Network::new(2, 0.0, seed());
    for machine in 0..2 {
        let (_, overlay) = overlay(machine, 1, network.seed, network.now, [20, 0][machine]);
        network.machines[machine].overlay = overlay;
    }
    let other = network.machines[1].address;
    network.machines[0].overlay.join(network.now, &[other]);
    let (publisher, subscriber) = network.pair(1, "n");
    let back = network.connect(1, "back");
    let forth = network.connect(0, "forth");
    network.run(SECOND);
    network.client(0, forth).subscribe("m", SlowPolicy::WAIT);
    network.run(5 * SECOND);
    for number in 0..10u32 {
        network.client(0, publisher).publish("n", &number.to_be_bytes());
        network.client(1, back).publish("m", &number.to_be_bytes());
    }
    network.run(SECOND);
    network.split = 1;
    network.run(120 * SECOND);
    network.split = 0;
    network.run(120 * SECOND);
    assert_eq!((network.reachable(0), network.reachable(1)), (2, 2));
    for number in 10..20u32 {
        network.client(0, publisher).publish("n", &number.to_be_bytes());
        network.client(1, back).publish("m", &number.to_be_bytes());
    }
    network.run(10 * SECOND);
    assert_eq!(network.numbers(1, subscriber), (0..20).collect::<Vec<_>>());
    assert_eq!(network.numbers(0, forth), (0..20).collect::<Vec<_>>());
}

/// A daemon bound to the wildcard address reaches one on loopback from loopback, whatever address it is known under.
#[test]
fn what_goes_to_a_daemon_fits_the_path_to_its_address_wherever_its_datagrams_come_from() {
    let mut network = Network::new(2, 0.0, seed());
    let (publisher, subscriber) = network.pair(1, "big");
    let back = network.connect(0, "back");
    network.run(SECOND);
    network.client(0, back).subscribe("back", SlowPolicy::WAIT);
    let answering = network.connect(1, "answering");
    network.run(5 * SECOND);
    // The link begins with a message from there.
    network.arrives_from = Some((network.machines[1].address, (Ipv4Addr::LOCALHOST, 6666).into()));
    network.client(1, answering).publish("back", b"x");
    network.run(SECOND);
    network.client(0, publisher).publish("big", &[7; 30_000]);
    network.run(SECOND);
    assert_eq!(network.client(1, subscriber).messages().collect::<Vec<_>>(), [[7; 30_000]]);
}

#[test]
fn a_slow_subscriber_elsewhere_pauses_its_publisher_and_loses_nothing() {
    let mut network = Network::new(2, 0.0, seed());
    let (publisher, subscriber) = network.pair(1, "n");
    network.client(1, subscriber).holds = true;
    let mut sent = 0u32;
    for _ in 0..1_500 {
        while network.client(0, publisher).publish("n", &sent.to_be_bytes()) {
            sent += 1;
        }
        network.run(SECOND / 1_000);
        if network.client(0, publisher).heard.iter().any(|heard| matches!(heard, Heard::Pause(_))) {
            break;
        }
    }
    assert_eq!(network.client(0, publisher).heard.last(), Some(&Heard::Pause("n".to_owned())));
    network.client(1, subscriber).holds = false;
    let now = network.now;
    network.client(1, subscriber).link.release(now);
    network.run(30 * SECOND);
    assert_eq!(network.client(0, publisher).heard.last(), Some(&Heard::Resume("n".to_owned())));
    assert_eq!(network.numbers(1, subscriber), (0..sent).collect::<Vec<_>>());
}

#[test]
fn an_idle_daemon_sends_the_same_few_bytes_however_many_there_are() {
    for count in [4, 32] {
        let mut network = Network::new(count, 0.0, seed());
        network.run(60 * SECOND);
        let sent = |network: &Network| {
            network
                .machines
                .iter()
                .map(|machine| {
                    let stats = machine.overlay.stats();
                    // 28 bytes of UDP and IP headers each.
                    stats.bytes_sent + 28 * stats.datagrams_sent
                })
                .sum::<u64>()
        };
        let before = sent(&network);
        network.run(100 * SECOND);
        let each = (sent(&network) - before) / (100 * count as u64);
        eprintln!("{count} daemons: {each} bytes a second each");
        assert!(each < 300, "{each} bytes a second");
    }
}
