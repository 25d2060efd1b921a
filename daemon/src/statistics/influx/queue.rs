//! Batches that wait for the server, oldest first, no more than so many.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
};

use tokio::sync::Notify;

use super::{Counts, line::Batch};

/// A bounded queue with one taker.
pub(super) struct Queue {
    held: Mutex<Held>,
    changed: Notify,
    counts: Arc<Counts>,
}

struct Held {
    batches: VecDeque<Arc<Batch>>,
    most: usize,
    closed: bool,
}

impl Queue {
    /// An empty one for so many batches.
    pub(super) fn new(most: usize, counts: Arc<Counts>) -> Self {
        let held = Held { batches: VecDeque::new(), most: most.max(1), closed: false };
        Queue { held: Mutex::new(held), changed: Notify::new(), counts }
    }

    /// Holds so many batches from now on; beyond that the oldest are dropped and counted.
    pub(super) fn hold(&self, most: usize) {
        let mut held = self.held();
        held.most = most.max(1);
        self.make_room(&mut held, 0);
        self.tell_length(&held);
    }

    /// What has become of points.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Appends a batch. Beyond the bound the oldest is dropped and its points are counted.
    pub(super) fn push(&self, batch: Batch) {
        let mut held = self.held();
        self.make_room(&mut held, 1);
        held.batches.push_back(Arc::new(batch));
        self.tell_length(&held);
        self.changed.notify_one();
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.held().closed = true;
        self.changed.notify_one();
    }

    /// Waits for the oldest batch, which stays; `None`: there is none and none will come.
    pub(super) async fn oldest(&self) -> Option<Arc<Batch>> {
        loop {
            {
                let held = self.held();
                match held.batches.front() {
                    Some(oldest) => return Some(Arc::clone(oldest)),
                    None if held.closed => return None,
                    None => {}
                }
            }
            self.changed.notified().await;
        }
    }

    /// The server has this batch. One that was dropped meanwhile counts as both.
    pub(super) fn written(&self, batch: &Arc<Batch>) {
        self.counts.written.fetch_add(batch.points, Relaxed);
        self.remove(batch);
    }

    /// The server will never take this batch.
    pub(super) fn refused(&self, batch: &Arc<Batch>) {
        self.counts.refused.fetch_add(batch.points, Relaxed);
        self.remove(batch);
    }

    /// Takes the batch out, unless it had to make room while it was being sent.
    fn remove(&self, batch: &Arc<Batch>) {
        let mut held = self.held();
        if held.batches.front().is_some_and(|oldest| Arc::ptr_eq(oldest, batch)) {
            held.batches.pop_front();
        }
        self.tell_length(&held);
    }

    /// Drops the oldest so that this many more fit.
    fn make_room(&self, held: &mut Held, more: usize) {
        while held.batches.len() + more > held.most
            && let Some(oldest) = held.batches.pop_front()
        {
            self.counts.dropped.fetch_add(oldest.points, Relaxed);
        }
    }

    fn tell_length(&self, held: &Held) {
        self.counts.waiting.store(held.batches.len() as u64, Relaxed);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(points: u64) -> Batch {
        Batch { lines: points.to_string(), points }
    }

    #[tokio::test]
    async fn the_oldest_goes_first_and_gives_way_first() {
        let counts = Counts::new();
        let queue = Queue::new(2, Arc::clone(&counts));
        for points in [1, 10, 100] {
            queue.push(batch(points));
        }
        assert_eq!((counts.read().dropped, counts.read().waiting), (1, 2));
        let oldest = queue.oldest().await.expect("some");
        assert_eq!(oldest.points, 10);
        // It gives way while it is being sent: what comes behind it stays.
        queue.push(batch(1_000));
        queue.written(&oldest);
        assert_eq!(queue.oldest().await.expect("some").points, 100);
        assert_eq!((counts.read().dropped, counts.read().written, counts.read().waiting), (11, 10, 2));
        for _ in 0..2 {
            queue.refused(&queue.oldest().await.expect("some"));
        }
        queue.close();
        assert!(queue.oldest().await.is_none());
        assert_eq!((counts.read().refused, counts.read().waiting), (1_100, 0));
    }

    #[tokio::test]
    async fn a_smaller_bound_drops_the_oldest() {
        let counts = Counts::new();
        let queue = Queue::new(4, Arc::clone(&counts));
        for points in [1, 10, 100, 1_000] {
            queue.push(batch(points));
        }
        queue.hold(2);
        assert_eq!((counts.read().dropped, counts.read().waiting), (11, 2));
        assert_eq!(queue.oldest().await.expect("some").points, 100);
        queue.hold(3);
        queue.push(batch(10_000));
        assert_eq!((counts.read().dropped, counts.read().waiting), (11, 3));
    }
}
