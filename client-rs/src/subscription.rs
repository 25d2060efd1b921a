//! Reading what one has subscribed to.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    Delivery, Name, Selection,
    client::Handle,
    shared::{Command, Inbox},
};

/// What happens when a subscriber reads too slowly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowPolicy {
    /// Nothing is lost: the daemon keeps the messages, and when its queue is full too, publishers of the type are held back.
    #[default]
    Wait,
    /// The oldest undelivered messages are dropped and counted, so that what is read is recent and nobody is held back.
    DropOldest,
}

/// The deliveries of some event types, from [`Client::subscribe`](crate::Client::subscribe). Dropping it unsubscribes.
///
/// Each message comes once, in its publisher's order. A bounded number waits for the reader
/// ([`Options::subscription_buffer`](crate::Options::subscription_buffer)). With [`SlowPolicy::Wait`] a full buffer holds the daemon back,
/// which keeps back all deliveries of this client, its other subscriptions' too: give a slow reader a client of its own.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/mod.rs"));
/// # use gossiperl_client::SlowPolicy;
/// # fn main() { run(async {
/// # let daemon = Daemon::start().await;
/// # let (publisher, client) = (daemon.client("shop").await, daemon.client("billing").await);
/// let mut orders = client.subscribe(["orders"], SlowPolicy::Wait).await?;
/// # publisher.publish("orders", "one of these").await?;
/// if let Some(order) = orders.next().await {
///     assert_eq!(order.payload(), b"one of these");
/// }
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct Subscription {
    selection: Selection,
    ready: VecDeque<Delivery>,
    live: bool,
}

impl Subscription {
    pub(crate) fn new(handle: Arc<Handle>, id: u64, types: Vec<Name>, inbox: Arc<Inbox>) -> Self {
        Subscription {
            selection: Selection::new(handle, id, types, inbox),
            ready: VecDeque::new(),
            live: true,
        }
    }

    /// The event types it is for.
    pub fn event_types(&self) -> Vec<Name> {
        self.selection.event_types()
    }

    /// A handle that changes the event types while the subscription is read.
    pub fn selection(&self) -> Selection {
        self.selection.clone()
    }

    /// The next delivery; `None` when the client is closed and everything has been read. Cancel safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The next delivery if one waits.
    pub fn try_next(&mut self) -> Option<Delivery> {
        if self.ready.is_empty() {
            let _ = self.poll_ready(None);
        }
        self.ready.pop_front()
    }

    /// Waits for deliveries and returns what is there, at most `max` (at least 1). Empty only when the client is closed and
    /// everything has been read. Cancel safe. Cheaper than [`next`](Self::next) where many come.
    pub async fn next_batch(&mut self, max: usize) -> Vec<Delivery> {
        if poll_fn(|context| self.poll_ready(Some(context))).await.is_none() {
            return Vec::new();
        }
        let count = self.ready.len().min(max.max(1));
        self.ready.drain(..count).collect()
    }

    /// As [`next`](Self::next), for those who write their own futures and streams.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.poll_ready(Some(context)).map(|some| some.and_then(|()| self.ready.pop_front()))
    }

    /// Deliveries lost in this client to [`SlowPolicy::DropOldest`]; what the daemon dropped is told by
    /// [`Event::Dropped`](crate::Event::Dropped).
    pub fn dropped(&self) -> u64 {
        self.selection.inbox.dropped()
    }

    /// Ends the subscription and waits until the daemon knows. What had been delivered can be read from the result.
    pub async fn unsubscribe(mut self) -> Vec<Delivery> {
        self.live = false;
        if let Some((done, answer)) = self.selection.handle.shared.requests.answer().await {
            let command = Command::Unsubscribe { id: self.selection.id, types: None, done: Some(done) };
            if self.selection.handle.shared.command(command).is_ok() {
                let _ = answer.await;
            }
        }
        let mut rest: Vec<Delivery> = self.ready.drain(..).collect();
        while let Poll::Ready(Some(())) = self.poll_ready(None) {
            rest.extend(self.ready.drain(..));
        }
        rest
    }

    /// Ready once at least one delivery is in `ready`, or none will come any more.
    fn poll_ready(&mut self, context: Option<&mut Context<'_>>) -> Poll<Option<()>> {
        if !self.ready.is_empty() {
            return Poll::Ready(Some(()));
        }
        self.selection.inbox.poll_swap(&mut self.ready, context).map(|swapped| {
            swapped.map(|held| {
                if held {
                    self.selection.handle.shared.release();
                }
            })
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.selection.handle.subscription_ended();
        if self.live {
            let _ = self.selection.handle.shared.command(Command::Unsubscribe {
                id: self.selection.id,
                types: None,
                done: None,
            });
        }
    }
}
