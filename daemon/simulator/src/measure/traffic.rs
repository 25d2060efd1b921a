//! What each member sends, headers of UDP and IP included: over a phase on average, and in its busiest second.

use std::collections::BTreeMap;

use gossiperl_overlay::Time;

use super::figures::{Figures, Samples};
use crate::scenario::Phase;

/// Counters by machine and phase.
#[derive(Debug, Default)]
pub struct Traffic {
    formed: Option<Time>,
    phases: BTreeMap<String, (Phase, Vec<Sent>)>,
    last: Vec<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    datagrams: u64,
    bytes: u64,
    seconds: u32,
    busiest: u64,
}

impl Traffic {
    /// Tells these phases apart.
    pub fn new(phases: BTreeMap<String, Phase>) -> Self {
        let phases = phases.into_iter().map(|(name, phase)| (name, (phase, Vec::new()))).collect();
        Traffic { phases, ..Traffic::default() }
    }

    /// The scenario's time begins.
    pub fn formed(&mut self, now: Time) {
        self.formed = Some(now);
    }

    /// A second has passed; the machine has sent so much since its beginning.
    pub fn sample(&mut self, now: Time, machine: usize, datagrams: u64, bytes: u64) {
        if self.last.len() <= machine {
            self.last.resize(machine + 1, (0, 0));
        }
        let before = std::mem::replace(&mut self.last[machine], (datagrams, bytes));
        let Some(formed) = self.formed else { return };
        let since = now.since(formed);
        for (phase, sent) in self.phases.values_mut() {
            if since <= phase.from.0 || since > phase.to.0 {
                continue;
            }
            if sent.len() <= machine {
                sent.resize(machine + 1, Sent::default());
            }
            let sent = &mut sent[machine];
            let second = bytes.saturating_sub(before.1);
            sent.datagrams += datagrams.saturating_sub(before.0);
            sent.bytes += second;
            sent.seconds += 1;
            sent.busiest = sent.busiest.max(second);
        }
    }

    /// Under `traffic`, by phase.
    pub fn put(&self, figures: &mut Figures) {
        for (name, (_, sent)) in &self.phases {
            let (mut bytes, mut datagrams, mut busiest) =
                (Samples::default(), Samples::default(), Samples::default());
            for sent in sent.iter().filter(|sent| sent.seconds > 0) {
                bytes.push(sent.bytes as f64 / f64::from(sent.seconds));
                datagrams.push(sent.datagrams as f64 / f64::from(sent.seconds));
                busiest.push(sent.busiest as f64);
            }
            bytes.put(&format!("traffic.{name}.bytes_per_second"), figures);
            datagrams.put(&format!("traffic.{name}.datagrams_per_second"), figures);
            busiest.put(&format!("traffic.{name}.busiest_second_bytes"), figures);
        }
    }
}
