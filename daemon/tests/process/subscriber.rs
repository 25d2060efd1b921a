//! A subscribing process killed and started again.

use nix::sys::signal::Signal;

use crate::support::{
    FIRST, Hosts, Printer, apart, heavy,
    traffic::{self, Stream},
};

#[test]
fn a_killed_subscriber_is_noticed_at_the_next_send_and_comes_back_under_its_name() {
    let _heavy = heavy();
    apart(21, async |place| {
        // Silence is no sign for hours: what is noticed is the closed port.
        let hosts = Hosts::new(place, 2).with("quarantine_after = 7200");
        let all = hosts.start_all().await;
        let publisher = hosts.client(1, "publisher").await;
        let clients = [hosts.client(1, "near").await, hosts.client(2, "far").await];
        let mut events = publisher.events();
        let mut readers = traffic::subscribers(&publisher, &clients).await;
        let first = Printer::start(&all[1], &["--name", "reader"]);
        let stream = Stream::start(&publisher, FIRST);
        first.wait_for_any();
        first.signal(Signal::SIGKILL);
        all[1].log().wait_for(&["member_unreachable", "client=reader"]);
        let again = Printer::start(&all[1], &["--name", "reader"]);
        all[1].log().wait_for(&["member_rejoin", "client=reader"]);
        again.wait_for_any();
        let end = stream.end().await;
        again.wait_for(end - 1);
        for printer in [&first, &again] {
            let got = printer.numbers();
            assert!(got.windows(2).all(|pair| pair[1] == pair[0] + 1), "not one after the other: {got:?}");
        }
        // What the first had not acknowledged comes again; what it had acknowledged and not printed went with it.
        assert!(again.numbers()[0] >= first.numbers()[0], "acknowledged messages came again");
        for reader in &mut readers {
            traffic::receive(reader, FIRST..end).await;
        }
        while let Some(event) = events.try_next() {
            assert!(!matches!(event, gossiperl_client::Event::Paused(_)), "the publisher was held back");
        }
    });
}
