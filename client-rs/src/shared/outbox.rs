//! What has been published and not yet acknowledged, between the application and the driver.
//!
//! Messages are encoded where they are published, one behind the other into a chunk that the driver takes whole. They are
//! acknowledged in the order of publishing, so one number says how far: no channel and no allocation for each.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    task::{Context, Poll, Waker},
};

use gossiperl_idl::message::Message;

use crate::{Name, error::PublishError, options::Bound};

/// The publishing side of a client's shared state.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// The client's instance: the publisher of its messages.
    instance: i64,
    window: Bound,
    /// Bodies of Message frames published since the driver took the last chunk.
    chunk: Chunk,
    /// Messages ever accepted; the next one's index.
    accepted: u64,
    /// Messages with an index below it are done.
    acknowledged: u64,
    /// Bytes of the bodies accepted and not done.
    bytes: usize,
    /// Types the daemon does not take for now, at most [`PAUSED_KEPT`].
    paused: HashSet<Name>,
    /// Who waits for which message, by index.
    waiters: VecDeque<(u64, Waker)>,
    /// Messages that were done without success, at most [`FAILURES_KEPT`].
    failures: BTreeMap<u64, PublishError>,
    /// Somebody waits for room or for a type to be taken again.
    pub(crate) crowded: bool,
}

/// Encoded messages: their bodies, and where each ends.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: Vec<usize>,
}

/// A message that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// Its place in the order of acknowledgement.
    pub(crate) index: u64,
    /// So much waits for the driver by now that it should have its turn.
    pub(crate) turn_over: bool,
}

/// Why a message is not accepted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Window,
    Paused,
}

impl Outbox {
    pub(crate) fn new(instance: i64, window: Bound) -> Self {
        Outbox {
            instance,
            window,
            chunk: Chunk::default(),
            accepted: 0,
            acknowledged: 0,
            bytes: 0,
            paused: HashSet::new(),
            waiters: VecDeque::new(),
            failures: BTreeMap::new(),
            crowded: false,
        }
    }

    /// Accepts a message of checked type and length.
    #[inline]
    pub(crate) fn push(&mut self, event_type: &[u8], payload: &[u8]) -> Result<Accepted, Full> {
        if !self.paused.is_empty() && self.paused.contains(event_type) {
            return Err(Full::Paused);
        }
        let outstanding = self.accepted - self.acknowledged;
        let message = Message {
            event_type,
            payload,
            publisher: self.instance,
            sequence: sequence_of(self.accepted),
            envelope_id: None,
            verbatim: false,
        };
        let length = message.encoded_len();
        if outstanding > 0
            && (outstanding >= self.window.messages as u64 || self.bytes + length > self.window.bytes)
        {
            return Err(Full::Window);
        }
        let before = self.chunk.bytes.len();
        message.write(&mut self.chunk.bytes);
        self.chunk.ends.push(self.chunk.bytes.len());
        self.bytes += length;
        self.accepted += 1;
        let turn_over = before / TURN != self.chunk.bytes.len() / TURN;
        Ok(Accepted { index: self.accepted - 1, turn_over })
    }

    /// Whether messages wait to be taken.
    pub(crate) fn has_chunk(&self) -> bool {
        !self.chunk.ends.is_empty()
    }

    /// What was published since the last call. `used` is an empty chunk whose list of ends is used again.
    pub(crate) fn take(&mut self, mut used: Chunk) -> Chunk {
        // As much again as last time, so that a steady stream grows its chunk only once.
        used.bytes = Vec::with_capacity(self.chunk.bytes.len().min(CHUNK_HINT));
        std::mem::replace(&mut self.chunk, used)
    }

    /// Messages accepted so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// All messages below `upto` are done, which frees `bytes` of the window. Adds who is to be woken to `wakers`.
    pub(crate) fn acknowledge(&mut self, upto: u64, bytes: usize, wakers: &mut Vec<Waker>) {
        self.acknowledged = upto;
        self.bytes = self.bytes.saturating_sub(bytes);
        while self.waiters.front().is_some_and(|(index, _)| *index < upto) {
            wakers.extend(self.waiters.pop_front().map(|(_, waker)| waker));
        }
    }

    /// The message at this index is done without success; to be said before [`acknowledge`](Self::acknowledge).
    pub(crate) fn fail(&mut self, index: u64, error: PublishError) {
        self.failures.insert(index, error);
        if self.failures.len() > FAILURES_KEPT {
            self.failures.pop_first();
        }
    }

    /// Whether those who wait for room should try again: half the window is free, or everything is done.
    pub(crate) fn has_room(&self) -> bool {
        let outstanding = self.accepted - self.acknowledged;
        outstanding == 0
            || (outstanding <= self.window.messages as u64 / 2 && self.bytes <= self.window.bytes / 2)
    }

