//! A scenario: what an overlay is made of, what happens to it, and what is to come of that. A TOML file, see `scenarios/`.

mod action;
mod link;
mod span;

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{Context, bail, ensure};
use gossiperl_overlay::Detector;
use serde::Deserialize;

pub use action::{
    Action, Clock, Crash, Direction, Holds, Hostile, Join, Lossy, Partition, Publish, Restart, Slow, Stall,
    Who,
};
pub use link::{Latency, Link};
pub use span::{Span, SpanRange};

/// Members at most; each knows all the others.
pub const MAX_MEMBERS: usize = 20_000;

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is for, in a sentence.
    pub about: String,
    /// Daemons at the start.
    pub members: usize,
    /// Racks they are dealt to in turn. 1.
    #[serde(default = "one")]
    pub racks: usize,
    /// How long it lasts once the overlay is formed.
    pub duration: Span,
    /// How the overlay comes to be.
    #[serde(default)]
    pub start: Start,
    /// Settings of every daemon.
    #[serde(default)]
    pub overlay: Settings,
    /// The links between hosts of one rack, and of different ones unless `far` is given.
    #[serde(default)]
    pub link: Link,
    /// The links between hosts of different racks.
    pub far: Option<Link>,
    /// What happens.
    #[serde(default)]
    pub action: Vec<Action>,
    /// Times whose traffic is told apart, by name.
    #[serde(default)]
    pub phase: BTreeMap<String, Phase>,
    /// What the checkers allow.
    #[serde(default)]
    pub check: Checks,
    /// Bounds of figures of the report, by the figure's name.
    #[serde(default)]
    pub expect: BTreeMap<String, Bound>,
}

/// How an overlay comes to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Each daemon joins through three others, all within a second.
    #[default]
    Join,
    /// Each daemon is told of all the others before it begins, as by a snapshot: for sizes whose joining is not what is looked at.
    Known,
}

/// Settings of every daemon.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The preset of the detector. lan.
    pub preset: Preset,
    /// As [`Detector::probe_every`].
    pub probe_every: Option<Span>,
    /// As [`Detector::probe_timeout`].
    pub probe_timeout: Option<Span>,
    /// As [`Detector::indirect_probes`].
    pub indirect_probes: Option<usize>,
    /// As [`Detector::gossip_every`].
    pub gossip_every: Option<Span>,
    /// As [`Detector::gossip_nodes`].
    pub gossip_nodes: Option<usize>,
    /// As [`Detector::suspicion_mult`].
    pub suspicion_mult: Option<u32>,
    /// As [`Detector::suspicion_max_mult`].
    pub suspicion_max_mult: Option<u32>,
    /// As [`Detector::retransmit_mult`].
    pub retransmit_mult: Option<u32>,
    /// As [`Detector::awareness_max`].
    pub awareness_max: Option<u32>,
    /// As [`Config::drop_unreachable_after`](gossiperl_overlay::Config::drop_unreachable_after).
    pub drop_unreachable_after: Option<Span>,
}

/// The detector's presets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Hosts of one network.
    #[default]
    Lan,
    /// Hosts far from each other.
    Wan,
    /// Daemons of one host.
    Local,
}

impl Settings {
    /// The detector's constants: the preset's, but for those given.
    pub fn detector(&self) -> Detector {
        let preset = match self.preset {
            Preset::Lan => Detector::lan(),
            Preset::Wan => Detector::wan(),
            Preset::Local => Detector::local(),
        };
        let or = |given: Option<Span>, preset: Duration| given.map_or(preset, |span| span.0);
        Detector {
            probe_every: or(self.probe_every, preset.probe_every),
            probe_timeout: or(self.probe_timeout, preset.probe_timeout),
            indirect_probes: self.indirect_probes.unwrap_or(preset.indirect_probes),
            gossip_every: or(self.gossip_every, preset.gossip_every),
            gossip_nodes: self.gossip_nodes.unwrap_or(preset.gossip_nodes),
            suspicion_mult: self.suspicion_mult.unwrap_or(preset.suspicion_mult),
            suspicion_max_mult: self.suspicion_max_mult.unwrap_or(preset.suspicion_max_mult),
            retransmit_mult: self.retransmit_mult.unwrap_or(preset.retransmit_mult),
            awareness_max: self.awareness_max.unwrap_or(preset.awareness_max),
        }
    }
}

/// A time of its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its beginning, since the overlay was formed.
    pub from: Span,
    /// Its end.
    pub to: Span,
}

/// What the checkers allow.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checks {
    /// Live daemons agree again so long after the last thing that happened. 30 s.
    pub agree_within: Span,
    /// So long after a member was disturbed its failure is still no false alarm. 15 s.
    pub excused_for: Span,
    /// Whether a false alarm ends the run; otherwise it is counted only.
    pub false_alarms: Verdict,
    /// Whether daemons have to agree at all: not where strangers with the key make members up.
    pub agreement: Verdict,
    /// Datagrams that one step may send. 1,100.
    pub datagrams_a_step: usize,
}

