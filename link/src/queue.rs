//! Frames that wait for their first transmission.
//!
//! They have no numbers yet, so those that went out of date can be dropped. Looking for the oldest frame of a tag starts
//! where the last look for it ended, and the gaps that dropping leaves are closed when they outnumber the frames: each
//! frame is passed over at most once for each tag that is dropped from, and sending pays nothing.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

/// With more tags than these in turn, looks begin at the front again.
const MOST_CURSORS: usize = 256;

/// A frame that has no number yet.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub(crate) kind: u8,
    /// `None` for control frames, which are never dropped.
    pub(crate) tag: Option<u32>,
    pub(crate) body: Bytes,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// `None` where a frame was dropped; the front is always a frame.
    slots: VecDeque<Option<Unsent>>,
    /// Position of the front slot; positions count all slots that ever were.
    front: u64,
    dropped: usize,
    /// No frame of this tag is before this position.
    cursors: BTreeMap<u32, u64>,
}

impl Queue {
    pub(crate) fn front(&self) -> Option<&Unsent> {
        self.slots.front()?.as_ref()
    }

    pub(crate) fn push(&mut self, frame: Unsent) {
        self.slots.push_back(Some(frame));
    }

    pub(crate) fn pop(&mut self) -> Option<Unsent> {
        let frame = self.slots.pop_front()?;
        self.front += 1;
        self.close_front();
        frame
    }

    /// Takes out the oldest frame of this tag.
    pub(crate) fn drop_oldest(&mut self, tag: u32) -> Option<Bytes> {
        let start = self.cursors.get(&tag).map_or(0, |cursor| cursor.saturating_sub(self.front)) as usize;
        let has_tag = |slot: &Option<Unsent>| slot.as_ref().is_some_and(|frame| frame.tag == Some(tag));
        let found = self.slots.iter().skip(start).position(has_tag).map(|index| index + start);
        let passed = found.map_or(self.slots.len(), |index| index + 1);
        if self.cursors.len() >= MOST_CURSORS {
            self.cursors.clear();
        }
        self.cursors.insert(tag, self.front + passed as u64);
        let frame = self.slots.get_mut(found?)?.take()?;
        self.dropped += 1;
        self.close_gaps();
        Some(frame.body)
    }

    /// Drops all frames of this tag, or of any where none is named; says how many they were and the sum of their bodies' lengths.
    pub(crate) fn clear(&mut self, tag: Option<u32>) -> (usize, usize) {
        let (mut frames, mut bytes) = (0, 0);
        let goes = |frame: &mut Unsent| frame.tag.is_some_and(|held| tag.is_none_or(|tag| held == tag));
        for slot in &mut self.slots {
            if let Some(frame) = slot.take_if(goes) {
                frames += 1;
                bytes += frame.body.len();
            }
        }
        self.dropped += frames;
        self.close_gaps();
        (frames, bytes)
    }

    /// Bodies of all that are not control frames, oldest first.
    pub(crate) fn into_messages(self) -> impl Iterator<Item = Bytes> {
        self.slots.into_iter().flatten().filter(|frame| frame.tag.is_some()).map(|frame| frame.body)
    }

    /// Gives spare memory back.
    pub(crate) fn trim(&mut self) {
        self.compact();
        self.slots.shrink_to_fit();
    }

    fn close_gaps(&mut self) {
        self.close_front();
        if self.dropped > 32 && self.dropped * 2 > self.slots.len() {
            self.compact();
        }
    }

    fn close_front(&mut self) {
        while self.dropped > 0 && matches!(self.slots.front(), Some(None)) {
            self.slots.pop_front();
            self.front += 1;
            self.dropped -= 1;
        }
        if self.slots.is_empty() && !self.cursors.is_empty() {
            self.cursors.clear();
        }
    }

    fn compact(&mut self) {
        self.slots.retain(Option::is_some);
        self.dropped = 0;
        self.cursors.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(tag: Option<u32>, id: u32) -> Unsent {
        Unsent { kind: 64, tag, body: Bytes::from(id.to_be_bytes().to_vec()) }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(Option<u32>),
        Pop,
        DropOldest(u32),
        Clear(Option<u32>),
        Trim,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => prop::option::weighted(0.9, 0..3u32).prop_map(Step::Push),
            3 => Just(Step::Pop),
            6 => (0..3u32).prop_map(Step::DropOldest),
            1 => prop::option::of(0..3u32).prop_map(Step::Clear),
            1 => Just(Step::Trim),
        ]
    }

    proptest! {
        #[test]
        fn behaves_like_a_plain_list(steps in prop::collection::vec(step(), 1..300)) {
            let mut queue = Queue::default();
            let mut model: Vec<(Option<u32>, Bytes)> = Vec::new();
            for (id, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(tag) => {
                        let frame = frame(tag, id as u32);
                        model.push((tag, frame.body.clone()));
                        queue.push(frame);
                    }
                    Step::Pop => {
                        let expected = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(queue.pop().map(|frame| (frame.tag, frame.body)), expected);
                    }
                    Step::DropOldest(tag) => {
                        let index = model.iter().position(|(other, _)| *other == Some(tag));
                        prop_assert_eq!(queue.drop_oldest(tag), index.map(|index| model.remove(index).1));
                    }
                    Step::Clear(tag) => {
                        let before = model.len();
                        model.retain(|(other, _)| other.is_none() || (tag.is_some() && *other != tag));
                        let gone = before - model.len();
                        prop_assert_eq!(queue.clear(tag), (gone, gone * 4));
                    }
                    Step::Trim => queue.trim(),
                }
                prop_assert_eq!(queue.front().map(|frame| &frame.body), model.first().map(|(_, body)| body));
                prop_assert!(queue.slots.len() <= model.len() * 2 + 34);
            }
        }
    }
}
