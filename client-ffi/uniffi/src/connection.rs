//! The client as an object.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gossiperl_bindings::{Connection as Core, Kind, Name, State};
use tokio::sync::Notify;

use crate::{ConnectOptions, Failure, rows};

/// A client of one overlay. Every method may be called from any thread.
#[derive(uniffi::Object)]
pub struct Connection {
    core: Core,
    /// Batches that were waited for and not yet taken, as they cross. Each waiter adds one at most, and none while one is there.
    waiting: Mutex<VecDeque<Vec<u8>>>,
    /// Wakes one waiter, or the next.
    left: Notify,
}

/// Where a connection stands.
#[derive(uniffi::Record)]
pub struct Standing {
    /// `connecting`, `connected` or `closed`.
    pub state: String,
    /// The daemon's name while connected.
    pub daemon: Option<Vec<u8>>,
}

/// What waiting for events came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Waited {
    /// There is a batch to take, or another reader left some of its own.
    Events,
    /// The time is over.
    Nothing,
    /// The connection is closed, and everything has been read.
    Ended,
}

#[uniffi::export]
impl Connection {
    /// Starts one that connects in the background.
    #[uniffi::constructor]
    pub fn start(options: ConnectOptions) -> Result<Self, Failure> {
        Ok(Core::start(&options.into())?.into())
    }

    /// Connects, and waits for the first session.
    #[uniffi::constructor]
    pub async fn connect(options: ConnectOptions) -> Result<Self, Failure> {
        Ok(Core::connect(&options.into()).await?.into())
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        let state = self.core.state();
        let name = state.name().to_owned();
        let daemon =
            if let State::Connected(daemon) = state { Some(daemon.as_bytes().to_vec()) } else { None };
        Standing { state: name, daemon }
    }

    /// Subscribes, and waits until the daemon knows.
    pub async fn subscribe(&self, event_types: Vec<Vec<u8>>) -> Result<(), Failure> {
        Ok(self.core.subscribe(names(event_types)).await?)
    }

    /// Ends subscriptions, and waits until the daemon knows.
    pub async fn unsubscribe(&self, event_types: Vec<Vec<u8>>) -> Result<(), Failure> {
        Ok(self.core.unsubscribe(names(event_types)).await?)
    }

    /// The event types subscribed to.
    pub async fn subscriptions(&self) -> Vec<Vec<u8>> {
        self.core.subscriptions().await.iter().map(|name| name.as_bytes().to_vec()).collect()
    }

    /// Publishes, and waits for the acknowledgement.
    pub async fn publish(&self, event_type: Vec<u8>, payload: Vec<u8>) -> Result<(), Failure> {
        Ok(self.core.publish(event_type.into(), &payload).await?)
    }

    /// Hands over one message now; false where there is no room.
    pub fn hand_over(&self, event_type: Vec<u8>, payload: Vec<u8>) -> Result<bool, Failure> {
        match self.core.try_send(event_type.into(), &payload) {
            Ok(()) => Ok(true),
            Err(error) if error.kind == Kind::Busy => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Hands over the messages of a batch in order, each as soon as there is room, up to the first that fails.
    pub async fn hand_over_all(&self, batch: Vec<u8>) -> Result<(), Failure> {
        let messages = rows::messages(&batch)?;
        let messages =
            messages.into_iter().map(|(event_type, payload)| (event_type.into(), payload.to_vec()));
        Ok(self.core.send_all(messages.collect()).await?)
    }

    /// Waits until everything handed over is acknowledged.
    pub async fn flush(&self) -> Result<(), Failure> {
        Ok(self.core.flush().await?)
    }

    /// The members now, as a batch.
    pub async fn members(&self) -> Result<Vec<u8>, Failure> {
        Ok(rows::of_members(&self.core.members().await?))
    }

    /// The members now, as a batch; their changes are events from now on.
    pub async fn watch_members(&self) -> Result<Vec<u8>, Failure> {
        Ok(rows::of_members(&self.core.watch_members().await?))
    }

    /// Adds a key to open with.
    pub fn add_key(&self, key: Vec<u8>) -> Result<(), Failure> {
        Ok(self.core.add_key(&zeroize::Zeroizing::new(key))?)
    }

    /// Waits for a batch of at most `max` events, for `milliseconds` at most (`None`: for ever). It is there until it is taken, whatever becomes of the waiter.
    pub async fn wait(&self, max: i32, milliseconds: Option<i64>) -> Result<Waited, Failure> {
        if !self.waiting().is_empty() {
            return Ok(Waited::Events);
        }
        let max = usize::try_from(max).unwrap_or(1);
        let timeout = milliseconds.map(|time| Duration::from_millis(u64::try_from(time).unwrap_or(0)));
        let next = tokio::select! {
            biased;
            next = self.core.next_events(max, timeout) => next?,
            () = self.left.notified() => return Ok(Waited::Events),
        };
        Ok(match next {
            Some(events) if events.is_empty() => Waited::Nothing,
            Some(events) => {
                self.waiting().push_back(rows::of_events(&events));
                Waited::Events
            }
            None if self.waiting().is_empty() => Waited::Ended,
            None => Waited::Events,
        })
    }

    /// Wakes one that waits, or else the next: a reader has left events that it had taken. What it finds with [`take`](Self::take) may be nothing.
    pub fn nudge(&self) {
        self.left.notify_one();
    }

    /// The oldest batch that was waited for, or else a batch of at most `max` events that are there now; empty where there is nothing.
    pub fn take(&self, max: i32) -> Result<Vec<u8>, Failure> {
        if let Some(batch) = self.waiting().pop_front() {
            return Ok(batch);
        }
        let events = self.core.try_next_events(usize::try_from(max).unwrap_or(1))?;
        Ok(if events.is_empty() { Vec::new() } else { rows::of_events(&events) })
    }

    /// Ends subscriptions, and waits until everything published is acknowledged.
    pub async fn drain(&self) -> Result<(), Failure> {
        Ok(self.core.drain().await?)
    }

    /// Closes.
    pub async fn shut(&self) -> Result<(), Failure> {
        Ok(self.core.close().await?)
    }
}

impl Connection {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Vec<u8>>> {
        // Nothing panics between two consistent states.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Core> for Connection {
    fn from(core: Core) -> Self {
        Connection { core, waiting: Mutex::default(), left: Notify::new() }
    }
}

fn names(names: Vec<Vec<u8>>) -> Vec<Name> {
    names.into_iter().map(Name::from).collect()
}
