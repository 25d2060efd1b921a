//! Whole runs: they repeat exactly, and what goes wrong in one is found.

#![allow(clippy::unwrap_used, reason = "a test binary")]

use gossiperl_simulator::{report::Report, scenario::Scenario, world::World};

fn run(text: &str, seed: u64) -> Report {
    World::new(Scenario::parse(text).unwrap(), seed).run(|_| ())
}

/// Some of everything, in little time. What is published while a subscriber's daemon is held for failed is not for it: stalls and cuts come after.
const LIVELY: &str = "
about = 'some of everything'
members = 12
racks = 2
duration = '65s'

[check]
excused_for = '20s'

[link]
loss = 0.05
duplication = 0.05
reordering = 0.05

[[action]]
at = '2s'
publish = { publishers = { count = 1 }, subscribers = { count = 3 }, pace = '200ms', lasting = '10s' }

[[action]]
at = '5s'
restart = { who = { count = 2 }, after = ['1s', '3s'] }

[[action]]
at = '8s'
hostile = { holds = 'nothing', pace = '50ms', lasting = '5s' }

[[action]]
at = '24s'
stall = { who = { count = 1 }, lasting = '3s' }

[[action]]
at = '26s'
join = { count = 2 }

[[action]]
at = '28s'
partition = { who = { rack = 1 }, lasting = '5s' }
";

#[test]
fn a_run_repeats_exactly_from_its_seed() {
    let without_memory = |mut report: Report| {
        // The only figure that is not of virtual time.
        report.figures.remove("memory.bytes_per_member");
        report
    };
    let first = without_memory(run(LIVELY, 1));
    assert_eq!(first.failures, Vec::<String>::new());
    assert_eq!(first, without_memory(run(LIVELY, 1)));
    assert_ne!(first.fingerprint, run(LIVELY, 2).fingerprint);
}

#[test]
fn an_overlay_that_cannot_agree_in_time_fails() {
    let impatient = LIVELY.replace("[check]", "[check]\nagree_within = '1ms'");
    let report = run(&impatient, 1);
    let found = report.failures.iter().any(|failure| failure.starts_with("agreement"));
    assert!(found, "{:?}", report.failures);
}

#[test]
fn declarations_of_live_members_are_found() {
    // More is lost than the detector can bear; that is no excuse.
    let text = "about = 'a very bad network'\nmembers = 6\nduration = '10m'\n[link]\nloss = 0.7";
    let report = run(text, 1);
    assert!(report.failures[0].starts_with("false alarms"), "{:?}", report.failures);
}

#[test]
fn a_figure_beyond_what_is_expected_fails() {
    let text = "
        about = 'nothing happens'
        members = 4
        duration = '10s'
        [expect]
        'traffic.all.bytes_per_second.max' = { at_most = 10 }
        'traffic.nobody' = { at_least = 1 }
    ";
    let failures = run(text, 1).failures;
    assert!(failures.iter().any(|failure| failure.contains("at most 10")), "{failures:?}");
    assert!(failures.iter().any(|failure| failure.contains("was not measured")), "{failures:?}");
}

#[test]
fn more_datagrams_in_a_step_than_allowed_fail() {
    let text = "about = 'two'\nmembers = 2\nduration = '5s'\n[check]\ndatagrams_a_step = 0";
    assert!(run(text, 1).failures[0].starts_with("work"));
}
