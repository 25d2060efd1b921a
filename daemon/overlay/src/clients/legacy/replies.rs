//! What the daemon sends to protocol-1 clients on its own account: acknowledgements, errors, events. Each stays under 1,024 bytes
//! as a datagram, which is all that the JVM client reads.

use std::{collections::VecDeque, net::IpAddr};

use gossiperl_idl::{
    code,
    digest::{
        AnyDigest, DigestAck, DigestError, DigestEvent, DigestForwardedAck, DigestMember, DigestSubscribeAck,
        DigestUnsubscribeAck,
    },
    envelope,
    legacy::{MAX_FOR_EVERY_CLIENT, datagram_len},
};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Peer, uuid};
use crate::{clients::Registry, event::State};

/// Replies that wait at most; beyond it new ones are not made, and counted. What asked for them asks again.
const WAITING: usize = 4_096;

/// Clients looked at for the membership in a digestAck; some fifteen fit.
const LOOKED_AT: usize = 1_024;

/// A reply on its way.
pub(super) struct Reply {
    pub(super) to: Peer,
    pub(super) envelope: Vec<u8>,
}

/// Why a request is refused, as a DigestError says it.
pub(super) struct Fault<'a> {
    /// One of [`gossiperl_idl::code`].
    pub(super) code: i32,
    /// What kind of thing was refused.
    pub(super) entity: &'static str,
    /// Which one.
    pub(super) entity_name: &'a [u8],
}

/// Makes replies and keeps them until they are sent.
pub(super) struct Replies {
    waiting: VecDeque<Reply>,
    name: Vec<u8>,
    address: (String, u16),
    pub(super) unix_seconds: i64,
    random: ChaCha8Rng,
    inner: Vec<u8>,
    /// Replies not made since too many waited.
    pub(super) withheld: u64,
}

impl Replies {
    /// Replies of the member `name` that others reach at `address`.
    pub(super) fn new(name: &str, address: (IpAddr, u16), seed: u64) -> Self {
        Replies {
            waiting: VecDeque::new(),
            name: name.as_bytes().to_vec(),
            address: (address.0.to_canonical().to_string(), address.1),
            unix_seconds: 0,
            random: ChaCha8Rng::seed_from_u64(seed),
            inner: Vec::new(),
            withheld: 0,
        }
    }

    /// The oldest that waits.
    pub(super) fn pop(&mut self) -> Option<Reply> {
        self.waiting.pop_front()
    }

    /// Answers a digest with ourselves and as many of the reachable clients as fit.
    pub(super) fn digest_ack(&mut self, to: Peer, reply_id: &[u8], registry: &Registry) {
        let clients = registry.iter().take(LOOKED_AT).filter(|(_, client)| client.state == State::Reachable);
        let clients: Vec<(&[u8], String, u16, i64)> = clients
            .take(32)
            .map(|(_, client)| {
                let ip = client.address.ip().to_canonical().to_string();
                (&*client.name, ip, client.address.port(), client.heartbeat)
            })
            .collect();
        let name = std::mem::take(&mut self.name);
        let (own_ip, own_port) = (self.address.0.clone(), self.address.1);
        let own = (name.as_slice(), own_ip.as_bytes(), own_port, self.unix_seconds);
        let others =
            clients.iter().map(|(name, ip, port, heartbeat)| (*name, ip.as_bytes(), *port, *heartbeat));
        let mut ack =
            DigestAck { name: &name, heartbeat: self.unix_seconds, reply_id, membership: Vec::new() };
        let mut room = room("digestAck").saturating_sub(ack.encoded_len());
        for (member_name, member_ip, port, member_heartbeat) in std::iter::once(own).chain(others) {
            let member_port = i32::from(port);
            let member = DigestMember { member_name, member_ip, member_port, member_heartbeat };
            // A list's element has no header of its own.
            if let Some(left) = room.checked_sub(member.encoded_len()) {
                room = left;
                ack.membership.push(member);
            }
        }
        self.push(to, &AnyDigest::Ack(ack));
        self.name = name;
    }

    /// Grants a subscription; several acknowledgements where the types don't fit into one.
    pub(super) fn subscribe_ack(&mut self, to: Peer, reply_id: &[u8], event_types: &[&[u8]]) {
        let heartbeat = self.unix_seconds;
        for event_types in fitting(event_types, room("digestSubscribeAck"), reply_id) {
            let event_types = event_types.to_vec();
            self.push(to, &AnyDigest::SubscribeAck(DigestSubscribeAck { heartbeat, reply_id, event_types }));
        }
    }

