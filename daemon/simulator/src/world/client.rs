//! A client of protocol 2 on a machine: publishes numbered messages, or subscribes and notes what it is given.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use bytes::Bytes;
use gossiperl_idl::{
    Salt,
    acknowledgement::Acknowledgement,
    codec::{decode_compact, encode_compact},
    frame::{self, Frames},
    generated::{ClientHello, Keepalive, SlowPolicy, Subscribe, Subscription, Welcome},
    message::Message,
    run::read_run,
    sealed::{Header, KeyRing, OverlayKey, OverlaySecret, Role, Sealer, SenderKey, TAG_LEN},
};
use gossiperl_link::{Link, LinkConfig, Verdict};
use gossiperl_overlay::Time;

use super::KEY;

/// How often it is heard of.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(2);

/// Largest datagram on loopback.
const DATAGRAM: usize = 60_000;

/// A message that was delivered: who published it, and its number.
pub(super) type Delivered = (i64, u64);

/// The client.
pub(super) struct Client {
    pub(super) address: SocketAddr,
    pub(super) instance: i64,
    name: String,
    salt: Salt,
    sealer: Sealer,
    receiver: u64,
    link: Link,
    pending: Vec<u8>,
    connected: bool,
    subscribes: Option<Vec<u8>>,
    requests: i64,
    sequence: i64,
    hellos: i64,
    keepalive: Time,
    publishing: Option<Publishing>,
    delivered: VecDeque<Delivered>,
}

/// What a publisher does.
struct Publishing {
    event_type: Vec<u8>,
    bytes: usize,
    pace: Duration,
    next: Time,
    until: Time,
}

impl Client {
    pub(super) fn new(now: Time, name: &str, number: u64, port: u16) -> Self {
        let salt = Salt::new(number, number + 1);
        let ring = KeyRing::new(OverlayKey::new(KEY));
        let mut client = Client {
            address: (std::net::Ipv4Addr::LOCALHOST, port).into(),
            instance: number.cast_signed(),
            name: name.to_owned(),
            salt,
            sealer: Sealer::new(&ring, Role::ClientToDaemon, salt, &OverlaySecret::none()),
            receiver: 0,
            link: new_link(),
            pending: Vec::new(),
            connected: false,
            subscribes: None,
            requests: 0,
            sequence: 0,
            hellos: 0,
            keepalive: now + KEEPALIVE_EVERY,
            publishing: None,
            delivered: VecDeque::new(),
        };
        client.hello();
        client
    }

    /// Subscribes as soon as there is a session.
    pub(super) fn subscribe(&mut self, event_type: &[u8]) {
        self.subscribes = Some(event_type.to_vec());
    }

    /// Publishes from then until then.
    pub(super) fn publish(
        &mut self,
        event_type: &[u8],
        bytes: usize,
        pace: Duration,
        from: Time,
        until: Time,
    ) {
        let event_type = event_type.to_vec();
        self.publishing = Some(Publishing { event_type, bytes, pace, next: from, until });
    }

    /// Messages published, and those of them that the daemon has acknowledged.
    pub(super) fn published(&self) -> (u64, u64) {
        let published = self.sequence.cast_unsigned();
        (published, published.saturating_sub(self.link.queued_frames() as u64))
    }

    /// The next message that came.
    pub(super) fn poll_delivered(&mut self) -> Option<Delivered> {
        self.delivered.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let publishing = self.publishing.as_ref().map(|publishing| publishing.next);
        [self.link.poll_timeout(), publishing, Some(self.keepalive)].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        self.link.handle_timeout(now);
        if self.keepalive <= now {
            self.keepalive = now + KEEPALIVE_EVERY;
            if self.connected {
                let keepalive = Keepalive { nonce: now.as_micros().cast_signed(), answer: false };
                frame::put_with(frame::KEEPALIVE, &mut self.pending, |out| encode_compact(&keepalive, out));
            } else {
                self.hello();
            }
        }
        let Some(mut publishing) = self.publishing.take() else { return };
        while publishing.next <= now {
            publishing.next = publishing.next + publishing.pace;
            self.publish_next(&publishing);
        }
        self.publishing = (publishing.next < publishing.until).then_some(publishing);
    }

