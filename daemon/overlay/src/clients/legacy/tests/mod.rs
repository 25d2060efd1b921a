//! Rules of protocol 1 as clients see them: envelopes in, envelopes out, in virtual time.

mod captured;
mod hostile;
mod life;
mod publish;
mod redelivery;
mod subscribe;
mod unacknowledged;

use std::{net::Ipv4Addr, time::Duration};

use bytes::Bytes;
use gossiperl_idl::{
    code,
    digest::{AnyDigest, Digest, DigestExit, DigestForwardedAck, DigestSubscribe, DigestUnsubscribe},
    envelope::{self, Envelope},
    legacy::datagram_len,
};

use super::*;
use crate::{
    Config,
    clients::{Protocol, Registry},
};

const KEY: KeyId = KeyId([1; 4]);
const OWN_PORT: u16 = 6666;
const UNIX: i64 = 1_400_000_000;

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn config() -> Config {
    Config::new("o", "daemon", (Ipv4Addr::LOCALHOST.into(), OWN_PORT), b"key")
}

/// The parts that an overlay composes, composed.
struct Daemon {
    now: Time,
    registry: Registry,
    legacy: Legacy,
    changes: Vec<(Change, String)>,
    effects: Vec<Effect>,
    /// Whether what is heard comes from Erlang clients.
    erlang: bool,
}

/// An envelope on its way to a client.
#[derive(Debug)]
struct Sent {
    port: u16,
    payload_type: String,
    bin_payload: Vec<u8>,
    inner: Vec<u8>,
    id: Vec<u8>,
}

impl Sent {
    fn digest(&self) -> AnyDigest<'_> {
        AnyDigest::read(self.payload_type.as_bytes(), &self.inner).unwrap().unwrap()
    }

    /// Code and reply_id of a DigestError.
    fn error(&self) -> (i32, &[u8]) {
        match self.digest() {
            AnyDigest::Error(error) => (error.error_code, error.reply_id),
            other => panic!("{other:?}"),
        }
    }
}

impl Daemon {
    fn new(config: &Config) -> Self {
        let (mut registry, mut legacy) = (Registry::new(config), Legacy::new(config, 7));
        registry.set_unix_time(UNIX);
        legacy.set_unix_time(UNIX);
        let (changes, effects) = (Vec::new(), Vec::new());
        Daemon { now: Time::ZERO, registry, legacy, changes, effects, erlang: false }
    }

    fn follow(&mut self) {
        while let Some(notice) = self.registry.poll_notice() {
            if self.registry.get(notice.client).is_none() {
                self.legacy.forget(notice.client);
            } else {
                self.legacy.client_changed(self.now, notice.client, notice.view.state);
            }
            self.legacy.announce(notice.change, &notice.name);
            self.changes.push((notice.change, notice.view.name));
        }
        while let Some(effect) = self.legacy.poll_effect() {
            if let Effect::Subscribe(subscribing) = &effect {
                self.legacy.grant(subscribing);
            }
            self.effects.push(effect);
        }
    }

    fn hear_envelope(&mut self, from: SocketAddr, envelope: &Envelope<'_>) -> Option<Publication> {
        let from = Peer { address: from, key: KEY, erlang: self.erlang };
        let publication = self.legacy.handle(self.now, &mut self.registry, from, envelope);
        self.follow();
        publication
    }

    /// A published message; `payload` goes as base64.
    fn publish(&mut self, port: u16, event_type: &str, payload: &[u8], id: &str) -> Option<Publication> {
        let mut bytes = Vec::new();
        envelope::put(event_type.as_bytes(), payload, id.as_bytes(), &mut bytes);
        self.hear_envelope(local(port), &Envelope::read(&bytes).unwrap())
    }

    fn hear_from(&mut self, from: SocketAddr, digest: &AnyDigest<'_>) {
        let (mut inner, mut bytes) = (Vec::new(), Vec::new());
        digest.write(&mut inner);
        envelope::put(digest.payload_type().as_bytes(), &inner, b"envelope", &mut bytes);
        assert!(self.hear_envelope(from, &Envelope::read(&bytes).unwrap()).is_none());
    }

    fn hear(&mut self, port: u16, digest: &AnyDigest<'_>) {
        self.hear_from(local(port), digest);
    }

    /// A digest of the client that listens at `port` and sends from there.
    fn alive(&mut self, port: u16, name: &str) {
        self.alive_with(port, name, i32::from(port), "s");
    }

    fn alive_with(&mut self, from: u16, name: &str, port: i32, secret: &str) {
        let (name, secret) = (name.as_bytes(), secret.as_bytes());
        self.hear(from, &AnyDigest::Digest(Digest { name, port, heartbeat: UNIX, id: b"digest", secret }));
    }

    fn subscribe(&mut self, port: u16, name: &str, event_types: &[&str]) {
        self.subscribe_with(port, name, event_types, "s", "subscribe");
    }

