//! What the wire costs: encoding, sealing, opening and decoding, in nanoseconds, each beside a baseline.
//!
//! `cargo bench -p gossiperl-idl`. A figure is the median of many short batches; those of a row and of its baseline take
//! turns, so that whatever else the machine does falls on both. What a batch works on is prepared outside its time.
#![allow(clippy::expect_used)] // a benchmark may fail

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

use gossiperl_idl::acknowledgement::{Acknowledgement, SmallRanges};
use gossiperl_idl::codec::{decode_compact, encode_compact};
use gossiperl_idl::frame::{self, Frames};
use gossiperl_idl::legacy::LegacyKey;
use gossiperl_idl::message::Message;
use gossiperl_idl::sealed::{
    HEADER_LEN, KeyRing, OverlayKey, OverlaySecret, ReplayWindow, Role, Sealer, SenderKey,
};
use gossiperl_idl::{Salt, generated};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

const ROUNDS: usize = 101;
/// Bytes that a batch goes through at least: some microseconds, so that reading the clock does not count.
const BATCH_BYTES: usize = 1 << 18;
const KEY: [u8; 32] = [7; 32];
/// Payloads, or frames of a datagram.
const SIZES: [usize; 4] = [16, 200, 4_096, 60_000];

fn main() {
    println!("{:<44} {:>7} {:>10} {:>10} {:>6}  baseline", "", "bytes", "ns", "baseline", "ratio");
    for size in SIZES {
        message(size);
    }
    acknowledgement();
    for size in SIZES {
        sealing(size);
    }
    for size in SIZES {
        opening(size);
    }
    keys();
    for size in [200, 60_000] {
        legacy(size);
    }
    path();
}

/// Prints a row: `ours` and `baseline` run so often as they are told, and give the nanoseconds that took.
fn row(
    what: &str,
    bytes: usize,
    of: &str,
    mut ours: impl FnMut(usize) -> f64,
    mut baseline: impl FnMut(usize) -> f64,
) {
    let batch = (BATCH_BYTES / (bytes + 100)).max(1);
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(ours(batch) / batch as f64);
        times[1].push(baseline(batch) / batch as f64);
    }
    let [ours, baseline] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    println!("{what:<44} {bytes:>7} {ours:>10.1} {baseline:>10.1} {:>6.2}  {of}", ours / baseline);
}

/// Nanoseconds that `batch` runs of `run` take.
fn time<T>(batch: usize, mut run: impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..batch {
        black_box(run());
    }
    start.elapsed().as_nanos() as f64
}

/// Nanoseconds that `run` takes with each of `batch` copies of `original`; it says how long what it opened is.
fn time_copies(batch: usize, original: &[u8], mut run: impl FnMut(&mut [u8]) -> usize) -> f64 {
    let mut copies = vec![original.to_vec(); batch];
    let start = Instant::now();
    for copy in &mut copies {
        black_box(run(copy));
    }
    start.elapsed().as_nanos() as f64
}

fn message(size: usize) {
    let payload = vec![0x5a; size];
    let message = Message {
        event_type: b"temperature",
        payload: &payload,
        publisher: 0x0123_4567_89ab_cdef,
        sequence: 1_000_000,
        envelope_id: None,
        verbatim: false,
    };
    let generated = generated::Message::new(
        "temperature".to_owned(),
        payload.clone(),
        message.publisher,
        message.sequence,
        None,
        None,
    );
    let (mut out, mut reference) = (Vec::new(), Vec::new());
    let write = |batch| {
        time(batch, || {
            out.clear();
            black_box(&message).write(&mut out);
            black_box(&out);
        })
    };
    let generated_write = |batch| {
        time(batch, || {
            reference.clear();
            encode_compact(black_box(&generated), &mut reference);
            black_box(&reference);
        })
    };
    row("write a message", size, "generated code", write, generated_write);
    assert_eq!(out, reference);
    row(
        "read a message",
        size,
        "generated code",
        |batch| time(batch, || Message::read(black_box(&out))),
        |batch| time(batch, || decode_compact::<generated::Message>(black_box(&out))),
    );
}

