//! A client of protocol 2, spelled out frame by frame from the wire's crates.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a module of tests"
)]

pub mod host;
pub mod network;
pub mod rogue;

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use gossiperl_idl::{
    Salt,
    acknowledgement::Acknowledgement,
    codec::{decode_compact, encode_compact},
    frame::{self, Frames},
    generated::{ClientHello, Reply, SlowPolicy, Subscribe, Subscription, Welcome},
    message::Message,
    run::read_run,
    sealed::{Header, KeyId, KeyRing, OverlayKey, OverlaySecret, Role, Sealer, SenderKey, TAG_LEN},
};
use gossiperl_link::{Link, LinkConfig, Time, Verdict};

pub const KEY: &[u8] = b"v3JElaRswYgxOt4b";

/// What a client was told, besides its link's own business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Welcome { fresh: bool },
    Refusal { code: i32, entity: String },
    Message { event_type: Vec<u8>, payload: Vec<u8>, publisher: i64, sequence: i64 },
    Reply { request: i64, code: i32 },
    Pause(String),
    Resume(String),
    Dropped(i64),
    Member(String, String),
    Members(Vec<String>),
    Keepalive(i64),
    Goodbye,
}

/// A client of protocol 2.
pub struct Client {
    pub name: String,
    pub secret: Vec<u8>,
    pub instance: i64,
    pub address: SocketAddr,
    pub salt: Salt,
    pub heard: Vec<Heard>,
    /// Takes no messages while set.
    pub holds: bool,
    /// So many messages more it takes in spite of that.
    pub takes: u32,
    pub link: Link,
    /// Datagrams of its daemon under keys that it does not have.
    pub unopened: u32,
    ring: KeyRing,
    /// The daemon's run, and the newest counter of it that was opened.
    newest: (Salt, u64),
    receiver: u64,
    sealer: Sealer,
    waiting: VecDeque<Vec<u8>>,
    pending: Vec<u8>,
    sequence: i64,
    requests: i64,
    hellos: i64,
    /// Nonce of the hello that was answered.
    welcomed: i64,
}

impl Client {
    pub fn new(name: &str, number: u64) -> Self {
        Client::under(name, number, Salt::new(number, number + 1))
    }

    /// A client that has picked its salt.
    pub fn under(name: &str, number: u64, salt: Salt) -> Self {
        let ring = KeyRing::new(OverlayKey::new(KEY));
        Client {
            name: name.to_owned(),
            secret: b"secret".to_vec(),
            instance: number as i64,
            address: (Ipv4Addr::LOCALHOST, 20_000 + number as u16).into(),
            salt,
            heard: Vec::new(),
            holds: false,
            takes: 0,
            link: new_link(),
            unopened: 0,
            newest: (Salt([0; 16]), 0),
            receiver: 0,
            sealer: Sealer::new(&ring, Role::ClientToDaemon, salt, &OverlaySecret::none()),
            ring,
            waiting: VecDeque::new(),
            pending: Vec::new(),
            sequence: 0,
            requests: 0,
            hellos: 0,
            welcomed: 0,
        }
    }

    /// A further key that opens; it seals once the daemon does with it.
    pub fn add_key(&mut self, key: &[u8]) {
        self.ring.add(OverlayKey::new(key)).unwrap();
    }

    /// Seals with this key of its ring.
    pub fn seal_with(&mut self, id: KeyId) {
        self.ring.promote(id).unwrap();
        self.sealer.rekey(&self.ring);
    }

    /// The key that it seals with.
    pub fn sealing(&self) -> KeyId {
        self.sealer.key_id()
    }

    /// The same client on the same port, started anew: another run, nothing remembered.
    pub fn restarted(&self, number: u64) -> Self {
        let mut client = Client::new(&self.name, number);
        client.secret.clone_from(&self.secret);
        client.address = self.address;
        client
    }

