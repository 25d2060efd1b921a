//! What a message costs in the link, from `send` at one end to its acknowledgement there, in nanoseconds.
//!
//! `cargo bench -p gossiperl-link`. Each figure is the least of several rounds. The baseline copies the same bytes into
//! datagrams in the same run, which is what no link can do without.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gossiperl_idl::{acknowledgement::Acknowledgement, frame, frame::Frames, run::read_run};
use gossiperl_link::{Link, LinkConfig, Time, Verdict};

const MESSAGES: usize = 200_000;
const ROUNDS: usize = 15;

fn main() {
    println!("{:>8} {:>9} | ns a message, least of {ROUNDS} rounds of {MESSAGES}", "body", "datagram");
    println!(
        "{:>8} {:>9} | {:>7} {:>9} {:>9} {:>13} {:>7} {:>9}",
        "bytes", "bytes", "send", "transmit", "receive", "acknowledged", "all", "baseline"
    );
    for (size, datagram) in [(16, 59_944), (200, 59_944), (200, 1_344), (4_096, 59_944)] {
        let rounds: Vec<[Duration; 4]> = (0..ROUNDS).map(|_| round(size, datagram)).collect();
        let per_message = |time: Duration| time.as_nanos() as f64 / MESSAGES as f64;
        let least =
            |part: usize| per_message(rounds.iter().map(|round| round[part]).min().unwrap_or_default());
        let all = per_message(rounds.iter().map(|round| round.iter().sum()).min().unwrap_or_default());
        let baseline = (0..ROUNDS).map(|_| copy(size, datagram)).min().unwrap_or_default();
        println!(
            "{size:>8} {datagram:>9} | {:>7.1} {:>9.1} {:>9.1} {:>13.1} {all:>7.1} {:>9.1}",
            least(0),
            least(1),
            least(2),
            least(3),
            per_message(baseline)
        );
    }
}

/// All messages through a link, in bursts as large as the window. Times of send, transmit, receive and acknowledgement.
fn round(size: usize, datagram: usize) -> [Duration; 4] {
    let config = LinkConfig {
        receive_window: 1 << 20,
        ack_delay: Duration::ZERO,
        queue_cost: 1 << 20,
        queue_frames: 1 << 14,
        datagram,
        loopback: true,
    };
    let mut ends = [Link::new(config, 1 << 20), Link::new(config, 1 << 20)];
    let body = Bytes::from(vec![7; size]);
    let limit = datagram + 40;
    let mut out = Vec::with_capacity(limit);
    let mut times = [Duration::ZERO; 4];
    let mut taken = 0;
    let mut now = Time::from_micros(1);
    while taken < MESSAGES {
        let start = Instant::now();
        while ends[0].send(frame::MESSAGE, 1, body.clone()).is_ok() {}
        times[0] += start.elapsed();
        while ends[0].wants_transmit(now) {
            let start = Instant::now();
            out.clear();
            out.resize(40, 0);
            ends[0].poll_transmit(now, &mut out, limit);
            times[1] += start.elapsed();
            let start = Instant::now();
            for (kind, body) in Frames::new(&out[40..]).flatten() {
                if kind == frame::RUN {
                    ends[1].handle_run(read_run(body).unwrap_or_default());
                } else if ends[1].handle_numbered(now, kind, body, &mut |_, body| {
                    taken += black_box(body).len() / size;
                    Verdict::Taken
                }) != Ok(())
                {
                    unreachable!("an honest peer");
                }
            }
            times[2] += start.elapsed();
            now = now + Duration::from_micros(20);
            let start = Instant::now();
            out.clear();
            out.resize(40, 0);
            ends[1].poll_transmit(now, &mut out, limit);
            for (kind, body) in Frames::new(&out[40..]).flatten() {
                if kind == frame::ACKNOWLEDGEMENT
                    && let Ok(acknowledgement) = Acknowledgement::read(body)
                {
                    black_box(ends[0].handle_acknowledgement(now, &acknowledgement).is_ok());
                }
            }
            times[3] += start.elapsed();
        }
    }
    times
}

/// The same bytes, a message at a time, copied into datagrams.
fn copy(size: usize, datagram: usize) -> Duration {
    let body = vec![7; size];
    let mut out = Vec::with_capacity(datagram);
    let start = Instant::now();
    let mut messages = 0;
    while messages < MESSAGES {
        out.clear();
        while out.len() + size <= datagram {
            out.extend_from_slice(black_box(&body));
            messages += 1;
        }
        black_box(&out);
    }
    start.elapsed() * MESSAGES as u32 / messages as u32
}