    /// The next datagram to the daemon.
    pub(super) fn transmit(&mut self, now: Time) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let offset = self.sealer.start(&mut out);
        let begin = out.len();
        out.append(&mut self.pending);
        if self.connected {
            self.link.poll_transmit(now, &mut out, DATAGRAM - TAG_LEN);
        }
        if out.len() == begin {
            return None;
        }
        self.sealer.finish(self.receiver, &mut out, offset).ok()?;
        Some(out)
    }

    /// A datagram of the daemon.
    pub(super) fn handle(&mut self, now: Time, datagram: &mut [u8]) {
        let Some(header) = Header::parse(datagram) else { return };
        if header.receiver != self.salt.receiver_id() {
            return;
        }
        let secret = OverlaySecret::none();
        let key = SenderKey::derive(&OverlayKey::new(KEY), header.role, &header.salt, &secret);
        let Ok(frames) = key.open(datagram) else { return };
        for (kind, body) in Frames::new(frames).flatten() {
            self.handle_frame(now, &header, kind, body);
        }
    }

    fn handle_frame(&mut self, now: Time, header: &Header, kind: u8, body: &[u8]) {
        match kind {
            frame::CHALLENGE => {
                (self.receiver, self.connected) = (header.salt.receiver_id(), false);
                self.hello();
            }
            frame::WELCOME => {
                let Ok(welcome) = decode_compact::<Welcome>(body) else { return };
                if self.connected || welcome.nonce != self.hellos {
                    return;
                }
                self.connected = true;
                if welcome.fresh {
                    self.link = new_link();
                }
                self.make_subscription();
            }
            frame::RUN => {
                if let Ok(first) = read_run(body) {
                    self.link.handle_run(first);
                }
            }
            frame::ACKNOWLEDGEMENT => {
                if let Ok(acknowledgement) = Acknowledgement::read(body) {
                    let _ = self.link.handle_acknowledgement(now, &acknowledgement);
                }
            }
            frame::FIRST_NUMBERED.. => {
                let delivered = &mut self.delivered;
                let mut sink = |kind: u8, body: &[u8]| {
                    if kind == frame::MESSAGE
                        && let Ok(message) = Message::read(body)
                        && let Some(number) = message.payload.first_chunk()
                    {
                        delivered.push_back((message.publisher, u64::from_be_bytes(*number)));
                    }
                    Verdict::Taken
                };
                let _ = self.link.handle_numbered(now, kind, body, &mut sink);
            }
            _ => {}
        }
    }

    fn hello(&mut self) {
        self.hellos += 1;
        let hello =
            ClientHello::new(self.name.clone(), self.instance, b"secret".to_vec(), 1 << 20, self.hellos);
        frame::put_with(frame::CLIENT_HELLO, &mut self.pending, |out| encode_compact(&hello, out));
    }

    fn make_subscription(&mut self) {
        let Some(event_type) = &self.subscribes else { return };
        self.requests += 1;
        let subscriptions = vec![Subscription::new(event_type.clone(), SlowPolicy::WAIT)];
        let mut body = Vec::new();
        encode_compact(&Subscribe::new(self.requests, subscriptions), &mut body);
        let _ = self.link.send_control(frame::SUBSCRIBE, body.into());
    }

    /// One that finds no room is not published, nor counted.
    fn publish_next(&mut self, publishing: &Publishing) {
        if !self.connected {
            return;
        }
        let sequence = self.sequence + 1;
        let mut payload = vec![0; publishing.bytes];
        payload[..8].copy_from_slice(&sequence.to_be_bytes());
        let message = Message {
            event_type: &publishing.event_type,
            payload: &payload,
            publisher: self.instance,
            sequence,
            envelope_id: None,
            verbatim: false,
        };
        let mut body = Vec::new();
        message.write(&mut body);
        if self.link.send(frame::MESSAGE, 0, Bytes::from(body)).is_ok() {
            self.sequence = sequence;
        }
    }
}

fn new_link() -> Link {
    let config = LinkConfig {
        receive_window: 1 << 20,
        ack_delay: Duration::from_millis(1),
        queue_cost: 8 << 20,
        queue_frames: 8_192,
        datagram: DATAGRAM - 100,
        loopback: true,
    };
    Link::new(config, 1 << 20)
}
