//! The other end of sealed datagrams: a session with a local client, or another daemon we exchange datagrams with.
//!
//! An endpoint belongs to one run (salt) of one sender and dies with it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    net::SocketAddr,
};

use bytes::Bytes;
use gossiperl_idl::{
    Salt, frame,
    generated::SlowPolicy,
    sealed::{ReplayWindow, Role},
};
use gossiperl_link::{Link, Time};

use crate::{
    Limits,
    clients::ClientId,
    delivery::{Backlog, TypeId},
};

/// Datagram frames waiting for one endpoint, in bytes. They are all repeated by their senders, so beyond it new ones are dropped.
const PENDING_BYTES: usize = 8 << 10;

/// Control frames that wait at most until the link takes them.
const REPLIES_WAITING: usize = 4_096;

/// Runs that ended, remembered so that recordings of them stay dead. Beyond it the oldest is forgotten.
const ENDED_RUNS: usize = 8_192;

/// Who seals under a salt, and which: a client's run is another than a daemon's, whatever salt it has picked.
pub(crate) type Run = (Role, Salt);

/// Names an endpoint; never reused for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EndpointId {
    index: u32,
    epoch: u32,
}

/// One run of one sender.
pub(crate) struct Endpoint {
    /// The run.
    pub(crate) salt: Salt,
    /// Where its datagrams go.
    pub(crate) address: SocketAddr,
    /// Counters seen.
    pub(crate) window: ReplayWindow,
    /// The reliable link; made at first use with daemons, with the session for clients.
    pub(crate) link: Option<Box<Link>>,
    /// Datagram frames for its next datagram.
    pub(crate) pending: Vec<u8>,
    /// Numbered control frames (`Reply`, `Pause`, …) that wait until the link takes them.
    pub(crate) replies: VecDeque<(u8, Bytes)>,
    /// A control frame was lost: a session cannot go on as if it had not been.
    pub(crate) overrun: bool,
    /// False once it is known to be gone or failed: nothing new is queued for it.
    pub(crate) reachable: bool,
    /// A daemon that was forgotten, and may come back in the same run: its link keeps its numbers and says nothing until then.
    pub(crate) parked: bool,
    /// When its queue last shrank, or was empty.
    pub(crate) progress: Time,
    /// Set for a local client.
    pub(crate) session: Option<Box<Session>>,
    epoch: u32,
    queued: bool,
    timer: Option<Time>,
}

/// What only a client's endpoint has.
pub(crate) struct Session {
    /// The client.
    pub(crate) client: ClientId,
    /// Its name.
    pub(crate) name: Box<[u8]>,
    /// Its publisher id.
    pub(crate) instance: i64,
    /// Nonce of the hello that opened it: repetitions of that hello are told once more that the session is fresh.
    pub(crate) opened_by: i64,
    /// Newest sequence published.
    pub(crate) last_sequence: i64,
    /// Whether it wants every membership change.
    pub(crate) watches: bool,
    /// Publishers are not held back for it: it has taken nothing for too long.
    pub(crate) stalled: bool,
    /// Messages dropped by type, not yet told.
    pub(crate) dropped: BTreeMap<u32, i64>,
    /// Event types it is subscribed to.
    pub(crate) subscriptions: BTreeMap<Box<[u8]>, SlowPolicy>,
    /// What the client's earlier session left and this one has not taken over yet.
    pub(crate) backlog: Option<Box<Backlog>>,
    /// Until when it may ask for that.
    pub(crate) reclaim_by: Option<Time>,
}

impl Session {
    /// A session that has published up to `last_sequence`.
    pub(crate) fn new(client: ClientId, name: &[u8], instance: i64, last_sequence: i64) -> Self {
        Session {
            client,
            name: name.into(),
            instance,
            opened_by: 0,
            last_sequence,
            watches: false,
            stalled: false,
            dropped: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            backlog: None,
            reclaim_by: None,
        }
    }
}

impl Endpoint {
    /// An endpoint not yet in a table.
    pub(crate) fn new(salt: Salt, address: SocketAddr, now: Time) -> Self {
        Endpoint {
            salt,
            address,
            window: ReplayWindow::default(),
            link: None,
            pending: Vec::new(),
            replies: VecDeque::new(),
            overrun: false,
            reachable: true,
            parked: false,
            progress: now,
            session: None,
            epoch: 0,
            queued: false,
            timer: None,
        }
    }

    /// The role of what we seal for it.
    pub(crate) fn role(&self) -> Role {
        if self.session.is_some() { Role::DaemonToClient } else { Role::DaemonToDaemon }
    }

    /// The run whose datagrams are its.
    fn run(&self) -> Run {
        let role = if self.session.is_some() { Role::ClientToDaemon } else { Role::DaemonToDaemon };
        (role, self.salt)
    }

    /// Adds a datagram frame to its next datagram; dropped where too much waits already.
    pub(crate) fn push_frame(&mut self, kind: u8, body: &[u8]) {
        if self.pending.len() + frame::overhead(body.len()) + body.len() <= PENDING_BYTES {
            frame::put(kind, body, &mut self.pending);
        }
    }

