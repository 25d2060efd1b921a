//! One store: what it takes, holds, drops and refuses.

use std::time::Duration;

use gossiperl_idl::generated::{Entry, StateUpdate};
use gossiperl_overlay::{
    Time,
    state::store::{Applied, Bounds, Change, MAX_KEY, MAX_VALUE, PutError, Refused, Store},
};

use crate::support::{deletion, entry, identity, salt, update};

const NOW: Time = Time::from_micros(1_000_000);

fn copy() -> Store {
    with(Bounds::default())
}

/// A store of daemon 0 that takes entries of daemon 1.
fn with(bounds: Bounds) -> Store {
    let mut store = Store::new(salt(0), bounds);
    assert!(store.admit(&identity(1)));
    store
}

fn apply(store: &mut Store, update: &StateUpdate) -> Applied {
    store.apply(NOW, update).unwrap()
}

fn changes(store: &mut Store) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut changes = Vec::new();
    while let Some(Change { key, value, .. }) = store.poll_change() {
        changes.push((key.to_vec(), value.map(|value| value.to_vec())));
    }
    changes
}

fn told(key: &[u8], value: Option<&[u8]>) -> (Vec<u8>, Option<Vec<u8>>) {
    (key.to_vec(), value.map(<[u8]>::to_vec))
}

#[test]
fn each_own_change_has_the_next_version() {
    let mut store = copy();
    let first = store.put(b"a", b"1").unwrap().unwrap();
    let second = store.put(b"b", b"2").unwrap().unwrap();
    let third = store.delete(NOW, b"a").unwrap();
    assert_eq!((first.after, first.upto), (0, 1));
    assert_eq!((second.after, second.upto), (1, 2));
    assert_eq!((third.after, third.upto, third.entries[0].deleted), (2, 3, true));
    assert_eq!(store.complete_to(&salt(0)), Some(3));
    assert_eq!(changes(&mut store), [told(b"a", Some(b"1")), told(b"b", Some(b"2")), told(b"a", None)]);
}

#[test]
fn what_changes_nothing_has_no_version() {
    let mut store = copy();
    store.put(b"a", b"1").unwrap();
    assert_eq!(store.put(b"a", b"1"), Ok(None));
    assert_eq!(store.delete(NOW, b"b"), None);
    store.delete(NOW, b"a").unwrap();
    assert_eq!(store.delete(NOW, b"a"), None);
    assert_eq!(store.complete_to(&salt(0)), Some(2));
}

#[test]
fn keys_and_values_have_their_limits() {
    let mut store = copy();
    assert_eq!(store.put(b"", b"1"), Err(PutError::Key(0)));
    assert_eq!(store.put(&[7; MAX_KEY + 1], b"1"), Err(PutError::Key(513)));
    assert_eq!(store.put(b"a", &[7; MAX_VALUE + 1]), Err(PutError::Value(4_097)));
    assert!(store.is_empty());
    assert!(store.put(&[7; MAX_KEY], &[7; MAX_VALUE]).unwrap().is_some());
    assert_eq!(store.get(&salt(0), &[7; MAX_KEY]), Some(&[7; MAX_VALUE][..]));
    assert_eq!(store.get(&salt(0), &[7; MAX_KEY + 1]), None);
}

#[test]
fn a_full_store_refuses_a_put_and_says_why() {
    let bounds = Bounds { entries_per_owner: 2, bytes_per_owner: 1_000, ..Bounds::default() };
    let mut store = with(bounds);
    store.put(b"a", b"1").unwrap();
    store.put(b"b", b"2").unwrap();
    assert_eq!(store.put(b"c", b"3"), Err(PutError::Entries(2)));
    assert!(matches!(store.put(b"a", &[0; 1_000]), Err(PutError::Bytes(_))));
    assert_eq!(store.get(&salt(0), b"a"), Some(&b"1"[..]));
    assert!(store.put(b"a", b"4").unwrap().is_some(), "a change in place has room");
    assert_eq!(store.complete_to(&salt(0)), Some(3));
}

#[test]
fn tombstones_make_room() {
    let mut store = with(Bounds { entries_per_owner: 2, ..Bounds::default() });
    store.put(b"a", b"1").unwrap();
    store.put(b"b", b"2").unwrap();
    store.delete(NOW, b"a").unwrap();
    assert_eq!(store.len(), 2);
    assert!(store.put(b"c", b"3").unwrap().is_some());
    assert_eq!(store.len(), 2);
    let pages = store.pages(&salt(0), 0, 8);
    assert_eq!(pages[0].floor, Some(3), "the deletion may be missing");
}

