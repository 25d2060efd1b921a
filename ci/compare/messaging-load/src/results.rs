//! Everything that a run has measured, and on what.

use std::{fmt, fs, path::Path, process::Command, thread};

use serde::Serialize;

use crate::{
    case::{Case, Lengths, PAYLOAD},
    measure::{Idle, Measurement},
    system::System,
};

/// A run's results.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: String,
    /// Each system's server, as it names itself.
    pub(crate) versions: Vec<(System, String)>,
    pub(crate) rounds: usize,
    pub(crate) lengths: Lengths,
    pub(crate) measurements: Vec<Measurement>,
    pub(crate) idle: Vec<Idle>,
    /// What could not be measured, and why.
    pub(crate) failures: Vec<String>,
}

impl Results {
    pub(crate) fn new(systems: &[System], rounds: usize, lengths: Lengths, gossiperld: &Path) -> Self {
        Results {
            machine: machine(),
            versions: systems.iter().map(|&system| (system, version(system, gossiperld))).collect(),
            rounds,
            lengths,
            measurements: Vec::new(),
            idle: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Keeps a result, or tells why there is none and goes on without.
    pub(crate) fn add<T: fmt::Debug>(
        &mut self,
        system: System,
        round: usize,
        what: &str,
        result: anyhow::Result<T>,
        kept: impl Fn(&mut Self) -> &mut Vec<T>,
    ) {
        match result {
            Ok(result) => kept(self).push(result),
            Err(error) => {
                let failure = format!("round {round}, {what}, {}: {error:#}", system.title());
                eprintln!("{failure}");
                self.failures.push(failure);
            }
        }
    }

    /// The systems measured.
    pub(crate) fn systems(&self) -> impl Iterator<Item = System> {
        self.versions.iter().map(|(system, _)| *system)
    }

    /// All rounds' measurements of a system's case.
    pub(crate) fn of(&self, system: System, case: Case) -> impl Iterator<Item = &Measurement> {
        self.measurements
            .iter()
            .filter(move |measurement| measurement.system == system && measurement.case == case)
    }

    /// The median of what a system has reached so far with the usual payload; 0 where that could not be measured.
    pub(crate) fn full_rate(&self, system: System) -> f64 {
        let rates = self.of(system, Case::Throughput(PAYLOAD)).map(|measurement| measurement.per_second);
        Spread::of(rates).map_or(0.0, |spread| spread.median)
    }
}

/// The median of some rounds, and what it lies between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Spread { least, median: f64::midpoint(low, high), most })
    }
}

fn machine() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores ({model}), Linux {}", kernel.trim())
}

fn version(system: System, gossiperld: &Path) -> String {
    let mut command = match system.program() {
        Some((program, argument)) => {
            let mut command = Command::new(program);
            command.arg(argument);
            command
        }
        None => {
            let mut command = Command::new(gossiperld);
            command.arg("--version");
            command
        }
    };
    // mosquitto's help, which tells its version, ends with a failure.
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output);
    // Redis adds its build's particulars.
    let first = text.lines().next().unwrap_or("unknown version");
    first.split(" sha=").next().unwrap_or(first).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_between_the_two_middles() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { least: 1.0, median: 2.0, most: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(spread(&[]), None);
    }
}
