//! An owner and copies of it: whatever gets lost, late, doubled or forgotten, what a copy holds completely is true.

use std::{collections::BTreeMap, time::Duration};

use gossiperl_idl::generated::StateUpdate;
use gossiperl_overlay::{
    Time,
    state::store::{Bounds, Store},
};
use rand::{Rng, seq::IndexedRandom};

use crate::support::{Random, identity, salt, update, with_seeds};

const OWNER: u64 = 1;
const COPIES: usize = 3;

struct Copies {
    now: Time,
    /// The owner's own store, then the copies.
    stores: Vec<Store>,
    /// The last change of each key: version and value.
    truth: BTreeMap<Vec<u8>, (i64, Option<Vec<u8>>)>,
    /// Everything ever sent, to whom (or to anyone); it may arrive again and again.
    air: Vec<(Option<usize>, StateUpdate)>,
}

impl Copies {
    fn new() -> Self {
        let mut stores = vec![Store::new(salt(OWNER), Bounds::default())];
        stores.extend((0..COPIES as u64).map(|number| Store::new(salt(10 + number), Bounds::default())));
        stores.iter_mut().for_each(|store| assert!(store.admit(&identity(OWNER))));
        Copies { now: Time::ZERO, stores, truth: BTreeMap::new(), air: Vec::new() }
    }

    fn step(&mut self, random: &mut Random) {
        let copy = random.random_range(1..=COPIES);
        match random.random_range(0..100) {
            0..25 => self.change(random),
            25..60 => {
                let arriving = self.air.choose(random).cloned();
                if let Some((to, update)) = arriving {
                    self.arrive(to.unwrap_or(copy), &update);
                }
            }
            60..90 => {
                // A copy asks the owner or another copy, and some of the pages arrive at once, in any order.
                let asked = random.random_range(0..=COPIES);
                let from = self.stores[copy].ask_from(&salt(OWNER)).unwrap();
                let most = random.random_range(1..4);
                let mut pages = self.stores[asked].pages(&salt(OWNER), from, most);
                while !pages.is_empty() {
                    let page = pages.swap_remove(random.random_range(0..pages.len()));
                    if random.random_bool(0.7) {
                        self.arrive(copy, &page);
                    }
                    self.air.push((Some(copy), page));
                }
            }
            90..96 => {
                self.now = self.now + Duration::from_secs(random.random_range(0..400));
                let now = self.now;
                self.stores.iter_mut().for_each(|store| store.handle_timeout(now));
            }
            96..99 => self.stores[copy].abandon_sweep(&salt(OWNER)),
            _ => {
                self.stores[copy].forget(&salt(OWNER));
                assert!(self.stores[copy].admit(&identity(OWNER)));
            }
        }
    }

    fn change(&mut self, random: &mut Random) {
        let key = vec![b'k', random.random_range(0..12)];
        let length = if random.random_bool(0.1) { random.random_range(0..4_000) } else { 8 };
        let value: Vec<u8> = (0..length).map(|_| random.random()).collect();
        let update = if random.random_bool(0.4) {
            self.stores[0].delete(self.now, &key).map(|update| (update, None))
        } else {
            self.stores[0].put(&key, &value).unwrap().map(|update| (update, Some(value)))
        };
        if let Some((update, value)) = update {
            self.truth.insert(key, (update.upto, value));
            // What is too long for a datagram goes as its pages do.
            let long = update.entries[0].value.len() > 1_000;
            let sent = if long { self.stores[0].pages(&salt(OWNER), update.after, 8) } else { vec![update] };
            self.air.extend(sent.into_iter().map(|update| (None, update)));
        }
    }

    fn arrive(&mut self, at: usize, update: &StateUpdate) {
        self.stores[at].apply(self.now, update).unwrap();
        while self.stores[at].poll_change().is_some() {}
    }

    /// What has last changed at or below the version a copy is complete to, the copy holds as the owner left it.
    fn check(&self) {
        for copy in &self.stores[1..] {
            let complete_to = copy.complete_to(&salt(OWNER)).unwrap();
            assert!(complete_to <= self.stores[0].complete_to(&salt(OWNER)).unwrap());
            for (key, (version, value)) in &self.truth {
                if *version <= complete_to {
                    assert_eq!(copy.get(&salt(OWNER), key), value.as_deref(), "{key:?} of {version}");
                }
            }
        }
    }
}

