//! The daemon as its datagrams show it: salt, keys, and the window against replays (PROTOCOL.md section 2).

use gossiperl_idl::{
    Salt,
    sealed::{Header, KeyId, KeyRing, OverlaySecret, ReplayWindow, Role, SenderKey},
};
use gossiperl_link::Time;

use super::Sealed;
use crate::DisconnectReason;

/// One run of the daemon.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) salt: Salt,
    replay: ReplayWindow,
    /// The key it seals with, and the one before: two while keys are changed.
    key: SenderKey,
    former: Option<SenderKey>,
}

impl Peer {
    fn key(&self, id: KeyId) -> Option<&SenderKey> {
        [Some(&self.key), self.former.as_ref()].into_iter().flatten().find(|key| key.key_id() == id)
    }
}

impl Sealed {
    /// Opens a datagram of the daemon's and returns its frames, if they are for this run of ours and no replay.
    ///
    /// A salt we do not know takes the place of the known one where it is newer, or where there is no session.
    pub(super) fn open<'a>(&mut self, now: Time, datagram: &'a mut [u8]) -> Option<&'a [u8]> {
        let header = Header::parse(datagram)?;
        if header.role != Role::DaemonToClient || header.receiver != self.salt.receiver_id() {
            return None;
        }
        if let Some(peer) = &mut self.peer
            && peer.salt == header.salt
        {
            if peer.replay.contains(header.counter) {
                return None;
            }
            let Some(key) = peer.key(header.key_id) else { return self.open_rekeyed(&header, datagram, now) };
            let frames = key.open(datagram).ok()?;
            let newest = header.counter > peer.replay.newest();
            peer.replay.accept(header.counter);
            self.phase.heard(now);
            if frames.is_empty() && newest {
                // An offer: the daemon wants to hear us under this key, even one that it used before.
                self.seal_with(header.key_id);
            }
            return Some(frames);
        }
        self.open_unknown(now, &header, datagram)
    }

    /// The known daemon seals with another key of the ring than so far: from now on so do we (PROTOCOL.md section 2, "Which key seals").
    fn open_rekeyed<'a>(&mut self, header: &Header, datagram: &'a mut [u8], now: Time) -> Option<&'a [u8]> {
        let key = derive(&self.ring, header)?;
        let frames = key.open(datagram).ok()?;
        let peer = self.peer.as_mut()?;
        let newest = header.counter > peer.replay.newest();
        peer.replay.accept(header.counter);
        if newest {
            // A late one may be of a key that is retired by now.
            peer.former = Some(std::mem::replace(&mut peer.key, key));
            self.seal_with(header.key_id);
        }
        self.phase.heard(now);
        Some(frames)
    }

    fn open_unknown<'a>(&mut self, now: Time, header: &Header, datagram: &'a mut [u8]) -> Option<&'a [u8]> {
        let known = self.peer.as_ref().map(|peer| peer.salt);
        if self.phase.is_connected() && known.is_some_and(|known| header.salt < known) {
            return None;
        }
        let key = derive(&self.ring, header)?;
        let frames = key.open(datagram).ok()?;
        let mut replay = ReplayWindow::new();
        replay.accept(header.counter);
        self.peer = Some(Peer { salt: header.salt, replay, key, former: None });
        self.seal_with(header.key_id);
        self.lose(now, DisconnectReason::Restarted);
        Some(frames)
    }

    fn seal_with(&mut self, id: KeyId) {
        if self.ring.sealing().id() != id && self.ring.promote(id).is_ok() {
            self.sealer.0.rekey(&self.ring);
        }
    }
}

fn derive(ring: &KeyRing, header: &Header) -> Option<SenderKey> {
    let key = ring.find(header.key_id)?;
    Some(SenderKey::derive(key, Role::DaemonToClient, &header.salt, &OverlaySecret::none()))
}
