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
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::{
    Files, Shared,
    connections::{Connections, Place, Standing},
    renewing::{Behind, Renewing},
    routes, tls,
};
use crate::{config::RestSettings, manage::Reload};

/// Time for the handshake, and then for the head of each request.
const HEAD: Duration = Duration::from_secs(10);
/// After a connection could not be accepted, mostly for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// For requests that are being answered when the daemon stops.
const STOPPING: Duration = Duration::from_secs(1);
/// What was sent and is not taken ends a connection after so long, whether it was to be an answer or an event of a stream. Where the reader's end drops what it
/// has no room for, the system looks at growing intervals, and takes up to twice as long.
const TAKING: Duration = Duration::from_secs(30);
/// Bytes that wait in the system for a reader. As many again are its own bookkeeping.
const UNREAD: usize = 256 << 10;
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
    /// What reloads bring.
    pub(super) reloads: mpsc::Receiver<Reload>,
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
        let shared = self.shared.clone();
        let router = routes::all(self.shared.clone());
        let connections = Arc::new(Connections::default());
        let (stop, stopping) = watch::channel(false);
        let (renew, renewed) = watch::channel(self.tls.clone());
        let mut tasks = JoinSet::new();
        let renewing = Renewing {
            shared: self.shared,
            stamp: tls::stamp(&self.settings.ssl),
            settings: self.settings,
            address: self.address,
            files: self.files,
            reloads: self.reloads,
            renew,
            behind: Behind::default(),
        };
        tasks.spawn(renewing.run());
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
        shared.hubs.stop();
        let _ = stop.send(true);
        let all = async { while tasks.join_next().await.is_some() {} };
        // The one that renews never ends by itself.
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
        bound(&stream);
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

/// Bounds what waits to be sent, and for how long. The system sees to it: it alone knows what has been taken.
fn bound(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    // Answers are small and wanted at once.
    let bounds = [
        socket.set_tcp_nodelay(true),
        socket.set_tcp_user_timeout(Some(TAKING)),
        socket.set_send_buffer_size(UNREAD),
    ];
    for error in bounds.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "a connection has fewer bounds than it should");
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
