//! A driver's beginning: socket, session, task.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use gossiperl_idl::Salt;
use gossiperl_link::Time;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::broadcast;

use super::{Driver, Router, requests::Requests, socket::Socket};
use crate::{
    Event, Options, Protocol,
    error::ConnectError,
    session::{Session, legacy, sealed},
    shared::{Shared, Work},
};

/// Opens the socket and starts the task. The receiver misses no event.
pub(crate) fn start(options: Options) -> Result<(Arc<Shared>, broadcast::Receiver<Event>), ConnectError> {
    let runtime = tokio::runtime::Handle::try_current().map_err(|_| ConnectError::NoRuntime)?;
    let socket_error = |source| ConnectError::Socket { address: options.address, source };
    let socket = Socket::connect(options.address).map_err(socket_error)?;
    let start = Instant::now();
    let instance = i64::from_ne_bytes(random()).saturating_abs().max(1);
    let shared = Arc::new(Shared::new(&options, instance));
    let session = match options.protocol {
        Protocol::Sealed => {
            let config = sealed::Config {
                name: options.name,
                secret: options.secret,
                keys: options.keys,
                salt: Salt::new(unix_time().as_micros() as u64, u64::from_ne_bytes(random()).max(1)),
                instance,
                receive_window: socket.receive_window(),
                window: options.window,
            };
            Session::Sealed(Box::new(sealed::Sealed::new(config, Time::ZERO)))
        }
        Protocol::Legacy => {
            let config = legacy::Config {
                name: options.name,
                secret: options.secret,
                keys: options.keys,
                port: socket.local_port().map_err(socket_error)?,
                unix_seconds: unix_time().as_secs() as i64,
                seed: random(),
            };
            Session::Legacy(Box::new(legacy::Legacy::new(config, Time::ZERO)))
        }
    };
    let driver = Driver {
        shared: Arc::clone(&shared),
        socket,
        session,
        router: Router::default(),
        requests: Requests::default(),
        work: Work::default(),
        start,
        out: Vec::with_capacity(sealed::MAX_DATAGRAM),
        unsent: false,
        done: 0,
        closing: None,
    };
    let events = shared.events.subscribe();
    runtime.spawn(driver.run());
    Ok((shared, events))
}

fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Random bytes of the system's.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        // What is left is unique, though it can be guessed.
        let clock = unix_time().as_nanos().to_le_bytes();
        bytes.iter_mut().zip(clock).for_each(|(byte, tick)| *byte = tick);
    }
    bytes
}
