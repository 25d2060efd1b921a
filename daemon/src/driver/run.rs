//! The task's loop.
//!
//! One turn takes one batch of datagrams, lets due timers run, and sends what that brought about, so that neither a flood
//! of datagrams nor a long queue starves the other or the failure detector's timers. While there is more to do, turns
//! follow each other without asking the system what is ready; after [`TURNS`] of them other tasks have their turn.

use std::{collections::BTreeMap, net::SocketAddr, pin::Pin, time::Duration};

use gossiperl_idl::Salt;
use gossiperl_overlay::{Config, Event, KeyOutcome, Overlay, Snapshot, State, Time, Transmit};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{Instant, Sleep, sleep_until},
};

use super::{
    Clock, GroupWatch, Joining, Keeping, Report, RingKeeping, Statistics, Train,
    command::{Command, Message},
    ring::Written,
    standing::{Refusal, Standing},
};
use crate::{
    config::OverlaySettings,
    random,
    socket::{At, BufferSizes, Buffers, Sent, Sockets},
};

/// Turns before other tasks, and the commands, have theirs.
const TURNS: usize = 16;
/// Datagrams sent in one turn, about.
const SENDS: usize = 256;

/// Everything one overlay's task has.
pub(super) struct Driver {
    pub(super) overlay: Overlay,
    pub(super) member_name: String,
    /// Where others reach us.
    pub(super) advertised: SocketAddr,
    /// What the overlay was made of, or reconfigured to.
    pub(super) config: Config,
    pub(super) sockets: Sockets,
    /// Of the system's buffers: those given, and those asked for.
    pub(super) buffer_sizes: (BufferSizes, BufferSizes),
    pub(super) buffers: Buffers,
    /// The datagram being handed out.
    pub(super) out: Vec<u8>,
    /// What `out` holds, while it waits for the train to leave.
    pub(super) waiting: Option<Transmit>,
    /// Datagrams coupled to be sent in one call.
    pub(super) train: Train,
    pub(super) clock: Clock,
    pub(super) group: GroupWatch,
    pub(super) joining: Joining,
    pub(super) keeping: Keeping,
    pub(super) rings: RingKeeping,
    /// Who waits for the outcome of which command about keys; as many as the overlay has under way.
    pub(super) keys_asked: BTreeMap<i64, oneshot::Sender<KeyOutcome>>,
    pub(super) report: Report,
    pub(super) refusal: Refusal,
    /// What runs before the present one have counted, where there were any.
    pub(super) counted_before: Option<Box<Snapshot>>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) events: broadcast::Sender<Event>,
    /// Whether nothing waited to be sent at the end of the last turn.
    pub(super) sent_all: bool,
    /// Set once the overlay is being left.
    pub(super) leave_by: Option<Instant>,
    /// Where the members were then, to be kept.
    pub(super) last_known: Vec<SocketAddr>,
}

impl Driver {
    /// Drives the overlay until it is left.
    pub(super) async fn run(mut self) {
        let doors = self.joining.begin();
        self.join(&doors);
        let sleep = sleep_until(Instant::now());
        tokio::pin!(sleep);
        loop {
            let more = (0..TURNS).all(|_| self.turn());
            let now = Instant::now();
            self.handle_timeouts(now).await;
            if self.is_done(now) {
                break;
            }
            if more {
                tokio::task::yield_now().await;
            }
            self.wait(sleep.as_mut(), more.then_some(now)).await;
        }
        self.rings.finish().await;
        self.keeping.finish(std::mem::take(&mut self.last_known)).await;
        self.report.finish(&self.overlay.stats(), self.overlay.newest_refused());
        tracing::info!(overlay = %self.report.overlay(), "left");
    }

    /// One turn; true when there may be more to do at once.
    fn turn(&mut self) -> bool {
        if let Some(second) = self.clock.new_second() {
            self.overlay.set_unix_time(second);
        }
        let now = self.clock.now();
        let received = match self.sockets.group() {
            None => {
                let Driver { overlay, sockets, buffers, .. } = self;
                sockets.receive(buffers, |from, datagram| overlay.handle_datagram(now, from, datagram))
            }
            Some(_) => self.receive_with_group(now),
        };
        self.handle_refusals();
        if self.overlay.poll_timeout().is_some_and(|at| at <= now) {
            self.overlay.handle_timeout(now);
        }
        let more = !self.transmit();
        self.sent_all = !more && self.train.destination().is_none();
        self.handle_refusals();
        self.handle_events();
        received || more
    }

    /// With a group each socket has its own kind of sender.
    fn receive_with_group(&mut self, now: Time) -> bool {
        let Driver { overlay, sockets, buffers, .. } = self;
        let mut received =
            sockets.receive_at(At::Main, buffers, |from, it| overlay.handle_peer_datagram(now, from, it));
        received |=
            sockets.receive_at(At::Clients, buffers, |from, it| overlay.handle_datagram(now, from, it));
        received |=
            sockets.receive_at(At::Group, buffers, |from, it| overlay.handle_group_datagram(now, from, it));
        received
    }

