//! What a daemon sends does not depend on how many there are.

use std::{collections::BTreeMap, time::Duration};

use gossiperl_idl::Salt;
use gossiperl_idl::generated::MemberUpdate;
use gossiperl_link::Time;

use super::{
    super::*,
    network::{Network, address, name, seconds, settings},
};

/// Periods of probing in this time.
fn periods(time: Duration) -> u64 {
    (time.as_micros() / Detector::lan().probe_every.as_micros()) as u64
}

/// One daemon among `count` that answer at once; `changes` come in as news each second.
fn frames_in_a_minute(count: usize, changes: usize) -> (BTreeMap<u8, u64>, u64) {
    let salt = |number: usize| Salt::new(1_000_000 + number as u64, 7 + number as u64);
    let me = Me { name: name(0), generation: salt(0), address: address(0), rack: "default".to_owned() };
    let mut members = Members::new(settings(), me, 5, Time::ZERO);
    let update = |number: usize, incarnation: u32| -> MemberUpdate {
        Claim {
            name: &name(number),
            generation: salt(number),
            incarnation,
            liveness: Liveness::Alive,
            address: address(number),
            rack: "default",
            accuser: None,
        }
        .to_update()
    };
    (1..count).for_each(|number| members.handle_repair(Time::ZERO, &update(number, 0)));
    let (mut sent, mut bytes) = (BTreeMap::new(), 0);
    let (warm, end) = (Time::ZERO + seconds(30), Time::ZERO + seconds(90));
    let mut next_change = (warm, 1);
    loop {
        let now = members.poll_timeout().map_or(next_change.0, |time| time.min(next_change.0));
        if now > end {
            return (sent, bytes);
        }
        if now == next_change.0 {
            let (_, incarnation) = next_change;
            (0..changes).for_each(|change| {
                members.handle_update(now, &update(1 + change % (count - 1), incarnation))
            });
            next_change = (now + seconds(1), incarnation + 1);
        }
        members.handle_timeout(now);
        while let Some(Outgoing { receiver, frame, .. }) = members.poll_outgoing() {
            if let (MembersFrame::Ping(ping), Some(receiver)) = (&frame, receiver) {
                members.handle_ping_ack(now, &receiver, address(1), ping.sequence, 0);
            }
            *sent.entry(frame.kind()).or_default() += u64::from(now > warm);
        }
        while let Some((_, receiver)) = members.poll_gossip_target() {
            let mut out = Vec::new();
            if members.fill_gossip(now, &receiver, &mut out, 1_344) > 0 && now > warm {
                *sent.entry(0).or_default() += 1;
                bytes += out.len() as u64;
            }
        }
        while members.poll_event().is_some() || members.poll_changed().is_some() {}
    }
}

#[test]
fn probes_are_as_many_at_ten_as_at_a_thousand_members() {
    let few = frames_in_a_minute(10, 0).0;
    assert_eq!(few.values().sum::<u64>(), periods(seconds(60)), "{few:?}");
    for count in [100, 1_000, 10_000] {
        let (frames, bytes) = frames_in_a_minute(count, 0);
        assert_eq!((frames, bytes), (few.clone(), 0), "at {count}");
    }
}

#[test]
fn gossip_is_bounded_whatever_the_number_of_members_and_changes() {
    for (count, changes) in [(100, 1), (100, 1_000), (1_000, 1_000)] {
        let (frames, bytes) = frames_in_a_minute(count, changes);
        let datagrams = frames.get(&0).copied().unwrap_or_default();
        // Three at each of five ticks a second, and of two more that the fresh news of each second quicken.
        assert!(datagrams <= 3 * (5 + 2) * 60 + 3, "{datagrams} of gossip at {count}");
        println!(
            "{changes} changes a second among {count}: {} datagrams, {} bytes a second",
            datagrams / 60,
            bytes / 60
        );
    }
}

