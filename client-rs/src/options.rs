//! What a client is told when it starts.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use zeroize::Zeroizing;

use crate::{Name, error::OptionsError};

/// How to reach the daemon, who we are, and the bounds of memory. [`Options::new`] gives the defaults.
///
/// ```
/// use gossiperl_client::{Options, Protocol};
///
/// let options = Options::new(6666, "billing", "the overlay's symmetric key")
///     .secret("billing's own secret")
///     .protocol(Protocol::Sealed);
/// assert!(!format!("{options:?}").contains("secret\": \"billing"));
/// ```
#[derive(Clone)]
pub struct Options {
    pub(crate) address: SocketAddr,
    pub(crate) name: Name,
    pub(crate) secret: Zeroizing<Vec<u8>>,
    pub(crate) keys: Vec<Zeroizing<Vec<u8>>>,
    pub(crate) protocol: Protocol,
    pub(crate) connect_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) window: Bound,
    pub(crate) buffer: Bound,
}

/// The protocol spoken with the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Protocol 2: sealed, acknowledged in batches, each message once. The default.
    #[default]
    Sealed,
    /// Protocol 1 of 2014: for daemons that speak nothing else. One datagram a message, no replay protection,
    /// payloads up to some 49,000 bytes, [`SlowPolicy::Wait`](crate::SlowPolicy) only.
    Legacy,
}

/// A bound on what waits: so many messages, so many bytes, whichever is reached first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Options {
    /// A client called `name` (1 to 255 bytes, unique in the overlay) of the daemon whose overlay is bound to `port` on 127.0.0.1
    /// and has this `symmetric_key`.
    pub fn new(port: u16, name: impl Into<Name>, symmetric_key: impl AsRef<[u8]>) -> Self {
        Options {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            name: name.into(),
            secret: Zeroizing::new(Vec::new()),
            keys: vec![Zeroizing::new(symmetric_key.as_ref().to_vec())],
            protocol: Protocol::default(),
            connect_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            window: Bound { messages: 16_384, bytes: 8 << 20 },
            buffer: Bound { messages: 16_384, bytes: 8 << 20 },
        }
    }

    /// The loopback address the daemon's overlay is bound to, where that is another than the default 127.0.0.1: the daemon takes
    /// clients of its own host alone.
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address.set_ip(address);
        self
    }

    /// The client's own secret, 0 to 255 bytes: the daemon binds it to the name at first use. Default empty.
    pub fn secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.secret = Zeroizing::new(secret.as_ref().to_vec());
        self
    }

    /// Another key of the overlay's ring, where its keys are being changed: the client opens with all of them (8 at most), and
    /// seals with the one that the daemon seals with.
    pub fn additional_key(mut self, symmetric_key: impl AsRef<[u8]>) -> Self {
        self.keys.push(Zeroizing::new(symmetric_key.as_ref().to_vec()));
        self
    }

    /// The protocol spoken. Default [`Protocol::Sealed`].
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// How long [`Client::connect`](crate::Client::connect) waits for the first session. Default 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long closing waits for what was published to be acknowledged. Default 2 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Published messages, and their bytes, that may wait for the daemon's acknowledgement; beyond it publishing waits.
    /// Default 16,384 messages and 8 MiB. At least one message of any size fits.
    pub fn publish_window(mut self, messages: usize, bytes: usize) -> Self {
        self.window = Bound { messages: messages.max(1), bytes };
        self
    }

    /// Deliveries, and their bytes, that may wait for the reader of one subscription; beyond it the subscription's
    /// [`SlowPolicy`](crate::SlowPolicy) applies. As many again may be in the reader's hands.
    /// Default 16,384 deliveries and 8 MiB. At least one delivery of any size fits.
    pub fn subscription_buffer(mut self, deliveries: usize, bytes: usize) -> Self {
        self.buffer = Bound { messages: deliveries.max(1), bytes };
        self
    }

    /// The first option that is out of its range, if one is.
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        if self.address.port() == 0 {
            return Err(OptionsError::Port);
        }
        if !self.address.ip().is_loopback() {
            return Err(OptionsError::Address { address: self.address.ip() });
        }
        if !self.name.is_valid() {
            return Err(OptionsError::Name { len: self.name.len() });
        }
        if self.protocol == Protocol::Sealed && self.name.as_str().is_none() {
            return Err(OptionsError::NameNotText);
        }
        if self.secret.len() > Name::MAX {
            return Err(OptionsError::Secret { len: self.secret.len() });
        }
        if self.keys.iter().any(|key| key.is_empty()) {
            return Err(OptionsError::Key);
        }
        if self.keys.len() > MAX_KEYS {
            return Err(OptionsError::Keys { count: self.keys.len() });
        }
        Ok(())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("address", &self.address)
            .field("name", &self.name)
            .field("secret", &"protected")
            .field("keys", &self.keys.len())
            .field("protocol", &self.protocol)
            .field("connect_timeout", &self.connect_timeout)
            .field("close_timeout", &self.close_timeout)
            .field("window", &self.window)
            .field("buffer", &self.buffer)
            .finish()
    }
}

/// Keys of an overlay's ring (PROTOCOL.md section 2).
const MAX_KEYS: usize = 8;
