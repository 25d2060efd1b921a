//! One overlay's events, gathered for all who watch them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gossiperl_overlay::{Change, Event, RingChange};
use serde_json::{Value, json};
use tokio::sync::{broadcast::error::RecvError, watch};

use super::{
    history::{Cursor, Entry, History, Taken},
    observer::Observer,
};
use crate::{
    manage::{Host, Running},
    random,
    rest::{answer::timestamp, routes::member},
};

/// How long an overlay that is started anew may take before its hub gives it up.
const RESTARTING: Duration = Duration::from_secs(5);
/// How often it is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// An overlay's events.
pub(in crate::rest) struct Hub {
    history: History,
    observer: Observer,
    over: AtomicBool,
    /// Told when the overlay is gone.
    end: watch::Sender<bool>,
}

/// Which events a reader wants.
#[derive(Clone, Debug, Default)]
pub(in crate::rest) struct Filter {
    /// `None`: what happens in the overlay, but no messages.
    kinds: Option<BTreeSet<String>>,
}

/// A reader of a hub.
pub(in crate::rest) struct Watching {
    hub: Arc<Hub>,
    filter: Filter,
    cursor: Cursor,
    news: watch::Receiver<u64>,
    end: watch::Receiver<bool>,
    /// Keeps the subscriptions that it needs.
    _wanted: super::observer::Wanted,
}

impl Filter {
    /// Of a comma-separated list of event types and message types.
    pub(in crate::rest) fn of(kinds: &str) -> Self {
        let kinds = kinds.split(',').map(str::trim).filter(|kind| !kind.is_empty()).map(str::to_owned);
        Filter { kinds: Some(kinds.collect()) }
    }

    fn takes(&self, entry: &Entry) -> bool {
        match &self.kinds {
            None => !entry.delivery,
            Some(kinds) => kinds.contains(&entry.kind),
        }
    }

    /// The types of messages among them.
    pub(in crate::rest) fn messages(&self) -> impl Iterator<Item = &str> {
        let kinds = self.kinds.iter().flatten().map(String::as_str);
        kinds.filter(|kind| {
            !OF_OVERLAY.contains(kind) && !Change::ALL.iter().any(|change| change.event_type() == *kind)
        })
    }
}

/// Events of the overlay itself, beside those of members.
const OF_OVERLAY: [&str; 7] =
    ["name_conflict", "refused", "new_generation", "undeliverable", "key_ring", "stalled", "missed"];

impl Hub {
    /// Listens to an overlay from now on.
    pub(super) fn start(host: Host, running: &Arc<Running>) -> Arc<Self> {
        let hub = Arc::new(Hub {
            history: History::new(random::number().unwrap_or(1)),
            observer: Observer::start(running.clone()),
            over: AtomicBool::new(false),
            end: watch::Sender::new(false),
        });
        tokio::spawn(hub.clone().listen(host, running.clone()));
        hub
    }

    /// Whether the overlay is gone.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// A reader, behind the event it had last, or of what is to come.
    pub(in crate::rest) fn read(self: &Arc<Self>, filter: Filter, after: Option<Cursor>) -> Watching {
        Watching {
            cursor: after.unwrap_or_else(|| self.history.end()),
            news: self.history.watch(),
            end: self.end.subscribe(),
            _wanted: self.observer.want(filter.messages()),
            filter,
            hub: self.clone(),
        }
    }

    async fn listen(self: Arc<Self>, host: Host, mut running: Arc<Running>) {
        let mut deliveries = self.observer.deliveries();
        loop {
            let mut events = running.handle().events();
            loop {
                tokio::select! {
                    event = events.recv() => match event {
                        Ok(event) => {
                            if matches!(event, Event::KeyRing { .. }) {
                                self.observer.follow(running.clone());
                            }
                            self.history.push(told(&event));
                        }
                        Err(RecvError::Lagged(missed)) => {
                            let data = json!({ "missed": missed, "timestamp": timestamp() }).to_string();
                            self.history.push(Entry { kind: "missed".to_owned(), delivery: false, data });
                        }
                        Err(RecvError::Closed) => break,
                    },
                    Some(entry) = deliveries.recv() => self.history.push(entry),
                }
            }
            match same_again(&host, &running).await {
                Some(again) => {
                    self.observer.follow(again.clone());
                    running = again;
                }
                None => break,
            }
        }
        self.over.store(true, Ordering::Relaxed);
        self.end.send_replace(true);
    }
}

/// The overlay after it was started anew; `None`: it was removed.
async fn same_again(host: &Host, running: &Running) -> Option<Arc<Running>> {
    let looked = async {
        loop {
            let now = host.get(&running.settings().name);
            match now.filter(|now| now.token().is(running.token().expose().as_bytes())) {
                Some(now) if !now.handle().is_same(running.handle()) => return now,
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    };
    tokio::time::timeout(RESTARTING, looked).await.ok()
}

impl Watching {
    /// The next event that the filter takes, or word of a gap, with the id to go on behind; `None`: the overlay is gone.
    pub(in crate::rest) async fn next(&mut self) -> Option<(Cursor, Taken)> {
        loop {
            match self.hub.history.take(&mut self.cursor) {
                Some(Taken::Entry(entry)) if !self.filter.takes(&entry) => {}
                Some(taken) => return Some((self.cursor, taken)),
                None => {
                    tokio::select! {
                        changed = self.news.changed() => changed.ok()?,
                        _ = self.end.wait_for(|over| *over) => return None,
                    }
                }
            }
        }
    }
}

fn told(event: &Event) -> Entry {
    let (kind, data): (&str, Value) = match event {
        Event::Member(change, view) => (change.event_type(), json!({ "member": member(view) })),
        Event::NameConflict { name, address } => {
            ("name_conflict", json!({ "name": name, "address": address }))
        }
        Event::Refused { by, code } => {
            ("refused", json!({ "by": by, "code": code, "reason": gossiperl_idl::code::text(*code) }))
        }
        Event::NewGenerationNeeded { .. } => ("new_generation", json!({})),
        Event::Undeliverable { client, bytes } => {
            ("undeliverable", json!({ "client": client, "bytes": bytes }))
        }
        Event::KeyRing { change, id, by, cut_off } => {
            let change = match change {
                RingChange::Added => "added",
                RingChange::Used => "used",
                RingChange::Retired => "retired",
            };
            let data = json!({ "change": change, "key": id.to_string(), "by": by, "cut_off": cut_off });
            ("key_ring", data)
        }
        Event::Stalled { client } => ("stalled", json!({ "client": client })),
    };
    let mut data = data;
    data["timestamp"] = timestamp().into();
    Entry { kind: kind.to_owned(), delivery: false, data: data.to_string() }
}
