//! Bodies of messages, copied once out of the datagram they came in and shared by all queues they go into.
//!
//! Messages of one type that follow each other from one publisher share a piece of memory, so that most cost no allocation
//! of their own. They go to the same subscribers and leave their queues in the same order: a queue that keeps one of them
//! keeps those behind it too, and what else it keeps alive is at most one piece. Pieces grow with the row they are for,
//! so that a row of one takes no more than its length.

use bytes::{Bytes, BytesMut};

use super::TypeId;

/// Largest piece, in bytes; a longer body has one to itself.
const MOST: usize = 16 << 10;

/// The piece that is being filled.
#[derive(Default)]
pub(crate) struct Bodies {
    piece: BytesMut,
    /// Whose messages it holds, and of which type.
    row: Option<(i64, TypeId)>,
    /// Bytes of the row so far.
    length: usize,
}

impl Bodies {
    /// The body of a publisher's message, to be shared.
    #[inline]
    pub(crate) fn share(&mut self, publisher: i64, event_type: TypeId, body: &[u8]) -> Bytes {
        let row = Some((publisher, event_type));
        if self.row != row {
            self.row = row;
            self.length = 0;
            self.piece = BytesMut::new();
        }
        if self.piece.capacity() < body.len() {
            self.piece = BytesMut::with_capacity(self.length.min(MOST).max(body.len()));
        }
        self.length = self.length.saturating_add(body.len());
        self.piece.extend_from_slice(body);
        self.piece.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: TypeId = TypeId(1);

    #[test]
    fn what_is_shared_is_what_was_given() {
        let mut bodies = Bodies::default();
        let given: Vec<Vec<u8>> = (0..200_u8).map(|fill| vec![fill; usize::from(fill) * 97]).collect();
        let shared: Vec<Bytes> =
            given.iter().enumerate().map(|(at, body)| bodies.share(at as i64 / 50, TYPE, body)).collect();
        assert!(shared.iter().zip(&given).all(|(shared, given)| shared == given));
    }

    #[test]
    fn a_row_shares_pieces_and_a_message_alone_takes_no_more_than_its_length() {
        let mut bodies = Bodies::default();
        let alone = bodies.share(1, TYPE, &[0; 100]);
        assert_eq!(alone.len(), 100);
        assert_eq!(bodies.piece.capacity(), 0);
        // The pieces of a row double until they are as large as pieces get.
        let row: Vec<Bytes> = (0..1_000).map(|_| bodies.share(1, TYPE, &[0; 100])).collect();
        let neighbours = |pair: &[Bytes]| pair[0].as_ptr() as usize + 100 == pair[1].as_ptr() as usize;
        let in_a_row = row.windows(2).filter(|pair| neighbours(pair)).count();
        assert!(in_a_row > 980, "{in_a_row} of 1,000 lie behind another");
        assert!(bodies.piece.capacity() <= MOST);
    }

    #[test]
    fn another_publisher_or_type_begins_another_piece() {
        let mut bodies = Bodies::default();
        (0..10).for_each(|_| drop(bodies.share(1, TYPE, &[0; 100])));
        drop(bodies.share(2, TYPE, &[0; 10]));
        assert_eq!(bodies.piece.capacity(), 0);
        drop(bodies.share(2, TypeId(2), &[0; 10]));
        assert_eq!(bodies.piece.capacity(), 0);
    }
}
