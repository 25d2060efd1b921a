//! What a run has to tell: whether it passed, its figures, and what was found, as a table and as JSON.

use std::fmt::{self, Display, Write as _};

use gossiperl_overlay::Time;
use serde::Serialize;

use crate::{
    check::Violation,
    measure::{Figures, Watch},
    scenario::{Bound, Scenario},
};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Virtual time.
    pub now: Time,
    /// Its end; unknown until the overlay has formed.
    pub end: Option<Time>,
    /// Things that have happened.
    pub steps: u64,
    /// Daemons that run.
    pub live: usize,
}

/// A run's outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What the scenario is for.
    pub about: String,
    /// What decided every chance.
    pub seed: u64,
    /// Members at the start.
    pub members: usize,
    /// Virtual seconds, forming included.
    pub seconds: f64,
    /// Things that have happened.
    pub steps: u64,
    /// Stands for all datagrams that were sent, and when: the same for the same scenario, seed and code.
    pub fingerprint: String,
    /// The figures by name: times in seconds, rates a second, sizes in bytes.
    pub figures: Figures,
    /// Figures beyond what the scenario expects, and what the checkers found.
    pub failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        scenario: &Scenario,
        seed: u64,
        now: Time,
        formed: Option<Time>,
        steps: u64,
        fingerprint: u64,
        watch: Watch,
    ) -> Self {
        let (figures, violations) = watch.into_figures();
        let since = formed.unwrap_or(Time::ZERO);
        let mut failures: Vec<String> = violations.iter().map(|it| describe(it, since)).collect();
        // A run that was broken off has no figures to hold against anything.
        if failures.is_empty() {
            let missed = scenario.expect.iter().filter_map(|(name, bound)| unmet(name, bound, &figures));
            failures.extend(missed);
        }
        Report {
            about: scenario.about.clone(),
            seed,
            members: scenario.members,
            seconds: now.since(Time::ZERO).as_secs_f64(),
            steps,
            fingerprint: format!("{fingerprint:016x}"),
            figures,
            failures,
        }
    }

    /// Whether everything was as it must be.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

fn describe(violation: &Violation, formed: Time) -> String {
    let at = violation.at.since(formed).as_secs_f64();
    format!("{} at {at:.3} s: {}", violation.checker, violation.text)
}

fn unmet(name: &str, bound: &Bound, figures: &Figures) -> Option<String> {
    let Some(figure) = figures.get(name) else { return Some(format!("{name} was not measured")) };
    if bound.at_most.is_some_and(|most| *figure > most) {
        return Some(format!("{name} is {figure:.4}, at most {}", bound.at_most.unwrap_or_default()));
    }
    if bound.at_least.is_some_and(|least| *figure < least) {
        return Some(format!("{name} is {figure:.4}, at least {}", bound.at_least.unwrap_or_default()));
    }
    None
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.about)?;
        let Report { seed, members, seconds, steps, fingerprint, .. } = self;
        writeln!(
            f,
            "seed {seed}, {members} members, {seconds:.1} virtual seconds, {steps} steps, {fingerprint}\n"
        )?;
        let mut groups: Vec<(String, Vec<(&str, f64)>)> = Vec::new();
        for (name, value) in &self.figures {
            let (group, part) = name.rsplit_once('.').unwrap_or((name, ""));
            match groups.last_mut().filter(|(last, _)| last == group) {
                Some((_, parts)) => parts.push((part, *value)),
                None => groups.push((group.to_owned(), vec![(part, *value)])),
            }
        }
        let width = groups.iter().map(|(group, _)| group.len()).max().unwrap_or(0);
        for (group, parts) in groups {
            let mut line = format!("{group:width$}");
            for (part, value) in parts {
                write!(line, "  {part} {}", Number(value))?;
            }
            writeln!(f, "{line}")?;
        }
        for failure in &self.failures {
            writeln!(f, "FAILED: {failure}")?;
        }
        Ok(())
    }
}

/// Whole numbers whole, others with three digits that matter.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Number(value) = *self;
        match value.abs() {
            _ if value.fract() == 0.0 => write!(f, "{value:.0}"),
            100.0.. => write!(f, "{value:.0}"),
            10.0.. => write!(f, "{value:.1}"),
            1.0.. => write!(f, "{value:.2}"),
            _ => write!(f, "{value:.3}"),
        }
    }
}
