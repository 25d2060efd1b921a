//! What clients of protocol 2 ask for in their sessions (PROTOCOL.md section 5): subscriptions, the members; and what may be published.

use gossiperl_idl::{
    code,
    codec::decode_compact,
    frame,
    generated::{MembersPage, MembersRequest, Refusal, Reply, SlowPolicy, Subscribe, Unsubscribe},
    message::Message,
};
use gossiperl_link::Time;

use super::{
    Overlay, daemons::subscription_key, publish::encode_control, publish::lossy, sessions::NAME_LEN,
};
use crate::{
    clients::ClientId,
    delivery::{Cause, Local},
    endpoint::{EndpointId, Session},
    event::{Change, View},
    overlay::members_of,
};

/// Largest payload of a message, in bytes.
pub(crate) const PAYLOAD_LEN: usize = 60_000;

/// Members in one page to a client: some 100 bytes each, so that a page stays within a few datagrams.
const MEMBERS_IN_PAGE: usize = 256;

/// Why a message may not be published under this instance; `None` where it may.
pub(super) fn publish_fault(message: &Message<'_>, instance: i64) -> Option<i32> {
    if message.publisher != instance || message.sequence <= 0 {
        return Some(code::WRONG_PUBLISHER);
    }
    type_fault(message.event_type)
        .or_else(|| (message.payload.len() > PAYLOAD_LEN).then_some(code::TOO_LARGE))
}

/// Why this cannot be an event type of clients; `None` where it can.
pub(super) fn type_fault(event_type: &[u8]) -> Option<i32> {
    if event_type.is_empty() || event_type.len() > NAME_LEN {
        return Some(code::BAD_TYPE);
    }
    let reserved = Change::ALL.iter().any(|change| change.event_type().as_bytes() == event_type);
    reserved.then_some(code::RESERVED_TYPE)
}

impl Overlay {
    /// A numbered request of a client. False: not what its kind says.
    pub(super) fn handle_request(
        &mut self,
        now: Time,
        id: EndpointId,
        client: ClientId,
        kind: u8,
        body: &[u8],
    ) -> bool {
        match kind {
            frame::SUBSCRIBE => {
                let Ok(subscribe) = decode_compact::<Subscribe>(body) else { return false };
                self.handle_subscribe(now, id, client, &subscribe);
            }
            frame::UNSUBSCRIBE => {
                let Ok(unsubscribe) = decode_compact::<Unsubscribe>(body) else { return false };
                for event_type in &unsubscribe.event_types {
                    self.unsubscribe_session(now, id, client, event_type);
                }
                self.reply(id, unsubscribe.request, code::DONE, "");
            }
            frame::MEMBERS_REQUEST => {
                let Ok(request) = decode_compact::<MembersRequest>(body) else { return false };
                self.send_members(id, &request);
            }
            _ => {}
        }
        true
    }

    /// All of the subscriptions, or none of them.
    fn handle_subscribe(&mut self, now: Time, id: EndpointId, client: ClientId, subscribe: &Subscribe) {
        let Some(session) = self.endpoints.get(id).and_then(|endpoint| endpoint.session.as_deref()) else {
            return;
        };
        let news = subscribe
            .subscriptions
            .iter()
            .filter(|one| !session.subscriptions.contains_key(one.event_type.as_slice()));
        if session.subscriptions.len() + news.count() > self.config.limits.subscriptions_per_client {
            self.reply(id, subscribe.request, code::TOO_MANY_SUBSCRIPTIONS, "");
            return;
        }
        for one in &subscribe.subscriptions {
            if let Some(fault) = type_fault(&one.event_type) {
                self.reply(id, subscribe.request, fault, &lossy(&one.event_type));
                return;
            }
        }
        if !self.announce_subscriptions(now, id, client, subscribe) {
            self.reply(id, subscribe.request, code::STATE_FULL, "");
            return;
        }
        for one in &subscribe.subscriptions {
            let policy = if one.policy == SlowPolicy::DROP_OLDEST {
                SlowPolicy::DROP_OLDEST
            } else {
                SlowPolicy::WAIT
            };
            let event_type = one.event_type.as_slice();
            let type_id = self.routes.subscribe(event_type, Local { client, endpoint: Some(id), policy });
            let session = self.endpoints.get_mut(id).and_then(|endpoint| endpoint.session.as_deref_mut());
            if let Some(session) = session {
                session.subscriptions.insert(event_type.into(), policy);
                if let Some(backlog) = session.backlog.as_deref_mut() {
                    backlog.claim(type_id);
                }
            }
        }
        self.reply(id, subscribe.request, code::DONE, "");
    }

