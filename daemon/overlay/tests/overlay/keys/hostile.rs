//! Keys are the daemons' own business: clients, and whoever has the key but not the secret, change and learn nothing.

use gossiperl_idl::{
    Salt,
    codec::encode_compact,
    frame,
    generated::{KeyReport, KeyRequest, KeyStep, RingKey},
    sealed::KeyId,
};
use gossiperl_overlay::{Event, KeyAnswer, KeyCommand};

use crate::{
    common::{
        KEY,
        host::{Host, config},
        network::{Network, SECOND},
        rogue::{Rogue, SECRET},
    },
    keys::world::{NEW, World, add, id},
};

fn request(number: i64, step: KeyStep, key_id: Option<Vec<u8>>, key: Option<Vec<u8>>) -> Vec<u8> {
    let mut body = Vec::new();
    encode_compact(&KeyRequest::new(number, step, key_id, key), &mut body);
    body
}

/// Everything that can be asked, and more.
fn requests() -> Vec<Vec<u8>> {
    let new = || Some(id(NEW).0.to_vec());
    let old = || Some(id(KEY).0.to_vec());
    vec![
        request(1, KeyStep::LOOK, None, None),
        request(1, KeyStep::ADD, None, Some(NEW.to_vec())),
        request(1, KeyStep::HOLD, None, None),
        request(1, KeyStep::USE, new(), None),
        request(1, KeyStep::HOLD, None, None),
        request(1, KeyStep::RETIRE, old(), None),
        request(1, KeyStep::RELEASE, None, None),
    ]
}

fn ring(overlay: &mut gossiperl_overlay::Overlay, now: gossiperl_overlay::Time) -> Vec<KeyId> {
    overlay.change_keys(now, KeyCommand::List);
    let outcome = overlay.poll_key_outcome().unwrap();
    outcome.daemons[0].keys.iter().map(|key| key.id).collect()
}

fn changes(overlay: &mut gossiperl_overlay::Overlay) -> usize {
    std::iter::from_fn(|| overlay.poll_event()).filter(|event| matches!(event, Event::KeyRing { .. })).count()
}

#[test]
fn a_client_that_asks_changes_nothing_and_is_told_nothing() {
    let mut host = Host::connected(config(), &["client"]);
    for body in requests() {
        // Where a daemon's would stand, and where none belongs.
        host.clients[0].link.send_control(frame::KEY_REQUEST, body.clone().into()).unwrap();
        host.clients[0].frame(frame::KEY_REQUEST, &body);
        host.settle();
    }
    let key = RingKey::new(id(NEW).0.to_vec(), 0);
    for number in 0..10 {
        let report = KeyReport::new(number, KeyStep::LOOK, 0, true, vec![key.clone()], None);
        let mut body = Vec::new();
        encode_compact(&report, &mut body);
        host.clients[0].link.send_control(frame::KEY_REPORT, body.into()).unwrap();
    }
    host.run(SECOND);
    assert_eq!(host.clients[0].heard, [], "no answer");
    assert_eq!(host.clients[0].link.queued_frames(), 0, "and the link goes on");
    let now = host.now;
    assert_eq!((ring(&mut host.overlay, now), changes(&mut host.overlay)), (vec![id(KEY)], 0));
    // Nothing is held either.
    host.overlay.change_keys(now, add(NEW));
    host.overlay.poll_key_outcome().unwrap();
    host.overlay.change_keys(now, crate::keys::world::use_key(NEW));
    assert_eq!(host.overlay.poll_key_outcome().unwrap().refused, None);
}

/// What a daemon says on its link: numbered from `first`.
fn numbered(first: u64, frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_with(frame::RUN, &mut out, |out| gossiperl_idl::run::write_run(first, out));
    for (kind, body) in frames {
        frame::put(*kind, body, &mut out);
    }
    out
}

/// A network of two, and a daemon that says what it likes, with this secret.
fn with_rogue(key: &[u8], secret: &[u8]) -> (Network, Rogue) {
    let mut network = Network::new(2, 0.0, 1);
    network.run(10 * SECOND);
    let receiver = crate::common::network::salt(0, 1, 1).receiver_id();
    let mut rogue = Rogue::new(7, key, secret, receiver);
    let (now, from) = (network.now, rogue.address);
    let mut introduction = rogue.introduction();
    network.machines[0].overlay.handle_datagram(now, from, &mut introduction);
    network.run(SECOND / 10);
    (network, rogue)
}

