//! All queues and tables stay within their bounds, as [`Load`] and [`Limits`] document them.

use gossiperl_overlay::{Limits, Load, Time};

use super::Violation;
use crate::world::name_of;

/// The checker.
#[derive(Debug, Default)]
pub struct Bounds {
    limits: Limits,
}

impl Bounds {
    /// With limits of one's own.
    pub fn new(limits: Limits) -> Self {
        Bounds { limits }
    }

    /// Looks at a daemon after its step.
    pub fn check(&self, now: Time, machine: usize, load: &Load) -> Option<Violation> {
        let limits = &self.limits;
        let bounds = [
            ("clients", load.clients, limits.clients),
            ("members", load.members, limits.members + 1),
            // Of a member, a run that has just ended may still stand beside the present one.
            ("endpoints", load.endpoints, load.clients + 2 * load.members),
            ("longest queue", load.longest_queue, limits.queue_frames + 256),
            ("costliest queue", load.costliest_queue, limits.queue_cost + (256 << 10) + (1 << 21)),
            ("longest backlog", load.longest_backlog, limits.queue_frames),
            ("waiting replies", load.waiting_replies, 4_096),
            ("waiting bytes", load.waiting_bytes, 8 << 10),
            ("waiting datagrams", load.waiting_datagrams, 1_024),
            ("ended runs", load.ended_runs, 8_192),
            ("events", load.events, 4_096),
        ];
        let (what, is, most) = bounds.into_iter().find(|(_, is, most)| is > most)?;
        let text = format!("{}: {what}: {is}, but at most {most}", name_of(machine));
        Some(Violation { at: now, checker: "bounds", text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_beyond_its_bound_is_found() {
        let load = Load { members: 6, ..Load::default() };
        let found = |members| {
            Bounds::new(Limits { members, ..Limits::default() }).check(Time::ZERO, 0, &load).is_some()
        };
        assert_eq!((found(4), found(5)), (true, false));
        let flooded = Load { waiting_datagrams: 1_025, ..Load::default() };
        assert!(Bounds::default().check(Time::ZERO, 0, &flooded).is_some());
    }
}
