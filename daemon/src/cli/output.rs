//! Standard output: whole lines, and a reader that goes away (`| head`) ends the command without a complaint.

use std::{
    fmt::Display,
    io::{self, Write},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Prints one line.
pub(crate) fn line(text: impl Display) -> io::Result<()> {
    all(format!("{text}\n").as_bytes())
}

/// Prints these bytes and nothing else.
pub(crate) fn all(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|error| io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
}

/// Says something beside the output, on standard error. Nobody reading that is no reason to end.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints rows in columns as wide as their widest cells; the first row is the heading.
pub(crate) fn table(rows: &[Vec<String>]) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell: &String| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        line(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A duration as people say it: 87 µs, 1.25 ms, 3.10 s.
pub(crate) fn duration(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    match micros {
        micros if micros < 1e3 => format!("{micros:.0} µs"),
        micros if micros < 1e6 => format!("{:.2} ms", micros / 1e3),
        micros => format!("{:.2} s", micros / 1e6),
    }
}

/// The time of day, UTC.
pub(crate) fn time_of_day() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    format!("{:02}:{:02}:{:02}", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60)
}

/// How long ago a heartbeat was.
pub(crate) fn ago(heartbeat: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match now.saturating_sub(u64::try_from(heartbeat).unwrap_or(0)) {
        _ if heartbeat <= 0 => "-".to_owned(),
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds if seconds < 7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_or_so() {
        let told = [87_400, 1_250_000, 3_100_000_000].map(|nanos| duration(Duration::from_nanos(nanos)));
        assert_eq!(told, ["87 µs", "1.25 ms", "3.10 s"]);
    }
}
