//! The task that drives a session: socket, clock and locks on one side, the state machine on the other.
//!
//! Each round it reads what has come, takes what the application wants, tells the application what became of it, and sends.
//! It sleeps only when a whole round had nothing to do.

mod requests;
mod router;
mod socket;
mod start;

use std::{
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gossiperl_link::Time;
use tokio::time::Sleep;

use self::{
    requests::{Purpose, Requests, Typed, event_of, parts},
    router::Router,
    socket::{Outcome, Socket},
};
use crate::{
    DisconnectReason, Event, Name, Refusal,
    error::SubscribeError,
    session::{Notice, Progress, Session},
    shared::{Answer, Command, Outbox, Shared, Status, Work},
};

pub(crate) use start::start;

struct Driver {
    shared: Arc<Shared>,
    socket: Socket,
    session: Session,
    router: Router,
    requests: Requests,
    work: Work,
    start: Instant,
    /// The datagram being built.
    out: Vec<u8>,
    /// `out` is complete, but the socket had no room for it.
    unsent: bool,
    /// Messages of which the outbox knows that they are done.
    done: u64,
    /// Closing, and until when to wait for what was published.
    closing: Option<Time>,
}

impl Driver {
    async fn run(mut self) {
        let mut timer = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            let mut busy = self.receive();
            let now = self.now();
            self.session.handle_timeout(now);
            busy |= self.take_work(now, !busy);
            self.tell(now);
            busy |= self.transmit();
            if self.is_over(now) {
                break;
            }
            if busy {
                others_first().await;
            } else {
                self.sleep(timer.as_mut()).await;
            }
        }
        self.session.close();
        self.transmit();
    }

    /// Reads one batch of what has come: more of them would use up the daemon's window before it hears of the first.
    fn receive(&mut self) -> bool {
        let now = self.now();
        let (session, router) = (&mut self.session, &mut self.router);
        let outcome = self.socket.receive(|datagram| {
            session.handle_datagram(now, datagram, &mut |message| router.deliver(message));
        });
        match outcome {
            Outcome::Done => {}
            Outcome::Blocked => return false,
            Outcome::Unreachable => {
                self.session.handle_unreachable(now);
                return false;
            }
        }
        for (event_type, count) in self.router.flush() {
            self.tell_event(Event::Dropped { event_type, count });
        }
        true
    }

    /// Takes over what the application wants. Where there is nothing and `may_sleep`, the driver is to be woken from now on.
    fn take_work(&mut self, now: Time, may_sleep: bool) -> bool {
        let mut work = std::mem::take(&mut self.work);
        let some = self.shared.take_work(&mut work, may_sleep);
        if some {
            self.publish(now, &mut work);
            for command in work.commands.drain(..) {
                self.handle_command(now, command);
            }
            if std::mem::take(&mut work.release) && self.router.release() {
                self.session.release(now);
            }
        }
        self.work = work;
        some
    }

    fn publish(&mut self, now: Time, work: &mut Work) {
        let bytes = Bytes::from(std::mem::take(&mut work.chunk.bytes));
        let mut start = 0;
        for end in work.chunk.ends.drain(..) {
            self.session.publish(now, bytes.slice(start..end));
            start = end;
        }
    }

    fn handle_command(&mut self, now: Time, command: Command) {
        match command {
            // Its subscription was dropped before.
            Command::Subscribe { inbox, done, .. } if inbox.has_ended() => {
                done.give(Err(SubscribeError::Ended))
            }
            Command::Subscribe { id, types, inbox, done } => {
                let typed = self.router.add(id, &types, inbox);
                if typed.is_empty() {
                    // All of them were there, and asked for, before.
                    done.give(Ok(()));
                } else {
                    let types = typed.iter().map(|(event_type, _)| event_type.clone()).collect();
                    self.subscribe(now, &typed, Purpose::Subscribe { id, types, done });
                }
            }
            Command::Unsubscribe { id, types, done } => {
                // Gone already where it was refused.
                let removed = match types {
                    Some(types) => self.router.remove_types(id, &types),
                    None => self.router.remove(id),
                };
                self.unsubscribe(now, removed.unwrap_or_default(), done);
            }
            Command::Members { done } => {
                let request = self.session.request_members(now, false);
                self.requests.members(request, done);
            }
            Command::Watch { done } => {
                if self.requests.watch(done) {
                    let request = self.session.request_members(now, true);
                    self.requests.watching(request);
                }
            }
            Command::AddKey { key } => self.session.add_key(&key),
            Command::Close { within } => self.closing = Some(now + within),
        }
        self.update_urgency(now);
    }

    fn subscribe(&mut self, now: Time, typed: &[Typed], purpose: Purpose) {
        let requests: Vec<u64> = parts(typed).map(|part| self.session.subscribe(now, part)).collect();
        self.requests.group(&requests, purpose);
    }

    /// Has the daemon told of the types that nobody has any more, and of those that have another policy now.
    fn unsubscribe(&mut self, now: Time, (gone, changed): (Vec<Name>, Vec<Typed>), done: Option<Answer<()>>) {
        if self.router.release() {
            self.session.release(now);
        }
        if !changed.is_empty() {
            self.subscribe(now, &changed, Purpose::Silent);
        }
        if gone.is_empty() {
            if let Some(done) = done {
                done.give(());
            }
            return;
        }
        let requests: Vec<u64> = parts(&gone).map(|part| self.session.unsubscribe(now, part)).collect();
        self.requests.group(&requests, Purpose::Unsubscribe { types: gone, done });
    }

    /// Tells the application what has become of its messages and requests, and what has happened.
    fn tell(&mut self, now: Time) {
        let progress = self.session.take_progress();
        if progress != Progress::default() {
            let first = self.done;
            self.done += progress.messages;
            let done = self.done;
            self.shared.update(|outbox, wakers| {
                for (offset, error) in progress.failures {
                    outbox.fail(first + offset, error);
                }
                outbox.acknowledge(done, progress.bytes, wakers);
            });
        }
        while let Some(notice) = self.session.poll_notice() {
            self.handle_notice(now, notice);
        }
    }

    fn handle_notice(&mut self, now: Time, notice: Notice) {
        match notice {
            Notice::Connected { daemon, resumed } => {
                if !resumed {
                    self.resume(Outbox::resume_all);
                    self.requests.renewed();
                }
                self.shared.status.send_replace(Status::Connected(daemon.clone()));
                self.tell_event(Event::Connected { daemon, resumed });
            }
            Notice::Disconnected(reason) => {
                let unreachable = reason == DisconnectReason::Unreachable;
                self.shared.status.send_replace(Status::Connecting { unreachable, refused: None });
                self.tell_event(Event::Disconnected(reason));
            }
            Notice::Unreachable => self.shared.status.send_modify(|status| {
                if let Status::Connecting { unreachable, .. } = status {
                    *unreachable = true;
                }
            }),
            Notice::Refused(refusal) => {
                self.shared.status.send_modify(|status| {
                    if let Status::Connecting { refused, .. } = status {
                        *refused = Some(refusal.clone());
                    }
                });
                self.tell_event(Event::Refused(refusal));
            }
            Notice::Done { request, result } => {
                if let Some((purpose, result)) = self.requests.done(request, result) {
                    self.complete(now, purpose, result);
                }
                self.update_urgency(now);
            }
            Notice::Restored(types) => self.tell_event(Event::Subscribed(types)),
            Notice::Members { request, page, last } => {
                for event in self.requests.page(request, page, last) {
                    self.tell_event(Event::Member(event));
                }
                self.update_urgency(now);
            }
            Notice::Member(event) => {
                self.requests.member(&event);
                self.tell_event(Event::Member(event));
            }
            Notice::Paused(event_type) => {
                self.shared.update(|outbox, _| outbox.pause(event_type.clone()));
                self.tell_event(Event::Paused(event_type));
            }
            Notice::Resumed(event_type) => {
                self.resume(|outbox| outbox.resume(&event_type));
                self.tell_event(Event::Resumed(event_type));
            }
            Notice::Dropped { event_type, count } => self.tell_event(Event::Dropped { event_type, count }),
        }
    }

    fn complete(&mut self, now: Time, purpose: Purpose, result: Result<(), Refusal>) {
        match result {
            Ok(()) => {
                if let Some(event) = event_of(&purpose) {
                    self.tell_event(event);
                }
            }
            Err(ref refusal) => self.tell_event(Event::Refused(refusal.clone())),
        }
        match purpose {
            Purpose::Subscribe { id, types, done } => {
                if result.is_err() {
                    let removed = self.router.remove_types(id, &types).unwrap_or_default();
                    self.unsubscribe(now, removed, None);
                }
                done.give(result.map_err(SubscribeError::Refused));
            }
            Purpose::Unsubscribe { done: Some(done), .. } => done.give(()),
            Purpose::Unsubscribe { done: None, .. } | Purpose::Silent => {}
        }
    }

    fn resume(&mut self, change: impl FnOnce(&mut Outbox)) {
        self.shared.update(|outbox, _| change(outbox));
        self.shared.resumed();
    }

    fn update_urgency(&mut self, now: Time) {
        if self.router.set_urgent(self.requests.is_waiting()) {
            self.session.release(now);
        }
    }

    /// Sends what there is, within a bound, so that reading has its turn.
    fn transmit(&mut self) -> bool {
        for sent in 0..WRITES_A_ROUND {
            let now = self.now();
            if !self.unsent && !self.session.poll_transmit(now, &mut self.out) {
                return sent > 0;
            }
            let outcome = self.socket.send(&self.out);
            self.unsent = outcome == Outcome::Blocked;
            match outcome {
                Outcome::Done => {}
                Outcome::Blocked => return sent > 0,
                Outcome::Unreachable => self.session.handle_unreachable(now),
            }
        }
        true
    }

    /// Whether the client is closed and what was published is done, or the time for it over.
    fn is_over(&self, now: Time) -> bool {
        self.closing.is_some_and(|until| until <= now || self.session.is_flushed())
    }

    async fn sleep(&mut self, mut timer: Pin<&mut Sleep>) {
        let due = [self.session.poll_timeout(), self.closing].into_iter().flatten().min();
        let due = due.unwrap_or(self.now() + LONGEST_SLEEP);
        let deadline = tokio::time::Instant::from_std(self.start + due.since(Time::ZERO));
        // One that goes off early costs a round, setting it costs more.
        if timer.is_elapsed() || deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        tokio::select! {
            biased;
            () = self.socket.ready(self.unsent) => {}
            () = self.shared.driver.notified() => {}
            () = timer.as_mut() => {}
        }
    }

    fn tell_event(&self, event: Event) {
        tracing::debug!(?event, "client");
        // Nobody may be listening.
        let _ = self.shared.events.send(event);
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }
}

impl Drop for Driver {
    /// Also where the runtime ends and takes the task with it.
    fn drop(&mut self) {
        self.router.end();
        self.requests.end();
        for command in self.shared.finish() {
            if let Command::Subscribe { inbox, .. } = command {
                inbox.end();
            }
        }
    }
}

/// Lets the other tasks that are ready have their turn. tokio's `yield_now` also asks the system what else there is,
/// which a round does itself.
async fn others_first() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Datagrams sent before reading has its turn.
const WRITES_A_ROUND: usize = 8;
/// The timer is always set to something.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);
