//! What the daemon sends.

use gossiperl_idl::{
    digest::{AnyDigest, DigestAck, DigestError, DigestForwardedAck, is_reserved},
    envelope::Envelope,
};
use gossiperl_link::{Time, Verdict};

use super::Legacy;
use crate::{Member, MemberChange, MemberEvent, Name, Refusal, delivery::Incoming, session::Notice};

impl Legacy {
    pub(crate) fn handle_datagram(
        &mut self,
        now: Time,
        datagram: &mut [u8],
        deliver: &mut impl FnMut(&Incoming<'_>) -> Verdict,
    ) {
        let Some(plain) = self.open(datagram) else {
            self.faults += 1;
            return;
        };
        let handled = Envelope::read(plain).ok().and_then(|envelope| {
            if is_reserved(envelope.payload_type) {
                self.handle_digest(now, &envelope)
            } else {
                self.handle_message(&envelope, deliver);
                Some(())
            }
        });
        self.faults += u64::from(handled.is_none());
    }

    /// What the datagram holds under whichever key makes an envelope of it.
    fn open<'a>(&mut self, datagram: &'a mut [u8]) -> Option<&'a [u8]> {
        let last = self.keys.len().checked_sub(1)?;
        let tried = self.keys.iter().take(last).enumerate().find_map(|(place, key)| {
            let mut copy = datagram.to_vec();
            let plain = key.open(&mut copy).ok()?;
            Envelope::read(plain).is_ok().then_some(place)
        });
        self.keys.get(tried.unwrap_or(last))?.open(datagram).ok()
    }

    /// One of protocol 1's own structs. `None`: it is not what it should be.
    fn handle_digest(&mut self, now: Time, envelope: &Envelope<'_>) -> Option<()> {
        let mut body = Vec::new();
        envelope.decode_payload(&mut body).ok()?;
        match AnyDigest::read(envelope.payload_type, &body).ok()?? {
            AnyDigest::Ack(ack) => self.handle_ack(now, &ack),
            AnyDigest::Digest(digest) => {
                let (name, heartbeat) = (self.name.clone(), self.heartbeat(now));
                let ack = DigestAck { name: &name, heartbeat, reply_id: digest.id, membership: Vec::new() };
                self.answer(&AnyDigest::Ack(ack));
            }
            AnyDigest::SubscribeAck(ack) => self.requests_acknowledged(ack.reply_id, &ack.event_types),
            AnyDigest::UnsubscribeAck(ack) => self.requests_acknowledged(ack.reply_id, &ack.event_types),
            AnyDigest::ForwardedAck(ack) => {
                self.outgoing.acknowledge(ack.reply_id);
            }
            AnyDigest::Event(event) => {
                let change = MemberChange::from_event_type(event.event_type)?;
                let mut member = self
                    .presence
                    .members
                    .iter()
                    .find(|member| *member.name == *event.event_object)
                    .cloned()
                    .unwrap_or_else(|| Member::named(Name::from(event.event_object), change.state()));
                (member.state, member.heartbeat) = (change.state(), event.heartbeat);
                self.notices.push_back(Notice::Member(MemberEvent { change, member }));
            }
            AnyDigest::Error(error) => self.handle_error(&error),
            _ => {}
        }
        Some(())
    }

    fn handle_error(&mut self, error: &DigestError<'_>) {
        let message = String::from_utf8_lossy(error.error_message).into_owned();
        let refusal = Refusal::new(error.error_code, Name::from(error.error_entity_name), message);
        if self.outgoing.refuse(error.reply_id, refusal.clone())
            || self.request_refused(error.reply_id, &refusal)
        {
            return;
        }
        // Of the session where it is about our digest.
        if !self.presence.is_connected() && !self.presence.asked(error.reply_id) {
            return;
        }
        self.notices.push_back(Notice::Refused(refusal));
    }

    /// A delivery. What is put off is not acknowledged, so that it comes again.
    fn handle_message(
        &mut self,
        envelope: &Envelope<'_>,
        deliver: &mut impl FnMut(&Incoming<'_>) -> Verdict,
    ) {
        if !self.seen.contains(envelope.id) {
            let mut payload = Vec::new();
            let verbatim = !envelope.decode_canonical(&mut payload);
            let verdict = deliver(&Incoming {
                event_type: envelope.payload_type,
                payload: if verbatim { envelope.bin_payload } else { &payload },
                number: None,
                envelope_id: Some(envelope.id),
                verbatim,
            });
            if verdict == Verdict::Hold {
                return;
            }
            self.seen.insert(envelope.id);
        }
        let (name, secret) = (self.name.clone(), self.secret.clone());
        let ack = DigestForwardedAck { name: &name, reply_id: envelope.id, secret: &secret };
        self.answer(&AnyDigest::ForwardedAck(ack));
    }
}
