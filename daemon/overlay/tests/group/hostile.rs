//! Recordings, floods and absurdities sent to the group, and clients at the wrong port.

use std::net::SocketAddr;

use gossiperl_idl::{
    Salt, frame,
    legacy::LegacyKey,
    sealed::{Header, KeyRing, OverlayKey, OverlaySecret, Role, Sealer},
};
use gossiperl_overlay::Overlay;

use crate::network::{KEY, Network, SECOND, config, seed};

const SECRET: &[u8] = b"default-overlay-secret";

/// A datagram of a run that nobody knows.
fn sealed(number: u64, key: &[u8], role: Role, receiver: u64, kind: u8) -> Vec<u8> {
    let secret = OverlaySecret::new(SECRET);
    let mut sealer =
        Sealer::new(&KeyRing::new(OverlayKey::new(key)), role, Salt::new(number, number), &secret);
    let mut out = Vec::new();
    let offset = sealer.start(&mut out);
    frame::put(kind, &[0], &mut out);
    sealer.finish(receiver, &mut out, offset).unwrap();
    out
}

fn legacy(envelope: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    LegacyKey::new(KEY).seal([7; 16], envelope, &mut out);
    out
}

fn question(number: u64) -> Vec<u8> {
    sealed(number, KEY, Role::DaemonToDaemon, 0, frame::INTRODUCTION)
}

fn somebody() -> SocketAddr {
    "10.9.9.9:999".parse().unwrap()
}

/// Takes all that waits to be sent to this address.
fn answers(network: &mut Network, index: usize, to: SocketAddr) -> Vec<Vec<u8>> {
    let (mut out, mut found) = (Vec::new(), Vec::new());
    while let Some(transmit) = network.hosts[index].overlay.poll_transmit(network.now, &mut out) {
        if transmit.destination == to {
            found.push(out[..transmit.len].to_vec());
        }
    }
    found
}

fn to_group(network: &mut Network, index: usize, from: SocketAddr, datagram: &[u8]) {
    network.hosts[index].overlay.handle_group_datagram(network.now, from, &mut datagram.to_vec());
}

#[test]
fn a_question_takes_no_effect_and_its_answer_is_one_challenge_smaller_than_it() {
    let mut network = Network::new(1, 0.0, seed(20));
    network.run(SECOND);
    let asked = network.questions.len();
    let real = network.questions[0].1.clone();
    to_group(&mut network, 0, somebody(), &question(7));
    let answers = answers(&mut network, 0, somebody());
    assert_eq!(answers.len(), 1);
    let header = Header::parse(&answers[0]).unwrap();
    assert_eq!((header.role, header.receiver), (Role::DaemonToDaemon, Salt::new(7, 7).receiver_id()));
    assert!(answers[0].len() < real.len(), "{} to {}", answers[0].len(), real.len());
    assert_eq!(network.hosts[0].overlay.members().len(), 1, "nobody is known by it");
    assert_eq!(network.questions.len(), asked);
}

#[test]
fn recordings_of_questions_are_never_answered_by_who_heard_them() {
    let mut network = Network::new(8, 0.0, seed(21));
    network.converge(30 * SECOND);
    // One that asked, was answered, and has gone for good: its run is no member's any more.
    network.hosts[7].up = false;
    network.run(400 * SECOND);
    let recordings = network.questions.clone();
    assert!(recordings.iter().any(|(from, _)| *from == 7));
    let before = network.answers();
    for _ in 0..20 {
        for (_, recording) in &recordings {
            for index in 0..7 {
                to_group(&mut network, index, somebody(), recording);
            }
        }
        network.run(SECOND);
    }
    assert_eq!(network.answers(), before);
    // Who did not hear them answers one question of each run at most, four in all on average.
    let newcomer = network.add();
    network.run(20 * SECOND);
    let before = network.stats(newcomer).group_answers;
    for _ in 0..20 {
        for (_, recording) in &recordings {
            to_group(&mut network, newcomer, somebody(), recording);
        }
        network.run(SECOND);
    }
    let of_the_gone = recordings.iter().filter(|(from, _)| *from == 7).count() as u64;
    assert!(network.stats(newcomer).group_answers - before <= of_the_gone);
}

#[test]
fn a_flood_of_questions_is_answered_at_a_bounded_rate() {
    let mut network = Network::new(1, 0.0, seed(22));
    network.run(SECOND);
    for second in 0..5u64 {
        for number in 0..1_000 {
            to_group(&mut network, 0, somebody(), &question(1 + second * 1_000 + number));
        }
        let answered = answers(&mut network, 0, somebody()).len();
        assert!((1..=16).contains(&answered), "{answered} answers");
        network.run(SECOND);
    }
    let stats = network.stats(0);
    assert_eq!(stats.group_questions, 5_000);
    assert_eq!(stats.group_answers + stats.challenges_withheld, 5_000);
    assert_eq!(network.hosts[0].overlay.members().len(), 1);
}

