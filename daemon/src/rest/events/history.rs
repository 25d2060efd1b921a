//! The last events of an overlay, in order, by number.

use std::{
    collections::VecDeque,
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

/// Events kept.
const MOST: usize = 1_024;
/// Bytes of them.
const MOST_BYTES: usize = 8 << 20;

/// One thing that happened.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::rest) struct Entry {
    /// What it is, as the stream's readers filter it: `member_in` and the like, or the type of a message.
    pub(in crate::rest) kind: String,
    /// Whether it is a message.
    pub(in crate::rest) delivery: bool,
    /// The rest, as JSON.
    pub(in crate::rest) data: String,
}

/// How far a reader is: it has seen all before this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rest) struct Cursor {
    /// Which history it belongs to.
    run: u64,
    next: u64,
}

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rest) enum Taken {
    /// The next event; the cursor stands behind it.
    Entry(Arc<Entry>),
    /// So many events are gone; `None`: it is not known how many.
    Gap(Option<u64>),
}

/// The events.
pub(super) struct History {
    run: u64,
    held: Mutex<Held>,
    /// The number that the next event will have.
    next: watch::Sender<u64>,
}

#[derive(Default)]
struct Held {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    first: u64,
}

impl History {
    /// An empty one; `run` tells it from those of other times.
    pub(super) fn new(run: u64) -> Self {
        History { run, held: Mutex::default(), next: watch::Sender::new(0) }
    }

    /// Adds an event; the oldest give way.
    pub(super) fn push(&self, entry: Entry) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.bytes += cost(&entry);
        held.entries.push_back(Arc::new(entry));
        while held.entries.len() > MOST || (held.bytes > MOST_BYTES && held.entries.len() > 1) {
            let gone = held.entries.pop_front().map_or(0, |gone| cost(&gone));
            held.bytes -= gone;
            held.first += 1;
        }
        let next = held.first + held.entries.len() as u64;
        drop(held);
        self.next.send_replace(next);
    }

    /// Behind everything there is.
    pub(super) fn end(&self) -> Cursor {
        Cursor { run: self.run, next: *self.next.borrow() }
    }

    /// Tells when there is more.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }

    /// What comes at the cursor, which moves behind it; `None` where nothing does yet.
    pub(super) fn take(&self, cursor: &mut Cursor) -> Option<Taken> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let end = held.first + held.entries.len() as u64;
        if cursor.run != self.run || cursor.next > end {
            *cursor = Cursor { run: self.run, next: held.first };
            return Some(Taken::Gap(None));
        }
        if let Some(missed) = held.first.checked_sub(cursor.next).filter(|missed| *missed > 0) {
            cursor.next = held.first;
            return Some(Taken::Gap(Some(missed)));
        }
        let place = usize::try_from(cursor.next - held.first).ok()?;
        let entry = held.entries.get(place)?.clone();
        cursor.next += 1;
        Some(Taken::Entry(entry))
    }
}

fn cost(entry: &Entry) -> usize {
    entry.kind.len() + entry.data.len() + 64
}

/// As an event's id: `run-number` in hexadecimal digits, of the event before it.
impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}-{:x}", self.run, self.next)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (run, next) = text.split_once('-').ok_or(())?;
        let number = |text: &str| u64::from_str_radix(text, 16).map_err(|_| ());
        Ok(Cursor { run: number(run)?, next: number(next)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: usize, length: usize) -> Entry {
        Entry { kind: number.to_string(), delivery: false, data: "x".repeat(length) }
    }

    fn kinds(history: &History, cursor: &mut Cursor) -> Vec<String> {
        std::iter::from_fn(|| history.take(cursor))
            .map(|taken| match taken {
                Taken::Entry(entry) => entry.kind.clone(),
                Taken::Gap(missed) => format!("gap {missed:?}"),
            })
            .collect()
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let history = History::new(7);
        let mut cursor = history.end();
        assert_eq!(kinds(&history, &mut cursor), [""; 0]);
        (0..3).for_each(|number| history.push(entry(number, 1)));
        assert_eq!(kinds(&history, &mut cursor), ["0", "1", "2"]);
        let mut told: Cursor = cursor.to_string().parse().expect("an id");
        history.push(entry(3, 1));
        assert_eq!(kinds(&history, &mut told), ["3"]);
        assert_eq!(kinds(&history, &mut cursor), ["3"]);
    }

    #[test]
    fn what_is_gone_is_a_gap() {
        let history = History::new(7);
        let mut slow = history.end();
        (0..MOST + 5).for_each(|number| history.push(entry(number, 1)));
        let read = kinds(&history, &mut slow);
        assert_eq!((read[0].as_str(), read[1].as_str(), read.len()), ("gap Some(5)", "5", MOST + 1));
        for foreign in ["8-0", "7-ffffff", "0000000000000007-10000"] {
            let mut cursor: Cursor = foreign.parse().expect("an id");
            assert_eq!(
                kinds(&history, &mut cursor).first().map(String::as_str),
                Some("gap None"),
                "{foreign}"
            );
        }
        assert!("nonsense".parse::<Cursor>().is_err() && "1-".parse::<Cursor>().is_err());
    }

    #[test]
    fn large_events_give_way_sooner() {
        let history = History::new(7);
        (0..20).for_each(|number| history.push(entry(number, MOST_BYTES / 8)));
        let held = history.held.lock().expect("sound");
        assert!(
            held.bytes <= MOST_BYTES && held.entries.len() >= 6,
            "{} in {}",
            held.bytes,
            held.entries.len()
        );
    }
}