    /// The same process under another salt, as when its numbering has to begin anew.
    pub fn reconnected(&self, number: u64) -> Self {
        Client { instance: self.instance, sequence: self.sequence, ..self.restarted(number) }
    }

    pub fn hello(&mut self) {
        self.hellos += 1;
        self.hello_again();
    }

    /// The last hello once more.
    pub fn hello_again(&mut self) {
        let (name, secret) = (self.name.clone(), self.secret.clone());
        let hello = ClientHello::new(name, self.instance, secret, 1 << 20, self.hellos);
        frame::put_with(frame::CLIENT_HELLO, &mut self.pending, |out| encode_compact(&hello, out));
    }

    /// Whether the last hello has been answered.
    pub fn is_connected(&self) -> bool {
        self.welcomed == self.hellos
    }

    pub fn frame(&mut self, kind: u8, body: &[u8]) {
        frame::put(kind, body, &mut self.pending);
    }

    pub fn subscribe(&mut self, event_type: impl AsRef<[u8]>, policy: SlowPolicy) -> i64 {
        self.requests += 1;
        let subscribe =
            Subscribe::new(self.requests, vec![Subscription::new(event_type.as_ref().to_vec(), policy)]);
        self.request(frame::SUBSCRIBE, &subscribe);
        self.requests
    }

    pub fn request<T: thrift::protocol::TSerializable>(&mut self, kind: u8, request: &T) {
        let mut body = Vec::new();
        encode_compact(request, &mut body);
        self.link.send_control(kind, body.into()).unwrap();
    }

    /// False where the link's queue is full.
    pub fn publish(&mut self, event_type: impl AsRef<[u8]>, payload: &[u8]) -> bool {
        let sequence = self.sequence + 1;
        let message = Message {
            event_type: event_type.as_ref(),
            payload,
            publisher: self.instance,
            sequence,
            envelope_id: None,
            verbatim: false,
        };
        let taken = self.publish_raw(&message);
        self.sequence = if taken { sequence } else { self.sequence };
        taken
    }

    pub fn publish_raw(&mut self, message: &Message<'_>) -> bool {
        let mut body = Vec::new();
        message.write(&mut body);
        self.link.send(frame::MESSAGE, 0, Bytes::from(body)).is_ok()
    }

    /// The numbers in the messages that were delivered.
    pub fn numbers(&self) -> Vec<u32> {
        self.messages().map(|payload| u32::from_be_bytes(payload.try_into().unwrap())).collect()
    }

    pub fn messages(&self) -> impl Iterator<Item = &[u8]> {
        self.heard.iter().filter_map(|heard| match heard {
            Heard::Message { payload, .. } => Some(payload.as_slice()),
            _ => None,
        })
    }

    /// The next datagram to the daemon.
    pub fn transmit(&mut self, now: Time) -> Option<Vec<u8>> {
        if let Some(datagram) = self.waiting.pop_front() {
            return Some(datagram);
        }
        let mut out = Vec::new();
        let offset = self.sealer.start(&mut out);
        let begin = out.len();
        out.append(&mut self.pending);
        if self.receiver != 0 {
            self.link.poll_transmit(now, &mut out, 60_000 - TAG_LEN);
        }
        if out.len() == begin {
            return None;
        }
        self.sealer.finish(self.receiver, &mut out, offset).unwrap();
        Some(out)
    }

