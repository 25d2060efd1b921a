//! What a daemon does when it is asked about its ring, and what it reports.
//!
//! With [`Config::keeps_ring`](crate::Config::keeps_ring) a change is reported only once it is on the disk: otherwise a daemon that said "done" could
//! come back from a crash with a ring that everybody takes for changed.

use std::collections::VecDeque;

use gossiperl_idl::{
    Salt, code,
    generated::{KeyReport, KeyRequest, KeyStep},
    sealed::{KeyId, KeyRingError, OverlayKey},
};
use gossiperl_link::Time;
use zeroize::Zeroizing;

use super::HOLD;
use crate::{
    event::Event,
    keys::{LONGEST_KEY, RingChange, RingKey, SHORTEST_KEY},
    overlay::Overlay,
};

/// Reports that wait for the disk at most; who asks beyond it is told to try again.
const WAITING: usize = 64;

/// The hold on our ring, and what waits until the ring is kept.
#[derive(Default)]
pub(super) struct Answers {
    hold: Option<Hold>,
    /// Rises with every change of the ring.
    version: u64,
    /// What the disk has.
    kept: u64,
    /// The ring is to be handed out.
    unkept: bool,
    waiting: VecDeque<Waiting>,
}

struct Hold {
    asker: Salt,
    request: i64,
    until: Time,
}

/// A report, and whose it is.
pub(super) struct Waiting {
    pub(super) asker: Salt,
    pub(super) report: KeyReport,
    version: u64,
}

impl Answers {
    /// The version to keep, where one is to be.
    pub(super) fn take_unkept(&mut self) -> Option<u64> {
        std::mem::take(&mut self.unkept).then_some(self.version)
    }

    /// The disk has the ring of this version, or could not take it: returns the reports that waited for that.
    pub(super) fn kept(&mut self, version: u64, kept: bool) -> Vec<Waiting> {
        if kept {
            self.kept = self.kept.max(version);
        }
        let mut answered = Vec::new();
        for mut waiting in std::mem::take(&mut self.waiting) {
            if waiting.version > version {
                self.waiting.push_back(waiting);
                continue;
            }
            if !kept {
                waiting.report.code = code::KEYS_NOT_KEPT;
            }
            answered.push(waiting);
        }
        answered
    }

    /// Whether another asker's hold stands.
    fn is_held_by_another(&self, now: Time, asker: &Salt, request: i64) -> bool {
        self.hold
            .as_ref()
            .is_some_and(|hold| hold.until > now && (hold.asker, hold.request) != (*asker, request))
    }

    /// Whether this asker's hold stands. It is over then.
    fn end_hold(&mut self, now: Time, asker: &Salt, request: i64) -> bool {
        let stands = |hold: &mut Hold| hold.until > now && (hold.asker, hold.request) == (*asker, request);
        self.hold.take_if(stands).is_some()
    }
}

impl Overlay {
    /// A daemon, perhaps ourselves, wants something of our ring.
    pub(super) fn handle_key_request(&mut self, now: Time, asker: Salt, request: KeyRequest) {
        let KeyRequest { request: number, step, key_id, key } = request;
        let key = key.map(Zeroizing::new);
        if step == KeyStep::RELEASE {
            self.key_talk.answers.end_hold(now, &asker, number);
            return;
        }
        let id = key_id.and_then(|id| <[u8; 4]>::try_from(id).ok()).map(KeyId);
        let mut cut_off = None;
        let done = if self.leaving {
            Err(code::STOPPING)
        } else if self.key_talk.answers.waiting.len() >= WAITING {
            Err(code::KEYS_BUSY)
        } else {
            match (step, id, key) {
                (KeyStep::LOOK, ..) => Ok(false),
                (KeyStep::HOLD, ..) => self.hold_ring(now, asker, number),
                (KeyStep::ADD, _, Some(key)) => self.add_to_ring(&asker, &key),
                (KeyStep::USE, Some(id), _) => self.use_of_ring(now, &asker, number, id),
                (KeyStep::RETIRE, Some(id), _) => {
                    cut_off = i32::try_from(self.clients_under(id)).ok();
                    self.retire_from_ring(now, &asker, number, id)
                }
                _ => Err(code::MALFORMED),
            }
        };
        let changed = done == Ok(true);
        let keys = self.own_ring().into_iter().map(to_wire).collect();
        let report = KeyReport {
            request: number,
            step,
            code: done.err().unwrap_or(code::DONE),
            changed,
            keys,
            cut_off: cut_off.filter(|_| changed),
        };
        let changes = matches!(step, KeyStep::ADD | KeyStep::USE | KeyStep::RETIRE);
        let answers = &mut self.key_talk.answers;
        if changes && done.is_ok() && self.config.keeps_ring && answers.kept < answers.version {
            // One that is so already may be so since a change that could not be kept: that is tried again.
            answers.unkept = true;
            answers.waiting.push_back(Waiting { asker, report, version: answers.version });
            return;
        }
        self.send_report(now, &asker, report);
    }

