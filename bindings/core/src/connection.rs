//! A client as languages see it.

use std::{
    sync::{Mutex as Lock, PoisonError},
    time::Duration,
};

use gossiperl_client::{Client, CustomDigest, Member, Name, Publisher, Selection, SlowPolicy};
use tokio::{sync::Mutex, task::JoinSet};

use crate::{
    Error, Event, Kind, Settings, runtime,
    stream::{Arrivals, Stream},
};

/// A client of one overlay, with one stream of events.
///
/// Everything may be called from any thread, several at once. Futures may be awaited on any executor, and dropped at any time. Dropping the connection closes it in the background.
pub struct Connection {
    client: Client,
    overlay: Option<String>,
    slow_policy: SlowPolicy,
    /// The process it was made in.
    process: u32,
    selection: Mutex<Option<Selection>>,
    arrivals: Arrivals,
    stream: Mutex<Stream>,
    /// The publisher of the type that was sent last: making one costs more than sending.
    last: Lock<Option<(Name, Publisher)>>,
}

/// Where a connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No session yet, or none any more; the connection goes on trying.
    Connecting,
    /// A session with the daemon of this name.
    Connected(Name),
    /// Closed, or closing.
    Closed,
}

impl State {
    /// Its name, the same in every language.
    pub const fn name(&self) -> &'static str {
        match self {
            State::Connecting => "connecting",
            State::Connected(_) => "connected",
            State::Closed => "closed",
        }
    }
}

impl Connection {
    /// Connects, and waits for the first session.
    ///
    /// # Errors
    ///
    /// [`Kind::Option`], [`Kind::System`], [`Kind::Refused`] at once; [`Kind::Unreachable`] or [`Kind::Timeout`] after `connect_timeout`.
    pub async fn connect(settings: &Settings) -> Result<Connection, Error> {
        let timeout = settings.check()?.connect_timeout;
        let connection = Connection::start(settings)?;
        let client = connection.client.clone();
        // Its timers are the runtime's, whoever waits.
        let first = runtime()?.spawn(async move { client.first_session(timeout).await });
        first.await.map_err(|_| Error::closed())??;
        Ok(connection)
    }

    /// As [`connect`](Self::connect), without waiting: the daemon may come later. What is published waits until then.
    ///
    /// # Errors
    ///
    /// [`Kind::Option`], [`Kind::System`].
    pub fn start(settings: &Settings) -> Result<Connection, Error> {
        let checked = settings.check()?;
        let runtime = runtime()?;
        let _inside = runtime.enter();
        let (client, events) = Client::start_observed(checked.options)?;
        Ok(Connection {
            client,
            overlay: settings.overlay.clone(),
            slow_policy: checked.slow_policy,
            process: std::process::id(),
            selection: Mutex::new(None),
            arrivals: Arrivals::default(),
            stream: Mutex::new(Stream::new(events)),
            last: Lock::new(None),
        })
    }

    /// What the application calls the overlay.
    pub fn overlay(&self) -> Option<&str> {
        self.overlay.as_deref()
    }

    /// The client's name.
    pub fn name(&self) -> &Name {
        self.client.name()
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        if self.client.is_closed() {
            return State::Closed;
        }
        self.client.daemon().map_or(State::Connecting, State::Connected)
    }

    /// Subscribes to event types, and waits until the daemon serves them; while there is no session, until there is one. Those subscribed to already are left as they are.
    ///
    /// # Errors
    ///
    /// [`Kind::Argument`], [`Kind::Refused`], [`Kind::Closed`], [`Kind::Forked`]. None of the types is subscribed to then.
    pub async fn subscribe(&self, event_types: Vec<Name>) -> Result<(), Error> {
        self.own()?;
        let mut selection = self.selection.lock().await;
        if let Some(selection) = &*selection {
            let selection = selection.clone();
            return Ok(selection.add(event_types).await?);
        }
        let subscription = self.client.subscribe(event_types, self.slow_policy).await?;
        *selection = Some(subscription.selection());
        self.arrivals.subscription(subscription);
        Ok(())
    }

