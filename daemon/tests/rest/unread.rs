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

const PATIENCE: Duration = Duration::from_secs(180);

trait Connection: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection for T {}

/// A connection to a daemon, encrypted or not, and our port.
async fn connected(daemon: &Daemon, encrypted: bool) -> (Box<dyn Connection>, u16) {
    let stream = TcpStream::connect(daemon.address()).await.expect("connected");
    let port = stream.local_addr().expect("bound").port();
    if !encrypted {
        return (Box::new(stream), port);
    }
    let mut trusted = RootCertStore::empty();
    let pem = fs::read(daemon.certificate()).expect("a certificate");
    let certificates = CertificateDer::pem_slice_iter(&pem).map(|one| one.expect("a certificate"));
    trusted.add_parsable_certificates(certificates);
    let config = ClientConfig::builder().with_root_certificates(trusted).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    (Box::new(stream), port)
}

async fn plain() -> Daemon {
    Daemon::start_with(Setup { rest: "ssl = false".to_owned(), ..Setup::default() }).await
}

/// Whether the daemon's end of the connection with this port of ours is open. Who is cut off is not told, and this alone shows it.
fn is_open(daemon: &Daemon, port: u16) -> bool {
    let ends_with = |address: &str, port: u16| address.ends_with(&format!(":{port:04X}"));
    let sockets = fs::read_to_string("/proc/net/tcp").expect("the system's sockets");
    sockets.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let [local, remote, state] = [(); 3].map(|()| words.next().unwrap_or_default());
        ends_with(local, daemon.address().1) && ends_with(remote, port) && state == "01"
    })
}

async fn ended(daemon: &Daemon, port: u16) {
    assert!(is_open(daemon, port));
    // The system takes up to a minute; this is no measure of it.
    let gone = async {
        while is_open(daemon, port) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("who reads nothing is ended");
}

/// Asks without credentials for more and more, until nothing more is taken.
async fn pipelined(daemon: Daemon, encrypted: bool) {
    let (mut connection, port) = connected(&daemon, encrypted).await;
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
    ended(&daemon, port).await;
}

#[tokio::test]
async fn who_asks_and_never_reads_is_ended() {
    pipelined(Daemon::start().await, true).await;
}

#[tokio::test]
async fn so_is_who_does_so_over_a_plain_connection() {
    pipelined(plain().await, false).await;
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_ended() {
    let daemon = plain().await;
    let (mut connection, port) = connected(&daemon, false).await;
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
    ended(&daemon, port).await;
}
