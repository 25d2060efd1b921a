//! Two links joined in virtual time by a network that loses, delays, duplicates and reorders datagrams.
//!
//! Everything follows from the seed. A failing test prints it; `GOSSIPERL_SEED=n` runs that one alone.
#![allow(clippy::expect_used)]

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use gossiperl_idl::{acknowledgement::Acknowledgement, frame, frame::Frames, run::read_run};
use gossiperl_link::{Acked, Link, LinkConfig, LinkError, Time, Verdict};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) const MS: Duration = Duration::from_millis(1);

/// What the path in one direction does to datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) delay: Duration,
    /// Up to so much more, each datagram its own: reorders.
    pub(crate) jitter: Duration,
    pub(crate) loss: f64,
    pub(crate) duplicates: f64,
    pub(crate) cut: bool,
    /// Bytes a second and longest queue in bytes; what does not fit is lost.
    pub(crate) rate: Option<(u64, u64)>,
}

pub(crate) const PERFECT: Path =
    Path { delay: MS, jitter: Duration::ZERO, loss: 0.0, duplicates: 0.0, cut: false, rate: None };

pub(crate) fn config() -> LinkConfig {
    LinkConfig {
        receive_window: 256 * 1024,
        ack_delay: MS,
        queue_cost: 1 << 20,
        queue_frames: 4096,
        datagram: 1_344,
        loopback: false,
    }
}

pub(crate) struct End {
    pub(crate) link: Link,
    pub(crate) config: LinkConfig,
    /// Frames taken over.
    pub(crate) taken: Vec<(u8, Vec<u8>)>,
    /// Asked before a frame is taken.
    pub(crate) verdict: Box<dyn FnMut(Time) -> Verdict>,
    pub(crate) acked: Acked,
    pub(crate) errors: Vec<LinkError>,
    pub(crate) datagrams: u64,
    pub(crate) bytes: u64,
    /// The path towards the other end.
    pub(crate) path: Path,
    free_at: Time,
}

impl End {
    fn new(config: LinkConfig, peer: LinkConfig, path: Path) -> Self {
        End {
            link: Link::new(config, peer.receive_window),
            config,
            taken: Vec::new(),
            verdict: Box::new(|_| Verdict::Taken),
            acked: Acked::default(),
            errors: Vec::new(),
            datagrams: 0,
            bytes: 0,
            path,
            free_at: Time::ZERO,
        }
    }

    pub(crate) fn handle_datagram(&mut self, now: Time, datagram: &[u8]) {
        for frame in Frames::new(datagram) {
            let (kind, body) = frame.expect("well-formed frames");
            match kind {
                frame::RUN => self.link.handle_run(read_run(body).expect("a run")),
                frame::ACKNOWLEDGEMENT => {
                    let acknowledgement = Acknowledgement::read(body).expect("an acknowledgement");
                    match self.link.handle_acknowledgement(now, &acknowledgement) {
                        Ok(acked) => {
                            self.acked.items += acked.items;
                            self.acked.messages += acked.messages;
                        }
                        Err(error) => self.errors.push(error),
                    }
                }
                kind => {
                    let (taken, verdict) = (&mut self.taken, &mut self.verdict);
                    let result = self.link.handle_numbered(now, kind, body, &mut |kind, body| {
                        let verdict = verdict(now);
                        if verdict == Verdict::Taken {
                            taken.push((kind, body.to_vec()));
                        }
                        verdict
                    });
                    self.errors.extend(result.err());
                }
            }
        }
    }
}

pub(crate) struct Pair {
    pub(crate) now: Time,
    pub(crate) ends: [End; 2],
    pub(crate) random: ChaCha8Rng,
    on_way: BTreeMap<(Time, u64), (usize, Vec<u8>)>,
    count: u64,
}

impl Pair {
    pub(crate) fn new(seed: u64, configs: [LinkConfig; 2], path: Path) -> Self {
        Pair {
            now: Time::from_micros(1_000_000),
            ends: [End::new(configs[0], configs[1], path), End::new(configs[1], configs[0], path)],
            random: ChaCha8Rng::seed_from_u64(seed),
            on_way: BTreeMap::new(),
            count: 0,
        }
    }

    /// Sends what both ends have to send now.
    pub(crate) fn transmit(&mut self) {
        for from in 0..2 {
            let mut rounds = 0;
            while self.ends[from].link.wants_transmit(self.now) {
                let mut out = vec![0; 40];
                let limit = 40 + self.ends[from].config.datagram;
                assert!(
                    self.ends[from].link.poll_transmit(self.now, &mut out, limit),
                    "wants to transmit and does not"
                );
                assert!(out.len() <= limit, "a datagram of {} bytes", out.len());
                self.put_on_way(from, out.split_off(40));
                rounds += 1;
                assert!(rounds < 100_000, "never stops transmitting");
            }
        }
        self.check();
    }

