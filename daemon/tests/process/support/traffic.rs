//! Numbered messages: published, and checked where they arrive.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gossiperl_client::{Client, SlowPolicy, Subscription};
use tokio::task::JoinHandle;

use super::soon;

/// The type of all of them.
pub(crate) const TYPE: &str = "numbers";
/// A mark that is no number.
const MARK: u64 = u64::MAX;

/// A message of `len` bytes, at least 8, with this number.
pub(crate) fn message(number: u64, len: usize) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend((8..len).map(|at| (number.wrapping_mul(31) as usize + at) as u8));
    bytes
}

/// The number of a message; fails where a byte of it is not as published.
pub(crate) fn number(payload: &[u8]) -> u64 {
    let number = u64::from_be_bytes(payload[..8].try_into().expect("8 bytes"));
    assert!(payload == message(number, payload.len()), "message {number} was changed on its way");
    number
}

/// Subscribers of the numbers, of which the publisher's daemon knows.
pub(crate) async fn subscribers(publisher: &Client, clients: &[Client]) -> Vec<Subscription> {
    let mut readers = Vec::new();
    for client in clients {
        let subscribed = client.subscribe([TYPE], SlowPolicy::Wait);
        readers.push(soon("a subscription", subscribed).await.expect("subscribed"));
    }
    soon("the subscriptions are known", known(publisher, &mut readers)).await;
    readers
}

/// Publishes marks until each reader has had one; the last of them has been read by each when this returns.
pub(crate) async fn known(publisher: &Client, readers: &mut [Subscription]) {
    for reader in readers.iter_mut() {
        while reader.try_next().is_none() {
            publisher.publish(TYPE, message(MARK, 8)).await.expect("taken");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // What is still on its way comes before it.
    publisher.publish(TYPE, message(MARK, 9)).await.expect("taken");
    for reader in readers {
        while reader.next().await.expect("open").payload().len() != 9 {}
    }
}

/// Publishes these numbers in messages of `len` bytes; returns when all are acknowledged.
pub(crate) async fn publish(publisher: &Client, numbers: std::ops::Range<u64>, len: usize) {
    let sender = publisher.publisher(TYPE).expect("a type");
    for number in numbers {
        sender.send(message(number, len)).await.expect("open");
    }
    sender.flush().await.expect("all are taken");
}

/// Publishes numbers at a modest pace from a task of its own, until it is ended.
pub(crate) struct Stream {
    ended: Arc<AtomicBool>,
    task: JoinHandle<u64>,
}

impl Stream {
    /// Messages of 8 bytes, numbered from `first`.
    pub(crate) fn start(publisher: &Client, first: u64) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (publisher, ending) = (publisher.clone(), Arc::clone(&ended));
        let task = tokio::spawn(async move {
            let mut next = first;
            while !ending.load(Ordering::Relaxed) {
                publish(&publisher, next..next + 10, 8).await;
                next += 10;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            next
        });
        Stream { ended, task }
    }

    /// Ends it, with everything acknowledged. The number behind its last.
    pub(crate) async fn end(self) -> u64 {
        self.ended.store(true, Ordering::Relaxed);
        soon("everything is acknowledged", self.task).await.expect("published")
    }
}

/// Reads exactly these numbers, in order, each once, and finds nothing behind them.
pub(crate) async fn receive(reader: &mut Subscription, numbers: std::ops::Range<u64>) {
    let mut expected = numbers.start;
    while expected < numbers.end {
        let batch = soon("more deliveries", reader.next_batch(1_000)).await;
        assert!(!batch.is_empty(), "closed after {expected}");
        for delivery in batch {
            assert_eq!(number(delivery.payload()), expected, "lost, twice, or out of order");
            expected += 1;
        }
    }
    assert!(reader.try_next().is_none(), "more than was published");
}
