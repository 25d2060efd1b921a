//! The JSON form of what was counted in a window.

use gossiperl_overlay::{Counter, Digests, Frames, Histogram, Queues, Standings, Stats};
use serde_json::{Map, Value, json};

use crate::driver::Statistics;

/// What `GET /statistics/:overlay/:window` answers in its field `statistics`. Kinds of which there were none are left out.
pub(super) fn render(from: i64, seconds: f64, statistics: &Statistics) -> Value {
    let Statistics { overlay, sockets, .. } = statistics;
    let (stats, members, gauges) = (&overlay.stats, &overlay.members, &overlay.gauges);
    let group = |name| group(Stats::COUNTERS, stats.values(), name);
    let mut failures = group("failures");
    failures.extend([("unsent".to_owned(), sockets.unsent.into())]);
    failures.extend([("receive_errors".to_owned(), sockets.receive_errors.into())]);
    let traffic = &overlay.traffic;
    let latencies = overlay.latencies.named().map(|(name, histogram)| (name.to_owned(), latency(histogram)));
    json!({
        "from": from,
        "seconds": seconds,
        "datagrams": {
            "in": { "messages": stats.datagrams_received, "bytes": stats.bytes_received },
            "out": { "messages": stats.datagrams_sent, "bytes": stats.bytes_sent },
        },
        "multicast": { "questions": stats.group_questions, "answers": stats.group_answers },
        "digests": { "in": digests(&traffic.digests_received), "out": digests(&traffic.digests_sent) },
        "frames": { "in": frames(&traffic.frames_received), "out": frames(&traffic.frames_sent) },
        "deliveries": group("deliveries"),
        "losses": group("losses"),
        "retries": group("retries"),
        "failures": failures,
        "membership": {
            "claims": self::group(members_counters(), members.values(), "claims"),
            "detection": self::group(members_counters(), members.values(), "detection"),
            "health_score": gauges.health_score,
        },
        "members": { "daemons": standings(&gauges.daemons), "clients": standings(&gauges.clients) },
        "subscriptions": {
            "local": gauges.local_subscriptions,
            "remote": gauges.remote_subscriptions,
            "event_types": gauges.event_types,
        },
        "queues": { "clients": queues(&gauges.to_clients), "daemons": queues(&gauges.to_daemons) },
        "pressure": { "held_publishers": gauges.held_publishers, "paused_types": gauges.paused_types },
        "latency": Map::from_iter(latencies),
    })
}

fn members_counters() -> &'static [Counter] {
    gossiperl_overlay::members::MemberCounters::COUNTERS
}

/// The counters of one group, by name.
fn group(counters: &[Counter], values: impl Iterator<Item = u64>, group: &str) -> Map<String, Value> {
    let of_group = counters.iter().zip(values).filter(|(counter, _)| counter.group == group);
    of_group.map(|(counter, value)| (counter.name.to_owned(), value.into())).collect()
}

fn digests(digests: &Digests) -> Map<String, Value> {
    let there = digests.iter().filter(|(_, tally)| tally.count > 0);
    there
        .map(|(name, tally)| (name.to_owned(), json!({ "messages": tally.count, "bytes": tally.bytes })))
        .collect()
}

fn frames(frames: &Frames) -> Map<String, Value> {
    let there = frames.iter().filter(|(_, tally)| tally.count > 0);
    there
        .map(|(name, tally)| (name.to_owned(), json!({ "frames": tally.count, "bytes": tally.bytes })))
        .collect()
}

fn standings(standings: &Standings) -> Map<String, Value> {
    standings.named().into_iter().map(|(state, count)| (state.to_owned(), count.into())).collect()
}

fn queues(queues: &Queues) -> Value {
    let Queues { messages, bytes, longest, largest } = queues;
    json!({
        "messages": messages,
        "bytes": bytes,
        "longest_messages": longest,
        "largest_bytes": largest,
    })
}

/// Seconds everywhere. The quantiles are bounds: the true value is up to a factor of two below. `le` null: longer than every bound.
fn latency(histogram: &Histogram) -> Value {
    let count = histogram.count();
    let quantile = |part| histogram.quantile(part).map(|bound| bound.as_secs_f64());
    let buckets = histogram.buckets().filter(|(_, count)| *count > 0);
    let buckets: Vec<Value> = buckets
        .map(|(bound, count)| json!({ "le": bound.map(|bound| bound.as_secs_f64()), "count": count }))
        .collect();
    json!({
        "count": count,
        "mean": (count > 0).then(|| histogram.sum().as_secs_f64() / count as f64),
        "p50": quantile(0.5),
        "p99": quantile(0.99),
        "buckets": buckets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_told_somewhere() {
        let mut statistics = Statistics::default();
        // Numbers that nothing else in the answer is.
        for (at, value) in statistics.values_mut().enumerate() {
            *value = 1_000_000 + at as u64;
        }
        let text = render(0, 0.0, &statistics).to_string();
        let counters = Stats::COUNTERS.len() + members_counters().len();
        for (at, value) in statistics.values().enumerate().filter(|(at, _)| *at < counters) {
            assert!(text.contains(&value.to_string()), "counter {at} is missing in {text}");
        }
        for value in [statistics.sockets.unsent, statistics.sockets.receive_errors] {
            assert!(text.contains(&value.to_string()), "{text}");
        }
        for (name, tally) in statistics.overlay.traffic.frames_received.iter() {
            let told = &render(0, 0.0, &statistics)["frames"]["in"][name];
            assert_eq!(
                (&told["frames"], &told["bytes"]),
                (&tally.count.into(), &tally.bytes.into()),
                "{name}"
            );
        }
    }

    #[test]
    fn nothing_counted_makes_a_short_answer() {
        let answer = render(7, 1.5, &Statistics::default());
        assert_eq!((&answer["from"], &answer["seconds"]), (&7.into(), &1.5.into()));
        assert_eq!(answer["digests"], json!({ "in": {}, "out": {} }));
        assert_eq!(answer["latency"]["probes"]["p99"], Value::Null);
        assert_eq!(answer["members"]["daemons"]["reachable"], 0);
    }
}
