//! Messages a second from one publisher to one subscriber, acknowledged at both ends, and what each costs.

use crate::{
    load::Load,
    run::{Run, Through, median},
    table,
};

/// Payloads in bytes, and messages of each in a run.
const LOADS: [(usize, u64); 3] = [(16, 3_000_000), (200, 2_000_000), (4_096, 300_000)];

pub(crate) fn measure(rounds: u32) -> anyhow::Result<()> {
    table::begin(
        "Throughput: one publisher, one subscriber",
        &[
            "payload",
            "relay",
            "gossiperl",
            "of the relay",
            "CPU a message: relay",
            "gossiperld",
            "publisher",
            "subscriber",
        ],
    );
    for (size, messages) in LOADS {
        let load = Load { messages, size, rate: 0 };
        let (mut relay, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            relay.push(Run::of(Through::Relay, load, 1)?);
            ours.push(Run::of(Through::Gossiperl, load, 1)?);
        }
        let rate = |runs: &[Run]| median(runs.iter().map(Run::rate));
        let each = |runs: &[Run], used: fn(&Run) -> u64| {
            format!("{:.2} µs", median(runs.iter().map(|run| used(run) as f64 / messages as f64)) / 1e3)
        };
        table::row(&[
            format!("{size} B"),
            format!("{}/s", table::count(rate(&relay))),
            format!("{}/s", table::count(rate(&ours))),
            format!("{:.0} %", rate(&ours) / rate(&relay) * 100.0),
            each(&relay, |run| run.server),
            each(&ours, |run| run.server),
            each(&ours, |run| run.publisher),
            each(&ours, |run| run.subscribers),
        ]);
    }
    table::end();
    Ok(())
}