    /// Sends until nothing waits. False: there is more, but others come first.
    fn transmit(&mut self) -> bool {
        let most = self.sockets.max_segments();
        for _ in 0..SENDS {
            let next = self.waiting.take();
            let next = next.or_else(|| self.overlay.poll_transmit(self.clock.now(), &mut self.out));
            match next {
                Some(next) if self.train.takes(&next, most) => {
                    self.train.couple(next, &mut self.out);
                    if self.train.is_complete() && !self.flush() {
                        return true;
                    }
                }
                next => {
                    self.waiting = next;
                    // When the system's buffer is full we are woken in time; meanwhile datagrams are received.
                    if !self.flush() || self.waiting.is_none() {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Hands what is coupled to the system. False: it cannot take it now.
    fn flush(&mut self) -> bool {
        let blocked =
            self.train.outgoing().is_some_and(|outgoing| self.sockets.send(outgoing) == Sent::Blocked);
        if !blocked {
            self.train.clear();
        }
        !blocked
    }

    fn handle_refusals(&mut self) {
        while let Some(address) = self.sockets.pop_refused() {
            self.overlay.handle_unreachable(self.clock.now(), address);
        }
    }

    fn handle_events(&mut self) {
        while let Some(event) = self.overlay.poll_event() {
            self.report.event(&event);
            match &event {
                Event::Member(_, view) if !view.client => {
                    self.keeping.changed();
                    if view.state == State::Reachable {
                        self.refusal.is_over();
                    }
                }
                Event::Refused { code, .. } => self.refusal.heard(Instant::now(), *code),
                Event::NewGenerationNeeded { above } => self.start_anew(*above),
                _ => {}
            }
            // Nobody listening is no error.
            let _ = self.events.send(event);
        }
        self.handle_keys();
    }

    /// Keys that changed, and what became of commands about them.
    fn handle_keys(&mut self) {
        if let Some(ring) = self.overlay.poll_ring() {
            self.config.symmetric_keys.clone_from(&ring.keys);
            self.rings.keep(ring);
        }
        while let Some(outcome) = self.overlay.poll_key_outcome() {
            if let Some(answer) = self.keys_asked.remove(&outcome.ticket) {
                let _ = answer.send(outcome);
            }
        }
    }

    /// What is due at the driver's own pace.
    async fn handle_timeouts(&mut self, now: Instant) {
        self.joining.handle_timeout(now);
        self.group.handle_timeout(now, &mut self.sockets);
        self.report.handle_timeout(now, &self.overlay.stats(), self.overlay.newest_refused());
        if self.leave_by.is_none() {
            let overlay = &self.overlay;
            self.keeping.handle_timeout(now, || overlay.known_addresses()).await;
        }
    }

    /// Sleeps until a datagram, a timer, a command or an answer comes; at most one of them is dealt with. With `at_most`
    /// it is only looked whether one is there.
    async fn wait(&mut self, mut sleep: Pin<&mut Sleep>, at_most: Option<Instant>) {
        let deadline = at_most.unwrap_or_else(|| self.deadline());
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        let Driver { sockets, joining, commands, train, rings, .. } = self;
        let blocked = train.destination();
        let woken = tokio::select! {
            ready = sockets.ready(blocked) => Woken::Sockets(ready),
            () = sleep => Woken::Timer,
            command = commands.recv() => Woken::Command(command),
            doors = joining.answer() => Woken::Doors(doors),
            written = rings.written() => Woken::Ring(written),
        };
        match woken {
            Woken::Timer | Woken::Sockets(Ok(())) => {}
            Woken::Sockets(Err(error)) => {
                // Only a runtime that is ending has this to say; without a pause it would be said in a circle.
                tracing::error!(overlay = %self.report.overlay(), %error, "the sockets cannot be waited for");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Woken::Command(command) => self.handle_command(command),
            Woken::Ring(Written { version, kept }) => {
                self.overlay.handle_ring_kept(self.clock.now(), version, kept);
            }
            Woken::Doors(doors) => {
                self.join(&doors);
                let alone = self.is_alone();
                self.joining.attempted(Instant::now(), alone);
            }
        }
    }

    /// The earliest of all timers; in an hour when there is none.
    fn deadline(&self) -> Instant {
        let timers = [
            self.overlay.poll_timeout().map(|time| self.clock.instant(time)),
            self.joining.deadline(),
            self.group.deadline(),
            self.keeping.deadline().filter(|_| self.leave_by.is_none()),
            self.report.deadline(&self.overlay.stats()),
            self.leave_by,
        ];
        let hour = || Instant::now() + Duration::from_secs(3_600);
        timers.into_iter().flatten().min().unwrap_or_else(hour)
    }

    /// `None`: every handle is gone, which means the same as being told to leave.
    fn handle_command(&mut self, command: Option<Command>) {
        match command {
            // Who asked may have stopped waiting.
            Some(Command::Members(answer)) => {
                let _ = answer.send(self.overlay.members());
            }
            Some(Command::Subscriptions(answer)) => {
                let _ = answer.send(self.overlay.subscriptions());
            }
            Some(Command::Reconfigure(settings, answer)) => {
                self.reconfigure(&settings);
                let _ = answer.send(());
            }
            Some(Command::Publish(message, answer)) => {
                let Message { to, event_type, payload } = *message;
                let now = self.clock.now();
                let taken = match to {
                    Some(to) => self.overlay.send_once(now, to, &event_type, &payload),
                    None => self.overlay.publish_own(now, &event_type, &payload),
                };
                self.sent_all = false;
                let _ = answer.send(taken);
            }
            Some(Command::Statistics(answer)) => {
                let _ = answer.send(Box::new(self.statistics()));
            }
            Some(Command::Keys(command, answer)) => {
                let ticket = self.overlay.change_keys(self.clock.now(), command);
                self.keys_asked.insert(ticket, answer);
            }
            Some(Command::Configured(keys, answer)) => {
                self.rings.set_configured(keys, &self.config.symmetric_keys);
                let _ = answer.send(());
            }
            Some(Command::RingKeys(answer)) => {
                let _ = answer.send(self.config.symmetric_keys.clone());
            }
            Some(Command::Drain(answer)) => {
                self.overlay.drain(self.clock.now());
                self.sent_all = false;
                let _ = answer.send(());
            }
            Some(Command::EndDraining(answer)) => {
                self.overlay.end_draining(self.clock.now());
                self.sent_all = false;
                let _ = answer.send(());
            }
            Some(Command::Leave(within)) => self.leave(Instant::now() + within),
            None => self.leave(Instant::now()),
        }
    }

    fn statistics(&self) -> Statistics {
        let overlay = self.counted();
        Statistics {
            // We are one of the daemons ourselves.
            standing: self.standing(overlay.gauges.daemons.reachable <= 1),
            overlay,
            sockets: self.sockets.counts,
            buffers: self.buffer_sizes.0,
            buffers_wanted: self.buffer_sizes.1,
            running: self.clock.now().since(Time::ZERO),
        }
    }

    fn standing(&self, is_alone: bool) -> Standing {
        match (is_alone, self.refusal.standing(Instant::now())) {
            (false, _) => Standing::Joined,
            (true, Some(refused)) => refused,
            (true, None) if self.joining.is_in_vain() => Standing::Unanswered,
            (true, None) => Standing::Waiting,
        }
    }

    /// What this run and those before it have counted together.
    fn counted(&self) -> Snapshot {
        let mut counted = self.overlay.snapshot();
        if let Some(before) = self.counted_before.as_deref() {
            for (value, before) in counted.values_mut().zip(before.values()) {
                *value = value.saturating_add(before);
            }
        }
        counted
    }

    fn reconfigure(&mut self, settings: &OverlaySettings) {
        self.config = Config {
            // The ring goes its own way from the configuration's keys.
            symmetric_keys: std::mem::take(&mut self.config.symmetric_keys),
            keeps_ring: self.config.keeps_ring,
            ..settings.overlay_config(&self.member_name, self.advertised)
        };
        self.overlay.reconfigure(self.clock.now(), self.config.clone());
        let doors = self.joining.set_seeds(settings);
        self.join(&doors);
    }

    fn leave(&mut self, by: Instant) {
        if self.leave_by.is_none() {
            self.joining.end();
            self.last_known = self.overlay.known_addresses();
            self.overlay.leave(self.clock.now());
            self.sent_all = false;
        }
        self.leave_by = Some(self.leave_by.map_or(by, |earlier| earlier.min(by)));
    }

    fn is_done(&self, now: Instant) -> bool {
        self.leave_by.is_some_and(|by| (self.sent_all && self.overlay.is_left()) || by <= now)
    }

    /// Knocks at these doors.
    fn join(&mut self, doors: &[SocketAddr]) {
        if !doors.is_empty() {
            tracing::debug!(overlay = %self.report.overlay(), ?doors, "joining");
            self.overlay.join(self.clock.now(), doors);
        }
    }

    /// This host's clock has gone back: begins a run that counts as newer than the last. Clients come back by themselves.
    fn start_anew(&mut self, above: Salt) {
        let (Ok(random), now) = (random::number(), self.clock.now()) else { return };
        let salt = Salt::new(above.unix_micros().saturating_add(1), random);
        // It was made of the same configuration before.
        let made = Overlay::new(self.config.clone(), salt, now, self.clock.unix_seconds());
        let Ok(overlay) = made else { return };
        let mut doors = self.overlay.known_addresses();
        self.counted_before = Some(Box::new(self.counted()));
        self.overlay = overlay;
        // Who asked for something then is told that there is no outcome.
        self.keys_asked.clear();
        self.rings.begin_anew();
        doors.extend(self.joining.begin());
        self.join(&doors);
    }

    /// Whether no other daemon is reachable.
    fn is_alone(&self) -> bool {
        let members = self.overlay.members();
        !members.iter().skip(1).any(|member| !member.client && member.state == State::Reachable)
    }
}

enum Woken {
    Sockets(std::io::Result<()>),
    Timer,
    Command(Option<Command>),
    Doors(Vec<SocketAddr>),
    Ring(Written),
}
