//! The queue of completions.

#![allow(clippy::expect_used, clippy::panic)]

use std::{
    future::pending,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use gossiperl_bindings::{Completion, Completions, Error, Kind};

const LONG: Option<Duration> = Some(Duration::from_secs(20));

fn queue<T>() -> Arc<Completions<T>> {
    Arc::default()
}

#[test]
fn completions_come_in_batches_with_what_came_of_each() {
    let completions = queue();
    for token in 0..5 {
        let outcome = if token % 2 == 0 { Ok(token * 10) } else { Err(Error::new(Kind::Busy, "odd")) };
        completions.start(token, async move {
            tokio::task::yield_now().await;
            outcome
        });
    }
    let mut taken = Vec::new();
    while taken.len() < 5 {
        let batch = completions.wait(2, LONG).expect("not ended");
        assert!((1..=2).contains(&batch.len()));
        taken.extend(batch);
    }
    taken.sort_by_key(|completion| completion.token);
    let outcomes: Vec<_> =
        taken.into_iter().map(|completion| completion.outcome.map_err(|error| error.kind)).collect();
    assert_eq!(outcomes, [Ok(0), Err(Kind::Busy), Ok(20), Err(Kind::Busy), Ok(40)]);
    assert!(completions.wait(1, Some(Duration::ZERO)).expect("not ended").is_empty());
}

#[test]
fn an_operation_that_panics_completes_as_well() {
    let completions = queue::<()>();
    completions.start(7, async {
        tokio::task::yield_now().await;
        panic!("on purpose")
    });
    let taken = completions.wait(8, LONG).expect("not ended").remove(0);
    assert_eq!((taken.token, taken.outcome.map_err(|error| error.kind)), (7, Err(Kind::System)));
}

#[test]
fn the_first_step_is_taken_in_the_order_of_starting() {
    let completions = queue();
    let order = Arc::new(Mutex::new(Vec::new()));
    for token in 0..1_000 {
        let order = Arc::clone(&order);
        completions.start(token, async move {
            order.lock().expect("unpoisoned").push(token);
            tokio::task::yield_now().await;
            Ok(())
        });
    }
    let mut taken = 0;
    while taken < 1_000 {
        taken += completions.wait(64, LONG).expect("not ended").len();
    }
    assert_eq!(*order.lock().expect("unpoisoned"), (0..1_000).collect::<Vec<_>>());
}

#[test]
fn a_cancelled_operation_does_not_complete_and_its_token_is_free() {
    let completions = queue();
    completions.start(7, pending());
    assert_eq!(completions.try_start(7, async { Ok(0) }).expect_err("under way").kind, Kind::Argument);
    assert!(completions.cancel(7) && !completions.cancel(7));
    for round in 0..1_000 {
        completions.try_start(7, pending()).expect("free");
        assert!(completions.cancel(7));
        completions.try_start(7, async move { Ok(round) }).expect("free");
        let taken = completions.wait(8, LONG).expect("not ended");
        assert_eq!(taken, [Completion { token: 7, outcome: Ok(round) }]);
    }
}

#[test]
fn what_is_under_way_is_bounded() {
    let completions = queue::<()>();
    for token in 1..=Completions::<()>::MOST as i64 {
        completions.try_start(token, pending()).expect("room");
    }
    assert_eq!(completions.try_start(0, pending()).expect_err("full").kind, Kind::Busy);
    assert!(completions.cancel(1));
    completions.try_start(0, pending()).expect("room");
    completions.cancel_all();
    assert!(!completions.cancel(0));
    completions.try_start(1, pending()).expect("room");
}

#[test]
fn the_end_is_told_to_all_who_wait_after_what_is_left() {
    let completions = queue();
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let completions = Arc::clone(&completions);
            thread::spawn(move || {
                let mut taken = Vec::new();
                while let Some(batch) = completions.wait(1, None) {
                    taken.extend(batch.iter().map(|completion| completion.token));
                }
                taken
            })
        })
        .collect();
    completions.start(3, async { Ok(()) });
    completions.end();
    let taken: Vec<i64> = waiting.into_iter().flat_map(|thread| thread.join().expect("ours")).collect();
    assert_eq!(taken, [3]);
    assert!(completions.wait(1, None).is_none());
    assert_eq!(completions.try_start(4, async { Ok(()) }).expect_err("ended").kind, Kind::Closed);
}
