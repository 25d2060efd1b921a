//! A ring that is kept: a change counts as done once the driver says that it is on the disk.

use gossiperl_idl::code;
use gossiperl_overlay::{Config, Event, KeyAnswer, KeyCommand, Overlay, RingChange, Time};

use crate::{
    common::{KEY, host},
    keys::world::{DONE, NEW, add, id, retire, use_key},
};

struct Daemon(Overlay);

impl Daemon {
    fn new() -> Self {
        let config = Config { keeps_ring: true, ..host::config() };
        Daemon(Overlay::new(config, gossiperl_idl::Salt::new(1, 2), Time::ZERO, 1_000).unwrap())
    }

    fn ask(&mut self, command: KeyCommand) -> Option<KeyAnswer> {
        self.0.change_keys(Time::ZERO, command);
        self.outcome()
    }

    fn outcome(&mut self) -> Option<KeyAnswer> {
        self.0.poll_key_outcome().map(|outcome| outcome.daemons[0].answer)
    }

    /// The version handed out, with this ring in it.
    fn ring(&mut self, keys: &[&[u8]]) -> u64 {
        let ring = self.0.poll_ring().expect("a ring to keep");
        assert_eq!(ring.keys.iter().map(|key| key.as_slice()).collect::<Vec<_>>(), keys);
        assert!(self.0.poll_ring().is_none(), "once");
        ring.version
    }
}

#[test]
fn a_change_is_done_once_it_is_kept() {
    let mut daemon = Daemon::new();
    assert_eq!(daemon.ask(add(NEW)), None);
    let version = daemon.ring(&[KEY, NEW]);
    assert_eq!(daemon.outcome(), None, "the disk is slow");
    daemon.0.handle_ring_kept(Time::ZERO, version, true);
    assert_eq!(daemon.outcome(), Some(DONE));
    assert_eq!(daemon.ask(add(NEW)), Some(KeyAnswer::Already), "nothing to be kept");
    assert!(daemon.0.poll_ring().is_none());
    assert_eq!(daemon.ask(use_key(NEW)), None);
    let version = daemon.ring(&[NEW, KEY]);
    daemon.0.handle_ring_kept(Time::ZERO, version, true);
    assert_eq!(daemon.outcome(), Some(DONE));
    assert_eq!(daemon.ask(retire(KEY)), None);
    let version = daemon.ring(&[NEW]);
    daemon.0.handle_ring_kept(Time::ZERO, version, true);
    assert_eq!(daemon.outcome(), Some(DONE));
    let told = |event| match event {
        Event::KeyRing { change, id, by, cut_off: 0 } => Some((change, id, by)),
        _ => None,
    };
    let events: Vec<_> = std::iter::from_fn(|| daemon.0.poll_event()).filter_map(told).collect();
    let by = || "daemon".to_owned();
    assert_eq!(
        events,
        [
            (RingChange::Added, id(NEW), by()),
            (RingChange::Used, id(NEW), by()),
            (RingChange::Retired, id(KEY), by())
        ]
    );
}

#[test]
fn a_change_that_cannot_be_kept_is_reported_so_and_kept_at_the_next_attempt() {
    let mut daemon = Daemon::new();
    daemon.ask(add(NEW));
    let version = daemon.ring(&[KEY, NEW]);
    daemon.0.handle_ring_kept(Time::ZERO, version, false);
    assert_eq!(daemon.outcome(), Some(KeyAnswer::Refused(code::KEYS_NOT_KEPT)));
    assert!(daemon.0.poll_ring().is_none(), "nobody hammers a disk that is full");
    assert_eq!(daemon.ask(add(NEW)), None, "it has the key, but not on its disk");
    let version = daemon.ring(&[KEY, NEW]);
    daemon.0.handle_ring_kept(Time::ZERO, version, true);
    assert_eq!(daemon.outcome(), Some(KeyAnswer::Already));
}

#[test]
fn a_change_during_a_write_waits_for_the_next_one() {
    let mut daemon = Daemon::new();
    daemon.ask(add(NEW));
    let first = daemon.ring(&[KEY, NEW]);
    let third: &[u8] = b"one more key of this overlay";
    daemon.ask(add(third));
    let second = daemon.ring(&[KEY, NEW, third]);
    daemon.0.handle_ring_kept(Time::ZERO, first, true);
    assert_eq!((daemon.outcome(), daemon.outcome()), (Some(DONE), None));
    daemon.0.handle_ring_kept(Time::ZERO, second, true);
    assert_eq!(daemon.outcome(), Some(DONE));
}

#[test]
fn a_list_waits_for_no_disk() {
    let mut daemon = Daemon::new();
    daemon.ask(add(NEW));
    assert_eq!(daemon.ask(KeyCommand::List), Some(KeyAnswer::Listed));
}