    /// Ends subscriptions, and waits until the daemon knows. What was delivered before is still read. Types not subscribed to are left out.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe), but nothing is refused.
    pub async fn unsubscribe(&self, event_types: Vec<Name>) -> Result<(), Error> {
        self.own()?;
        let selection = self.selection.lock().await;
        match &*selection {
            Some(selection) => Ok(selection.remove(event_types).await?),
            None if self.client.is_closed() => Err(Error::closed()),
            None => Ok(()),
        }
    }

    /// The event types subscribed to, by name. Waits for changes under way.
    pub async fn subscriptions(&self) -> Vec<Name> {
        self.selection.lock().await.as_ref().map(Selection::event_types).unwrap_or_default()
    }

    /// Publishes one message of 0 to 60,000 bytes, and waits until the daemon has taken responsibility for it.
    ///
    /// # Errors
    ///
    /// [`Kind::Argument`], [`Kind::Refused`], [`Kind::NotAcknowledged`], [`Kind::Closed`], [`Kind::Forked`].
    pub async fn publish(&self, event_type: Name, payload: &[u8]) -> Result<(), Error> {
        self.own()?;
        Ok(self.client.publisher(event_type)?.publish(payload).await?)
    }

    /// Hands over one message as soon as there is room, and does not wait for the acknowledgement: [`flush`](Self::flush) does, and tells what failed.
    ///
    /// # Errors
    ///
    /// [`Kind::Argument`], [`Kind::Closed`], [`Kind::Forked`].
    pub async fn send(&self, event_type: Name, payload: &[u8]) -> Result<(), Error> {
        self.own()?;
        Ok(self.publisher(event_type)?.send(payload).await?)
    }

