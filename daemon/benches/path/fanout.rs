//! Deliveries a second from one publisher to fifty subscribers.

use crate::{
    load::Load,
    run::{Run, Through, median},
    table,
};

const SUBSCRIBERS: usize = 50;
const LOAD: Load = Load { messages: 100_000, size: 200, rate: 0 };

pub(crate) fn measure(rounds: u32) -> anyhow::Result<()> {
    table::begin(
        "Fan-out: one publisher, 50 subscribers in one process, 200 B",
        &["through", "deliveries", "of the relay", "CPU a delivery: server", "subscribers"],
    );
    let (mut relay, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        relay.push(Run::of(Through::Relay, LOAD, SUBSCRIBERS)?);
        ours.push(Run::of(Through::Gossiperl, LOAD, SUBSCRIBERS)?);
    }
    let rate = |runs: &[Run]| median(runs.iter().map(Run::rate));
    for (name, runs) in [("relay", &relay), ("gossiperl", &ours)] {
        let each = |used: fn(&Run) -> u64| {
            format!(
                "{:.2} µs",
                median(runs.iter().map(|run| used(run) as f64 / run.deliveries() as f64)) / 1e3
            )
        };
        table::row(&[
            name.to_owned(),
            format!("{}/s", table::count(rate(runs))),
            format!("{:.0} %", rate(runs) / rate(&relay) * 100.0),
            each(|run| run.server),
            each(|run| run.subscribers),
        ]);
    }
    table::end();
    Ok(())
}