/// When gossip of one change goes out in the first half second, in milliseconds after it, and to how many. Nobody answers.
fn tellings_of_a_change() -> Vec<(u64, usize)> {
    let mut network = Network::settled(4, 40);
    network.run(seconds(20));
    let (now, newcomer) = (network.now, address(50));
    let salt = network.fresh_salt();
    let members = &mut network.nodes[0].members;
    let claim = Claim {
        name: "newcomer",
        generation: salt,
        incarnation: 0,
        liveness: Liveness::Alive,
        address: newcomer,
        rack: "default",
        accuser: None,
    };
    members.handle_update(now, &claim.to_update());
    let mut told = Vec::new();
    let mut time = now;
    while time.since(now) < seconds(1) / 2 {
        members.handle_timeout(time);
        let mut count = 0;
        while let Some((_, receiver)) = members.poll_gossip_target() {
            count += members.fill_gossip(time, &receiver, &mut Vec::new(), 1_344);
        }
        if count > 0 {
            told.push((time.since(now).as_millis() as u64, count));
        }
        while members.poll_outgoing().is_some() {}
        time = members.poll_timeout().unwrap_or(now + seconds(1));
    }
    told
}

#[test]
fn a_change_is_told_thrice_within_a_steady_pause_and_no_oftener_in_all() {
    let told = tellings_of_a_change();
    let steady = Detector::lan().gossip_every.as_millis() as u64;
    let soon = told.iter().filter(|(at, _)| *at < steady).count();
    assert_eq!(soon, 3, "{told:?}");
    let all: usize = told.iter().map(|(_, count)| count).sum();
    // 4 * ceil(log10(41)).
    assert_eq!(all, 8, "{told:?}");
}

#[test]
fn an_idle_overlay_sends_a_probe_and_an_answer_a_period() {
    for count in [4, 16, 48] {
        let mut network = Network::settled(1, count);
        network.run(seconds(20));
        network.nodes.iter_mut().for_each(|node| (node.sent, node.bytes) = (0, 0));
        network.run(seconds(100));
        let sent: u64 = network.nodes.iter().map(|node| node.sent).sum();
        let bytes: u64 = network.nodes.iter().map(|node| node.bytes).sum();
        let per = |total: u64| total as f64 / (100 * count) as f64;
        let each = sent as f64 / (periods(seconds(100)) * count as u64) as f64;
        assert!((1.9..2.1).contains(&each), "{each} datagrams a period at {count}");
        println!(
            "{count} members idle: {:.2} datagrams, {:.0} bytes of UDP payload a second each",
            per(sent),
            per(bytes)
        );
    }
}

#[test]
fn a_lost_member_is_tried_seldom_by_many_and_steadily_by_few() {
    for count in [3, 40] {
        let mut network = Network::settled(2, count);
        network.crash(1);
        network.run(seconds(60));
        network.nodes.iter_mut().for_each(|node| node.sent = 0);
        network.run(seconds(300));
        let sent: u64 = network.nodes.iter().map(|node| node.sent).sum();
        let extra = sent.saturating_sub(2 * periods(seconds(300)) * (count as u64 - 1));
        // About three tries in five seconds by all together.
        assert!((30..400).contains(&extra), "{extra} tries in 300 s by {count}");
    }
}

#[test]
fn racks_get_a_bounded_share_and_nobody_is_left_out() {
    let mut network = Network::new(3);
    for number in 0..12 {
        let rack = ["a", "b", "c"][number % 3];
        let node = network.add(number, rack);
        network.join(node, &[0]);
    }
    let alone = network.add(12, "alone");
    network.join(alone, &[0]);
    assert!(network.run_until(seconds(20), Network::converged));
    network.run(seconds(5));
    network.crash(12);
    network.crash(4);
    assert!(network.run_until(seconds(60), Network::converged));
    assert!(network.now.since(Time::ZERO) > Duration::ZERO);
}

/// Its share of the budget of 600 bytes a remote member, without what the state and an endpoint take; the whole is counted in `tests/memory.rs`.
#[test]
fn a_member_costs_less_than_its_budget() {
    let name = "a name of forty bytes, which is rather long".len();
    // The identity and its name each with the counts of an `Arc`; the rack is ours.
    let identity = 16 + size_of::<Identity>() + 16 + name;
    // The slab and the orders of probing grow by an eighth; a hash table doubles at 7/8, with a byte of control for each of its places.
    let slot = size_of::<Option<Member>>() + size_of::<MemberId>();
    let look_ups = 3 * (size_of::<u32>() + 1) * 16 / 7;
    let shared = slot * 9 / 8 + look_ups;
    println!(
        "a member: {identity} bytes that can be shared, {slot} in its slot, {shared} at worst with look-ups"
    );
    assert!(
        size_of::<Option<Member>>() <= 32 && shared <= 80 && identity + shared <= 260,
        "{identity} {shared}"
    );
}
