//! Which subscribers count as taking nothing: those that had something to take for all of that time.

mod common;

use common::{
    Heard,
    host::{Host, SECOND, config},
};
use gossiperl_idl::generated::SlowPolicy;
use gossiperl_overlay::Event;

#[test]
fn one_that_had_nothing_to_take_before_keeps_its_five_seconds() {
    let mut config = config();
    config.limits.queue_frames = 100;
    let mut host = Host::connected(config, &["publisher", "subscriber"]);
    host.clients[1].subscribe("n", SlowPolicy::WAIT);
    host.run(6 * SECOND);
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
