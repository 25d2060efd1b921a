//! Finding others: seeds at the start and whenever we are alone, lost members for ever at a low rate.

use std::{net::SocketAddr, time::Duration};

use gossiperl_idl::Salt;
use gossiperl_link::Time;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{
    Member, Members,
    claim::{Liveness, canonical},
};

/// Seeds held; of more the first count.
const MAX_SEEDS: usize = 1_024;
/// A seed that is not a member is tried again after this time, then after twice as long, and so on. Our choice: a lost datagram should not make
/// a newcomer wait for long, and across the world, where an answer takes longer, it costs one datagram more.
const FIRST_RETRY: Duration = Duration::from_millis(150);
/// The longest time between tries while we are alone, and otherwise.
const LAST_RETRY_ALONE: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// How often it is looked whether a seed is still a member.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// Seeds tried at a time; the others follow after a moment.
const TRIED_AT_ONCE: usize = 16;
const NEXT_TRIED: Duration = Duration::from_millis(100);

/// One lost member is tried in this time, or none where the whole overlay tries it often enough.
pub(super) const LOST_EVERY: Duration = Duration::from_secs(5);
/// How many daemons of the overlay try each lost member in that time, on average.
const LOST_TRIES: f64 = 3.0;

/// Addresses at which somebody may be.
#[derive(Debug, Default)]
pub(super) struct Seeds {
    seeds: Vec<Seed>,
    /// The earliest `next` of them.
    next: Option<Time>,
}

#[derive(Debug)]
struct Seed {
    address: SocketAddr,
    /// Who answered there last, be it with a challenge: the next try is addressed to that run, and one of another run
    /// at that address challenges it like one addressed to nobody.
    generation: Option<Salt>,
    next: Time,
    backoff: Duration,
    /// When we answered its challenge, and whether that was once, until it introduces itself.
    asked: Option<(Time, bool)>,
    /// It is our own address.
    is_us: bool,
}

impl Seeds {
    pub(super) fn next_timeout(&self) -> Option<Time> {
        self.next
    }

    /// The address leads to ourselves.
    pub(super) fn is_us(&mut self, address: &SocketAddr) {
        if let Some(seed) = self.seeds.iter_mut().find(|seed| seed.address == *address) {
            seed.is_us = true;
        }
    }

    /// Whether we have answered a challenge from there, and wait for an introduction.
    pub(super) fn is_asked(&self, address: &SocketAddr) -> bool {
        self.seeds.iter().any(|seed| seed.address == *address && seed.asked.is_some())
    }

    /// An introduction came from there. Where that is the answer to ours, and we sent it once, the round trip.
    pub(super) fn answered(&mut self, now: Time, address: &SocketAddr, generation: Salt) -> Option<Duration> {
        let seed = self.seeds.iter_mut().find(|seed| seed.address == *address)?;
        seed.generation = Some(generation);
        seed.backoff = FIRST_RETRY;
        seed.next = now + CHECK_EVERY;
        let asked = seed.asked.take();
        self.note_next();
        // After longer than a retry takes it answers something else.
        asked.filter(|(_, once)| *once).map(|(at, _)| now.since(at)).filter(|elapsed| *elapsed < FIRST_RETRY)
    }

    /// A challenge came from there: somebody lives there, so the next try comes soon.
    pub(super) fn challenged(&mut self, now: Time, address: &SocketAddr, generation: Salt) -> bool {
        let found = self.seeds.iter_mut().find(|seed| seed.address == *address);
        let Some(seed) = found else { return false };
        seed.generation = Some(generation);
        seed.backoff = FIRST_RETRY;
        seed.next = now + FIRST_RETRY;
        seed.asked = Some(seed.asked.map_or((now, true), |(at, _)| (at, false)));
        self.note_next();
        true
    }

    /// All are tried again now.
    pub(super) fn hurry(&mut self, now: Time) {
        for seed in &mut self.seeds {
            (seed.next, seed.backoff) = (now, FIRST_RETRY);
        }
        self.note_next();
    }