    pub fn handle(&mut self, now: Time, datagram: &mut [u8]) {
        let header = Header::parse(datagram).expect("sealed");
        assert_eq!(header.role, Role::DaemonToClient);
        if header.receiver != self.salt.receiver_id() {
            // For the process that had the port before.
            return;
        }
        let Some(key) = self.ring.find(header.key_id) else {
            self.unopened += 1;
            return;
        };
        let key = SenderKey::derive(key, header.role, &header.salt, &OverlaySecret::none());
        let frames = key.open(datagram).expect("opens");
        let (daemon, newest) = self.newest;
        if daemon != header.salt || frames.is_empty() && header.counter > newest {
            self.newest = (header.salt, header.counter);
            // The daemon offers it, or is heard for the first time.
            self.ring.promote(header.key_id).unwrap();
            self.sealer.rekey(&self.ring);
        }
        for item in Frames::new(frames) {
            let (kind, body) = item.expect("a frame");
            match kind {
                frame::CHALLENGE => {
                    self.receiver = header.salt.receiver_id();
                    self.hello();
                }
                frame::RUN => self.link.handle_run(read_run(body).unwrap()),
                frame::ACKNOWLEDGEMENT => {
                    self.link.handle_acknowledgement(now, &Acknowledgement::read(body).unwrap()).unwrap();
                }
                frame::WELCOME => {
                    let welcome = decode_compact::<Welcome>(body).unwrap();
                    let fresh = welcome.fresh;
                    if std::mem::replace(&mut self.welcomed, welcome.nonce) == welcome.nonce {
                        continue;
                    }
                    if fresh {
                        self.link = new_link();
                    }
                    self.heard.push(Heard::Welcome { fresh });
                }
                64.. => {
                    let (heard, holds, takes) = (&mut self.heard, self.holds, &mut self.takes);
                    let mut sink = |kind: u8, body: &[u8]| {
                        if holds && kind == frame::MESSAGE {
                            let Some(left) = takes.checked_sub(1) else { return Verdict::Hold };
                            *takes = left;
                        }
                        heard.push(read_heard(kind, body));
                        Verdict::Taken
                    };
                    self.link.handle_numbered(now, kind, body, &mut sink).unwrap();
                }
                _ => self.heard.push(read_heard(kind, body)),
            }
        }
    }
}

fn new_link() -> Link {
    let config = LinkConfig {
        receive_window: 1 << 20,
        ack_delay: Duration::from_millis(1),
        queue_cost: 8 << 20,
        queue_frames: 8_192,
        datagram: 59_900,
        loopback: true,
    };
    Link::new(config, 1 << 20)
}

/// Text as it is, other bytes so that they differ.
fn shown(name: &[u8]) -> String {
    std::str::from_utf8(name).map_or_else(|_| name.escape_ascii().to_string(), str::to_owned)
}

fn read_heard(kind: u8, body: &[u8]) -> Heard {
    use gossiperl_idl::generated::{Dropped, Keepalive, MemberEvent, MembersPage, Pause, Refusal, Resume};
    match kind {
        frame::MESSAGE => {
            let message = Message::read(body).unwrap();
            Heard::Message {
                event_type: message.event_type.to_vec(),
                payload: message.payload.to_vec(),
                publisher: message.publisher,
                sequence: message.sequence,
            }
        }
        frame::REPLY => {
            let reply = decode_compact::<Reply>(body).unwrap();
            Heard::Reply { request: reply.request, code: reply.code }
        }
        frame::REFUSAL => {
            let refusal = decode_compact::<Refusal>(body).unwrap();
            Heard::Refusal { code: refusal.code, entity: refusal.entity }
        }
        frame::PAUSE => Heard::Pause(shown(&decode_compact::<Pause>(body).unwrap().event_type)),
        frame::RESUME => Heard::Resume(shown(&decode_compact::<Resume>(body).unwrap().event_type)),
        frame::DROPPED => Heard::Dropped(decode_compact::<Dropped>(body).unwrap().count),
        frame::KEEPALIVE => Heard::Keepalive(decode_compact::<Keepalive>(body).unwrap().nonce),
        frame::GOODBYE => Heard::Goodbye,
        frame::MEMBER_EVENT => {
            let event = decode_compact::<MemberEvent>(body).unwrap();
            Heard::Member(event.event, shown(&event.member.name))
        }
        frame::MEMBERS_PAGE => {
            let page = decode_compact::<MembersPage>(body).unwrap();
            Heard::Members(page.members.iter().map(|member| shown(&member.name)).collect())
        }
        other => panic!("unexpected frame {other}"),
    }
}
