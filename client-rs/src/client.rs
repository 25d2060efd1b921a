//! The client's face.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gossiperl_idl::custom::CustomDigest;

use crate::{
    Event, Events, Member, MemberChange, MemberWatch, Name, Options, Publisher, Receipt, SlowPolicy,
    Subscription, driver,
    error::{ConnectError, MembersError, PublishError, SubscribeError},
    publisher,
    shared::{Command, Inbox, Shared, Status},
};

/// A client of the host's daemon in one overlay: publishes, subscribes, and knows the members.
///
/// It connects again by itself when the daemon was away, subscribes again, and publishes again what the daemon had not
/// taken, with the same ids. Cloning gives another handle of the same client. It lives until [`close`](Self::close), or until the last handle,
/// publisher, receipt, subscription and watch of it is dropped; then what was published is still sent, within
/// [`Options::close_timeout`], and the daemon told that the client leaves.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/mod.rs"));
/// use gossiperl_client::{Client, Options, SlowPolicy};
///
/// # fn main() { run(async {
/// # let daemon = Daemon::start().await;
/// # let (port, key) = (daemon.port(), Daemon::KEY);
/// let shop = Client::connect(Options::new(port, "shop", key).secret("shop's")).await?;
/// let billing = Client::connect(Options::new(port, "billing", key).secret("billing's")).await?;
///
/// let mut orders = billing.subscribe(["orders"], SlowPolicy::Wait).await?;
/// shop.publish("orders", "three apples").await?;
///
/// let order = orders.next().await.expect("open");
/// assert_eq!(order.payload(), b"three apples");
/// shop.close().await;
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    handle: Arc<Handle>,
}

/// What keeps a client alive: dropping the last one closes it.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    address: SocketAddr,
    name: Name,
    close_timeout: Duration,
    next_id: AtomicU64,
    subscriptions: AtomicU64,
    flushed: AtomicU64,
}

impl Client {
    /// Starts a client and waits for its first session. Cancel safe: a client given up is closed.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Options`] and [`ConnectError::Socket`] at once; [`ConnectError::Refused`] with the daemon's first refusal;
    /// [`ConnectError::Unreachable`] or [`ConnectError::NoAnswer`] after [`Options::connect_timeout`].
    pub async fn connect(options: Options) -> Result<Client, ConnectError> {
        let timeout = options.connect_timeout;
        let client = Client::start(options)?;
        client.first_session(timeout).await?;
        Ok(client)
    }

    /// Starts a client without waiting for a session: the daemon may come later. What is published waits until then.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Options`], [`ConnectError::NoRuntime`] and [`ConnectError::Socket`].
    pub fn start(options: Options) -> Result<Client, ConnectError> {
        Client::start_observed(options).map(|(client, _)| client)
    }