#[test]
fn tombstones_are_dropped_after_their_time() {
    let mut store = copy();
    store.put(b"a", b"1").unwrap();
    store.delete(NOW, b"a").unwrap();
    assert_eq!(store.len(), 1);
    assert_eq!(store.poll_timeout(), Some(NOW + Duration::from_secs(600)));
    store.handle_timeout(NOW + Duration::from_secs(599));
    assert_eq!(store.len(), 1);
    store.handle_timeout(NOW + Duration::from_secs(600));
    assert!(store.is_empty());
    assert_eq!(store.bytes(), 0);
    assert_eq!(store.poll_timeout(), None);
}

#[test]
fn an_entry_is_visible_at_once_across_a_gap() {
    let mut store = copy();
    let applied = apply(&mut store, &update(1, 4, 5, vec![entry(b"a", b"5", 5)]));
    assert_eq!(applied, Applied { news: true, advanced: false, refused: 0 });
    assert_eq!(store.get(&salt(1), b"a"), Some(&b"5"[..]));
    assert_eq!(store.complete_to(&salt(1)), Some(0));
    assert!(store.has_gap(&salt(1)));

    let applied = apply(&mut store, &update(1, 0, 4, vec![entry(b"a", b"1", 1), entry(b"b", b"3", 3)]));
    assert!(applied.advanced);
    assert_eq!(store.complete_to(&salt(1)), Some(4));
    assert_eq!(store.get(&salt(1), b"a"), Some(&b"5"[..]), "the newer one stays");
    assert_eq!(store.get(&salt(1), b"b"), Some(&b"3"[..]));
}

#[test]
fn what_is_known_is_no_news() {
    let mut store = copy();
    let first = update(1, 0, 2, vec![entry(b"a", b"1", 1), entry(b"b", b"2", 2)]);
    assert!(apply(&mut store, &first).news);
    assert_eq!(apply(&mut store, &first), Applied::default());
    assert_eq!(apply(&mut store, &update(1, 0, 1, vec![entry(b"a", b"1", 1)])), Applied::default());
    assert_eq!(changes(&mut store).len(), 2);
}

#[test]
fn a_deletion_is_told_once_and_outlives_what_came_before_it() {
    let mut store = copy();
    apply(&mut store, &update(1, 0, 1, vec![entry(b"a", b"1", 1)]));
    apply(&mut store, &update(1, 2, 3, vec![deletion(b"a", 3)]));
    assert_eq!(store.get(&salt(1), b"a"), None);
    apply(&mut store, &update(1, 1, 2, vec![entry(b"a", b"2", 2)]));
    assert_eq!(store.get(&salt(1), b"a"), None);
    assert_eq!(changes(&mut store), [told(b"a", Some(b"1")), told(b"a", None)]);
}

#[test]
fn what_a_dropped_tombstone_deleted_does_not_come_back() {
    let mut store = copy();
    let late = update(1, 0, 1, vec![entry(b"a", b"1", 1)]);
    apply(&mut store, &late);
    apply(&mut store, &update(1, 1, 2, vec![deletion(b"a", 2)]));
    store.handle_timeout(NOW + Duration::from_secs(600));
    assert!(store.is_empty());
    assert!(!apply(&mut store, &late).news);
    assert_eq!(store.get(&salt(1), b"a"), None);
}

#[test]
fn a_forgotten_owners_entries_vanish_and_stay_away() {
    let mut store = copy();
    store.put(b"mine", b"0").unwrap();
    apply(&mut store, &update(1, 0, 3, vec![entry(b"a", b"1", 1), deletion(b"b", 2), entry(b"c", b"3", 3)]));
    changes(&mut store);
    store.forget(&salt(1));
    assert_eq!(changes(&mut store), [told(b"a", None), told(b"c", None)]);
    let unknown = update(1, 3, 4, vec![entry(b"a", b"4", 4)]);
    assert_eq!(store.apply(NOW, &unknown), Err(Refused::Unknown));
    assert_eq!((store.len(), store.poll_timeout()), (1, None));

    store.forget(&salt(0));
    assert_eq!(store.get(&salt(0), b"mine"), Some(&b"0"[..]), "ourselves we do not forget");
}

#[test]
fn nobody_else_writes_our_entries() {
    let mut store = copy();
    assert_eq!(store.apply(NOW, &update(0, 0, 1, vec![entry(b"a", b"1", 1)])), Err(Refused::Own));
    assert!(store.is_empty());
}

#[test]
fn owners_are_bounded() {
    let mut store = with(Bounds { owners: 2, ..Bounds::default() });
    assert!(store.admit(&identity(2)));
    assert!(!store.admit(&identity(3)));
    assert!(store.admit(&identity(2)), "known already");
    store.forget(&salt(1));
    assert!(store.admit(&identity(3)));
}

