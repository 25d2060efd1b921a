//! What protocol-1 clients say, and what comes of it. Everything here is hostile: whatever it is, it changes only what its sender
//! may change, and costs no more than an answer.

use std::net::SocketAddr;

use gossiperl_idl::{
    code,
    digest::{
        AnyDigest, Digest, DigestExit, DigestForwardedAck, DigestSubscribe, DigestUnsubscribe, is_reserved,
    },
    envelope::Envelope,
    message::MAX_PAYLOAD,
};
use gossiperl_link::Time;

use super::{Effect, Fault, Legacy, Peer, Publication, Subscribing, deliver::Subscriber, queue::Queue};
use crate::{
    clients::{
        ClientId, Protocol, Registry,
        subscriptions::{MAX_EVENT_TYPE, reserved},
    },
    event::{State, is_local},
};

/// Longest name and secret of a client, in bytes.
pub(super) const MAX_NAME: usize = 255;

/// Longest id of a request or message, in bytes: an answer must repeat it and stay short enough for every client.
pub(super) const MAX_ID: usize = 255;

impl Legacy {
    /// Takes an envelope. A message that somebody publishes is handed back; all else is dealt with here.
    pub(crate) fn handle(
        &mut self,
        now: Time,
        registry: &mut Registry,
        from: Peer,
        envelope: &Envelope<'_>,
    ) -> Option<Publication> {
        if !is_local(&from.address) {
            self.stats.foreign += 1;
            return None;
        }
        if !is_reserved(envelope.payload_type) {
            return self.handle_message(now, registry, from, envelope);
        }
        let mut inner = std::mem::take(&mut self.scratch);
        let decoded = envelope.decode_payload(&mut inner).is_ok();
        match AnyDigest::read(envelope.payload_type, &inner) {
            Ok(Some(digest)) if decoded => self.handle_digest(now, registry, from, &digest),
            _ => self.stats.malformed += 1,
        }
        self.scratch = inner;
        None
    }

    fn handle_digest(&mut self, now: Time, registry: &mut Registry, from: Peer, digest: &AnyDigest<'_>) {
        match digest {
            AnyDigest::Digest(digest) => self.handle_alive(now, registry, from, digest),
            AnyDigest::Subscribe(request) => self.handle_subscribe(now, registry, from, request),
            AnyDigest::Unsubscribe(request) => self.handle_unsubscribe(now, registry, from, request),
            AnyDigest::ForwardedAck(ack) => self.handle_forwarded_ack(now, registry, ack),
            AnyDigest::Exit(exit) => self.handle_exit(registry, exit),
            AnyDigest::Ack(_)
            | AnyDigest::Member(_)
            | AnyDigest::SubscribeAck(_)
            | AnyDigest::UnsubscribeAck(_)
            | AnyDigest::Subscriptions(_)
            | AnyDigest::Subscription(_)
            | AnyDigest::Event(_)
            | AnyDigest::Error(_)
            | AnyDigest::Envelope(_) => self.stats.unexpected += 1,
        }
    }

    /// A client says that it lives and where it listens. Answered there, not where the datagram came from.
    fn handle_alive(&mut self, now: Time, registry: &mut Registry, from: Peer, digest: &Digest<'_>) {
        if digest.id.len() > MAX_ID || digest.secret.len() > MAX_NAME {
            self.stats.malformed += 1;
            return;
        }
        if registry.authenticate(digest.name, digest.secret) == Err(code::WRONG_SECRET) {
            self.stats.unauthenticated += 1;
            return;
        }
        let entity_name = digest.name;
        let Some(port) = u16::try_from(digest.port).ok().filter(|port| self.may_listen(from, *port)) else {
            let fault = Fault { code: code::BAD_PORT, entity: "digest", entity_name };
            return self.refuse_once(now, from, &fault, digest.id);
        };
        let to = Peer { address: SocketAddr::new(from.address.ip(), port), ..from };
        let client = match registry.register(now, digest.name, digest.secret, Protocol::Legacy, to.address) {
            Ok(client) => client,
            Err(code::WRONG_SECRET) => {
                self.stats.unauthenticated += 1;
                return;
            }
            Err(code) => {
                let fault = Fault { code, entity: "digest", entity_name };
                return self.refuse_once(now, from, &fault, digest.id);
            }
        };
        self.welcome(now, client, to);
        self.replies.digest_ack(to, digest.id, registry);
    }

