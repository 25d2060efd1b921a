//! Daemons killed and started again: what their clients, the others, and the others' clients see of it.

use std::fs;

use gossiperl_client::{
    Client, DisconnectReason, Event, MemberChange, MemberKind, MemberState, MemberWatch, Subscription,
};

use crate::support::{
    Hosts, Place, apart, heavy, on_loopback, seed, soon,
    traffic::{self, Stream, number},
};

/// Changes of this member up to `last`.
async fn changes(watch: &mut MemberWatch, name: &str, last: MemberChange) -> Vec<MemberChange> {
    let mut seen = Vec::new();
    let all = async {
        while seen.last() != Some(&last) {
            let event = watch.next().await.expect("open");
            if event.member.name == name {
                seen.push(event.change);
            }
        }
    };
    soon(&format!("{name}: {last}"), all).await;
    seen
}

/// The daemons that this client's daemon knows, all of them reachable.
async fn daemons(client: &Client) -> Vec<String> {
    let mut members = client.members().await.expect("a session");
    members.retain(|member| member.kind == MemberKind::Daemon);
    assert!(members.iter().all(|member| member.state == MemberState::Reachable), "{members:?}");
    let mut names: Vec<String> = members.iter().map(|member| member.name.to_string()).collect();
    names.sort();
    names
}

/// Reads numbers, each above the last, until one is at least `until`; returns those that do not follow their predecessor.
async fn gaps(reader: &mut Subscription, mut last: u64, until: u64) -> (u64, Vec<u64>) {
    let mut gaps = Vec::new();
    while last < until {
        let delivery = soon("a delivery", reader.next()).await.expect("open");
        let next = number(delivery.payload());
        assert!(next > last, "{next} after {last}: twice or out of order");
        if next != last + 1 {
            gaps.push(next);
        }
        last = next;
    }
    (last, gaps)
}

/// host-3 is killed and started again while host-1 publishes to host-2 and host-3.
async fn kill_and_restart(hosts: &Hosts) {
    let mut all = hosts.start_all().await;
    let publisher = hosts.client(1, "publisher").await;
    let clients = [hosts.client(2, "reader").await, hosts.client(3, "reader").await];
    let mut readers = traffic::subscribers(&publisher, &clients).await;
    let mut events = clients[1].events();
    let mut watch = publisher.watch_members().await.expect("a session");
    let stream = Stream::start(&publisher, 1);
    let (before, missed) = gaps(&mut readers[1], 0, 500).await;
    assert_eq!(missed, [0; 0], "nothing is lost before the crash");

    all.remove(2).crash();
    let seen = changes(&mut watch, "host-3", MemberChange::Unreachable).await;
    assert_eq!(seen, [MemberChange::Quarantine, MemberChange::Unreachable]);
    all.push(hosts.start(3));
    assert_eq!(changes(&mut watch, "host-3", MemberChange::Rejoin).await, [MemberChange::Rejoin]);
    let back = async {
        let mut seen = Vec::new();
        while !matches!(seen.last(), Some(Event::Subscribed(_))) {
            seen.push(events.next().await.expect("open"));
        }
        seen
    };
    let seen = soon("its client subscribes again", back).await;
    let [Event::Disconnected(reason), Event::Connected { resumed: false, .. }, Event::Subscribed(types)] =
        seen.as_slice()
    else {
        panic!("{seen:?}");
    };
    assert!(
        matches!(
            reason,
            DisconnectReason::Unreachable | DisconnectReason::Silent | DisconnectReason::Restarted
        ),
        "{reason:?}"
    );
    assert_eq!(types, &[traffic::TYPE]);

    // New messages reach it, from some message on without a gap.
    let new = tokio::time::timeout(std::time::Duration::from_secs(60), readers[1].next());
    let mut new = new.await.expect("a delivery").expect("open");
    let mut last = before;
    while number(new.payload()) == last + 1 {
        // Still from before the crash.
        last += 1;
        new = soon("a delivery", readers[1].next()).await.expect("open");
    }
    let first = number(new.payload());
    assert!(first > last, "{first} after {last}: twice or out of order");
    let end = stream.end().await;
    assert_eq!(gaps(&mut readers[1], first, end - 1).await.1, [0; 0], "lost after the restart");
    // The reader of the daemon that lived has them all.
    traffic::receive(&mut readers[0], 1..end).await;
    for client in clients.iter().chain([&publisher]) {
        assert_eq!(daemons(client).await, ["host-1", "host-2", "host-3"]);
    }
    for (number, daemon) in (1..).zip(&all) {
        for other in [1, 2].iter().filter(|other| **other != number) {
            let gone = daemon.log().count(&["member_unreachable", &format!("member=host-{other}")]);
            assert_eq!(gone, 0, "host-{number} took host-{other}, which lived, for gone");
        }
    }
}

