//! The datagram layer: opens what arrives, seals what leaves, and keeps the keys of both prepared.
//!
//! PROTOCOL.md section 2. Whose datagram it is and whether it may say what it says is decided above.

use std::collections::HashMap;

use gossiperl_idl::{
    Salt,
    envelope::Envelope,
    legacy::LegacyKey,
    sealed::{Header, KeyId, KeyRing, KeyRingError, OverlayKey, OverlaySecret, Role, Sealer, SenderKey},
};

use crate::Config;

/// Keys and sealers of one overlay.
pub(crate) struct Datagrams {
    ring: KeyRing,
    secret: OverlaySecret,
    salt: Salt,
    to_daemons: Sealer,
    to_clients: Sealer,
    /// Our own keys under those of the ring that do not seal, for receivers that have no other.
    others: Vec<Other>,
    prepared: PreparedKeys,
    /// The same keys for protocol 1.
    legacy: Vec<(KeyId, LegacyKey)>,
}

/// A key of the ring that opens, prepared to seal as well.
struct Other {
    id: KeyId,
    to_daemons: SenderKey,
    to_clients: SenderKey,
}

/// Why a datagram was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// No key of the ring has the header's key id.
    UnknownKey,
    /// The tag does not fit: altered, cut, or sealed with another key or secret.
    Forged,
}

impl Datagrams {
    /// The keys that `config` names, for a daemon whose run is `salt`. `None` without a key.
    pub(crate) fn new(config: &Config, salt: Salt) -> Option<Self> {
        let (first, others) = config.symmetric_keys.split_first()?;
        let mut ring = KeyRing::new(OverlayKey::new(first));
        for key in others {
            ring.add(OverlayKey::new(key)).ok()?;
        }
        let secret = OverlaySecret::new(&config.secret);
        let legacy = config
            .symmetric_keys
            .iter()
            .map(|key| (OverlayKey::new(key).id(), LegacyKey::new(key)))
            .collect();
        let mut datagrams = Datagrams {
            others: Vec::new(),
            to_daemons: Sealer::new(&ring, Role::DaemonToDaemon, salt, &secret),
            to_clients: Sealer::new(&ring, Role::DaemonToClient, salt, &secret),
            prepared: PreparedKeys::new(config.limits.prepared_keys),
            legacy,
            ring,
            secret,
            salt,
        };
        datagrams.prepare_others();
        Some(datagrams)
    }

    /// The salt of our present run.
    pub(crate) fn salt(&self) -> Salt {
        self.salt
    }

