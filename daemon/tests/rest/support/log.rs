//! What a daemon says, line by line: read as it comes, so that it never blocks on being heard.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex, PoisonError},
};

/// The lines of a process's output so far.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Reads all of this from a thread of its own.
    pub(crate) fn of(output: impl Read + Send + 'static) -> Log {
        let log = Log::default();
        let lines = log.clone();
        std::thread::spawn(move || {
            // Bytes that are no text are of no interest here, but must not end the reading.
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                lines.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        log
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// How many lines have these words.
    pub(crate) fn count(&self, words: &str) -> usize {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.contains(words)).count()
    }
}
