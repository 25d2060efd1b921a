//! The last events of an overlay, in order.
//!
//! What happens in the overlay and its messages are kept in a *lane* of each, so that no number of messages drives out who came and went. A lane knows of what has
//! given way whom it concerned: a reader is told of a gap only where something is gone that it would have been told.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::{
    entry::Entry,
    filter::{Concern, Filter},
};

/// Events kept in each lane.
const MOST: usize = 1_024;
/// Bytes of them: of what happens in the overlay, and of messages.
const MOST_BYTES: [usize; LANES] = [1 << 20, 8 << 20];
/// Whom of those that what gave way concerned a lane knows apart.
const MOST_GONE: usize = 1_024;
const LANES: usize = 2;

/// How far a reader is: in each lane it has seen all before this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rest) struct Cursor {
    /// Which history it belongs to.
    run: u64,
    next: [u64; LANES],
}

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rest) enum Taken {
    /// The next event; the cursor stands behind it.
    Entry(Arc<Entry>),
    /// Events are gone, so many at most; `None`: it is not known how many.
    Gap(Option<u64>),
}

/// The events.
pub(super) struct History {
    run: u64,
    held: Mutex<Held>,
    news: watch::Sender<News>,
}

/// Changes with each event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct News {
    /// Events so far.
    pushed: u64,
    /// No more will come.
    pub(super) over: bool,
}

#[derive(Default)]
struct Held {
    lanes: [Lane; LANES],
}

#[derive(Default)]
struct Lane {
    /// With their place among the events of all lanes.
    entries: VecDeque<(u64, Arc<Entry>)>,
    bytes: usize,
    /// The first one's number.
    first: u64,
    gone: Gone,
}

/// Whom that which gave way concerned.
#[derive(Default)]
struct Gone {
    /// The number behind the last event of each kind.
    behind: BTreeMap<Concern, u64>,
    /// Of what came before this number it is not known any more.
    forgotten: u64,
}

impl History {
    /// An empty one; `run` tells it from those of other times.
    pub(super) fn new(run: u64) -> Self {
        History { run, held: Mutex::default(), news: watch::Sender::default() }
    }

    /// Adds an event; the oldest of its lane give way.
    pub(super) fn push(&self, entry: Entry) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.news.borrow().pushed;
        let [events, messages] = &mut held.lanes;
        let [most_events, most_messages] = MOST_BYTES;
        match entry.is_of_messages() {
            false => events.push(place, entry, most_events),
            true => messages.push(place, entry, most_messages),
        }
        self.news.send_modify(|news| news.pushed += 1);
    }

    /// Adds the last event.
    pub(super) fn end(&self, entry: Entry) {
        self.push(entry);
        self.news.send_modify(|news| news.over = true);
    }

    /// Whether the last event has come.
    pub(super) fn is_over(&self) -> bool {
        self.news.borrow().over
    }

    /// Behind everything there is.
    pub(super) fn present(&self) -> Cursor {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        Cursor { run: self.run, next: held.lanes.each_ref().map(Lane::end) }
    }

    /// Tells when there is more.
    pub(super) fn watch(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    /// What comes for such a reader at the cursor, which moves behind it; `None` where nothing does yet.
    pub(super) fn take(&self, cursor: &mut Cursor, filter: &Filter) -> Option<Taken> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes = || held.lanes.iter();
        if cursor.run != self.run || lanes().zip(&cursor.next).any(|(lane, next)| *next > lane.end()) {
            *cursor = Cursor { run: self.run, next: held.lanes.each_ref().map(|lane| lane.first) };
            return Some(Taken::Gap(None));
        }
        for (lane, next) in lanes().zip(&mut cursor.next) {
            let from = std::mem::replace(next, lane.first.max(*next));
            if lane.gone.concerns(filter, from) {
                return Some(Taken::Gap(Some(lane.first - from)));
            }
        }
        let heads = lanes().zip(&mut cursor.next).filter_map(|(lane, next)| {
            let (place, entry) = lane.find(next, filter)?;
            Some((*place, entry, next))
        });
        let (_, entry, next) = heads.min_by_key(|(place, ..)| *place)?;
        *next += 1;
        Some(Taken::Entry(entry.clone()))
    }
}

impl Lane {
    fn push(&mut self, place: u64, entry: Entry, most_bytes: usize) {
        self.bytes += cost(&entry);
        self.entries.push_back((place, Arc::new(entry)));
        while self.entries.len() > MOST || (self.bytes > most_bytes && self.entries.len() > 1) {
            let Some((_, gone)) = self.entries.pop_front() else { return };
            self.bytes -= cost(&gone);
            self.first += 1;
            self.gone.add(&gone.concern, self.first);
        }
    }

    /// The number that the next event will have.
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The first at `next` or behind that the filter takes; `next` moves to it.
    fn find(&self, next: &mut u64, filter: &Filter) -> Option<&(u64, Arc<Entry>)> {
        loop {
            let found = self.entries.get(usize::try_from(*next - self.first).ok()?)?;
            if filter.takes(&found.1.concern) {
                return Some(found);
            }
            *next += 1;
        }
    }
}

impl Gone {
    /// An event has given way; `behind` is the number behind its own.
    fn add(&mut self, concern: &Concern, behind: u64) {
        if let Some(held) = self.behind.get_mut(concern) {
            *held = behind;
            return;
        }
        self.behind.insert(concern.clone(), behind);
        if self.behind.len() > MOST_GONE {
            let oldest = self.behind.iter().min_by_key(|(_, behind)| **behind);
            if let Some((oldest, behind)) = oldest.map(|(concern, behind)| (concern.clone(), *behind)) {
                self.behind.remove(&oldest);
                self.forgotten = behind;
            }
        }
    }

