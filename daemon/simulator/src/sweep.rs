//! Many seeds of one scenario, on all cores: each run has one thread to itself.

use std::{
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{
    measure::{Figures, Samples},
    report::Report,
    scenario::Scenario,
    world::World,
};

/// Runs these seeds, telling `done` of each as it ends; the reports in the order of the seeds.
pub fn sweep(scenario: &Scenario, seeds: Range<u64>, done: impl Fn(&Report) + Sync) -> Vec<Report> {
    let next = AtomicU64::new(seeds.start);
    let reports = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let report = World::new(scenario.clone(), seed).run(|_| ());
                    done(&report);
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|report: &Report| report.seed);
    reports
}

/// The median over all runs of each figure.
pub fn medians(reports: &[Report]) -> Figures {
    let mut samples: std::collections::BTreeMap<&str, Samples> = std::collections::BTreeMap::new();
    for report in reports {
        for (name, value) in &report.figures {
            samples.entry(name).or_default().push(*value);
        }
    }
    samples
        .into_iter()
        .filter_map(|(name, samples)| Some((name.to_owned(), samples.quantile(0.5)?)))
        .collect()
}