    /// As [`send`](Self::send) for many, in order, and up to the first that fails. It is the runtime that waits for room, so who awaits this is woken once. Dropped, it hands over
    /// no more.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_all(&self, messages: Vec<(Name, Vec<u8>)>) -> Result<(), Error> {
        self.own()?;
        let client = self.client.clone();
        let sending = async move {
            let mut publishers: Option<(Name, Publisher)> = None;
            for (event_type, payload) in messages {
                let publisher = match publishers.take() {
                    Some((same, publisher)) if same == event_type => publisher,
                    _ => client.publisher(event_type.clone())?,
                };
                publisher.send(&payload).await?;
                publishers = Some((event_type, publisher));
            }
            Ok(())
        };
        // A set ends its tasks when it is dropped.
        let mut task = JoinSet::new();
        task.spawn_on(sending, &runtime()?);
        task.join_next().await.map_or(Ok(()), |ended| ended.map_err(|_| Error::closed())?)
    }

    /// As [`send`](Self::send), now or not at all.
    ///
    /// # Errors
    ///
    /// [`Kind::Busy`] beside those of [`send`](Self::send).
    pub fn try_send(&self, event_type: Name, payload: &[u8]) -> Result<(), Error> {
        self.own()?;
        // Whether it failed is told by the next flush.
        self.publisher(event_type)?.try_send(payload).map(drop)?;
        Ok(())
    }

    /// Waits until the daemon has taken responsibility for everything published so far.
    ///
    /// # Errors
    ///
    /// The first failure since the last flush; [`Kind::Closed`] where the connection was closed before something was acknowledged; [`Kind::Forked`].
    pub async fn flush(&self) -> Result<(), Error> {
        self.own()?;
        Ok(self.client.flush().await?)
    }

    /// The members as the daemon knows them now.
    ///
    /// # Errors
    ///
    /// [`Kind::System`] beyond 65,536, [`Kind::Refused`], [`Kind::Closed`], [`Kind::Forked`].
    pub async fn members(&self) -> Result<Vec<Member>, Error> {
        self.own()?;
        Ok(self.client.members().await?)
    }

    /// The members as they are now; every change from now on is an [`Event::Member`].
    ///
    /// # Errors
    ///
    /// As [`members`](Self::members).
    pub async fn watch_members(&self) -> Result<Vec<Member>, Error> {
        self.own()?;
        let watch = self.client.watch_members().await?;
        let now = watch.current();
        self.arrivals.members(watch);
        Ok(now)
    }

    /// Adds a key of the overlay's ring to those it opens with.
    ///
    /// # Errors
    ///
    /// [`Kind::Option`] for an empty one.
    pub fn add_key(&self, key: &[u8]) -> Result<(), Error> {
        if key.is_empty() {
            return Err(Error::option("key", "the key is empty: give one of the overlay's symmetric keys"));
        }
        self.client.add_key(key);
        Ok(())
    }

    /// Waits for events and takes at most `max` (at least 1) of them: in the order they came, as many as there are. Empty when `timeout` is over; `None` when the connection is
    /// closed and everything has been read. Several at once share the events. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`Kind::Forked`].
    pub async fn next_events(
        &self,
        max: usize,
        timeout: Option<Duration>,
    ) -> Result<Option<Vec<Event>>, Error> {
        self.own()?;
        let next = async { self.stream.lock().await.next(&self.arrivals, max.max(1)).await };
        let Some(timeout) = timeout else { return Ok(next.await) };
        // A timer is the runtime's, whoever waits.
        let runtime = runtime()?;
        let limited = {
            let _inside = runtime.enter();
            tokio::time::timeout(timeout, next)
        };
        Ok(limited.await.unwrap_or_else(|_| Some(Vec::new())))
    }

    /// As [`next_events`](Self::next_events), but takes only what is there now. Empty where there is nothing, or another waits for it.
    ///
    /// # Errors
    ///
    /// [`Kind::Forked`].
    pub fn try_next_events(&self, max: usize) -> Result<Vec<Event>, Error> {
        self.own()?;
        Ok(self
            .stream
            .try_lock()
            .map_or_else(|_| Vec::new(), |mut stream| stream.now(&self.arrivals, max.max(1))))
    }

    /// Lets the work under way come to its end before closing: ends all subscriptions, and waits until everything published is acknowledged. What was delivered is still read.
    ///
    /// # Errors
    ///
    /// The first failure since the last flush; [`Kind::Closed`] where the connection was closed before something was acknowledged; [`Kind::Forked`].
    pub async fn drain(&self) -> Result<(), Error> {
        let subscribed = self.subscriptions().await;
        if !subscribed.is_empty() {
            self.unsubscribe(subscribed).await?;
        }
        self.flush().await
    }

    /// Closes: waits until what was published is acknowledged, but no longer than `close_timeout`, and says goodbye to the daemon. What was delivered can still be read. Closing
    /// again does nothing.
    ///
    /// # Errors
    ///
    /// [`Kind::Forked`].
    pub async fn close(&self) -> Result<(), Error> {
        self.own()?;
        self.client.close().await;
        Ok(())
    }

    /// Publishes typed fields; see [`publish`](Self::publish).
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn publish_digest(&self, event_type: Name, digest: &CustomDigest) -> Result<(), Error> {
        let mut payload = Vec::with_capacity(digest.encoded_len());
        digest.write(&mut payload);
        self.publish(event_type, &payload).await
    }

    fn publisher(&self, event_type: Name) -> Result<Publisher, Error> {
        // Nothing panics between two consistent states.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, publisher)) = &*last
            && *same == event_type
        {
            return Ok(publisher.clone());
        }
        let publisher = self.client.publisher(event_type.clone())?;
        *last = Some((event_type, publisher.clone()));
        Ok(publisher)
    }

    fn own(&self) -> Result<(), Error> {
        if self.process == std::process::id() {
            return Ok(());
        }
        let message = "this client belongs to the parent process: make a new one after the fork";
        Err(Error::new(Kind::Forked, message))
    }
}
