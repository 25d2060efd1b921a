//! Protocol 1: datagrams opened and sealed, and what its clients want done in the rest of the overlay.

use std::net::SocketAddr;

use gossiperl_idl::{code, envelope::Envelope, generated::SlowPolicy};
use gossiperl_link::{Time, Verdict};
use rand::RngCore;

use super::{Overlay, publish::Level, publish::Source};
use crate::{
    clients::{ClientId, Effect, Peer, Publication, Subscribing},
    delivery::{Cause, Local},
    event::{Event, is_local},
};

impl Overlay {
    /// A datagram that is not sealed: protocol 1, if it comes from a local client and opens under one of our keys.
    pub(super) fn handle_legacy(&mut self, now: Time, from: SocketAddr, datagram: &mut [u8]) {
        let own = match self.config.client_port {
            Some(port) => from.port() == port,
            None => (from.ip(), from.port()) == self.config.advertised,
        };
        if !self.config.legacy_clients || !is_local(&from) || own {
            self.stats.foreign += 1;
            return;
        }
        let length = datagram.len();
        let Some((key, erlang, opened)) = self.datagrams.open_legacy(datagram) else {
            self.stats.forged += 1;
            return;
        };
        let Ok(envelope) = Envelope::read(&opened) else {
            self.stats.malformed += 1;
            return;
        };
        self.traffic.digests_received.count(envelope.payload_type, length);
        let peer = Peer { address: from, key, erlang };
        let publication = self.legacy.handle(now, &mut self.clients, peer, &envelope);
        self.follow_legacy(now, None);
        if let Some(publication) = publication {
            self.publish_legacy(now, &publication);
        }
        self.follow_clients(now);
    }

    /// Acknowledged only once every queue has it; what cannot be taken now is not, and the publisher may try again.
    fn publish_legacy(&mut self, now: Time, publication: &Publication) {
        if !self.takes_messages() {
            return;
        }
        let sequence = self.legacy_sequence + 1;
        let message = publication.message(self.legacy_publisher, sequence);
        if let Some(code) = super::requests::type_fault(message.event_type) {
            self.stats.refused += 1;
            self.legacy.refuse(now, publication, code);
            return;
        }
        let mut body = Vec::with_capacity(message.encoded_len());
        message.write(&mut body);
        if self.publish(now, Source::Legacy(publication.client), &message, &body) == Verdict::Taken {
            self.legacy_sequence = sequence;
            self.legacy.accept(now, publication);
        }
        self.follow_legacy(now, None);
    }

    fn legacy_level(&self, client: ClientId) -> Level {
        let (cost, frames) = self.legacy.queued(client);
        Level::of_queue(cost, frames, &self.config.limits)
    }

    /// What protocol 1's sessions want of the rest; `gone` is the name of a client that the registry has just forgotten.
    pub(super) fn follow_legacy(&mut self, now: Time, gone: Option<&[u8]>) {
        while let Some(effect) = self.legacy.poll_effect() {
            match effect {
                Effect::Subscribe(subscribing) => self.subscribe_legacy(now, &subscribing),
                Effect::Unsubscribed { client, event_type } => {
                    let name: Box<[u8]> = self.clients.name(client).or(gone).unwrap_or_default().into();
                    self.remove_subscription(now, &name, client, &event_type);
                }
                Effect::Shrank { client } => {
                    let level = self.legacy_level(client);
                    self.relieve(now, Cause::Legacy(client), level);
                }
                Effect::Undeliverable { client, bytes } => {
                    let client = self.clients.name(client).map(super::publish::lossy).unwrap_or_default();
                    self.push_event(Event::Undeliverable { client, bytes });
                }
            }
        }
    }

    /// All of the subscriptions, or none where the shared state has no room for them all.
    fn subscribe_legacy(&mut self, now: Time, subscribing: &Subscribing) {
        let (client, added) = (subscribing.client, &subscribing.added);
        if let Err(full) = self.announce_all(now, client, added) {
            self.legacy.refuse_subscribing(now, subscribing, code::STATE_FULL, full);
            return;
        }
        for event_type in added {
            let local = Local { client, endpoint: None, policy: SlowPolicy::WAIT };
            self.routes.subscribe(event_type, local);
        }
        self.legacy.grant(subscribing);
    }

    /// The next datagram to a client of protocol 1.
    pub(super) fn transmit_legacy(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        while let Some(peer) = self.legacy.poll_outgoing(now, &mut self.envelope) {
            let mut iv = [0; 16];
            self.rng.fill_bytes(&mut iv);
            out.clear();
            if self.datagrams.seal_legacy(peer.key, iv, &self.envelope, out) {
                if let Ok(envelope) = Envelope::read(&self.envelope) {
                    self.traffic.digests_sent.count(envelope.payload_type, out.len());
                }
                return Some(peer.address);
            }
        }
        None
    }
}
