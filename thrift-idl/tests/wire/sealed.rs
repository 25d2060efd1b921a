//! Sealed datagrams: what is sealed opens, and nothing else does.
#![allow(clippy::unwrap_used)] // helpers of tests

use gossiperl_idl::Salt;
use gossiperl_idl::sealed::{
    HEADER_LEN, Header, KeyRing, KeyRingError, MAX_KEYS, OVERHEAD, OpenError, OverlayKey, OverlaySecret,
    REPLAY_WINDOW, ReplayWindow, Role, SealError, Sealer, SenderKey,
};

const ROLES: [Role; 3] = [Role::ClientToDaemon, Role::DaemonToClient, Role::DaemonToDaemon];
const FRAMES: &[u8] = b"\x06\x01\x00\x40\x03abc";

fn key() -> OverlayKey {
    OverlayKey::new(b"overlay key")
}

fn secret() -> OverlaySecret {
    OverlaySecret::new(b"overlay secret")
}

fn salt() -> Salt {
    Salt::new(1_700_000_000_000_000, 0x0102_0304_0506_0708)
}

fn sealer(role: Role) -> Sealer {
    Sealer::new(&KeyRing::new(key()), role, salt(), &secret())
}

fn seal(sealer: &mut Sealer, receiver: u64, frames: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let offset = sealer.start(&mut out);
    out.extend_from_slice(frames);
    sealer.finish(receiver, &mut out, offset).unwrap();
    out
}

#[test]
fn what_is_sealed_opens() {
    for role in ROLES {
        let opener = SenderKey::derive(&key(), role, &salt(), &secret());
        let mut sealer = sealer(role);
        for length in [0, 1, 15, 16, 17, 200, 1_344, 60_000] {
            let frames: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let mut datagram = seal(&mut sealer, 42, &frames);
            assert_eq!(datagram.len(), length + OVERHEAD);
            let header = Header::parse(&datagram).unwrap();
            assert_eq!((header.role, header.key_id, header.salt), (role, key().id(), salt()));
            assert_eq!((header.receiver, header.counter), (42, sealer.counter()));
            assert_eq!(opener.open(&mut datagram).unwrap(), frames);
        }
        assert_eq!(sealer.counter(), 8);
    }
}

#[test]
fn several_datagrams_stand_in_one_buffer() {
    let mut sealer = sealer(Role::DaemonToDaemon);
    let mut out = Vec::new();
    let mut offsets = Vec::new();
    for frames in [&b"one"[..], b"", b"three"] {
        let offset = sealer.start(&mut out);
        offsets.push(offset);
        out.extend_from_slice(frames);
        sealer.finish(1, &mut out, offset).unwrap();
    }
    offsets.push(out.len());
    let opener = SenderKey::derive(&key(), Role::DaemonToDaemon, &salt(), &secret());
    for (number, (range, frames)) in
        offsets.windows(2).zip([&b"one"[..], b"", b"three"]).enumerate().map(|(n, x)| (n as u64 + 1, x))
    {
        let datagram = &mut out[range[0]..range[1]];
        assert_eq!(Header::parse(datagram).unwrap().counter, number);
        assert_eq!(opener.open(datagram).unwrap(), frames);
    }
}

#[test]
fn every_change_of_a_byte_is_refused() {
    let opener = SenderKey::derive(&key(), Role::DaemonToDaemon, &salt(), &secret());
    let sealed = seal(&mut sealer(Role::DaemonToDaemon), 42, FRAMES);
    for index in 0..sealed.len() {
        for change in 1..=255 {
            let mut datagram = sealed.clone();
            datagram[index] ^= change;
            assert!(opener.open(&mut datagram).is_err(), "byte {index} changed by {change}");
        }
    }
}

