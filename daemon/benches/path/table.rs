//! Tables in Markdown, as docs/benchmarks.md shows them.

/// Prints a heading and the head of a table.
pub(crate) fn begin(title: &str, columns: &[&str]) {
    println!("### {title}\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

/// Prints one row.
pub(crate) fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// Ends the table.
pub(crate) fn end() {
    println!();
}

/// A count with separators: 1,234,567.
pub(crate) fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds as microseconds.
pub(crate) fn micros(nanos: f64) -> String {
    format!("{:.0} µs", nanos / 1e3)
}
