//! Whatever comes in: no panic, no answer that is too long, nothing without a bound, nobody else's state changed.

use proptest::prelude::*;

use super::*;

const CLIENTS: usize = 4;
const SUBSCRIPTIONS: usize = 3;
const FRAMES: usize = 8;

fn bounded() -> Config {
    let mut config = config();
    config.limits.clients = CLIENTS;
    config.limits.subscriptions_per_client = SUBSCRIPTIONS;
    config.limits.queue_frames = FRAMES;
    config
}

/// Few different ones, so that they meet.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..6u8).prop_map(|number| vec![b'a' + number]),
        1 => Just(b"daemon".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..300),
    ]
}

fn event_type() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..6u8).prop_map(|number| vec![b't', number]),
        1 => Just(b"member_in".to_vec()),
        1 => Just(b"digestEvent".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..300),
    ]
}

fn secret() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![6 => Just(b"s".to_vec()), 1 => proptest::collection::vec(any::<u8>(), 0..300)]
}

#[derive(Clone, Debug)]
enum Input {
    Alive { name: Vec<u8>, port: i32, id: Vec<u8>, secret: Vec<u8> },
    Subscribe { name: Vec<u8>, types: Vec<Vec<u8>>, id: Vec<u8>, secret: Vec<u8> },
    Unsubscribe { name: Vec<u8>, types: Vec<Vec<u8>>, id: Vec<u8>, secret: Vec<u8> },
    Acknowledge { name: Vec<u8>, id: Vec<u8>, secret: Vec<u8> },
    Exit { name: Vec<u8>, secret: Vec<u8> },
    Publish { event_type: Vec<u8>, bin_payload: Vec<u8>, id: Vec<u8> },
    Raw { payload_type: usize, bytes: Vec<u8>, base64: bool },
    Closed,
    Pass(u64),
}

fn input() -> impl Strategy<Value = Input> {
    let port = prop_oneof![4 => 40_000..40_004i32, 1 => any::<i32>()];
    let types = || proptest::collection::vec(event_type(), 0..5);
    let bytes = |most| proptest::collection::vec(any::<u8>(), 0..most);
    prop_oneof![
        4 => (name(), port, name(), secret())
            .prop_map(|(name, port, id, secret)| Input::Alive { name, port, id, secret }),
        3 => (name(), types(), name(), secret())
            .prop_map(|(name, types, id, secret)| Input::Subscribe { name, types, id, secret }),
        1 => (name(), types(), name(), secret())
            .prop_map(|(name, types, id, secret)| Input::Unsubscribe { name, types, id, secret }),
        3 => (name(), name(), secret()).prop_map(|(name, id, secret)| Input::Acknowledge { name, id, secret }),
        1 => (name(), secret()).prop_map(|(name, secret)| Input::Exit { name, secret }),
        5 => (event_type(), bytes(50), name())
            .prop_map(|(event_type, bin_payload, id)| Input::Publish { event_type, bin_payload, id }),
        2 => (0..AnyDigest::PAYLOAD_TYPES.len(), bytes(200), any::<bool>())
            .prop_map(|(payload_type, bytes, base64)| Input::Raw { payload_type, bytes, base64 }),
        1 => Just(Input::Closed),
        1 => (0..30u64).prop_map(Input::Pass),
    ]
}

fn slices(types: &[Vec<u8>]) -> Vec<&[u8]> {
    types.iter().map(Vec::as_slice).collect()
}

/// Applies the input, and delivers what is published to all who subscribe to it, as an overlay would.
fn apply(daemon: &mut Daemon, from: SocketAddr, input: &Input) {
    let heartbeat = UNIX;
    match input {
        Input::Alive { name, port, id, secret } => {
            daemon.hear_from(from, &AnyDigest::Digest(Digest { name, port: *port, heartbeat, id, secret }));
        }
        Input::Subscribe { name, types, id, secret } => {
            let request = DigestSubscribe { name, heartbeat, id, event_types: slices(types), secret };
            daemon.hear_from(from, &AnyDigest::Subscribe(request));
        }
        Input::Unsubscribe { name, types, id, secret } => {
            let request = DigestUnsubscribe { name, heartbeat, id, event_types: slices(types), secret };
            daemon.hear_from(from, &AnyDigest::Unsubscribe(request));
        }
        Input::Acknowledge { name, id, secret } => {
            daemon
                .hear_from(from, &AnyDigest::ForwardedAck(DigestForwardedAck { name, reply_id: id, secret }));
        }
        Input::Exit { name, secret } => {
            daemon.hear_from(from, &AnyDigest::Exit(DigestExit { name, heartbeat, secret }));
        }
        Input::Publish { event_type, bin_payload, id } => {
            let envelope = Envelope { payload_type: event_type, bin_payload, id };
            let Some(publication) = daemon.hear_envelope(from, &envelope) else { return };
            let message = publication.message(1, 1);
            let subscribers: Vec<ClientId> = daemon
                .registry
                .iter()
                .map(|(client, _)| client)
                .filter(|client| daemon.legacy.subscriptions(*client).any(|held| held == event_type))
                .collect();
            if subscribers.iter().all(|client| daemon.legacy.has_room(*client, message.encoded_len())) {
                for client in subscribers {
                    assert!(daemon.deliver_message(client, &message));
                }
                daemon.legacy.accept(daemon.now, &publication);
            }
        }
        Input::Raw { payload_type, bytes, base64 } => {
            let payload_type = AnyDigest::PAYLOAD_TYPES[*payload_type].as_bytes();
            let mut encoded = Vec::new();
            envelope::put(payload_type, bytes, b"raw", &mut encoded);
            let whole = Envelope::read(&encoded).unwrap();
            let bin_payload = if *base64 { whole.bin_payload } else { bytes };
            daemon.hear_envelope(from, &Envelope { bin_payload, ..whole });
        }
        Input::Closed => {
            daemon.registry.handle_unreachable(daemon.now, local(40_000));
            daemon.follow();
        }
        Input::Pass(seconds) => {
            daemon.pass(*seconds);
        }
    }
}

