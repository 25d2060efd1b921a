//! Reads TOML tables property by property, remembering which were asked for, so that the rest can be refused.

use std::{fmt::Display, net::IpAddr, ops::Range, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use zeroize::Zeroizing;

use super::problem::Report;

/// Longest duration a configuration may name: a year.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

/// How what stands in an example begins in place of a key, secret or password: everybody knows it.
const PLACEHOLDER: &str = "REPLACE";

/// One table being read.
pub(super) struct Table<'r, 'i> {
    pub(super) report: &'r mut Report,
    table: &'r DeTable<'i>,
    path: String,
    at: Range<usize>,
    known: Vec<&'static str>,
}

impl<'r, 'i> Table<'r, 'i> {
    /// The table named `path` (empty for the file itself), written at `at`.
    pub(super) fn new(
        report: &'r mut Report,
        table: &'r DeTable<'i>,
        path: impl Into<String>,
        at: Range<usize>,
    ) -> Self {
        Table { report, table, path: path.into(), at, known: Vec::new() }
    }

    /// The property as `read` understands it; `None` where it is absent, or wrong and reported.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'i>) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.raw(key)?;
        match read(value.get_ref()) {
            Ok(read) => Some(read),
            Err(text) => {
                self.report.problem(&value.span(), qualified(&self.path, key), text);
                None
            }
        }
    }

    /// Like [`Table::optional`], reporting an absent property together with `what_to_write`.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        what_to_write: &str,
        read: impl FnOnce(&DeValue<'i>) -> Result<T, String>,
    ) -> Option<T> {
        if !self.has(key) {
            self.known.push(key);
            self.report.problem(&self.at, qualified(&self.path, key), format!("missing; {what_to_write}"));
            return None;
        }
        self.optional(key, read)
    }

    /// The property's value with its place, and the property counted as known.
    pub(super) fn raw(&mut self, key: &'static str) -> Option<&'r Spanned<DeValue<'i>>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// The table's own name with those of the tables it is in.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether the property is written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Reports a property that is wrong in the light of others.
    pub(super) fn wrong(&mut self, key: &str, text: impl Into<String>) {
        let at = self.span_of(key);
        self.report.problem(&at, qualified(&self.path, key), text);
    }

    /// Says something about a property without refusing the file.
    pub(super) fn note(&mut self, key: &str, text: impl Into<String>) {
        let at = self.span_of(key);
        self.report.note(&at, qualified(&self.path, key), text);
    }

    /// Refuses every property never asked for, naming the nearest one that exists.
    pub(super) fn finish(self) {
        let mut unknown: Vec<_> =
            self.table.keys().filter(|key| !self.known.contains(&key.get_ref().as_ref())).collect();
        unknown.sort_by_key(|key| key.span().start);
        for key in unknown {
            let near = nearest(key.get_ref(), &self.known).map(|near| format!("; did you mean `{near}`?"));
            let text = format!(
                "unknown property{} Allowed here: {}",
                near.as_deref().unwrap_or("."),
                self.known.join(", ")
            );
            self.report.problem(&key.span(), qualified(&self.path, key.get_ref()), text);
        }
    }

    fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or_else(|| self.at.clone(), Spanned::span)
    }
}

/// `path.key`, or `key` alone at the top; keys that are not bare are quoted as TOML does.
pub(super) fn qualified(path: &str, key: &str) -> String {
    let bare =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// The candidate that a person most likely meant.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let near = candidates.iter().map(|candidate| (distance(word, candidate), *candidate)).min()?;
    (near.0 <= 1 + word.chars().count() / 4).then_some(near.1)
}

/// Edit distance with neighbouring letters swapped counting one (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().take(64).collect(), right.chars().collect());
    let mut rows = vec![(0..=right.len()).collect::<Vec<usize>>()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut least = substituted.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// "this is X, but Y is needed".
pub(super) fn needed(value: &DeValue<'_>, what: impl Display) -> String {
    format!("this is {}, needed is {what}", kind(value))
}

/// true or false.
pub(super) fn boolean(value: &DeValue<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| needed(value, "true or false"))
}

