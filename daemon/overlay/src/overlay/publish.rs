//! Delivery: a message goes into the queue of every local subscriber and of every daemon that has some, or of none of them.
//!
//! The publisher is acknowledged (its link's acknowledgement) once all those queues hold the message. Where one that must not drop is full,
//! the message is not taken: the link keeps it with the publisher until there is room ([`Verdict::Hold`]). Well before that the type is paused
//! ([`Pressure`](crate::delivery::Pressure)), so that other types of the same publisher go on.

use bytes::Bytes;
use gossiperl_idl::{
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
    endpoint::{Endpoint, EndpointId},
    event::Event,
};

/// A subscriber that pauses publishers and takes nothing for so long no longer holds them back.
const STALLED_AFTER: std::time::Duration = std::time::Duration::from_secs(5);

/// Whose message it is: a local client's session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) endpoint: EndpointId,
    pub(super) client: ClientId,
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
        let Some(event_type) = self.routes.find(message.event_type) else {
            self.stats.published += 1;
            self.stats.unheard += 1;
            return Verdict::Taken;
        };
        if let Some(full) = self.full_queue(event_type, source, body.len()) {
            self.stats.held_back += 1;
            self.held.entry(full).or_default().insert(source.endpoint);
            self.tell_paused(event_type, source.endpoint);
            return Verdict::Hold;
        }
        let shared = Bytes::copy_from_slice(body);
        self.fan_out(now, event_type, source, &shared);
        self.stats.published += 1;
        if self.pressure.is_paused(event_type) {
            self.tell_paused(event_type, source.endpoint);
            self.watch_stalled(now);
        }
        Verdict::Taken
    }

    /// A queue that may not drop and has no room for the message.
    fn full_queue(&self, event_type: TypeId, source: Source, len: usize) -> Option<Cause> {
        let route = self.routes.get(event_type)?;
        let mine = source.client;
        for local in route.local.iter().filter(|local| local.client != mine) {
            let Some(endpoint) = self.endpoints.get(local.endpoint) else { continue };
            if !may_drop(endpoint, local) && !has_room(endpoint, len) {
                return Some(Cause::Queue(local.endpoint));
            }
        }
        None
    }

    fn fan_out(&mut self, now: Time, event_type: TypeId, source: Source, body: &Bytes) {
        let mine = source.client;
        let Some(route) = self.routes.get(event_type) else { return };
        for local in route.local.iter().filter(|local| local.client != mine) {
            let id = local.endpoint;
            let Some(endpoint) = self.endpoints.get_mut(id) else { continue };
            let drops = may_drop(endpoint, local);
            let Some(link) = endpoint.link.as_deref_mut() else { continue };
            let mut sent = link.send(frame::MESSAGE, event_type.0, body.clone());
            if sent.is_err() && drops {
                let made_room = link.drop_unsent(event_type.0).is_some();
                if let Some(session) = endpoint.session.as_deref_mut() {
                    *session.dropped.entry(event_type.0).or_default() += 1;
                }
                self.stats.dropped += 1;
                if made_room {
                    sent = link.send(frame::MESSAGE, event_type.0, body.clone());
                }
            }
            if sent.is_ok() {
                self.stats.fanned_out += 1;
                if !drops && Level::of(link, &self.config.limits) == Level::More {
                    self.pressure.pause(event_type, Cause::Queue(id));
                }
            }
            self.endpoints.settle(now, id);
        }
    }

    /// Tells a publisher that the type is paused, once.
    fn tell_paused(&mut self, event_type: TypeId, publisher: EndpointId) {
        if self.pressure.tell(event_type, publisher) {
            let body = encode_control(&Pause::new(lossy(self.routes.name(event_type))));
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
            let body = encode_control(&Resume::new(lossy(self.routes.name(event_type))));
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
            if session.stalled || now.since(endpoint.progress) < STALLED_AFTER {
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
        for (event_type, count) in std::mem::take(&mut session.dropped) {
            let name = lossy(self.routes.name(TypeId(event_type)));
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
        let used = |queued: usize, limit: usize| (queued.saturating_mul(4)).div_ceil(limit.max(1));
        match used(link.queued_cost(), limits.queue_cost).max(used(link.queued_frames(), limits.queue_frames))
        {
            0 => Level::Empty,
            1 => Level::Quarter,
            2 => Level::Half,
            _ => Level::More,
        }
    }
}

fn has_room(endpoint: &Endpoint, len: usize) -> bool {
    let cost = len + FRAME_COST as usize;
    endpoint.link.as_deref().is_some_and(|link| link.queued_frames() == 0 || link.room() >= cost)
}

/// Whether the subscription loses its oldest message rather than hold its publishers back.
fn may_drop(endpoint: &Endpoint, local: &Local) -> bool {
    local.policy == SlowPolicy::DROP_OLDEST
        || !endpoint.reachable
        || endpoint.session.as_deref().is_some_and(|session| session.stalled)
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