    fn put_on_way(&mut self, from: usize, datagram: Vec<u8>) {
        let end = &mut self.ends[from];
        end.datagrams += 1;
        end.bytes += datagram.len() as u64;
        let path = end.path;
        if path.cut || self.random.random_bool(path.loss) {
            return;
        }
        let mut leaves = self.now;
        if let Some((rate, queue)) = path.rate {
            let start = end.free_at.max(self.now);
            if start.since(self.now).as_micros() as u64 * rate / 1_000_000 > queue {
                return;
            }
            end.free_at = start + Duration::from_micros(datagram.len() as u64 * 1_000_000 / rate);
            leaves = end.free_at;
        }
        let copies = 1 + usize::from(self.random.random_bool(path.duplicates));
        for _ in 0..copies {
            let jitter = self.random.random_range(0..=path.jitter.as_micros() as u64);
            let arrives = leaves + path.delay + Duration::from_micros(jitter);
            self.count += 1;
            self.on_way.insert((arrives, self.count), (1 - from, datagram.clone()));
        }
    }

    /// Goes on to the next thing that happens, but not beyond `end`. False when nothing is left to happen.
    pub(crate) fn step(&mut self, end: Time) -> bool {
        self.transmit();
        let arrival = self.on_way.keys().next().map(|key| key.0);
        let timeouts = self.ends.iter().filter_map(|end| end.link.poll_timeout());
        let Some(next) = timeouts.chain(arrival).min() else { return false };
        if next > end {
            self.now = self.now.max(end);
            return false;
        }
        self.now = self.now.max(next);
        while let Some(entry) = self.on_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, datagram) = entry.remove();
            self.ends[to].handle_datagram(self.now, &datagram);
        }
        for end in &mut self.ends {
            end.link.handle_timeout(self.now);
        }
        self.check();
        true
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
        self.now = self.now.max(end);
    }

    /// Runs until the condition holds; panics if that takes an hour of virtual time.
    pub(crate) fn run_until(&mut self, what: &str, mut done: impl FnMut(&mut Pair) -> bool) {
        let end = self.now + Duration::from_secs(3600);
        while !done(self) {
            assert!(
                self.step(end),
                "nothing happens any more, and not {what}: {:#?}",
                self.ends[0].link.stats()
            );
        }
    }

    /// What must hold at any time.
    fn check(&self) {
        for end in &self.ends {
            let bound = (end.config.receive_window as usize).max(gossiperl_link::MAX_FRAME);
            assert!(end.link.kept_cost() <= bound, "keeps {} of {bound}", end.link.kept_cost());
            let reserve = 256 * 1024 + gossiperl_link::MAX_FRAME;
            assert!(end.link.queued_cost() <= end.config.queue_cost + reserve);
        }
    }

    /// Sends all frames from one end, as the queue takes them, and runs until all are acknowledged.
    pub(crate) fn transfer(&mut self, from: usize, frames: &[Bytes]) {
        let mut pending: VecDeque<Bytes> = frames.iter().cloned().collect();
        let total = self.ends[from].acked.items + pending.len() as u64;
        self.run_until("everything acknowledged", |pair| {
            let end = &mut pair.ends[from];
            while let Some(body) = pending.pop_front() {
                if let Err(full) = end.link.send(frame::MESSAGE, 0, body) {
                    pending.push_front(full.0);
                    break;
                }
            }
            end.acked.items == total
        });
    }
}

/// Frames whose bodies say which they are.
pub(crate) fn bodies(
    random: &mut ChaCha8Rng,
    count: usize,
    sizes: std::ops::RangeInclusive<usize>,
) -> Vec<Bytes> {
    (0..count)
        .map(|number| {
            let size = random.random_range(sizes.clone());
            let mut body: Vec<u8> = (number as u64).to_be_bytes().to_vec();
            body.resize(size.max(8), number as u8);
            if size > 8 {
                let middle = 8 + (size - 8) / 2;
                body[middle] ^= 0x5a;
            }
            Bytes::from(body)
        })
        .collect()
}

pub(crate) fn assert_taken(end: &End, frames: &[Bytes]) {
    assert_eq!(end.taken.len(), frames.len(), "frames taken over");
    for (index, ((_, taken), sent)) in end.taken.iter().zip(frames).enumerate() {
        assert!(taken[..] == sent[..], "frame {index} differs");
    }
}

/// Runs `test` with many seeds, or with the one of `GOSSIPERL_SEED`.
pub(crate) fn with_seeds(count: u64, test: impl Fn(u64)) {
    if let Some(seed) = std::env::var("GOSSIPERL_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return test(seed);
    }
    for seed in 0..count {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(seed)));
        if let Err(panic) = result {
            eprintln!("replay with GOSSIPERL_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