impl Default for Checks {
    fn default() -> Self {
        Checks {
            agree_within: Span(Duration::from_secs(30)),
            excused_for: Span(Duration::from_secs(15)),
            false_alarms: Verdict::Fail,
            agreement: Verdict::Fail,
            datagrams_a_step: 1_100,
        }
    }
}

/// What a checker's finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The run has failed.
    Fail,
    /// It is counted.
    Count,
}

/// Bounds of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The most it may be.
    pub at_most: Option<f64>,
    /// The least.
    pub at_least: Option<f64>,
}

fn one() -> usize {
    1
}

impl Scenario {
    /// The scenario in a file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Scenario::parse(&text).with_context(|| format!("in scenario {}", path.display()))
    }

    /// The scenario in a text.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let scenario: Scenario = toml::from_str(text)?;
        scenario.validate()?;
        Ok(scenario)
    }

    fn validate(&self) -> anyhow::Result<()> {
        ensure!(self.members >= 1, "members: at least 1");
        ensure!(self.racks >= 1, "racks: at least 1");
        let joining: usize = self.action.iter().map(Action::joining).sum();
        ensure!(self.members + joining <= MAX_MEMBERS, "members: {MAX_MEMBERS} at most, newcomers included");
        for link in std::iter::once(&self.link).chain(&self.far) {
            for (name, share) in
                [("loss", link.loss), ("duplication", link.duplication), ("reordering", link.reordering)]
            {
                ensure!((0.0..=1.0).contains(&share), "{name}: {share} is no share of 1");
            }
        }
        for (index, action) in self.action.iter().enumerate() {
            action.validate().with_context(|| format!("action {}", index + 1))?;
        }
        for (name, phase) in &self.phase {
            ensure!(
                phase.from < phase.to && phase.to <= self.duration,
                "phase {name}: not within the duration"
            );
        }
        Ok(())
    }
}

impl Action {
    fn joining(&self) -> usize {
        let times = if self.every.is_some() { self.times.unwrap_or(1) } else { 1 };
        self.join.as_ref().map_or(0, |join| join.count.saturating_mul(times as usize))
    }

    fn validate(&self) -> anyhow::Result<()> {
        let whose = [
            self.crash.as_ref().map(|it| &it.who),
            self.restart.as_ref().map(|it| &it.who),
            self.leave.as_ref(),
            self.stall.as_ref().map(|it| &it.who),
            self.slow.as_ref().map(|it| &it.who),
            self.clock.as_ref().map(|it| &it.who),
            self.partition.as_ref().map(|it| &it.who),
            self.lossy.as_ref().map(|it| &it.who),
            self.subscribe.as_ref(),
            self.publish.as_ref().map(|it| &it.publishers),
        ];
        let kinds = whose.iter().flatten().count()
            + usize::from(self.join.is_some())
            + usize::from(self.hostile.is_some());
        ensure!(kinds == 1, "exactly one kind of action is wanted, not {kinds}");
        ensure!(self.every.is_none_or(|every| every.0 > Duration::ZERO), "every: longer than nothing");
        if self.join.is_some() && self.every.is_some() && self.times.is_none() {
            bail!("join with every: times is wanted too");
        }
        let subscribers = self.publish.as_ref().map(|it| &it.subscribers);
        for who in whose.into_iter().flatten().chain(subscribers) {
            who.validate()?;
        }
        if let Some(clock) = &self.clock {
            let ways = [clock.wall_forward, clock.wall_back, clock.monotonic_forward];
            ensure!(ways.iter().flatten().count() == 1, "clock: exactly one way to jump");
        }
        if let Some(publish) = &self.publish {
            ensure!(publish.bytes >= 8, "publish: bytes: at least 8");
            ensure!(publish.pace.0 > Duration::ZERO, "publish: pace: longer than nothing");
        }
        if let Some(hostile) = &self.hostile {
            ensure!(hostile.pace.0 > Duration::ZERO, "hostile: pace: longer than nothing");
        }
        let loss = self.lossy.as_ref().map_or(0.0, |lossy| lossy.loss);
        ensure!((0.0..=1.0).contains(&loss), "lossy: loss: {loss} is no share of 1");
        Ok(())
    }
}

impl Who {
    fn validate(&self) -> anyhow::Result<()> {
        let ways = usize::from(self.count.is_some())
            + usize::from(self.share.is_some())
            + usize::from(self.rack.is_some())
            + usize::from(self.members.is_some());
        ensure!(ways == 1, "who: exactly one of count, share, rack and members");
        if let Some(share) = self.share {
            ensure!((0.0..=1.0).contains(&share), "who: share: {share} is no share of 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
