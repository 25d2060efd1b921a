//! Names, runs and addresses: restarts, conflicts, leaving; nothing dead comes back.

use std::time::Duration;

use gossiperl_idl::Salt;
use gossiperl_link::Time;

use super::{
    super::{Changed, Claim, Liveness, Me, MemberEvent, MemberEventKind::*, Members, Outgoing, Settings},
    network::{Network, address, name, seconds, settings},
};

#[test]
fn a_quick_restart_is_one_rejoin_everywhere_and_no_zombie_stays() {
    let mut network = Network::settled(1, 12);
    network.forget_events();
    network.crash(5);
    network.run(Duration::from_millis(300));
    network.restart(5, &[0]);
    assert!(network.run_until(seconds(10), Network::converged));
    network.run(seconds(30));
    for node in (0..12).filter(|&node| node != 5) {
        assert_eq!(network.kinds(node, &name(5)), [Rejoin], "at {node}");
    }
    assert!(network.converged());
}

#[test]
fn a_restart_after_the_failure_was_noticed_is_quarantine_unreachable_rejoin() {
    let mut network = Network::settled(2, 12);
    network.forget_events();
    network.crash(5);
    network.run(seconds(30));
    network.restart(5, &[3]);
    assert!(network.run_until(seconds(10), Network::converged));
    for node in (0..12).filter(|&node| node != 5) {
        assert_eq!(network.kinds(node, &name(5)), [Quarantine, Unreachable, Rejoin], "at {node}");
    }
}

#[test]
fn a_member_unreachable_for_long_is_dropped_and_out_and_in_when_it_returns() {
    let mut network = Network::settled(3, 5);
    network.forget_events();
    network.crash(2);
    network.run(seconds(200));
    assert_eq!(network.kinds(0, &name(2)), [Quarantine, Unreachable, Drop, Out]);
    let members = &network.nodes[0].members;
    let id = members.by_name(&name(2)).expect("its tombstone");
    assert!(members.member(id).is_some_and(|member| member.is_forgotten()) && members.summary(id).is_none());
    network.restart(2, &[0]);
    assert!(network.run_until(seconds(10), Network::converged));
    assert_eq!(network.kinds(0, &name(2)), [Quarantine, Unreachable, Drop, Out, In]);
}

#[test]
fn leaving_is_out_everywhere_at_once_and_nothing_else() {
    let mut network = Network::settled(4, 20);
    network.loss = 0.1;
    network.forget_events();
    let start = network.now;
    network.leave(7);
    assert!(network.run_until(seconds(5), |network| network.nodes[7].members.is_left()));
    println!("left after {:?}", network.now.since(start));
    network.crash(7);
    assert!(network.run_until(seconds(5), |network| {
        network.up().all(|node| network.liveness(node, &name(7)) == Some(Liveness::Left))
    }));
    network.run(seconds(300));
    for node in network.up().collect::<Vec<_>>() {
        assert_eq!(network.kinds(node, &name(7)), [Out]);
    }
    network.restart(7, &[0]);
    assert!(network.run_until(seconds(10), Network::converged));
    assert_eq!(network.kinds(0, &name(7)), [Out, In]);
}

#[test]
fn leaving_alone_is_done_at_once() {
    let mut network = Network::new(5);
    network.add(0, "default");
    assert!(!network.nodes[0].members.is_left());
    network.leave(0);
    assert!(network.nodes[0].members.is_left());
}

#[test]
fn everybody_leaving_at_once_ends() {
    let mut network = Network::settled(6, 10);
    (0..10).for_each(|node| network.leave(node));
    assert!(
        network
            .run_until(seconds(10), |network| network.up().all(|node| network.nodes[node].members.is_left()))
    );
}

