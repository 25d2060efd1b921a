//! Connections: accepted, encrypted, and served within bounded time.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::{
    Files, Shared,
    connections::{Connections, Place, Standing},
    routes, tls,
};
use crate::config::RestSettings;

/// Time for the handshake, and then for the head of each request.
const HEAD: Duration = Duration::from_secs(10);
/// How often the operator's certificate files are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// After a connection could not be accepted, mostly for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// For requests that are being answered when the daemon stops.
const STOPPING: Duration = Duration::from_secs(1);
/// Bytes of a request's head, and headers in it.
const LONGEST_HEAD: usize = 32 << 10;
const MOST_HEADERS: usize = 64;

/// The interface, ready to be run.
pub(super) struct Server {
    pub(super) shared: Arc<Shared>,
    pub(super) settings: RestSettings,
    /// Where it listens.
    pub(super) address: SocketAddr,
    pub(super) files: Files,
    pub(super) tls: Option<Arc<ServerConfig>>,
}

/// Who is at the other end of a connection: in each of its requests' extensions.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) address: IpAddr,
    pub(super) standing: Arc<Standing>,
}

impl Server {
    /// Serves until told to stop.
    pub(super) async fn run(self, listener: TcpListener, mut stopped: oneshot::Receiver<()>) {
        let router = routes::all(self.shared.clone());
        let connections = Arc::new(Connections::default());
        let (stop, stopping) = watch::channel(false);
        let (renew, renewed) = watch::channel(self.tls.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(renewing(self.shared.clone(), self.settings, self.address, self.files, renew));
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => {
                        let place = connections.admit();
                        let caller = Caller { address: from.ip(), standing: place.standing().clone() };
                        let tls = renewed.borrow().clone();
                        tasks.spawn(connection(stream, tls, router.clone(), caller, place, stopping.clone()));
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a connection cannot be accepted");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(_) = tasks.join_next() => {}
            }
        }
        drop(listener);
        let _ = stop.send(true);
        let all = async { while tasks.join_next().await.is_some() {} };
        // The one that looks at certificates never ends by itself.
        let _ = tokio::time::timeout(STOPPING, all).await;
        tasks.shutdown().await;
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    caller: Caller,
    place: Place,
    stopping: watch::Receiver<bool>,
) {
    let served = async {
        // Answers are small and wanted at once.
        let _ = stream.set_nodelay(true);
        match tls {
            None => serve(stream, router, caller, stopping).await,
            Some(config) => {
                let accept = TlsAcceptor::from(config).accept(stream);
                if let Ok(Ok(stream)) = tokio::time::timeout(HEAD, accept).await {
                    serve(stream, router, caller, stopping).await;
                }
            }
        }
    };
    tokio::select! {
        () = served => {}
        () = place.given_up() => {}
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    caller: Caller,
    mut stopping: watch::Receiver<bool>,
) {
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(caller.clone());
        request
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .half_close(false);
    let mut served =
        std::pin::pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    tokio::select! {
        // What a client does wrong is its own business.
        _ = served.as_mut() => return,
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = served.await;
}

/// Takes over what the settings say now, and certificates whose files have changed.
async fn renewing(
    shared: Arc<Shared>,
    mut settings: RestSettings,
    address: SocketAddr,
    files: Files,
    renew: watch::Sender<Option<Arc<ServerConfig>>>,
) {
    let mut changes = shared.host.rest_settings();
    changes.mark_unchanged();
    let mut stamp = tls::stamp(&settings.ssl);
    loop {
        let changed = tokio::select! {
            changed = changes.changed() => changed.is_ok(),
            () = tokio::time::sleep(LOOK) => false,
        };
        if changed {
            let now = changes.borrow_and_update().clone();
            let moves = now.as_ref().is_none_or(|now| now.address != settings.address);
            if moves {
                tracing::warn!(
                    "whether and where the management interface listens, and its certificate there, take effect at the next start"
                );
            }
            let Some(now) = now else { continue };
            // Who may log in is never behind the file. Encryption goes with the address: what loopback may go without, another may not.
            settings = match moves {
                true => RestSettings { address: settings.address, ssl: settings.ssl, ..now },
                false => now,
            };
            if let Err(error) = shared.users.reload(&settings, &files) {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the users of the management interface stay as they were"
                );
            }
        }
        let seen = tls::stamp(&settings.ssl);
        if !changed && seen == stamp {
            continue;
        }
        stamp = seen;
        match tls::load(&settings, &files) {
            Ok(config) => {
                tracing::info!("the management interface's certificate was read");
                if let Err(error) = files.tell_address(config.is_some(), address) {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "where the management interface is cannot be told anew"
                    );
                }
                let _ = renew.send(config);
            }
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the management interface keeps the certificate it has"
                );
            }
        }
    }
}
