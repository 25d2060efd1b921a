//! Couples equal datagrams to one destination, so that the system takes them in one call and cuts them apart (GSO).
//!
//! The overlay hands out one datagram at a time. Between hosts they are small and come in rows; a call for each would
//! cost more than sealing it does. Nothing waits here for company: a train leaves when the next datagram does not fit
//! it, or when there is none; on loopback, where one datagram holds whatever there is, at once.

use std::net::SocketAddr;

use gossiperl_overlay::Transmit;

use crate::socket::Outgoing;

/// Largest UDP payload of IPv4, which holds for a whole train.
const LONGEST: usize = 65_507;

/// Datagrams on their way to the system.
#[derive(Default)]
pub(super) struct Train {
    bytes: Vec<u8>,
    /// Size of the first datagram; none is larger, only the last may be smaller.
    segment: usize,
    count: usize,
    destination: Option<SocketAddr>,
}

impl Train {
    /// Where it goes; `None` while it is empty.
    pub(super) fn destination(&self) -> Option<SocketAddr> {
        self.destination
    }

    /// Whether nothing should be waited for that could be coupled: to a loopback address datagrams hold whatever there is.
    pub(super) fn is_complete(&self) -> bool {
        self.destination.is_some_and(|to| to.ip().is_loopback())
    }

    /// Whether this datagram can be coupled, where `most` go into one call. An empty train takes any.
    pub(super) fn takes(&self, next: &Transmit, most: usize) -> bool {
        let Some(destination) = self.destination else { return true };
        destination == next.destination
            && self.bytes.len() == self.count * self.segment
            && (1..=self.segment).contains(&next.len)
            && self.count < most
            && self.bytes.len() + next.len <= LONGEST
    }

    /// Couples the datagram in `datagram`, whose bytes may be exchanged for others.
    pub(super) fn couple(&mut self, next: Transmit, datagram: &mut Vec<u8>) {
        if self.destination.is_none() {
            // A lone datagram, which most are, is not copied.
            std::mem::swap(&mut self.bytes, datagram);
            self.bytes.truncate(next.len);
            self.segment = next.len;
            self.count = 1;
            self.destination = Some(next.destination);
        } else {
            self.bytes.extend_from_slice(datagram.get(..next.len).unwrap_or_default());
            self.count += 1;
        }
    }

    /// What is to be sent; `None` while it is empty.
    pub(super) fn outgoing(&self) -> Option<Outgoing<'_>> {
        let segment_size = (self.count > 1).then_some(self.segment);
        self.destination.map(|destination| Outgoing { destination, contents: &self.bytes, segment_size })
    }

    /// It has left.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.destination = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(port: u16, len: usize) -> Transmit {
        Transmit { destination: ([127, 0, 0, 1], port).into(), len }
    }

    /// Couples as many of these as fit, and says how many.
    fn coupled(train: &mut Train, most: usize, datagrams: &[(u16, usize)]) -> usize {
        for (index, (port, len)) in datagrams.iter().enumerate() {
            let transmit = next(*port, *len);
            if !train.takes(&transmit, most) {
                return index;
            }
            train.couple(transmit, &mut vec![index as u8; *len]);
        }
        datagrams.len()
    }

    #[test]
    fn equal_datagrams_to_one_destination_go_together_in_order() {
        let mut train = Train::default();
        assert_eq!(coupled(&mut train, 64, &[(1, 3), (1, 3), (1, 2)]), 3);
        let outgoing = train.outgoing().expect("some");
        assert_eq!((outgoing.contents, outgoing.segment_size), (&[0, 0, 0, 1, 1, 1, 2, 2][..], Some(3)));
        assert!(!train.takes(&next(1, 2), 64), "nothing follows a shorter one");
        train.clear();
        assert_eq!((train.outgoing(), train.destination()), (None, None));
    }

    #[test]
    fn on_loopback_nothing_is_waited_for() {
        let mut train = Train::default();
        assert!(!train.is_complete());
        train.couple(next(1, 3), &mut vec![0; 3]);
        assert!(train.is_complete());
        train.clear();
        train.couple(Transmit { destination: ([10, 0, 0, 1], 1).into(), len: 3 }, &mut vec![0; 3]);
        assert!(!train.is_complete());
    }

    #[test]
    fn a_lone_datagram_is_no_train() {
        let mut train = Train::default();
        assert_eq!(coupled(&mut train, 64, &[(1, 60_000), (1, 60_000)]), 1);
        assert_eq!(train.outgoing().expect("some").segment_size, None);
    }

    #[test]
    fn larger_ones_other_destinations_and_too_many_wait_for_the_next() {
        for (most, datagrams, fit) in [
            (64, &[(1, 3), (1, 4)][..], 1),
            (64, &[(1, 3), (2, 3)], 1),
            (2, &[(1, 3), (1, 3), (1, 3)], 2),
            (1, &[(1, 3), (1, 3)], 1),
            (64, &[(1, 30_000), (1, 30_000), (1, 30_000)], 2),
        ] {
            assert_eq!(coupled(&mut Train::default(), most, datagrams), fit, "{datagrams:?}");
        }
    }
}
