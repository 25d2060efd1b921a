//! Sessions against the real overlay, in virtual time over a network that loses, repeats and delays.

mod network;

use std::time::Duration;

use network::{Network, each_seed};

use super::*;
use crate::MemberChange;

const SECOND: Duration = Duration::from_secs(1);

/// What each client has got of `event_type`: publisher and number, in order of arrival.
fn numbers(network: &Network, client: usize) -> Vec<(usize, u32)> {
    network.clients[client].delivered.clone()
}

#[test]
fn every_message_arrives_once_and_in_order_whatever_the_network_does() {
    each_seed(40, |seed| {
        let mut network = Network::new(seed, 3);
        network.loss = 0.2;
        network.repeats = 0.1;
        network.delay = Duration::from_millis(5);
        network.run_until(60 * SECOND, |network| network.all_connected());
        for client in 0..3 {
            network.subscribe(client, &["n"]);
        }
        network.run_until(60 * SECOND, |network| network.clients.iter().all(|one| one.done == 1));
        for number in 0..200 {
            for client in 0..3 {
                network.publish(client, "n", number);
            }
            network.run(Duration::from_millis(3));
        }
        let complete = |network: &Network| network.clients.iter().all(|one| one.delivered.len() >= 400);
        network.run_until(300 * SECOND, complete);
        network.run(5 * SECOND);
        for client in 0..3 {
            for publisher in (0..3).filter(|publisher| *publisher != client) {
                let got: Vec<u32> = numbers(&network, client)
                    .into_iter()
                    .filter_map(|(from, number)| (from == publisher).then_some(number))
                    .collect();
                assert_eq!(got, (0..200).collect::<Vec<_>>(), "{publisher} to {client}");
            }
            assert!(network.clients[client].session.is_flushed());
            assert_eq!(network.clients[client].acknowledged, 200);
        }
    });
}

#[test]
fn a_restarted_daemon_gets_what_was_not_acknowledged_and_nothing_comes_twice() {
    each_seed(20, |seed| {
        let mut network = Network::new(seed, 2);
        network.loss = 0.05;
        network.run_until(60 * SECOND, |network| network.all_connected());
        network.subscribe(1, &["n"]);
        network.run(SECOND);
        for number in 0..300 {
            network.publish(0, "n", number);
            network.run(Duration::from_micros(700));
            if number % 100 == 50 {
                network.restart_daemon();
                // The subscriber is back first, so that nothing is published to nobody.
                network.clients[0].cut_off = true;
                network.run(10 * SECOND);
                network.clients[0].cut_off = false;
            }
        }
        network.run_until(60 * SECOND, |network| network.clients[0].session.is_flushed());
        network.run(5 * SECOND);
        let got: Vec<u32> = numbers(&network, 1).into_iter().map(|(_, number)| number).collect();
        let mut once = got.clone();
        once.dedup();
        assert_eq!(got, once, "in order, each once");
        assert!(got.is_sorted());
        // What the daemon had taken and not delivered went with it; everything else is here.
        assert!(got.len() > 290 && got.ends_with(&[299]), "{} of 300", got.len());
    });
}

#[test]
fn a_session_that_begins_anew_under_loss_misses_nothing_and_gets_nothing_twice() {
    each_seed(40, |seed| {
        let mut network = Network::new(seed, 2);
        network.loss = 0.1;
        network.delay = Duration::from_millis(3);
        network.run_until(60 * SECOND, |network| network.all_connected());
        network.subscribe(1, &["n", "m"]);
        network.run_until(60 * SECOND, |network| network.clients[1].done == 1);
        for number in 0..300 {
            network.publish(0, if number % 3 == 0 { "m" } else { "n" }, number);
            network.run(Duration::from_micros(700));
            if number % 60 == seed as u32 % 60 {
                let now = network.now;
                network.clients[1].session.start_over(now);
            }
        }
        network.run_until(300 * SECOND, |network| network.clients[1].delivered.len() >= 300);
        network.run(5 * SECOND);
        let got: Vec<u32> = numbers(&network, 1).into_iter().map(|(_, number)| number).collect();
        assert_eq!(got, (0..300).collect::<Vec<_>>());
    });
}

