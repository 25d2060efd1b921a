//! Ids as protocol 1 has them: text in the form of a UUID, version 4.

/// Length of an id.
pub(super) const LEN: usize = 36;

/// The UUID of these 128 bits, of which six (two in `low`, four in `high`) give way to version and variant.
pub(super) fn of(high: u64, low: u64) -> String {
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// An id for a message that has none: made of the publisher's 64 bits and the low 58 of its sequence, so that each message of each
/// publisher has its own, and has it again at each redelivery.
pub(super) fn of_message(publisher: i64, sequence: i64) -> String {
    let (publisher, sequence) = (publisher.cast_unsigned(), sequence.cast_unsigned());
    of(publisher & !0xffff | publisher >> 4 & 0xfff, (publisher & 0xf) << 58 | sequence & ((1 << 58) - 1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_message_of_each_publisher_has_an_id_of_its_own() {
        let interesting = [0, 1, 2, 15, 16, 4_095, 4_096, 0xffff, 0x1_0000, i64::MAX, -1];
        let mut ids = BTreeSet::new();
        for publisher in interesting {
            for sequence in interesting.into_iter().filter(|sequence| (0..1 << 58).contains(sequence)) {
                let id = of_message(publisher, sequence);
                assert_eq!((id.len(), &id[14..15]), (LEN, "4"), "{id}");
                assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
                assert!(ids.insert(id), "{publisher} {sequence}");
            }
        }
    }
}
