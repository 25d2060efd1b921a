//! Publishing.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use gossiperl_idl::{custom::CustomDigest, message::MAX_PAYLOAD};

use crate::{
    Name, Protocol,
    client::{Handle, is_reserved},
    error::{BusyReason, PublishError},
    session::legacy::max_payload,
    shared::{Full, Shared},
};

/// Publishes messages of one event type, as fast as the daemon takes them. From [`Client::publisher`](crate::Client::publisher).
///
/// [`send`](Self::send) returns as soon as there is room in the window of unacknowledged messages
/// ([`Options::publish_window`](crate::Options::publish_window)); [`flush`](Self::flush) waits until the daemon has taken
/// responsibility for all of them. Messages keep their order.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/mod.rs"));
/// # fn main() { run(async {
/// # let daemon = Daemon::start().await;
/// # let client = daemon.client("meter").await;
/// let publisher = client.publisher("temperature")?;
/// for reading in 0..1_000 {
///     publisher.send(format!("{reading}")).await?;
/// }
/// publisher.flush().await?;
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
pub struct Publisher {
    handle: Arc<Handle>,
    event_type: Name,
    limit: usize,
    /// Messages below this index have been flushed: their failures have been told.
    flushed: Arc<AtomicU64>,
}

impl Publisher {
    pub(crate) fn new(handle: Arc<Handle>, event_type: Name) -> Result<Self, PublishError> {
        let limit = limit(handle.shared.protocol, &event_type)?;
        let flushed = Arc::new(AtomicU64::new(handle.shared.accepted()));
        Ok(Publisher { handle, event_type, limit, flushed })
    }

    /// The event type it publishes.
    pub fn event_type(&self) -> &Name {
        &self.event_type
    }

    /// Publishes a message and waits until the daemon has taken responsibility for it: it is then in the queue of every
    /// subscriber. While the daemon is away, or holds the type back, it waits; put a timeout around it where that is too long. A message whose future is
    /// dropped before it was accepted is not sent, afterwards it is.
    ///
    /// # Errors
    ///
    /// [`PublishError::TooLarge`], [`PublishError::Closed`], [`PublishError::Refused`], in protocol 1
    /// [`PublishError::NotAcknowledged`].
    pub async fn publish(&self, payload: impl AsRef<[u8]>) -> Result<(), PublishError> {
        let index = self.accept(payload.as_ref()).await?;
        Done { shared: &self.handle.shared, index }.await
    }

    /// As [`publish`](Self::publish), of typed fields.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/mod.rs"));
    /// # fn main() { run(async {
    /// # let daemon = Daemon::start().await;
    /// # let (client, other) = (daemon.client("meter").await, daemon.client("other").await);
    /// # let mut readings = other.subscribe(["reading"], Default::default()).await?;
    /// use gossiperl_client::CustomDigest;
    ///
    /// let digest = CustomDigest::new().with(1, "boiler").with(2, 71.5).with(3, true);
    /// client.publisher("reading")?.publish_digest(&digest).await?;
    ///
    /// # let delivery = readings.next().await.expect("open");
    /// let digest = delivery.digest()?;
    /// assert_eq!(digest.get::<&str>(1)?, "boiler");
    /// assert_eq!(digest.get::<f64>(2)?, 71.5);
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn publish_digest(&self, digest: &CustomDigest) -> Result<(), PublishError> {
        let mut payload = Vec::with_capacity(digest.encoded_len());
        digest.write(&mut payload);
        self.publish(payload).await
    }

    /// Hands over a message as soon as there is room, and does not wait for the acknowledgement. Whether it failed is told by
    /// the next [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// [`PublishError::TooLarge`] and [`PublishError::Closed`]; nothing was handed over then.
    pub async fn send(&self, payload: impl AsRef<[u8]>) -> Result<(), PublishError> {
        self.accept(payload.as_ref()).await.map(drop)
    }

    /// Hands over a message now, or not at all. The [`Receipt`] completes at the acknowledgement; it need not be waited for.
    ///
    /// # Errors
    ///
    /// [`PublishError::Busy`] where the type is held back or the window full, otherwise as [`send`](Self::send).
    pub fn try_send(&self, payload: impl AsRef<[u8]>) -> Result<Receipt, PublishError> {
        let payload = payload.as_ref();
        self.check(payload)?;
        let shared = &self.handle.shared;
        match shared.try_accept(&self.event_type, payload)? {
            Ok(accepted) => Ok(Receipt { handle: Arc::clone(&self.handle), index: accepted.index }),
            Err(full) => Err(PublishError::Busy {
                event_type: self.event_type.clone(),
                reason: match full {
                    Full::Window => BusyReason::Window,
                    Full::Paused => BusyReason::Paused,
                },
            }),
        }
    }

    /// Waits until the daemon has taken responsibility for everything this client has published so far.
    ///
    /// # Errors
    ///
    /// The first failure since the last flush, if there was one; [`PublishError::Closed`].
    pub async fn flush(&self) -> Result<(), PublishError> {
        flush(&self.handle.shared, &self.flushed).await
    }

    async fn accept(&self, payload: &[u8]) -> Result<u64, PublishError> {
        self.check(payload)?;
        self.handle.shared.accept(&self.event_type, payload).await
    }

    fn check(&self, payload: &[u8]) -> Result<(), PublishError> {
        if payload.len() > self.limit {
            return Err(PublishError::TooLarge { len: payload.len(), limit: self.limit });
        }
        Ok(())
    }
}

/// Completes when the daemon has taken responsibility for one message. From [`Publisher::try_send`] and
/// [`Client::try_publish`](crate::Client::try_publish).
///
/// Dropping it changes nothing for the message.
#[derive(Debug)]
#[must_use = "says whether the daemon has taken the message; drop it where that does not matter"]
pub struct Receipt {
    handle: Arc<Handle>,
    index: u64,
}

impl Future for Receipt {
    type Output = Result<(), PublishError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.handle.shared.poll_done(self.index, context)
    }
}

/// As [`Receipt`], borrowed.
struct Done<'a> {
    shared: &'a Shared,
    index: u64,
}

impl Future for Done<'_> {
    type Output = Result<(), PublishError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.shared.poll_done(self.index, context)
    }
}

/// Waits for everything published so far, and tells the first failure since `flushed`.
pub(crate) async fn flush(shared: &Shared, flushed: &AtomicU64) -> Result<(), PublishError> {
    let upto = shared.accepted();
    if let Some(index) = upto.checked_sub(1) {
        Done { shared, index }.await?;
    }
    let from = flushed.fetch_max(upto, Ordering::Relaxed);
    shared.first_failure(from).map_or(Ok(()), Err)
}

/// The largest payload of messages of this type; or why there can be none of it.
pub(crate) fn limit(protocol: Protocol, event_type: &Name) -> Result<usize, PublishError> {
    if !event_type.is_valid() {
        return Err(PublishError::BadType { len: event_type.len() });
    }
    if is_reserved(event_type) {
        return Err(PublishError::ReservedType { event_type: event_type.clone() });
    }
    Ok(match protocol {
        Protocol::Sealed => MAX_PAYLOAD,
        Protocol::Legacy => max_payload(event_type.len()),
    })
}
