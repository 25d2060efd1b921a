//! Options as a language hands them over.

use std::{fmt, net::IpAddr, time::Duration};

use gossiperl_client::{Options, Protocol, SlowPolicy};
use zeroize::Zeroizing;

use crate::Error;

/// The options of a connection, in the widest types: a number of any size, any bytes. What is out of its range is an error that names the option as languages spell it, in
/// lower case with underscores; each spells it in its own convention.
///
/// Times are in seconds, sizes in messages and bytes. `None` stands for the default.
#[derive(Clone)]
pub struct Settings {
    /// `overlay`: what the application calls the overlay. It is not sent; it tells connections of several overlays apart.
    pub overlay: Option<String>,
    /// `port`: the port that the daemon's overlay is bound to, 1 to 65535.
    pub port: i64,
    /// `name`: the client's name, 1 to 255 bytes, unique in the overlay.
    pub name: Vec<u8>,
    /// `secret`: the client's own, 0 to 255 bytes; the daemon binds it to the name at first use.
    pub secret: Zeroizing<Vec<u8>>,
    /// `key`: the overlay's symmetric key, at least 1 byte.
    pub key: Zeroizing<Vec<u8>>,
    /// `additional_keys`: further keys of the overlay's ring to open with, 7 at most.
    pub additional_keys: Vec<Zeroizing<Vec<u8>>>,
    /// `protocol`: 2, the default, or 1 for the daemons of 2014.
    pub protocol: Option<i64>,
    /// `address`: the loopback address that the overlay is bound to. Default 127.0.0.1.
    pub address: Option<String>,
    /// `connect_timeout`: how long connecting waits for the first session, above 0. Default 10.
    pub connect_timeout: Option<f64>,
    /// `close_timeout`: how long closing waits for what was published to be acknowledged. Default 2.
    pub close_timeout: Option<f64>,
    /// `publish_window`: published messages that may wait for acknowledgement. Default 16,384.
    pub publish_window: Option<i64>,
    /// `publish_window_bytes`: their bytes. Default 8 MiB.
    pub publish_window_bytes: Option<i64>,
    /// `delivery_buffer`: deliveries that may wait to be read. Default 16,384.
    pub delivery_buffer: Option<i64>,
    /// `delivery_buffer_bytes`: their bytes. Default 8 MiB.
    pub delivery_buffer_bytes: Option<i64>,
    /// `slow_policy`: `wait`, the default, holds publishers back when deliveries are read too slowly; `drop_oldest` drops and counts.
    pub slow_policy: Option<String>,
}

/// What a connection is made of.
pub(crate) struct Checked {
    pub(crate) options: Options,
    pub(crate) connect_timeout: Duration,
    pub(crate) slow_policy: SlowPolicy,
}

impl Settings {
    /// Those without a default; all others have theirs.
    pub fn new(port: i64, name: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Settings {
            overlay: None,
            port,
            name: name.into(),
            secret: Zeroizing::default(),
            key: Zeroizing::new(key.into()),
            additional_keys: Vec::new(),
            protocol: None,
            address: None,
            connect_timeout: None,
            close_timeout: None,
            publish_window: None,
            publish_window_bytes: None,
            delivery_buffer: None,
            delivery_buffer_bytes: None,
            slow_policy: None,
        }
    }

    pub(crate) fn check(&self) -> Result<Checked, Error> {
        let port = u16::try_from(self.port).map_err(|_| {
            Error::option("port", format!("port is {}: give the port of the overlay, 1 to 65535", self.port))
        })?;
        let mut options = Options::new(port, self.name.as_slice(), &*self.key).secret(&*self.secret);
        for key in &self.additional_keys {
            if key.is_empty() {
                return Err(Error::option(
                    "additional_keys",
                    "one of additional_keys is empty: leave it out",
                ));
            }
            options = options.additional_key(&**key);
        }
        options = options.protocol(match self.protocol {
            None | Some(2) => Protocol::Sealed,
            Some(1) => Protocol::Legacy,
            Some(other) => {
                let message = format!("protocol is {other}: give 2, or 1 for daemons of 2014");
                return Err(Error::option("protocol", message));
            }
        });
        if let Some(address) = &self.address {
            let parsed: Result<IpAddr, _> = address.parse();
            let message = || format!("address {address:?} is not an IP address: give one such as 127.0.0.1");
            options = options.address(parsed.map_err(|_| Error::option("address", message()))?);
        }
        let connect_timeout = seconds("connect_timeout", self.connect_timeout, 10.0)?;
        if connect_timeout.is_zero() {
            return Err(Error::option("connect_timeout", "connect_timeout is 0: give seconds above 0"));
        }
        let close_timeout = seconds("close_timeout", self.close_timeout, 2.0)?;
        let window = bound("publish_window", self.publish_window, MESSAGES)?;
        let window_bytes = bound("publish_window_bytes", self.publish_window_bytes, BYTES)?;
        let buffer = bound("delivery_buffer", self.delivery_buffer, MESSAGES)?;
        let buffer_bytes = bound("delivery_buffer_bytes", self.delivery_buffer_bytes, BYTES)?;
        let options = options
            .connect_timeout(connect_timeout)
            .close_timeout(close_timeout)
            .publish_window(window, window_bytes)
            .subscription_buffer(buffer, buffer_bytes);
        let slow_policy = match self.slow_policy.as_deref() {
            None | Some("wait") => SlowPolicy::Wait,
            Some("drop_oldest") => SlowPolicy::DropOldest,
            Some(other) => {
                let message = format!("slow_policy is {other:?}: give \"wait\" or \"drop_oldest\"");
                return Err(Error::option("slow_policy", message));
            }
        };
        Ok(Checked { options, connect_timeout, slow_policy })
    }
}

impl fmt::Debug for Settings {
    /// Without secrets and keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(&self.name);
        formatter
            .debug_struct("Settings")
            .field("overlay", &self.overlay)
            .field("port", &self.port)
            .field("name", &name)
            .finish_non_exhaustive()
    }
}

fn seconds(option: &'static str, given: Option<f64>, default: f64) -> Result<Duration, Error> {
    let given = given.unwrap_or(default);
    let message = || format!("{option} is {given}: give seconds, 0 to {LONGEST}");
    match Duration::try_from_secs_f64(given) {
        Ok(time) if given <= LONGEST => Ok(time),
        _ => Err(Error::option(option, message())),
    }
}

fn bound(option: &'static str, given: Option<i64>, default: i64) -> Result<usize, Error> {
    let given = given.unwrap_or(default);
    let message = || format!("{option} is {given}: give 1 to {MOST}");
    match usize::try_from(given) {
        Ok(bound) if (1..=MOST).contains(&given) => Ok(bound),
        _ => Err(Error::option(option, message())),
    }
}

/// Messages and bytes that may wait, where nothing else is said.
const MESSAGES: i64 = 16_384;
const BYTES: i64 = 8 << 20;
/// The largest bound of either.
const MOST: i64 = 1 << 32;
/// The longest time, seconds: a day.
const LONGEST: f64 = 86_400.0;