#[test]
fn a_second_daemon_of_a_live_name_is_refused_until_the_first_has_failed() {
    let mut network = Network::settled(7, 8);
    network.forget_events();
    let salt = network.fresh_salt();
    let namesake = network.add_as(&name(3), address(200), "default", salt);
    network.join(namesake, &[0, 1]);
    network.run(seconds(120));
    for node in 0..8 {
        assert_eq!(network.kinds(node, &name(3)), [], "no flap at {node}");
    }
    let reported = |node: usize| {
        let events = network.nodes[node].events.iter();
        events
            .filter(|(_, event)| {
                matches!(event, MemberEvent::Conflict { name: n, known, refused }
            if **n == *name(3) && *known == address(3) && *refused == address(200))
            })
            .count()
    };
    assert!((1..=3).contains(&reported(0)), "reported {} times", reported(0));
    let refused =
        network.nodes[namesake].events.iter().any(|(_, event)| matches!(event, MemberEvent::Refused { .. }));
    assert!(refused && network.nodes[namesake].members.live() == 0);
    // Now the known one dies, and the other is welcome.
    network.crash(3);
    let all: Vec<usize> = network.up().collect();
    assert!(
        network
            .run_until(seconds(120), |network| { all.iter().all(|&node| network.knows_exactly(node, &all)) })
    );
    assert_eq!(network.kinds(0, &name(3)), [Quarantine, Unreachable, Rejoin]);
}

#[test]
fn a_daemon_whose_clock_went_back_asks_for_a_newer_generation_and_is_accepted_with_it() {
    let mut network = Network::settled(8, 6);
    network.crash(4);
    network.restart_as(4, Salt::new(5, 77), &[0]);
    let asked = |network: &Network| {
        network.nodes[4].events.iter().find_map(|(_, event)| match event {
            MemberEvent::NewGenerationNeeded { above } => Some(*above),
            _ => None,
        })
    };
    assert!(network.run_until(seconds(5), |network| asked(network).is_some()));
    let above = asked(&network).expect("asked");
    let salt = Salt::new(above.unix_micros() + 1, 99);
    network.nodes[4].salt = salt;
    let now = network.now;
    network.nodes[4].members.set_generation(now, salt);
    network.flush(4);
    assert!(network.run_until(seconds(5), Network::converged));
}

#[test]
fn a_daemon_under_a_new_name_at_a_dead_ones_address_is_accepted_and_the_old_name_fails() {
    let mut network = Network::settled(9, 6);
    network.crash(4);
    let salt = network.fresh_salt();
    let renamed = network.add_as("renamed", address(4), "default", salt);
    network.join(renamed, &[0]);
    let all: Vec<usize> = network.up().collect();
    assert!(network.run_until(seconds(20), |network| {
        all.iter().all(|&node| {
            network.liveness(node, &name(4)).is_none_or(|liveness| liveness == Liveness::Failed)
                && network.knows_exactly(node, &all)
        })
    }));
}

/// PROTOCOL section 7.8 of protocol 1: old heartbeats revived dead members, which then flapped.
#[test]
fn claims_of_old_runs_and_old_incarnations_revive_nobody() {
    let mut network = Network::settled(10, 4);
    let old_run = claim_of(&network, 0, 2);
    network.crash(2);
    network.restart(2, &[0]);
    assert!(network.run_until(seconds(10), Network::converged));
    let alive = claim_of(&network, 0, 2);
    network.crash(2);
    network.run(seconds(30));
    network.forget_events();
    // Now, when it is failed, when it is dropped, and as gossip and as repair.
    for wait in [0, 170, 60, 3_600] {
        network.run(seconds(wait));
        let kinds = network.kinds(0, &name(2));
        for update in [&old_run, &alive] {
            for repair in [false, true] {
                let now = network.now;
                let members = &mut network.nodes[0].members;
                if repair {
                    members.handle_repair(now, update)
                } else {
                    members.handle_update(now, update)
                }
                network.flush(0);
                assert_eq!(network.kinds(0, &name(2)), kinds);
                assert_eq!(network.liveness(0, &name(2)), Some(Liveness::Failed));
            }
        }
    }
    assert_eq!(network.kinds(0, &name(2)), [Drop, Out]);
}

#[test]
fn nothing_revives_a_run_that_left() {
    let mut network = Network::settled(11, 4);
    let mut alive = claim_of(&network, 0, 2);
    network.leave(2);
    network.run(seconds(3));
    network.crash(2);
    alive.incarnation += 1_000;
    let now = network.now;
    network.nodes[0].members.handle_update(now, &alive);
    assert_eq!(network.liveness(0, &name(2)), Some(Liveness::Left));
}

