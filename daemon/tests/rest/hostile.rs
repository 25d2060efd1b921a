//! What no honest client sends: it is refused, in bounded memory, and the next request is answered.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{As, Daemon, KEY, Setup};

/// One that speaks plain HTTP, so that bytes can be written as they are.
async fn plain() -> Daemon {
    Daemon::start_with(Setup { rest: "ssl = false".to_owned(), ..Setup::default() }).await
}

/// Sends these bytes, and reads all that is answered until the connection ends.
async fn say(daemon: &Daemon, bytes: Vec<u8>) -> String {
    let address = daemon.address();
    let said = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(50))).expect("set");
        // It may be refused before it is heard to its end.
        let _ = stream.write_all(&bytes);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("not closed: {error}; {}", String::from_utf8_lossy(&answer)),
        }
        String::from_utf8_lossy(&answer).into_owned()
    });
    said.await.expect("no panic")
}

/// The status of the first answer; 0 where there is none.
fn status(answer: &str) -> u16 {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
}

fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n").into_bytes()
}

async fn token(daemon: &Daemon) -> String {
    match daemon.token("main").await {
        As::Token(token) => token,
        _ => panic!("no token"),
    }
}

#[tokio::test]
async fn malformed_http_is_refused() {
    let daemon = plain().await;
    let long = "x".repeat(100_000);
    for bytes in [
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"\r\n\r\n\r\n\r\nGET\r\n\r\n".to_vec(),
        b"GET /healthz\r\n\r\n".to_vec(),
        b"GET /healthz HTTP/9.9\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET http://[::1 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        b"GET /healthz HTTP/1.1\r\nhost x\r\n\r\n".to_vec(),
        b"GET /healthz HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n".to_vec(),
        b"GET /healthz HTTP/1.1\r\nhost: x\r\na\0b: y\r\n\r\n".to_vec(),
        b"POST /digest/main HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"POST /digest/main HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx".to_vec(),
        b"POST /digest/main HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\n".to_vec(),
        b"POST /digest/main HTTP/1.1\r\nhost: x\r\ntransfer-encoding: nonsense\r\n\r\n".to_vec(),
        format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes(),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nlong: {long}\r\n\r\n").into_bytes(),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n", "many: y\r\n".repeat(100)).into_bytes(),
        vec![b'A'; 200_000],
        vec![0xff; 200_000],
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        let answer = say(&daemon, bytes).await;
        let status = status(&answer);
        assert!(status == 0 || (400..500).contains(&status) || status == 505, "{shown:?}: {answer}");
    }
    daemon.get("/healthz", &As::Nobody).await.expect(200);
    assert_eq!(daemon.log().count("panicked"), 0);
}

#[tokio::test]
async fn odd_targets_and_methods_are_refused_like_others() {
    let daemon = plain().await;
    for line in [
        "OPTIONS * HTTP/1.1",
        "CONNECT example.com:443 HTTP/1.1",
        "GET http://example.com/overlays HTTP/1.1",
        "GET //overlays HTTP/1.1",
        "GET /overlays/ HTTP/1.1",
        "GET /./overlays HTTP/1.1",
        "GET /healthz/../overlays HTTP/1.1",
        "GET /healthz/%2e%2e/overlays HTTP/1.1",
        "GET /membership/..%2f..%2fetc HTTP/1.1",
        "GET /membership/%2e%2e HTTP/1.1",
        "GET /membership/main%00 HTTP/1.1",
        "GET /membership/main%2f HTTP/1.1",
        "GET /membership/MAIN HTTP/1.1",
        "GET /membership/main%20 HTTP/1.1",
        "GET /membership/%ff%fe HTTP/1.1",
        "GET /membership/% HTTP/1.1",
        "GET /membership/%zz HTTP/1.1",
        "GET /membership/main;x HTTP/1.1",
        "GET /membership/\u{e4} HTTP/1.1",
        "GET /statistics/main/total/more HTTP/1.1",
        "DELETE /overlays HTTP/1.1",
        "BREW /overlays HTTP/1.1",
        "get /overlays HTTP/1.1",
    ] {
        let request = format!("{line}\r\nhost: x\r\nconnection: close\r\n\r\n").into_bytes();
        let answer = say(&daemon, request).await;
        let status = status(&answer);
        assert!([400, 401, 404, 405].contains(&status), "{line}: {answer}");
    }
    assert_eq!(daemon.log().count("panicked"), 0);
}

