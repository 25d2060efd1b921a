//! The client that subscribes on behalf of those who watch: in each overlay at most one, there while somebody wants messages.
//!
//! It is a client of protocol 2 like any other, over loopback, and shows among the members under the name `gossiperld-events-…`. Its subscriptions drop their oldest
//! messages when it is too slow. A type is subscribed to for a while after the last reader has gone, so that one who comes back has missed nothing. It takes new keys
//! while it runs. Whatever it may have missed it tells as a gap.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use gossiperl_client::{Client, Delivery, Event, Events, Options, SlowPolicy, Subscription, Value as Field};
use gossiperl_idl::sealed::MAX_KEYS;
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};
use zeroize::Zeroizing;

use super::{entry::Entry, filter::Concern};
use crate::{manage::Running, random, rest::answer::timestamp};

/// How long a type stays subscribed to without a reader.
const LINGER: Duration = Duration::from_secs(60);
/// Types beyond which those without a reader linger no longer: who opens and closes streams makes nothing grow.
const MOST_LINGERING: usize = 1_024;
/// How long to wait before trying again what did not work.
const PAUSE: Duration = Duration::from_secs(1);
/// Messages on their way to the history.
const ON_THE_WAY: usize = 256;

/// The types of message that readers want.
#[derive(Default)]
pub(super) struct Wishes {
    types: Mutex<BTreeMap<String, Wish>>,
    changed: tokio::sync::Notify,
}

struct Wish {
    readers: usize,
    /// When the last reader went.
    since: Instant,
}

/// Keeps types subscribed to until it is dropped.
pub(super) struct Wanted {
    wishes: Arc<Wishes>,
    types: Vec<String>,
}

impl Wishes {
    /// Wants these types of message.
    pub(super) fn want<'a>(self: &Arc<Self>, types: impl Iterator<Item = &'a str>) -> Wanted {
        let types: Vec<String> = types.map(str::to_owned).collect();
        self.add(&types);
        self.changed.notify_one();
        Wanted { wishes: self.clone(), types }
    }

    /// One reader more of each of these.
    fn add(&self, types: &[String]) {
        let mut held = self.types.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() + types.len() > MOST_LINGERING {
            held.retain(|_, wish| wish.readers > 0);
        }
        for name in types {
            let wish = held.entry(name.clone()).or_insert(Wish { readers: 0, since: Instant::now() });
            wish.readers += 1;
        }
    }

    /// The types wanted now; those without a reader for long are forgotten. Second: when to look again.
    fn wanted(&self, now: Instant) -> (Vec<String>, Option<Instant>) {
        let mut held = self.types.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, wish| wish.readers > 0 || now < wish.since + LINGER);
        let lingering = held.values().filter(|wish| wish.readers == 0);
        (held.keys().cloned().collect(), lingering.map(|wish| wish.since + LINGER).min())
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        let mut held = self.wishes.types.lock().unwrap_or_else(PoisonError::into_inner);
        for name in &self.types {
            if let Some(wish) = held.get_mut(name) {
                wish.readers = wish.readers.saturating_sub(1);
                wish.since = Instant::now();
            }
        }
        drop(held);
        self.wishes.changed.notify_one();
    }
}

/// The client, there until this is dropped.
pub(super) struct Observer {
    overlay: watch::Sender<Arc<Running>>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Subscribes to what is wanted; second: the messages, and word of those that are missing. Needs a tokio runtime.
    pub(super) fn start(wishes: Arc<Wishes>, running: Arc<Running>) -> (Self, mpsc::Receiver<Entry>) {
        let (overlay, follows) = watch::channel(running);
        let (to_history, observed) = mpsc::channel(ON_THE_WAY);
        let observing = Observing {
            wishes,
            overlay: follows,
            to_history,
            session: None,
            readers: BTreeMap::new(),
            missed: false,
        };
        let task = tokio::spawn(observing.run());
        (Observer { overlay, task }, observed)
    }