#[test]
fn a_false_accusation_is_refuted_without_unreachable() {
    let mut network = Network::settled(12, 10);
    network.forget_events();
    let now = network.now;
    let members = &mut network.nodes[0].members;
    let id = members.by_name(&name(6)).expect("known");
    let member = members.member(id).expect("known");
    let accused =
        Claim { liveness: Liveness::Suspect, accuser: Some("somebody"), ..member.claim() }.to_update();
    members.handle_update(now, &accused);
    network.flush(0);
    network.run(seconds(20));
    for node in (0..10).filter(|&node| node != 6) {
        let kinds = network.kinds(node, &name(6));
        assert!(kinds.is_empty() || kinds == [Quarantine, Rejoin], "{kinds:?} at {node}");
    }
    assert_eq!(network.nodes[6].members.me().incarnation(), 1);
    assert_eq!(network.nodes[6].members.counters().refutations, 1);
}

#[test]
fn an_accusation_at_the_last_incarnation_asks_for_a_new_generation_once() {
    let mut network = Network::settled(13, 3);
    let now = network.now;
    let members = &mut network.nodes[1].members;
    for liveness in [Liveness::Suspect, Liveness::Failed, Liveness::Left] {
        let update = Claim { liveness, incarnation: super::super::MAX_INCARNATION, ..members.me().claim() }
            .to_update();
        members.handle_update(now, &update);
    }
    network.flush(1);
    let asked = network.nodes[1]
        .events
        .iter()
        .filter(|(_, event)| matches!(event, MemberEvent::NewGenerationNeeded { .. }));
    assert_eq!(asked.count(), 1);
    assert_eq!(network.nodes[1].members.me().liveness(), Liveness::Alive);
}

#[test]
fn our_own_address_among_the_seeds_is_left_alone() {
    let mut network = Network::new(14);
    network.add(0, "default");
    network.join(0, &[0]);
    network.run(seconds(60));
    assert_eq!(network.nodes[0].sent, 0);
    // Under an address that we do not know for ours, a challenge of our own salt tells.
    let salt = network.nodes[0].salt;
    let now = network.now;
    network.nodes[0].members.join(now, &[address(9)]);
    network.nodes[0].members.handle_timeout(now);
    let Some(Outgoing { to, receiver: None, .. }) = network.nodes[0].members.poll_outgoing() else {
        panic!("no introduction")
    };
    network.nodes[0].members.handle_challenge(now, to, &salt);
    network.run(seconds(60));
    assert_eq!(network.nodes[0].sent, 0);
}

fn claim_of(network: &Network, at: usize, about: usize) -> gossiperl_idl::generated::MemberUpdate {
    let members = &network.nodes[at].members;
    let id = members.by_name(&name(about)).expect("known");
    members.update_of(id).expect("known")
}

/// One member is told by repair of another's run.
fn told(members: &mut Members, generation: Salt, liveness: Liveness, at: Time) {
    let claim = Claim {
        name: "other",
        generation,
        incarnation: 0,
        liveness,
        address: address(1),
        rack: "default",
        accuser: None,
    };
    members.handle_repair(at, &claim.to_update());
}

#[test]
fn what_is_polled_of_a_name_is_the_run_that_was_polled_before() {
    let me =
        Me { name: name(0), generation: Salt::new(1, 1), address: address(0), rack: "default".to_owned() };
    let settings = Settings { members: 1, ..settings() };
    let mut members = Members::new(settings, me, 5, Time::ZERO);
    let run = |number| Salt::new(number, number);
    let polled = |members: &mut Members| {
        std::iter::from_fn(|| members.poll_changed()).find(|changed| &*changed.name == "other")
    };
    let before = |changed: Option<Changed>| changed.map(|changed| changed.before);
    let (alive, left) = (Liveness::Alive, Liveness::Left);
    told(&mut members, run(10), alive, Time::ZERO);
    assert_eq!(before(polled(&mut members)), Some(None), "new");
    assert_eq!(polled(&mut members), None);
    // Two restarts between polls.
    told(&mut members, run(20), alive, Time::ZERO);
    told(&mut members, run(30), alive, Time::ZERO);
    assert_eq!(before(polled(&mut members)), Some(Some(run(10))));
    // Left, forgotten for a newcomer's sake, and there again before anybody asks.
    told(&mut members, run(30), left, Time::ZERO);
    let third = Claim { name: "third", ..members.me().claim() };
    let third = Claim { generation: run(7), liveness: left, address: address(2), ..third }.to_update();
    members.handle_repair(Time::ZERO, &third);
    assert_eq!(members.by_name("other"), None);
    told(&mut members, run(40), alive, Time::ZERO);
    assert_eq!(before(polled(&mut members)), Some(Some(run(30))));
    assert_eq!(members.by_name("other"), members.by_generation(&run(40)));
}
