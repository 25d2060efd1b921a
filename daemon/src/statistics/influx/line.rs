//! Points in InfluxDB's line protocol: `measurement,tag=value field=1i,field=2i time`.
//!
//! | measurement | tags | fields |
//! |---|---|---|
//! | `gossiperl_overlay` | | every counter of an overlay by its name, and what is there now |
//! | `gossiperl_digests` | `direction`, `type` | `messages`, `bytes` of protocol 1 |
//! | `gossiperl_frames` | `direction`, `kind` | `frames`, `bytes` of protocol 2 |
//! | `gossiperl_round_trips` | `with` | `count`, `sum` in seconds, and `le_N`: how many took up to N µs |
//!
//! Every point has the tags `overlay` and `member`, our own name in it: one for each daemon, so that several may write to one database. Counters
//! count from the overlay's start; what has not happened yet has no point. Times are in milliseconds.

use std::fmt::{self, Display, Write};

use gossiperl_overlay::{Gauges, Stats, Tally, members::MemberCounters};

use crate::statistics::collector::Sampled;

/// Points of one moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// A line each, with its end.
    pub(super) lines: String,
    /// How many.
    pub(super) points: u64,
}

/// The points of these overlays at this Unix time in milliseconds.
pub(super) fn batch(sampled: &[Sampled], time: u64) -> Batch {
    let mut points = Points { batch: Batch { lines: String::new(), points: 0 }, time };
    for sampled in sampled {
        points.overlay(sampled);
        let traffic = &sampled.statistics.overlay.traffic;
        let frames = [("in", &traffic.frames_received), ("out", &traffic.frames_sent)];
        let digests = [("in", &traffic.digests_received), ("out", &traffic.digests_sent)];
        for (direction, frames) in frames {
            frames.iter().for_each(|kind| {
                points.tally(sampled, "gossiperl_frames", direction, ("kind", "frames"), kind)
            });
        }
        for (direction, digests) in digests {
            digests.iter().for_each(|kind| {
                points.tally(sampled, "gossiperl_digests", direction, ("type", "messages"), kind)
            });
        }
        points.round_trips(sampled);
    }
    points.batch
}

struct Points {
    batch: Batch,
    time: u64,
}

impl Points {
    fn overlay(&mut self, sampled: &Sampled) {
        let statistics = &sampled.statistics;
        let (overlay, sockets) = (&statistics.overlay, statistics.sockets);
        let stats = Stats::COUNTERS.iter().zip(overlay.stats.values());
        let stats = stats.map(|(counter, value)| (counter.name.to_owned(), value));
        let members = MemberCounters::COUNTERS.iter().zip(overlay.members.values());
        let members = members.map(|(counter, value)| (format!("{}_{}", counter.group, counter.name), value));
        let sockets = [("unsent", sockets.unsent), ("receive_errors", sockets.receive_errors)];
        let sockets = sockets.map(|(name, value)| (name.to_owned(), value));
        let fields = stats.chain(members).chain(sockets).chain(gauges(&overlay.gauges));
        self.point("gossiperl_overlay", sampled, &[], fields);
    }

    fn tally(
        &mut self,
        sampled: &Sampled,
        measurement: &str,
        direction: &str,
        (tag, field): (&str, &str),
        (kind, Tally { count, bytes }): (&str, Tally),
    ) {
        if count > 0 {
            let fields = [(field.to_owned(), count), ("bytes".to_owned(), bytes)];
            self.point(measurement, sampled, &[("direction", direction), (tag, kind)], fields.into_iter());
        }
    }

    fn round_trips(&mut self, sampled: &Sampled) {
        for (with, histogram) in sampled.statistics.overlay.latencies.named() {
            let mut below = 0_u64;
            let bounded = histogram.buckets().filter_map(|(bound, count)| Some((bound?.as_micros(), count)));
            let counted: Vec<_> = bounded
                .map(|(micros, count)| {
                    below = below.saturating_add(count);
                    (format!("le_{micros}"), below)
                })
                .collect();
            if histogram.count() > 0 {
                let fields = counted.into_iter().chain([("count".to_owned(), histogram.count())]);
                self.begin("gossiperl_round_trips", sampled, &[("with", with)]);
                // Writing to a string does not fail.
                let _ = write!(self.batch.lines, " sum={:?}", histogram.sum().as_secs_f64());
                self.end(fields, ',');
            }
        }
    }

    fn point(
        &mut self,
        measurement: &str,
        sampled: &Sampled,
        tags: &[(&str, &str)],
        fields: impl Iterator<Item = (String, u64)>,
    ) {
        self.begin(measurement, sampled, tags);
        self.end(fields, ' ');
    }

