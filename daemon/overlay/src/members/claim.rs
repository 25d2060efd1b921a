//! What a daemon claims about a member: `MemberUpdate` of the wire, checked.
//!
//! Everything here comes from another daemon and may be absurd. A claim that passes has a name, a generation, an
//! address one can send to, and an incarnation that still leaves room for a refutation or says that there is none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use gossiperl_idl::{
    Salt,
    generated::{self, MemberUpdate},
};
use thiserror::Error;

use crate::Identity;

/// Longest name of a member and of a rack, in bytes (PROTOCOL.md section 3).
pub const MAX_NAME: usize = 255;
/// The highest incarnation the wire can carry.
pub const MAX_INCARNATION: u32 = i32::MAX as u32;
/// Generations claim a start before this Unix time in microseconds; later ones leave a restart no room to be newer.
const MAX_GENERATION_MICROS: u64 = 1 << 62;

/// Whether a member is thought to run. SWIM's states; PROTOCOL.md section 4 of protocol 1 calls the middle two
/// quarantine and unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Liveness {
    /// It answers, or someone says that it does.
    Alive,
    /// A probe of it failed; it has time to refute.
    Suspect,
    /// The suspicion ran out. A higher incarnation of the same run revives it.
    Failed,
    /// It said that it goes. Nothing revives this run.
    Left,
}

impl Liveness {
    /// Alive or suspect: it is probed, gossiped to and counted.
    pub fn is_live(self) -> bool {
        matches!(self, Liveness::Alive | Liveness::Suspect)
    }

    /// As the wire has it.
    pub fn to_wire(self) -> generated::Liveness {
        match self {
            Liveness::Alive => generated::Liveness::ALIVE,
            Liveness::Suspect => generated::Liveness::SUSPECT,
            Liveness::Failed => generated::Liveness::FAILED,
            Liveness::Left => generated::Liveness::LEFT,
        }
    }
}

/// A checked claim about one member, borrowed from the update it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// 1 to [`MAX_NAME`] bytes.
    pub name: &'a str,
    /// The run it speaks of.
    pub generation: Salt,
    /// At most [`MAX_INCARNATION`].
    pub incarnation: u32,
    /// What it says.
    pub liveness: Liveness,
    /// Never port 0, an unspecified address or a group; IPv4 never in its IPv6 mapping.
    pub address: SocketAddr,
    /// At most [`MAX_NAME`] bytes, may be empty.
    pub rack: &'a str,
    /// Who says so.
    pub accuser: Option<&'a str>,
}

impl<'a> Claim<'a> {
    /// Checks an update.
    pub fn read(update: &'a MemberUpdate) -> Result<Self, ClaimError> {
        if !name_fits(&update.name) {
            return Err(ClaimError::Name);
        }
        let generation = Salt::from_slice(&update.generation).ok_or(ClaimError::Generation)?;
        if generation.receiver_id() == 0 || generation.unix_micros() >= MAX_GENERATION_MICROS {
            return Err(ClaimError::Generation);
        }
        let liveness = match update.liveness {
            generated::Liveness::ALIVE => Liveness::Alive,
            generated::Liveness::SUSPECT => Liveness::Suspect,
            generated::Liveness::FAILED => Liveness::Failed,
            generated::Liveness::LEFT => Liveness::Left,
            _ => return Err(ClaimError::Liveness),
        };
        if update.rack.len() > MAX_NAME {
            return Err(ClaimError::Rack);
        }
        let accuser = update.accuser.as_deref();
        if accuser.is_some_and(|name| !name_fits(name)) {
            return Err(ClaimError::Accuser);
        }
        Ok(Claim {
            name: &update.name,
            generation,
            incarnation: u32::try_from(update.incarnation).map_err(|_| ClaimError::Incarnation)?,
            liveness,
            address: read_address(&update.ip, update.port).ok_or(ClaimError::Address)?,
            rack: &update.rack,
            accuser,
        })
    }

    /// Whether it speaks of this identity and no other.
    pub(super) fn is_of(&self, identity: &Identity) -> bool {
        self.generation == identity.generation
            && self.address == identity.address
            && *self.name == *identity.name
            && *self.rack == *identity.rack
    }

    /// The claim as the wire has it.
    pub fn to_update(&self) -> MemberUpdate {
        MemberUpdate {
            name: self.name.to_owned(),
            generation: self.generation.0.to_vec(),
            incarnation: wire_incarnation(self.incarnation),
            liveness: self.liveness.to_wire(),
            ip: address_bytes(self.address.ip()),
            port: i32::from(self.address.port()),
            rack: self.rack.to_owned(),
            accuser: self.accuser.filter(|name| !name.is_empty()).map(str::to_owned),
        }
    }
}

/// Why an update is no claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ClaimError {
    /// The name is empty or too long.
    #[error("the name must have 1 to 255 bytes")]
    Name,
    /// The generation has not 16 bytes, or is none a daemon may take.
    #[error("the generation must be a daemon's salt")]
    Generation,
    /// The incarnation is negative.
    #[error("the incarnation must not be negative")]
    Incarnation,
    /// The liveness is unknown.
    #[error("the liveness is unknown")]
    Liveness,
    /// Nobody can be reached there.
    #[error("the address must be one host's and the port 1 to 65535")]
    Address,
    /// The rack is too long.
    #[error("the rack must have at most 255 bytes")]
    Rack,
    /// The accuser is no name.
    #[error("the accuser must have 1 to 255 bytes")]
    Accuser,
}

/// An incarnation as the wire has it.
pub(crate) fn wire_incarnation(incarnation: u32) -> i32 {
    i32::try_from(incarnation).unwrap_or(i32::MAX)
}

/// The address in these wire fields, if one can send to it.
pub(super) fn read_address(ip: &[u8], port: i32) -> Option<SocketAddr> {
    let ip = if let Ok(bytes) = <[u8; 4]>::try_from(ip) {
        IpAddr::V4(Ipv4Addr::from(bytes))
    } else {
        IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?))
    };
    let address = canonical(SocketAddr::new(ip, u16::try_from(port).ok()?));
    let broadcast = matches!(address.ip(), IpAddr::V4(ip) if ip.is_broadcast());
    let reachable = !address.ip().is_unspecified() && !address.ip().is_multicast() && !broadcast;
    (reachable && address.port() != 0).then_some(address)
}

/// The address's bytes as the wire has them.
pub(super) fn address_bytes(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// One form for one address: IPv4 out of its IPv6 mapping, no flow and no scope.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn name_fits(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
}
