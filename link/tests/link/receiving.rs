//! What the receiver says and when, and what the queue takes.

#![allow(clippy::expect_used)]

use bytes::Bytes;
use gossiperl_idl::{
    acknowledgement::Acknowledgement,
    frame::{self, Frames},
};
use gossiperl_link::{FRAME_COST, Link, LinkConfig, LinkError, MAX_FRAME, Time, Verdict};

use crate::pair::{MS, config};

const START: Time = Time::from_micros(1_000_000);

fn receiver(receive_window: u32) -> Link {
    Link::new(LinkConfig { receive_window, ack_delay: 2 * MS, ..config() }, 1 << 20)
}

fn receive(link: &mut Link, now: Time, number: u64, body: &[u8]) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    link.handle_run(number);
    link.handle_numbered(now, 64, body, &mut |_, body| {
        taken.push(body.to_vec());
        Verdict::Taken
    })
    .expect("honest");
    taken
}

fn acknowledgement(link: &mut Link, now: Time) -> Option<Acknowledgement> {
    let mut out = Vec::new();
    link.poll_transmit(now, &mut out, 1_344);
    let mut frames = Frames::new(&out).flatten();
    let (_, body) = frames.find(|(kind, _)| *kind == frame::ACKNOWLEDGEMENT)?;
    Some(Acknowledgement::read(body).expect("well-formed"))
}

#[test]
fn an_acknowledgement_waits_for_the_delay() {
    let mut link = receiver(10_000);
    receive(&mut link, START, 1, b"a");
    receive(&mut link, START + MS, 2, b"b");
    assert!(!link.ack_due(START + MS) && !link.wants_transmit(START + MS));
    assert_eq!(link.poll_timeout(), Some(START + 2 * MS));
    assert!(link.ack_due(START + 2 * MS));
    let sent = acknowledgement(&mut link, START + 2 * MS).expect("due");
    assert_eq!((sent.cumulative, sent.window, sent.delay_us), (2, 10_000, 1_000));
    assert!(link.poll_timeout().is_none() && link.is_idle());
}

#[test]
fn an_acknowledgement_is_due_at_once_when_a_quarter_of_the_window_is_used() {
    let mut link = receiver(1_000);
    receive(&mut link, START, 1, &[0; 100]);
    assert!(!link.ack_due(START));
    receive(&mut link, START, 2, &[0; 22]);
    assert!(link.ack_due(START));
}

#[test]
fn an_acknowledgement_is_due_at_once_when_a_frame_is_missing_came_twice_or_fills_a_gap() {
    let mut link = receiver(10_000);
    assert!(receive(&mut link, START, 2, b"b").is_empty());
    assert!(link.ack_due(START));
    let sent = acknowledgement(&mut link, START).expect("due");
    assert_eq!((sent.cumulative, sent.ranges.as_slice().first()), (0, Some(&(2..3))));

    assert!(receive(&mut link, START, 2, b"b").is_empty());
    assert!(acknowledgement(&mut link, START).is_some());

    assert_eq!(receive(&mut link, START, 1, b"a"), [b"a", b"b"]);
    let sent = acknowledgement(&mut link, START).expect("due");
    assert_eq!((sent.cumulative, sent.ranges.is_empty()), (2, true));

    assert!(receive(&mut link, START, 1, b"a").is_empty());
    assert!(acknowledgement(&mut link, START).is_some());
    assert_eq!(link.stats().duplicates, 2);
}

#[test]
fn an_acknowledgement_rides_on_frames_that_go_out_anyway() {
    let mut link = receiver(10_000);
    receive(&mut link, START, 1, b"a");
    assert!(acknowledgement(&mut link, START).is_none());
    link.send(64, 0, Bytes::from_static(b"b")).expect("room");
    assert!(acknowledgement(&mut link, START).is_some());
    assert!(!link.ack_due(START + 10 * MS));
}

#[test]
fn a_held_frame_and_all_behind_it_are_dropped_and_asked_for_again() {
    let mut link = receiver(10_000);
    receive(&mut link, START, 3, b"c");
    link.handle_run(1);
    for body in [b"a", b"b"] {
        link.handle_numbered(START, 64, body, &mut |_, _| Verdict::Hold).expect("honest");
    }
    assert!(link.is_holding() && link.kept_cost() == 0);
    let sent = acknowledgement(&mut link, START).expect("due");
    assert_eq!((sent.cumulative, sent.window, sent.rewind, sent.ranges.is_empty()), (0, 0, false, true));

    assert!(receive(&mut link, START, 1, b"a").is_empty());
    assert_eq!(acknowledgement(&mut link, START).map(|sent| sent.window), Some(0));
    link.release(START);
    let sent = acknowledgement(&mut link, START).expect("due");
    assert_eq!((sent.cumulative, sent.window, sent.rewind), (0, 10_000, true));
    assert_eq!(receive(&mut link, START, 1, b"a"), [b"a"]);
    link.release(START);
    assert!(!link.ack_due(START));
}

