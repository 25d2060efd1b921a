//! Delivery: a message goes into the queue of every local subscriber and of every daemon that has some, or of none of them.
//!
//! The publisher is acknowledged (its link's acknowledgement) once all those queues hold the message. Where one that must not drop is full,
//! the message is not taken: the link keeps it with the publisher until there is room ([`Verdict::Hold`]). Well before that the type is paused
//! ([`Pressure`](crate::delivery::Pressure)), so that other types of the same publisher go on.

use bytes::Bytes;
use gossiperl_idl::{
    Salt,
    codec::encode_compact,
    frame,
    generated::{Dropped, Pause, Resume, SlowPolicy},
    message::Message,
};
use gossiperl_link::{FRAME_COST, Link, Time, Verdict};

use super::Overlay;
use crate::{
    Limits,
    clients::ClientId,
    delivery::{Cause, Local, TypeId},
    endpoint::{Endpoint, EndpointId, Endpoints},
    event::Event,
};

/// A subscriber that pauses publishers and takes nothing for so long no longer holds them back.
const STALLED_AFTER: std::time::Duration = std::time::Duration::from_secs(5);

/// Whose message it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A local client's session.
    Session(EndpointId, ClientId),
    /// A local client of protocol 1, where it is registered.
    Legacy(Option<ClientId>),
    /// Another daemon, for a client of its own. Never forwarded again.
    Daemon(EndpointId),
}

impl Source {
    fn endpoint(self) -> Option<EndpointId> {
        match self {
            Source::Session(endpoint, _) | Source::Daemon(endpoint) => Some(endpoint),
            Source::Legacy(_) => None,
        }
    }

    fn is(self, subscriber: ClientId) -> bool {
        matches!(self, Source::Session(_, client) | Source::Legacy(Some(client)) if client == subscriber)
    }
}

impl Overlay {
    /// Puts the message whose frame body is `body` into every queue it belongs to, or into none.
    pub(super) fn publish(
        &mut self,
        now: Time,
        source: Source,
        message: &Message<'_>,
        body: &[u8],
    ) -> Verdict {
        let Some(event_type) = self.routes.find_again(message.event_type) else {
            self.count_taken(source);
            self.stats.unheard += 1;
            return Verdict::Taken;
        };
        self.prepare_links(event_type, source);
        if let Some(full) = self.full_queue(event_type, source, body.len()) {
            self.stats.held_back += 1;
            // Not every full queue has paused the type: one that was let go of fills without, and a single large message may fill one.
            self.pressure.pause(event_type, full);
            if let Some(publisher) = source.endpoint() {
                self.held.entry(full).or_default().insert(publisher);
                self.tell_paused(event_type, publisher);
            }
            self.watch_stalled(now);
            return Verdict::Hold;
        }
        let shared = self.bodies.share(message.publisher, event_type, body);
        self.fan_out(now, event_type, source, message, &shared);
        self.forward(now, event_type, source, &shared);
        self.count_taken(source);
        if self.pressure.is_paused(event_type) {
            if let Some(publisher) = source.endpoint() {
                self.tell_paused(event_type, publisher);
            }
            self.watch_stalled(now);
        }
        Verdict::Taken
    }

    /// A queue that may not drop and has no room for the message.
    fn full_queue(&self, event_type: TypeId, source: Source, len: usize) -> Option<Cause> {
        let route = self.routes.get(event_type)?;
        for local in route.local.iter().filter(|local| !source.is(local.client)) {
            let Some(id) = local.endpoint else {
                if !self.legacy.has_room(local.client, len) {
                    return Some(Cause::Legacy(local.client));
                }
                continue;
            };
            let Some(endpoint) = self.endpoints.get(id) else { continue };
            if !may_drop(endpoint, local, event_type)
                && !has_room(endpoint, event_type, len, &self.config.limits)
            {
                return Some(Cause::Queue(id));
            }
        }
        if matches!(source, Source::Daemon(_)) {
            return None;
        }
        for remote in &route.remote {
            let Some(id) = self.endpoints.find_daemon(&remote.owner) else { continue };
            let Some(endpoint) = self.endpoints.get(id) else { continue };
            if endpoint.reachable && !has_room(endpoint, event_type, len, &self.config.limits) {
                return Some(Cause::Queue(id));
            }
        }
        None
    }

    fn count_taken(&mut self, source: Source) {
        match source {
            Source::Session(..) | Source::Legacy(_) => self.stats.published += 1,
            Source::Daemon(_) => self.stats.relayed += 1,
        }
    }