    fn unsubscribe_session(&mut self, now: Time, id: EndpointId, client: ClientId, event_type: &[u8]) {
        let Some(endpoint) = self.endpoints.get_mut(id) else { return };
        let Some(session) = endpoint.session.as_deref_mut() else { return };
        let Some(type_id) = self.routes.find(event_type) else { return };
        let backlog = session.backlog.as_deref_mut().filter(|backlog| backlog.takes(type_id));
        if backlog.as_deref().is_some_and(|backlog| backlog.is_unclaimed(type_id)) {
            self.end_unclaimed(now, id, type_id);
            return;
        }
        if session.subscriptions.remove(event_type).is_some() {
            self.stats.dropped += backlog.map_or(0, |backlog| backlog.remove_type(type_id)) as u64;
            session.dropped.remove(&type_id.0);
            let name = session.name.clone();
            self.remove_subscription(now, &name, client, event_type);
        }
    }

    /// Takes the subscription out of the routes and the shared state. Nobody is held back on its account any more.
    pub(super) fn remove_subscription(
        &mut self,
        now: Time,
        name: &[u8],
        client: ClientId,
        event_type: &[u8],
    ) {
        let session = self.session_of.get(&client);
        let cause = session.map_or(Cause::Legacy(client), |session| Cause::Queue(*session));
        if let Some(id) = self.routes.unsubscribe(event_type, client) {
            let unused = self.routes.is_unused(id);
            let resumed =
                if unused { self.pressure.close(id) } else { self.pressure.relieve_type(id, cause) };
            self.resume(now, resumed.into_iter().collect());
            self.release_held(now, cause);
        }
        self.state.delete(now, &subscription_key(event_type, name));
    }

    /// Tells the other daemons of all that are new, or of none where the shared state has no room for them all.
    fn announce_subscriptions(
        &mut self,
        now: Time,
        id: EndpointId,
        client: ClientId,
        subscribe: &Subscribe,
    ) -> bool {
        let held = self.endpoints.get(id).and_then(|endpoint| endpoint.session.as_deref());
        let is_left = |session: &Session, event_type: &[u8]| {
            let type_id = self.routes.find(event_type);
            type_id.is_some_and(|id| session.backlog.as_deref().is_some_and(|backlog| backlog.takes(id)))
        };
        let is_new = |event_type: &[u8]| {
            held.is_some_and(|held| {
                !held.subscriptions.contains_key(event_type) && !is_left(held, event_type)
            })
        };
        let types = subscribe.subscriptions.iter().map(|one| one.event_type.as_slice());
        let new: Vec<Box<[u8]>> = types.filter(|event_type| is_new(event_type)).map(Box::from).collect();
        self.announce_all(now, client, &new).is_ok()
    }

    /// Tells the other daemons of these subscriptions; of none of them, and counted, where the shared state has no room for the one returned.
    pub(super) fn announce_all<'a>(
        &mut self,
        now: Time,
        client: ClientId,
        event_types: &'a [Box<[u8]>],
    ) -> Result<(), &'a [u8]> {
        let Some(name) = self.clients.name(client) else {
            return event_types.first().map_or(Ok(()), |event_type| Err(&**event_type));
        };
        for (at, event_type) in event_types.iter().enumerate() {
            let key = subscription_key(event_type, name);
            if self.state.put(now, &key, &self.unix_seconds.to_be_bytes()).is_ok() {
                continue;
            }
            self.stats.unannounced += 1;
            for told in event_types.iter().take(at) {
                self.state.delete(now, &subscription_key(told, name));
            }
            return Err(event_type);
        }
        Ok(())
    }

    fn reply(&mut self, id: EndpointId, request: i64, done: i32, entity: &str) {
        let body = encode_control(&Reply::new(request, done, entity.to_owned(), code::text(done).to_owned()));
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.push_reply(frame::REPLY, body);
        }
    }

    /// Tells a publisher that a message will never be taken. A datagram frame: the client checks the same rules itself.
    pub(super) fn refuse_publish(&mut self, id: EndpointId, sequence: i64, refused: i32, event_type: &[u8]) {
        let refusal = Refusal::new(sequence, refused, lossy(event_type), code::text(refused).to_owned());
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.push_frame(frame::REFUSAL, &encode_control(&refusal));
        }
    }

    fn send_members(&mut self, id: EndpointId, request: &MembersRequest) {
        let Some(endpoint) = self.endpoints.get(id) else { return };
        if endpoint.replies().any(|(kind, _)| *kind == frame::MEMBERS_PAGE) {
            // Pages are large: one table at a time waits for a client.
            self.reply(id, request.request, code::ANSWERING, "");
            return;
        }
        let views: Vec<(Box<[u8]>, View)> = self.named_views().collect();
        let Some(endpoint) = self.endpoints.get_mut(id) else { return };
        if let Some(session) = endpoint.session.as_deref_mut() {
            session.watches = request.watch;
        }
        let pages = views.chunks(MEMBERS_IN_PAGE).count();
        for (index, page) in views.chunks(MEMBERS_IN_PAGE).enumerate() {
            let members = page.iter().map(|(name, view)| members_of::member_view(name, view)).collect();
            let body = encode_control(&MembersPage::new(request.request, members, index + 1 == pages));
            endpoint.push_reply(frame::MEMBERS_PAGE, body);
        }
    }
}