#[test]
fn every_change_of_a_header_is_refused_by_who_goes_by_the_header() {
    let sealed = seal(&mut sealer(Role::DaemonToDaemon), 42, FRAMES);
    for index in 0..HEADER_LEN {
        for change in 1..=255 {
            let mut datagram = sealed.clone();
            datagram[index] ^= change;
            match Header::parse(&datagram) {
                None => assert!(index < 4, "byte {index} changed by {change}"),
                Some(header) if header.key_id != key().id() => {
                    assert!((4..8).contains(&index), "byte {index} changed by {change}");
                }
                Some(header) => {
                    let opener = SenderKey::derive(&key(), header.role, &header.salt, &secret());
                    let opened = opener.open(&mut datagram);
                    assert_eq!(opened, Err(OpenError::Forged), "byte {index} changed by {change}");
                }
            }
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let opener = SenderKey::derive(&key(), Role::ClientToDaemon, &salt(), &secret());
    let sealed = seal(&mut sealer(Role::ClientToDaemon), 42, FRAMES);
    for end in 0..sealed.len() {
        assert!(opener.open(&mut sealed[..end].to_vec()).is_err(), "cut at {end}");
        assert_eq!(Header::parse(&sealed[..end]).is_some(), end >= OVERHEAD);
    }
    let mut longer = sealed.clone();
    longer.push(0);
    assert_eq!(opener.open(&mut longer), Err(OpenError::Forged));
}

#[test]
fn an_empty_datagram_of_a_header_alone_is_refused() {
    let opener = SenderKey::derive(&key(), Role::ClientToDaemon, &salt(), &secret());
    assert_eq!(opener.open(&mut []), Err(OpenError::OtherSender));
    let sealed = seal(&mut sealer(Role::ClientToDaemon), 42, b"");
    assert!(opener.open(&mut sealed[..HEADER_LEN].to_vec()).is_err());
    assert_eq!(opener.open(&mut sealed.clone()).unwrap(), b"");
}

/// Puts the header's sender part of what `opener` expects before what was sealed otherwise, so that only the cipher can tell.
fn disguised(opener: &SenderKey, sealed: &[u8]) -> Vec<u8> {
    let header = Header::parse(sealed).unwrap();
    let header = Header { role: opener.role(), key_id: opener.key_id(), salt: opener.salt(), ..header };
    [&header.to_bytes(), &sealed[HEADER_LEN..]].concat()
}

#[test]
fn another_key_salt_role_or_secret_does_not_open() {
    let sealed = seal(&mut sealer(Role::DaemonToDaemon), 42, FRAMES);
    let other_key = OverlayKey::new(b"overlay kez");
    let other_salt = Salt::new(1_700_000_000_000_000, 0x0102_0304_0506_0709);
    let other_secret = OverlaySecret::new(b"overlay secreu");
    for (name, opener, error) in [
        (
            "key",
            SenderKey::derive(&other_key, Role::DaemonToDaemon, &salt(), &secret()),
            OpenError::OtherSender,
        ),
        (
            "salt",
            SenderKey::derive(&key(), Role::DaemonToDaemon, &other_salt, &secret()),
            OpenError::OtherSender,
        ),
        ("role", SenderKey::derive(&key(), Role::DaemonToClient, &salt(), &secret()), OpenError::OtherSender),
        (
            "secret",
            SenderKey::derive(&key(), Role::DaemonToDaemon, &salt(), &other_secret),
            OpenError::Forged,
        ),
        (
            "no secret",
            SenderKey::derive(&key(), Role::DaemonToDaemon, &salt(), &OverlaySecret::none()),
            OpenError::Forged,
        ),
    ] {
        let mut datagram = sealed.clone();
        assert_eq!(opener.open(&mut datagram), Err(error), "{name}");
        assert_eq!(opener.open(&mut disguised(&opener, &sealed)), Err(OpenError::Forged), "{name}");
        if error == OpenError::OtherSender {
            assert_eq!(datagram, sealed, "{name}: unchanged");
        }
    }
}

#[test]
fn roles_of_clients_need_no_secret() {
    for role in [Role::ClientToDaemon, Role::DaemonToClient] {
        let opener = SenderKey::derive(&key(), role, &salt(), &OverlaySecret::none());
        assert_eq!(opener.open(&mut seal(&mut sealer(role), 42, FRAMES)).unwrap(), FRAMES);
    }
}

#[test]
fn other_beginnings_are_not_sealed_datagrams() {
    let sealed = seal(&mut sealer(Role::ClientToDaemon), 42, FRAMES);
    for (index, byte) in [(0, 0x46), (1, 0x51), (2, 1), (2, 3), (3, 0), (3, 4), (3, 255)] {
        let mut other = sealed.clone();
        other[index] = byte;
        assert_eq!(Header::parse(&other), None, "byte {index} as {byte}");
    }
    assert_eq!(Header::parse(&[]), None);
}

#[test]
fn nothing_is_sealed_where_nothing_was_started() {
    let mut sealer = sealer(Role::ClientToDaemon);
    let mut out = vec![0; HEADER_LEN - 1];
    for offset in [0, 1, HEADER_LEN, usize::MAX] {
        assert_eq!(sealer.finish(1, &mut out, offset), Err(SealError::NotStarted));
    }
    assert_eq!((out, sealer.counter()), (vec![0; HEADER_LEN - 1], 0));
}

#[test]
fn a_key_change_loses_no_datagram() {
    let (old, new) = (key(), OverlayKey::new(b"next key"));
    let mut ring = KeyRing::new(old.clone());
    let mut sealer = Sealer::new(&ring, Role::DaemonToDaemon, salt(), &secret());
    let open_by = |ring: &KeyRing, sealer: &mut Sealer| {
        let mut datagram = seal(sealer, 1, FRAMES);
        let header = Header::parse(&datagram).unwrap();
        let key = ring.find(header.key_id)?;
        let opener = SenderKey::derive(key, header.role, &header.salt, &secret());
        assert_eq!(opener.open(&mut datagram).unwrap(), FRAMES);
        Some((header.key_id, header.counter))
    };
    assert_eq!(open_by(&ring, &mut sealer), Some((old.id(), 1)));
    ring.add(new.clone()).unwrap();
    sealer.rekey(&ring);
    assert_eq!(open_by(&ring, &mut sealer), Some((old.id(), 2)));
    ring.promote(new.id()).unwrap();
    assert_eq!(open_by(&ring, &mut sealer), Some((old.id(), 3)), "sealed before the change, still opens");
    let mut late = Sealer::new(&KeyRing::new(old.clone()), Role::DaemonToDaemon, salt(), &secret());
    sealer.rekey(&ring);
    assert_eq!(open_by(&ring, &mut sealer), Some((new.id(), 4)));
    ring.retire(old.id()).unwrap();
    assert_eq!(open_by(&ring, &mut late), None, "the retired key's datagrams open no more");
    assert_eq!(open_by(&ring, &mut sealer), Some((new.id(), 5)));
}

#[test]
fn a_ring_refuses_what_it_can_not_do() {
    let (first, second) = (key(), OverlayKey::new(b"second"));
    let mut ring = KeyRing::new(first.clone());
    assert_eq!(ring.retire(first.id()), Err(KeyRingError::Sealing(first.id())));
    assert_eq!(ring.retire(second.id()), Err(KeyRingError::Unknown(second.id())));
    assert_eq!(ring.promote(second.id()), Err(KeyRingError::Unknown(second.id())));
    assert_eq!(ring.add(first.clone()), Ok(()));
    assert_eq!(ring.ids().count(), 1);
    for number in 1..MAX_KEYS {
        assert_eq!(ring.add(OverlayKey::new(&[number as u8])), Ok(()));
    }
    assert_eq!(ring.add(second), Err(KeyRingError::Full));
    assert_eq!(ring.add(OverlayKey::new(&[1])), Ok(()));
    assert_eq!((ring.ids().count(), ring.sealing().id()), (MAX_KEYS, first.id()));
    ring.promote(OverlayKey::new(&[3]).id()).unwrap();
    assert_eq!(ring.sealing().id(), OverlayKey::new(&[3]).id());
    assert!(ring.find(first.id()).is_some());
}

#[test]
fn secrets_do_not_show_in_debug() {
    let ring = KeyRing::new(key());
    let sealer = sealer(Role::DaemonToDaemon);
    let opener = SenderKey::derive(&key(), Role::DaemonToDaemon, &salt(), &secret());
    let shown = format!("{ring:?} {sealer:?} {opener:?} {:?}", secret());
    let id = key().id();
    let sender = format!("SenderKey(DaemonToDaemon, {id}, {:?})", salt());
    assert_eq!(
        shown,
        format!(
            "KeyRing {{ keys: [OverlayKey({id})] }} Sealer {{ key: {sender}, counter: 0 }} {sender} OverlaySecret"
        )
    );
}

#[test]
fn replays_are_refused() {
    let mut window = ReplayWindow::new();
    for counter in [1, 3, 2, 200, 199, 256] {
        assert!(!window.contains(counter), "{counter}");
        assert!(window.accept(counter), "{counter}");
        assert!(window.contains(counter), "{counter}");
        assert!(!window.accept(counter), "{counter} again");
    }
    assert_eq!(window.newest(), 256);
}

#[test]
fn counters_below_the_window_are_refused() {
    let mut window = ReplayWindow::new();
    let newest = 1_000;
    assert!(window.accept(newest));
    assert!(window.accept(newest + 1 - REPLAY_WINDOW));
    assert!(!window.accept(newest - REPLAY_WINDOW));
    assert!(!window.accept(1));
    assert!(window.contains(0));
}

#[test]
fn counters_far_apart_move_the_window() {
    for jump in [127, 128, 129, 255, 256, 257, 1 << 20, u64::MAX - 1] {
        let mut window = ReplayWindow::new();
        assert!(window.accept(1));
        assert!(window.accept(1 + jump));
        assert!(!window.accept(1), "jump {jump}");
        assert_eq!(window.accept(2), jump > 1 && jump < REPLAY_WINDOW + 1, "jump {jump}");
        assert!(window.accept(jump), "jump {jump}");
    }
}

#[test]
fn a_window_that_moves_by_any_number_remembers_what_it_still_covers() {
    for by in 0..=REPLAY_WINDOW + 1 {
        let mut window = ReplayWindow::new();
        let seen: Vec<u64> = (1_000..1_000 + REPLAY_WINDOW).filter(|counter| counter % 3 != 1).collect();
        assert!(seen.iter().all(|counter| window.accept(*counter)));
        let newest = window.newest() + by;
        window.accept(newest);
        for counter in 990..newest {
            let covered = counter + REPLAY_WINDOW > newest;
            assert_eq!(window.contains(counter), !covered || seen.contains(&counter), "{counter} after {by}");
        }
    }
}