    /// Links to the daemons that have subscribers, where there are none yet.
    fn prepare_links(&mut self, event_type: TypeId, source: Source) {
        if matches!(source, Source::Daemon(_)) {
            return;
        }
        let missing = |endpoints: &Endpoints, owner: &Salt| {
            endpoints
                .find_daemon(owner)
                .and_then(|id| endpoints.get(id))
                .is_none_or(|endpoint| endpoint.link.is_none())
        };
        let Some(route) = self.routes.get(event_type) else { return };
        let owners = route.remote.iter().map(|remote| remote.owner);
        let owners: Vec<Salt> = owners.filter(|owner| missing(&self.endpoints, owner)).collect();
        for owner in owners {
            let Some(id) = self.daemon_endpoint(&owner) else { continue };
            let Some(address) = self.endpoints.get(id).map(|endpoint| endpoint.address()) else { continue };
            let link = self.daemon_link(&owner, &address);
            if let Some(endpoint) = self.endpoints.get_mut(id) {
                endpoint.link.get_or_insert(link);
            }
        }
    }

    /// One copy to each daemon with subscribers. A message that came from a daemon goes no further.
    fn forward(&mut self, now: Time, event_type: TypeId, source: Source, body: &Bytes) {
        if matches!(source, Source::Daemon(_)) {
            return;
        }
        let Some(route) = self.routes.get(event_type) else { return };
        for remote in &route.remote {
            let Some(id) = self.endpoints.find_daemon(&remote.owner) else { continue };
            let Some(endpoint) = self.endpoints.get_mut(id).filter(|endpoint| endpoint.reachable) else {
                continue;
            };
            let Some(link) = endpoint.link.as_deref_mut() else { continue };
            if link.send(frame::MESSAGE, event_type.0, body.clone()).is_ok() {
                self.stats.forwarded += 1;
                if Level::of(link, &self.config.limits) == Level::More {
                    self.pressure.pause(event_type, Cause::Queue(id));
                }
            }
            self.endpoints.settle(now, id);
        }
    }

    /// Another daemon asks us to stop, or to go on, sending it messages of a type.
    pub(super) fn remote_pause(&mut self, now: Time, id: EndpointId, event_type: &[u8], pause: bool) {
        let Some(event_type) = self.routes.find(event_type) else { return };
        if pause {
            self.pressure.pause(event_type, Cause::Remote(id));
        } else {
            let resumed = self.pressure.relieve_type(event_type, Cause::Remote(id));
            self.resume(now, resumed.into_iter().collect());
        }
    }

    fn fan_out(
        &mut self,
        now: Time,
        event_type: TypeId,
        source: Source,
        message: &Message<'_>,
        body: &Bytes,
    ) {
        let Some(route) = self.routes.get(event_type) else { return };
        for local in route.local.iter().filter(|local| !source.is(local.client)) {
            let Some(id) = local.endpoint else {
                if self.legacy.deliver(now, local.client, message, body) {
                    self.stats.fanned_out += 1;
                }
                let (cost, frames) = self.legacy.queued(local.client);
                let filling = Level::of_queue(cost, frames, &self.config.limits) == Level::More;
                if filling && self.legacy.holds_back(local.client) {
                    self.pressure.pause(event_type, Cause::Legacy(local.client));
                }
                continue;
            };
            let Some(endpoint) = self.endpoints.get_mut(id) else { continue };
            let drops = may_drop(endpoint, local, event_type);
            let limits = &self.config.limits;
            if endpoint.has_nothing_to_take()
                && let Some(session) = endpoint.session.as_deref_mut()
            {
                session.progress = now;
            }
            let mut sent = endpoint.send_message(event_type, body.clone(), limits);
            if !sent && drops {
                let made_room = endpoint.drop_oldest(event_type);
                if let Some(session) = endpoint.session.as_deref_mut() {
                    *session.dropped.entry(event_type.0).or_default() += 1;
                }
                self.stats.dropped += 1;
                if made_room {
                    sent = endpoint.send_message(event_type, body.clone(), limits);
                }
            }
            if sent {
                self.stats.fanned_out += 1;
                let is_filling = |link: &Link| Level::of(link, limits) == Level::More;
                if !drops && endpoint.link.as_deref().is_some_and(is_filling) {
                    self.pressure.pause(event_type, Cause::Queue(id));
                }
            }
            self.endpoints.settle(now, id);
        }
    }

    /// Tells a publisher that the type is paused, once.
    fn tell_paused(&mut self, event_type: TypeId, publisher: EndpointId) {
        if self.pressure.tell(event_type, publisher) {
            let body = encode_control(&Pause::new(self.routes.name(event_type).to_vec()));
            if let Some(endpoint) = self.endpoints.get_mut(publisher) {
                endpoint.push_reply(frame::PAUSE, body);
            }
        }
    }

    /// Tells everybody who was told of the pauses that they are over.
    pub(super) fn resume(
        &mut self,
        now: Time,
        resumed: Vec<(TypeId, std::collections::BTreeSet<EndpointId>)>,
    ) {
        for (event_type, told) in resumed {
            let body = encode_control(&Resume::new(self.routes.name(event_type).to_vec()));
            for id in told {
                if let Some(endpoint) = self.endpoints.get_mut(id) {
                    endpoint.push_reply(frame::RESUME, body.clone());
                    endpoint.flush_replies();
                }
                self.endpoints.settle(now, id);
            }
        }
    }

