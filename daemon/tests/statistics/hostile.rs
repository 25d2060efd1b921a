//! Servers that are no InfluxDB: whatever they answer, the overlay serves, the queue stays bounded, and credentials go nowhere else.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Host, receive, soon, subscribe};

/// Answers every request with these bytes, the last of them for ever where `endless`; says where it is, and counts connections.
async fn server(answer: String, endless: bool) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let (answer, connections) = (Arc::new(answer), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Relaxed);
            tokio::spawn(answer_all(connection, Arc::clone(&answer), endless));
        }
    });
    (port, connections)
}

async fn answer_all(mut connection: TcpStream, answer: Arc<String>, endless: bool) {
    let mut request = vec![0; 1 << 20];
    while connection.read(&mut request).await.is_ok_and(|length| length > 0) {
        if connection.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        while endless && connection.write_all(&[b'x'; 65_536]).await.is_ok() {}
    }
}

/// A service that writes there ten times a second.
async fn writing_to(port: u16) -> Host {
    let table = format!(
        "[statistics.influxdb]\nurl = \"http://127.0.0.1:{port}\"\ndatabase = \"statistics\"\nevery = 0.1\nqueue = 4\nusername = \"somebody\"\npassword = \"secret of this test\"\n"
    );
    Host::start(&table).await
}

/// Messages get through, and not many batches wait.
async fn serves(host: &Host) {
    let (publisher, subscriber) = (host.client("publisher").await, host.client("subscriber").await);
    let mut reader = subscribe(&subscriber).await;
    host.publish(&publisher, 500).await;
    receive(&mut reader, 500).await;
    assert!(host.metrics().await.waiting() <= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_answers_delays_nobody() {
    let (port, connections) = server(String::new(), false).await;
    let host = writing_to(port).await;
    soon("it is asked", async {
        while connections.load(Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    serves(&host).await;
    host.wait_for("batches are dropped", |metrics| metrics.points("dropped") > 0).await;
    let metrics = host.wait_for("patience ends", |metrics| metrics.failed() > 0).await;
    assert_eq!(metrics.points("written"), 0);
    // In spite of it, within the bound.
    soon("the overlay is left", host.service.leave()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_error_is_read_no_further_than_needed() {
    let head =
        "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 9000000000000\r\n\r\n\u{1b}[31m".to_owned();
    let (port, _) = server(head, true).await;
    let host = writing_to(port).await;
    serves(&host).await;
    let metrics = host.wait_for("it has failed twice", |metrics| metrics.failed() >= 2).await;
    assert_eq!((metrics.points("written"), metrics.points("refused")), (0, 0));
    soon("the overlay is left", host.service.leave()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_as_wrong_is_counted_and_the_next_goes_on() {
    let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 20\r\n\r\n{\"error\":\"no point\"}".to_owned();
    let (port, _) = server(answer, false).await;
    let host = writing_to(port).await;
    serves(&host).await;
    let metrics = host.wait_for("several are refused", |metrics| metrics.points("refused") > 10).await;
    assert_eq!((metrics.points("written"), metrics.failed()), (0, 0));
    soon("the overlay is left", host.service.leave()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let (elsewhere, followed) = server("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), false).await;
    let answer = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{elsewhere}/write\r\ncontent-length: 0\r\n\r\n"
    );
    let (port, _) = server(answer, false).await;
    let host = writing_to(port).await;
    let metrics = host.wait_for("it has failed twice", |metrics| metrics.failed() >= 2).await;
    assert_eq!((metrics.points("written"), followed.load(Relaxed)), (0, 0));
    soon("the overlay is left", host.service.leave()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_fails() {
    for answer in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 204\u{0}\r\n\r\n", "\r\n\r\n\r\n"] {
        let (port, _) = server(answer.to_owned(), false).await;
        let host = writing_to(port).await;
        let metrics = host.wait_for("it has failed", |metrics| metrics.failed() > 0).await;
        assert_eq!(metrics.points("written"), 0, "{answer:?}");
        assert!(!metrics.0.contains("secret of this test"));
        soon("the overlay is left", host.service.leave()).await;
    }
}