    /// The client is at this address now: newly, again, or still. What was out to another address goes to this one.
    fn welcome(&mut self, now: Time, client: ClientId, to: Peer) {
        let held = self.subscribers.entry(client).or_insert_with(|| Subscriber {
            to,
            queue: Queue::default(),
            state: State::Reachable,
            stalled: false,
            progress: now,
            dirty: false,
            turn: 0,
            timer: None,
        });
        let moved = held.to.address != to.address;
        held.to = to;
        let was = std::mem::replace(&mut held.state, State::Reachable);
        if moved || was == State::Unreachable {
            held.queue.hurry(now);
        }
        held.queue.sign_of_life();
        if moved || was == State::Unreachable || held.queue.never_acknowledges() {
            self.wake(client);
        }
    }

    /// Whether a client may listen on this port: not on 0, and not on our own, where we would be talking to ourselves.
    fn may_listen(&self, from: Peer, port: u16) -> bool {
        let own = self.own_address;
        let ours = port == own.port() && (from.address.ip() == own.ip() || !is_local(&own));
        port != 0 && !ours
    }

    fn handle_subscribe(
        &mut self,
        now: Time,
        registry: &mut Registry,
        from: Peer,
        request: &DigestSubscribe<'_>,
    ) {
        let Some((client, to)) = self.requester(
            now,
            registry,
            from,
            "digestSubscribe",
            (request.name, request.secret, request.id),
        ) else {
            return;
        };
        match self.subscriptions.plan(client, &request.event_types) {
            Ok(added) => {
                let event_types = request.event_types.iter().copied().map(Box::from).collect();
                let subscribing = Subscribing { client, added, event_types, to, id: request.id.into() };
                if subscribing.added.is_empty() {
                    self.grant(&subscribing);
                } else {
                    self.effects.push_back(Effect::Subscribe(subscribing));
                }
            }
            Err((code, at)) => {
                let entity_name = request.event_types.get(at).copied().unwrap_or_default();
                let fault = Fault { code, entity: "digestSubscribe", entity_name };
                self.refuse_once(now, to, &fault, request.id);
            }
        }
    }

    /// The rest of the overlay has the new subscriptions: they count, and the client is told.
    pub(crate) fn grant(&mut self, subscribing: &Subscribing) {
        let event_types: Vec<&[u8]> = subscribing.event_types.iter().map(|name| &**name).collect();
        if self.subscriptions.subscribe(subscribing.client, &event_types).is_ok() {
            self.replies.subscribe_ack(subscribing.to, &subscribing.id, &event_types);
        }
    }

    /// The rest of the overlay has no place for this type: nothing of the request counts, and the client is told why.
    pub(crate) fn refuse_subscribing(
        &mut self,
        now: Time,
        subscribing: &Subscribing,
        code: i32,
        event_type: &[u8],
    ) {
        let fault = Fault { code, entity: "digestSubscribe", entity_name: event_type };
        self.refuse_once(now, subscribing.to, &fault, &subscribing.id);
    }

    fn handle_unsubscribe(
        &mut self,
        now: Time,
        registry: &mut Registry,
        from: Peer,
        request: &DigestUnsubscribe<'_>,
    ) {
        let Some((client, to)) = self.requester(
            now,
            registry,
            from,
            "digestUnsubscribe",
            (request.name, request.secret, request.id),
        ) else {
            return;
        };
        for event_type in &request.event_types {
            if !self.subscriptions.unsubscribe(client, event_type) {
                continue;
            }
            if let Some(held) = self.subscribers.get_mut(&client) {
                let cleared = held.queue.clear_type(event_type);
                self.stats.dropped += cleared as u64;
                if cleared > 0 {
                    held.progress = now;
                    self.effects.push_back(Effect::Shrank { client });
                }
            }
            self.effects.push_back(Effect::Unsubscribed { client, event_type: (*event_type).into() });
        }
        // An id that was out may have kept another message of the same id waiting.
        self.wake(client);
        self.replies.unsubscribe_ack(to, request.id, &short_enough(&request.event_types));
    }