fn acknowledgement() {
    let mut ranges = SmallRanges::new();
    assert!(ranges.push(1_000_010..1_000_020) && ranges.push(1_000_030..1_000_031));
    let acknowledgement =
        Acknowledgement { cumulative: 1_000_000, window: 1 << 20, delay_us: 800, ranges, rewind: false };
    let (mut out, mut reference) = (Vec::new(), Vec::new());
    acknowledgement.write(&mut out);
    let generated: generated::Acknowledgement = decode_compact(&out).expect("an acknowledgement");
    let length = out.len();
    row(
        "write an acknowledgement with two ranges",
        length,
        "generated code",
        |batch| {
            time(batch, || {
                out.clear();
                black_box(&acknowledgement).write(&mut out);
                black_box(&out);
            })
        },
        |batch| {
            time(batch, || {
                reference.clear();
                encode_compact(black_box(&generated), &mut reference);
                black_box(&reference);
            })
        },
    );
    row(
        "read an acknowledgement with two ranges",
        length,
        "generated code",
        |batch| time(batch, || Acknowledgement::read(black_box(&out))),
        |batch| {
            time(batch, || drop(black_box(decode_compact::<generated::Acknowledgement>(black_box(&out)))))
        },
    );
}

fn salt() -> Salt {
    Salt::new(1_700_000_000_000_000, 1)
}

fn sealer() -> Sealer {
    Sealer::new(
        &KeyRing::new(OverlayKey::new(&KEY)),
        Role::DaemonToDaemon,
        salt(),
        &OverlaySecret::new(b"secret"),
    )
}

fn opener() -> SenderKey {
    SenderKey::derive(&OverlayKey::new(&KEY), Role::DaemonToDaemon, &salt(), &OverlaySecret::new(b"secret"))
}

/// A key of ring alone.
fn raw() -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &KEY).expect("32 bytes"))
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn sealing(size: usize) {
    let frames = vec![0x5a; size];
    let (mut sealer, raw, mut counter) = (sealer(), raw(), 0);
    let mut out = Vec::with_capacity(size + 100);
    let mut raw_out = out.clone();
    row(
        "seal a datagram, copying its frames in",
        size,
        "ring alone, copying too",
        |batch| {
            time(batch, || {
                out.clear();
                let offset = sealer.start(&mut out);
                out.extend_from_slice(black_box(&frames));
                sealer.finish(1, &mut out, offset).expect("room");
            })
        },
        |batch| {
            time(batch, || {
                counter += 1;
                raw_out.clear();
                raw_out.extend_from_slice(&[0; HEADER_LEN]);
                raw_out.extend_from_slice(black_box(&frames));
                let (header, frames) = raw_out.split_at_mut(HEADER_LEN);
                let tag = raw.seal_in_place_separate_tag(nonce(counter), Aad::from(header), frames);
                raw_out.extend_from_slice(tag.expect("short enough").as_ref());
            })
        },
    );
}

fn opening(size: usize) {
    let (mut sealer, opener, raw) = (sealer(), opener(), raw());
    let mut sealed = Vec::new();
    let offset = sealer.start(&mut sealed);
    sealed.resize(HEADER_LEN + size, 0x5a);
    sealer.finish(1, &mut sealed, offset).expect("room");
    let mut raw_sealed = sealed[..HEADER_LEN + size].to_vec();
    let (header, frames) = raw_sealed.split_at_mut(HEADER_LEN);
    let tag = raw.seal_in_place_separate_tag(nonce(1), Aad::from(header), frames).expect("short enough");
    raw_sealed.extend_from_slice(tag.as_ref());
    row(
        "open a datagram",
        size,
        "ring alone",
        |batch| time_copies(batch, &sealed, |datagram| opener.open(datagram).expect("authentic").len()),
        |batch| {
            time_copies(batch, &raw_sealed, |datagram| {
                let (header, sealed) = datagram.split_at_mut(HEADER_LEN);
                raw.open_in_place(nonce(1), Aad::from(header), sealed).expect("authentic").len()
            })
        },
    );
}

