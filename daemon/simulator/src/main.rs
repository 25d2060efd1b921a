//! `gossiperl-simulator run SCENARIO` and `sweep SCENARIO`: see `--help`.

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use gossiperl_simulator::{
    report::{Progress, Report},
    scenario::Scenario,
    sweep::{medians, sweep},
    world::World,
};

/// Whole gossiperl overlays in virtual time.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a scenario once and prints what came of it. Fails where a checker found something or a figure is beyond what is expected.
    Run {
        #[command(flatten)]
        common: Common,
        /// Decides every chance: the same seed, the same run.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Runs a scenario with many seeds on all cores, and prints the failing ones and the median of each figure.
    Sweep {
        #[command(flatten)]
        common: Common,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        first: u64,
        /// How many seeds.
        #[arg(long, default_value_t = 20)]
        seeds: u64,
    },
}

#[derive(Args)]
struct Common {
    /// The scenario, a TOML file.
    scenario: PathBuf,
    /// Another value for a setting of the scenario, like `members=1000`, `overlay.suspicion_mult=3` or `action.0.stall.lasting=5s`;
    /// may be repeated.
    #[arg(long = "set", value_name = "SETTING=VALUE")]
    settings: Vec<String>,
    /// Writes everything to this file as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Run { common, seed } => run(&common, seed),
        Command::Sweep { common, first, seeds } => run_many(&common, first, seeds),
    }
}

fn run(common: &Common, seed: u64) -> anyhow::Result<ExitCode> {
    let scenario = common.read()?;
    let mut shown = Shown::new();
    let report = World::new(scenario, seed).run(|progress| shown.show(progress));
    shown.clear();
    say(format_args!("{report}{:.1} s of real time", shown.began.elapsed().as_secs_f64()));
    common.write(std::slice::from_ref(&report))?;
    Ok(code(report.passed()))
}

fn run_many(common: &Common, first: u64, seeds: u64) -> anyhow::Result<ExitCode> {
    let scenario = common.read()?;
    let last = first.checked_add(seeds).context("--seeds: too many")?;
    let reports = sweep(&scenario, first..last, |report| {
        for failure in &report.failures {
            say(format_args!("seed {}: {failure}", report.seed));
        }
    });
    let failed: Vec<String> =
        reports.iter().filter(|report| !report.passed()).map(|report| report.seed.to_string()).collect();
    for (name, value) in medians(&reports) {
        say(format_args!("{name} {value:.4}"));
    }
    say(format_args!("{} of {} seeds failed: {}", failed.len(), reports.len(), failed.join(" ")));
    common.write(&reports)?;
    Ok(code(failed.is_empty()))
}

/// A line on standard output. Whoever has stopped reading it does not want the rest.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(stdout(), "{line}");
}

fn code(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Common {
    fn read(&self) -> anyhow::Result<Scenario> {
        let path = &self.scenario;
        if self.settings.is_empty() {
            return Scenario::read(path);
        }
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut table: toml::Table =
            text.parse().with_context(|| format!("in scenario {}", path.display()))?;
        for setting in &self.settings {
            set(&mut table, setting)?;
        }
        Scenario::parse(&table.to_string()).with_context(|| format!("in scenario {}", path.display()))
    }

    fn write(&self, reports: &[Report]) -> anyhow::Result<()> {
        let Some(path) = &self.json else { return Ok(()) };
        write_json(path, reports).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn write_json(path: &Path, reports: &[Report]) -> anyhow::Result<()> {
    let mut file = std::fs::File::create(path)?;
    serde_json::to_writer_pretty(&mut file, reports)?;
    writeln!(file)?;
    Ok(())
}

/// Puts `a.b=value` into the table, or `a.0.b=value` into the first table of an array; a value that is no TOML counts as a text.
fn set(table: &mut toml::Table, setting: &str) -> anyhow::Result<()> {
    let Some((name, value)) = setting.split_once('=') else {
        bail!("--set {setting}: SETTING=VALUE is wanted, like members=100");
    };
    let parsed: Result<toml::Table, _> = format!("value = {value}").parse();
    let value = parsed
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let (tables, last) = name.rsplit_once('.').map_or((None, name), |(tables, last)| (Some(tables), last));
    let mut parts = tables.into_iter().flat_map(|tables| tables.split('.'));
    let mut inner = table;
    while let Some(part) = parts.next() {
        let entry = inner.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let entry = match entry {
            toml::Value::Array(elements) => {
                let index = parts.next().and_then(|index| index.parse::<usize>().ok());
                index
                    .and_then(|index| elements.get_mut(index))
                    .with_context(|| format!("--set {setting}: {part} has no such element"))?
            }
            other => other,
        };
        inner = entry.as_table_mut().with_context(|| format!("--set {setting}: {part} is no table"))?;
    }
    inner.insert(last.to_owned(), value);
    Ok(())
}

/// The line of progress, on a terminal only.
struct Shown {
    began: Instant,
    last: Instant,
    visible: bool,
}

impl Shown {
    fn new() -> Self {
        let now = Instant::now();
        Shown { began: now, last: now, visible: stderr().is_terminal() }
    }

    fn show(&mut self, progress: Progress) {
        if !self.visible || self.last.elapsed() < Duration::from_millis(200) {
            return;
        }
        self.last = Instant::now();
        let seconds = progress.now.as_micros() / 1_000_000;
        let of = progress
            .end
            .map_or_else(|| "forming".to_owned(), |end| format!("of {}", end.as_micros() / 1_000_000));
        let Progress { live, steps, .. } = progress;
        let _ = write!(stderr(), "\r\x1b[K{seconds} s {of}, {live} members, {steps} steps");
    }

    fn clear(&self) {
        if self.visible {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_reaches_into_tables_and_arrays_of_them() {
        let mut table: toml::Table = "[[action]]\nstall = { lasting = '5s' }".parse().expect("a table");
        set(&mut table, "action.0.stall.lasting=10s").expect("an element that is there");
        set(&mut table, "link.loss=0.5").expect("a table that was not there");
        assert_eq!(table["action"][0]["stall"]["lasting"].as_str(), Some("10s"));
        assert_eq!(table["link"]["loss"].as_float(), Some(0.5));
        for absent in ["action.1.stall.lasting=1s", "action.stall=1", "link.loss.deep=1"] {
            assert!(set(&mut table, absent).is_err(), "{absent}");
        }
    }
}
