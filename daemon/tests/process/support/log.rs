//! What a process says, line by line: read as it comes, so that it never blocks on being heard.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Longer than anything waited for takes on a machine that is up.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The lines of a process's output.
#[derive(Clone, Default)]
pub(crate) struct Log {
    shared: Arc<(Mutex<Lines>, Condvar)>,
}

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
    /// Lines that [`Log::wait_for`] has gone past.
    read: usize,
}

impl Log {
    /// Reads all of this from a thread of its own.
    pub(crate) fn of(output: impl Read + Send + 'static) -> Log {
        let log = Log::default();
        let shared = Arc::clone(&log.shared);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                lock(&shared.0).lines.push(line);
                shared.1.notify_all();
            }
            lock(&shared.0).ended = true;
            shared.1.notify_all();
        });
        log
    }

    /// Waits for a line that has all these words, behind the one that was waited for last. Returns what came up to it.
    pub(crate) fn wait_for(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = lock(&self.shared.0);
        let from = lines.read;
        loop {
            let unread = lines.lines.iter().skip(lines.read);
            let found = unread.clone().position(|line| words.iter().all(|word| line.contains(word)));
            if let Some(found) = found {
                lines.read += found + 1;
                return text(&lines.lines[from..lines.read]);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !lines.ended && !left.is_zero(),
                "{words:?} is missing in the log:\n{}",
                text(&lines.lines[from..])
            );
            let waited = self.shared.1.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until nothing more will come; returns all of it.
    pub(crate) fn all(&self) -> String {
        let lines = lock(&self.shared.0);
        let ended = self.shared.1.wait_while(lines, |lines| !lines.ended);
        text(&ended.unwrap_or_else(PoisonError::into_inner).lines)
    }

    /// The lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        lock(&self.shared.0).lines.clone()
    }

    /// How many lines so far have all these words.
    pub(crate) fn count(&self, words: &[&str]) -> usize {
        let lines = lock(&self.shared.0);
        lines.lines.iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}
