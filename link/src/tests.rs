//! A peer that holds the key may send anything: it must not make us panic, keep more than we said, stop for ever, or
//! take what it did not get.

use std::time::Duration;

use bytes::Bytes;
use gossiperl_idl::{
    acknowledgement::{Acknowledgement, SmallRanges},
    fragment::Fragment,
    frame,
};
use proptest::prelude::*;

use super::*;

/// What a peer or the application does next.
#[derive(Clone, Debug)]
enum Step {
    Send { tag: u32, length: usize },
    SendControl { length: usize },
    DropUnsent(u32),
    ClearUnsent(u32),
    Transmit { limit: usize },
    Acknowledge { cumulative: i64, window: u32, delay_us: u32, ranges: Vec<(u64, u64)>, rewind: bool },
    Run(i64),
    Numbered { kind: u8, length: usize },
    Piece { kind: u8, total: u32, offset: u32, length: usize },
    HoldNext,
    Release,
    Wait(u64),
    SetDatagram(usize),
    Trim,
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..400usize, 1 => 0..MAX_FRAME + 2]
}

/// Relative to what would be honest, mostly near it.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![8 => -3..40i64, 1 => any::<i64>()]
}

fn step() -> impl Strategy<Value = Step> {
    let window = prop_oneof![Just(0), 1..2_000u32, 2_000..200_000u32, Just(u32::MAX)];
    let ranges = prop::collection::vec((0..12u64, 0..20u64), 0..6);
    prop_oneof![
        8 => (0..3u32, length()).prop_map(|(tag, length)| Step::Send { tag, length }),
        1 => length().prop_map(|length| Step::SendControl { length }),
        1 => (0..3u32).prop_map(Step::DropUnsent),
        1 => (0..3u32).prop_map(Step::ClearUnsent),
        8 => prop_oneof![Just(1_400), Just(60_000), 0..2_000usize].prop_map(|limit| Step::Transmit { limit }),
        8 => (number(), window, any::<u32>(), ranges, prop::bool::weighted(0.1)).prop_map(
            |(cumulative, window, delay_us, ranges, rewind)| Step::Acknowledge {
                cumulative, window, delay_us, ranges, rewind
            }
        ),
        6 => number().prop_map(Step::Run),
        6 => (prop_oneof![Just(frame::MESSAGE), any::<u8>()], length())
            .prop_map(|(kind, length)| Step::Numbered { kind, length }),
        6 => (64..67u8, prop_oneof![Just(600u32), 0..70_000u32], prop_oneof![0..4u32, any::<u32>()], 0..300usize)
            .prop_map(|(kind, total, offset, length)| Step::Piece { kind, total, offset, length }),
        1 => Just(Step::HoldNext),
        1 => Just(Step::Release),
        4 => (0..300_000u64).prop_map(Step::Wait),
        1 => (0..60_000usize).prop_map(Step::SetDatagram),
        1 => Just(Step::Trim),
    ]
}

/// A link among strangers, with what it has promised and taken.
struct Hostile {
    link: Link,
    config: LinkConfig,
    now: Time,
    accepted: u64,
    dropped: u64,
    acked: u64,
    received: u64,
    hold: bool,
}

impl Hostile {
    fn step(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Send { tag, length } => {
                let body = Bytes::from(vec![7; length]);
                match self.link.send(frame::MESSAGE, tag, body.clone()) {
                    Ok(()) => self.accepted += 1,
                    Err(full) => assert_eq!(full.0, body),
                }
            }
            Step::SendControl { length } => {
                let sent = self.link.send_control(frame::REPLY, Bytes::from(vec![7; length]));
                self.accepted += u64::from(sent.is_ok());
            }
            Step::DropUnsent(tag) => self.dropped += u64::from(self.link.drop_unsent(tag).is_some()),
            Step::ClearUnsent(tag) => self.dropped += self.link.clear_unsent(tag) as u64,
            Step::Transmit { limit } => {
                let mut out = Vec::new();
                let written = self.link.poll_transmit(now, &mut out, limit);
                assert_eq!(written, !out.is_empty());
            }
            Step::Acknowledge { cumulative, window, delay_us, ranges, rewind } => {
                let cumulative = self.link.sender.flight_cumulative().saturating_add_signed(cumulative);
                let mut acknowledgement =
                    Acknowledgement { cumulative, window, delay_us, ranges: SmallRanges::new(), rewind };
                let mut next = cumulative.saturating_add(2);
                for (gap, length) in ranges {
                    let start = next.saturating_add(gap);
                    acknowledgement.ranges.push(start..start.saturating_add(length));
                    next = start.saturating_add(length + 1);
                }
                if let Ok(acked) = self.link.handle_acknowledgement(now, &acknowledgement) {
                    self.acked += acked.items;
                }
            }
            Step::Run(first) => self.link.handle_run((self.received + 1).saturating_add_signed(first)),
            Step::Numbered { kind, length } => self.numbered(kind, &vec![7; length]),
            Step::Piece { kind, total, offset, length } => {
                let mut body = Vec::new();
                Fragment { kind, total, offset, part: &vec![7; length] }.write(&mut body);
                self.numbered(frame::FRAGMENT, &body);
            }
            Step::HoldNext => self.hold = true,
            Step::Release => self.link.release(now),
            Step::Wait(micros) => {
                self.now = now + Duration::from_micros(micros);
                self.link.handle_timeout(self.now);
            }
            Step::SetDatagram(datagram) => self.link.set_datagram(datagram),
            Step::Trim => self.link.trim(),
        }
        self.check();
    }

    fn numbered(&mut self, kind: u8, body: &[u8]) {
        let hold = &mut self.hold;
        let before = self.link.stats.received;
        // What is wrong is the peer's fault, whatever it is.
        let _ = self.link.handle_numbered(self.now, kind, body, &mut |kind, body| {
            assert!(frame::is_numbered(kind) && kind != frame::FRAGMENT && body.len() <= MAX_FRAME + 1);
            if std::mem::take(hold) { Verdict::Hold } else { Verdict::Taken }
        });
        self.received += self.link.stats.received - before;
    }

    fn check(&self) {
        self.link.sender.check(self.now);
        self.link.receiver.check();
        let bound = (self.config.receive_window as usize).max(MAX_FRAME);
        assert!(self.link.kept_cost() <= bound, "keeps {} of {bound}", self.link.kept_cost());
        assert_eq!(self.accepted - self.dropped - self.acked, self.link.queued_frames() as u64);
        assert!(self.link.queued_cost() <= self.config.queue_cost + 256 * 1024 + MAX_FRAME);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_peer_sends_the_link_stays_whole(
        receive_window in prop_oneof![1..2_000u32, Just(0), Just(u32::MAX), 2_000..1_000_000u32],
        queue_cost in 0..300_000usize,
        loopback: bool,
        steps in prop::collection::vec(step(), 1..250),
    ) {
        let config = LinkConfig {
            receive_window,
            ack_delay: Duration::from_millis(1),
            queue_cost,
            queue_frames: 200,
            datagram: 1_344,
            loopback,
        };
        let mut hostile = Hostile {
            link: Link::new(config, 20_000),
            config,
            now: Time::from_micros(1_000),
            accepted: 0,
            dropped: 0,
            acked: 0,
            received: 0,
            hold: false,
        };
        for step in steps {
            hostile.step(step);
        }
    }
}
