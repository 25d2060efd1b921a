//! Deliveries on their way from the driver to the reader of one subscription.
//!
//! Handed over in whole batches: the driver appends under one lock, the reader swaps the queue for its empty one.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use crate::{Delivery, SlowPolicy, options::Bound};

/// The queue of one subscription.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) policy: SlowPolicy,
    pub(crate) bound: Bound,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Delivery>,
    bytes: usize,
    waker: Option<Waker>,
    dropped: u64,
    ended: bool,
    /// The driver has held the daemon back because of this queue, and wants to hear when it is read.
    held: bool,
}

/// How full an inbox is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Inbox {
    pub(crate) fn new(policy: SlowPolicy, bound: Bound) -> Self {
        Inbox { policy, bound, state: Mutex::default() }
    }

    /// Appends what is in `batch` and wakes the reader. Where the policy is to drop the oldest, does so beyond the bound.
    /// Returns how full it is now and how many were dropped.
    pub(crate) fn append(&self, batch: &mut Vec<Delivery>) -> (Level, u64) {
        let mut state = self.lock();
        if state.ended {
            batch.clear();
            return (Level::default(), 0);
        }
        state.bytes += batch.iter().map(size).sum::<usize>();
        state.queue.extend(batch.drain(..));
        let dropped = if self.policy == SlowPolicy::DropOldest { state.drop_beyond(self.bound) } else { 0 };
        state.dropped += dropped;
        let (level, waker) = (state.level(), state.waker.take());
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        (level, dropped)
    }

    /// How full it is now.
    pub(crate) fn level(&self) -> Level {
        self.lock().level()
    }

    /// How full it is, for a driver that is about to hold the daemon back: the next read tells it.
    pub(crate) fn hold(&self) -> Level {
        let mut state = self.lock();
        state.held = !state.queue.is_empty();
        state.level()
    }

    /// Swaps everything that waits into `ready`, which must be empty; returns whether the driver wants to hear of it.
    /// `None`: the subscription has ended. Pending only with a context, which is woken then.
    pub(crate) fn poll_swap(
        &self,
        ready: &mut VecDeque<Delivery>,
        context: Option<&mut Context<'_>>,
    ) -> Poll<Option<bool>> {
        let mut state = self.lock();
        if state.queue.is_empty() {
            if state.ended {
                return Poll::Ready(None);
            }
            if let Some(context) = context {
                state.waker = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        std::mem::swap(&mut state.queue, ready);
        state.bytes = 0;
        Poll::Ready(Some(std::mem::take(&mut state.held)))
    }

    /// Nothing more comes; what waits can still be read.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether nothing more comes.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// Messages dropped by the policy in this client.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two consistent states.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn level(&self) -> Level {
        Level { messages: self.queue.len(), bytes: self.bytes }
    }

    fn drop_beyond(&mut self, bound: Bound) -> u64 {
        let mut dropped = 0;
        while self.queue.len() > 1 && (self.queue.len() > bound.messages || self.bytes > bound.bytes) {
            self.bytes -= self.queue.pop_front().as_ref().map_or(0, size);
            dropped += 1;
        }
        dropped
    }
}

impl Level {
    /// Whether a delivery of `len` bytes still fits `bound`, relaxed by `factor`. One of any size fits an empty inbox.
    pub(crate) fn has_room(&self, len: usize, bound: Bound, factor: usize) -> bool {
        self.messages == 0
            || (self.messages < bound.messages.saturating_mul(factor)
                && self.bytes + len <= bound.bytes.saturating_mul(factor))
    }
}

/// Bytes of a delivery as the bounds count them.
fn size(delivery: &Delivery) -> usize {
    delivery.bytes.len()
}
