//! What a client is made of, option by option.

use gossiperl_bindings::{Error as CoreError, Kind, Settings};
use zeroize::Zeroizing;

use crate::{
    bytes::{free, handle_mut, slice},
    error::{Error, Result, run},
};

/// Options of a client. One thread at a time. They are checked where a client is made, which copies them: one may be used for several clients, and freed at once.
pub struct Options(pub(crate) Settings);

/// Options with their defaults; `port`, `name` and `key` have none and must be set. To be freed.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_new() -> *mut Options {
    Box::into_raw(Box::new(Options(Settings::new(0, Vec::new(), Vec::new()))))
}

/// Frees options, and overwrites the secret and the keys in memory. NULL is nothing.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_free(options: *mut Options) {
    free(options);
}

/// `overlay`: what the application calls the overlay, in UTF-8. It is not sent.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_overlay(
    options: *mut Options,
    overlay: *const u8,
    overlay_length: usize,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.overlay = Some(text("overlay", overlay, overlay_length)?);
        Ok(())
    })
}

/// `port`: the port that the daemon's overlay is bound to, 1 to 65535.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_port(
    options: *mut Options,
    port: i64,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.port = port;
        Ok(())
    })
}

/// `name`: the client's name, 1 to 255 bytes of UTF-8, unique in the overlay.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_name(
    options: *mut Options,
    name: *const u8,
    name_length: usize,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.name = slice("name", name, name_length)?.to_vec();
        Ok(())
    })
}

/// `secret`: the client's own, 0 to 255 bytes; the daemon binds it to the name at first use.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_secret(
    options: *mut Options,
    secret: *const u8,
    secret_length: usize,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.secret = Zeroizing::new(slice("secret", secret, secret_length)?.to_vec());
        Ok(())
    })
}

/// `key`: the overlay's symmetric key, at least 1 byte.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_key(
    options: *mut Options,
    key: *const u8,
    key_length: usize,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.key = Zeroizing::new(slice("key", key, key_length)?.to_vec());
        Ok(())
    })
}

/// `additional_keys`: adds a further key of the overlay's ring to open with; 7 at most.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_add_additional_key(
    options: *mut Options,
    key: *const u8,
    key_length: usize,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        if settings.additional_keys.len() >= ADDITIONAL_KEYS {
            let message = format!("there are {ADDITIONAL_KEYS} additional_keys already: give no more");
            return Err(CoreError::option("additional_keys", message));
        }
        settings.additional_keys.push(Zeroizing::new(slice("key", key, key_length)?.to_vec()));
        Ok(())
    })
}

/// `protocol`: 2, the default, or 1 for the daemons of 2014.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_protocol(
    options: *mut Options,
    protocol: i64,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.protocol = Some(protocol);
        Ok(())
    })
}

/// `address`: the loopback address that the overlay is bound to, as text. Default 127.0.0.1.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_address(
    options: *mut Options,
    address: *const u8,
    address_length: usize,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.address = Some(text("address", address, address_length)?);
        Ok(())
    })
}

/// `connect_timeout`: seconds that connecting waits for the first session, above 0. Default 10.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_connect_timeout(
    options: *mut Options,
    seconds: f64,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.connect_timeout = Some(seconds);
        Ok(())
    })
}

/// `close_timeout`: seconds that closing waits for what was published to be acknowledged. Default 2.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_close_timeout(
    options: *mut Options,
    seconds: f64,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.close_timeout = Some(seconds);
        Ok(())
    })
}

/// `publish_window`: published messages that may wait for acknowledgement, at least 1. Default 16,384.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_publish_window(
    options: *mut Options,
    messages: i64,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.publish_window = Some(messages);
        Ok(())
    })
}

/// `publish_window_bytes`: their bytes, at least 1. Default 8 MiB.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_publish_window_bytes(
    options: *mut Options,
    bytes: i64,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.publish_window_bytes = Some(bytes);
        Ok(())
    })
}

/// `delivery_buffer`: deliveries that may wait to be read, at least 1. Default 16,384.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_delivery_buffer(
    options: *mut Options,
    messages: i64,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.delivery_buffer = Some(messages);
        Ok(())
    })
}

/// `delivery_buffer_bytes`: their bytes, at least 1. Default 8 MiB.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_delivery_buffer_bytes(
    options: *mut Options,
    bytes: i64,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.delivery_buffer_bytes = Some(bytes);
        Ok(())
    })
}

/// `slow_policy`: "wait", the default, holds publishers back when deliveries are read too slowly; "drop_oldest" drops and counts.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_options_set_slow_policy(
    options: *mut Options,
    policy: *const u8,
    policy_length: usize,
    error: *mut *mut Error,
) -> Result {
    set(options, error, |settings| {
        settings.slow_policy = Some(text("slow_policy", policy, policy_length)?);
        Ok(())
    })
}

fn set(
    options: *mut Options,
    error: *mut *mut Error,
    change: impl FnOnce(&mut Settings) -> std::result::Result<(), CoreError>,
) -> Result {
    run(error, || change(&mut handle_mut("options", options)?.0))
}

fn text(option: &'static str, data: *const u8, length: usize) -> std::result::Result<String, CoreError> {
    let bytes = slice(option, data, length)?;
    if bytes.len() > LONGEST {
        return Err(CoreError::new(Kind::Argument, format!("{option} is longer than {LONGEST} bytes")));
    }
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|_| CoreError::option(option, format!("{option} is not UTF-8")))
}

/// Most keys beside the first.
const ADDITIONAL_KEYS: usize = 7;
/// Most bytes of an option that is text.
const LONGEST: usize = 4_096;