#[tokio::test]
async fn a_path_that_says_an_overlay_in_another_way_is_not_a_way_in() {
    let daemon = plain().await;
    let token = token(&daemon).await;
    // Decoded it is the same overlay, and its own token opens it; nothing else is.
    let answer = say(&daemon, get("/membership/%6dain", &format!("x-session-token: {token}\r\n"))).await;
    assert_eq!(status(&answer), 200, "{answer}");
    for path in
        ["/membership/main%00", "/membership/main%2f..%2fmain", "/membership//main", "/membership/Main"]
    {
        let answer = say(&daemon, get(path, &format!("x-session-token: {token}\r\n"))).await;
        assert_eq!(status(&answer), 404, "{path}: {answer}");
    }
}

#[tokio::test]
async fn credentials_that_are_shown_twice_are_none() {
    let daemon = plain().await;
    let token = token(&daemon).await;
    let basic = |user: &str, password: &str| {
        use base64::{Engine, prelude::BASE64_STANDARD};
        format!("authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{user}:{password}")))
    };
    let right = format!("x-session-token: {token}\r\n");
    let As::Basic(user, password) = daemon.rest_user() else { panic!("no user") };
    for (path, headers, expected) in [
        ("/membership/main", right.clone(), 200),
        ("/membership/main", basic("main", &token), 200),
        ("/overlays", basic(&user, &password), 200),
        ("/membership/main", format!("{right}x-session-token: wrong\r\n"), 401),
        ("/membership/main", format!("x-session-token: wrong\r\n{right}"), 401),
        ("/membership/main", format!("{right}{right}"), 401),
        ("/membership/main", format!("{}{}", basic("main", &token), basic("main", "wrong")), 401),
        ("/membership/main", format!("{}{}", basic("main", "wrong"), basic("main", &token)), 401),
        ("/overlays", format!("{}{}", basic(&user, &password), basic(&user, "wrong")), 401),
        ("/overlays", format!("{}{}", basic("wrong", &password), basic(&user, &password)), 401),
        // A wrong token is wrong, whatever stands beside it.
        ("/membership/main", format!("x-session-token: wrong\r\n{}", basic("main", &token)), 401),
        ("/membership/main", format!("x-session-token: {}\r\n", "x".repeat(20_000)), 401),
        ("/membership/main", format!("authorization: Basic {}\r\n", "A".repeat(20_000)), 401),
        ("/overlays", basic(&user, &"x".repeat(10_000)), 401),
        ("/overlays", basic(&"x".repeat(10_000), &password), 401),
        ("/membership/main", format!("authorization: Bearer {token}\r\n"), 401),
        ("/membership/main", format!("cookie: x-session-token={token}\r\n"), 401),
        ("/membership/main", "x-session-token: \u{ff}\u{fe}\r\n".to_owned(), 401),
    ] {
        let answer = say(&daemon, get(path, &headers)).await;
        assert_eq!(status(&answer), expected, "{path} {headers:.200}: {answer}");
    }
    let query = say(&daemon, get(&format!("/membership/main?x-session-token={token}"), "")).await;
    assert_eq!(status(&query), 401, "{query}");
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused() {
    let daemon = plain().await;
    let token = token(&daemon).await;
    let head = |length: &str| {
        format!("POST /digest/main HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-session-token: {token}\r\n{length}\r\n\r\n").into_bytes()
    };
    // By what it claims: refused before it comes.
    for length in [(1 << 20) + 1, 1_u64 << 40, u64::MAX / 2] {
        let answer = say(&daemon, head(&format!("content-length: {length}"))).await;
        assert_eq!(status(&answer), 413, "{answer}");
        assert!(answer.contains("\"too_large\""), "{answer}");
    }
    // By what comes.
    let mut request = head("transfer-encoding: chunked");
    for _ in 0..17 {
        request.extend(b"10000\r\n");
        request.extend(vec![b' '; 0x1_0000]);
        request.extend(b"\r\n");
    }
    let answer = say(&daemon, request).await;
    assert!([0, 413].contains(&status(&answer)), "{answer}");
    let body = format!("{}{}", " ".repeat((1 << 20) - 9), r#"{"t": []}"#);
    daemon.ask(Method::POST, "/digest/main", &As::token(&token), &body).await.expect(202);
    let body = format!(" {body}");
    daemon
        .ask(Method::POST, "/digest/main", &As::token(&token), &body)
        .await
        .expect_problem(413, "too_large");
}

#[tokio::test]
async fn hostile_json_is_refused_and_tells_no_secret() {
    let daemon = Daemon::start().await;
    let token = daemon.add("fresh", &daemon.properties()).await;
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let huge = "9".repeat(500);
    for value in [
        deep(60),
        deep(100),
        deep(126),
        deep(128),
        deep(100_000),
        objects(60),
        objects(120),
        objects(100_000),
        huge.clone(),
        format!("-{huge}"),
        "1e308".to_owned(),
        "-1e308".to_owned(),
        "1e309".to_owned(),
        "1e-400".to_owned(),
        "18446744073709551616".to_owned(),
        "9223372036854775808".to_owned(),
        "-9223372036854775808".to_owned(),
        "\"\\u0000\"".to_owned(),
        "\"\\ud800\"".to_owned(),
        "\"\u{202e}\"".to_owned(),
        format!("\"{}\"", "x".repeat(1_000_000)),
        "\u{feff}1".to_owned(),
        "1 2".to_owned(),
        "NaN".to_owned(),
        "{\"a\": 1, \"a\": 2}".to_owned(),
        "\"\"\"'''\\n[overlays.x]\"".to_owned(),
    ] {
        for property in [
            "quarantine_after",
            "port",
            "racks",
            "limits",
            "multicast",
            "symmetric_keys",
            "client_secrets",
            "ip_hint",
            "a.b",
            "a%0Ab",
        ] {
            let answer =
                daemon.ask(Method::PUT, &format!("/overlays/fresh/{property}"), &token, &value).await;
            assert!([400, 409, 412].contains(&answer.status), "{property} = {value:.80}: {answer:?}");
        }
        let mut body = daemon.properties().to_string();
        body.insert_str(1, &format!("\"colour\": {value},"));
        let answer = daemon.ask(Method::POST, "/overlays/second", &daemon.rest_user(), &body).await;
        assert!([400, 409, 413].contains(&answer.status), "{value:.80}: {answer:?}");
        assert!(!answer.body.contains(KEY), "{answer:?}");
    }
    assert_eq!(daemon.overlays().await, ["fresh", "main"]);
    let shown: Value = daemon.get("/configuration/fresh", &token).await.expect(200).json();
    assert_eq!(shown["configuration"]["quarantine_after"], json!(20));
    assert_eq!(daemon.log().count("panicked"), 0);
}

#[tokio::test]
async fn who_is_slow_is_given_up() {
    let daemon = plain().await;
    let token = token(&daemon).await;
    // A head that does not end, and a body that does not come: closed by the daemon, not by us.
    let head = say(&daemon, b"GET /healthz HTTP/1.1\r\nhost: x\r\n".to_vec());
    let nothing = say(&daemon, Vec::new());
    let idle = say(&daemon, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_vec());
    let body = say(
        &daemon,
        format!("POST /digest/main HTTP/1.1\r\nhost: x\r\nx-session-token: {token}\r\ncontent-length: 100\r\n\r\n{{").into_bytes(),
    );
    let (head, nothing, idle, body) = tokio::join!(head, nothing, idle, body);
    assert!([0, 408].contains(&status(&head)), "{head}");
    assert!([0, 408].contains(&status(&nothing)), "{nothing}");
    assert_eq!(status(&idle), 200, "{idle}");
    assert_eq!(status(&body), 408, "{body}");
    assert!(body.contains("\"too_slow\""), "{body}");
}

#[tokio::test]
async fn a_change_whose_connection_is_cut_is_made_as_a_whole_or_not() {
    let daemon = plain().await;
    let mut properties = daemon.properties();
    let added = daemon.add("fresh", &properties).await;
    let As::Token(token) = &added else { panic!("no token") };
    for turn in 1..=30_u64 {
        properties["quarantine_after"] = json!(20 + turn);
        properties["max_quarantined"] = json!(120 + turn);
        // Each turn another property that takes a restart, so that some are cut in the middle of one.
        properties["secret"] = json!(format!("secret {turn}"));
        let body = properties.to_string();
        let request = format!(
            "PUT /overlays/fresh HTTP/1.1\r\nhost: x\r\nx-session-token: {token}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        // Whole, and cut within its body.
        let length = if turn % 3 == 0 { request.len() - 1 } else { request.len() };
        let mut stream = TcpStream::connect(daemon.address()).expect("connected");
        stream.write_all(&request.as_bytes()[..length]).expect("sent");
        drop(stream);
    }
    // A change after all of these: they are made one after the other.
    daemon.put("/overlays/fresh/redelivery_retry_max", &added, &json!(9)).await.expect(202);
    let shown = daemon.get("/configuration/fresh", &added).await.expect(200).json();
    let number = |property: &str| shown["configuration"][property].as_u64().expect("a number");
    assert_eq!(
        number("quarantine_after") + 100,
        number("max_quarantined") + if number("quarantine_after") == 20 { 110 } else { 0 }
    );
    assert_eq!(daemon.log().count("panicked"), 0);
}

/// The connection stays: who still sends the body would not see the refusal otherwise.
#[tokio::test]
async fn who_is_refused_before_the_body_came_sees_why_and_goes_on() {
    let daemon = plain().await;
    let answers = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(daemon.address()).expect("connected");
        stream.write_all(b"POST /nowhere HTTP/1.1\r\nhost: here\r\ncontent-length: 6\r\n\r\n").expect("sent");
        // Long enough for an answer that does not wait to come, and for the connection to be closed behind it.
        std::thread::sleep(Duration::from_millis(100));
        stream.write_all(b"a body").expect("sent");
        stream.write_all(&get("/healthz", "")).expect("sent");
        let mut answers = String::new();
        stream.read_to_string(&mut answers).map(|_| answers)
    });
    let answers = answers.await.expect("no panic").expect("both answers");
    assert!(answers.contains("no_route") && answers.ends_with("{\"status\":\"ok\"}"), "{answers}");
}

#[tokio::test]
async fn what_is_no_tls_is_dropped() {
    let daemon = Daemon::start().await;
    let mut record = vec![0x16, 0x03, 0x01, 0xff, 0xff];
    record.extend(vec![1; 70_000]);
    for bytes in [
        b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        vec![0; 100_000],
        vec![0xff; 100_000],
        record,
        vec![0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x03],
        vec![0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28],
        vec![0x80, 0x2e, 0x01, 0x00, 0x02],
    ] {
        let answer = say(&daemon, bytes.clone()).await;
        assert!(!answer.contains("HTTP"), "{:?}: {answer}", &bytes[..4]);
    }
    daemon.get("/healthz", &As::Nobody).await.expect(200);
    assert_eq!(daemon.log().count("panicked"), 0);
}