    fn hold_ring(&mut self, now: Time, asker: Salt, request: i64) -> Result<bool, i32> {
        if self.key_talk.answers.is_held_by_another(now, &asker, request) {
            return Err(code::KEYS_BUSY);
        }
        self.key_talk.answers.hold = Some(Hold { asker, request, until: now + HOLD });
        Ok(false)
    }

    fn add_to_ring(&mut self, asker: &Salt, key: &[u8]) -> Result<bool, i32> {
        if !(SHORTEST_KEY..=LONGEST_KEY).contains(&key.len()) {
            return Err(code::MALFORMED);
        }
        let key = OverlayKey::new(key);
        let id = key.id();
        let added = self.datagrams.add_key(key).map_err(refusal)?;
        if added {
            self.ring_changed(asker, RingChange::Added, id, 0);
        }
        Ok(added)
    }

    fn use_of_ring(&mut self, now: Time, asker: &Salt, request: i64, id: KeyId) -> Result<bool, i32> {
        if !self.key_talk.answers.end_hold(now, asker, request) {
            return Err(code::KEYS_BUSY);
        }
        let used = self.promote_key(id).map_err(refusal)?;
        if used {
            self.ring_changed(asker, RingChange::Used, id, 0);
        }
        Ok(used)
    }

    fn retire_from_ring(&mut self, now: Time, asker: &Salt, request: i64, id: KeyId) -> Result<bool, i32> {
        if !self.key_talk.answers.end_hold(now, asker, request) {
            return Err(code::KEYS_BUSY);
        }
        let cut_off = self.clients_under(id);
        match self.retire_key(id) {
            Ok(()) => {}
            Err(KeyRingError::Unknown(_)) => return Ok(false),
            Err(error) => return Err(refusal(error)),
        }
        self.stats.cut_off += cut_off as u64;
        self.ring_changed(asker, RingChange::Retired, id, cut_off);
        Ok(true)
    }

    fn ring_changed(&mut self, asker: &Salt, change: RingChange, id: KeyId, cut_off: usize) {
        let answers = &mut self.key_talk.answers;
        answers.version += 1;
        answers.unkept = true;
        if !self.config.keeps_ring {
            answers.kept = answers.version;
        }
        let asked = self.members.by_generation(asker).and_then(|id| self.members.member(id));
        let by = asked.map_or_else(|| self.config.member_name.clone(), |member| member.name().to_string());
        self.push_event(Event::KeyRing { change, id, by, cut_off });
    }
}

fn to_wire(key: RingKey) -> gossiperl_idl::generated::RingKey {
    let clients = i32::try_from(key.clients).unwrap_or(i32::MAX);
    gossiperl_idl::generated::RingKey::new(key.id.0.to_vec(), clients)
}

fn refusal(error: KeyRingError) -> i32 {
    match error {
        KeyRingError::Full => code::KEYS_FULL,
        KeyRingError::SameId(_) => code::KEY_SAME_ID,
        KeyRingError::Unknown(_) => code::KEY_UNKNOWN,
        KeyRingError::Sealing(_) => code::KEY_SEALING,
    }
}
