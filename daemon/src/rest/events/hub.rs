//! One overlay's events, gathered for all who watch them, from the first who does to the overlay's end.
//!
//! A hub belongs to one overlay under one token: it goes on through changes and restarts, and ends with the overlay's removal. One of the same name that is added
//! afterwards has another hub, whose history begins empty.

use std::sync::Arc;

use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use gossiperl_overlay::Event;

use super::{
    entry::Entry,
    filter::{Concern, Filter},
    history::{Cursor, History, News, Taken},
    observer::{Observer, Wanted, Wishes},
    places::{Full, HostPlaces, Place, Places},
};
use crate::{
    manage::{Host, Running, Token, Turn},
    random,
};

/// An overlay's events.
pub(in crate::rest) struct Hub {
    /// Tells the overlay from others of its name.
    token: Token,
    history: History,
    wishes: Arc<Wishes>,
    places: Places,
}

/// A reader of a hub.
pub(in crate::rest) struct Watching {
    hub: Arc<Hub>,
    filter: Filter,
    cursor: Cursor,
    news: watch::Receiver<News>,
    /// Keeps the subscriptions that it needs.
    _wanted: Wanted,
    _place: Place,
}

impl Hub {
    /// Listens to an overlay from now on, or until the daemon is `stopping`.
    pub(super) fn start(
        host: Host,
        running: &Arc<Running>,
        places: HostPlaces,
        stopping: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let hub = Arc::new(Hub {
            token: running.token().clone(),
            history: History::new(random::number().unwrap_or(1)),
            wishes: Arc::default(),
            places: Places::new(places),
        });
        tokio::spawn(hub.clone().listen(host, running.clone(), stopping));
        hub
    }

    /// Whether it is of this overlay, and goes on.
    pub(super) fn is_of(&self, running: &Running) -> bool {
        self.token.is_same(running.token()) && !self.history.is_over()
    }

    /// A reader, behind the event it had last, or of what is to come; an error where there is no place for one more.
    pub(in crate::rest) fn read(
        self: &Arc<Self>,
        filter: Filter,
        after: Option<Cursor>,
    ) -> Result<Watching, Full> {
        Ok(Watching {
            _place: self.places.take()?,
            cursor: after.unwrap_or_else(|| self.history.present()),
            news: self.history.watch(),
            _wanted: self.wishes.want(filter.messages()),
            filter,
            hub: self.clone(),
        })
    }

    /// Keeps the hub, the overlay and its keys in memory until the overlay is gone.
    async fn listen(self: Arc<Self>, host: Host, running: Arc<Running>, mut stopping: watch::Receiver<bool>) {
        let mut life = host.life(&running);
        let (observer, mut observed) = Observer::start(self.wishes.clone(), running);
        let mut events = Some(life.last().handle().events());
        let last = loop {
            tokio::select! {
                event = next(&mut events) => match event {
                    Ok(event) => {
                        if matches!(event, Event::KeyRing { .. }) {
                            observer.follow(life.last().clone());
                        }
                        self.history.push(Entry::from(&event));
                    }
                    Err(missed) => self.history.push(Entry::gap(Concern::Events, Some(missed))),
                },
                Some(entry) = observed.recv() => self.history.push(entry),
                turn = life.next() => match turn {
                    Turn::Again(again) => {
                        events = Some(again.handle().events());
                        self.history.push(Entry::restarted());
                        observer.follow(again);
                    }
                    Turn::Failed(failed) => self.history.push(Entry::failed(failed.why())),
                    Turn::Gone if host.is_left() => break Entry::stopping(),
                    Turn::Gone => break Entry::removed(),
                },
                _ = stopping.wait_for(|stopping| *stopping) => break Entry::stopping(),
            }
        };
        self.history.end(last);
    }
}

/// The overlay's next event, or how many are gone. Waits for ever where no more will come.
async fn next(events: &mut Option<broadcast::Receiver<Event>>) -> Result<Event, u64> {
    let Some(open) = events else { return std::future::pending().await };
    match open.recv().await {
        Ok(event) => Ok(event),
        Err(RecvError::Lagged(missed)) => Err(missed),
        Err(RecvError::Closed) => {
            *events = None;
            std::future::pending().await
        }
    }
}

impl Watching {
    /// Where it stands.
    pub(in crate::rest) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The next event that the filter takes, or word of a gap, with the id to go on behind; `None`: nothing more will come.
    pub(in crate::rest) async fn next(&mut self) -> Option<(Cursor, Taken)> {
        loop {
            // Looked at first: what was the last event then is found by now.
            let over = self.news.borrow_and_update().over;
            if let Some(taken) = self.hub.history.take(&mut self.cursor, &self.filter) {
                return Some((self.cursor, taken));
            }
            if over {
                return None;
            }
            self.news.changed().await.ok()?;
        }
    }
}