#[test]
fn only_first_contact_of_daemons_is_heard_at_the_group() {
    let mut network = Network::new(2, 0.0, seed(23));
    network.converge(30 * SECOND);
    let own = network.questions.iter().find(|(from, _)| *from == 0).unwrap().1.clone();
    let receiver = Header::parse(&own).unwrap().salt.receiver_id();
    let before = network.stats(0);
    let good = question(50);
    let refused = [
        b"hello".to_vec(),
        Vec::new(),
        good[..58].to_vec(),
        legacy(b"no envelope"),
        sealed(51, b"another key", Role::DaemonToDaemon, 0, frame::INTRODUCTION),
        sealed(52, KEY, Role::ClientToDaemon, 0, frame::CLIENT_HELLO),
        sealed(53, KEY, Role::DaemonToClient, 0, frame::WELCOME),
        sealed(54, KEY, Role::DaemonToDaemon, receiver, frame::INTRODUCTION),
        sealed(55, KEY, Role::DaemonToDaemon, receiver, frame::PING),
        sealed(56, KEY, Role::DaemonToDaemon, 0, frame::PING),
        sealed(57, KEY, Role::DaemonToDaemon, 0, frame::CHALLENGE),
    ];
    for datagram in &refused {
        to_group(&mut network, 0, somebody(), datagram);
    }
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 0x10;
        to_group(&mut network, 0, somebody(), &changed);
    }
    assert_eq!(answers(&mut network, 0, somebody()), Vec::<Vec<u8>>::new());
    let stats = network.stats(0);
    let counted = |stats: &gossiperl_overlay::Stats| {
        stats.foreign + stats.forged + stats.unknown_key + stats.misdirected + stats.malformed
    };
    assert_eq!(counted(&stats) - counted(&before), (refused.len() + good.len()) as u64);
    assert_eq!(stats.group_questions, before.group_questions);
    network.run(5 * SECOND);
    assert_eq!(network.reachable(0), 2);
}

#[test]
fn four_answers_to_a_question_are_followed_up_and_none_that_was_not_asked_for() {
    let mut network = Network::new(1, 0.0, seed(24));
    network.run(3_600 * SECOND);
    let asker = Header::parse(&network.questions[0].1).unwrap().salt.receiver_id();
    let challenge = |network: &mut Network, number: u64| {
        let from: SocketAddr = ([10, 8, (number >> 8) as u8, number as u8], 6_666).into();
        let datagram = sealed(number, KEY, Role::DaemonToDaemon, asker, frame::CHALLENGE);
        network.hosts[0].overlay.handle_peer_datagram(network.now, from, &mut datagram.clone());
        answers(network, 0, from).len()
    };
    // The last question is asked at a moment that chance decides: wait for the next.
    let asked = network.questions.len();
    while network.questions.len() == asked {
        network.run(SECOND / 100);
    }
    let followed: usize = (1..=50).map(|number| challenge(&mut network, number)).sum();
    assert_eq!(followed, 4);
    let asked = network.questions.len();
    network.run(5 * SECOND);
    assert_eq!(network.questions.len(), asked, "alone for long it asks every 6 to 10 seconds");
    let followed: usize = (51..=100).map(|number| challenge(&mut network, number)).sum();
    assert_eq!(followed, 0, "too late");
}

#[test]
fn without_a_group_unasked_answers_are_ignored() {
    let mut network = Network::new(1, 0.0, seed(25));
    let salt = Salt::new(3, 5);
    let plain = gossiperl_overlay::Config { group: None, ..config(0) };
    network.hosts[0].overlay = Overlay::new(plain, salt, network.now, 0).unwrap();
    let datagram = sealed(9, KEY, Role::DaemonToDaemon, salt.receiver_id(), frame::CHALLENGE);
    network.hosts[0].overlay.handle_peer_datagram(network.now, somebody(), &mut datagram.clone());
    assert!(answers(&mut network, 0, somebody()).is_empty());
    network.run(60 * SECOND);
    assert!(network.questions.is_empty());
}

#[test]
fn clients_are_refused_at_the_daemons_port_and_heard_at_their_own() {
    let mut network = Network::new(1, 0.0, seed(26));
    let client: SocketAddr = "127.0.0.1:40000".parse().unwrap();
    let hello = sealed(60, KEY, Role::ClientToDaemon, 0, frame::CLIENT_HELLO);
    let before = network.stats(0).foreign;
    for datagram in [hello.clone(), legacy(b"whatever it is")] {
        network.hosts[0].overlay.handle_peer_datagram(network.now, client, &mut datagram.clone());
    }
    assert!(answers(&mut network, 0, client).is_empty());
    assert_eq!(network.stats(0).foreign, before + 2);
    network.hosts[0].overlay.handle_datagram(network.now, client, &mut hello.clone());
    assert_eq!(answers(&mut network, 0, client).len(), 1, "challenged");
    let elsewhere: SocketAddr = "10.0.0.7:40000".parse().unwrap();
    network.hosts[0].overlay.handle_datagram(network.now, elsewhere, &mut hello.clone());
    assert!(answers(&mut network, 0, elsewhere).is_empty(), "clients are local");
}