    /// Whether anything from this number on concerned such a reader.
    fn concerns(&self, filter: &Filter, from: u64) -> bool {
        from < self.forgotten
            || self.behind.iter().any(|(concern, behind)| from < *behind && filter.takes(concern))
    }
}

fn cost(entry: &Entry) -> usize {
    let kind = match &entry.concern {
        Concern::Message(event_type) => event_type.len(),
        _ => 0,
    };
    kind + entry.data.len() + 96
}

/// As an event's id: `run-number-number` in hexadecimal digits, the numbers those of the events that may come next.
impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [events, messages] = self.next;
        write!(formatter, "{:016x}-{events:x}-{messages:x}", self.run)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('-').map(|text| u64::from_str_radix(text, 16).map_err(|_| ()));
        let mut part = || parts.next().ok_or(())?;
        let cursor = Cursor { run: part()?, next: [part()?, part()?] };
        parts.next().is_none().then_some(cursor).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A message of this type.
    fn message(event_type: &str, number: usize) -> Entry {
        Entry::message(event_type.to_owned(), &json!(number))
    }

    fn event(name: &'static str, number: usize) -> Entry {
        Entry { concern: Concern::Event(name), name, data: number.to_string() }
    }

    /// What a reader of these types gets until nothing comes.
    fn read(history: &History, cursor: &mut Cursor, types: &str) -> Vec<String> {
        let filter = Filter::of(types);
        std::iter::from_fn(|| history.take(cursor, &filter))
            .map(|taken| match taken {
                Taken::Entry(entry) => entry.data.clone(),
                Taken::Gap(missed) => format!("gap {missed:?}"),
            })
            .collect()
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let history = History::new(7);
        let mut cursor = history.present();
        assert_eq!(read(&history, &mut cursor, "a"), [""; 0]);
        (0..3).for_each(|number| history.push(message("a", number)));
        assert_eq!(read(&history, &mut cursor, "a"), ["0", "1", "2"]);
        let mut told: Cursor = cursor.to_string().parse().expect("an id");
        history.push(message("a", 3));
        assert_eq!(read(&history, &mut told, "a"), ["3"]);
        assert_eq!(read(&history, &mut cursor, "a"), ["3"]);
    }

    #[test]
    fn events_and_messages_come_in_the_order_in_which_they_happened() {
        let history = History::new(7);
        let (mut both, mut one) = (history.present(), history.present());
        for number in 0..9 {
            history.push(if number % 3 == 0 { event("member_in", number) } else { message("a", number) });
        }
        let expected: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        assert_eq!(read(&history, &mut both, "member_in,a"), expected);
        assert_eq!(read(&history, &mut one, "member_in"), ["0", "3", "6"]);
        let mut told: Cursor = one.to_string().parse().expect("an id");
        assert_eq!(
            read(&history, &mut told, "member_in,a"),
            [""; 0],
            "it was told that nothing else was for it"
        );
    }

    #[test]
    fn what_is_gone_is_a_gap() {
        let history = History::new(7);
        let mut slow = history.present();
        (0..MOST + 5).for_each(|number| history.push(message("a", number)));
        let seen = read(&history, &mut slow, "a");
        assert_eq!((seen[0].as_str(), seen[1].as_str(), seen.len()), ("gap Some(5)", "5", MOST + 1));
        for foreign in ["8-0-0", "7-ffffff-0", "0000000000000007-0-10000"] {
            let mut cursor: Cursor = foreign.parse().expect("an id");
            let seen = read(&history, &mut cursor, "a");
            assert_eq!(seen.first().map(String::as_str), Some("gap None"), "{foreign}");
        }
        for wrong in ["nonsense", "1-", "1-1", "1-1-", "1-1-1-1", "1-1-x"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_gap_is_told_to_whom_it_concerns() {
        let history = History::new(7);
        let start = history.present();
        history.push(event("member_in", 0));
        history.push(message("quiet", 1));
        (2..MOST + 2).for_each(|number| history.push(message("busy", number)));
        let first = |types: &str| read(&history, &mut start.clone(), types).into_iter().next();
        assert_eq!(first("member_in").as_deref(), Some("0"), "no message drives it out");
        assert_eq!(first("quiet").as_deref(), Some("gap Some(1)"));
        assert_eq!(first("busy").as_deref(), Some("2"), "nothing of it is gone");
        assert_eq!(first("other"), None);
        history.push(message("busy", MOST + 2));
        assert_eq!(first("busy").as_deref(), Some("gap Some(2)"));
        assert_eq!(first("other"), None);
    }

    #[test]
    fn whom_a_gap_concerned_is_known_of_bounded_many_types() {
        let history = History::new(7);
        let start = history.present();
        (0..3 * MOST + MOST_GONE).for_each(|number| history.push(message(&format!("type {number}"), number)));
        let held = history.held.lock().expect("sound");
        assert!(held.lanes.iter().all(|lane| lane.gone.behind.len() <= MOST_GONE));
        drop(held);
        let seen = read(&history, &mut start.clone(), "other");
        assert!(seen.len() == 1 && seen[0].starts_with("gap"), "rather one too many than none: {seen:?}");
    }

    #[test]
    fn large_events_give_way_sooner() {
        let history = History::new(7);
        let [_, most] = MOST_BYTES;
        let large = || Entry::message("a".to_owned(), &json!("x".repeat(most / 8)));
        (0..20).for_each(|_| history.push(large()));
        let held = history.held.lock().expect("sound");
        let [_, lane] = &held.lanes;
        assert!(lane.bytes <= most && lane.entries.len() >= 6, "{} in {}", lane.bytes, lane.entries.len());
    }
}
