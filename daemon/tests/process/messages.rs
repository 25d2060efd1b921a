//! Messages between hosts: every acknowledged one arrives exactly once and in order, whatever the network loses.

use gossiperl_client::PublishError;

use crate::support::{Hosts, Place, apart, heavy, on_loopback, seed, traffic};

/// Publishes on host-1; reads there, on host-2 and on host-3.
async fn exchange(hosts: &Hosts, messages: u64, len: usize) {
    let publisher = hosts.client(1, "publisher").await;
    let clients = [hosts.client(1, "near").await, hosts.client(2, "far").await, hosts.client(3, "far").await];
    let mut readers = traffic::subscribers(&publisher, &clients).await;
    let [near, second, third] = readers.as_mut_slice() else { panic!("three readers") };
    tokio::join!(
        traffic::publish(&publisher, 0..messages, len),
        traffic::receive(near, 0..messages),
        traffic::receive(second, 0..messages),
        traffic::receive(third, 0..messages),
    );
    for client in clients.iter().chain([&publisher]) {
        client.close().await;
    }
}

/// The same while so many datagrams in a hundred are lost between the hosts.
async fn exchange_with_loss(place: Place, loss: u32, messages: u64, len: usize) {
    let (hosts, relay) = Hosts::behind_relay(place, 3, loss, seed(1));
    let daemons = hosts.start_all().await;
    let before = relay.counts();
    exchange(&hosts, messages, len).await;
    let (dropped, forwarded) = relay.counts();
    let (dropped, forwarded) = (dropped - before.0, forwarded - before.1);
    println!("{dropped} of {} datagrams lost", dropped + forwarded);
    assert!(dropped > 0, "nothing was lost: the test shows nothing");
    for daemon in &daemons {
        assert_eq!(daemon.log().count(&["member_unreachable"]), 0, "a living daemon was given up");
    }
}

#[test]
fn a_hundred_thousand_messages_through_three_daemons() {
    let _heavy = heavy();
    on_loopback(1, async |place| {
        let hosts = Hosts::new(place, 3);
        let _daemons = hosts.start_all().await;
        exchange(&hosts, 100_000, 200).await;
    });
}

#[test]
fn with_a_tenth_of_the_datagrams_lost() {
    let _heavy = heavy();
    apart(2, async |place| exchange_with_loss(place, 10, 100_000, 200).await);
}

#[test]
fn with_three_tenths_of_the_datagrams_lost() {
    let _heavy = heavy();
    apart(3, async |place| exchange_with_loss(place, 30, 50_000, 200).await);
}

#[test]
fn with_a_tenth_of_the_large_datagrams_of_one_machine_lost() {
    let _heavy = heavy();
    on_loopback(4, async |place| exchange_with_loss(place, 10, 100_000, 200).await);
}

#[test]
fn the_largest_payloads_arrive_in_spite_of_loss() {
    let _heavy = heavy();
    apart(5, async |place| exchange_with_loss(place, 10, 100, 60_000).await);
    apart(6, async |place| exchange_with_loss(place, 30, 100, 60_000).await);
}

#[test]
fn a_larger_payload_is_refused_with_the_limit_and_changes_nothing() {
    on_loopback(7, async |place| {
        let hosts = Hosts::new(place, 2);
        let _daemons = hosts.start_all().await;
        let publisher = hosts.client(1, "publisher").await;
        let clients = [hosts.client(2, "far").await];
        let mut readers = traffic::subscribers(&publisher, &clients).await;
        let error = publisher.publish(traffic::TYPE, vec![0; 60_001]).await.expect_err("refused");
        assert_eq!(error, PublishError::TooLarge { len: 60_001, limit: 60_000 });
        assert!(error.to_string().contains("60000 is the most a message carries"), "{error}");
        traffic::publish(&publisher, 0..1, 60_000).await;
        traffic::receive(&mut readers[0], 0..1).await;
    });
}