#[test]
fn a_client_cut_off_for_a_while_resumes_and_loses_nothing() {
    each_seed(10, |seed| {
        let mut network = Network::new(seed, 2);
        network.run_until(60 * SECOND, |network| network.all_connected());
        network.subscribe(1, &["n"]);
        network.run(SECOND);
        network.publish(0, "n", 0);
        network.run(SECOND);
        network.clients[1].cut_off = true;
        network.publish(0, "n", 1);
        network.run(12 * SECOND);
        assert!(network.clients[1].notices.contains(&Notice::Disconnected(DisconnectReason::Silent)));
        network.clients[1].cut_off = false;
        network.run(10 * SECOND);
        assert!(
            network.clients[1]
                .notices
                .iter()
                .any(|notice| matches!(notice, Notice::Connected { resumed: true, .. }))
        );
        assert_eq!(numbers(&network, 1), [(0, 0), (0, 1)]);
    });
}

#[test]
fn a_client_dropped_meanwhile_starts_anew_even_where_the_first_answer_is_lost() {
    each_seed(20, |seed| {
        let mut network = Network::new(seed, 2);
        network.run_until(60 * SECOND, |network| network.all_connected());
        network.subscribe(1, &["n"]);
        network.run(SECOND);
        network.publish(0, "n", 0);
        network.publish(1, "n", 0);
        network.run(SECOND);
        network.clients[1].cut_off = true;
        // Quarantine, unreachable, dropped: 20 + 10 + 180 seconds.
        network.run(400 * SECOND);
        network.clients[1].cut_off = false;
        network.loss = 0.7;
        network.run(60 * SECOND);
        network.loss = 0.0;
        network.run(60 * SECOND);
        network.publish(0, "n", 1);
        network.publish(1, "n", 1);
        network.run(10 * SECOND);
        assert_eq!(numbers(&network, 1), [(0, 0), (0, 1)]);
        assert!(network.clients[1].session.is_flushed());
    });
}

#[test]
fn keys_are_changed_under_traffic_without_losing_anything() {
    let mut network = Network::new(1, 2);
    network.run_until(60 * SECOND, |network| network.all_connected());
    network.subscribe(1, &["n"]);
    network.run(SECOND);
    let new = b"the next key of this overlay";
    network.clients.iter_mut().for_each(|client| client.session.add_key(new));
    let id = network.overlay.add_key(new).unwrap();
    let old = OverlayKey::new(network::KEY).id();
    for number in 0..300 {
        if number == 100 {
            assert_eq!(network.overlay.promote_key(id), Ok(true));
        }
        if number == 200 {
            assert_eq!(network.overlay.retire_key(old), Ok(()));
        }
        network.publish(0, "n", number);
        network.run(Duration::from_millis(20));
    }
    network.run(SECOND);
    assert_eq!(numbers(&network, 1).len(), 300);
    let sealing: Vec<_> = network.clients.iter().map(|one| one.session.ring.sealing().id()).collect();
    assert_eq!(sealing, [id, id]);
    assert!(network.clients.iter().all(|one| one.notices.len() == 1 + usize::from(one.done > 0)));
}

#[test]
fn keys_are_changed_more_often_than_a_ring_has_keys() {
    let mut network = Network::new(1, 2);
    network.run_until(60 * SECOND, |network| network.all_connected());
    network.subscribe(1, &["n"]);
    network.run(SECOND);
    let mut old = OverlayKey::new(network::KEY).id();
    let changes = 3 * MAX_KEYS as u32;
    for change in 0..changes {
        let new = format!("key number {change} of this overlay").into_bytes();
        network.clients.iter_mut().for_each(|client| client.session.add_key(&new));
        let id = network.overlay.add_key(&new).unwrap();
        assert_eq!(network.overlay.promote_key(id), Ok(true));
        network.publish(0, "n", change);
        network.run(SECOND);
        assert_eq!(network.overlay.retire_key(old), Ok(()));
        old = id;
    }
    network.run(SECOND);
    assert_eq!(numbers(&network, 1).len() as u32, changes);
    assert!(network.clients.iter().all(|one| one.session.ring.keys().len() == MAX_KEYS));
}

