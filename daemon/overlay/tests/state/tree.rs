//! The hash tree against its definition.

use std::collections::BTreeMap;

use gossiperl_idl::Salt;
use gossiperl_overlay::state::tree::{DEPTH, FAN_OUT, Place, Tree, item, name_hash};
use proptest::prelude::*;

use crate::support::salt;

#[test]
fn hashes_are_the_specified_bytes_of_sha_256() {
    // Computed with another implementation.
    let generation = Salt([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(name_hash("daemon-1"), 0x6294_fefd_743a_a67b);
    assert_eq!(item(name_hash("daemon-1"), &generation, 7, 300), 0xebfc_08d8_9ae9_b147);
}

#[test]
fn places_from_outside_are_those_of_the_tree() {
    assert_eq!(Place::new(0, 0), Some(Place::ROOT));
    assert!(Place::new(3, 4_095).is_some_and(Place::is_leaf));
    for (depth, index) in [(0, 1), (1, 16), (2, 256), (3, 4_096), (4, 0), (-1, 0), (1, -1), (127, i32::MAX)] {
        assert_eq!(Place::new(depth, index), None, "{depth} {index}");
    }
    assert_eq!(Place::leaf(4_096), None);
    assert_eq!(Place::leaf(-1), None);
}

#[test]
fn each_level_divides_the_one_above() {
    let mut tree = Tree::new();
    for number in 0..500_u64 {
        tree.set(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), salt(number), Some(number * 7 + 1));
    }
    let mut level = vec![Place::ROOT];
    for _ in 0..DEPTH {
        for place in &level {
            let children: Vec<Place> = place.children().collect();
            assert_eq!(children.len(), FAN_OUT);
            assert_eq!(children.iter().map(|child| tree.count(*child)).sum::<usize>(), tree.count(*place));
            let owners: Vec<Salt> = children.iter().flat_map(|child| tree.owners(*child)).collect();
            assert_eq!(owners, tree.owners(*place).collect::<Vec<_>>());
        }
        level = level.into_iter().flat_map(Place::children).collect();
    }
    assert!(level.iter().all(|leaf| leaf.is_leaf() && leaf.children().next().is_none()));
}

proptest! {
    #[test]
    fn every_node_is_the_sum_of_the_items_below(
        changes in prop::collection::vec((0_u64..40, any::<u64>(), any::<u64>(), any::<bool>()), 0..200),
    ) {
        let mut tree = Tree::new();
        let mut items: BTreeMap<(u64, Salt), u64> = BTreeMap::new();
        for (number, scattered, value, present) in changes {
            // Some share a leaf, some a name.
            let name_hash = if number % 3 == 0 { number } else { scattered };
            let key = (name_hash, salt(number));
            let before = items.get(&key).copied();
            let after = present.then_some(value);
            match after {
                Some(value) => drop(items.insert(key, value)),
                None => drop(items.remove(&key)),
            }
            prop_assert_eq!(tree.set(key.0, key.1, after), before != after);
        }
        let mut from_scratch = Tree::new();
        for ((name_hash, owner), value) in items.iter().rev() {
            from_scratch.set(*name_hash, *owner, Some(*value));
        }
        let mut level = vec![Place::ROOT];
        for depth in 0..=DEPTH {
            for place in &level {
                let below = items.iter().filter(|((name_hash, _), _)| {
                    let shift = 64 - 4 * u32::from(depth);
                    name_hash.checked_shr(shift).unwrap_or(0) == u64::try_from(place.index()).unwrap()
                });
                let (count, sum) = below.fold((0, 0_u64), |(count, sum), (_, item)| (count + 1, sum.wrapping_add(*item)));
                prop_assert_eq!(tree.count(*place), count);
                prop_assert_eq!(tree.hash(*place), sum);
                prop_assert_eq!(from_scratch.hash(*place), sum);
            }
            // Only where there is something, or next to it.
            level = level.into_iter().filter(|place| tree.count(*place) > 0).flat_map(Place::children).collect();
        }
    }
}
