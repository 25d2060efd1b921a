//! Presets of the failure detector's timings: three networks that most overlays resemble.

use std::time::Duration;

use gossiperl_overlay::Detector;

/// What kind of network an overlay lives in. [`Detector`] has the numbers and where they come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Hosts of one data centre: round trips of a few milliseconds.
    #[default]
    Lan,
    /// Hosts far apart: round trips of up to a second, loss.
    Wan,
    /// Daemons on one machine, for tests and demonstrations.
    Local,
}

impl Preset {
    /// Every preset with its word in the configuration.
    pub const ALL: [(&'static str, Preset); 3] =
        [("lan", Preset::Lan), ("wan", Preset::Wan), ("local", Preset::Local)];

    /// The timings of this preset.
    pub fn detector(self) -> Detector {
        match self {
            Preset::Lan => Detector::lan(),
            Preset::Wan => Detector::wan(),
            Preset::Local => Detector::local(),
        }
    }
}

/// The same detector with one probe every `round`: its other times keep their ratio to the probe period.
pub(super) fn paced(detector: Detector, round: Duration) -> Detector {
    let scale = round.as_secs_f64() / detector.probe_every.as_secs_f64();
    Detector {
        probe_every: round,
        probe_timeout: detector.probe_timeout.mul_f64(scale),
        gossip_every: detector.gossip_every.mul_f64(scale),
        ..detector
    }
}
