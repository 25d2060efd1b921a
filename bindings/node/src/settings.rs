//! Options as the package's JavaScript hands them over, checked for their types there.

use gossiperl_bindings::{Error, Settings, text};
use napi::bindgen_prelude::{Uint8Array, Utf16String};
use napi_derive::napi;
use zeroize::Zeroizing;

/// The options of a client; times in seconds.
#[napi(object, object_to_js = false)]
pub struct NativeSettings {
    /// See the core's `Settings`, as all of these.
    pub overlay: Option<String>,
    /// An integer.
    pub port: i64,
    /// Text by the rule of names.
    pub name: Utf16String,
    /// Bytes.
    pub secret: Option<Uint8Array>,
    /// Bytes.
    pub key: Uint8Array,
    /// Bytes each.
    pub additional_keys: Option<Vec<Uint8Array>>,
    /// An integer.
    pub protocol: Option<i64>,
    /// An IP address.
    pub address: Option<String>,
    /// Seconds.
    pub connect_timeout: Option<f64>,
    /// Seconds.
    pub close_timeout: Option<f64>,
    /// An integer.
    pub publish_window: Option<i64>,
    /// An integer.
    pub publish_window_bytes: Option<i64>,
    /// An integer.
    pub delivery_buffer: Option<i64>,
    /// An integer.
    pub delivery_buffer_bytes: Option<i64>,
    /// A word.
    pub slow_policy: Option<String>,
}

impl NativeSettings {
    /// The core's, with copies of all secrets that are overwritten when dropped.
    pub(crate) fn settings(self) -> Result<Settings, Error> {
        let name = text::from_utf16(&self.name).map_err(|error| Error::option("name", error.message))?;
        let mut settings = Settings::new(self.port, name, secret(&self.key).to_vec());
        settings.secret = self.secret.as_ref().map(secret).unwrap_or_default();
        settings.additional_keys = self.additional_keys.iter().flatten().map(secret).collect();
        settings.overlay = self.overlay;
        settings.protocol = self.protocol;
        settings.address = self.address;
        settings.connect_timeout = self.connect_timeout;
        settings.close_timeout = self.close_timeout;
        settings.publish_window = self.publish_window;
        settings.publish_window_bytes = self.publish_window_bytes;
        settings.delivery_buffer = self.delivery_buffer;
        settings.delivery_buffer_bytes = self.delivery_buffer_bytes;
        settings.slow_policy = self.slow_policy;
        Ok(settings)
    }
}

fn secret(bytes: &Uint8Array) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(bytes.to_vec())
}