#[test]
fn what_is_kept_out_of_order_stays_within_the_window() {
    let mut link = receiver(1_000);
    for number in [2, 3, 4, 5, 6, 7, 8, 9, 17, 18, u64::MAX] {
        receive(&mut link, START, number, &[0; 100]);
    }
    assert_eq!(link.kept_cost(), 6 * 164);
    assert_eq!(link.stats().beyond_window, 5);
    assert_eq!(receive(&mut link, START, 1, &[0; 100]).len(), 7);
}

#[test]
fn numbered_frames_without_a_run_and_other_kinds_are_refused() {
    let mut link = receiver(1_000);
    let mut taken = |_: u8, _: &[u8]| -> Verdict { unreachable!("nothing is taken over") };
    assert_eq!(link.handle_numbered(START, 64, b"a", &mut taken), Err(LinkError::NoRun));
    link.handle_run(1);
    assert_eq!(link.handle_numbered(START, 18, b"a", &mut taken), Err(LinkError::NotNumbered(18)));
    assert!(link.is_idle());
}

#[test]
fn a_malformed_fragment_ends_its_frame_and_not_the_link() {
    let mut link = receiver(1_000);
    link.handle_run(1);
    let mut taken = 0;
    let mut sink = |_: u8, _: &[u8]| {
        taken += 1;
        Verdict::Taken
    };
    let result = link.handle_numbered(START, frame::FRAGMENT, b"nonsense", &mut sink);
    assert!(matches!(result, Err(LinkError::Fragment(_))));
    link.handle_numbered(START, 64, b"a", &mut sink).expect("goes on");
    assert_eq!(taken, 1);
    assert_eq!(acknowledgement(&mut link, START + 2 * MS).map(|sent| sent.cumulative), Some(2));
}

#[test]
fn the_queue_is_bounded_and_keeps_a_reserve_for_control_frames() {
    let queue_cost = 10 * (100 + FRAME_COST as usize);
    let mut link = Link::new(LinkConfig { queue_cost, ..config() }, 1 << 20);
    let body = Bytes::from(vec![0; 100]);
    for _ in 0..10 {
        link.send(64, 0, body.clone()).expect("room");
    }
    assert_eq!((link.room(), link.queued_cost(), link.queued_frames()), (0, queue_cost, 10));
    assert_eq!(link.send(64, 0, body.clone()).map_err(|full| full.0), Err(body.clone()));
    let mut control = 0;
    while link.send_control(69, body.clone()).is_ok() {
        control += 1;
    }
    assert_eq!(control, 256 * 1024 / 164);
    assert!(link.send(64, 0, Bytes::from(vec![0; MAX_FRAME + 1])).is_err());
}

#[test]
fn what_was_never_sent_can_be_dropped_by_its_tag() {
    let mut link = receiver(1_000);
    let frame = |text: &'static [u8]| Bytes::from_static(text);
    link.send(64, 1, frame(b"sent")).expect("room");
    assert!(link.poll_transmit(START, &mut Vec::new(), 1_344));
    for (tag, body) in [(1, frame(b"a")), (2, frame(b"b")), (1, frame(b"c")), (2, frame(b"d"))] {
        link.send(64, tag, body).expect("room");
    }
    link.send_control(69, frame(b"e")).expect("room");
    assert_eq!(link.drop_unsent(1), Some(frame(b"a")));
    assert_eq!(link.drop_unsent(3), None);
    assert_eq!(link.clear_unsent(2), 2);
    assert_eq!(link.drop_unsent(1), Some(frame(b"c")));
    assert_eq!(link.drop_unsent(1), None);
    assert_eq!(link.queued_frames(), 2);
    assert!(link.poll_transmit(START, &mut Vec::new(), 1_344));
    let all = Acknowledgement { cumulative: 2, window: 1_000, ..Acknowledgement::default() };
    let acked = link.handle_acknowledgement(START, &all).expect("honest");
    assert_eq!((acked.items, acked.messages, link.queued_cost()), (2, 1, 0));
}