    /// Opens `datagram` in place and returns its frames.
    pub(crate) fn open<'a>(&mut self, header: &Header, datagram: &'a mut [u8]) -> Result<&'a [u8], Unopened> {
        let slot = (header.role as u8, header.salt);
        if let Some(key) = self.prepared.find(slot, header.key_id) {
            return key.open(datagram).map(|frames| &*frames).map_err(|_| Unopened::Forged);
        }
        let overlay_key = self.ring.find(header.key_id).ok_or(Unopened::UnknownKey)?;
        let key = SenderKey::derive(overlay_key, header.role, &header.salt, &self.secret);
        let frames = key.open(datagram).map_err(|_| Unopened::Forged)?;
        self.prepared.insert(slot, header.key_id, key);
        Ok(frames)
    }

    /// Reserves room for a header at the end of `out`.
    pub(crate) fn start(&self, role: Role, out: &mut Vec<u8>) -> usize {
        self.sealer(role).start(out)
    }

    /// Seals what stands in `out` from `offset`, as begun by [`Datagrams::start`], under this key of the ring. `None`: there is no such key (any
    /// more), or every counter is used.
    pub(crate) fn finish(
        &mut self,
        role: Role,
        under: KeyId,
        receiver: u64,
        out: &mut Vec<u8>,
        offset: usize,
    ) -> Option<()> {
        let clients = role == Role::DaemonToClient;
        let sealer = if clients { &mut self.to_clients } else { &mut self.to_daemons };
        if sealer.key_id() == under {
            return sealer.finish(receiver, out, offset).ok();
        }
        let other = self.others.iter().find(|other| other.id == under)?;
        let key = if clients { &other.to_clients } else { &other.to_daemons };
        sealer.finish_under(key, receiver, out, offset).ok()
    }

    /// The key that seals.
    pub(crate) fn sealing(&self) -> KeyId {
        self.ring.sealing().id()
    }

    /// All keys, the sealing one first.
    pub(crate) fn keys(&self) -> &[OverlayKey] {
        self.ring.keys()
    }

    fn sealer(&self, role: Role) -> &Sealer {
        match role {
            Role::DaemonToClient => &self.to_clients,
            _ => &self.to_daemons,
        }
    }

    /// Opens a datagram of protocol 1: its envelope with whatever padding, the key that opened it, and whether its sender is an Erlang client.
    /// Protocol 1 authenticates nothing, so a key fits where an envelope comes out.
    pub(crate) fn open_legacy(&self, datagram: &[u8]) -> Option<(KeyId, bool, Vec<u8>)> {
        self.legacy.iter().find_map(|(id, key)| {
            let mut copy = datagram.to_vec();
            let opened = key.open(&mut copy).ok()?;
            Envelope::read(opened).ok()?;
            Some((*id, key.is_from_erlang(datagram), opened.to_vec()))
        })
    }

    /// Seals an envelope under the key of the ring that its receiver uses; false where that has been retired.
    pub(crate) fn seal_legacy(&self, id: KeyId, iv: [u8; 16], envelope: &[u8], out: &mut Vec<u8>) -> bool {
        let Some((_, key)) = self.legacy.iter().find(|(held, _)| *held == id) else { return false };
        key.seal(iv, envelope, out);
        true
    }

    /// Adds a key that opens. Returns whether it is new.
    pub(crate) fn add_key(&mut self, key: OverlayKey) -> Result<bool, KeyRingError> {
        let (id, known) = (key.id(), self.ring.find(key.id()).is_some());
        let legacy = LegacyKey::new(key.bytes());
        self.ring.add(key)?;
        if !known {
            self.legacy.push((id, legacy));
            self.prepare_others();
        }
        Ok(!known)
    }

    /// Makes a key of the ring the one that seals. Returns whether it was not.
    pub(crate) fn promote_key(&mut self, id: KeyId) -> Result<bool, KeyRingError> {
        let sealed = self.sealing();
        self.ring.promote(id)?;
        self.to_daemons.rekey(&self.ring);
        self.to_clients.rekey(&self.ring);
        self.prepare_others();
        Ok(sealed != id)
    }

    /// Removes a key that does not seal.
    pub(crate) fn retire_key(&mut self, id: KeyId) -> Result<(), KeyRingError> {
        self.ring.retire(id)?;
        self.prepared.forget(id);
        self.legacy.retain(|(held, _)| *held != id);
        self.prepare_others();
        Ok(())
    }

    fn prepare_others(&mut self) {
        let prepare = |key: &OverlayKey| Other {
            id: key.id(),
            to_daemons: SenderKey::derive(key, Role::DaemonToDaemon, &self.salt, &self.secret),
            to_clients: SenderKey::derive(key, Role::DaemonToClient, &self.salt, &self.secret),
        };
        self.others = self.ring.keys().iter().skip(1).map(prepare).collect();
    }
}

/// Prepared keys by sender, evicted by second chance.
struct PreparedKeys {
    most: usize,
    slots: Vec<PreparedKey>,
    places: HashMap<(u8, Salt), usize>,
    hand: usize,
}

struct PreparedKey {
    sender: (u8, Salt),
    id: KeyId,
    key: SenderKey,
    used: bool,
}

impl PreparedKeys {
    fn new(most: usize) -> Self {
        PreparedKeys { most, slots: Vec::new(), places: HashMap::new(), hand: 0 }
    }

    fn find(&mut self, sender: (u8, Salt), id: KeyId) -> Option<&SenderKey> {
        let slot = self.slots.get_mut(*self.places.get(&sender)?)?;
        if slot.id != id {
            return None;
        }
        slot.used = true;
        Some(&slot.key)
    }

    fn insert(&mut self, sender: (u8, Salt), id: KeyId, key: SenderKey) {
        let fresh = PreparedKey { sender, id, key, used: true };
        if let Some(slot) = self.places.get(&sender).and_then(|place| self.slots.get_mut(*place)) {
            *slot = fresh;
            return;
        }
        if self.slots.len() < self.most {
            self.places.insert(sender, self.slots.len());
            self.slots.push(fresh);
            return;
        }
        let place = self.victim();
        if let Some(slot) = self.slots.get_mut(place) {
            self.places.remove(&slot.sender);
            *slot = fresh;
            self.places.insert(sender, place);
        }
    }

    /// The first slot from the hand on that was not used since the hand last passed.
    fn victim(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (self.hand + 1) % self.slots.len().max(1);
            match self.slots.get_mut(place) {
                Some(slot) if slot.used => slot.used = false,
                _ => return place,
            }
        }
    }

    fn forget(&mut self, id: KeyId) {
        self.slots.retain(|slot| slot.id != id);
        self.places = self.slots.iter().enumerate().map(|(place, slot)| (slot.sender, place)).collect();
        self.hand = 0;
    }
}
