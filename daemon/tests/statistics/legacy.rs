//! A client of protocol 1 on a plain socket, which counts what it says and hears.

use std::{collections::BTreeMap, io::ErrorKind, net::UdpSocket, time::Duration};

use gossiperl_daemon::statistics::Answer;
use gossiperl_idl::{
    digest::{AnyDigest, Digest, DigestForwardedAck, DigestSubscribe},
    envelope::{self, Envelope},
    legacy::LegacyKey,
};

use crate::support::{Host, KEY};

/// How many datagrams, and their bytes.
pub(crate) type Counted = BTreeMap<String, (u64, u64)>;

/// The client.
pub(crate) struct Legacy {
    socket: UdpSocket,
    name: &'static str,
    key: LegacyKey,
    /// By payload type.
    pub(crate) sent: Counted,
    pub(crate) heard: Counted,
}

impl Legacy {
    pub(crate) fn new(host: &Host, name: &'static str) -> Self {
        let socket = UdpSocket::bind((host.address.ip(), 0)).expect("a port");
        socket.connect(host.address).expect("connected");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
        let key = LegacyKey::new(KEY.as_bytes());
        Legacy { socket, name, key, sent: Counted::new(), heard: Counted::new() }
    }

    fn send(&mut self, payload_type: &str, payload: &[u8], id: &str) {
        let (mut bytes, mut datagram) = (Vec::new(), Vec::new());
        envelope::put(payload_type.as_bytes(), payload, id.as_bytes(), &mut bytes);
        self.key.seal([7; 16], &bytes, &mut datagram);
        self.socket.send(&datagram).expect("sent");
        count(&mut self.sent, payload_type, datagram.len());
    }

    fn say(&mut self, digest: &AnyDigest<'_>) {
        let mut payload = Vec::new();
        digest.write(&mut payload);
        self.send(digest.payload_type(), &payload, "envelope");
    }

    /// Says that it lives.
    pub(crate) fn digest(&mut self) {
        let port = self.socket.local_addr().expect("bound").port().into();
        let name = self.name.as_bytes();
        self.say(&AnyDigest::Digest(Digest { name, port, heartbeat: 1, id: b"digest", secret: name }));
    }

    pub(crate) fn subscribe(&mut self, event_type: &str) {
        let name = self.name.as_bytes();
        let event_types = vec![event_type.as_bytes()];
        let (heartbeat, id) = (1, b"subscribe".as_slice());
        self.say(&AnyDigest::Subscribe(DigestSubscribe { name, heartbeat, id, event_types, secret: name }));
    }

    pub(crate) fn publish(&mut self, event_type: &str, payload: &[u8], id: &str) {
        self.send(event_type, payload, id);
    }

    /// Takes what has come until `is_enough`; acknowledges messages.
    pub(crate) fn hear(&mut self, is_enough: impl Fn(&Counted) -> bool) {
        let mut datagram = vec![0; 65_536];
        for _ in 0..3_000 {
            if is_enough(&self.heard) {
                return;
            }
            let length = match self.socket.recv(&mut datagram) {
                Ok(length) => length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(error) => panic!("{error}"),
            };
            let opened = self.key.open(&mut datagram[..length]).expect("opens");
            let envelope = Envelope::read(opened).expect("an envelope");
            let payload_type = String::from_utf8(envelope.payload_type.to_vec()).expect("text");
            let id = envelope.id.to_vec();
            count(&mut self.heard, &payload_type, length);
            if !payload_type.starts_with("digest") {
                let name = self.name.as_bytes();
                let ack = DigestForwardedAck { name, reply_id: &id, secret: name };
                self.say(&AnyDigest::ForwardedAck(ack));
            }
        }
        panic!("not heard within a minute; heard {:?}", self.heard);
    }
}

fn count(counted: &mut Counted, payload_type: &str, length: usize) {
    let counted = counted.entry(payload_type.to_owned()).or_default();
    *counted = (counted.0 + 1, counted.1 + length as u64);
}

/// What an answer says of digests in this direction, by payload type; published messages under `message`.
pub(crate) fn told(answer: &Answer, direction: &str) -> Counted {
    let digests = answer.statistics["digests"][direction].as_object().expect("an object");
    let number = |value: &serde_json::Value| value.as_u64().expect("a number");
    digests
        .iter()
        .map(|(name, tally)| (name.clone(), (number(&tally["messages"]), number(&tally["bytes"]))))
        .collect()
}