#[test]
fn what_a_copy_holds_completely_is_what_the_owner_wrote() {
    with_seeds(300, |random| {
        let mut copies = Copies::new();
        for _ in 0..400 {
            copies.step(random);
            copies.check();
        }
    });
}

#[test]
fn copies_are_complete_once_everything_asked_for_arrives() {
    with_seeds(100, |random| {
        let mut copies = Copies::new();
        for _ in 0..300 {
            copies.step(random);
        }
        let newest = copies.stores[0].complete_to(&salt(OWNER));
        for copy in 1..=COPIES {
            let mut requests = 0;
            while copies.stores[copy].complete_to(&salt(OWNER)) < newest {
                let from = copies.stores[copy].ask_from(&salt(OWNER)).unwrap();
                for page in copies.stores[0].pages(&salt(OWNER), from, 2) {
                    copies.arrive(copy, &page);
                }
                requests += 1;
                assert!(requests < 50, "no progress");
            }
        }
        copies.check();
        for copy in &copies.stores[1..] {
            assert!(copy.entries(&salt(OWNER)).eq(copies.stores[0].entries(&salt(OWNER))));
        }
    });
}

#[test]
fn a_copy_that_missed_a_forgotten_deletion_finds_it_by_asking_from_the_start() {
    let mut copies = Copies::new();
    let Copies { stores, .. } = &mut copies;
    for key in [b"a", b"b"] {
        let update = stores[0].put(key, b"1").unwrap().unwrap();
        stores[1].apply(Time::ZERO, &update).unwrap();
    }
    stores[0].delete(Time::ZERO, b"a").unwrap();
    stores[0].put(b"c", b"1").unwrap();
    stores[0].handle_timeout(Time::ZERO + Duration::from_secs(600));

    let first = stores[0].pages(&salt(OWNER), 2, 8);
    assert_eq!(first[0].floor, Some(3));
    stores[1].apply(Time::ZERO, &first[0]).unwrap();
    assert_eq!(stores[1].complete_to(&salt(OWNER)), Some(2), "such a page can't be joined");
    assert_eq!(stores[1].ask_from(&salt(OWNER)), Some(0));
    for page in stores[0].pages(&salt(OWNER), 0, 8) {
        stores[1].apply(Time::ZERO, &page).unwrap();
    }
    assert_eq!(stores[1].complete_to(&salt(OWNER)), Some(4));
    assert_eq!(stores[1].get(&salt(OWNER), b"a"), None);
    assert_eq!(stores[1].get(&salt(OWNER), b"c"), Some(&b"1"[..]));
    // It knows now that it may lack deletions itself.
    assert_eq!(stores[1].pages(&salt(OWNER), 1, 8)[0].floor, Some(3));
}

#[test]
fn a_long_value_goes_in_parts_in_any_order() {
    with_seeds(50, |random| {
        let mut copies = Copies::new();
        let value: Vec<u8> = (0..4_096).map(|_| random.random()).collect();
        copies.stores[0].put(b"before", b"0").unwrap();
        copies.stores[0].put(b"long", &value).unwrap();
        copies.stores[0].put(b"after", b"0").unwrap();
        let mut pages = copies.stores[0].pages(&salt(OWNER), 0, 9);
        assert_eq!(pages.len(), 1 + 7 + 1);
        while !pages.is_empty() {
            let page = pages.swap_remove(random.random_range(0..pages.len()));
            copies.arrive(1, &page);
            copies.arrive(1, &page);
            if pages.is_empty() && copies.stores[1].complete_to(&salt(OWNER)) < Some(3) {
                pages = copies.stores[0].pages(&salt(OWNER), 0, 9);
            }
        }
        assert_eq!(copies.stores[1].get(&salt(OWNER), b"long"), Some(&*value));
    });
}

#[test]
fn values_that_wait_for_parts_are_bounded() {
    let mut copies = Copies::new();
    for number in 0..1_000 {
        let mut part = crate::support::entry(b"long", &[7; 600], number + 1);
        (part.offset, part.total) = (Some(0), Some(4_096));
        copies.arrive(1, &update(OWNER, number, number + 1, vec![part]));
    }
    assert!(copies.stores[1].is_empty());
    assert_eq!(copies.stores[1].complete_to(&salt(OWNER)), Some(0));
}