    /// As [`start`](Self::start), with a reader of the client's events that misses none: [`events`](Self::events) tells what happens from when it is called.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_observed(options: Options) -> Result<(Client, Events), ConnectError> {
        options.check()?;
        let (address, name, close_timeout) = (options.address, options.name.clone(), options.close_timeout);
        let (shared, receiver) = driver::start(options)?;
        let client = Client {
            handle: Arc::new(Handle {
                shared,
                address,
                name,
                close_timeout,
                next_id: AtomicU64::new(0),
                subscriptions: AtomicU64::new(0),
                flushed: AtomicU64::new(0),
            }),
        };
        Ok((client, Events { receiver, ended: false }))
    }

    /// Waits for a session as [`connect`](Self::connect) does, for a client that was started without. Cancel safe; the client goes on trying afterwards, whatever the answer.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Refused`] with the daemon's first refusal; [`ConnectError::Unreachable`] or [`ConnectError::NoAnswer`] after `within`.
    pub async fn first_session(&self, within: Duration) -> Result<(), ConnectError> {
        let address = self.handle.address;
        let mut status = self.handle.shared.status.subscribe();
        let settled = |status: &Status| match status {
            Status::Connecting { refused, .. } => refused.is_some(),
            Status::Connected(_) | Status::Closed => true,
        };
        let reached = tokio::time::timeout(within, status.wait_for(settled)).await;
        let status = match reached {
            Ok(Ok(reached)) => reached.clone(),
            Ok(Err(_)) | Err(_) => self.handle.shared.status.borrow().clone(),
        };
        match status {
            Status::Connected(_) => Ok(()),
            Status::Connecting { refused: Some(refusal), .. } => Err(ConnectError::Refused(refusal)),
            Status::Connecting { unreachable: true, .. } => Err(ConnectError::Unreachable { address }),
            Status::Connecting { .. } | Status::Closed => {
                Err(ConnectError::NoAnswer { address, waited: within })
            }
        }
    }

    /// The client's name in the overlay.
    pub fn name(&self) -> &Name {
        &self.handle.name
    }

    /// The member name of the daemon there is a session with; `None` while there is none.
    pub fn daemon(&self) -> Option<Name> {
        match &*self.handle.shared.status.borrow() {
            Status::Connected(daemon) => Some(daemon.clone()),
            _ => None,
        }
    }

    /// Whether the client is closed, or about to be.
    pub fn is_closed(&self) -> bool {
        self.handle.shared.is_closed()
    }

    /// Waits until there is a session; false where the client was closed instead. Cancel safe.
    pub async fn connected(&self) -> bool {
        let mut status = self.handle.shared.status.subscribe();
        let settled = |status: &Status| !matches!(status, Status::Connecting { .. });
        matches!(status.wait_for(settled).await.as_deref(), Ok(Status::Connected(_)))
    }

    /// What happens to the client from now on. Every call gives a reader of its own.
    pub fn events(&self) -> Events {
        let shared = &self.handle.shared;
        let receiver = shared.events.subscribe();
        if *shared.status.borrow() == Status::Closed {
            let _ = shared.events.send(Event::Closed);
        }
        Events { receiver, ended: false }
    }

    /// Subscribes to event types (1 to 255 bytes each), and waits until the daemon serves them; while there is no session, until there
    /// is one. Cancel safe: a subscription given up is ended.
    ///
    /// Several subscriptions of one client may name the same type; each gets every message. To the daemon the type has then the stricter
    /// policy, [`SlowPolicy::Wait`].
    ///
    /// # Errors
    ///
    /// [`SubscribeError::NoTypes`], [`SubscribeError::BadType`], [`SubscribeError::ReservedType`], [`SubscribeError::TooMany`]
    /// (4,096 a client), [`SubscribeError::Refused`], [`SubscribeError::Closed`].
    pub async fn subscribe<I>(&self, types: I, policy: SlowPolicy) -> Result<Subscription, SubscribeError>
    where
        I: IntoIterator,
        I::Item: Into<Name>,
    {
        let types = checked_types(types.into_iter().map(Into::into))?;
        let handle = &self.handle;
        let live = handle.subscriptions.load(Ordering::Relaxed);
        if live >= MAX_SUBSCRIPTIONS {
            return Err(SubscribeError::TooMany { limit: MAX_SUBSCRIPTIONS as usize });
        }
        let (done, answer) = handle.shared.requests.answer().await.ok_or(SubscribeError::Closed)?;
        let id = handle.next_id.fetch_add(1, Ordering::Relaxed);
        let inbox = Arc::new(Inbox::new(policy, handle.shared.buffer));
        let command = Command::Subscribe { id, types: types.clone(), inbox: Arc::clone(&inbox), done };
        handle.shared.command(command).map_err(|_| SubscribeError::Closed)?;
        // From here on it unsubscribes when dropped.
        handle.subscriptions.fetch_add(1, Ordering::Relaxed);
        let subscription = Subscription::new(Arc::clone(handle), id, types, inbox);
        answer.await.unwrap_or(Err(SubscribeError::Closed))?;
        Ok(subscription)
    }

    /// A publisher of one event type (1 to 255 bytes, none of the daemon's own).
    ///
    /// # Errors
    ///
    /// [`PublishError::BadType`] and [`PublishError::ReservedType`].
    pub fn publisher(&self, event_type: impl Into<Name>) -> Result<Publisher, PublishError> {
        Publisher::new(Arc::clone(&self.handle), event_type.into())
    }

    /// Publishes one message and waits until the daemon has taken responsibility for it. See [`Publisher::publish`].
    ///
    /// # Errors
    ///
    /// As [`Publisher::publish`] and [`Client::publisher`].
    pub async fn publish(
        &self,
        event_type: impl Into<Name>,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        self.publisher(event_type)?.publish(payload).await
    }

    /// As [`publish`](Self::publish), of typed fields. See [`Publisher::publish_digest`].
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn publish_digest(
        &self,
        event_type: impl Into<Name>,
        digest: &CustomDigest,
    ) -> Result<(), PublishError> {
        self.publisher(event_type)?.publish_digest(digest).await
    }

    /// Publishes one message now or not at all. See [`Publisher::try_send`].
    ///
    /// # Errors
    ///
    /// As [`Publisher::try_send`] and [`Client::publisher`].
    pub fn try_publish(
        &self,
        event_type: impl Into<Name>,
        payload: impl AsRef<[u8]>,
    ) -> Result<Receipt, PublishError> {
        self.publisher(event_type)?.try_send(payload)
    }

    /// Waits until the daemon has taken responsibility for everything published so far. See [`Publisher::flush`].
    ///
    /// # Errors
    ///
    /// The first failure since the last flush of the client; [`PublishError::Closed`].
    pub async fn flush(&self) -> Result<(), PublishError> {
        publisher::flush(&self.handle.shared, &self.handle.flushed).await
    }

    /// The members as the daemon knows them now. In protocol 1 as of the daemon's last digest: itself and its local members.
    ///
    /// # Errors
    ///
    /// [`MembersError::TooMany`] beyond 65,536, [`MembersError::Refused`], [`MembersError::Closed`].
    pub async fn members(&self) -> Result<Vec<Member>, MembersError> {
        let shared = &self.handle.shared;
        let (done, answer) = shared.requests.answer().await.ok_or(MembersError::Closed)?;
        shared.command(Command::Members { done }).map_err(|_| MembersError::Closed)?;
        answer.await.unwrap_or(Err(MembersError::Closed))
    }

    /// The members as they are now, and every change from now on.
    ///
    /// # Errors
    ///
    /// As [`members`](Self::members).
    pub async fn watch_members(&self) -> Result<MemberWatch, MembersError> {
        let shared = &self.handle.shared;
        let (done, answer) = shared.requests.answer().await.ok_or(MembersError::Closed)?;
        shared.command(Command::Watch { done }).map_err(|_| MembersError::Closed)?;
        let roster = answer.await.unwrap_or(Err(MembersError::Closed))?;
        Ok(MemberWatch::new(Arc::clone(&self.handle), roster))
    }

    /// Adds a key to those the client opens with, where the overlay's keys are being changed. It seals with the one that the daemon
    /// seals with. Of eight keys the one that came first and does not seal gives way to a ninth.
    pub fn add_key(&self, symmetric_key: impl AsRef<[u8]>) {
        let key = zeroize::Zeroizing::new(symmetric_key.as_ref().to_vec());
        let _ = self.handle.shared.command(Command::AddKey { key });
    }

    /// Closes the client for all its handles: waits until what was published is acknowledged, but no longer than
    /// [`Options::close_timeout`], says goodbye to the daemon, and ends. Subscriptions can still be read to their end.
    pub async fn close(&self) {
        let mut status = self.handle.shared.status.subscribe();
        self.handle.close();
        let _ = status.wait_for(|status| *status == Status::Closed).await;
    }
}

impl Handle {
    /// One subscription less.
    pub(crate) fn subscription_ended(&self) {
        self.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }

    fn close(&self) {
        let _ = self.shared.command(Command::Close { within: self.close_timeout });
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

/// Whether the type is one of the daemon's own: changes of members, and the structs of protocol 1.
pub(crate) fn is_reserved(event_type: &[u8]) -> bool {
    MemberChange::from_event_type(event_type).is_some() || gossiperl_idl::digest::is_reserved(event_type)
}

/// The types without repetitions, if all of them are legal.
pub(crate) fn checked_types(types: impl Iterator<Item = Name>) -> Result<Vec<Name>, SubscribeError> {
    let mut checked: Vec<Name> = Vec::new();
    for event_type in types {
        if !event_type.is_valid() {
            return Err(SubscribeError::BadType { len: event_type.len() });
        }
        if is_reserved(&event_type) {
            return Err(SubscribeError::ReservedType { event_type });
        }
        checked.push(event_type);
    }
    checked.sort();
    checked.dedup();
    if checked.is_empty() {
        return Err(SubscribeError::NoTypes);
    }
    Ok(checked)
}

/// Subscriptions of one client at a time.
const MAX_SUBSCRIPTIONS: u64 = 4_096;