#[test]
fn a_copy_beyond_its_bound_is_incomplete_from_there() {
    let mut store = with(Bounds { entries_per_owner: 2, ..Bounds::default() });
    let many = (1..=4_u8).map(|number| entry(&[number], b"", number.into())).collect();
    let applied = apply(&mut store, &update(1, 0, 4, many));
    assert_eq!(applied.refused, 2);
    assert_eq!((store.complete_to(&salt(1)), store.len()), (Some(2), 2));
}

#[test]
fn updates_that_contradict_themselves_change_nothing() {
    let key = b"a";
    let bad_key = |length| vec![Entry { key: vec![1; length], ..entry(b"", b"", 1) }];
    let part = |offset, total, value: usize| Entry {
        offset: Some(offset),
        total: Some(total),
        ..entry(key, &vec![0; value], 1)
    };
    let malformed = [
        update(1, 2, 1, vec![]),
        update(1, -1, 1, vec![]),
        update(1, i64::MIN, i64::MAX, vec![]),
        update(1, 0, 1, vec![entry(key, b"", 2)]),
        update(1, 1, 2, vec![entry(key, b"", 1)]),
        update(1, 0, 2, vec![entry(key, b"", 2), entry(b"b", b"", 2)]),
        update(1, 0, 2, vec![entry(key, b"", 2), entry(b"b", b"", 1)]),
        update(1, 0, 1, bad_key(0)),
        update(1, 0, 1, bad_key(MAX_KEY + 1)),
        update(1, 0, 1, vec![entry(key, &[0; MAX_VALUE + 1], 1)]),
        StateUpdate { floor: Some(-1), ..update(1, 0, 1, vec![]) },
        StateUpdate { floor: Some(9), newest: Some(8), ..update(1, 0, 1, vec![]) },
        StateUpdate { owner_generation: vec![1; 15], ..update(1, 0, 1, vec![]) },
        update(1, 0, 1, vec![part(0, 4_097, 600)]),
        update(1, 0, 1, vec![part(1, 900, 600)]),
        update(1, 0, 1, vec![part(600, 900, 301)]),
        update(1, 0, 1, vec![part(-600, 900, 600)]),
        update(1, 0, 1, vec![part(i32::MAX, i32::MAX, 600)]),
        update(1, 0, 1, vec![Entry { deleted: true, ..part(0, 600, 600) }]),
        update(1, 0, 1, vec![Entry { total: None, ..part(0, 600, 600) }]),
        update(1, 0, 2, vec![part(0, 900, 600), entry(b"b", b"", 2)]),
    ];
    let mut store = copy();
    for update in malformed {
        assert_eq!(store.apply(NOW, &update), Err(Refused::Malformed), "{update:?}");
    }
    assert_eq!((store.len(), store.complete_to(&salt(1))), (0, Some(0)));
}

#[test]
fn absurd_versions_overflow_nothing() {
    let mut store = copy();
    apply(&mut store, &update(1, i64::MAX - 1, i64::MAX, vec![entry(b"a", b"1", i64::MAX)]));
    assert!(store.has_gap(&salt(1)));
    apply(&mut store, &update(1, 0, i64::MAX, vec![]));
    assert_eq!(store.complete_to(&salt(1)), Some(i64::MAX));
    assert!(!store.has_gap(&salt(1)));
    for from in [i64::MIN, -1, 0, 1, i64::MAX - 1, i64::MAX] {
        assert_eq!(store.pages(&salt(1), from, 8).len(), 1);
    }
    let bogus = StateUpdate { floor: Some(i64::MAX), newest: Some(i64::MAX), ..update(1, 0, 5, vec![]) };
    store.apply(NOW, &bogus).unwrap();
}

#[test]
fn a_new_generation_of_ours_takes_the_entries_over() {
    let mut store = copy();
    store.put(b"a", b"1").unwrap();
    store.put(b"b", b"2").unwrap();
    store.delete(NOW, b"a").unwrap();
    changes(&mut store);
    let spread = store.set_own(salt(7));
    assert_eq!(spread.len(), 1);
    assert_eq!((spread[0].after, spread[0].upto), (0, 1));
    assert_eq!(store.own(), salt(7));
    assert_eq!(store.get(&salt(7), b"b"), Some(&b"2"[..]));
    assert_eq!(store.complete_to(&salt(0)), None);
    assert_eq!(changes(&mut store), [told(b"b", None), told(b"b", Some(b"2"))]);
}
