//! Clients of protocol 1 of several daemons, on plain sockets: each gets what any of them publishes, once.

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use gossiperl_idl::{
    digest::{AnyDigest, Digest, DigestForwardedAck, DigestSubscribe},
    envelope::{self, Envelope},
    legacy::LegacyKey,
};

use crate::support::{Hosts, KEY, on_loopback, soon};

/// What is no text in any encoding, and passes unharmed.
const PAYLOAD: &[u8] = b"\xff\x00\xfe";

/// A client as the libraries are: it acknowledges what it gets at once.
struct Client {
    socket: UdpSocket,
    daemon: SocketAddr,
    name: String,
    key: LegacyKey,
    /// Ids of the messages it got.
    got: Vec<String>,
    /// What else it was sent, and the id in it that is answered.
    answers: Vec<(String, String)>,
}

impl Client {
    fn new(daemon: SocketAddr, name: &str) -> Self {
        let socket = UdpSocket::bind((daemon.ip(), 0)).expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
        let key = LegacyKey::new(KEY.as_bytes());
        Client { socket, daemon, name: name.to_owned(), key, got: Vec::new(), answers: Vec::new() }
    }

    fn send(&self, payload_type: &[u8], payload: &[u8], id: &str) {
        let (mut bytes, mut datagram) = (Vec::new(), Vec::new());
        envelope::put(payload_type, payload, id.as_bytes(), &mut bytes);
        self.key.seal([7; 16], &bytes, &mut datagram);
        self.socket.send_to(&datagram, self.daemon).expect("sent");
    }

    fn say(&self, digest: &AnyDigest<'_>) {
        let mut payload = Vec::new();
        digest.write(&mut payload);
        self.send(digest.payload_type().as_bytes(), &payload, "envelope");
    }

    fn alive(&self) {
        let port = self.socket.local_addr().expect("bound").port().into();
        let name = self.name.as_bytes();
        self.say(&AnyDigest::Digest(Digest { name, port, heartbeat: 1, id: b"digest", secret: name }));
    }

    fn subscribe(&self, event_type: &str) {
        let name = self.name.as_bytes();
        let event_types = vec![event_type.as_bytes()];
        self.say(&AnyDigest::Subscribe(DigestSubscribe {
            name,
            heartbeat: 1,
            id: b"subscribe",
            event_types,
            secret: name,
        }));
    }

    /// Takes what has come, for a moment.
    fn hear(&mut self) {
        let mut datagram = vec![0; 65_536];
        let (length, from) = match self.socket.recv_from(&mut datagram) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(from, self.daemon, "the Scala client hears nobody else");
        let envelope = Envelope::read(self.key.open(&mut datagram[..length]).expect("opens")).expect("one");
        let mut payload = Vec::new();
        assert!(envelope.decode_canonical(&mut payload));
        let payload_type = String::from_utf8_lossy(envelope.payload_type).into_owned();
        let text = |id: &[u8]| String::from_utf8_lossy(id).into_owned();
        match AnyDigest::read(envelope.payload_type, &payload).expect("readable") {
            Some(AnyDigest::Ack(ack)) => self.answers.push((payload_type, text(ack.reply_id))),
            Some(AnyDigest::SubscribeAck(ack)) => self.answers.push((payload_type, text(ack.reply_id))),
            Some(AnyDigest::ForwardedAck(ack)) => {
                assert_eq!(ack.secret, b"", "the overlay's is nobody's business");
                self.answers.push((payload_type, text(ack.reply_id)));
            }
            Some(other) => panic!("{other:?}"),
            None => {
                assert_eq!((payload_type.as_str(), &*payload), ("news", PAYLOAD));
                self.got.push(text(envelope.id));
                let (name, reply_id) = (self.name.as_bytes(), envelope.id);
                self.say(&AnyDigest::ForwardedAck(DigestForwardedAck { name, reply_id, secret: name }));
            }
        }
    }

    /// Says it until it is answered so.
    async fn until(&mut self, payload_type: &str, id: &str, say: impl Fn(&Client)) {
        let wanted = (payload_type.to_owned(), id.to_owned());
        let answered = async {
            while !self.answers.contains(&wanted) {
                say(self);
                self.hear();
                tokio::task::yield_now().await;
            }
        };
        soon(payload_type, answered).await;
    }
}

#[test]
fn a_message_reaches_every_client_of_three_daemons_once_but_its_publisher() {
    on_loopback(15, async |place| {
        // However slow the machine is, nothing comes again for want of an acknowledgement.
        let hosts = Hosts::new(place, 3).with("redelivery_retry_every = 600");
        let _daemons = hosts.start_all().await;
        let mut clients = Vec::new();
        for (number, name) in [(1, "publisher"), (1, "here"), (2, "there"), (3, "elsewhere")] {
            let mut client = Client::new(hosts.bound(number), name);
            client.until("digestAck", "digest", Client::alive).await;
            client.until("digestSubscribeAck", "subscribe", |client| client.subscribe("news")).await;
            clients.push(client);
        }
        // At first the subscriptions may not have got around.
        let mut published = 0;
        let all_hear = async {
            while clients.iter().skip(1).any(|client| client.got.is_empty()) {
                let id = format!("message {published}");
                published += 1;
                clients[0]
                    .until("digestForwardedAck", &id, |client| client.send(b"news", PAYLOAD, &id))
                    .await;
                clients.iter_mut().for_each(Client::hear);
            }
        };
        soon("all subscriptions are known", all_hear).await;
        for id in ["last but one", "last"] {
            clients[0].until("digestForwardedAck", id, |client| client.send(b"news", PAYLOAD, id)).await;
        }
        for client in &mut clients[1..] {
            soon("the last message", async {
                while client.got.last().is_none_or(|id| id != "last") {
                    client.hear();
                    tokio::task::yield_now().await;
                }
            })
            .await;
            let first = client.got[0].strip_prefix("message ").expect("one").parse().expect("a number");
            let rest = (first..published).map(|number: usize| format!("message {number}"));
            let expected: Vec<String> = rest.chain(["last but one".to_owned(), "last".to_owned()]).collect();
            assert_eq!(client.got, expected, "{}", client.name);
        }
        assert!(clients[0].got.is_empty());
    });
}