#[test]
fn who_lacks_the_secret_or_is_no_member_cannot_ask() {
    for (key, secret) in [(KEY, b"another secret".as_slice()), (NEW, SECRET)] {
        let (mut network, mut rogue) = with_rogue(key, secret);
        for (at, body) in (1..).zip(requests()) {
            let mut datagram = rogue.seal(&numbered(at, &[(frame::KEY_REQUEST, body)]));
            let (now, from) = (network.now, rogue.address);
            network.machines[0].overlay.handle_datagram(now, from, &mut datagram);
            network.run(SECOND / 10);
        }
        let now = network.now;
        let overlay = &mut network.machines[1].overlay;
        assert_eq!(changes(overlay), 0);
        let overlay = &mut network.machines[0].overlay;
        assert_eq!(changes(overlay), 0);
        assert!(overlay.change_keys(now, KeyCommand::List) > 0);
        network.run(SECOND);
        let outcome = network.machines[0].overlay.poll_key_outcome().unwrap();
        assert_eq!(outcome.daemons.len(), 2);
        assert!(outcome.daemons.iter().all(|daemon| daemon.keys.len() == 1 && daemon.keys[0].id == id(KEY)));
    }
}

#[test]
fn malformed_requests_and_reports_of_a_daemon_are_counted_or_refused_and_change_nothing() {
    let (mut network, mut rogue) = with_rogue(KEY, SECRET);
    let salt = Salt::new(1, 1);
    let long = || Some(vec![7; 100]);
    let none = KeyReport::new(1, KeyStep::LOOK, 0, true, vec![], None);
    let many = vec![RingKey::new(id(NEW).0.to_vec(), -1); 4_096];
    let mut reports = vec![none, KeyReport::new(1, KeyStep(99), 7, true, many, -5)];
    reports.push(KeyReport::new(1, KeyStep::LOOK, 0, true, vec![RingKey::new(salt.0.to_vec(), 1)], None));
    let mut frames: Vec<(u8, Vec<u8>)> = vec![
        (frame::KEY_REQUEST, request(1, KeyStep::USE, None, None)),
        (frame::KEY_REQUEST, request(1, KeyStep::USE, long(), None)),
        (frame::KEY_REQUEST, request(1, KeyStep::ADD, None, None)),
        (frame::KEY_REQUEST, request(1, KeyStep::ADD, None, Some(vec![]))),
        (frame::KEY_REQUEST, request(1, KeyStep(99), long(), long())),
        // Nobody holds the ring for it.
        (frame::KEY_REQUEST, request(1, KeyStep::RETIRE, Some(id(KEY).0.to_vec()), None)),
        (frame::KEY_REQUEST, b"\x16".to_vec()),
        (frame::KEY_REPORT, b"\xff\xff\xff".to_vec()),
    ];
    for report in reports {
        let mut body = Vec::new();
        encode_compact(&report, &mut body);
        frames.push((frame::KEY_REPORT, body));
    }
    // A command is under way that its reports could be taken for.
    network.deaf.insert((0, 1));
    let now = network.now;
    network.machines[0].overlay.change_keys(now, KeyCommand::List);
    let malformed = network.machines[0].overlay.stats().malformed;
    for (at, frame) in (1..).zip(frames) {
        let mut datagram = rogue.seal(&numbered(at, &[frame]));
        let (now, from) = (network.now, rogue.address);
        network.machines[0].overlay.handle_datagram(now, from, &mut datagram);
        network.settle();
    }
    assert!(network.machines[0].overlay.stats().malformed >= malformed + 4);
    network.run(6 * SECOND);
    let outcome = network.machines[0].overlay.poll_key_outcome().unwrap();
    let rogue = outcome.daemons.iter().find(|daemon| daemon.name == rogue.name);
    assert!(rogue.is_none_or(|rogue| rogue.answer == KeyAnswer::Silent), "{rogue:?}");
    let ids: Vec<KeyId> = outcome.daemons[0].keys.iter().map(|key| key.id).collect();
    assert_eq!((ids, changes(&mut network.machines[0].overlay)), (vec![id(KEY)], 0));
}

#[test]
fn a_daemon_that_floods_with_requests_costs_bounded_memory() {
    let (mut network, mut rogue) = with_rogue(KEY, SECRET);
    for first in (1..20_000).step_by(20) {
        let look = (frame::KEY_REQUEST, request(1, KeyStep::LOOK, None, None));
        let mut datagram = rogue.seal(&numbered(first, &vec![look; 20]));
        let (now, from) = (network.now, rogue.address);
        network.machines[0].overlay.handle_datagram(now, from, &mut datagram);
        network.run(SECOND / 1_000);
    }
    network.check();
}

#[test]
fn an_older_daemon_that_knows_no_key_frames_is_reported_as_silent() {
    // This one acknowledges what comes and understands nothing of it, as a daemon does with frames that it does not know.
    let mut world = World::new(2, 0.0, 1);
    let (now, receiver) = (world.network.now, crate::common::network::salt(0, 1, 1).receiver_id());
    let mut old = Rogue::new(8, KEY, SECRET, receiver);
    let mut introduction = old.introduction();
    world.network.machines[0].overlay.handle_datagram(now, old.address, &mut introduction);
    let outcome = world.command(1, add(NEW));
    let silent = outcome.daemons.iter().filter(|daemon| daemon.answer == KeyAnswer::Silent);
    assert!(silent.count() <= 1 && outcome.daemons[0].answer != KeyAnswer::Silent);
    world.is_whole(1..2);
}
