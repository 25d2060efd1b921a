//! What is sent again, and when.

#![allow(clippy::expect_used)]

use std::{ops::Range, time::Duration};

use bytes::Bytes;
use gossiperl_idl::acknowledgement::{Acknowledgement, SmallRanges};
use gossiperl_link::{Link, LinkConfig, LinkError, Time, Verdict};

use crate::pair::{MS, PERFECT, Pair, config};

const START: Time = Time::from_micros(1_000_000);
const NONE: Range<u64> = 0..0;

/// A link with frames of 1,000 bytes to send: one a datagram.
fn sender(frames: usize) -> Link {
    let mut link = Link::new(config(), 1 << 20);
    for _ in 0..frames {
        link.send(64, 0, Bytes::from(vec![0; 1_000])).expect("room");
    }
    link
}

/// How many datagrams it sends now.
fn transmit(link: &mut Link, now: Time) -> usize {
    let mut count = 0;
    while link.wants_transmit(now) {
        assert!(link.poll_transmit(now, &mut Vec::new(), 1_344));
        count += 1;
    }
    count
}

/// Everything up to `cumulative` is taken over, and the frames `kept` are there already.
fn acknowledgement(cumulative: u64, kept: Range<u64>) -> Acknowledgement {
    let mut ranges = SmallRanges::new();
    ranges.push(kept);
    Acknowledgement { cumulative, window: 1 << 20, ranges, ..Acknowledgement::default() }
}

#[test]
fn a_frame_passed_over_by_three_datagrams_is_sent_again_at_once() {
    let mut link = sender(5);
    assert_eq!(transmit(&mut link, START), 5);
    let now = START + 5 * MS;
    link.handle_acknowledgement(now, &acknowledgement(0, 2..4)).expect("honest");
    assert_eq!(transmit(&mut link, now), 0);
    link.handle_acknowledgement(now, &acknowledgement(0, 2..5)).expect("honest");
    assert_eq!(transmit(&mut link, now), 1);
    assert_eq!(link.stats().resent, 1);
}

#[test]
fn a_frame_passed_over_by_one_datagram_is_sent_again_when_that_is_an_eighth_of_a_round_trip_ago() {
    let mut link = sender(2);
    transmit(&mut link, START);
    link.handle_acknowledgement(START + 80 * MS, &acknowledgement(0, 2..3)).expect("honest");
    let again = link.poll_timeout().expect("a timeout");
    assert_eq!(again, START + 90 * MS);
    link.handle_timeout(again);
    assert_eq!(transmit(&mut link, again), 1);
    assert_eq!(link.stats().expiries, 0);
}

#[test]
fn a_lost_retransmission_is_noticed_by_what_was_sent_behind_it() {
    let mut link = sender(12);
    transmit(&mut link, START);
    let now = START + 20 * MS;
    link.handle_acknowledgement(now, &acknowledgement(0, 2..13)).expect("honest");
    assert_eq!(transmit(&mut link, now), 1);
    for _ in 0..3 {
        link.send(64, 0, Bytes::from(vec![0; 1_000])).expect("room");
    }
    assert_eq!(transmit(&mut link, now), 3);
    link.handle_acknowledgement(now + 20 * MS, &acknowledgement(0, 2..16)).expect("honest");
    assert_eq!(transmit(&mut link, now + 20 * MS), 1);
    assert_eq!((link.stats().resent, link.stats().expiries), (2, 0));
}

#[test]
fn after_the_timeout_two_datagrams_go_out_and_the_timeout_doubles() {
    let mut link = sender(10);
    transmit(&mut link, START);
    let first = link.poll_timeout().expect("a timeout");
    link.handle_timeout(first);
    assert_eq!(transmit(&mut link, first), 2);
    let second = link.poll_timeout().expect("a timeout");
    assert_eq!(second.since(first), 2 * first.since(START));
    link.handle_acknowledgement(first + MS, &acknowledgement(2, NONE)).expect("honest");
    assert_eq!(transmit(&mut link, first + MS), 8);
}

#[test]
fn a_late_acknowledgement_of_what_counted_as_lost_is_believed() {
    let mut link = sender(10);
    transmit(&mut link, START);
    let alarm = link.poll_timeout().expect("a timeout");
    link.handle_timeout(alarm);
    let acked = link.handle_acknowledgement(alarm, &acknowledgement(10, NONE)).expect("honest");
    assert_eq!((acked.items, transmit(&mut link, alarm)), (10, 0));
    assert!(link.is_idle() && link.poll_timeout().is_none());
}

