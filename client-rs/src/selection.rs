//! Changing what a subscription is for.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Name,
    client::{Handle, checked_types},
    error::SubscribeError,
    shared::{Command, Inbox},
};

/// The event types of one [`Subscription`](crate::Subscription), which change while it is read. From
/// [`Subscription::selection`](crate::Subscription::selection).
///
/// One queue for types that come and go: what listens to many of them needs neither a task for each nor an order among them.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/mod.rs"));
/// # use gossiperl_client::SlowPolicy;
/// # fn main() { run(async {
/// # let daemon = Daemon::start().await;
/// # let (shop, client) = (daemon.client("shop").await, daemon.client("billing").await);
/// let mut messages = client.subscribe(["orders"], SlowPolicy::Wait).await?;
/// let selection = messages.selection();
///
/// selection.add(["refunds"]).await?;
/// shop.publish("refunds", "one apple").await?;
/// assert_eq!(messages.next().await.expect("open").event_type(), b"refunds");
///
/// selection.remove(["orders"]).await?;
/// assert_eq!(selection.event_types(), ["refunds"]);
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
pub struct Selection {
    pub(crate) handle: Arc<Handle>,
    pub(crate) id: u64,
    pub(crate) inbox: Arc<Inbox>,
    types: Arc<Mutex<BTreeSet<Name>>>,
}

impl Selection {
    pub(crate) fn new(handle: Arc<Handle>, id: u64, types: Vec<Name>, inbox: Arc<Inbox>) -> Self {
        Selection { handle, id, inbox, types: Arc::new(Mutex::new(types.into_iter().collect())) }
    }

    /// The event types it is for now, by name.
    pub fn event_types(&self) -> Vec<Name> {
        self.types().iter().cloned().collect()
    }

    /// Adds event types, and waits until the daemon serves them; while there is no session, until there is one. Those it has already are left as they are.
    ///
    /// Given up before its end, the types may have been added or not.
    ///
    /// # Errors
    ///
    /// As [`Client::subscribe`](crate::Client::subscribe): none of the new types is added then. [`SubscribeError::Ended`] where the subscription was dropped.
    pub async fn add<I>(&self, types: I) -> Result<(), SubscribeError>
    where
        I: IntoIterator,
        I::Item: Into<Name>,
    {
        let types = checked_types(types.into_iter().map(Into::into))?;
        let (done, answer) = self.handle.shared.requests.answer().await.ok_or(SubscribeError::Closed)?;
        let inbox = Arc::clone(&self.inbox);
        let command = Command::Subscribe { id: self.id, types: types.clone(), inbox, done };
        self.handle.shared.command(command).map_err(|_| SubscribeError::Closed)?;
        answer.await.unwrap_or(Err(SubscribeError::Closed))?;
        self.types().extend(types);
        Ok(())
    }

    /// Takes event types away, and waits until the daemon knows. Those it does not have are left out; with none left, the subscription is still there.
    /// What was delivered before can still be read.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add), but nothing is refused.
    pub async fn remove<I>(&self, types: I) -> Result<(), SubscribeError>
    where
        I: IntoIterator,
        I::Item: Into<Name>,
    {
        let types = checked_types(types.into_iter().map(Into::into))?;
        let (done, answer) = self.handle.shared.requests.answer().await.ok_or(SubscribeError::Closed)?;
        let command = Command::Unsubscribe { id: self.id, types: Some(types.clone()), done: Some(done) };
        self.handle.shared.command(command).map_err(|_| SubscribeError::Closed)?;
        // From here on nothing of these types comes, whatever the daemon says.
        self.types().retain(|event_type| !types.contains(event_type));
        answer.await.map_err(|_| SubscribeError::Closed)
    }

    fn types(&self) -> MutexGuard<'_, BTreeSet<Name>> {
        // Nothing panics between two consistent states.
        self.types.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
