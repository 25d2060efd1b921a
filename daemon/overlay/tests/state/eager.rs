//! The queue of changes that ride on gossip.

use gossiperl_idl::{
    codec::decode_compact,
    frame::{self, Frames},
    generated::StateUpdate,
};
use gossiperl_overlay::state::{
    eager::{Eager, PIECES},
    size::CHUNK,
};

use crate::support::{entry, salt, update};

fn sent(eager: &mut Eager, limit: usize, transmits: u32) -> Vec<StateUpdate> {
    let mut out = vec![0; 7];
    let frames = eager.fill(&mut out, limit, transmits);
    assert!(out.len() <= limit.max(7));
    let read: Vec<StateUpdate> = Frames::new(&out[7..])
        .map(|frame| {
            let (kind, body) = frame.unwrap();
            assert_eq!(kind, frame::STATE_UPDATE);
            decode_compact(body).unwrap()
        })
        .collect();
    assert_eq!(read.len(), frames);
    read
}

#[test]
fn a_change_is_sent_so_many_times_and_no_more() {
    let mut eager = Eager::default();
    let change = update(1, 0, 1, vec![entry(b"a", b"1", 1)]);
    eager.push(change.clone());
    for _ in 0..4 {
        assert_eq!(sent(&mut eager, 1_000, 4), std::slice::from_ref(&change));
    }
    assert!(eager.is_empty());
    assert!(sent(&mut eager, 1_000, 4).is_empty());
}

#[test]
fn what_was_sent_least_often_goes_first() {
    let mut eager = Eager::default();
    let (first, second) =
        (update(1, 0, 1, vec![entry(b"a", b"1", 1)]), update(2, 0, 1, vec![entry(b"a", b"1", 1)]));
    eager.push(first.clone());
    assert_eq!(sent(&mut eager, 60, 3), std::slice::from_ref(&first));
    eager.push(second.clone());
    assert_eq!(sent(&mut eager, 60, 3), std::slice::from_ref(&second));
    assert_eq!(sent(&mut eager, 1_000, 3), [first, second]);
}

#[test]
fn nothing_is_sent_where_nothing_fits() {
    let mut eager = Eager::default();
    eager.push(update(1, 0, 1, vec![entry(b"a", &[0; 100], 1)]));
    eager.push(update(2, 0, 1, vec![entry(b"a", b"1", 1)]));
    assert!(sent(&mut eager, 0, 1).is_empty());
    assert!(sent(&mut eager, 20, 1).is_empty());
    assert_eq!(sent(&mut eager, 80, 1).len(), 1, "the small one");
    assert_eq!(eager.len(), 1);
}

#[test]
fn changes_that_follow_one_another_go_in_one_frame_until_they_were_sent() {
    let mut eager = Eager::default();
    eager.push(update(1, 0, 1, vec![entry(b"a", b"1", 1)]));
    eager.push(update(1, 1, 2, vec![entry(b"b", b"2", 2)]));
    eager.push(update(1, 2, 3, vec![entry(b"a", b"3", 3)]));
    let joined = update(1, 0, 3, vec![entry(b"b", b"2", 2), entry(b"a", b"3", 3)]);
    assert_eq!(sent(&mut eager, 1_000, 9), std::slice::from_ref(&joined));
    let next = update(1, 3, 4, vec![entry(b"c", b"4", 4)]);
    eager.push(next.clone());
    assert_eq!(sent(&mut eager, 1_000, 9), [next, joined]);
}

#[test]
fn every_frame_fits_a_datagram() {
    let mut eager = Eager::default();
    for version in 1..200 {
        let value = vec![0; (version as usize * 37) % 4_096];
        eager.push(update(1, version - 1, version, vec![entry(&[7; 512], &value, version)]));
    }
    while !eager.is_empty() {
        assert!(!sent(&mut eager, CHUNK + 7, 1).is_empty());
    }
}

#[test]
fn the_queue_is_bounded_and_what_was_sent_most_gives_way() {
    let mut eager = Eager::default();
    let distinct = |owner| update(owner, 5, 6, vec![entry(b"a", b"1", 6)]);
    eager.push(distinct(0));
    assert_eq!(sent(&mut eager, 1_000, 9).len(), 1);
    for owner in 1..=PIECES as u64 + 10 {
        eager.push(distinct(owner));
    }
    assert_eq!((eager.len(), eager.dropped()), (PIECES, 11));
}

#[test]
fn nothing_is_spread_of_an_owner_that_is_gone() {
    let mut eager = Eager::default();
    eager.push(update(1, 0, 1, vec![entry(b"a", b"1", 1)]));
    eager.push(update(2, 0, 1, vec![entry(b"a", b"1", 1)]));
    eager.forget(&salt(1));
    assert_eq!(sent(&mut eager, 1_000, 1), [update(2, 0, 1, vec![entry(b"a", b"1", 1)])]);
}
