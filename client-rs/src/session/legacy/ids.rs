//! Ids: made for what we send, remembered of what we got.

use std::collections::{HashSet, VecDeque};

use rand_chacha::{
    ChaCha12Rng,
    rand_core::{RngCore, SeedableRng},
};

/// Length of a UUID as text.
pub(super) const UUID_LEN: usize = 36;
/// A UUID as text.
pub(super) type Uuid = [u8; UUID_LEN];

/// Where ids and initialisation vectors come from.
pub(super) struct Ids(ChaCha12Rng);

impl Ids {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Ids(ChaCha12Rng::from_seed(seed))
    }

    /// A fresh initialisation vector.
    pub(super) fn iv(&mut self) -> [u8; 16] {
        let mut iv = [0; 16];
        self.0.fill_bytes(&mut iv);
        iv
    }

    /// A fresh UUID of version 4 (RFC 9562 section 5.4).
    pub(super) fn uuid(&mut self) -> Uuid {
        let mut bytes = self.iv();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = [b'-'; UUID_LEN];
        let places = (0..UUID_LEN).filter(|place| !matches!(place, 8 | 13 | 18 | 23));
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        for (place, digit) in places.zip(digits) {
            text[place] = b"0123456789abcdef"[digit as usize];
        }
        text
    }
}

/// The ids of the newest [`SEEN_KEPT`] messages delivered.
#[derive(Default)]
pub(super) struct SeenIds {
    /// Never iterated.
    ids: HashSet<Box<[u8]>>,
    order: VecDeque<Box<[u8]>>,
}

impl SeenIds {
    pub(super) fn contains(&self, id: &[u8]) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn insert(&mut self, id: &[u8]) {
        if !self.ids.insert(id.into()) {
            return;
        }
        self.order.push_back(id.into());
        if self.order.len() > SEEN_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

/// More than a daemon has on its way to one client while it repeats itself.
const SEEN_KEPT: usize = 16_384;
