//! The client that subscribes on behalf of those who watch: in each overlay at most one, there while somebody wants messages.
//!
//! It is a client of protocol 2 like any other, over loopback, and shows among the members under the name `gossiperld-events-…`. Its subscriptions drop their oldest
//! messages when it is too slow. A type is subscribed to for a while after the last reader has gone, so that one who comes back has missed nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use gossiperl_client::{Client, Delivery, Options, SlowPolicy, Subscription, Value as Field};
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::history::Entry;
use crate::{manage::Running, random, rest::answer::timestamp};

/// How long a type stays subscribed to without a reader.
const LINGER: Duration = Duration::from_secs(60);
/// Types beyond which those without a reader linger no longer: who opens and closes streams makes nothing grow.
const MOST_LINGERING: usize = 1_024;
/// How long to wait before trying again what did not work.
const PAUSE: Duration = Duration::from_secs(1);
/// Messages on their way to the history.
const ON_THE_WAY: usize = 256;

/// The subscriptions that readers want.
pub(super) struct Observer {
    shared: Arc<Shared>,
    running: watch::Sender<Arc<Running>>,
    deliveries: Mutex<Option<mpsc::Receiver<Entry>>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
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
    shared: Arc<Shared>,
    types: Vec<String>,
}

impl Observer {
    /// Subscribes to nothing yet. Needs a tokio runtime.
    pub(super) fn start(running: Arc<Running>) -> Self {
        let shared = Arc::new(Shared::default());
        let (running, follows) = watch::channel(running);
        let (to_history, deliveries) = mpsc::channel(ON_THE_WAY);
        let task = tokio::spawn(observe(shared.clone(), follows, to_history));
        Observer { shared, running, deliveries: Mutex::new(Some(deliveries)), task }
    }

    /// The messages; to be asked for once.
    pub(super) fn deliveries(&self) -> mpsc::Receiver<Entry> {
        let taken = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.unwrap_or_else(|| mpsc::channel(1).1)
    }

    /// The overlay was started anew, or its keys have changed: the client begins anew, too.
    pub(super) fn follow(&self, running: Arc<Running>) {
        self.running.send_replace(running);
    }

    /// Wants these types of message.
    pub(super) fn want<'a>(&self, types: impl Iterator<Item = &'a str>) -> Wanted {
        let types: Vec<String> = types.map(str::to_owned).collect();
        self.shared.add(&types);
        self.shared.changed.notify_one();
        Wanted { shared: self.shared.clone(), types }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        let mut held = self.shared.types.lock().unwrap_or_else(PoisonError::into_inner);
        for name in &self.types {
            if let Some(wish) = held.get_mut(name) {
                wish.readers = wish.readers.saturating_sub(1);
                wish.since = Instant::now();
            }
        }
        drop(held);
        self.shared.changed.notify_one();
    }
}

impl Shared {
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

/// Brings what is subscribed to in line with what is wanted, and hands messages over.
async fn observe(
    shared: Arc<Shared>,
    mut running: watch::Receiver<Arc<Running>>,
    to_history: mpsc::Sender<Entry>,
) {
    let mut client: Option<Client> = None;
    let mut readers: BTreeMap<String, tokio::task::JoinHandle<()>> = BTreeMap::new();
    loop {
        let (wanted, mut again) = shared.wanted(Instant::now());
        readers.retain(|name, reader| {
            let keep = wanted.contains(name) && !reader.is_finished();
            if !keep {
                // Its subscription goes with it.
                reader.abort();
            }
            keep
        });
        if wanted.is_empty() {
            if let Some(client) = client.take() {
                client.close().await;
            }
        } else if client.is_none() {
            let overlay = running.borrow_and_update().clone();
            client = connect(&overlay).await;
        }
        for name in wanted.into_iter().filter(|_| client.is_some()) {
            if readers.contains_key(&name) {
                continue;
            }
            let Some(client) = &client else { break };
            match client.subscribe([name.as_str()], SlowPolicy::DropOldest).await {
                Ok(subscription) => {
                    readers.insert(name, tokio::spawn(read(subscription, to_history.clone())));
                }
                Err(error) => {
                    tracing::debug!(%error, event_type = %name, "cannot be observed");
                    again = Some(Instant::now() + PAUSE);
                }
            }
        }
        if client.is_none() && again.is_none() {
            again = (!shared.wanted(Instant::now()).0.is_empty()).then(|| Instant::now() + PAUSE);
        }
        let sleep = async {
            match again {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.changed.notified() => {}
            () = sleep => {}
            changed = running.changed() => {
                if changed.is_err() {
                    return;
                }
                // Keys or port may be others now.
                for (_, reader) in std::mem::take(&mut readers) {
                    reader.abort();
                }
                if let Some(client) = client.take() {
                    client.close().await;
                }
            }
        }
    }
}

async fn connect(running: &Running) -> Option<Client> {
    let settings = running.settings();
    let keys = running.handle().ring_keys().await.ok()?;
    let mut keys = keys.iter();
    let name = format!("gossiperld-events-{:08x}", random::number().ok()? as u32);
    let address = settings.client_address();
    let mut options = Options::new(address.port(), name.as_str(), keys.next()?)
        .address(address.ip())
        .secret(random::key().ok()?);
    for key in keys {
        options = options.additional_key(key);
    }
    match Client::connect(options).await {
        Ok(client) => Some(client),
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
    Entry { kind: event_type, delivery: true, data: data.to_string() }
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
        let shared = Arc::new(Shared::default());
        let want = |types: Vec<String>| {
            shared.add(&types);
            Wanted { shared: shared.clone(), types }
        };
        let stays = want(vec!["kept".to_owned()]);
        for number in 0..10_000 {
            drop(want(vec![format!("type {number}")]));
        }
        let (wanted, again) = shared.wanted(Instant::now());
        assert!(wanted.len() <= MOST_LINGERING, "{}", wanted.len());
        assert!(wanted.contains(&"kept".to_owned()) && wanted.contains(&"type 9999".to_owned()));
        assert!(again.is_some(), "the last ones linger");
        drop(stays);
    }
}