#[test]
fn only_frames_sent_once_give_a_round_trip() {
    let mut link = sender(1);
    transmit(&mut link, START);
    let alarm = link.poll_timeout().expect("a timeout");
    link.handle_timeout(alarm);
    transmit(&mut link, alarm);
    let acked = link.handle_acknowledgement(alarm + MS, &acknowledgement(1, NONE)).expect("honest");
    assert_eq!((acked.items, acked.rtt), (1, None));

    link.send(64, 0, Bytes::from_static(b"once")).expect("room");
    transmit(&mut link, alarm + MS);
    let late = Acknowledgement { delay_us: 2_000, ..acknowledgement(2, NONE) };
    let acked = link.handle_acknowledgement(alarm + 8 * MS, &late).expect("honest");
    assert_eq!((acked.rtt, link.rtt()), (Some(5 * MS), 5 * MS));
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_changes_nothing() {
    let mut link = sender(3);
    transmit(&mut link, START);
    for wrong in [acknowledgement(4, NONE), acknowledgement(1, 3..5), acknowledgement(u64::MAX, NONE)] {
        let acknowledged = wrong.ranges.as_slice().last().map_or(wrong.cumulative, |range| range.end - 1);
        let error = link.handle_acknowledgement(START, &wrong);
        assert_eq!(error, Err(LinkError::AcknowledgedUnsent { acknowledged, sent: 3 }));
        assert_eq!(link.queued_frames(), 3);
    }
}

#[test]
fn a_peer_that_no_longer_has_what_it_said_it_kept_gets_it_again() {
    let mut link = sender(3);
    transmit(&mut link, START);
    link.handle_acknowledgement(START + MS, &acknowledgement(0, 2..4)).expect("honest");
    link.handle_acknowledgement(START + 2 * MS, &acknowledgement(1, NONE)).expect("it may do so");
    assert_eq!(transmit(&mut link, START + 2 * MS), 2);
}

#[test]
fn a_held_back_sender_repeats_its_first_frame_alone_at_least_each_second() {
    let mut link = sender(10);
    transmit(&mut link, START);
    let held = Acknowledgement { window: 0, ..acknowledgement(2, NONE) };
    link.handle_acknowledgement(START + MS, &held).expect("honest");
    assert!(link.is_held_back());
    let mut intervals = Vec::new();
    let mut now = START + MS;
    for _ in 0..12 {
        assert_eq!(transmit(&mut link, now), 0);
        let next = link.poll_timeout().expect("a timeout");
        intervals.push(next.since(now));
        now = next;
        link.handle_timeout(now);
        assert_eq!(transmit(&mut link, now), 1);
    }
    assert!(
        intervals.windows(2).all(|pair| pair[1] == (pair[0] * 2).min(Duration::from_secs(1))),
        "{intervals:?}"
    );
    assert_eq!(intervals.last(), Some(&Duration::from_secs(1)));
    // Reopened, everything behind what was taken over goes out again.
    link.handle_acknowledgement(now, &Acknowledgement { rewind: true, ..acknowledgement(3, NONE) })
        .expect("honest");
    assert_eq!(transmit(&mut link, now), 7);
}

#[test]
fn a_lost_reopening_stops_nobody() {
    let mut pair = Pair::new(1, [config(); 2], PERFECT);
    pair.ends[1].verdict = Box::new(|now| if now < START + 50 * MS { Verdict::Hold } else { Verdict::Taken });
    for _ in 0..100 {
        pair.ends[0].link.send(64, 0, Bytes::from(vec![0; 500])).expect("room");
    }
    pair.run_for(100 * MS);
    assert!(pair.ends[0].link.is_held_back() && pair.ends[1].taken.is_empty());
    let now = pair.now;
    pair.ends[1].path.cut = true;
    pair.ends[1].link.release(now);
    pair.transmit();
    pair.ends[1].path.cut = false;
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.ends[0].acked.items, 100);
    assert_eq!(pair.ends[1].taken.len(), 100);
}

#[test]
fn what_was_sent_in_larger_datagrams_goes_out_alone_when_they_shrink() {
    let mut link = Link::new(LinkConfig { datagram: 59_944, ..config() }, 1 << 20);
    link.send(64, 0, Bytes::from(vec![0; 20_000])).expect("room");
    link.send(64, 0, Bytes::from(vec![0; 20_000])).expect("room");
    assert_eq!(transmit_with(&mut link, START, 59_944), [40_000]);
    link.set_datagram(1_344);
    link.send(64, 0, Bytes::from(vec![0; 2_000])).expect("room");
    let alarm = link.poll_timeout().expect("a timeout");
    link.handle_timeout(alarm);
    assert_eq!(transmit_with(&mut link, alarm, 1_344), [20_000, 20_000]);
    link.handle_acknowledgement(alarm, &acknowledgement(2, NONE)).expect("honest");
    assert_eq!(transmit_with(&mut link, alarm, 1_344), [1_000, 0]);
}

/// Lengths of the datagrams it sends now, in thousands.
fn transmit_with(link: &mut Link, now: Time, limit: usize) -> Vec<usize> {
    let mut lengths = Vec::new();
    while link.wants_transmit(now) {
        let mut out = Vec::new();
        assert!(link.poll_transmit(now, &mut out, limit));
        lengths.push(out.len() / 1_000 * 1_000);
    }
    lengths
}

#[test]
fn a_silence_of_several_timeouts_costs_half_the_window_as_one_does() {
    let mut link = sender(900);
    let mut now = START;
    let round = |link: &mut Link, now: &mut Time| {
        transmit(link, *now);
        *now = *now + 20 * MS;
        link.handle_acknowledgement(*now, &acknowledgement(link.stats().sent, NONE)).expect("honest");
    };
    for _ in 0..2 {
        round(&mut link, &mut now);
    }
    let before = link.congestion_window();
    for _ in 0..4 {
        transmit(&mut link, now);
        now = link.poll_timeout().expect("a timeout");
        link.handle_timeout(now);
    }
    assert!(link.stats().expiries == 4 && link.congestion_window() <= before / 4);
    // The peer is heard again: slow start, until there is half of what there was.
    for _ in 0..5 {
        round(&mut link, &mut now);
    }
    assert!(link.congestion_window() >= before / 2, "{} of {before}", link.congestion_window());
}