fn check(daemon: &Daemon) {
    let legacy = &daemon.legacy;
    assert!(daemon.registry.iter().count() <= CLIENTS);
    assert!(legacy.subscribers.keys().all(|client| daemon.registry.get(*client).is_some()));
    assert!(legacy.dirty.len() <= CLIENTS);
    let set = |(at, client): &(Time, ClientId)| {
        legacy.subscribers.get(client).is_some_and(|held| held.timer == Some(*at))
    };
    assert!(legacy.timers.iter().all(set), "no timer outlives its purpose");
    for (client, held) in &legacy.subscribers {
        assert!(held.queue.len() <= FRAMES);
        assert!(legacy.subscriptions(*client).count() <= SUBSCRIPTIONS);
        let known = daemon.registry.get(*client).unwrap();
        assert_eq!((known.address, known.state), (held.to.address, held.state));
        let waits = held.queue.next_due().is_some() && held.state != State::Unreachable;
        assert!(!waits || held.dirty || held.timer <= held.queue.next_due(), "redelivery is never forgotten");
        assert!(held.timer.is_none_or(|at| legacy.timers.contains(&(at, *client))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_input_breaks_the_bounds(inputs in proptest::collection::vec((input(), 40_000..40_004u16), 0..200)) {
        let mut daemon = Daemon::new(&bounded());
        for (input, port) in &inputs {
            apply(&mut daemon, local(*port), input);
            daemon.sent();
            check(&daemon);
        }
        // Whatever happened, silence ends everything.
        daemon.pass(10_000);
        prop_assert_eq!(daemon.registry.iter().count(), 0);
        prop_assert!(daemon.legacy.subscribers.is_empty() && daemon.legacy.timers.is_empty());
        prop_assert_eq!((daemon.registry.poll_timeout(), daemon.legacy.poll_timeout()), (None, None));
    }

    #[test]
    fn without_its_secret_nobody_changes_anything_of_a_client(
        inputs in proptest::collection::vec(input(), 0..100),
    ) {
        let mut daemon = Daemon::new(&bounded());
        daemon.alive_with(39_000, "a", 39_000, "hidden");
        daemon.subscribe_with(39_000, "a", &["mine"], "hidden", "id");
        let client = daemon.registry.authenticate(b"a", b"hidden").unwrap();
        daemon.deliver(client, "mine", "a", b"p");
        for input in inputs.iter().filter(|input| !matches!(input, Input::Pass(_) | Input::Closed)) {
            apply(&mut daemon, local(40_000), input);
        }
        prop_assert_eq!(daemon.legacy.subscriptions(client).collect::<Vec<_>>(), [b"mine"]);
        prop_assert_eq!(daemon.legacy.queued(client).1, 1);
        prop_assert_eq!(daemon.registry.get(client).unwrap().address, local(39_000));
    }

    #[test]
    fn the_same_inputs_bring_the_same_outputs(
        inputs in proptest::collection::vec((input(), 40_000..40_004u16), 0..50),
    ) {
        let run = || {
            let mut daemon = Daemon::new(&bounded());
            let mut sent = Vec::new();
            for (input, port) in &inputs {
                apply(&mut daemon, local(*port), input);
                sent.extend(daemon.sent().into_iter().map(|sent| (sent.port, sent.id, sent.bin_payload)));
            }
            sent
        };
        prop_assert_eq!(run(), run());
    }
}

#[test]
fn a_flood_of_requests_makes_no_more_replies_than_wait_at_most() {
    let mut daemon = Daemon::new(&config());
    for number in 0..10_000u32 {
        daemon.subscribe_with(40_000, "nobody", &["t"], "s", &number.to_string());
    }
    let sent = daemon.sent().len();
    assert!(sent <= 4_096, "{sent}");
    assert_eq!(daemon.legacy.stats().withheld, 10_000 - sent as u64);
    daemon.alive(40_000, "a");
    assert_eq!(daemon.sent().len(), 1);
}
