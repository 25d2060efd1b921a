//! The hash tree against its definition.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use gossiperl_idl::Salt;
use gossiperl_overlay::{
    Identity,
    state::{
        owners::Owners,
        tree::{DEPTH, FAN_OUT, Place, item, name_hash},
    },
};
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

/// 500 owners, every third of which has its leaf in common with the first, and each seventh its name with the one before.
static CROWD: LazyLock<Vec<Arc<Identity>>> = LazyLock::new(|| {
    let leaf = Place::of(name_hash("0"));
    let mut name = String::from("0");
    let mut names = 0..;
    let mut crowd: Vec<Arc<Identity>> = Vec::new();
    for number in 0..500 {
        if number % 7 != 6 {
            let fits = |name: &String| number % 3 != 0 || Place::of(name_hash(name)) == leaf;
            name = names.by_ref().map(|number: u64| number.to_string()).find(fits).unwrap();
        }
        let address = ([10, 0, 0, 1], 6_666).into();
        crowd.push(Arc::new(Identity::new(name.as_str(), salt(number), address, "default")));
    }
    crowd
});

fn tree_of(crowd: &[Arc<Identity>]) -> Owners {
    let mut tree = Owners::new(7);
    crowd.iter().for_each(|owner| tree.admit(owner));
    tree
}

#[test]
fn each_level_divides_the_one_above() {
    let crowd = &CROWD[..];
    let mut tree = tree_of(crowd);
    assert!(crowd.iter().all(|owner| tree.enter(owner.generation(), 0)));
    let mut ordered: Vec<(u64, Salt)> =
        crowd.iter().map(|owner| (owner.name_hash(), *owner.generation())).collect();
    ordered.sort_unstable();
    let ordered: Vec<Salt> = ordered.into_iter().map(|(_, owner)| owner).collect();
    assert_eq!(tree.below(Place::ROOT).collect::<Vec<_>>(), ordered);
    let mut level = vec![Place::ROOT];
    for _ in 0..DEPTH {
        for place in &level {
            let children: Vec<Place> = place.children().collect();
            assert_eq!(children.len(), FAN_OUT);
            assert_eq!(children.iter().map(|child| tree.count(*child)).sum::<usize>(), tree.count(*place));
            let owners: Vec<Salt> = children.iter().flat_map(|child| tree.below(*child)).collect();
            assert_eq!(owners, tree.below(*place).collect::<Vec<_>>());
        }
        level = level.into_iter().flat_map(Place::children).collect();
    }
    assert!(level.iter().all(|leaf| leaf.is_leaf() && leaf.children().next().is_none()));
}

#[test]
fn an_owner_that_goes_takes_its_item_along_and_its_place_serves_the_next() {
    let crowd = &CROWD[..60];
    let mut tree = tree_of(&crowd[..40]);
    crowd[..40].iter().for_each(|owner| assert!(tree.enter(owner.generation(), 1)));
    let root = tree.root();
    crowd[..20].iter().for_each(|owner| assert!(tree.remove(owner.generation())));
    assert!(!tree.remove(crowd[0].generation()) && !tree.contains(crowd[0].generation()));
    assert!(!tree.enter(crowd[0].generation(), 1), "no owner any more");
    assert_eq!((tree.len(), tree.count(Place::ROOT)), (20, 20));
    crowd[40..].iter().for_each(|owner| {
        tree.admit(owner);
        assert!(tree.enter(owner.generation(), 1));
    });
    let mut anew = tree_of(&crowd[20..]);
    crowd[20..].iter().for_each(|owner| assert!(anew.enter(owner.generation(), 1)));
    assert!(tree.root() == anew.root() && tree.root() != root);
    assert!(tree.below(Place::ROOT).eq(anew.below(Place::ROOT)));
}

proptest! {
    #[test]
    fn every_node_is_the_sum_of_the_items_below(
        changes in prop::collection::vec((0_usize..40, any::<i32>(), any::<bool>()), 0..200),
    ) {
        let crowd = &CROWD[..40];
        let mut tree = tree_of(crowd);
        let mut items: BTreeMap<usize, (i32, u64)> = BTreeMap::new();
        for (number, incarnation, present) in changes {
            let owner = &crowd[number];
            let after = present.then(|| (incarnation, item(owner.name_hash(), owner.generation(), incarnation, 0)));
            let before = match after {
                Some(after) => items.insert(number, after),
                None => items.remove(&number),
            };
            let changed = match after {
                Some((incarnation, _)) => tree.enter(owner.generation(), incarnation),
                None => tree.withdraw(owner.generation()),
            };
            prop_assert_eq!(changed, before != after);
        }
        let mut from_scratch = tree_of(crowd);
        for (number, (incarnation, _)) in items.iter().rev() {
            from_scratch.enter(crowd[*number].generation(), *incarnation);
        }
        let mut level = vec![Place::ROOT];
        for depth in 0..=DEPTH {
            for place in &level {
                let below = items.iter().filter(|(number, _)| {
                    let shift = 64 - 4 * u32::from(depth);
                    let index = crowd[**number].name_hash().checked_shr(shift).unwrap_or(0);
                    index == u64::try_from(place.index()).unwrap()
                });
                let (count, sum) =
                    below.fold((0, 0_u64), |(count, sum), (_, (_, item))| (count + 1, sum.wrapping_add(*item)));
                prop_assert_eq!(tree.count(*place), count);
                prop_assert_eq!(tree.hash(*place), sum);
                prop_assert_eq!(from_scratch.hash(*place), sum);
            }
            // Only where there is something, or next to it.
            level = level.into_iter().filter(|place| tree.count(*place) > 0).flat_map(Place::children).collect();
        }
    }
}