    /// The overlay was started anew, or its keys have changed.
    pub(super) fn follow(&self, running: Arc<Running>) {
        self.overlay.send_replace(running);
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the task has at hand.
struct Observing {
    wishes: Arc<Wishes>,
    overlay: watch::Receiver<Arc<Running>>,
    to_history: mpsc::Sender<Entry>,
    session: Option<Session>,
    /// What reads each type's subscription.
    readers: BTreeMap<String, JoinHandle<()>>,
    /// Messages may have gone by since the last that were read; to be told once they come again.
    missed: bool,
}

/// The client while there is one.
struct Session {
    client: Client,
    events: Events,
    overlay: Arc<Running>,
    /// The keys that it has.
    keys: Vec<Zeroizing<Vec<u8>>>,
    /// Its daemon does not know it for the moment.
    away: bool,
}

impl Observing {
    /// Brings what is subscribed to in line with what is wanted, for ever.
    async fn run(mut self) {
        loop {
            let again = self.bring_in_line().await;
            let sleep = async {
                match again {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.wishes.changed.notified() => {}
                () = sleep => {}
                changed = self.overlay.changed() => match changed {
                    Ok(()) => self.follow().await,
                    Err(_) => return,
                },
                event = next(&mut self.session) => self.note(event).await,
            }
        }
    }

    /// Tells when to look again.
    async fn bring_in_line(&mut self) -> Option<Instant> {
        let (wanted, mut again) = self.wishes.wanted(Instant::now());
        self.readers.retain(|name, reader| {
            let keep = wanted.contains(name) && !reader.is_finished();
            if !keep {
                // Its subscription goes with it.
                reader.abort();
            }
            keep
        });
        if wanted.is_empty() {
            self.missed = false;
            if let Some(session) = self.session.take() {
                session.client.close().await;
            }
            return again;
        }
        if self.session.is_none() {
            let overlay = self.overlay.borrow_and_update().clone();
            self.session = connect(overlay).await;
        }
        let Some(session) = &self.session else { return Some(Instant::now() + PAUSE) };
        let mut complete = true;
        for name in wanted {
            if self.readers.contains_key(&name) {
                continue;
            }
            match session.client.subscribe([name.as_str()], SlowPolicy::DropOldest).await {
                Ok(subscription) => {
                    self.readers.insert(name, tokio::spawn(read(subscription, self.to_history.clone())));
                }
                Err(error) => {
                    tracing::debug!(%error, event_type = %name, "cannot be observed");
                    complete = false;
                    again = Some(Instant::now() + PAUSE);
                }
            }
        }
        if complete && std::mem::take(&mut self.missed) {
            self.tell_gap(Concern::Messages, None).await;
        }
        again
    }

    /// Takes over new keys, or begins anew with an overlay that has.
    async fn follow(&mut self) {
        let overlay = self.overlay.borrow_and_update().clone();
        let Some(session) = &mut self.session else { return };
        let is_same = session.overlay.handle().is_same(overlay.handle());
        if !is_same || !session.take_keys().await {
            self.begin_anew().await;
        }
    }

    async fn begin_anew(&mut self) {
        self.missed |= !self.readers.is_empty();
        for (_, reader) in std::mem::take(&mut self.readers) {
            reader.abort();
        }
        if let Some(session) = self.session.take() {
            session.client.close().await;
        }
    }

    /// What the client tells of itself: whether it has missed something.
    async fn note(&mut self, event: Option<Event>) {
        let Some(session) = &mut self.session else { return };
        match event {
            Some(Event::Dropped { event_type, count }) => {
                self.tell_gap(Concern::Message(event_type.to_string()), Some(count)).await;
            }
            Some(Event::Disconnected(_)) => session.away = true,
            Some(Event::Connected { resumed, .. }) => {
                self.missed |= session.away && !resumed;
                session.away = false;
            }
            // Those that a new session has brought back.
            Some(Event::Subscribed(_)) if std::mem::take(&mut self.missed) => {
                self.tell_gap(Concern::Messages, None).await;
            }
            Some(Event::Missed(_)) => self.tell_gap(Concern::Messages, None).await,
            Some(_) => {}
            None => self.begin_anew().await,
        }
    }

    async fn tell_gap(&self, concern: Concern, missed: Option<u64>) {
        // Who would hear it is gone only when the task is to end, too.
        let _ = self.to_history.send(Entry::gap(concern, missed)).await;
    }
}

impl Session {
    /// Gives the client the keys that the overlay has now. False: it cannot have that many.
    async fn take_keys(&mut self) -> bool {
        // One that ended is started anew, or is gone.
        let Ok(keys) = self.overlay.handle().ring_keys().await else { return true };
        let new: Vec<_> = keys.into_iter().filter(|key| !self.keys.contains(key)).collect();
        if self.keys.len() + new.len() > MAX_KEYS {
            return false;
        }
        for key in new {
            self.client.add_key(&*key);
            self.keys.push(key);
        }
        true
    }
}

/// What the client tells next; for ever nothing where there is none.
async fn next(session: &mut Option<Session>) -> Option<Event> {
    match session {
        Some(session) => session.events.next().await,
        None => std::future::pending().await,
    }
}

async fn connect(overlay: Arc<Running>) -> Option<Session> {
    let settings = overlay.settings();
    let keys = overlay.handle().ring_keys().await.ok()?;
    let (first, others) = keys.split_first()?;
    let name = format!("gossiperld-events-{:08x}", random::number().ok()? as u32);
    let address = settings.client_address();
    let mut options =
        Options::new(address.port(), name.as_str(), first).address(address.ip()).secret(random::key().ok()?);
    for key in others {
        options = options.additional_key(key);
    }
    match Client::connect(options).await {
        Ok(client) => {
            let events = client.events();
            Some(Session { client, events, overlay, keys, away: false })
        }
        Err(error) => {
            tracing::warn!(overlay = %settings.name, %error, "messages cannot be observed; tried again");
            None
        }
    }
}

async fn read(mut subscription: Subscription, to_history: mpsc::Sender<Entry>) {
    while let Some(delivery) = subscription.next().await {
        if to_history.send(told(&delivery)).await.is_err() {
            return;
        }
    }
}

fn told(delivery: &Delivery) -> Entry {
    let payload = delivery.payload();
    let event_type = String::from_utf8_lossy(delivery.event_type()).into_owned();
    let mut data = json!({
        "event_type": event_type,
        "payload": BASE64_STANDARD.encode(payload),
        "timestamp": timestamp(),
    });
    match (delivery.digest(), std::str::from_utf8(payload)) {
        (Ok(digest), _) if !digest.is_empty() => {
            data["fields"] = digest.fields().map(|(id, value)| field(id, value)).collect();
        }
        (_, Ok(text)) => data["text"] = text.into(),
        _ => {}
    }
    Entry::message(event_type, &data)
}

/// A typed field. What JSON has no number for, and bytes that are no text, are shown as they would be to a person; `payload` has them unharmed.
fn field(id: i16, value: &Field) -> serde_json::Value {
    let shown = match value {
        Field::Bool(value) => json!(value),
        Field::Byte(value) => json!(value),
        Field::I16(value) => json!(value),
        Field::I32(value) => json!(value),
        Field::I64(value) => json!(value),
        Field::Double(value) if value.is_finite() => json!(value),
        Field::Double(value) => json!(value.to_string()),
        Field::String(bytes) => json!(String::from_utf8_lossy(bytes)),
    };
    json!({ "id": id, "type": value.type_name(), "value": shown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_come_and_go_leave_few_types_behind() {
        let wishes = Arc::new(Wishes::default());
        let want = |name: &str| wishes.want(std::iter::once(name));
        let stays = want("kept");
        for number in 0..10_000 {
            drop(want(&format!("type {number}")));
        }
        let (wanted, again) = wishes.wanted(Instant::now());
        assert!(wanted.len() <= MOST_LINGERING, "{}", wanted.len());
        assert!(wanted.contains(&"kept".to_owned()) && wanted.contains(&"type 9999".to_owned()));
        assert!(again.is_some(), "the last ones linger");
        drop(stays);
    }
}
