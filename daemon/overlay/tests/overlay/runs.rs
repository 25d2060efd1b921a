//! Runs of another daemon that end, and what an overlay keeps of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{net::SocketAddr, time::Duration};

use crate::common::{
    KEY,
    network::{SECOND, overlay, salt, seed},
    rogue::{Rogue, SECRET},
};
use gossiperl_idl::{
    codec::encode_compact,
    frame,
    generated::{Liveness, MemberUpdate},
};
use gossiperl_overlay::{Overlay, Time};

/// Lets an overlay alone for so long, timer by timer.
fn pass(overlay: &mut Overlay, now: &mut Time, duration: Duration) {
    let (end, mut out) = (*now + duration, Vec::new());
    loop {
        while overlay.poll_transmit(*now, &mut out).is_some() {}
        let Some(next) = overlay.poll_timeout().filter(|next| *next <= end) else { break };
        *now = next.max(*now);
        overlay.handle_timeout(*now);
    }
    *now = end;
}

#[test]
fn a_run_that_speaks_after_it_has_left_and_is_dropped_keeps_no_endpoint_behind_its_next() {
    let seed = seed();
    let mut now = Time::ZERO;
    let (_, mut overlay) = overlay(0, 1, seed, now, 180);
    let receiver = salt(0, 1, seed).receiver_id();
    let mut rogue = Rogue::new(1, KEY, SECRET, receiver);
    let say = |overlay: &mut Overlay, now: Time, from: SocketAddr, mut datagram: Vec<u8>| {
        overlay.handle_datagram(now, from, &mut datagram);
        overlay.load().endpoints
    };
    let introduction = rogue.introduction();
    assert_eq!(say(&mut overlay, now, rogue.address, introduction), 1);
    let left = MemberUpdate::new(
        rogue.name.clone(),
        rogue.salt.0.to_vec(),
        2,
        Liveness::LEFT,
        vec![10, 9, 0, 1],
        6666,
        String::new(),
        None,
    );
    let mut frames = Vec::new();
    frame::put_with(frame::MEMBER_UPDATE, &mut frames, |out| encode_compact(&left, out));
    let leaving = rogue.seal(&frames);
    say(&mut overlay, now, rogue.address, leaving);
    pass(&mut overlay, &mut now, 200 * SECOND);
    assert_eq!((overlay.load().endpoints, overlay.load().members), (0, 2), "dropped, a tombstone still");
    let again = rogue.seal(&frames);
    assert_eq!(say(&mut overlay, now, rogue.address, again), 1, "its replay window");
    let mut next = Rogue { name: rogue.name.clone(), ..Rogue::new(2, KEY, SECRET, receiver) };
    let introduction = next.introduction();
    assert_eq!(say(&mut overlay, now, next.address, introduction), 1, "the next run's alone");
}