    fn begin(&mut self, measurement: &str, sampled: &Sampled, tags: &[(&str, &str)]) {
        let (overlay, member) = (Tag(&sampled.overlay), Tag(&sampled.member));
        let _ = write!(self.batch.lines, "{measurement},overlay={overlay},member={member}");
        for (key, value) in tags {
            let _ = write!(self.batch.lines, ",{key}={}", Tag(value));
        }
    }

    /// Appends fields, the first behind `separator`, and the time.
    fn end(&mut self, fields: impl Iterator<Item = (String, u64)>, separator: char) {
        let mut separator = separator;
        for (name, value) in fields {
            // An integer there has a sign.
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            let _ = write!(self.batch.lines, "{separator}{name}={value}i");
            separator = ',';
        }
        let _ = writeln!(self.batch.lines, " {}", self.time);
        self.batch.points += 1;
    }
}

fn gauges(gauges: &Gauges) -> impl Iterator<Item = (String, u64)> + use<> {
    let standings = [("daemons", gauges.daemons), ("clients", gauges.clients)];
    let standings = standings.into_iter().flat_map(|(who, standings)| {
        standings.named().map(|(state, count)| (format!("{who}_{state}"), count))
    });
    let queues = [("clients", gauges.to_clients), ("daemons", gauges.to_daemons)];
    let queues = queues.into_iter().flat_map(|(to, queues)| {
        [
            (format!("queue_{to}_messages"), queues.messages),
            (format!("queue_{to}_bytes"), queues.bytes),
            (format!("queue_{to}_longest_messages"), queues.longest),
            (format!("queue_{to}_largest_bytes"), queues.largest),
        ]
    });
    let others = [
        ("subscriptions_local", gauges.local_subscriptions),
        ("subscriptions_remote", gauges.remote_subscriptions),
        ("event_types", gauges.event_types),
        ("held_publishers", gauges.held_publishers),
        ("paused_types", gauges.paused_types),
        ("health_score", gauges.health_score),
    ];
    standings.chain(queues).chain(others.map(|(name, value)| (name.to_owned(), value)))
}

/// The value of a tag. A backslash escapes, but not itself, and nothing escapes a control character: both become `_`.
struct Tag<'a>(&'a str);

impl Display for Tag<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A tag without a value is no tag.
        if self.0.is_empty() {
            return formatter.write_char('_');
        }
        for letter in self.0.chars() {
            match letter {
                ',' | '=' | ' ' => write!(formatter, "\\{letter}")?,
                '\\' => formatter.write_char('_')?,
                letter if letter.is_control() => formatter.write_char('_')?,
                letter => formatter.write_char(letter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Statistics;

    fn sampled(overlay: &str, member: &str, statistics: Statistics) -> Sampled {
        Sampled { overlay: overlay.to_owned(), member: member.to_owned(), statistics: Box::new(statistics) }
    }

    #[test]
    fn what_has_not_happened_has_no_point() {
        let batch = batch(&[sampled("main", "host-1", Statistics::default())], 1_234);
        assert_eq!(batch.points, 1);
        assert!(
            batch.lines.starts_with("gossiperl_overlay,overlay=main,member=host-1 datagrams_received=0i,")
        );
        assert!(batch.lines.ends_with(",health_score=0i 1234\n"), "{}", batch.lines);
    }

    #[test]
    fn every_line_is_whole_whatever_the_names_are() {
        let mut statistics = Statistics::default();
        statistics.values_mut().for_each(|value| *value = u64::MAX);
        let names = "a, =b\\\n\"c\u{1b}é\\";
        let batch = batch(&[sampled(names, names, statistics), sampled("", "x", statistics)], 5);
        assert_eq!(batch.lines.lines().count() as u64, batch.points);
        let tag = "a\\,\\ \\=b__\"c_é_";
        for line in batch.lines.lines().take(batch.points as usize / 2) {
            let rest = line.strip_prefix("gossiperl_").and_then(|line| line.split_once(','));
            let rest = rest.and_then(|(_, rest)| rest.strip_prefix(&format!("overlay={tag},member={tag}")));
            let fields = rest.and_then(|rest| rest.split_once(' ')).expect("tags, and fields").1;
            let (fields, time) = fields.split_once(' ').expect("a time");
            assert_eq!(time, "5");
            for field in fields.split(',') {
                let (name, value) = field.split_once('=').expect("a field");
                assert!(
                    name.bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
                );
                let value = if name == "sum" { value } else { value.strip_suffix('i').expect("an integer") };
                assert!(
                    value.parse::<i64>().is_ok() || value.parse::<f64>().is_ok_and(f64::is_finite),
                    "{field}"
                );
            }
        }
        assert!(batch.lines.contains("overlay=_,member=x "));
    }
}