    fn note_next(&mut self) {
        self.next = self.seeds.iter().filter(|seed| !seed.is_us).map(|seed| seed.next).min();
    }
}

impl Members {
    /// Takes these addresses, in place of earlier ones, for seeds: each is introduced to until the daemon there is a
    /// member, and again whenever it is none. To be called again with what the names resolve to later.
    pub fn join(&mut self, now: Time, addresses: &[SocketAddr]) {
        self.enter_time(now);
        let mut seeds: Vec<Seed> = Vec::new();
        for address in addresses.iter().copied().map(canonical) {
            if seeds.len() == MAX_SEEDS {
                break;
            }
            if address.port() == 0
                || address == self.me().address()
                || seeds.iter().any(|seed| seed.address == address)
            {
                continue;
            }
            let before = self.seeds.seeds.iter().position(|seed| seed.address == address);
            seeds.push(match before {
                Some(index) => self.seeds.seeds.swap_remove(index),
                None => Seed {
                    address,
                    generation: None,
                    next: now,
                    backoff: FIRST_RETRY,
                    asked: None,
                    is_us: false,
                },
            });
        }
        self.seeds.seeds = seeds;
        self.seeds.note_next();
    }

    /// Tries the seeds that are due.
    pub(super) fn advance_seeds(&mut self, now: Time) {
        if self.seeds.next.is_none_or(|time| time > now) || self.me().liveness == Liveness::Left {
            return;
        }
        let alone = self.lists.live() == 0;
        let mut tried = Vec::new();
        for seed in &mut self.seeds.seeds {
            if seed.next > now || seed.is_us {
                continue;
            }
            let known = [self.table.by_address(&seed.address), {
                let generation = seed.generation.as_ref();
                generation.and_then(|generation| self.table.by_generation(generation))
            }];
            let is_member = known
                .into_iter()
                .flatten()
                .any(|id| self.table.get(id).is_some_and(|member| member.liveness.is_live()));
            if is_member {
                (seed.next, seed.backoff) = (now + CHECK_EVERY, FIRST_RETRY);
            } else if tried.len() == TRIED_AT_ONCE {
                seed.next = now + NEXT_TRIED;
            } else {
                tried.push((seed.address, seed.generation));
                seed.next = now + jitter(&mut self.rng, seed.backoff);
                let last = if alone { LAST_RETRY_ALONE } else { LAST_RETRY };
                seed.backoff = seed.backoff.saturating_mul(2).min(last);
            }
        }
        self.seeds.note_next();
        for (address, receiver) in tried {
            self.introduce(address, receiver, true);
        }
    }

    /// When a lost member is tried next.
    pub(super) fn lost_timeout(&self) -> Option<Time> {
        (self.lists.lost() > 0).then_some(self.next_lost)
    }

    /// Tries a lost member, so that halves of an overlay that can talk again merge by themselves. The rate is bounded
    /// for us and, where one is missing in a large overlay, for that one.
    pub(super) fn advance_lost(&mut self, now: Time) {
        if self.lost_timeout().is_none_or(|time| time > now) {
            return;
        }
        self.next_lost = now + jitter(&mut self.rng, LOST_EVERY);
        let share = LOST_TRIES * self.lists.lost() as f64 / self.lists.live().max(1) as f64;
        if self.me().liveness == Liveness::Left || !self.rng.random_bool(share.min(1.0)) {
            return;
        }
        let lost = self.lists.next_lost(&mut self.table, &mut self.rng);
        if let Some(address) = lost.and_then(|id| self.table.get(id)).map(Member::address) {
            self.introduce(address, None, true);
        }
    }
}

/// Three to five quarters of a duration.
pub(super) fn jitter(rng: &mut ChaCha8Rng, duration: Duration) -> Duration {
    duration.mul_f64(rng.random_range(0.75..1.25))
}
