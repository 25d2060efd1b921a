//! Published messages until the daemon has acknowledged them: sent again with the same id, a few times.

use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use gossiperl_idl::{envelope, message::Message};
use gossiperl_link::Time;

use super::{FIRST_RETRY, LONGEST_RETRY, ids::Uuid};
use crate::{Refusal, error::PublishError, session::Progress};

/// Messages that are not done, in the order of publishing.
#[derive(Default)]
pub(super) struct Outgoing {
    messages: VecDeque<Pending>,
    /// Index of the first of `messages` since the session began.
    first: u64,
    /// Index of the next message that was never sent in this session.
    unsent: u64,
    /// Where the message with an id is; never iterated.
    index: HashMap<Uuid, u64>,
    /// When which message is to be sent again: those in flight.
    retries: BTreeSet<(Time, u64)>,
    progress: Progress,
}

struct Pending {
    body: Bytes,
    id: Uuid,
    tries: u32,
    retry: Option<Time>,
    /// What became of it; told once everything before it is done too.
    done: Option<Result<(), PublishError>>,
}

impl Outgoing {
    pub(super) fn push(&mut self, body: Bytes, id: Uuid) {
        self.index.insert(id, self.first + self.messages.len() as u64);
        self.messages.push_back(Pending { body, id, tries: 0, retry: None, done: None });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn take_progress(&mut self) -> Progress {
        std::mem::take(&mut self.progress)
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.retries.first().map(|(at, _)| *at)
    }

    /// Gives up what was sent often enough.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        let due: Vec<u64> = self.retries.range(..=(now, u64::MAX)).map(|(_, index)| *index).collect();
        for index in due {
            if let Some(message) = self.get(index)
                && message.tries >= MOST_TRIES
            {
                let tries = message.tries;
                self.finish(index, Err(PublishError::NotAcknowledged { tries }));
            }
        }
    }

    /// A new session: what was in flight is sent again, from the beginning.
    pub(super) fn send_again(&mut self) {
        self.retries.clear();
        self.unsent = self.first;
        for message in &mut self.messages {
            message.retry = None;
            message.tries = 0;
        }
    }

    /// The next envelope to be sent: what is due again, then what is new, within the bound of what is in flight.
    pub(super) fn next_envelope(&mut self, now: Time) -> Option<Vec<u8>> {
        let again = self.retries.first().filter(|(at, _)| *at <= now).map(|(_, index)| *index);
        if let Some(index) = again {
            return self.send(now, index);
        }
        while self.retries.len() < MOST_IN_FLIGHT && self.unsent < self.first + self.messages.len() as u64 {
            let index = self.unsent;
            self.unsent += 1;
            if self.get(index).is_some_and(|message| message.done.is_none()) {
                return self.send(now, index);
            }
        }
        None
    }

    /// The daemon has taken the message with this id. False: there is none.
    pub(super) fn acknowledge(&mut self, id: &[u8]) -> bool {
        self.complete(id, Ok(()))
    }

    /// The daemon has refused the message with this id. False: there is none.
    pub(super) fn refuse(&mut self, id: &[u8], refusal: Refusal) -> bool {
        self.complete(id, Err(PublishError::Refused(refusal)))
    }

    fn complete(&mut self, id: &[u8], result: Result<(), PublishError>) -> bool {
        let Some(index) = Uuid::try_from(id).ok().and_then(|id| self.index.get(&id).copied()) else {
            return false;
        };
        self.finish(index, result);
        true
    }

    fn finish(&mut self, index: u64, result: Result<(), PublishError>) {
        let Some(message) = self.get(index) else { return };
        message.done.get_or_insert(result);
        let retry = message.retry.take();
        self.retries.remove(&(retry.unwrap_or_default(), index));
        while let Some(done) = self.messages.front_mut().and_then(|message| message.done.take()) {
            let Some(message) = self.messages.pop_front() else { break };
            self.index.remove(&message.id);
            self.progress.failures.extend(done.err().map(|error| (self.progress.messages, error)));
            self.progress.messages += 1;
            self.progress.bytes += message.body.len();
            self.first += 1;
        }
        self.unsent = self.unsent.max(self.first);
    }

    fn send(&mut self, now: Time, index: u64) -> Option<Vec<u8>> {
        let message = self.get(index)?;
        let wait = (FIRST_RETRY * 2u32.saturating_pow(message.tries)).min(LONGEST_RETRY);
        message.tries += 1;
        let before = message.retry.replace(now + wait);
        let (body, id) = (message.body.clone(), message.id);
        self.retries.remove(&(before.unwrap_or_default(), index));
        self.retries.insert((now + wait, index));
        // Our own encoding.
        let message = Message::read(&body).ok()?;
        let mut out = Vec::new();
        envelope::put(message.event_type, message.payload, &id, &mut out);
        Some(out)
    }

    fn get(&mut self, index: u64) -> Option<&mut Pending> {
        let place = index.checked_sub(self.first)?;
        self.messages.get_mut(usize::try_from(place).ok()?)
    }
}

/// Messages sent and not acknowledged at a time: protocol 1 has no window, and the daemon's socket has one.
const MOST_IN_FLIGHT: usize = 256;
/// Times a message is sent in one session before it is given up: 0.5 + 1 + 2 + 5 × 4 s.
pub(super) const MOST_TRIES: u32 = 8;
