//! Options as they cross.

use gossiperl_bindings::Settings;
use zeroize::Zeroizing;

/// The options of `bindings/README.md`; `None` stands for the default. No `Debug`: it holds a secret and keys.
#[derive(uniffi::Record)]
pub struct ConnectOptions {
    /// `overlay`.
    pub overlay: Option<String>,
    /// `port`.
    pub port: i64,
    /// `name`.
    pub name: Vec<u8>,
    /// `secret`.
    pub secret: Vec<u8>,
    /// `key`.
    pub key: Vec<u8>,
    /// `additional_keys`.
    pub additional_keys: Vec<Vec<u8>>,
    /// `protocol`.
    pub protocol: Option<i64>,
    /// `address`.
    pub address: Option<String>,
    /// `connect_timeout`, seconds.
    pub connect_timeout: Option<f64>,
    /// `close_timeout`, seconds.
    pub close_timeout: Option<f64>,
    /// `publish_window`, messages.
    pub publish_window: Option<i64>,
    /// `publish_window_bytes`.
    pub publish_window_bytes: Option<i64>,
    /// `delivery_buffer`, messages.
    pub delivery_buffer: Option<i64>,
    /// `delivery_buffer_bytes`.
    pub delivery_buffer_bytes: Option<i64>,
    /// `slow_policy`.
    pub slow_policy: Option<String>,
}

impl From<ConnectOptions> for Settings {
    fn from(given: ConnectOptions) -> Self {
        Settings {
            overlay: given.overlay,
            port: given.port,
            name: given.name,
            secret: Zeroizing::new(given.secret),
            key: Zeroizing::new(given.key),
            additional_keys: given.additional_keys.into_iter().map(Zeroizing::new).collect(),
            protocol: given.protocol,
            address: given.address,
            connect_timeout: given.connect_timeout,
            close_timeout: given.close_timeout,
            publish_window: given.publish_window,
            publish_window_bytes: given.publish_window_bytes,
            delivery_buffer: given.delivery_buffer,
            delivery_buffer_bytes: given.delivery_buffer_bytes,
            slow_policy: given.slow_policy,
        }
    }
}