#[test]
fn a_daemon_killed_while_messages_flow_costs_others_nothing_and_its_clients_come_back() {
    let _heavy = heavy();
    on_loopback(11, async |place| kill_and_restart(&Hosts::new(place, 3)).await);
}

#[test]
fn so_does_one_between_hosts_where_nobody_reports_closed_ports() {
    let _heavy = heavy();
    apart(12, async |place| {
        let (hosts, _relay) = Hosts::behind_relay(place, 3, 0, seed(1));
        kill_and_restart(&hosts).await;
    });
}

#[test]
fn a_publisher_whose_daemon_is_killed_goes_on_by_itself() {
    let _heavy = heavy();
    on_loopback(13, async |place: Place| {
        let hosts = Hosts::new(place, 3);
        let mut all = hosts.start_all().await;
        let publisher = hosts.client(3, "publisher").await;
        let clients = [hosts.client(1, "reader").await, hosts.client(2, "reader").await];
        let mut readers = traffic::subscribers(&publisher, &clients).await;
        let stream = Stream::start(&publisher, 1);
        let (mut last, mut lasts) = (0, Vec::new());
        for reader in &mut readers {
            last = gaps(reader, 0, 300).await.0.max(last);
            lasts.push(last);
        }
        all.remove(2).crash();
        all.push(hosts.start(3));
        // The stream does not know that there was a crash; what the killed daemon had taken and not passed on is gone with it.
        for (reader, last) in readers.iter_mut().zip(&mut lasts) {
            *last = 300.max(gaps(reader, 300, 1_000).await.0);
        }
        let end = stream.end().await;
        for (reader, last) in readers.iter_mut().zip(lasts) {
            gaps(reader, last, end - 1).await;
        }
        // Once it knows of the subscriptions again, nothing is lost any more.
        soon("the subscriptions are known", traffic::known(&publisher, &mut readers)).await;
        traffic::publish(&publisher, 0..1_000, 200).await;
        for reader in &mut readers {
            traffic::receive(reader, 0..1_000).await;
        }
    });
}

#[test]
fn a_killed_daemon_finds_back_without_any_seed_and_its_clients_with_it() {
    on_loopback(14, async |place| {
        let hosts = Hosts::new(place, 3);
        let mut all = hosts.start_all().await;
        let publisher = hosts.client(2, "publisher").await;
        let clients = [hosts.client(3, "reader").await];
        let mut readers = traffic::subscribers(&publisher, &clients).await;
        // On disk within seconds of being known; a kill before that would be a daemon that never knew.
        let kept = hosts.folder(3).join("data/overlays/main/members.json");
        let second = hosts.bound(2).to_string();
        let on_disk = async {
            while !fs::read_to_string(&kept).is_ok_and(|text| text.contains(&second)) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        soon("the members are kept", on_disk).await;
        let mut watch = publisher.watch_members().await.expect("a session");
        all.remove(0).crash();
        all.remove(1).crash();
        changes(&mut watch, "host-3", MemberChange::Unreachable).await;
        let third = hosts.start(3);
        third.log().wait_for(&["member_in", "member=host-2"]);
        changes(&mut watch, "host-3", MemberChange::Rejoin).await;
        soon("the subscription is back", traffic::known(&publisher, &mut readers)).await;
        traffic::publish(&publisher, 0..1_000, 200).await;
        traffic::receive(&mut readers[0], 0..1_000).await;
    });
}
