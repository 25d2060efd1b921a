//! What is rendered, line by line; what Prometheus makes of it is for `tests/statistics`.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Counters that differ from each other.
fn counted() -> Statistics {
    let mut statistics = Statistics::default();
    statistics.values_mut().enumerate().for_each(|(at, value)| *value = 1 + at as u64);
    statistics
}

/// Each metric's lines without those of description, and its type.
fn families(text: &str) -> BTreeMap<&str, (&str, Vec<&str>)> {
    let mut families = BTreeMap::new();
    let mut of = "";
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            let (name, help) = described.split_once(' ').expect("a description");
            assert!(help.len() > 5, "{line}");
            of = name;
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, of_type) = typed.split_once(' ').expect("a type");
            assert_eq!(name, of, "HELP and TYPE stand together");
            assert!(families.insert(name, (of_type, Vec::new())).is_none(), "{name} twice");
        } else {
            assert!(line.starts_with(of), "{line} under {of}");
            families.get_mut(of).expect("described").1.push(line);
        }
    }
    families
}

#[test]
fn every_metric_is_described_named_by_the_rules_and_its_lines_differ() {
    let written = Written { written: 1, dropped: 2, refused: 3, failed: 4, waiting: 5 };
    let overlays = vec![("main".to_owned(), counted()), ("other".to_owned(), counted())];
    let requests =
        |status| Requests { route: "/overlays/{overlay}".to_owned(), method: "PUT", status, count: 7 };
    let daemon = Daemon {
        requests: vec![requests(200), requests(409)],
        failed_logins: 1,
        streams: 2,
        certificate_ends: Some(3),
        draining: true,
        reloaded: (true, std::time::UNIX_EPOCH),
        lines_left_out: 4,
    };
    let text = render(overlays, 0, Process::look(), Some(written), Some(daemon));
    assert!(
        text.contains(
            "gossiperl_rest_requests_total{route=\"/overlays/{overlay}\",method=\"PUT\",status=\"409\"} 7\n"
        ),
        "{text}"
    );
    let families = families(&text);
    assert!(families.len() > 50, "{}", families.len());
    for (name, (of_type, lines)) in &families {
        assert!(name.starts_with("gossiperl_") || name.starts_with("process_"), "{name}");
        assert_eq!(*of_type == "counter", name.ends_with("_total"), "{name}");
        assert!(!lines.is_empty(), "{name} says nothing");
        let series: BTreeSet<_> =
            lines.iter().map(|line| line.rsplit_once(' ').expect("a value").0).collect();
        assert_eq!(series.len(), lines.len(), "{name} says something twice");
        let of_overlay = lines.iter().filter(|line| line.contains("overlay=\"main\"")).count();
        let others = lines.iter().filter(|line| line.contains("overlay=\"other\"")).count();
        assert_eq!(of_overlay, others, "{name}");
    }
    let of_overlay = text.lines().filter(|line| line.contains("overlay=\"main\"")).count();
    assert!((200..450).contains(&of_overlay), "{of_overlay} lines for an overlay");
}

#[test]
fn every_counter_is_in_a_line_of_its_own() {
    let statistics = counted();
    let text = render(vec![("main".to_owned(), statistics)], 0, Process::default(), None, None);
    let values: Vec<u64> = text
        .lines()
        .filter(|line| line.contains("overlay=\"main\""))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
        .collect();
    let latencies = 3 * (gossiperl_overlay::Histogram::BUCKETS + 1);
    let all: Vec<u64> = statistics.values().collect();
    let sockets = all.len() - 2..;
    // Histograms are cumulative: they have a test of their own.
    let plain = &all[..all.len() - 2 - latencies];
    for value in plain.iter().chain(&all[sockets]) {
        assert!(values.contains(value), "counter {value} is missing");
    }
}

#[test]
fn names_are_escaped_and_stay_in_their_line() {
    let name = "a\"b\\c\nd} 7\n# TYPE x counter\nx";
    let text = render(vec![(name.to_owned(), counted())], 0, Process::default(), None, None);
    families(&text);
    assert!(text.contains("overlay=\"a\\\"b\\\\c\\nd} 7\\n# TYPE x counter\\nx\""), "{text}");
}

#[test]
fn histograms_are_cumulative_in_seconds_and_end_with_everything() {
    let mut statistics = Statistics::default();
    // The probes' histogram is the last before the sockets' two: 25 buckets and the sum.
    let count = statistics.values().count();
    for (at, value) in statistics.values_mut().enumerate() {
        *value = match count - at {
            28 => 3,         // up to 1 µs
            18 => 2,         // up to 1,024 µs
            4 => 1,          // longer than all bounds
            3 => 10_000_000, // together
            _ => 0,
        };
    }
    let text = render(vec![("main".to_owned(), statistics)], 0, Process::default(), None, None);
    let families = families(&text);
    let lines = &families["gossiperl_round_trip_seconds"].1;
    let probes: Vec<_> = lines.iter().filter(|line| line.contains("with=\"probes\"")).collect();
    let value = |begin: &str, mark: &str| {
        let of = |line: &&&&str| {
            line.starts_with(&format!("gossiperl_round_trip_seconds{begin}")) && line.contains(mark)
        };
        let found: Vec<_> = probes.iter().filter(of).collect();
        assert_eq!(found.len(), 1, "{begin} {mark} in {probes:?}");
        found[0].rsplit_once(' ').expect("a value").1.parse::<f64>().expect("a number")
    };
    assert_eq!(value("_bucket", "le=\"1e-06\"") + value("_bucket", "le=\"0.000512\""), 6.0);
    assert_eq!((value("_bucket", "le=\"0.001024\""), value("_bucket", "le=\"8.388608\"")), (5.0, 5.0));
    assert_eq!((value("_bucket", "le=\"+Inf\""), value("_count", ""), value("_sum", "")), (6.0, 6.0, 10.0));
}

#[test]
fn without_overlays_there_is_the_process() {
    let text = render(Vec::new(), 0, Process::look(), None, None);
    let families = families_without_lines(&text);
    assert!(families.contains("process_resident_memory_bytes"));
    assert!(text.contains("\ngossiperl_overlays 0\n"), "{text}");
}

fn families_without_lines(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}