    /// To be called when a queue shrank: opens what it held up.
    pub(super) fn relieve(&mut self, now: Time, cause: Cause, level: Level) {
        if level <= Level::Quarter && self.pressure.is_cause(cause) {
            let resumed = self.pressure.relieve(cause);
            self.resume(now, resumed);
        }
        if level <= Level::Half {
            self.release_held(now, cause);
        }
    }

    /// Lets go on whoever waits for room in this queue.
    pub(super) fn release_held(&mut self, now: Time, cause: Cause) {
        if let Some(sources) = self.held.remove(&cause) {
            for id in sources {
                if let Some(link) =
                    self.endpoints.get_mut(id).and_then(|endpoint| endpoint.link.as_deref_mut())
                {
                    link.release(now);
                }
                self.endpoints.settle(now, id);
            }
        }
    }

    /// Subscribers that pause others and have taken nothing for [`STALLED_AFTER`] hold nobody back any more.
    pub(super) fn find_stalled(&mut self, now: Time) {
        for id in self.pressure.causing_endpoints() {
            let Some(endpoint) = self.endpoints.get_mut(id) else { continue };
            let Some(session) = endpoint.session.as_deref_mut() else { continue };
            if session.stalled || now.since(session.progress) < STALLED_AFTER {
                continue;
            }
            session.stalled = true;
            let client = session.client;
            if let Some(client) = self.clients.name(client).map(lossy) {
                self.push_event(Event::Stalled { client });
            }
            self.relieve(now, Cause::Queue(id), Level::Empty);
        }
    }

    /// The same for clients of protocol 1.
    pub(super) fn find_stalled_legacy(&mut self, now: Time) {
        for client in self.pressure.causing_clients() {
            if self.legacy.progress(client).is_some_and(|progress| now.since(progress) < STALLED_AFTER) {
                continue;
            }
            if self.legacy.set_stalled(client) {
                let client = self.clients.name(client).map(lossy).unwrap_or_default();
                self.push_event(Event::Stalled { client });
            }
            self.relieve(now, Cause::Legacy(client), Level::Empty);
        }
    }

    /// While somebody is held back, looks for stalled subscribers now and then.
    pub(super) fn watch_stalled(&mut self, now: Time) {
        if self.stalled_at.is_none() && self.pressure.has_causes() {
            self.stalled_at = Some(now + super::LOOK_FOR_STALLED);
        }
    }

    /// Sends the counts of dropped messages that a client has not been told yet.
    pub(super) fn tell_dropped(&mut self, id: EndpointId) {
        let Some(endpoint) = self.endpoints.get_mut(id) else { return };
        let Some(session) = endpoint.session.as_deref_mut() else { return };
        if session.dropped.is_empty() || session.stalled || !endpoint.reachable {
            return;
        }
        let backlog = session.backlog.as_deref();
        let is_told = |event_type: TypeId| !backlog.is_some_and(|backlog| backlog.is_unclaimed(event_type));
        let told = session.dropped.extract_if(.., |event_type, _| is_told(TypeId(*event_type)));
        for (event_type, count) in told.collect::<Vec<_>>() {
            let name = self.routes.name(TypeId(event_type)).to_vec();
            endpoint.push_reply(frame::DROPPED, encode_control(&Dropped::new(name, count)));
        }
        endpoint.flush_replies();
    }
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Empty,
    Quarter,
    Half,
    More,
}

impl Level {
    pub(super) fn of(link: &Link, limits: &Limits) -> Self {
        Level::of_queue(link.queued_cost(), link.queued_frames(), limits)
    }

    pub(super) fn of_queue(cost: usize, frames: usize, limits: &Limits) -> Self {
        let used = |queued: usize, limit: usize| (queued.saturating_mul(4)).div_ceil(limit.max(1));
        match used(cost, limits.queue_cost).max(used(frames, limits.queue_frames)) {
            0 => Level::Empty,
            1 => Level::Quarter,
            2 => Level::Half,
            _ => Level::More,
        }
    }
}

fn has_room(endpoint: &Endpoint, event_type: TypeId, len: usize, limits: &Limits) -> bool {
    if let Some(backlog) = endpoint.backlog(event_type) {
        return backlog.has_room(len, limits);
    }
    let cost = len + FRAME_COST as usize;
    endpoint.link.as_deref().is_some_and(|link| link.queued_frames() == 0 || link.room() >= cost)
}

/// Whether the subscription loses its oldest message rather than hold its publishers back.
fn may_drop(endpoint: &Endpoint, local: &Local, event_type: TypeId) -> bool {
    local.policy == SlowPolicy::DROP_OLDEST
        || !endpoint.reachable
        || endpoint.session.as_deref().is_some_and(|session| session.stalled)
        || endpoint.backlog(event_type).is_some_and(|backlog| backlog.is_unclaimed(event_type))
}

/// Encodes one of our own small structs, which cannot fail for lack of room.
pub(super) fn encode_control<T: thrift::protocol::TSerializable>(value: &T) -> Bytes {
    let mut body = Vec::with_capacity(64);
    encode_compact(value, &mut body);
    body.into()
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