    /// The registered client that asks, and where it gets its answer. Otherwise it has been refused.
    fn requester(
        &mut self,
        now: Time,
        registry: &mut Registry,
        from: Peer,
        entity: &'static str,
        (name, secret, id): (&[u8], &[u8], &[u8]),
    ) -> Option<(ClientId, Peer)> {
        if id.len() > MAX_ID {
            self.stats.malformed += 1;
            return None;
        }
        let client = registry.authenticate(name, secret).and_then(|client| {
            let held = self.subscribers.get(&client).ok_or(code::NOT_REGISTERED)?;
            Ok((client, held.to))
        });
        match client {
            Ok((client, to)) => {
                registry.heard_from(now, client);
                Some((client, to))
            }
            Err(code) => {
                let entity_name = name.get(..MAX_NAME).unwrap_or(name);
                self.refuse_once(now, from, &Fault { code, entity, entity_name }, id);
                None
            }
        }
    }

    /// A subscriber has a message.
    fn handle_forwarded_ack(&mut self, now: Time, registry: &mut Registry, ack: &DigestForwardedAck<'_>) {
        let client = registry.authenticate(ack.name, ack.secret);
        let Some(client) = client.ok().filter(|client| self.is_client(*client)) else {
            self.stats.unauthenticated += 1;
            return;
        };
        registry.heard_from(now, client);
        let Some(held) = self.subscribers.get_mut(&client) else { return };
        if !held.queue.acknowledge(ack.reply_id) {
            self.stats.acknowledged_again += 1;
            return;
        }
        held.progress = now;
        held.stalled = false;
        self.stats.delivered += 1;
        self.effects.push_back(Effect::Shrank { client });
        self.wake(client);
    }

    fn handle_exit(&mut self, registry: &mut Registry, exit: &DigestExit<'_>) {
        let client = registry.authenticate(exit.name, exit.secret);
        let Some(client) = client.ok().filter(|client| self.is_client(*client)) else {
            self.stats.unauthenticated += 1;
            return;
        };
        // What it had here ends with the registry's notice, which still knows its name.
        registry.leave(client);
    }

    fn handle_message(
        &mut self,
        now: Time,
        registry: &Registry,
        from: Peer,
        envelope: &Envelope<'_>,
    ) -> Option<Publication> {
        let (event_type, id) = (envelope.payload_type, envelope.id);
        if id.len() > MAX_ID {
            self.stats.malformed += 1;
            return None;
        }
        let fault = |legacy: &mut Self, code| {
            let entity_name = event_type.get(..MAX_EVENT_TYPE).unwrap_or(event_type);
            legacy.refuse_once(now, from, &Fault { code, entity: "message", entity_name }, id);
            None
        };
        if event_type.is_empty() || event_type.len() > MAX_EVENT_TYPE {
            return fault(self, code::BAD_TYPE);
        }
        if reserved(event_type).is_some() {
            return fault(self, code::RESERVED_TYPE);
        }
        // Without an id of its own, one message can't be told from the next.
        let fingerprint = (!id.is_empty())
            .then(|| self.published.fingerprint((from.address, id, event_type, envelope.bin_payload)));
        if fingerprint.is_some_and(|fingerprint| self.published.contains(now, fingerprint)) {
            self.stats.duplicates += 1;
            self.replies.forwarded_ack(from, id);
            return None;
        }
        let mut payload = Vec::new();
        let canonical = envelope.decode_canonical(&mut payload);
        if !canonical {
            payload.extend_from_slice(envelope.bin_payload);
        }
        if payload.len() > MAX_PAYLOAD {
            return fault(self, code::TOO_LARGE);
        }
        Some(Publication {
            client: registry.at(&from.address).filter(|client| self.is_client(*client)),
            event_type: event_type.into(),
            payload,
            verbatim: !canonical,
            id: id.into(),
            from,
            fingerprint,
        })
    }

    /// Answers with a DigestError, unless this sender's request of this id has been answered so a short while ago.
    pub(super) fn refuse_once(&mut self, now: Time, to: Peer, fault: &Fault<'_>, id: &[u8]) {
        self.stats.refused += 1;
        let request = self.refusals.fingerprint((to.address, fault.entity, id));
        if self.refusals.insert(now, request) {
            self.replies.error(to, fault, id);
        }
    }
}

/// Only event types that somebody can have subscribed to: an acknowledgement of others might not fit.
fn short_enough<'a>(event_types: &[&'a [u8]]) -> Vec<&'a [u8]> {
    event_types.iter().copied().filter(|name| name.len() <= MAX_EVENT_TYPE).collect()
}
