//! How long it takes until a crash is suspected, declared, and known by every survivor.

use std::collections::{BTreeMap, BTreeSet};

use gossiperl_overlay::{Change, Time};

use super::figures::{Figures, Samples};

/// Crashes and who has noticed.
#[derive(Debug, Default)]
pub struct Detection {
    open: BTreeMap<usize, Crash>,
    suspected: Samples,
    declared: Samples,
    known: Samples,
    crashes: u64,
}

#[derive(Debug)]
struct Crash {
    at: Time,
    suspected: bool,
    declared: bool,
    unaware: BTreeSet<usize>,
}

impl Detection {
    /// A daemon has crashed; these live on.
    pub fn crashed(&mut self, now: Time, machine: usize, survivors: BTreeSet<usize>) {
        self.crashes += 1;
        self.open.insert(machine, Crash { at: now, suspected: false, declared: false, unaware: survivors });
    }

    /// It runs again: who has not noticed will not any more.
    pub fn started(&mut self, machine: usize) {
        self.open.remove(&machine);
    }

    /// One that need not notice any more.
    pub fn ended(&mut self, now: Time, machine: usize) {
        let crashes: Vec<usize> = self.open.keys().copied().collect();
        for crash in crashes {
            self.aware(now, machine, crash);
        }
    }

    /// What a daemon reports about a member.
    pub fn heard(&mut self, now: Time, observer: usize, about: usize, change: Change) {
        let Some(crash) = self.open.get_mut(&about) else { return };
        let after = now.since(crash.at);
        match change {
            Change::Quarantine if !std::mem::replace(&mut crash.suspected, true) => {
                self.suspected.push_time(after);
            }
            Change::Unreachable => {
                if !std::mem::replace(&mut crash.declared, true) {
                    self.declared.push_time(after);
                }
                self.aware(now, observer, about);
            }
            _ => {}
        }
    }

    fn aware(&mut self, now: Time, observer: usize, about: usize) {
        let Some(crash) = self.open.get_mut(&about) else { return };
        crash.unaware.remove(&observer);
        if crash.unaware.is_empty() {
            self.known.push_time(now.since(crash.at));
            self.open.remove(&about);
        }
    }

    /// Under `detection`.
    pub fn put(&self, figures: &mut Figures) {
        if self.crashes == 0 {
            return;
        }
        figures.insert("detection.crashes".to_owned(), self.crashes as f64);
        figures.insert("detection.not_known_by_all".to_owned(), self.open.len() as f64);
        self.suspected.put("detection.first_suspicion", figures);
        self.declared.put("detection.first_declaration", figures);
        self.known.put("detection.known_by_all", figures);
    }
}
