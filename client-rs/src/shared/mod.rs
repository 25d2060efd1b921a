//! What the application's handles and the driver's task share.
//!
//! One lock for publishing and commands, one for each subscription. The driver says under the lock that it goes to sleep, so
//! that a busy driver costs publishers no wake-up.

mod command;
mod inbox;
mod outbox;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::sync::{Notify, broadcast, watch};

pub(crate) use command::{Answer, Command, RequestSlots, Work};
pub(crate) use inbox::{Inbox, Level};
pub(crate) use outbox::{Accepted, Chunk, Full, Outbox};

use crate::{
    Event, Name, Protocol, Refusal,
    error::PublishError,
    event::EVENTS_KEPT,
    options::{Bound, Options},
};

/// The state shared by one client's handles and its driver.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Wakes the driver; used only when it has said that it sleeps.
    pub(crate) driver: Notify,
    /// The window has room again, or the client is closed.
    room: Notify,
    /// A type is taken again, or the client is closed.
    resumed: Notify,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) requests: RequestSlots,
    pub(crate) protocol: Protocol,
    pub(crate) buffer: Bound,
}

#[derive(Debug)]
struct State {
    outbox: Outbox,
    commands: Vec<Command>,
    /// The driver sleeps, or is about to.
    asleep: bool,
    /// A reader has made room in an inbox because of which the daemon is held back.
    release: bool,
    /// Nothing is accepted any more.
    closed: bool,
    /// The driver has ended.
    finished: bool,
}

/// Where the client stands with the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// No session yet, or none any more; what has been learnt while trying.
    Connecting { unreachable: bool, refused: Option<Refusal> },
    /// A session with the daemon of this name.
    Connected(Name),
    /// The driver has ended.
    Closed,
}

impl Shared {
    pub(crate) fn new(options: &Options, instance: i64) -> Self {
        Shared {
            state: Mutex::new(State {
                outbox: Outbox::new(instance, options.window),
                commands: Vec::new(),
                asleep: false,
                release: false,
                closed: false,
                finished: false,
            }),
            driver: Notify::new(),
            room: Notify::new(),
            resumed: Notify::new(),
            events: broadcast::Sender::new(EVENTS_KEPT),
            status: watch::Sender::new(Status::Connecting { unreachable: false, refused: None }),
            requests: RequestSlots::new(),
            protocol: options.protocol,
            buffer: options.buffer,
        }
    }

    /// Accepts a message for publishing if there is room now. The outer error is final, the inner one passes.
    pub(crate) fn try_accept(
        &self,
        event_type: &[u8],
        payload: &[u8],
    ) -> Result<Result<Accepted, Full>, PublishError> {
        let mut state = self.lock();
        if state.closed {
            return Err(PublishError::Closed);
        }
        let accepted = state.outbox.push(event_type, payload);
        if accepted.is_ok() {
            self.wake_driver(state);
        }
        Ok(accepted)
    }

    /// Accepts a message for publishing as soon as there is room; returns its index. Who publishes in a row gives the driver its
    /// turn now and then: on a runtime of one thread nothing would be sent before the window is full.
    pub(crate) async fn accept(&self, event_type: &[u8], payload: &[u8]) -> Result<u64, PublishError> {
        let accepted = self.accept_when_free(event_type, payload).await?;
        if accepted.turn_over {
            tokio::task::yield_now().await;
        }
        Ok(accepted.index)
    }

    async fn accept_when_free(&self, event_type: &[u8], payload: &[u8]) -> Result<Accepted, PublishError> {
        loop {
            let full = match self.try_accept(event_type, payload)? {
                Ok(accepted) => return Ok(accepted),
                Err(full) => full,
            };
            let changed = match full {
                Full::Window => self.room.notified(),
                Full::Paused => self.resumed.notified(),
            };
            tokio::pin!(changed);
            // From here on no change is missed: try once more before waiting for one.
            changed.as_mut().enable();
            self.lock().outbox.crowded |= full == Full::Window;
            match self.try_accept(event_type, payload)? {
                Ok(accepted) => return Ok(accepted),
                Err(same) if same == full => changed.await,
                Err(_) => {}
            }
        }
    }

    /// Whether nothing is accepted any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Messages accepted so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.lock().outbox.accepted()
    }

    /// Whether the message at this index is done, and how.
    pub(crate) fn poll_done(&self, index: u64, context: &mut Context<'_>) -> Poll<Result<(), PublishError>> {
        let mut state = self.lock();
        match state.outbox.poll_done(index, context) {
            Poll::Pending if state.finished => Poll::Ready(Err(PublishError::Closed)),
            poll => poll,
        }
    }

    /// The first failed message at this index or later.
    pub(crate) fn first_failure(&self, from: u64) -> Option<PublishError> {
        self.lock().outbox.first_failure(from)
    }

    /// Hands the driver a command; gives it back where the client is closed.
    pub(crate) fn command(&self, command: Command) -> Result<(), Command> {
        let mut state = self.lock();
        if state.closed {
            return Err(command);
        }
        state.closed = matches!(command, Command::Close { .. });
        let closed = state.closed;
        state.commands.push(command);
        self.wake_driver(state);
        if closed {
            self.room.notify_waiters();
            self.resumed.notify_waiters();
        }
        Ok(())
    }

    /// A reader has emptied an inbox because of which the daemon was held back.
    pub(crate) fn release(&self) {
        let mut state = self.lock();
        state.release = true;
        self.wake_driver(state);
    }

    /// For the driver: takes what there is to do into `work`. Where there is nothing, says that the driver goes to sleep.
    pub(crate) fn take_work(&self, work: &mut Work, may_sleep: bool) -> bool {
        let mut state = self.lock();
        let some = state.outbox.has_chunk() || !state.commands.is_empty() || state.release;
        if !some {
            state.asleep = may_sleep;
            return false;
        }
        if state.outbox.has_chunk() {
            work.chunk = state.outbox.take(std::mem::take(&mut work.chunk));
        }
        work.commands.append(&mut state.commands);
        work.release |= std::mem::take(&mut state.release);
        true
    }

    /// For the driver: changes the outbox under the lock, then wakes who waits for what has changed.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Outbox, &mut Vec<Waker>)) {
        let mut wakers = Vec::new();
        let mut state = self.lock();
        change(&mut state.outbox, &mut wakers);
        let room = state.outbox.crowded && state.outbox.has_room();
        state.outbox.crowded &= !room;
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        if room {
            self.room.notify_waiters();
        }
    }

    /// For the driver: some types are taken again.
    pub(crate) fn resumed(&self) {
        self.resumed.notify_waiters();
    }

    /// For the driver as it ends, however it ends: nothing is accepted any more and everybody who waits hears of it.
    pub(crate) fn finish(&self) -> Vec<Command> {
        let mut wakers = Vec::new();
        let mut state = self.lock();
        state.closed = true;
        state.finished = true;
        let commands = std::mem::take(&mut state.commands);
        state.outbox.wake_all(&mut wakers);
        drop(state);
        self.status.send_replace(Status::Closed);
        wakers.into_iter().for_each(Waker::wake);
        self.room.notify_waiters();
        self.resumed.notify_waiters();
        self.requests.close();
        let _ = self.events.send(Event::Closed);
        commands
    }

    fn wake_driver(&self, mut state: MutexGuard<'_, State>) {
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.driver.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two consistent states.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
