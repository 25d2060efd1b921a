//! Which subscribers count as taking nothing: those that had something to take for all of that time.

use crate::common::{
    Heard,
    host::{Host, SECOND, config},
};
use gossiperl_idl::{
    frame,
    generated::{SlowPolicy, Unsubscribe},
};
use gossiperl_overlay::Event;

#[test]
fn one_that_had_nothing_to_take_before_keeps_its_five_seconds() {
    let mut config = config();
    config.limits.queue_frames = 100;
    let mut host = Host::connected(config, &["publisher", "subscriber"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(6 * SECOND);
    is_busy_for_three_seconds(&mut host);
}

#[test]
fn what_its_last_session_left_and_it_does_not_want_does_not_count() {
    let mut config = config();
    config.limits.queue_frames = 100;
    let mut host = Host::connected(config, &["publisher", "subscriber"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.clients[1].subscribe("unwanted", SlowPolicy::WAIT);
    host.run(SECOND);
    host.clients[1] = host.clients[1].restarted(9);
    host.clients[1].hello();
    host.run(SECOND);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(6 * SECOND);
    is_busy_for_three_seconds(&mut host);
}

fn is_busy_for_three_seconds(host: &mut Host) {
    // Silence, then more than the queue holds, and a subscriber that is busy for a while.
    host.clients[1].holds = true;
    for number in 0..500u32 {
        assert!(host.clients[0].publish("n", &number.to_be_bytes()));
    }
    host.run(3 * SECOND);
    host.clients[1].holds = false;
    host.clients[1].link.release(host.now);
    host.run(10 * SECOND);
    let stalled =
        std::iter::from_fn(|| host.overlay.poll_event()).any(|event| matches!(event, Event::Stalled { .. }));
    assert!(!stalled, "it took nothing for three seconds, not for five");
    assert!(!host.clients[1].heard.iter().any(|heard| matches!(heard, Heard::Dropped(_))));
    assert_eq!(host.clients[1].numbers(), (0..500).collect::<Vec<_>>());
}

/// A subscriber that lives, and whose queue is full of messages that it does not take.
fn with_full_queue() -> Host {
    let mut config = config();
    config.limits.queue_cost = 200_000;
    config.quarantine_after = 3_600 * SECOND;
    let mut host = Host::connected(config, &["publisher", "subscriber"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(SECOND);
    host.clients[1].holds = true;
    host
}

#[test]
fn one_that_takes_a_little_and_then_nothing_again_is_let_go_of_again() {
    let mut host = with_full_queue();
    // A small one first, so that taking it makes no room for a large one.
    host.clients[0].publish("n", b"small");
    for _ in 0..10 {
        host.clients[0].publish("n", &[7; 60_000]);
    }
    host.run(10 * SECOND);
    assert_eq!(host.clients[0].link.queued_frames(), 0, "nobody waits for one that takes nothing");
    host.clients[1].takes = 1;
    host.clients[1].link.release(host.now);
    host.run(SECOND);
    assert_eq!(host.clients[1].messages().count(), 1);
    host.clients[0].publish("n", &[8; 60_000]);
    host.run(10 * SECOND);
    assert_eq!(host.clients[0].link.queued_frames(), 0, "nor for one that took something once");
}

#[test]
fn one_that_unsubscribes_holds_nobody_back_whatever_it_leaves_in_its_queue() {
    let mut host = with_full_queue();
    for _ in 0..10 {
        host.clients[0].publish("n", &[7; 60_000]);
    }
    host.run(SECOND);
    assert!(host.clients[0].link.queued_frames() > 0, "held back");
    host.clients[1].request(frame::UNSUBSCRIBE, &Unsubscribe::new(9, vec![b"n".to_vec()]));
    host.run(2 * SECOND);
    assert_eq!(host.clients[0].link.queued_frames(), 0);
}
