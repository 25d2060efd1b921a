//! The salt: which run of which sender sealed a datagram (PROTOCOL.md section 2).

use std::fmt;

/// Length of a [`Salt`] in bytes.
pub const SALT_LEN: usize = 16;

/// A sender's generation: 8 bytes Unix time in microseconds at its start, then 8 random bytes.
///
/// Ordered as bytes, so a later start is greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Salt(pub [u8; SALT_LEN]);

impl Salt {
    /// The salt of a run that starts at `unix_micros` with this `random` half.
    pub fn new(unix_micros: u64, random: u64) -> Self {
        let mut bytes = [0; SALT_LEN];
        bytes[..8].copy_from_slice(&unix_micros.to_be_bytes());
        bytes[8..].copy_from_slice(&random.to_be_bytes());
        Salt(bytes)
    }

    /// The salt in `bytes`; `None` unless there are exactly [`SALT_LEN`].
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Salt)
    }

    /// Unix time in microseconds at which the run started, by its own clock.
    pub fn unix_micros(&self) -> u64 {
        u64::from_be_bytes(first_half(&self.0))
    }

    /// What datagrams to this run carry as `receiver`: the random half. Zero means "not known".
    pub fn receiver_id(&self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

fn first_half(bytes: &[u8; SALT_LEN]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *bytes;
    [a, b, c, d, e, f, g, h]
}

impl fmt::Debug for Salt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}
