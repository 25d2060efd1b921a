//! Frames larger than a datagram: their pieces joined again (PROTOCOL.md section 4, Fragment).
//!
//! One frame is joined at a time, because pieces follow one another without a gap. What it holds is bounded by the
//! largest frame, [`MAX_FRAME`](crate::MAX_FRAME), which `gossiperl_idl` checks `total` against when it reads a piece.

use gossiperl_idl::fragment::Fragment;

use crate::error::LinkError;

#[derive(Debug, Default)]
pub(crate) struct Assembly {
    kind: u8,
    total: u32,
    /// The pieces so far; empty when no frame is being joined.
    bytes: Vec<u8>,
}

impl Assembly {
    /// Length of the pieces so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds the next piece, the body of a Fragment. Returns the kind of the frame if it is complete now.
    /// After an error nothing is being joined.
    pub(crate) fn add(&mut self, body: &[u8]) -> Result<Option<u8>, LinkError> {
        match self.check(body) {
            Ok(fragment) => {
                if self.bytes.is_empty() {
                    self.kind = fragment.kind;
                    self.total = fragment.total;
                    self.bytes.reserve_exact(fragment.total as usize);
                }
                self.bytes.extend_from_slice(fragment.part);
                Ok((self.bytes.len() == self.total as usize).then_some(self.kind))
            }
            Err(error) => {
                self.clear();
                Err(error)
            }
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the last piece back, which made `len` bytes of it.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
        if len == 0 {
            self.clear();
        }
    }

    /// Drops the pieces and their memory; says whether there were any.
    pub(crate) fn clear(&mut self) -> bool {
        !std::mem::take(&mut self.bytes).is_empty()
    }

    fn check<'a>(&self, body: &'a [u8]) -> Result<Fragment<'a>, LinkError> {
        let fragment = Fragment::read(body)?;
        let continues = fragment.offset as usize == self.bytes.len()
            && (self.bytes.is_empty() || (fragment.kind, fragment.total) == (self.kind, self.total));
        if continues { Ok(fragment) } else { Err(LinkError::FragmentMismatch) }
    }
}

#[cfg(test)]
mod tests {
    use gossiperl_idl::frame;

    use super::*;

    fn piece(kind: u8, total: u32, offset: u32, part: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        Fragment { kind, total, offset, part }.write(&mut body);
        body
    }

    #[test]
    fn pieces_in_order_become_the_frame() {
        let mut assembly = Assembly::default();
        assert_eq!(assembly.add(&piece(64, 5, 0, b"abc")), Ok(None));
        assert_eq!(assembly.add(&piece(64, 5, 3, b"de")), Ok(Some(64)));
        assert_eq!(assembly.bytes(), b"abcde");
    }

    #[test]
    fn the_last_piece_can_be_taken_back() {
        let mut assembly = Assembly::default();
        assert_eq!(assembly.add(&piece(64, 5, 0, b"abc")), Ok(None));
        assert_eq!(assembly.add(&piece(64, 5, 3, b"de")), Ok(Some(64)));
        assembly.truncate(3);
        assert_eq!(assembly.add(&piece(64, 5, 3, b"de")), Ok(Some(64)));
        assert_eq!(assembly.bytes(), b"abcde");
    }

    #[test]
    fn a_piece_that_does_not_continue_is_refused_and_ends_the_frame() {
        let wrong = [
            piece(64, 5, 2, b"c"),
            piece(64, 5, 4, b"e"),
            piece(64, 6, 3, b"de"),
            piece(66, 5, 3, b"de"),
            piece(64, 5, 0, b"abc"),
        ];
        for body in wrong {
            let mut assembly = Assembly::default();
            assert_eq!(assembly.add(&piece(64, 5, 0, b"abc")), Ok(None));
            assert_eq!(assembly.add(&body), Err(LinkError::FragmentMismatch));
            assert_eq!((assembly.len(), assembly.bytes.capacity()), (0, 0));
        }
    }

    #[test]
    fn a_piece_that_contradicts_itself_is_refused() {
        let wrong = [
            piece(64, 2, 0, b"abc"),
            piece(64, u32::MAX >> 1, 0, b"abc"),
            piece(64, 5, 0, b""),
            piece(frame::FRAGMENT, 5, 0, b"abc"),
            vec![7],
        ];
        for body in wrong {
            let mut assembly = Assembly::default();
            assert!(matches!(assembly.add(&body), Err(LinkError::Fragment(_))));
            assert_eq!(assembly.bytes.capacity(), 0);
        }
    }
}
