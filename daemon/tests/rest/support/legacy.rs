//! A client of protocol 1 on a plain socket.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use gossiperl_idl::{
    digest::{AnyDigest, Digest, DigestForwardedAck, DigestSubscribe},
    envelope::{self, Envelope},
    legacy::LegacyKey,
};

use super::KEY;

/// The client.
pub(crate) struct Legacy {
    socket: UdpSocket,
    name: &'static str,
    key: LegacyKey,
}

impl Legacy {
    /// One that speaks to the overlay at this port.
    pub(crate) fn new(ip: Ipv4Addr, port: u16, name: &'static str) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("a port");
        socket.connect((ip, port)).expect("connected");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
        Legacy { socket, name, key: LegacyKey::new(KEY.as_bytes()) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("bound")
    }

    fn say(&self, digest: &AnyDigest<'_>) {
        let (mut payload, mut bytes, mut datagram) = (Vec::new(), Vec::new(), Vec::new());
        digest.write(&mut payload);
        envelope::put(digest.payload_type().as_bytes(), &payload, b"envelope", &mut bytes);
        self.key.seal([7; 16], &bytes, &mut datagram);
        self.socket.send(&datagram).expect("sent");
    }

    /// Says that it lives, and hears that it is known.
    pub(crate) fn enter(&self) {
        let (name, port) = (self.name.as_bytes(), self.address().port().into());
        self.say(&AnyDigest::Digest(Digest { name, port, heartbeat: 1, id: b"digest", secret: name }));
        self.hear("digestAck");
    }

    pub(crate) fn subscribe(&self, event_type: &str) {
        let (name, event_types) = (self.name.as_bytes(), vec![event_type.as_bytes()]);
        let (heartbeat, id) = (1, b"subscribe".as_slice());
        self.say(&AnyDigest::Subscribe(DigestSubscribe { name, heartbeat, id, event_types, secret: name }));
        self.hear("digestSubscribeAck");
    }

    /// Waits for a datagram of this type, and acknowledges it where it is a message; its payload.
    pub(crate) fn hear(&self, payload_type: &str) -> Vec<u8> {
        let mut datagram = vec![0; 65_536];
        for _ in 0..3_000 {
            let length = match self.socket.recv(&mut datagram) {
                Ok(length) => length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(error) => panic!("{error}"),
            };
            let opened = self.key.open(&mut datagram[..length]).expect("opens");
            let envelope = Envelope::read(opened).expect("an envelope");
            if envelope.payload_type != payload_type.as_bytes() {
                continue;
            }
            if !payload_type.starts_with("digest") {
                let (name, reply_id) = (self.name.as_bytes(), envelope.id);
                self.say(&AnyDigest::ForwardedAck(DigestForwardedAck { name, reply_id, secret: name }));
            }
            let mut payload = Vec::new();
            envelope.decode_payload(&mut payload).expect("base64");
            return payload;
        }
        panic!("no {payload_type} within a minute");
    }
}