    /// Adds a numbered control frame. Beyond [`REPLIES_WAITING`] the other end has asked for more than it takes, and is [overrun](Self::overrun).
    pub(crate) fn push_reply(&mut self, kind: u8, body: Bytes) {
        if self.replies.len() < REPLIES_WAITING {
            self.replies.push_back((kind, body));
        } else {
            self.overrun = true;
        }
    }

    /// Moves waiting control frames into the link as far as it takes them.
    pub(crate) fn flush_replies(&mut self) {
        let Some(link) = self.link.as_deref_mut() else { return };
        while let Some((kind, body)) = self.replies.pop_front() {
            if let Err(full) = link.send_control(kind, body) {
                self.replies.push_front((kind, full.0));
                return;
            }
        }
    }

    /// Queues a message: behind what waits of its type in the backlog, otherwise at the link. False: no room.
    pub(crate) fn send_message(&mut self, event_type: TypeId, body: Bytes, limits: &Limits) -> bool {
        if let Some(backlog) = self.backlog_mut(event_type) {
            return backlog.push(event_type, body, limits);
        }
        self.link.as_deref_mut().is_some_and(|link| link.send(frame::MESSAGE, event_type.0, body).is_ok())
    }

    /// Whether no message waits for it: it cannot be slow then. What it has claimed of a backlog is in its link as far as there is room;
    /// what it has not claimed is not for it.
    pub(crate) fn has_nothing_to_take(&self) -> bool {
        self.link.as_deref().is_some_and(|link| link.queued_frames() == 0)
    }

    /// Drops the oldest message of the type that was not sent yet. False: there is none.
    pub(crate) fn drop_oldest(&mut self, event_type: TypeId) -> bool {
        if let Some(backlog) = self.backlog_mut(event_type) {
            return backlog.drop_oldest(event_type);
        }
        self.link.as_deref_mut().is_some_and(|link| link.drop_unsent(event_type.0).is_some())
    }

    /// Moves what the session has claimed from its backlog into its link, as far as that takes it.
    pub(crate) fn take_over_backlog(&mut self) {
        let (Some(link), Some(session)) = (self.link.as_deref_mut(), self.session.as_deref_mut()) else {
            return;
        };
        let Some(backlog) = session.backlog.as_deref_mut() else { return };
        backlog.move_claimed(|event_type, body| {
            link.send(frame::MESSAGE, event_type.0, body).map_err(|full| full.0)
        });
        if backlog.is_empty() {
            session.backlog = None;
        }
    }

    /// The backlog, where messages of this type have to queue there.
    pub(crate) fn backlog(&self, event_type: TypeId) -> Option<&Backlog> {
        self.session.as_deref()?.backlog.as_deref().filter(|backlog| backlog.takes(event_type))
    }

    fn backlog_mut(&mut self, event_type: TypeId) -> Option<&mut Backlog> {
        self.session.as_deref_mut()?.backlog.as_deref_mut().filter(|backlog| backlog.takes(event_type))
    }

    /// Whether a datagram for it could be filled now.
    pub(crate) fn wants_transmit(&self, now: Time) -> bool {
        !self.pending.is_empty() || self.link.as_ref().is_some_and(|link| link.wants_transmit(now))
    }
}

/// All endpoints, by id and by run; those with something to send; and their timers.
#[derive(Default)]
pub(crate) struct Endpoints {
    slots: Vec<Option<Endpoint>>,
    free: Vec<u32>,
    epochs: Vec<u32>,
    by_run: HashMap<Run, EndpointId>,
    dirty: VecDeque<EndpointId>,
    timers: BTreeSet<(Time, EndpointId)>,
    /// Windows of runs that ended, so that recordings of them stay dead.
    ended: BTreeMap<Run, ReplayWindow>,
    ended_order: VecDeque<Run>,
}