fn keys() {
    let (key, secret, salt) = (OverlayKey::new(&KEY), OverlaySecret::new(b"secret"), salt());
    row(
        "derive and prepare a sender's key",
        0,
        "ring preparing a key",
        |batch| time(batch, || SenderKey::derive(&key, Role::DaemonToDaemon, &salt, &secret)),
        |batch| time(batch, raw),
    );
    let (mut window, mut counter, mut seen, mut newest) = (ReplayWindow::new(), 0, BTreeSet::new(), 0);
    row(
        "accept a counter in the replay window",
        0,
        "a sorted set of the newest 256",
        |batch| {
            time(batch, || {
                counter += 1;
                black_box(&mut window).accept(black_box(counter))
            })
        },
        |batch| {
            time(batch, || {
                newest += 1;
                if seen.len() >= 256 {
                    seen.pop_first();
                }
                seen.insert(black_box(newest))
            })
        },
    );
    println!("{:<44} {:>7}", "memory of a prepared sender key", size_of::<SenderKey>());
    println!("{:<44} {:>7}", "memory of a replay window", size_of::<ReplayWindow>());
}

/// Protocol 1 beside the sealed datagram of the same content.
fn legacy(size: usize) {
    let key = LegacyKey::new(&KEY);
    let envelope = vec![0x5a; size];
    let (mut sealer, opener) = (sealer(), opener());
    let mut out = Vec::new();
    let mut sealed = Vec::new();
    row(
        "protocol 1: seal",
        size,
        "sealed datagram",
        |batch| {
            time(batch, || {
                out.clear();
                key.seal([1; 16], black_box(&envelope), &mut out);
            })
        },
        |batch| {
            time(batch, || {
                sealed.clear();
                let offset = sealer.start(&mut sealed);
                sealed.extend_from_slice(black_box(&envelope));
                sealer.finish(1, &mut sealed, offset).expect("room");
            })
        },
    );
    row(
        "protocol 1: open",
        size,
        "sealed datagram",
        |batch| time_copies(batch, &out, |datagram| key.open(datagram).expect("blocks").len()),
        |batch| time_copies(batch, &sealed, |datagram| opener.open(datagram).expect("authentic").len()),
    );
}

/// Messages of 200 bytes from the writer through a full datagram to the reader, for each message.
fn path() {
    const MESSAGES: usize = 240;
    let payload = [0x5a; 200];
    let (mut sealer, opener, raw) = (sealer(), opener(), raw());
    let mut out = Vec::with_capacity(61_000);
    let mut body = Vec::new();
    let per_message = |nanoseconds: f64| nanoseconds / MESSAGES as f64;
    let ours = |batch| {
        per_message(time(batch, || {
            out.clear();
            let offset = sealer.start(&mut out);
            for sequence in 0..MESSAGES as i64 {
                let event_type = b"temperature";
                let (payload, publisher) = (&payload, 0x0123_4567_89ab_cdef);
                Message { event_type, payload, publisher, sequence, envelope_id: None, verbatim: false }
                    .put(&mut out);
            }
            sealer.finish(1, &mut out, offset).expect("room");
            let frames = Frames::new(opener.open(&mut out).expect("authentic")).flatten();
            let messages = frames.map(|(_, body)| Message::read(body).expect("a message"));
            assert_eq!(
                messages.map(|message| black_box(message).payload.len()).sum::<usize>(),
                MESSAGES * 200
            );
        }))
    };
    let mut reference = Vec::with_capacity(61_000);
    let mut message = generated::Message::new(
        "temperature".to_owned(),
        payload.to_vec(),
        0x0123_4567_89ab_cdef,
        0,
        None,
        None,
    );
    let mut counter = 0;
    let baseline = |batch| {
        per_message(time(batch, || {
            counter += 1;
            reference.clear();
            reference.extend_from_slice(&[0; HEADER_LEN]);
            for sequence in 0..MESSAGES as i64 {
                message.sequence = sequence;
                body.clear();
                encode_compact(&message, &mut body);
                frame::put(frame::MESSAGE, &body, &mut reference);
            }
            let (header, frames) = reference.split_at_mut(HEADER_LEN);
            let tag = raw.seal_in_place_separate_tag(nonce(counter), Aad::from(&*header), frames);
            reference.extend_from_slice(tag.expect("short enough").as_ref());
            let (header, sealed) = reference.split_at_mut(HEADER_LEN);
            let opened = raw.open_in_place(nonce(counter), Aad::from(header), sealed).expect("authentic");
            let messages = Frames::new(opened)
                .flatten()
                .map(|(_, body)| decode_compact::<generated::Message>(body).expect("a message"));
            assert_eq!(
                messages.map(|message| black_box(message).payload.len()).sum::<usize>(),
                MESSAGES * 200
            );
        }))
    };
    row("write, seal, open, read; a message of 240", 60_000, "generated code and ring", ours, baseline);
}
