//! One session of a client after another (PROTOCOL.md section 5, point 8): what the earlier one was given and did not acknowledge goes to the
//! later one, type by type as that subscribes again.
//!
//! A process that restarts, or a session that cannot be kept, makes a new session under the same name and secret. Its subscriptions stand on until
//! it has made them again, so that no message passes between the two; what its client does not ask for in time ends.

use std::{collections::BTreeMap, time::Duration};

use gossiperl_idl::message::Message;
use gossiperl_link::{Link, Time};

use super::Overlay;
use crate::{
    clients::ClientId,
    delivery::{Backlog, Cause, TypeId},
    endpoint::{EndpointId, Session},
};

/// A new session has so long to subscribe again, while its client is reachable: longer than most processes take to start.
const RECLAIM_WITHIN: Duration = Duration::from_secs(30);

/// What an ended session leaves to the next.
#[derive(Default)]
pub(super) struct Inheritance {
    backlog: Backlog,
    /// Messages dropped by type, not yet told.
    dropped: BTreeMap<u32, i64>,
}

impl Overlay {
    /// Takes down a client's session for the one that follows. Routes and the shared state keep its subscriptions.
    pub(super) fn end_for_successor(&mut self, now: Time, id: EndpointId) -> Inheritance {
        self.forget_reclaim(id);
        let Some(mut endpoint) = self.endpoints.remove(id) else { return Inheritance::default() };
        let Some(mut session) = endpoint.session.take() else { return Inheritance::default() };
        let left = self.leave_behind(now, &mut session, endpoint.link.take());
        self.let_go(now, id);
        left
    }

    /// Gives the session what its predecessor left.
    pub(super) fn inherit(&mut self, now: Time, id: EndpointId, client: ClientId, left: Inheritance) {
        if left.backlog.is_empty() {
            return;
        }
        for event_type in left.backlog.unclaimed() {
            self.routes.move_local(event_type, client, id);
        }
        let by = now + RECLAIM_WITHIN;
        let Some(endpoint) = self.endpoints.get_mut(id) else { return };
        let Some(session) = endpoint.session.as_deref_mut() else { return };
        session.backlog = Some(Box::new(left.backlog));
        session.dropped = left.dropped;
        session.reclaim_by = Some(by);
        self.reclaims.insert((by, id));
    }

    /// The session cannot go on, though its client may. What comes under its salt is a stranger's from now on, and the next session inherits.
    pub(super) fn suspend_session(&mut self, now: Time, id: EndpointId) {
        self.endpoints.disown(id);
        self.forget_reclaim(id);
        let Some(endpoint) = self.endpoints.get_mut(id) else { return };
        endpoint.drop_waiting();
        endpoint.reachable = false;
        let link = endpoint.link.take();
        let Some(mut session) = endpoint.session.take() else { return };
        let left = self.leave_behind(now, &mut session, link);
        session.watches = false;
        session.backlog = Some(Box::new(left.backlog));
        session.dropped = left.dropped;
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.session = Some(session);
        }
        self.let_go(now, id);
    }

    /// A type that the present session has not asked for is given up: the subscription, and what waited for it.
    pub(super) fn end_unclaimed(&mut self, now: Time, id: EndpointId, event_type: TypeId) {
        let Some(endpoint) = self.endpoints.get_mut(id) else { return };
        let Some(session) = endpoint.session.as_deref_mut() else { return };
        let Some(backlog) = session.backlog.as_deref_mut() else { return };
        self.stats.dropped += backlog.remove_type(event_type) as u64;
        if backlog.is_empty() {
            session.backlog = None;
        }
        session.dropped.remove(&event_type.0);
        let (client, client_name) = (session.client, session.name.clone());
        let event_type = self.routes.name(event_type).to_vec();
        self.remove_subscription(now, &client_name, client, &event_type);
    }

    /// Ends what sessions did not ask for again in time. One whose client is away has all the time until that is dropped.
    pub(super) fn end_overdue_claims(&mut self, now: Time) {
        while let Some((at, id)) = self.reclaims.first().copied().filter(|(at, _)| *at <= now) {
            self.reclaims.remove(&(at, id));
            let Some(endpoint) = self.endpoints.get_mut(id) else { continue };
            let Some(session) = endpoint.session.as_deref_mut() else { continue };
            if !endpoint.reachable {
                let by = now + RECLAIM_WITHIN;
                session.reclaim_by = Some(by);
                self.reclaims.insert((by, id));
                continue;
            }
            session.reclaim_by = None;
            for event_type in session.backlog.as_deref().map(Backlog::unclaimed).unwrap_or_default() {
                self.end_unclaimed(now, id, event_type);
            }
        }
    }

    /// The session needs no more time to ask for anything.
    pub(super) fn forget_reclaim(&mut self, id: EndpointId) {
        let session = self.endpoints.get_mut(id).and_then(|endpoint| endpoint.session.as_deref_mut());
        if let Some(by) = session.and_then(|session| session.reclaim_by.take()) {
            self.reclaims.remove(&(by, id));
        }
    }

    /// All subscriptions of the session and all it has not acknowledged: its link's first, which are the older ones of each type.
    fn leave_behind(&mut self, now: Time, session: &mut Session, link: Option<Box<Link>>) -> Inheritance {
        let mut left =
            Inheritance { backlog: Backlog::default(), dropped: std::mem::take(&mut session.dropped) };
        let subscriptions = std::mem::take(&mut session.subscriptions);
        for event_type in subscriptions.keys().filter_map(|name| self.routes.find(name)) {
            left.backlog.add_type(event_type);
        }
        let former = session.backlog.take().unwrap_or_default();
        let mut room = self.config.limits.subscriptions_per_client.saturating_sub(subscriptions.len());
        for event_type in former.unclaimed() {
            if room > 0 {
                room -= 1;
                left.backlog.add_type(event_type);
                continue;
            }
            let name = self.routes.name(event_type).to_vec();
            self.remove_subscription(now, &session.name, session.client, &name);
        }
        for body in link.map(|link| link.into_untaken()).unwrap_or_default() {
            let event_type =
                Message::read(&body).ok().and_then(|message| self.routes.find(message.event_type));
            self.keep(&mut left, event_type, &body);
        }
        for (event_type, body) in former.into_messages() {
            self.keep(&mut left, Some(event_type), &body);
        }
        left
    }

    /// Keeps a message for the next session. Where one queue's bounds are reached, its type's oldest gives way.
    fn keep(&mut self, left: &mut Inheritance, event_type: Option<TypeId>, body: &bytes::Bytes) {
        let Some(event_type) = event_type.filter(|event_type| left.backlog.takes(*event_type)) else {
            // The client has unsubscribed since.
            self.stats.dropped += 1;
            return;
        };
        let limits = &self.config.limits;
        while !left.backlog.push(event_type, body.clone(), limits) {
            self.stats.dropped += 1;
            *left.dropped.entry(event_type.0).or_default() += 1;
            if !left.backlog.drop_oldest(event_type) {
                return;
            }
        }
    }

    /// Nobody is held back for an endpoint that is gone, or that cannot take anything for now.
    pub(super) fn let_go(&mut self, now: Time, id: EndpointId) {
        self.sealing.forget(id);
        let resumed = self.pressure.forget(id);
        self.resume(now, resumed);
        self.release_held(now, Cause::Queue(id));
    }
}
