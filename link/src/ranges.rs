//! Sets of frame numbers, held as ranges: what arrived early, what the peer has, what was lost.
//!
//! Numbers come mostly in order and in long runs, so the ranges are few and changes happen at the ends.

use std::{collections::VecDeque, ops::Range};

/// Rising ranges that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    ranges: VecDeque<Range<u64>>,
}

impl RangeSet {
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(crate) fn first(&self) -> Option<u64> {
        self.ranges.front().map(|range| range.start)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.ranges.iter()
    }

    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
    }

    /// Gives spare memory back.
    pub(crate) fn trim(&mut self) {
        self.ranges.shrink_to_fit();
    }

    /// Adds the range and calls `added` with each part of it that was not there.
    pub(crate) fn insert(&mut self, range: Range<u64>, mut added: impl FnMut(Range<u64>)) {
        if range.is_empty() {
            return;
        }
        // Ranges from `first` to before `end` overlap or touch the new one and merge with it.
        let first = self.ranges.partition_point(|other| other.end < range.start);
        let mut merged = range.clone();
        let mut from = range.start;
        let mut end = first;
        while let Some(other) = self.ranges.get(end).filter(|other| other.start <= range.end) {
            if from < other.start {
                added(from..other.start);
            }
            from = from.max(other.end);
            merged = merged.start.min(other.start)..merged.end.max(other.end);
            end += 1;
        }
        if from < range.end {
            added(from..range.end);
        }
        match self.ranges.get_mut(first) {
            Some(place) if end > first => {
                *place = merged;
                if end > first + 1 {
                    self.ranges.drain(first + 1..end);
                }
            }
            _ => self.ranges.insert(first, merged),
        }
    }

    pub(crate) fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.at(range.start);
        let Some(other) = self.ranges.get(first).cloned() else { return };
        if other.start < range.start && range.end < other.end {
            self.ranges.insert(first, other.start..range.start);
            self.ranges[first + 1].start = range.end;
            return;
        }
        let mut index = first;
        while let Some(other) = self.ranges.get_mut(index).filter(|other| other.start < range.end) {
            if other.start < range.start {
                other.end = range.start;
                index += 1;
            } else if other.end > range.end {
                other.start = range.end;
                return;
            } else {
                self.ranges.remove(index);
            }
        }
    }

    pub(crate) fn remove_below(&mut self, number: u64) {
        while let Some(front) = self.ranges.front_mut().filter(|front| front.start < number) {
            if front.end > number {
                front.start = number;
                return;
            }
            self.ranges.pop_front();
        }
    }

    /// Index of the first range that ends behind `number`.
    fn at(&self, number: u64) -> usize {
        self.ranges.partition_point(|range| range.end <= number)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(Range<u64>),
        Remove(Range<u64>),
        RemoveBelow(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let range = || (0..60u64, 0..12u64).prop_map(|(start, length)| start..start + length);
        prop_oneof![
            3 => range().prop_map(Step::Insert),
            2 => range().prop_map(Step::Remove),
            1 => (0..20u64).prop_map(Step::RemoveBelow),
        ]
    }

    proptest! {
        #[test]
        fn behaves_like_a_set_of_numbers(steps in prop::collection::vec(step(), 1..60)) {
            let mut set = RangeSet::default();
            let mut model = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Insert(range) => {
                        let mut added = Vec::new();
                        set.insert(range.clone(), |part| added.extend(part));
                        let expected: Vec<u64> = range.filter(|&number| model.insert(number)).collect();
                        prop_assert_eq!(added, expected);
                    }
                    Step::Remove(range) => {
                        set.remove(range.clone());
                        model.retain(|number| !range.contains(number));
                    }
                    Step::RemoveBelow(end) => {
                        set.remove_below(end);
                        model.retain(|&number| number >= end);
                    }
                }
                let numbers: Vec<u64> = set.iter().cloned().flatten().collect();
                prop_assert_eq!(&numbers, &model.iter().copied().collect::<Vec<_>>());
                let apart = set.ranges.iter().zip(set.ranges.iter().skip(1)).all(|(a, b)| a.end < b.start);
                prop_assert!(apart && set.iter().all(|range| !range.is_empty()));
                prop_assert_eq!(set.first(), model.first().copied());
            }
        }
    }
}
