//! The table, in Markdown: a column for each system, medians with their spread.

use std::fmt::Write;

use crate::{
    case::{Case, PAYLOAD, SIZES},
    load::Latency,
    measure::{Idle, Measurement},
    results::{Results, Spread},
    system::System,
};

/// The whole of it.
pub(crate) fn markdown(results: &Results) -> String {
    let mut table = Table { results, text: String::new() };
    table.row("", |system| system.title().to_owned());
    table.row("---", |_| "---".to_owned());
    table.row("publisher's acknowledgement", |system| system.publisher_acknowledged().to_owned());
    table.row("subscriber acknowledges", |system| system.subscriber_acknowledges().to_owned());
    for size in SIZES {
        let case = Case::Throughput(size);
        table.measured(
            &format!("**{size} B**: messages/s"),
            case,
            |measurement| measurement.per_second,
            count,
        );
        table.costs(case);
    }
    table.latencies("**1,000 messages/s**", Case::Steady);
    table.measured("**half of its own maximum**: messages/s", Case::HalfLoad, rate, count);
    table.latencies("at that", Case::HalfLoad);
    table.measured("**to 50 subscribers**: deliveries/s", Case::FanOut, |fan_out| fan_out.per_second, count);
    table.costs(Case::FanOut);
    table.idle("**idle** resident memory, MB", |idle| megabytes(idle.resident_kib), decimal);
    table.idle("idle CPU, %", |idle| idle.cpu_percent, |value| format!("{value:.3}"));
    table.idle("start to first answer, ms", |idle| idle.start_millis, decimal);
    table.notes();
    table.text
}

struct Table<'a> {
    results: &'a Results,
    text: String,
}

impl Table<'_> {
    fn row(&mut self, head: &str, cell: impl Fn(System) -> String) {
        let cells: Vec<String> = self.results.systems().map(cell).collect();
        self.line(format_args!("| {head} | {} |", cells.join(" | ")));
    }

    fn measured(
        &mut self,
        head: &str,
        case: Case,
        value: impl Fn(&Measurement) -> f64,
        format: fn(f64) -> String,
    ) {
        let results = self.results;
        self.row(head, |system| spread(results.of(system, case).map(&value), format));
    }

    fn costs(&mut self, case: Case) {
        let results = self.results;
        self.row("lost", |system| lost(results.of(system, case)));
        self.measured(
            "server CPU, s per million",
            case,
            |each| each.per_million(each.server_cpu_seconds),
            cpu,
        );
        let clients = |each: &Measurement| each.publisher_cpu_seconds + each.subscriber_cpu_seconds;
        self.measured("clients' CPU, s per million", case, |each| each.per_million(clients(each)), cpu);
        self.measured("server's peak memory, MB", case, |each| megabytes(each.server_peak_kib), whole);
    }

    fn latencies(&mut self, head: &str, case: Case) {
        let results = self.results;
        for (name, value) in LATENCIES {
            let of = |each: &Measurement| each.received.latency.as_ref().map(value);
            self.row(&format!("{head}: {name}, µs"), |system| {
                spread(results.of(system, case).filter_map(of), count)
            });
        }
        self.row("lost", |system| lost(results.of(system, case)));
    }

    fn idle(&mut self, head: &str, value: impl Fn(&Idle) -> f64, format: fn(f64) -> String) {
        let results = self.results;
        self.row(head, |system| {
            spread(results.idle.iter().filter(|idle| idle.system == system).map(&value), format)
        });
    }

    fn notes(&mut self) {
        let results = self.results;
        let seconds = results.lengths.load as f64 / 1e3;
        self.line(format_args!(""));
        self.line(format_args!(
            "Medians of {} interleaved rounds (least to most in parentheses), all in one run on {}; publisher, server and subscriber are \
             processes of their own on loopback, each client on one thread, a fresh server for each measurement. Each load is published for \
             {seconds} s (to 50 subscribers until 20,000 a second have been); rates are counted at the subscriber from first to last, losses over all rounds. Latency and fan-out carry {PAYLOAD} B; \
             latency is from the moment a message was due to the subscriber's hand, the first quarter of a second left out. CPU is per million \
             deliveries.",
            results.rounds, results.machine
        ));
        self.line(format_args!(""));
        for (system, version) in &results.versions {
            self.line(format_args!("- {}: {version}; {}.", system.title(), system.settings()));
        }
        self.line(format_args!(
            "- Clients: gossiperl-client, async-nats, rumqttc and redis as in `ci/compare/messaging-load/Cargo.lock`."
        ));
        for failure in &results.failures {
            self.line(format_args!("- **Not measured**: {}", failure.lines().next().unwrap_or_default()));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

/// A figure of a latency, and its name.
type Figure = (&'static str, fn(&Latency) -> f64);

const LATENCIES: [Figure; 3] =
    [("p50", |latency| latency.p50), ("p99", |latency| latency.p99), ("max", |latency| latency.max)];

impl Measurement {
    fn per_million(&self, seconds: f64) -> f64 {
        seconds * 1e6 / self.received.deliveries.max(1) as f64
    }
}

fn rate(measurement: &Measurement) -> f64 {
    measurement.load.rate.map_or(0.0, |rate| rate as f64)
}

fn spread(values: impl Iterator<Item = f64>, format: fn(f64) -> String) -> String {
    let Some(Spread { least, median, most }) = Spread::of(values) else { return "failed".to_owned() };
    if least == most {
        return format(median);
    }
    format!("{} ({} to {})", format(median), format(least), format(most))
}

/// Of all rounds; and what else was not as it should be.
fn lost<'a>(measurements: impl Iterator<Item = &'a Measurement>) -> String {
    let (mut lost, mut all, mut duplicates, mut ended) = (0, 0, 0, 0);
    for each in measurements {
        lost += each.lost;
        all += each.published * each.load.subscribers as u64;
        duplicates += each.received.duplicates;
        ended += each.received.ended;
    }
    let mut text = match lost {
        0 => "0".to_owned(),
        _ => format!("{} ({:.2} %)", count(lost as f64), 100.0 * lost as f64 / all.max(1) as f64),
    };
    if duplicates > 0 {
        text += &format!(", {} duplicates", count(duplicates as f64));
    }
    if ended > 0 {
        text += &format!(", {ended} cut off");
    }
    text
}

fn megabytes(kibibytes: u64) -> f64 {
    kibibytes as f64 * 1_024.0 / 1e6
}

/// Three significant digits of what is large, with separators.
fn count(value: f64) -> String {
    let magnitude = 10_f64.powi((value.abs().max(1.0).log10().floor() as i32 - 2).max(0));
    let digits = format!("{:.0}", (value / magnitude).round() * magnitude);
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn cpu(value: f64) -> String {
    format!("{value:.2}")
}

fn decimal(value: f64) -> String {
    format!("{value:.1}")
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_three_digits_and_separators() {
        for (value, text) in
            [(0.0, "0"), (7.6, "8"), (999.0, "999"), (1_234.0, "1,230"), (1_234_567.0, "1,230,000")]
        {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn a_spread_says_what_the_median_lies_between() {
        assert_eq!(spread([2.0, 1.0, 3.0].into_iter(), whole), "2 (1 to 3)");
        assert_eq!(spread([2.0].into_iter(), whole), "2");
        assert_eq!(spread([].into_iter(), whole), "failed");
    }
}
