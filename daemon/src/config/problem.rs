//! What is wrong with a configuration: file, line, property, and what is allowed.
//!
//! Every problem of a file is collected before any is reported, so that a person repairs them in one go. No text here
//! ever holds the value of a secret; the TOML parser's own error display, which quotes source lines, is not used.

use std::{fmt, ops::Range, path::PathBuf};

/// Problems shown at most: nobody reads more in one go, and what is no configuration at all has one on every line.
const MOST_SHOWN: usize = 100;

/// One thing wrong with (or worth saying about) a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, from 1.
    pub line: usize,
    /// The property with the tables it is in, `overlays.main.port`; empty where the file is no TOML.
    pub property: String,
    /// What is wrong and what is allowed.
    pub text: String,
}

/// A configuration that was refused. Nothing was started or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file read.
    pub file: PathBuf,
    /// At least one, in the order of their lines.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.problems.iter().take(MOST_SHOWN) {
            writeln!(formatter, "{}:{problem}", self.file.display())?;
        }
        if let Some(more) = self.problems.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
            writeln!(formatter, "{more} more are not shown")?;
        }
        let (count, s) = (self.problems.len(), if self.problems.len() == 1 { "" } else { "s" });
        write!(
            formatter,
            "{count} problem{s} in {}; `gossiperld --print-config` shows every property with its default",
            self.file.display()
        )
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.property.is_empty() {
            true => write!(formatter, "{}: {}", self.line, self.text),
            false => write!(formatter, "{}: {}: {}", self.line, self.property, self.text),
        }
    }
}

/// Collects problems and notes while a file is read.
pub(super) struct Report {
    line_starts: Vec<usize>,
    pub(super) problems: Vec<Problem>,
    pub(super) notes: Vec<Problem>,
}

impl Report {
    pub(super) fn new(text: &str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Report {
            line_starts: std::iter::once(0).chain(after_breaks).collect(),
            problems: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Refuses the file for this reason.
    pub(super) fn problem(
        &mut self,
        at: &Range<usize>,
        property: impl Into<String>,
        text: impl Into<String>,
    ) {
        let line = self.line(at.start);
        self.problems.push(Problem { line, property: property.into(), text: text.into() });
    }

    /// Says something a person should know, without refusing the file.
    pub(super) fn note(&mut self, at: &Range<usize>, property: impl Into<String>, text: impl Into<String>) {
        let line = self.line(at.start);
        self.notes.push(Problem { line, property: property.into(), text: text.into() });
    }

    fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }
}
