//! A daemon spelled out datagram by datagram, whether it holds the right key and secret or not.

use std::net::{Ipv4Addr, SocketAddr};

use gossiperl_idl::{
    Salt,
    codec::encode_compact,
    frame,
    generated::{Introduction, Liveness, MemberUpdate},
    sealed::{KeyRing, OverlayKey, OverlaySecret, Role, Sealer},
};

pub const SECRET: &[u8] = b"default-overlay-secret";

/// Somebody on another host with a key and a secret, the right ones or not.
pub struct Rogue {
    pub name: String,
    pub salt: Salt,
    pub address: SocketAddr,
    pub sealer: Sealer,
    pub receiver: u64,
}

impl Rogue {
    pub fn new(number: u64, key: &[u8], secret: &[u8], receiver: u64) -> Self {
        let salt = Salt::new(1_000 + number, number | 1 << 40);
        let ring = KeyRing::new(OverlayKey::new(key));
        let sealer = Sealer::new(&ring, Role::DaemonToDaemon, salt, &OverlaySecret::new(secret));
        let address = (Ipv4Addr::new(10, 9, (number >> 8) as u8, number as u8), 6666).into();
        Rogue { name: format!("rogue-{number}"), salt, address, sealer, receiver }
    }

    pub fn seal(&mut self, frames: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let offset = self.sealer.start(&mut out);
        out.extend_from_slice(frames);
        self.sealer.finish(self.receiver, &mut out, offset).unwrap();
        out
    }

    pub fn introduction(&mut self) -> Vec<u8> {
        let ip = Ipv4Addr::new(10, 9, 0, 1).octets().to_vec();
        let (name, generation) = (self.name.clone(), self.salt.0.to_vec());
        let member = MemberUpdate::new(name, generation, 1, Liveness::ALIVE, ip, 6666, String::new(), None);
        let mut frames = Vec::new();
        frame::put_with(frame::INTRODUCTION, &mut frames, |out| {
            encode_compact(&Introduction::new(member, false), out);
        });
        self.seal(&frames)
    }
}
