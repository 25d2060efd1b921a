//! What an operator says into the overlay, without being one of its clients.

use std::net::SocketAddr;

use gossiperl_idl::{digest::is_reserved, message::Message};
use gossiperl_link::{Time, Verdict};

use super::{
    Overlay,
    publish::Source,
    requests::{PAYLOAD_LEN, type_fault},
};
use crate::{
    clients::{NotSent, Peer},
    event::is_local,
};

impl Overlay {
    /// Publishes a message to every subscriber of the overlay. When this returns without an error the overlay has taken responsibility for it, as for any client's.
    pub fn publish_own(&mut self, now: Time, event_type: &[u8], payload: &[u8]) -> Result<(), NotSent> {
        self.now = now;
        check(event_type, payload)?;
        if !self.takes_messages() {
            return Err(NotSent::Leaving);
        }
        let sequence = self.legacy_sequence + 1;
        let publisher = self.legacy_publisher;
        let message =
            Message { event_type, payload, publisher, sequence, envelope_id: None, verbatim: false };
        let mut body = Vec::with_capacity(message.encoded_len());
        message.write(&mut body);
        match self.publish(now, Source::Legacy(None), &message, &body) {
            Verdict::Taken => {
                self.legacy_sequence = sequence;
                Ok(())
            }
            _ => Err(NotSent::Busy),
        }
    }

    /// Sends a message to one address of this host in a datagram of protocol 1, once, whoever listens there; nothing tells whether it arrived.
    pub fn send_once(
        &mut self,
        now: Time,
        to: SocketAddr,
        event_type: &[u8],
        payload: &[u8],
    ) -> Result<(), NotSent> {
        self.now = now;
        check(event_type, payload)?;
        if !self.config.legacy_clients {
            return Err(NotSent::Switched);
        }
        if !is_local(&to) || to.port() == 0 {
            return Err(NotSent::Elsewhere);
        }
        let peer = Peer { address: to, key: self.datagrams.sealing(), erlang: false };
        self.legacy.send_once(peer, event_type, payload)
    }
}

fn check(event_type: &[u8], payload: &[u8]) -> Result<(), NotSent> {
    if type_fault(event_type).is_some() || is_reserved(event_type) {
        return Err(NotSent::Type);
    }
    if payload.len() > PAYLOAD_LEN {
        return Err(NotSent::TooLarge);
    }
    Ok(())
}
