//! Sessions of local clients in protocol 2 (PROTOCOL.md section 5): hello, keepalive, end. What is asked for in them: `requests`.

use std::net::SocketAddr;

use gossiperl_idl::{
    code,
    codec::{decode_compact, encode_compact},
    frame,
    generated::{ClientHello, Keepalive, Refusal, Welcome},
    sealed::{Header, Role},
};
use gossiperl_link::{Link, LinkConfig, Time};

use super::{Overlay, publish::encode_control, succession::Inheritance, transmit};
use crate::{
    clients::{ClientId, Protocol},
    endpoint::{Endpoint, EndpointId, Session},
};

/// Longest event type and name, in bytes.
pub(crate) const NAME_LEN: usize = 255;

impl Overlay {
    /// A sealed datagram of a client that has no session: only a hello counts.
    pub(super) fn handle_client_stranger(
        &mut self,
        now: Time,
        from: SocketAddr,
        header: &Header,
        frames: &[u8],
    ) {
        let first = frame::Frames::new(frames).next();
        if let Some(Ok((kind, body))) = first {
            self.traffic.frames_received.count(kind, body.len());
        }
        match first {
            Some(Ok((frame::CLIENT_HELLO, body))) => {
                if !self.handle_hello(now, from, header, body) {
                    self.stats.malformed += 1;
                }
            }
            _ => {
                // It takes us for the run it had a session with: the challenge makes it start again.
                self.stats.strangers += 1;
                self.challenge(now, from, header);
            }
        }
    }

    /// ClientHello that carries our receiver id. False: not one.
    pub(super) fn handle_hello(&mut self, now: Time, from: SocketAddr, header: &Header, body: &[u8]) -> bool {
        let Ok(hello) = decode_compact::<ClientHello>(body) else { return false };
        let name_fits =
            !hello.name.is_empty() && hello.name.len() <= NAME_LEN && hello.name != self.config.member_name;
        if hello.instance <= 0 || hello.receive_window <= 0 || hello.secret.len() > NAME_LEN {
            return false;
        }
        let refusal = if self.leaving {
            Err(code::STOPPING)
        } else if !name_fits {
            Err(code::BAD_NAME)
        } else {
            self.clients.register(now, hello.name.as_bytes(), &hello.secret, Protocol::Sealed, from)
        };
        let client = match refusal {
            Ok(client) => client,
            Err(refused) => {
                let answer =
                    Refusal::new(hello.nonce, refused, hello.name.clone(), code::text(refused).to_owned());
                let mut frames = Vec::new();
                frame::put_with(frame::REFUSAL, &mut frames, |out| encode_compact(&answer, out));
                self.answer_single(from, Role::DaemonToClient, header, frames);
                return true;
            }
        };
        let resumed = self.endpoints.find(header.role, &header.salt).filter(|id| {
            let session = self.endpoints.get(*id).and_then(|endpoint| endpoint.session.as_deref());
            session.is_some_and(|session| session.instance == hello.instance && session.client == client)
        });
        let id = match resumed {
            Some(id) => id,
            None => self.open_session(now, from, header, client, &hello),
        };
        let Some(endpoint) = self.endpoints.get_mut(id) else { return true };
        endpoint.move_client(from);
        endpoint.reachable = true;
        let repeated = endpoint.session.as_deref().is_some_and(|session| session.opened_by == hello.nonce);
        let welcome = Welcome::new(
            self.config.member_name.clone(),
            hello.nonce,
            self.config.limits.receive_window as i32,
            self.config.keepalive_every.as_millis() as i32,
            self.config.quarantine_after.as_millis() as i32,
            resumed.is_none() || repeated,
        );
        endpoint.push_frame(frame::WELCOME, &encode_control(&welcome));
        self.endpoints.settle(now, id);
        true
    }

    /// A new session for the client; one it had ends, and leaves it what it has not acknowledged.
    fn open_session(
        &mut self,
        now: Time,
        from: SocketAddr,
        header: &Header,
        client: ClientId,
        hello: &ClientHello,
    ) -> EndpointId {
        let mut last_sequence = 0;
        let mut left = Inheritance::default();
        if let Some(old) = self.session_of.remove(&client) {
            if let Some(session) = self.endpoints.get(old).and_then(|endpoint| endpoint.session.as_deref())
                && session.instance == hello.instance
            {
                last_sequence = session.last_sequence;
            }
            left = self.end_for_successor(now, old);
        }
        if let Some(id) = self.endpoints.find(header.role, &header.salt) {
            self.close_endpoint(now, id);
        }
        let limits = &self.config.limits;
        let link = LinkConfig {
            receive_window: limits.receive_window,
            ack_delay: std::time::Duration::ZERO,
            queue_cost: limits.queue_cost,
            queue_frames: limits.queue_frames,
            datagram: transmit::frames_to(&from),
            loopback: true,
        };
        let link = Link::new(link, hello.receive_window.unsigned_abs());
        let mut session = Session::new(client, hello.name.as_bytes(), hello.instance, last_sequence, now);
        session.opened_by = hello.nonce;
        let id = self.endpoints.insert(Endpoint::of_client(header.salt, from, session, link));
        self.unheard(id);
        self.saw(id, header);
        self.session_of.insert(client, id);
        self.inherit(now, id, client, left);
        id
    }

    /// "Are you there": yes.
    pub(super) fn handle_keepalive(&mut self, id: EndpointId, body: &[u8]) -> bool {
        let Ok(keepalive) = decode_compact::<Keepalive>(body) else { return false };
        if !keepalive.answer
            && let Some(endpoint) = self.endpoints.get_mut(id)
        {
            endpoint.push_frame(frame::KEEPALIVE, &encode_control(&Keepalive::new(keepalive.nonce, true)));
        }
        true
    }

    /// The client leaves in order.
    pub(super) fn end_session(&mut self, now: Time, id: EndpointId) {
        let Some(client) =
            self.endpoints.get(id).and_then(|held| held.session.as_deref()).map(|session| session.client)
        else {
            return;
        };
        self.clients.leave(client);
        self.forget_client(now, client);
    }

    /// Ends whatever a client that is gone had here.
    pub(super) fn forget_client(&mut self, now: Time, client: ClientId) {
        if let Some(id) = self.session_of.remove(&client) {
            self.close_endpoint(now, id);
        }
    }

    /// Takes an endpoint down: its subscriptions, its queue, and what it held up.
    pub(super) fn close_endpoint(&mut self, now: Time, id: EndpointId) {
        self.forget_reclaim(id);
        let Some(endpoint) = self.endpoints.remove(id) else { return };
        // Messages alone: an answer that nobody waits for any more is no loss.
        self.stats.dropped += endpoint.link.map_or(0, |link| link.into_untaken().len()) as u64;
        if let Some(session) = endpoint.session.as_deref() {
            for event_type in session.subscriptions.keys() {
                self.remove_subscription(now, &session.name, session.client, event_type);
            }
            if let Some(backlog) = session.backlog.as_deref() {
                self.stats.dropped += backlog.len() as u64;
                for event_type in backlog.unclaimed() {
                    let event_type = self.routes.name(event_type).to_vec();
                    self.remove_subscription(now, &session.name, session.client, &event_type);
                }
            }
        }
        self.let_go(now, id);
    }
}
