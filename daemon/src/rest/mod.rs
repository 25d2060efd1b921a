//! The management interface: HTTP/1.1 over TLS, for operators and their scripts (protocol 1, section 5).
//!
//! It runs on a thread of its own, so that nothing an operator or an attacker asks for takes a turn from a thread that drives overlays. Overlays are asked
//! through their handles, and changes run to their end on the overlays' threads, whether or not who asked still waits.
//!
//! Everything is bounded: connections, the time for a handshake, for headers and for a request, the size of headers and bodies,
//! and attempts to log in.

mod answer;
mod auth;
mod connections;
mod counts;
mod events;
mod failed;
mod files;
mod password;
mod problem;
mod renewing;
mod routes;
mod server;
mod throttle;
mod tls;
mod unread;
mod users;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context;
use axum::body::Bytes;
use tokio::{net::TcpListener, sync::oneshot};

use crate::{config::RestSettings, manage::Host};

pub(crate) use events::event_names;
pub use password::{hash as hash_password, is_hash as is_password_hash};
pub use problem::Code;
pub use routes::open_api;

use counts::Counts;
use events::Hubs;
use failed::FailedLogins;
use files::Files;
use server::Server;
use throttle::Throttle;
use users::Users;

/// For what is being hashed or kept when the interface ends.
const ENDING: Duration = Duration::from_secs(1);

/// What every request's handler has at hand.
struct Shared {
    host: Host,
    users: Arc<Users>,
    throttle: Throttle,
    counts: Counts,
    failed: FailedLogins,
    hubs: Hubs,
    /// The OpenAPI document, which is asked for without credentials and stays the same: written for the first who asks, since it takes 2 MB to make.
    document: OnceLock<Bytes>,
}

/// The management interface that runs.
pub struct Management {
    address: SocketAddr,
    files: Files,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Management {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, ends those there are in bounded time, and no longer says where it is.
    pub async fn stop(self) {
        // The thread that would listen has ended already otherwise.
        let _ = self.stop.send(());
        let ended = move || {
            let _ = self.thread.join();
            self.files.forget_address();
        };
        let _ = tokio::task::spawn_blocking(ended).await;
    }
}

/// Binds and serves. Makes the users and the certificate that the settings do not give, where there are none yet.
pub async fn start(host: &Host, settings: &RestSettings) -> anyhow::Result<Management> {
    let files = Files::open(host.data_dir())?;
    let listener = std::net::TcpListener::bind(settings.address).with_context(|| {
        format!(
            "cannot listen at {} (rest.ip, rest.port). `ss -ltnp sport = :{}` shows who does; rest = false switches the interface off",
            settings.address,
            settings.address.port()
        )
    })?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let users = Users::load(settings, &files)?;
    let tls = tls::load(settings, &files)?;
    let ends = tls.as_ref().and_then(|tls| tls::ends(&tls.certificate));
    let scheme = if tls.is_some() { "https" } else { "http" };
    files.tell_address(tls.as_ref().map(|tls| &tls.certificate), address)?;
    let tls = tls.map(|tls| tls.config);
    let shared = Arc::new(Shared {
        host: host.clone(),
        users: Arc::new(users),
        throttle: Throttle::default(),
        counts: Counts::default(),
        failed: FailedLogins::default(),
        hubs: Hubs::default(),
        document: OnceLock::new(),
    });
    shared.counts.set_certificate_ends(ends);
    let reloads = host.follow();
    let (stop, stopped) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = Server { shared, settings: settings.clone(), address, files: files.clone(), tls, reloads };
    let thread = std::thread::Builder::new().name("gossiperld-rest".to_owned()).spawn(move || {
        runtime.block_on(async {
            match TcpListener::from_std(listener) {
                Ok(listener) => server.run(listener, stopped).await,
                Err(error) => tracing::error!(%error, "the management interface cannot be served"),
            }
        });
        // Whom a disk lets wait is not waited for.
        runtime.shutdown_timeout(ENDING);
    })?;
    tracing::info!(%scheme, %address, "management interface");
    Ok(Management { address, files, stop, thread })
}