#[test]
fn keys_are_changed_there_and_back_again() {
    let mut network = Network::new(1, 2);
    network.run_until(60 * SECOND, |network| network.all_connected());
    network.subscribe(1, &["n"]);
    network.run(SECOND);
    let new = b"the next key of this overlay";
    network.clients.iter_mut().for_each(|client| client.session.add_key(new));
    let id = network.overlay.add_key(new).unwrap();
    let old = OverlayKey::new(network::KEY).id();
    for number in 0..400 {
        match number {
            100 => assert_eq!(network.overlay.promote_key(id), Ok(true)),
            200 => assert_eq!(network.overlay.promote_key(old), Ok(true)),
            300 => assert_eq!(network.overlay.retire_key(id), Ok(())),
            _ => {}
        }
        network.publish(0, "n", number);
        network.run(Duration::from_millis(20));
    }
    network.run(SECOND);
    assert_eq!(numbers(&network, 1).len(), 400);
    let sealing: Vec<_> = network.clients.iter().map(|one| one.session.ring.sealing().id()).collect();
    assert_eq!(sealing, [old, old]);
    assert!(network.clients[0].session.is_flushed());
}

#[test]
fn a_message_that_the_daemon_refuses_fails_and_the_others_do_not() {
    let mut network = Network::new(4, 1);
    network.run_until(60 * SECOND, |network| network.all_connected());
    network.publish(0, "n", 0);
    network.run(SECOND);
    network.publish(0, "n", 1);
    network.publish(0, "member_in", 2);
    network.publish(0, "n", 3);
    network.run(SECOND);
    let client = &network.clients[0];
    assert_eq!((client.acknowledged, client.failures.len()), (4, 1));
    let (index, PublishError::Refused(refusal)) = &client.failures[0] else { panic!() };
    assert_eq!((*index, refusal.code), (2, gossiperl_idl::code::RESERVED_TYPE));
}

#[test]
fn members_come_in_pages_and_changes_follow() {
    let mut network = Network::new(3, 3);
    network.clients[2].cut_off = true;
    network.run(SECOND);
    network.clients[0].session.request_members(network.now, true);
    network.run(SECOND);
    network.clients[2].cut_off = false;
    network.run(5 * SECOND);
    let notices = &network.clients[0].notices;
    let pages = notices.iter().filter(|notice| matches!(notice, Notice::Members { last: true, .. })).count();
    assert_eq!(pages, 1);
    assert!(notices.iter().any(|notice| matches!(
        notice,
        Notice::Member(event) if event.change == MemberChange::In && event.member.name == "client-2"
    )));
}

#[test]
fn replays_forgeries_and_random_bytes_change_nothing() {
    each_seed(10, |seed| {
        let mut network = Network::new(seed, 2);
        network.recorded = Some(Vec::new());
        network.run_until(60 * SECOND, |network| network.all_connected());
        network.subscribe(1, &["n"]);
        network.run(SECOND);
        for number in 0..20 {
            network.publish(0, "n", number);
            network.run(Duration::from_millis(10));
        }
        let before = (network.clients[1].delivered.clone(), network.clients[1].notices.clone());
        for (client, datagram) in network.recorded.take().unwrap() {
            network.hand(client, &mut datagram.clone());
            for place in 0..datagram.len() {
                let mut forged = datagram.clone();
                forged[place] ^= 1 << (place % 8);
                network.hand(client, &mut forged);
            }
            for length in 0..datagram.len() {
                network.hand(client, &mut datagram[..length].to_vec());
            }
        }
        for length in 0..300 {
            let mut bytes = network.random_bytes(length);
            network.hand(1, &mut bytes);
        }
        network.publish(0, "n", 20);
        network.run(SECOND);
        let client = &network.clients[1];
        assert_eq!(client.delivered[..20], before.0);
        assert_eq!(client.delivered.len(), 21);
        assert_eq!(client.notices, before.1);
    });
}

#[test]
fn a_refused_session_is_asked_for_ever_more_rarely() {
    let mut network = Network::new(5, 2);
    network.run_until(60 * SECOND, |network| network.all_connected());
    network.rename(1, "client-0");
    network.run(120 * SECOND);
    let refused =
        network.clients[1].notices.iter().filter(|notice| matches!(notice, Notice::Refused(_))).count();
    assert!((4..12).contains(&refused), "{refused}");
}

#[test]
fn a_daemon_that_leaves_says_so() {
    let mut network = Network::new(6, 1);
    network.run_until(60 * SECOND, |network| network.all_connected());
    network.overlay.leave(network.now);
    network.run(SECOND);
    assert!(network.clients[0].notices.contains(&Notice::Disconnected(DisconnectReason::Goodbye)));
    network.restart_daemon();
    network.run(5 * SECOND);
    assert!(network.all_connected());
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut network = Network::new(9, 2);
        network.loss = 0.3;
        network.recorded = Some(Vec::new());
        network.run(20 * SECOND);
        network.recorded.take()
    };
    assert_eq!(run(), run());
}
