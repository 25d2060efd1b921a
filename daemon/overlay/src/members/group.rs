//! Finding others without seeds: asking a multicast group who is there, and whether to answer one who asks.
//!
//! A question is an introduction to nobody in particular; what answers it is a challenge, so that the rest is first
//! contact as with a seed (`join`). Who asks, who answers and how many answers count are bounded, so that neither the
//! network's load nor one daemon's grows with the overlay.
//!
//! Replays and the rate of answers are the composition's business; nothing else ever goes to the group.

use std::{net::SocketAddr, time::Duration};

use gossiperl_idl::Salt;
use gossiperl_link::Time;
use rand::Rng;

use super::{Members, claim::Liveness, join::jitter};

/// Alone, the group is asked again after this time, then after twice as long, and so on up to the last.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(8);
/// In company so many daemons of the overlay ask in this time, on average: halves that never knew each other find each
/// other at the pace of a person who mends a network, whatever their size.
const IN_COMPANY_EVERY: Duration = Duration::from_secs(30);
const IN_COMPANY_QUESTIONS: f64 = 3.0;
/// So many of those who know each other answer a question, on average; none does once in 50 times.
const ANSWERS: f64 = 4.0;
/// Answers to one question that are followed up, and for how long. Further ones are ignored.
const ANSWERS_TAKEN: u32 = 4;
const ANSWERS_WITHIN: Duration = Duration::from_secs(4);

/// The group that is asked.
#[derive(Debug)]
pub(super) struct Group {
    address: SocketAddr,
    next: Time,
    backoff: Duration,
    alone: bool,
    /// Answers to the last question that still count, and until when.
    wanted: u32,
    until: Time,
}

impl Group {
    /// Whether this answer is to be followed up. It is counted.
    pub(super) fn takes_answer(&mut self, now: Time) -> bool {
        let takes = self.wanted > 0 && now < self.until;
        self.wanted -= u32::from(takes);
        takes
    }

    fn asked(&mut self, now: Time) {
        (self.wanted, self.until) = (ANSWERS_TAKEN, now + ANSWERS_WITHIN);
    }
}

impl Members {
    /// Asks this multicast group from now on: until somebody is there, and now and then afterwards.
    pub fn ask_group(&mut self, now: Time, address: SocketAddr) {
        self.group =
            Some(Group { address, next: now, backoff: FIRST_RETRY, alone: true, wanted: 0, until: now });
    }

    /// Whether to answer a run that asks the group: not if it is a live member, nor if enough others do.
    pub fn answers_group(&mut self, generation: &Salt) -> bool {
        let known = self.table.by_generation(generation).and_then(|id| self.table.get(id));
        if self.me().liveness == Liveness::Left || known.is_some_and(|member| member.liveness.is_live()) {
            return false;
        }
        let share = ANSWERS / (self.lists.live() + 1) as f64;
        self.rng.random_bool(share.min(1.0))
    }

    /// When the group is asked next.
    pub(super) fn group_timeout(&self) -> Option<Time> {
        let left = self.me().liveness == Liveness::Left;
        self.group.as_ref().filter(|_| !left).map(|group| group.next)
    }

    /// Asks the group if it is time.
    pub(super) fn advance_group(&mut self, now: Time) {
        if self.me().liveness == Liveness::Left {
            return;
        }
        let Some(group) = &mut self.group else { return };
        let live = self.lists.live();
        let alone = live == 0;
        if alone && !group.alone {
            // The last one is lost: nobody else will ask for us.
            group.backoff = FIRST_RETRY;
            group.next = group.next.min(now + jitter(&mut self.rng, FIRST_RETRY));
        }
        group.alone = alone;
        if group.next > now {
            return;
        }
        let ask = if alone {
            group.next = now + jitter(&mut self.rng, group.backoff);
            group.backoff = group.backoff.saturating_mul(2).min(LAST_RETRY);
            true
        } else {
            group.next = now + jitter(&mut self.rng, IN_COMPANY_EVERY);
            let share = IN_COMPANY_QUESTIONS / (live + 1) as f64;
            self.rng.random_bool(share.min(1.0))
        };
        if ask {
            group.asked(now);
            let address = group.address;
            self.introduce(address, None, true);
        }
    }
}