    /// Whether the message at this index is done, and how; otherwise it wakes the task then.
    pub(crate) fn poll_done(
        &mut self,
        index: u64,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError>> {
        if index < self.acknowledged {
            return Poll::Ready(self.failures.remove(&index).map_or(Ok(()), Err));
        }
        // Several may wait for one message, flushes and who published it, and each may ask often.
        let place = self.waiters.partition_point(|(other, _)| *other < index);
        let mut same = self.waiters.range(place..).take_while(|(other, _)| *other == index);
        if !same.any(|(_, waker)| waker.will_wake(context.waker())) {
            self.waiters.insert(place, (index, context.waker().clone()));
        }
        Poll::Pending
    }

    /// The first failure at `from` or later, if there was one; takes it away.
    pub(crate) fn first_failure(&mut self, from: u64) -> Option<PublishError> {
        let index = *self.failures.range(from..).next()?.0;
        self.failures.remove(&index)
    }

    /// Wakes everybody: the client is closed.
    pub(crate) fn wake_all(&mut self, wakers: &mut Vec<Waker>) {
        wakers.extend(self.waiters.drain(..).map(|(_, waker)| waker));
    }

    /// Messages of the type are not accepted for now. Beyond [`PAUSED_KEPT`] types they are, and the window holds them.
    pub(crate) fn pause(&mut self, event_type: Name) {
        if self.paused.len() < PAUSED_KEPT {
            self.paused.insert(event_type);
        }
    }

    /// Messages of the type are accepted again.
    pub(crate) fn resume(&mut self, event_type: &[u8]) {
        self.paused.remove(event_type);
    }

    /// Messages of all types are accepted again: a new session says anew what is paused.
    pub(crate) fn resume_all(&mut self) {
        self.paused.clear();
    }
}

/// The sequence of the message with this index: from 1.
fn sequence_of(index: u64) -> i64 {
    index as i64 + 1
}

/// Bytes after which a publisher gives the driver its turn: two datagrams, so that one is sent while the other is filled.
const TURN: usize = 120_000;
/// Types of which it is remembered that they are paused.
const PAUSED_KEPT: usize = 4_096;
/// Failed messages remembered for those who published them, the newest ones.
const FAILURES_KEPT: usize = 4_096;
/// Most bytes a chunk starts with.
const CHUNK_HINT: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(messages: usize, bytes: usize) -> Outbox {
        Outbox::new(7, Bound { messages, bytes })
    }

    #[test]
    fn messages_are_taken_in_order_and_number_themselves() {
        let mut outbox = outbox(10, 1_000);
        assert_eq!(outbox.push(b"a", b"one").map(|accepted| accepted.index), Ok(0));
        assert_eq!(outbox.push(b"b", b"two").map(|accepted| accepted.index), Ok(1));
        let chunk = outbox.take(Chunk::default());
        let second = Message::read(&chunk.bytes[chunk.ends[0]..chunk.ends[1]]).unwrap();
        assert_eq!((second.event_type, second.payload), (&b"b"[..], &b"two"[..]));
        assert_eq!((second.publisher, second.sequence), (7, 2));
        assert!(!outbox.has_chunk());
    }

    #[test]
    fn the_window_bounds_messages_and_bytes_but_lets_one_of_any_size_through() {
        let mut few = outbox(2, 1_000);
        assert!(few.push(b"a", b"").is_ok() && few.push(b"a", b"").is_ok());
        assert_eq!(few.push(b"a", b""), Err(Full::Window));
        let mut small = outbox(10, 10);
        assert!(small.push(b"a", &[0; 100]).is_ok());
        assert_eq!(small.push(b"a", b""), Err(Full::Window));
        let taken = small.take(Chunk::default()).bytes.len();
        small.acknowledge(1, taken, &mut Vec::new());
        assert!(small.push(b"a", b"").is_ok());
    }

    #[test]
    fn a_paused_type_holds_back_only_itself() {
        let mut outbox = outbox(10, 1_000);
        outbox.pause(Name::from("a"));
        assert_eq!(outbox.push(b"a", b""), Err(Full::Paused));
        assert!(outbox.push(b"b", b"").is_ok());
        outbox.resume(b"a");
        assert!(outbox.push(b"a", b"").is_ok());
    }

    #[test]
    fn the_driver_has_its_turn_after_two_datagrams_and_again_after_two_more() {
        let mut outbox = outbox(1_000, 1 << 20);
        let turns = (0..100).filter(|_| outbox.push(b"a", &[0; 6_000]).unwrap().turn_over).count();
        assert_eq!(turns, 5);
        outbox.take(Chunk::default());
        assert!(!outbox.push(b"a", &[0; 6_000]).unwrap().turn_over);
    }

    #[test]
    fn waiters_are_woken_in_order_as_far_as_is_acknowledged() {
        let mut outbox = outbox(10, 1_000);
        for _ in 0..3 {
            outbox.push(b"a", b"").unwrap();
        }
        let mut context = Context::from_waker(Waker::noop());
        for index in [2, 0, 1] {
            assert!(outbox.poll_done(index, &mut context).is_pending());
        }
        outbox.fail(1, PublishError::Closed);
        let mut wakers = Vec::new();
        outbox.acknowledge(2, 0, &mut wakers);
        assert_eq!(wakers.len(), 2);
        assert_eq!(outbox.poll_done(0, &mut context), Poll::Ready(Ok(())));
        assert_eq!(outbox.poll_done(1, &mut context), Poll::Ready(Err(PublishError::Closed)));
        assert!(outbox.poll_done(2, &mut context).is_pending());
    }

    #[test]
    fn a_task_that_asks_again_and_again_waits_once() {
        struct Nobody;
        impl std::task::Wake for Nobody {
            fn wake(self: std::sync::Arc<Self>) {}
        }
        let mut outbox = outbox(10, 1_000);
        outbox.push(b"a", b"").unwrap();
        let tasks = [0; 2].map(|_| Waker::from(std::sync::Arc::new(Nobody)));
        for _ in 0..10 {
            for task in &tasks {
                assert!(outbox.poll_done(0, &mut Context::from_waker(task)).is_pending());
            }
        }
        assert_eq!(outbox.waiters.len(), 2);
    }
}