    fn subscribe_with(&mut self, port: u16, name: &str, event_types: &[&str], secret: &str, id: &str) {
        let event_types = event_types.iter().map(|name| name.as_bytes()).collect();
        let (name, id, secret) = (name.as_bytes(), id.as_bytes(), secret.as_bytes());
        let request = DigestSubscribe { name, heartbeat: UNIX, id, event_types, secret };
        self.hear(port, &AnyDigest::Subscribe(request));
    }

    fn unsubscribe(&mut self, port: u16, name: &str, event_types: &[&str]) {
        let event_types = event_types.iter().map(|name| name.as_bytes()).collect();
        let (name, secret) = (name.as_bytes(), &b"s"[..]);
        let request = DigestUnsubscribe { name, heartbeat: UNIX, id: b"unsubscribe", event_types, secret };
        self.hear(port, &AnyDigest::Unsubscribe(request));
    }

    fn exit(&mut self, port: u16, name: &str, secret: &str) {
        let (name, secret) = (name.as_bytes(), secret.as_bytes());
        self.hear(port, &AnyDigest::Exit(DigestExit { name, heartbeat: UNIX, secret }));
    }

    fn acknowledge(&mut self, port: u16, name: &str, secret: &str, reply_id: &str) {
        let (name, reply_id, secret) = (name.as_bytes(), reply_id.as_bytes(), secret.as_bytes());
        self.hear(port, &AnyDigest::ForwardedAck(DigestForwardedAck { name, reply_id, secret }));
    }

    /// A client that is registered and subscribed; what it was answered is gone.
    fn subscriber(&mut self, port: u16, name: &str, event_types: &[&str]) -> ClientId {
        self.alive(port, name);
        self.subscribe(port, name, event_types);
        self.sent();
        self.registry.authenticate(name.as_bytes(), b"s").unwrap()
    }

    /// Delivers a message to the client, as if it came from a publisher of protocol 1.
    fn deliver(&mut self, client: ClientId, event_type: &str, id: &str, payload: &[u8]) -> bool {
        let envelope_id = Some(id.as_bytes()).filter(|id| !id.is_empty());
        let event_type = event_type.as_bytes();
        self.deliver_message(
            client,
            &Message { event_type, payload, publisher: 5, sequence: 6, envelope_id, verbatim: false },
        )
    }

    fn deliver_message(&mut self, client: ClientId, message: &Message<'_>) -> bool {
        let mut body = Vec::new();
        message.write(&mut body);
        let delivered = self.legacy.deliver(self.now, client, message, &Bytes::from(body));
        self.follow();
        delivered
    }

    /// All that is sent now.
    fn sent(&mut self) -> Vec<Sent> {
        let (mut sent, mut out) = (Vec::new(), Vec::new());
        while let Some(to) = self.legacy.poll_outgoing(self.now, &mut out) {
            assert_eq!((to.address.ip(), to.key), (Ipv4Addr::LOCALHOST.into(), KEY));
            let envelope = Envelope::read(&out).unwrap();
            let mut inner = Vec::new();
            let decoded = envelope.decode_canonical(&mut inner);
            if gossiperl_idl::digest::is_reserved(envelope.payload_type) {
                assert!(decoded && datagram_len(out.len()) < 1_024, "{envelope:?}");
            }
            assert!(datagram_len(out.len()) <= 65_507);
            sent.push(Sent {
                port: to.address.port(),
                payload_type: String::from_utf8_lossy(envelope.payload_type).into_owned(),
                bin_payload: envelope.bin_payload.to_vec(),
                inner,
                id: envelope.id.to_vec(),
            });
        }
        self.follow();
        sent
    }

    /// Port, type and id of all that is sent now.
    fn sent_ids(&mut self) -> Vec<(u16, String, String)> {
        let text = |sent: &Sent| String::from_utf8_lossy(&sent.id).into_owned();
        self.sent().iter().map(|sent| (sent.port, sent.payload_type.clone(), text(sent))).collect()
    }

    /// Lets time pass, each timer at its own moment, and says what was sent on the way.
    fn pass(&mut self, seconds: u64) -> Vec<Sent> {
        let end = self.now + Duration::from_secs(seconds);
        let mut sent = self.sent();
        while let Some(next) =
            [self.registry.poll_timeout(), self.legacy.poll_timeout()].into_iter().flatten().min()
        {
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            self.registry.handle_timeout(self.now);
            self.legacy.handle_timeout(self.now);
            self.follow();
            sent.extend(self.sent());
        }
        self.now = end;
        sent
    }

    /// Like [`Daemon::pass`], and the clients send their digests every two seconds. Answers are not listed.
    fn pass_alive(&mut self, seconds: u64, clients: &[(u16, &str)]) -> Vec<Sent> {
        let mut sent = Vec::new();
        for _ in 0..seconds / 2 {
            sent.extend(self.pass(2));
            for (port, name) in clients {
                self.alive(*port, name);
            }
        }
        sent.extend(self.sent());
        sent.retain(|sent| sent.payload_type != "digestAck");
        sent
    }

    fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes).into_iter().map(|(change, _)| change).collect()
    }

    fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}

fn only(mut sent: Vec<Sent>) -> Sent {
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent.remove(0)
}