/// A string of 1 to `longest` bytes.
pub(super) fn text(longest: usize) -> impl Fn(&DeValue<'_>) -> Result<String, String> {
    move |value| {
        let text = value.as_str().ok_or_else(|| needed(value, "a string"))?;
        match text.len() {
            0 => Err(format!("is empty; 1 to {longest} bytes are allowed")),
            length if length > longest => Err(format!("has {length} bytes; 1 to {longest} are allowed")),
            _ => Ok(text.to_owned()),
        }
    }
}

/// A name of 1 to 255 bytes: it is shown in logs and tables, so it has no control characters.
pub(super) fn visible_name(value: &DeValue<'_>) -> Result<String, String> {
    let name = text(255)(value)?;
    match name.contains(char::is_control) {
        true => Err(format!("{name:?} has control characters; none are allowed in a name")),
        false => Ok(name),
    }
}

/// A string never shown in an error.
pub(super) fn secret(value: &DeValue<'_>) -> Result<Zeroizing<Vec<u8>>, String> {
    let text = value.as_str().ok_or_else(|| needed(value, "a string"))?;
    match text.len() {
        0 => Err("is empty; at least one byte is needed, 32 random ones are good".to_owned()),
        length if length > 4_096 => Err(format!("has {length} bytes; 1 to 4096 are allowed")),
        _ if text.starts_with(PLACEHOLDER) => Err(format!(
            "begins with {PLACEHOLDER}, as the placeholder of an example does; write your own, `gossiperl keygen` makes keys and secrets"
        )),
        _ => Ok(Zeroizing::new(text.as_bytes().to_vec())),
    }
}

/// A whole number from `least` to `most`.
pub(super) fn integer(least: u64, most: u64) -> impl Fn(&DeValue<'_>) -> Result<u64, String> {
    move |value| {
        let allowed = format!("a whole number from {least} to {most}");
        let DeValue::Integer(integer) = value else { return Err(needed(value, allowed)) };
        let read = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        read.filter(|read| (least..=most).contains(read))
            .ok_or_else(|| format!("{integer} is not allowed; allowed is {allowed}"))
    }
}

/// A duration in seconds, fractions included. Zero only where `zero` says what it means.
pub(super) fn seconds(
    least: f64,
    zero: Option<&'static str>,
) -> impl Fn(&DeValue<'_>) -> Result<Duration, String> {
    move |value| {
        let zero_words = zero.map(|meaning| format!(", or 0 for {meaning}")).unwrap_or_default();
        let allowed = format!("seconds from {least} to {LONGEST}, fractions included{zero_words}");
        let (number, shown) = match value {
            DeValue::Integer(integer) => (
                i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|number| number as f64),
                integer.to_string(),
            ),
            DeValue::Float(float) => (float.as_str().parse::<f64>().ok(), float.to_string()),
            _ => return Err(needed(value, allowed)),
        };
        match number {
            Some(number) if (least..=LONGEST).contains(&number) => Ok(Duration::from_secs_f64(number)),
            Some(0.0) if zero.is_some() => Ok(Duration::ZERO),
            _ => Err(format!("{shown} is not allowed; allowed are {allowed}")),
        }
    }
}

/// An IP address, version 4 or 6.
pub(super) fn ip(value: &DeValue<'_>) -> Result<IpAddr, String> {
    let allowed = "an IP address such as \"192.0.2.10\" or \"2001:db8::10\"";
    let text = value.as_str().ok_or_else(|| needed(value, allowed))?;
    text.parse().map_err(|_| format!("{text:?} is not allowed; allowed is {allowed}"))
}

/// One of a few words.
pub(super) fn choice<T: Copy>(choices: &[(&'static str, T)]) -> impl Fn(&DeValue<'_>) -> Result<T, String> {
    move |value| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let allowed = words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        let text = value.as_str().ok_or_else(|| needed(value, format!("one of {allowed}")))?;
        choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice).ok_or_else(|| {
            let near =
                nearest(text, &words).map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
            format!("{text:?} is not allowed; {near}Allowed: {allowed}")
        })
    }
}
