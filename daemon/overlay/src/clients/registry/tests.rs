use super::*;

fn config() -> Config {
    let mut config = Config::new("o", "daemon", (std::net::Ipv4Addr::LOCALHOST.into(), 6666), b"key");
    config.limits.clients = 3;
    config
}

fn address(port: u16) -> SocketAddr {
    (std::net::Ipv4Addr::LOCALHOST, port).into()
}

fn at(seconds: u64) -> Time {
    Time::from_micros(seconds * 1_000_000)
}

fn changes(registry: &mut Registry) -> Vec<Change> {
    std::iter::from_fn(|| registry.poll_notice()).map(|notice| notice.change).collect()
}

/// Runs all deadlines up to `now` at their own times.
fn run_to(registry: &mut Registry, now: Time) {
    while let Some(next) = registry.poll_timeout().filter(|next| *next <= now) {
        registry.handle_timeout(next);
    }
}

#[test]
fn a_name_is_bound_to_the_secret_of_its_first_registration_until_it_leaves() {
    let mut registry = Registry::new(&config());
    let id = registry.register(at(0), b"a", b"s", Protocol::Legacy, address(1)).unwrap();
    assert_eq!(
        registry.register(at(1), b"a", b"other", Protocol::Legacy, address(2)),
        Err(code::WRONG_SECRET)
    );
    assert_eq!(registry.get(id).unwrap().address, address(1), "a refused registration moves nothing");
    assert_eq!(registry.register(at(2), b"a", b"s", Protocol::Legacy, address(3)), Ok(id));
    assert_eq!(registry.at(&address(3)), Some(id));
    assert_eq!(registry.at(&address(1)), None);
    registry.leave(id);
    let again = registry.register(at(3), b"a", b"other", Protocol::Legacy, address(4)).unwrap();
    assert_ne!(again, id);
    assert_eq!(changes(&mut registry), [Change::In, Change::Out, Change::In]);
}

#[test]
fn a_secret_listed_in_the_configuration_is_the_only_one_that_registers_the_name() {
    let mut config = config();
    config.client_secrets.push(("a".to_owned(), Zeroizing::new(b"listed".to_vec())));
    let mut registry = Registry::new(&config);
    assert_eq!(registry.register(at(0), b"a", b"s", Protocol::Sealed, address(1)), Err(code::WRONG_SECRET));
    assert!(registry.register(at(0), b"a", b"listed", Protocol::Sealed, address(1)).is_ok());
}

#[test]
fn more_clients_than_the_limit_are_refused() {
    let mut registry = Registry::new(&config());
    for port in 1..=3u16 {
        registry.register(at(0), &[port as u8], b"s", Protocol::Legacy, address(port)).unwrap();
    }
    assert_eq!(
        registry.register(at(0), b"x", b"s", Protocol::Legacy, address(9)),
        Err(code::TOO_MANY_CLIENTS)
    );
    assert!(
        registry.register(at(0), &[2], b"s", Protocol::Legacy, address(9)).is_ok(),
        "known ones still are heard"
    );
}

#[test]
fn a_silent_client_goes_through_quarantine_and_unreachable_and_is_dropped_and_forgotten() {
    let mut registry = Registry::new(&config());
    let id = registry.register(at(0), b"a", b"s", Protocol::Legacy, address(1)).unwrap();
    run_to(&mut registry, at(19));
    assert_eq!(registry.get(id).unwrap().state, State::Reachable);
    run_to(&mut registry, at(20));
    assert_eq!(registry.get(id).unwrap().state, State::Quarantine);
    run_to(&mut registry, at(30));
    assert_eq!(registry.get(id).unwrap().state, State::Unreachable);
    run_to(&mut registry, at(180));
    assert!(registry.get(id).is_none());
    let expected = [Change::In, Change::Quarantine, Change::Unreachable, Change::Drop, Change::Out];
    assert_eq!(changes(&mut registry), expected);
    assert_eq!(registry.poll_timeout(), None);
}

#[test]
fn a_client_heard_of_again_rejoins_and_its_silence_starts_anew() {
    let mut registry = Registry::new(&config());
    let id = registry.register(at(0), b"a", b"s", Protocol::Legacy, address(1)).unwrap();
    run_to(&mut registry, at(25));
    registry.heard_from(at(25), id);
    run_to(&mut registry, at(44));
    assert_eq!(registry.get(id).unwrap().state, State::Reachable);
    run_to(&mut registry, at(45));
    assert_eq!(registry.get(id).unwrap().state, State::Quarantine);
    assert_eq!(changes(&mut registry), [Change::In, Change::Quarantine, Change::Rejoin, Change::Quarantine]);
}

#[test]
fn a_closed_port_makes_its_client_unreachable_at_once() {
    let mut registry = Registry::new(&config());
    let id = registry.register(at(0), b"a", b"s", Protocol::Legacy, address(1)).unwrap();
    assert_eq!(registry.handle_unreachable(at(1), address(2)), None);
    assert_eq!(registry.handle_unreachable(at(1), address(1)), Some(id));
    assert_eq!(registry.handle_unreachable(at(1), address(1)), Some(id));
    registry.heard_from(at(2), id);
    assert_eq!(changes(&mut registry), [Change::In, Change::Unreachable, Change::Rejoin]);
}

#[test]
fn a_client_is_never_dropped_where_the_time_is_zero() {
    let mut config = config();
    config.drop_unreachable_after = Duration::ZERO;
    let mut registry = Registry::new(&config);
    let id = registry.register(at(0), b"a", b"s", Protocol::Legacy, address(1)).unwrap();
    run_to(&mut registry, at(100_000));
    assert_eq!(registry.get(id).unwrap().state, State::Unreachable);
}

#[test]
fn a_daemon_that_stood_still_gives_its_clients_time_before_it_gives_them_up() {
    let mut registry = Registry::new(&config());
    let id = registry.register(at(0), b"a", b"s", Protocol::Legacy, address(1)).unwrap();
    registry.handle_timeout(at(1_000));
    assert_eq!(registry.get(id).unwrap().state, State::Quarantine);
    registry.handle_timeout(at(1_009));
    assert_eq!(registry.get(id).unwrap().state, State::Quarantine);
    registry.heard_from(at(1_009), id);
    assert_eq!(changes(&mut registry), [Change::In, Change::Quarantine, Change::Rejoin]);
}

#[test]
fn a_name_in_the_other_protocol_is_a_new_client_and_the_old_one_leaves() {
    let mut registry = Registry::new(&config());
    let old = registry.register(at(0), b"a", b"s", Protocol::Legacy, address(1)).unwrap();
    assert_eq!(
        registry.register(at(1), b"a", b"other", Protocol::Sealed, address(2)),
        Err(code::WRONG_SECRET)
    );
    let new = registry.register(at(1), b"a", b"s", Protocol::Sealed, address(2)).unwrap();
    assert_ne!(old, new);
    assert!(registry.get(old).is_none());
    assert_eq!((registry.at(&address(1)), registry.at(&address(2))), (None, Some(new)));
    assert_eq!(changes(&mut registry), [Change::In, Change::Out, Change::In]);
}

#[test]
fn names_that_are_empty_too_long_or_the_daemons_own_are_refused() {
    let mut registry = Registry::new(&config());
    for name in [&b""[..], &[b'x'; 256], b"daemon"] {
        let refused = registry.register(at(0), name, b"s", Protocol::Legacy, address(1));
        assert_eq!(refused, Err(code::BAD_NAME));
    }
    assert!(registry.register(at(0), &[0xff; 255], b"s", Protocol::Legacy, address(1)).is_ok());
    assert_eq!(registry.iter().count(), 1);
}
