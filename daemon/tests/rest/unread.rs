//! Answers that nobody reads, asked for without credentials and with.

use std::{fs, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::support::{As, Daemon, Setup, soon, until};

trait Connection: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection for T {}

/// A daemon, and a connection to it; encrypted or not.
async fn connected(encrypted: bool) -> (Daemon, usize, Box<dyn Connection>) {
    let rest = if encrypted { "" } else { "ssl = false" };
    let daemon = Daemon::start_with(Setup { rest: rest.to_owned(), ..Setup::default() }).await;
    // Over connections that stay.
    daemon.token("main").await;
    let descriptors = daemon.descriptors();
    let stream = TcpStream::connect(daemon.address()).await.expect("connected");
    if !encrypted {
        return (daemon, descriptors, Box::new(stream));
    }
    let mut trusted = RootCertStore::empty();
    let pem = fs::read(daemon.certificate()).expect("a certificate");
    let certificates = CertificateDer::pem_slice_iter(&pem).map(|one| one.expect("a certificate"));
    trusted.add_parsable_certificates(certificates);
    let config = ClientConfig::builder().with_root_certificates(trusted).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    (daemon, descriptors, Box::new(stream))
}

/// Waits until nothing is left of the connections over this many descriptors.
async fn ended(daemon: &Daemon, descriptors: usize) {
    until("who reads nothing is ended", async || (daemon.descriptors() <= descriptors).then_some(())).await;
}

/// Asks without credentials for more and more, until nothing more is taken.
async fn pipelined(encrypted: bool) {
    let (daemon, descriptors, mut connection) = connected(encrypted).await;
    let requests = "GET /openapi.json HTTP/1.1\r\nhost: h\r\n\r\n".repeat(100);
    let taken = async {
        // Not a time that is waited for: whoever takes a moment longer is asked a little less.
        while let Ok(written) =
            tokio::time::timeout(Duration::from_millis(500), connection.write_all(requests.as_bytes())).await
        {
            written.expect("open");
        }
    };
    soon("requests are taken no more", taken).await;
    ended(&daemon, descriptors).await;
}

#[tokio::test]
async fn who_asks_and_never_reads_is_ended() {
    pipelined(true).await;
}

#[tokio::test]
async fn so_is_who_does_so_over_a_plain_connection() {
    pipelined(false).await;
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_ended() {
    let (daemon, descriptors, mut connection) = connected(false).await;
    let As::Token(token) = daemon.token("main").await else { panic!("no token") };
    let request =
        format!("GET /events/main?types=big HTTP/1.1\r\nhost: h\r\nx-session-token: {token}\r\n\r\n");
    connection.write_all(request.as_bytes()).await.expect("sent");
    until("the stream's subscription", async || {
        let told = daemon.get("/subscriptions/main", &As::token(&token)).await.expect(200).json();
        told["subscriptions"].as_array().is_some_and(|all| !all.is_empty()).then_some(())
    })
    .await;
    let publisher = daemon.session(daemon.port("main"), "publisher").await;
    for _ in 0..100 {
        soon("taken", publisher.publish("big", vec![b'x'; 50_000])).await.expect("taken");
    }
    // The daemon's own client has a descriptor, too, for as long as its subscriptions linger.
    ended(&daemon, descriptors + 1).await;
}