impl Endpoints {
    /// Adds one; replaces none: the caller has looked the run up.
    pub(crate) fn insert(&mut self, mut endpoint: Endpoint) -> EndpointId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.epochs.push(0);
            (self.slots.len() - 1) as u32
        });
        let epoch = self.epochs.get(index as usize).copied().unwrap_or_default();
        endpoint.epoch = epoch;
        let run = endpoint.run();
        if let Some(window) = self.ended.remove(&run) {
            endpoint.window = window;
            self.ended_order.retain(|ended| *ended != run);
        }
        let id = EndpointId { index, epoch };
        self.by_run.insert(run, id);
        if let Some(slot) = self.slots.get_mut(index as usize) {
            *slot = Some(endpoint);
        }
        id
    }

    /// Takes one out and remembers that its run has ended.
    pub(crate) fn remove(&mut self, id: EndpointId) -> Option<Endpoint> {
        self.get(id)?;
        let endpoint = self.slots.get_mut(id.index as usize)?.take()?;
        if let Some(epoch) = self.epochs.get_mut(id.index as usize) {
            *epoch = epoch.wrapping_add(1);
        }
        self.free.push(id.index);
        if let Some(at) = endpoint.timer {
            self.timers.remove(&(at, id));
        }
        if self.by_run.get(&endpoint.run()) == Some(&id) {
            self.end_run(&endpoint);
        }
        Some(endpoint)
    }

    /// The endpoint stays, but its run has ended: datagrams under its salt are not its any more.
    pub(crate) fn disown(&mut self, id: EndpointId) {
        let Some(slot) = self.slots.get_mut(id.index as usize) else { return };
        if let Some(endpoint) = slot.take_if(|endpoint| endpoint.epoch == id.epoch) {
            if self.by_run.get(&endpoint.run()) == Some(&id) {
                self.end_run(&endpoint);
            }
            if let Some(slot) = self.slots.get_mut(id.index as usize) {
                *slot = Some(endpoint);
            }
        }
    }

    fn end_run(&mut self, endpoint: &Endpoint) {
        let run = endpoint.run();
        self.by_run.remove(&run);
        if self.ended.insert(run, endpoint.window.clone()).is_none() {
            self.ended_order.push_back(run);
        }
        if self.ended_order.len() > ENDED_RUNS
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    /// The endpoint, unless it is gone.
    pub(crate) fn get(&self, id: EndpointId) -> Option<&Endpoint> {
        self.slots.get(id.index as usize)?.as_ref().filter(|endpoint| endpoint.epoch == id.epoch)
    }

    /// The endpoint, unless it is gone.
    pub(crate) fn get_mut(&mut self, id: EndpointId) -> Option<&mut Endpoint> {
        self.slots.get_mut(id.index as usize)?.as_mut().filter(|endpoint| endpoint.epoch == id.epoch)
    }

    /// Whose datagrams carry this salt, sealed in this role.
    pub(crate) fn find(&self, role: Role, salt: &Salt) -> Option<EndpointId> {
        self.by_run.get(&(role, *salt)).copied()
    }

    /// The endpoint of a daemon's run.
    pub(crate) fn find_daemon(&self, salt: &Salt) -> Option<EndpointId> {
        self.find(Role::DaemonToDaemon, salt)
    }

    /// Whether a datagram of this run with this counter was opened before, or is too old to tell.
    pub(crate) fn has_seen(&self, role: Role, salt: &Salt, counter: u64) -> bool {
        let live = self.find(role, salt).and_then(|id| self.get(id)).map(|endpoint| &endpoint.window);
        live.or_else(|| self.ended.get(&(role, *salt))).is_some_and(|window| window.contains(counter))
    }

    /// Notes that the endpoint's datagram with this counter was opened.
    pub(crate) fn saw(&mut self, id: EndpointId, counter: u64) {
        if let Some(endpoint) = self.get_mut(id) {
            endpoint.window.accept(counter);
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Endpoint> {
        self.slots.iter().flatten()
    }

    /// Runs that ended and are remembered.
    pub(crate) fn ended_runs(&self) -> usize {
        self.ended.len()
    }

    /// The ids of all of them, by slot.
    pub(crate) fn ids(&self) -> Vec<EndpointId> {
        let with_index = self.slots.iter().enumerate();
        with_index
            .filter_map(|(index, slot)| {
                slot.as_ref().map(|held| EndpointId { index: index as u32, epoch: held.epoch })
            })
            .collect()
    }

    /// To be called after anything was done to the endpoint: puts it in line for sending and sets its timer.
    pub(crate) fn settle(&mut self, now: Time, id: EndpointId) {
        let Some(endpoint) = self.slots.get_mut(id.index as usize).and_then(Option::as_mut) else { return };
        if endpoint.epoch != id.epoch {
            return;
        }
        // One in line is settled again when its datagram is filled, and no timer of it is due before that.
        if endpoint.queued || endpoint.parked {
            return;
        }
        if endpoint.wants_transmit(now) {
            endpoint.queued = true;
            self.dirty.push_back(id);
            return;
        }
        let wanted = endpoint.link.as_ref().and_then(|link| link.poll_timeout());
        // A timer that fires early finds nothing due and sets the next one: cheaper than moving it at each acknowledgement.
        let stands = match (endpoint.timer, wanted) {
            (Some(set), Some(wanted)) => set <= wanted,
            (_, None) => true,
            (None, Some(_)) => false,
        };
        if stands {
            return;
        }
        if let Some(old) = endpoint.timer.take() {
            self.timers.remove(&(old, id));
        }
        if let Some(at) = wanted {
            endpoint.timer = Some(at);
            self.timers.insert((at, id));
        }
    }

    /// How many are in line to send, at most.
    pub(crate) fn in_line(&self) -> usize {
        self.dirty.len()
    }

    /// The next endpoint with something to send; it leaves the line.
    pub(crate) fn next_dirty(&mut self) -> Option<EndpointId> {
        loop {
            let id = self.dirty.pop_front()?;
            if let Some(endpoint) = self.get_mut(id) {
                endpoint.queued = false;
                return Some(id);
            }
        }
    }

    /// The earliest timer.
    pub(crate) fn next_timer(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The endpoints whose timers are due; those are cleared.
    pub(crate) fn take_due(&mut self, now: Time) -> Vec<EndpointId> {
        let mut due = Vec::new();
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            if let Some(endpoint) = self.get_mut(id) {
                endpoint.timer = None;
                due.push(id);
            }
        }
        due
    }
}
