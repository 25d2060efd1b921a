//! A subscribing process killed and started again.

use std::fmt::Write;

use nix::sys::signal::Signal;

use crate::support::{
    Daemon, Hosts, Running, apart, heavy, soon,
    traffic::{self, Stream, TYPE},
};

/// Numbers that no text has: `gossiperl subscribe` prints them in hexadecimal digits.
const FIRST: u64 = 1 << 63;

fn subscribe(daemon: &Daemon) -> Running {
    Running::start(daemon.command(&["subscribe", TYPE, "--name", "reader"]), "subscribed to")
}

/// The line that a message with this number is printed as.
fn line(number: u64) -> String {
    traffic::message(number, 8).iter().fold(format!("{TYPE}  0x"), |mut line, byte| {
        let _ = write!(line, "{byte:02x}");
        line
    })
}

/// The numbers printed so far, marks left out.
fn numbers(running: &Running) -> Vec<u64> {
    let numbers = running.out.lines().into_iter().filter_map(|line| {
        let digits = line.strip_prefix(TYPE)?.trim_start().strip_prefix("0x")?.get(..16)?.to_owned();
        u64::from_str_radix(&digits, 16).ok()
    });
    numbers.filter(|number| *number != u64::MAX).collect()
}

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
        let first = subscribe(&all[1]);
        let stream = Stream::start(&publisher, FIRST);
        // It is no reader of the first messages: those before its subscription was known to host-1 pass it by.
        first.out.wait_for(&[&format!("{TYPE}  0x8")]);
        first.signal(Signal::SIGKILL);
        all[1].log().wait_for(&["member_unreachable", "client=reader"]);
        let again = subscribe(&all[1]);
        all[1].log().wait_for(&["member_rejoin", "client=reader"]);
        again.out.wait_for(&[&format!("{TYPE}  0x8")]);
        let end = stream.end().await;
        again.out.wait_for(&[&line(end - 1)]);
        for running in [&first, &again] {
            let got = numbers(running);
            assert!(got.windows(2).all(|pair| pair[1] == pair[0] + 1), "not one after the other: {got:?}");
        }
        assert!(numbers(&again)[0] > *numbers(&first).last().expect("some"), "old messages came again");
        for reader in &mut readers {
            traffic::receive(reader, FIRST..end).await;
        }
        while let Some(event) = events.try_next() {
            assert!(!matches!(event, gossiperl_client::Event::Paused(_)), "the publisher was held back");
        }
        soon("closed", publisher.close()).await;
    });
}
