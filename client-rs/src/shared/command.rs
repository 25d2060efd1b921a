//! What the handles ask of the driver, other than publishing.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{Chunk, Inbox};
use crate::{
    Member, Name,
    error::{MembersError, SubscribeError},
    members::Roster,
};

/// A request to the driver.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve a subscription, or one that there is with more types.
    Subscribe { id: u64, types: Vec<Name>, inbox: Arc<Inbox>, done: Answer<Result<(), SubscribeError>> },
    /// End a subscription, or take these types from it.
    Unsubscribe { id: u64, types: Option<Vec<Name>>, done: Option<Answer<()>> },
    /// Ask for the members now.
    Members { done: Answer<Result<Vec<Member>, MembersError>> },
    /// Keep the roster up to date from now on.
    Watch { done: Answer<Result<Arc<Roster>, MembersError>> },
    /// Another key of the overlay's ring.
    AddKey { key: zeroize::Zeroizing<Vec<u8>> },
    /// End the session once what was published is acknowledged, or the time is over.
    Close { within: Duration },
}

/// Where the answer to a request goes. Holds the request's slot until then.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    sender: oneshot::Sender<T>,
    _slot: Option<OwnedSemaphorePermit>,
}

impl<T> Answer<T> {
    /// Gives the answer; nobody may be there any more to hear it.
    pub(crate) fn give(self, value: T) {
        let _ = self.sender.send(value);
    }
}

/// Bounds the requests under way to [`REQUESTS`]; more wait.
#[derive(Debug)]
pub(crate) struct RequestSlots(Arc<Semaphore>);

impl RequestSlots {
    pub(crate) fn new() -> Self {
        RequestSlots(Arc::new(Semaphore::new(REQUESTS)))
    }

    /// Waits for a slot. `None`: the client is closed.
    pub(crate) async fn answer<T>(&self) -> Option<(Answer<T>, oneshot::Receiver<T>)> {
        let slot = Arc::clone(&self.0).acquire_owned().await.ok()?;
        let (sender, receiver) = oneshot::channel();
        Some((Answer { sender, _slot: Some(slot) }, receiver))
    }

    /// Nobody gets a slot any more.
    pub(crate) fn close(&self) {
        self.0.close();
    }
}

/// What the driver took from the shared state at once.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) chunk: Chunk,
    pub(crate) commands: Vec<Command>,
    pub(crate) release: bool,
}

/// Requests of one client under way at once.
const REQUESTS: usize = 256;