    /// The end of a subscription, likewise.
    pub(super) fn unsubscribe_ack(&mut self, to: Peer, reply_id: &[u8], event_types: &[&[u8]]) {
        let heartbeat = self.unix_seconds;
        for event_types in fitting(event_types, room("digestUnsubscribeAck"), reply_id) {
            let event_types = event_types.to_vec();
            let ack = DigestUnsubscribeAck { heartbeat, reply_id, event_types };
            self.push(to, &AnyDigest::UnsubscribeAck(ack));
        }
    }

    /// A published message has been taken over. The secret is empty: the old daemon told the overlay's to every publisher.
    pub(super) fn forwarded_ack(&mut self, to: Peer, reply_id: &[u8]) {
        let name = std::mem::take(&mut self.name);
        self.push(to, &AnyDigest::ForwardedAck(DigestForwardedAck { name: &name, reply_id, secret: b"" }));
        self.name = name;
    }

    /// Something happened to a member.
    pub(super) fn event(&mut self, to: Peer, event_type: &str, event_object: &[u8]) {
        let heartbeat = self.unix_seconds;
        let event = DigestEvent { event_type: event_type.as_bytes(), event_object, heartbeat };
        self.push(to, &AnyDigest::Event(event));
    }

    /// A request is refused. Texts are cut where names and ids leave them no room.
    ///
    /// Erlang clients are not told: their library has no case for it, and starts anew without its subscriptions.
    pub(super) fn error(&mut self, to: Peer, fault: &Fault<'_>, reply_id: &[u8]) {
        if to.erlang {
            return;
        }
        let name = std::mem::take(&mut self.name);
        let mut error = DigestError {
            name: &name,
            heartbeat: self.unix_seconds,
            error_code: fault.code,
            error_entity: fault.entity.as_bytes(),
            error_entity_name: b"",
            error_message: b"",
            reply_id,
        };
        let room = room("digestError").saturating_sub(error.encoded_len());
        let message = code::text(fault.code).as_bytes();
        error.error_message = cut(message, room);
        error.error_entity_name = cut(fault.entity_name, room - error.error_message.len());
        self.push(to, &AnyDigest::Error(error));
        self.name = name;
    }

    /// A message to somebody in particular, once: nobody waits for its acknowledgement. False: too many replies wait.
    pub(super) fn message(&mut self, to: Peer, event_type: &[u8], payload: &[u8]) -> bool {
        self.put(to, event_type, payload)
    }

    fn push(&mut self, to: Peer, reply: &AnyDigest<'_>) {
        let mut inner = std::mem::take(&mut self.inner);
        inner.clear();
        reply.write(&mut inner);
        if self.put(to, reply.payload_type().as_bytes(), &inner) {
            let made = self.waiting.back().map_or(0, |reply| datagram_len(reply.envelope.len()));
            debug_assert!(made < MAX_FOR_EVERY_CLIENT, "{made}");
        }
        self.inner = inner;
    }

    fn put(&mut self, to: Peer, payload_type: &[u8], payload: &[u8]) -> bool {
        if self.waiting.len() >= WAITING {
            self.withheld += 1;
            return false;
        }
        let id = uuid::of(self.random.next_u64(), self.random.next_u64());
        let mut envelope = Vec::new();
        envelope::put(payload_type, payload, id.as_bytes(), &mut envelope);
        self.waiting.push_back(Reply { to, envelope });
        true
    }
}

/// How long a struct of this type may be, so that its datagram stays short enough for every client.
fn room(payload_type: &str) -> usize {
    // The longest envelope whose padded datagram has at most 1,023 bytes.
    let envelope = (MAX_FOR_EVERY_CLIENT - 1 - datagram_len(0) + 16) / 16 * 16 - 1;
    let encoded = envelope - envelope::put_len(payload_type.len(), 0, uuid::LEN);
    encoded / 4 * 3
}

/// Cuts the list into pieces that fit into an acknowledgement each; at least one piece.
fn fitting<'a>(event_types: &'a [&'a [u8]], room: usize, reply_id: &[u8]) -> Vec<&'a [&'a [u8]]> {
    let room = room - DigestSubscribeAck { heartbeat: 0, reply_id, event_types: Vec::new() }.encoded_len();
    let mut pieces = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (at, name) in event_types.iter().enumerate() {
        let length = 4 + name.len();
        if used + length > room && at > start {
            pieces.push(&event_types[start..at]);
            (start, used) = (at, 0);
        }
        used += length;
    }
    pieces.push(&event_types[start..]);
    pieces
}

fn cut(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}
