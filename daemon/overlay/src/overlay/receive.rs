//! Datagrams in: opened, kept from repeating themselves, and handed to whom they concern. Everything here is hostile until it has opened.

use std::net::SocketAddr;

use gossiperl_idl::{
    acknowledgement::Acknowledgement,
    frame::{self, Frames},
    message::Message,
    run::read_run,
    sealed::{Header, Role},
};
use gossiperl_link::{Link, Time, Verdict};

use super::{Overlay, publish::Source};
use crate::{
    datagram::Unopened, delivery::Cause, endpoint::EndpointId, event::is_local, overlay::publish::Level,
};

/// Where the newest datagrams that did not open claim to come from: whoever can forge an address can forge these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewestRefused {
    /// Of those under a key that is not in the ring.
    pub unknown_key: Option<SocketAddr>,
    /// Of those altered, cut, or sealed with another key or secret.
    pub forged: Option<SocketAddr>,
}

impl Overlay {
    /// Takes a datagram that came from `from`. Whatever it holds, this only changes state that its sender may change; what is wrong with
    /// it is counted in [`Stats`](crate::Stats). The bytes are decrypted in place.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: &mut [u8]) {
        self.now = now;
        self.stats.datagrams_received += 1;
        self.stats.bytes_received += datagram.len() as u64;
        match Header::parse(datagram) {
            Some(header) => self.handle_sealed(now, from, header, datagram),
            None => self.handle_legacy(now, from, datagram),
        }
    }

    fn handle_sealed(&mut self, now: Time, from: SocketAddr, header: Header, datagram: &mut [u8]) {
        let allowed = match header.role {
            Role::ClientToDaemon => is_local(&from),
            Role::DaemonToDaemon => header.salt != self.datagrams.salt(),
            Role::DaemonToClient => false,
        };
        if !allowed {
            self.stats.foreign += 1;
            return;
        }
        let known = self.endpoints.find(header.role, &header.salt);
        if self.endpoints.has_seen(header.role, &header.salt, header.counter) {
            self.stats.replayed += 1;
            return;
        }
        let frames = match self.datagrams.open(&header, datagram) {
            Ok(frames) => frames,
            Err(unopened) => return self.count_unopened(from, unopened),
        };
        if header.receiver != self.datagrams.salt().receiver_id() {
            // Zero asks for our id; another one is that of an earlier run of ours, or of somebody else. Nothing in it takes effect.
            if header.receiver != 0 {
                self.stats.misdirected += 1;
            }
            if frames.first() == Some(&frame::CHALLENGE) {
                return;
            }
            self.challenge(now, from, &header);
            return;
        }
        if header.role == Role::DaemonToDaemon {
            self.handle_daemon_frames(now, from, &header, frames);
            self.queue_members_datagrams(now);
            return;
        }
        match known {
            Some(id) => {
                self.saw(id, &header);
                self.handle_session_frames(now, from, id, &header, frames);
            }
            None => self.handle_client_stranger(now, from, &header, frames),
        }
        self.follow_clients(now);
    }

    pub(super) fn count_unopened(&mut self, from: SocketAddr, unopened: Unopened) {
        match unopened {
            Unopened::UnknownKey => {
                self.stats.unknown_key += 1;
                self.newest_refused.unknown_key = Some(from);
            }
            Unopened::Forged => {
                self.stats.forged += 1;
                self.newest_refused.forged = Some(from);
            }
        }
    }

    /// From where the newest datagrams came that did not open.
    pub fn newest_refused(&self) -> NewestRefused {
        self.newest_refused
    }

    /// Frames of a client that has a session.
    fn handle_session_frames(
        &mut self,
        now: Time,
        from: SocketAddr,
        id: EndpointId,
        header: &Header,
        frames: &[u8],
    ) {
        let Some(client) =
            self.endpoints.get(id).and_then(|held| held.session.as_deref()).map(|session| session.client)
        else {
            return;
        };
        self.clients.heard_from(now, client);
        let mut link = self.endpoints.get_mut(id).and_then(|endpoint| endpoint.link.take());
        for item in Frames::new(frames) {
            let Ok((kind, body)) = item else {
                self.stats.malformed += 1;
                break;
            };
            self.traffic.frames_received.count(kind, body.len());
            let sound = match (kind, link.as_deref_mut()) {
                (frame::RUN, Some(link)) => read_run(body).map(|first| link.handle_run(first)).is_ok(),
                (frame::ACKNOWLEDGEMENT, Some(link)) => self.handle_acknowledgement(now, id, link, body),
                (64.., Some(link)) => {
                    let mut sink = |kind: u8, body: &[u8]| self.take_from_client(now, id, client, kind, body);
                    link.handle_numbered(now, kind, body, &mut sink).is_ok()
                }
                (frame::CLIENT_HELLO, _) => {
                    // It may end this session, and then the link is wanted whole.
                    self.return_link(id, &mut link);
                    let sound = self.handle_hello(now, from, header, body);
                    let Some(endpoint) = self.endpoints.get_mut(id) else {
                        // Another session is there now. What stands behind the hello is for neither; a hello that replaces that one in
                        // turn least of all, since what a session leaves behind is gone through whole.
                        self.stats.malformed += u64::from(!sound);
                        return;
                    };
                    link = endpoint.link.take();
                    sound
                }
                (frame::KEEPALIVE, _) => self.handle_keepalive(id, body),
                (frame::GOODBYE, _) => {
                    self.return_link(id, &mut link);
                    self.end_session(now, id);
                    return;
                }
                _ => true,
            };
            if !sound {
                self.stats.malformed += 1;
                break;
            }
        }
        self.put_back(now, id, link);
    }

    /// Puts the link back that was taken out of its endpoint while its frames were read, and sends what they brought about.
    pub(super) fn put_back(&mut self, now: Time, id: EndpointId, link: Option<Box<Link>>) {
        let mut link = link;
        self.return_link(id, &mut link);
        let Some(endpoint) = self.endpoints.get_mut(id) else { return };
        endpoint.flush_replies();
        if endpoint.is_overrun() && endpoint.session.is_some() {
            // Its next datagram is challenged, and it starts again with nothing missing.
            self.suspend_session(now, id);
            return;
        }
        let is_low = |link: &Link| Level::of(link, &self.config.limits) <= Level::Half;
        if endpoint.link.as_deref().is_some_and(is_low) {
            endpoint.take_over_backlog();
        }
        let level = endpoint.link.as_deref().map(|link| Level::of(link, &self.config.limits));
        if let Some(level) = level {
            self.relieve(now, Cause::Queue(id), level);
        }
        self.tell_dropped(id);
        self.endpoints.settle(now, id);
    }

    /// Puts the link back into its endpoint, unless there is another by now.
    fn return_link(&mut self, id: EndpointId, link: &mut Option<Box<Link>>) {
        if let Some(endpoint) = self.endpoints.get_mut(id)
            && endpoint.link.is_none()
        {
            endpoint.link = link.take();
        }
    }

    pub(super) fn handle_acknowledgement(
        &mut self,
        now: Time,
        id: EndpointId,
        link: &mut Link,
        body: &[u8],
    ) -> bool {
        let Ok(acknowledgement) = Acknowledgement::read(body) else { return false };
        let Ok(acked) = link.handle_acknowledgement(now, &acknowledgement) else { return false };
        let moved = acked.items > 0 || link.queued_frames() == 0;
        let session = self.endpoints.get_mut(id).and_then(|endpoint| endpoint.session.as_deref_mut());
        if let Some(round_trip) = acked.rtt {
            let measured =
                if session.is_some() { &mut self.latencies.clients } else { &mut self.latencies.daemons };
            measured.record(round_trip);
        }
        if let Some(session) = session.filter(|_| moved) {
            (session.progress, session.stalled) = (now, false);
            self.stats.delivered += acked.messages;
        }
        true
    }

    /// A numbered frame of a client, in its turn.
    fn take_from_client(
        &mut self,
        now: Time,
        id: EndpointId,
        client: crate::clients::ClientId,
        kind: u8,
        body: &[u8],
    ) -> Verdict {
        if kind != frame::MESSAGE {
            if !self.handle_request(now, id, client, kind, body) {
                self.stats.malformed += 1;
            }
            return Verdict::Taken;
        }
        let Some(session) = self.endpoints.get(id).and_then(|endpoint| endpoint.session.as_deref()) else {
            return Verdict::Taken;
        };
        let (instance, last_sequence) = (session.instance, session.last_sequence);
        let message = match Message::read(body) {
            Ok(message) => message,
            Err(_) => {
                self.stats.malformed += 1;
                return Verdict::Taken;
            }
        };
        if let Some(code) = super::requests::publish_fault(&message, instance) {
            self.stats.refused += 1;
            self.refuse_publish(id, message.sequence, code, message.event_type);
            return Verdict::Taken;
        }
        if message.sequence <= last_sequence {
            return Verdict::Taken;
        }
        if !self.takes_messages() {
            // It has been told goodbye, or will be, and publishes again what nobody has taken.
            return Verdict::Hold;
        }
        let verdict = self.publish(now, Source::Session(id, client), &message, body);
        if verdict == Verdict::Taken
            && let Some(session) =
                self.endpoints.get_mut(id).and_then(|endpoint| endpoint.session.as_deref_mut())
        {
            session.last_sequence = message.sequence;
        }
        verdict
    }
}
