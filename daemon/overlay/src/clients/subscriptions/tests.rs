use super::*;
use crate::{
    Config,
    clients::{Protocol, Registry},
};
use gossiperl_link::Time;

fn clients() -> (ClientId, ClientId) {
    let local = std::net::Ipv4Addr::LOCALHOST;
    let mut registry = Registry::new(&Config::new("o", "daemon", (local.into(), 6666), b"key"));
    let mut register = |name: &[u8], port| {
        registry.register(Time::ZERO, name, b"s", Protocol::Legacy, (local, port).into()).unwrap()
    };
    (register(b"a", 1), register(b"b", 2))
}

fn of(subscriptions: &Subscriptions, client: ClientId) -> Vec<&[u8]> {
    subscriptions.of(client).collect()
}

#[test]
fn each_type_is_reported_once_however_often_it_is_asked_for() {
    let (a, b) = clients();
    let mut subscriptions = Subscriptions::new(10);
    assert_eq!(subscriptions.subscribe(a, &[b"x", b"y", b"x"]).unwrap().len(), 2);
    assert_eq!(subscriptions.subscribe(a, &[b"x", b"z"]).unwrap(), [Box::from(&b"z"[..])]);
    assert_eq!(subscriptions.subscribe(b, &[b"x"]).unwrap().len(), 1, "another client's is another one");
    assert_eq!(of(&subscriptions, a), [b"x", b"y", b"z"]);
    assert!(subscriptions.unsubscribe(a, b"x"));
    assert!(!subscriptions.unsubscribe(a, b"x"));
    assert_eq!(of(&subscriptions, b), [b"x"]);
    assert_eq!(subscriptions.forget(a).len(), 2);
    assert!(subscriptions.forget(a).is_empty());
}

#[test]
fn a_request_that_exceeds_the_limit_adds_nothing() {
    let (a, b) = clients();
    let mut subscriptions = Subscriptions::new(2);
    subscriptions.subscribe(a, &[b"x"]).unwrap();
    assert_eq!(subscriptions.subscribe(a, &[b"x", b"y", b"z"]), Err((code::TOO_MANY_SUBSCRIPTIONS, 2)));
    assert_eq!(of(&subscriptions, a), [b"x"]);
    assert!(
        subscriptions.subscribe(a, &[b"y", b"x", b"member_in"]).is_ok(),
        "known and reserved ones don't count"
    );
    assert!(subscriptions.subscribe(b, &[b"x", b"y"]).is_ok(), "each client has its own limit");
}

#[test]
fn an_event_type_has_1_to_255_bytes() {
    let (a, _) = clients();
    let mut subscriptions = Subscriptions::new(10);
    assert_eq!(subscriptions.subscribe(a, &[b"x", b""]), Err((code::BAD_TYPE, 1)));
    assert_eq!(subscriptions.subscribe(a, &[&[b'x'; 256]]), Err((code::BAD_TYPE, 0)));
    assert!(subscriptions.subscribe(a, &[&[0xff; 255]]).is_ok());
}

#[test]
fn reserved_types_are_kept_apart() {
    let (a, b) = clients();
    let mut subscriptions = Subscriptions::new(10);
    assert!(subscriptions.subscribe(a, &[b"member_in", b"member_out"]).unwrap().is_empty());
    subscriptions.subscribe(b, &[b"member_in"]).unwrap();
    assert_eq!(of(&subscriptions, a), [] as [&[u8]; 0]);
    assert_eq!(subscriptions.watchers(Change::In).collect::<Vec<_>>(), [a, b]);
    assert!(!subscriptions.unsubscribe(a, b"member_in"));
    assert!(subscriptions.forget(b).is_empty());
    assert_eq!(subscriptions.watchers(Change::In).count(), 0);
    assert_eq!(subscriptions.watchers(Change::Out).collect::<Vec<_>>(), [a]);
}
