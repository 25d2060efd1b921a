//! The other end of sealed datagrams: a session with a local client, or another daemon we exchange datagrams with.
//!
//! An endpoint belongs to one run (salt) of one sender and dies with it.

mod session;
mod table;

use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use gossiperl_idl::{
    Salt, frame,
    sealed::{ReplayWindow, Role},
};
use gossiperl_link::{Link, Time};

use self::table::Run;
pub(crate) use self::{
    session::Session,
    table::{EndpointId, Endpoints},
};
use crate::{
    Identity, Limits,
    delivery::{Backlog, TypeId},
};

/// Datagram frames waiting for one endpoint, in bytes. They are all repeated by their senders, so beyond it new ones are dropped.
const PENDING_BYTES: usize = 8 << 10;

/// Control frames that wait at most until the link takes them.
const REPLIES_WAITING: usize = 4_096;

/// One run of one sender. What only one with a link or a session has stands behind pointers: most daemons of a large overlay exchange no more than
/// probes with us, and of each of them the window is kept.
pub(crate) struct Endpoint {
    who: Who,
    /// Counters seen.
    pub(super) window: ReplayWindow,
    /// The reliable link; made at first use with daemons, with the session for clients.
    pub(crate) link: Option<Box<Link>>,
    /// Set for a local client.
    pub(crate) session: Option<Box<Session>>,
    waiting: Option<Box<Waiting>>,
    epoch: u32,
    /// False once it is known to be gone or failed: nothing new is queued for it.
    pub(crate) reachable: bool,
    /// A daemon that was forgotten, and may come back in the same run: its link keeps its numbers and says nothing until then.
    pub(crate) parked: bool,
    queued: bool,
}

enum Who {
    Daemon(Arc<Identity>),
    Client(Box<Client>),
}

struct Client {
    salt: Salt,
    address: SocketAddr,
}

/// What waits for an endpoint beside its link's own queue; made when something first does.
#[derive(Default)]
struct Waiting {
    /// Datagram frames for its next datagram.
    pending: Vec<u8>,
    /// Numbered control frames (`Reply`, `Pause`, …) that wait until the link takes them.
    replies: VecDeque<(u8, Bytes)>,
    /// A control frame was lost: a session cannot go on as if it had not been.
    overrun: bool,
    timer: Option<Time>,
}

impl Endpoint {
    /// That of a daemon's run, not yet in a table.
    pub(crate) fn of_daemon(identity: Arc<Identity>) -> Self {
        Endpoint {
            who: Who::Daemon(identity),
            window: ReplayWindow::default(),
            link: None,
            session: None,
            waiting: None,
            epoch: 0,
            reachable: true,
            parked: false,
            queued: false,
        }
    }

    /// That of a client's run, with its session and link, not yet in a table.
    pub(crate) fn of_client(salt: Salt, address: SocketAddr, session: Session, link: Link) -> Self {
        Endpoint {
            who: Who::Client(Box::new(Client { salt, address })),
            link: Some(Box::new(link)),
            session: Some(Box::new(session)),
            window: ReplayWindow::default(),
            waiting: None,
            epoch: 0,
            reachable: true,
            parked: false,
            queued: false,
        }
    }

    /// The run.
    pub(crate) fn salt(&self) -> &Salt {
        match &self.who {
            Who::Daemon(identity) => &identity.generation,
            Who::Client(client) => &client.salt,
        }
    }

    /// Where its datagrams go: to a client's latest address, to a daemon's at first use.
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.who {
            Who::Daemon(identity) => identity.address,
            Who::Client(client) => client.address,
        }
    }

    /// The client has another address.
    pub(crate) fn move_client(&mut self, address: SocketAddr) {
        if let Who::Client(client) = &mut self.who {
            client.address = address;
        }
    }

    /// The role of what we seal for it.
    pub(crate) fn role(&self) -> Role {
        match self.who {
            Who::Daemon(_) => Role::DaemonToDaemon,
            Who::Client(_) => Role::DaemonToClient,
        }
    }

    /// The newest counter that was opened; 0 before the first.
    pub(crate) fn newest_seen(&self) -> u64 {
        self.window.newest()
    }

    /// The run whose datagrams are its.
    fn run(&self) -> Run {
        match &self.who {
            Who::Daemon(identity) => (Role::DaemonToDaemon, identity.generation),
            Who::Client(client) => (Role::ClientToDaemon, client.salt),
        }
    }

    /// Adds a datagram frame to its next datagram; dropped where too much waits already.
    pub(crate) fn push_frame(&mut self, kind: u8, body: &[u8]) {
        let pending = &mut self.waiting.get_or_insert_default().pending;
        if pending.len() + frame::overhead(body.len()) + body.len() <= PENDING_BYTES {
            frame::put(kind, body, pending);
        }
    }

    /// Adds a numbered control frame. Beyond [`REPLIES_WAITING`] the other end has asked for more than it takes, and is [overrun](Self::is_overrun).
    pub(crate) fn push_reply(&mut self, kind: u8, body: Bytes) {
        let waiting = self.waiting.get_or_insert_default();
        if waiting.replies.len() < REPLIES_WAITING {
            waiting.replies.push_back((kind, body));
        } else {
            waiting.overrun = true;
        }
    }

    /// A control frame was lost: a session cannot go on as if it had not been.
    pub(crate) fn is_overrun(&self) -> bool {
        self.waiting.as_deref().is_some_and(|waiting| waiting.overrun)
    }

    /// Datagram frames for its next datagram.
    pub(crate) fn pending(&self) -> &[u8] {
        self.waiting.as_deref().map_or(&[], |waiting| &waiting.pending)
    }

    /// The same, to be taken; `None` where there are none.
    pub(crate) fn pending_mut(&mut self) -> Option<&mut Vec<u8>> {
        self.waiting.as_deref_mut().map(|waiting| &mut waiting.pending)
    }

    /// Numbered control frames (`Reply`, `Pause`, …) that wait until the link takes them.
    pub(crate) fn replies(&self) -> impl ExactSizeIterator<Item = &(u8, Bytes)> {
        self.waiting.as_deref().map(|waiting| waiting.replies.iter()).unwrap_or_default()
    }

    /// Drops everything that waits beside the link's queue.
    pub(crate) fn drop_waiting(&mut self) {
        if let Some(waiting) = self.waiting.as_deref_mut() {
            *waiting = Waiting { timer: waiting.timer, ..Waiting::default() };
        }
    }

    /// Moves waiting control frames into the link as far as it takes them.
    pub(crate) fn flush_replies(&mut self) {
        let (Some(link), Some(waiting)) = (self.link.as_deref_mut(), self.waiting.as_deref_mut()) else {
            return;
        };
        while let Some((kind, body)) = waiting.replies.pop_front() {
            if let Err(full) = link.send_control(kind, body) {
                waiting.replies.push_front((kind, full.0));
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
        !self.pending().is_empty() || self.link.as_ref().is_some_and(|link| link.wants_transmit(now))
    }

    /// When its link's timer is set for.
    fn timer(&self) -> Option<Time> {
        self.waiting.as_deref().and_then(|waiting| waiting.timer)
    }

    /// Sets it; returns what it was set for before.
    fn set_timer(&mut self, timer: Option<Time>) -> Option<Time> {
        match (timer, &mut self.waiting) {
            (None, None) => None,
            (_, waiting) => std::mem::replace(&mut waiting.get_or_insert_default().timer, timer),
        }
    }
}
