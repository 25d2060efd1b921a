//! From publishing to delivery: at 1,000 messages a second, at half of the budgeted rate, and at half of what gossiperl carries on the same machine just now.

use crate::{
    load::{Load, Received},
    run::{Run, Through, median},
    table,
};

const SIZE: usize = 200;
const SLOW: u64 = 1_000;
/// Half of the rate that gossiperl is meant to carry.
const HALF_OF_BUDGET: u64 = 375_000;
const SECONDS: u64 = 3;
/// Messages of the run that finds the full rate.
const PROBE: u64 = 1_000_000;

pub(crate) fn measure(rounds: u32) -> anyhow::Result<()> {
    table::begin(
        "Latency: one publisher, one subscriber, 200 B",
        &["load", "through", "p50", "p99", "most", "p99, lowest to highest round"],
    );
    rows("1,000/s", rounds, || Ok(SLOW))?;
    rows("375,000/s", rounds, || Ok(HALF_OF_BUDGET))?;
    rows("half of gossiperl's full rate", rounds, || {
        let load = Load { messages: PROBE, size: SIZE, rate: 0 };
        Ok((Run::of(Through::Gossiperl, load, 1)?.rate() / 2.0) as u64)
    })?;
    table::end();
    Ok(())
}

fn rows(load: &str, rounds: u32, rate: impl Fn() -> anyhow::Result<u64>) -> anyhow::Result<()> {
    let systems = [("relay", Through::Relay), ("gossiperl", Through::Gossiperl)];
    let mut received = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let rate = rate()?;
        for ((_, through), received) in systems.iter().zip(&mut received) {
            let run = Run::of(*through, Load { messages: rate * SECONDS, size: SIZE, rate }, 1)?;
            received.extend(run.latency().copied());
        }
    }
    for ((name, _), received) in systems.iter().zip(&received) {
        let middle = |quantile: fn(&Received) -> u64| {
            table::micros(median(received.iter().map(|received| quantile(received) as f64)))
        };
        let p99 = || received.iter().map(|received| received.p99);
        let spread = [p99().min(), p99().max()].map(|bound| table::micros(bound.unwrap_or(0) as f64));
        table::row(&[
            load.to_owned(),
            (*name).to_owned(),
            middle(|received| received.p50),
            middle(|received| received.p99),
            middle(|received| received.most),
            spread.join(" to "),
        ]);
    }
    Ok(())
}
