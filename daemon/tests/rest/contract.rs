//! PROTOCOL.md, section 5, row by row: hold the table beside it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, As, Daemon, KEY, Setup, free_port};

use Who::{Nobody, RestUser, Superuser, Token};

/// Whose credentials a row shows.
#[derive(Clone, Copy, Debug)]
enum Who {
    Nobody,
    RestUser,
    Superuser,
    /// That of the overlay in the path.
    Token,
}

/// One request. In route and body `NEW` is an overlay that does not exist before, `PORT` its port, `TAKEN` that of another.
struct Row {
    route: &'static str,
    who: Who,
    body: &'static str,
    status: u16,
    /// The keys of the answer, in order, where `key=text` says a value; or `problem CODE`.
    answer: &'static str,
}

const fn row(route: &'static str, who: Who, body: &'static str, status: u16, answer: &'static str) -> Row {
    Row { route, who, body, status, answer }
}

const GOOD: &str =
    r#"{"ip": "IP", "port": PORT, "symmetric_key": "KEY", "secret": "quiet", "racks": {"default": []}}"#;
const SLOWER: &str = r#"{"ip": "IP", "port": PORT, "symmetric_key": "KEY", "secret": "quiet", "racks": {"default": []}, "quarantine_after": 30}"#;
const OTHER_PORT: &str = r#"{"ip": "IP", "port": TAKEN, "symmetric_key": "KEY", "racks": {"default": []}}"#;
const OTHER_IP: &str =
    r#"{"ip": "127.0.0.2", "port": PORT, "symmetric_key": "KEY", "racks": {"default": []}}"#;
const OTHER_IFACE: &str =
    r#"{"iface": "lo", "port": PORT, "symmetric_key": "KEY", "racks": {"default": []}}"#;
const OTHER_NAME: &str =
    r#"{"ip": "IP", "port": PORT, "member_name": "other", "symmetric_key": "KEY", "racks": {"default": []}}"#;
const NO_SEEDS: &str =
    r#"{"ip": "IP", "port": PORT, "symmetric_key": "KEY", "racks": {"other": ["192.0.2.1"]}}"#;
const NO_RACKS: &str = r#"{"ip": "IP", "port": PORT, "symmetric_key": "KEY"}"#;
const NO_KEY: &str = r#"{"ip": "IP", "port": PORT, "racks": {"default": []}}"#;
const SHOWN_SECRET: &str =
    r#"{"ip": "IP", "port": PORT, "symmetric_key": "KEY", "secret": "protected", "racks": {"default": []}}"#;
const SHOWN_KEY: &str = r#"{"ip": "IP", "port": PORT, "symmetric_key": "KEY", "symmetric_keys": ["protected"], "racks": {"default": []}}"#;
const MESSAGE: &str = r#"{"someType": [{"field_name": "value", "string": 1}]}"#;

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("GET /overlays", RestUser, "", 200, "operation=overlays overlays timestamp"),
    row("GET /overlays?details=true", RestUser, "", 200, "details operation=overlays overlays timestamp"),
    row("GET /overlays?details=perhaps", RestUser, "", 400, "problem bad_request"),
    row("PUT /overlays", RestUser, "", 405, "problem no_method"),
    row("GET /nowhere", Nobody, "", 404, "problem no_route"),

    row("POST /overlays/NEW", RestUser, "{", 400, "problem not_json"),
    row("POST /overlays/NEW", RestUser, "[]", 400, "problem not_json"),
    row("POST /overlays/NEW", RestUser, "{}", 409, "problem bad_property"),
    row("POST /overlays/NEW", RestUser, NO_KEY, 409, "problem bad_property"),
    row("POST /overlays/NEW", RestUser, NO_SEEDS, 412, "problem no_seeds"),
    row("POST /overlays/NEW", RestUser, NO_RACKS, 412, "problem no_seeds"),
    row("POST /overlays/NEW", RestUser, OTHER_PORT, 409, "problem bad_property"),
    row("POST /overlays/NEW", RestUser, SHOWN_SECRET, 409, "problem bad_property"),
    row("POST /overlays/NEW", RestUser, SHOWN_KEY, 409, "problem bad_property"),
    row("POST /overlays/NEW", RestUser, OTHER_IP, 201, "operation=add_overlay overlays timestamp token"),
    row("DELETE /overlays/NEW", Token, "", 202, "operation=remove_overlay overlays timestamp"),
    row("POST /overlays/NEW", RestUser, GOOD, 201, "operation=add_overlay overlays timestamp token"),
    row("POST /overlays/NEW", RestUser, GOOD, 409, "problem overlay_exists"),
    row("POST /overlays/main", RestUser, GOOD, 409, "problem overlay_exists"),
    row("PATCH /overlays/NEW", Token, "", 405, "problem no_method"),

    row("PUT /overlays/NEW", Token, GOOD, 200, "operation=reconfigure_overlay overlay=NEW timestamp"),
    row("PUT /overlays/NEW", Token, SLOWER, 200, "operation=reconfigure_overlay overlay=NEW timestamp"),
    row("PUT /overlays/NEW", Token, "{", 400, "problem not_json"),
    row("PUT /overlays/NEW", Token, "7", 400, "problem not_json"),
    row("PUT /overlays/NEW", Token, OTHER_IP, 409, "problem fixed_property"),
    row("PUT /overlays/NEW", Token, OTHER_IFACE, 409, "problem fixed_property"),
    row("PUT /overlays/NEW", Token, OTHER_PORT, 409, "problem fixed_property"),
    row("PUT /overlays/NEW", Token, OTHER_NAME, 409, "problem fixed_property"),
    row("PUT /overlays/NEW", Token, NO_SEEDS, 412, "problem no_seeds"),
    row("PUT /overlays/nowhere", Token, GOOD, 404, "problem unknown_overlay"),
    row("PUT /overlays/main", Token, GOOD, 409, "problem overlay_of_file"),

    row("PUT /overlays/NEW/quarantine_after", Token, "25", 202, "operation=reconfigure_overlay overlay=NEW property=quarantine_after timestamp"),
    row("PUT /overlays/NEW/quarantine_after", Token, "\"soon\"", 409, "problem bad_property"),
    row("PUT /overlays/NEW/quarantine_after", Token, "soon", 400, "problem not_json"),
    row("PUT /overlays/NEW/nothing", Token, "1", 409, "problem bad_property"),
    row("PUT /overlays/NEW/ip", Token, "\"127.0.0.2\"", 409, "problem fixed_property"),
    row("PUT /overlays/NEW/port", Token, "TAKEN", 409, "problem fixed_property"),
    row("PUT /overlays/NEW/member_name", Token, "\"other\"", 409, "problem fixed_property"),
    row("PUT /overlays/NEW/rack_name", Token, "\"elsewhere\"", 412, "problem no_seeds"),
    row("PUT /overlays/NEW/racks", Token, "{}", 412, "problem no_seeds"),
    row("PUT /overlays/nowhere/port", Token, "1", 404, "problem unknown_overlay"),
    row("PUT /overlays/main/quarantine_after", Token, "25", 409, "problem overlay_of_file"),
    row("GET /overlays/NEW/port", Token, "", 405, "problem no_method"),

    row("GET /membership/NEW", Token, "", 200, "membership operation=membership overlay=NEW timestamp"),
    row("GET /membership/nowhere", Token, "", 404, "problem unknown_overlay"),
    row("GET /configuration/NEW", Token, "", 200, "configuration operation=configuration overlay=NEW owner=rest timestamp"),
    row("GET /configuration/main", Token, "", 200, "configuration operation=configuration overlay=main owner=file timestamp"),
    row("GET /subscriptions/NEW", Token, "", 200, "operation=subscriptions overlay=NEW subscriptions timestamp"),
    row("POST /subscriptions/NEW", Token, "", 405, "problem no_method"),
    row("GET /statistics/NEW", Token, "", 200, "enabled overlay=NEW statistics ts window=total"),
    row("GET /statistics/NEW/total", Token, "", 200, "enabled overlay=NEW statistics ts window=total"),
    row("GET /statistics/NEW/1d", Token, "", 200, "enabled overlay=NEW statistics ts window=1d"),
    row("GET /statistics/NEW/12h", Token, "", 200, "enabled overlay=NEW statistics ts window=12h"),
    row("GET /statistics/NEW/6h", Token, "", 200, "enabled overlay=NEW statistics ts window=6h"),
    row("GET /statistics/NEW/3h", Token, "", 200, "enabled overlay=NEW statistics ts window=3h"),
    row("GET /statistics/NEW/1h", Token, "", 200, "enabled overlay=NEW statistics ts window=1h"),
    row("GET /statistics/NEW/30m", Token, "", 200, "enabled overlay=NEW statistics ts window=30m"),
    row("GET /statistics/NEW/10m", Token, "", 200, "enabled overlay=NEW statistics ts window=10m"),
    row("GET /statistics/NEW/1m", Token, "", 200, "enabled overlay=NEW statistics ts window=1m"),
    row("GET /statistics/NEW/2m", Token, "", 412, "problem unknown_window"),
    row("GET /statistics/nowhere/1m", Token, "", 404, "problem unknown_overlay"),

    row("POST /digest/NEW", Token, MESSAGE, 202, "status=ok"),
    row("POST /digest/NEW", Token, "", 400, "problem not_json"),
    row("POST /digest/NEW", Token, "[]", 400, "problem not_json"),
    row("POST /digest/NEW", Token, "{}", 409, "problem bad_digest"),
    row("POST /digest/NEW", Token, r#"{"t": [{"x": 1}]}"#, 409, "problem bad_digest"),
    row("POST /digest/NEW", Token, r#"{"digestAck": []}"#, 409, "problem bad_digest"),
    row("POST /digest/NEW", Token, r#"{"member_in": []}"#, 409, "problem bad_digest"),
    row("POST /digest/NEW", Token, r#"{"": []}"#, 409, "problem bad_digest"),
    row("POST /digest/nowhere", Token, MESSAGE, 404, "problem unknown_overlay"),
    row("GET /digest/NEW", Token, "", 405, "problem no_method"),

    row("GET /tokens", Superuser, "", 200, "operation=tokens timestamp tokens"),
    row("POST /reconfigure", Superuser, "", 202, "operation=reconfigure status=reconfigured timestamp"),
    row("GET /reconfigure", Superuser, "", 405, "problem no_method"),

    row("DELETE /overlays/main", Token, "", 409, "problem overlay_of_file"),
    row("DELETE /overlays/nowhere", Token, "", 404, "problem unknown_overlay"),
    row("DELETE /overlays/NEW", Token, "", 202, "operation=remove_overlay overlays timestamp"),
    row("GET /membership/NEW", Token, "", 404, "problem unknown_overlay"),

    row("GET /healthz", Nobody, "", 200, "status=ok"),
    row("GET /readyz", Nobody, "", 200, "overlays status=ok"),
];

#[tokio::test]
async fn every_route_answers_as_the_table_says() {
    let daemon = Daemon::start().await;
    let (port, taken) = (free_port(daemon.ip), daemon.port("main"));
    let filled = |text: &str| {
        let text = text.replace("PORT", &port.to_string()).replace("TAKEN", &taken.to_string());
        text.replace("IP", &daemon.ip.to_string()).replace("KEY", KEY).replace("NEW", "fresh")
    };
    for row in TABLE {
        let (method, path) = row.route.split_once(' ').expect("a method and a path");
        let (method, path) = (method.parse::<Method>().expect("a method"), filled(path));
        let overlay = path.split('/').nth(2).unwrap_or_default();
        let known = daemon.overlays().await.iter().any(|name| name == overlay);
        let who = match row.who {
            Nobody => As::Nobody,
            RestUser => daemon.rest_user(),
            Superuser => daemon.superuser(),
            Token if known => daemon.token(overlay).await,
            Token => As::token("that of nobody"),
        };
        let answer = daemon.ask(method, &path, &who, &filled(row.body)).await;
        let (route, answer_words) = (filled(row.route), filled(row.answer));
        assert_eq!(answer.status, row.status, "{route} {}: {answer:?}", row.body);
        match answer_words.strip_prefix("problem ") {
            Some(code) => drop(answer.expect_problem(row.status, code)),
            None => check_keys(&route, &answer, &answer_words),
        }
        if row.status == 405 {
            assert!(!answer.header("allow").is_empty(), "{route}: {answer:?}");
        }
    }
}

fn check_keys(route: &str, answer: &Answer, words: &str) {
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8", "{route}");
    let body = answer.json();
    let keys: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    let words: Vec<(&str, Option<&str>)> = words
        .split(' ')
        .map(|word| word.split_once('=').map_or((word, None), |(key, value)| (key, Some(value))))
        .collect();
    let mut expected: Vec<&str> = words.iter().map(|(key, _)| *key).collect();
    expected.sort_unstable();
    assert_eq!(keys, expected, "{route}: {answer:?}");
    for (key, value) in words {
        if let Some(value) = value {
            assert_eq!(body[key], value, "{route}: {answer:?}");
        }
        if key == "timestamp" || key == "ts" {
            assert!(body[key].as_i64().is_some_and(|seconds| seconds > 1_700_000_000), "{route}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_overlay_that_is_added_has_a_token_in_body_and_header() {
    let daemon = Daemon::start().await;
    let body = daemon.properties().to_string();
    let added = daemon.ask(Method::POST, "/overlays/fresh", &daemon.rest_user(), &body).await.expect(201);
    let token = added.json()["token"].as_str().expect("a token").to_owned();
    assert!(token.len() >= 32, "{token}");
    assert_eq!(added.header("x-session-token"), token);
    assert_eq!(added.json()["overlays"], json!(["fresh", "main"]));
    // Both ways of showing it, and GET /tokens tells it.
    for who in [As::token(&token), As::basic("fresh", &token)] {
        daemon.get("/membership/fresh", &who).await.expect(200);
    }
    let tokens = daemon.get("/tokens", &daemon.superuser()).await.expect(200).json();
    let names: Vec<&String> = tokens["tokens"]
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|one| one.as_object().expect("an object").keys())
        .collect();
    assert_eq!(names, ["fresh", "main"]);
    assert_eq!(tokens["tokens"][0], json!({ "fresh": token }));
    let left = daemon.ask(Method::DELETE, "/overlays/fresh", &As::token(&token), "").await.expect(202);
    assert_eq!(left.json()["overlays"], json!(["main"]));
}

#[tokio::test]
async fn a_bad_property_is_named_with_the_reason() {
    let daemon = Daemon::start().await;
    let mut body = daemon.properties();
    body["quarantine_after"] = json!(-1);
    body["multicast"] = json!({ "ip": "192.0.2.1" });
    body["colour"] = json!("red");
    let answer = daemon.ask(Method::POST, "/overlays/fresh", &daemon.rest_user(), &body.to_string()).await;
    answer.expect_problem(409, "bad_property");
    let wrong = answer.json()["properties"].clone();
    let wrong = wrong.as_array().expect("a list");
    let properties: Vec<&str> = wrong.iter().map(|one| one["property"].as_str().expect("a name")).collect();
    for property in ["quarantine_after", "multicast.ip", "colour"] {
        assert!(properties.contains(&property), "{property} in {answer:?}");
    }
    assert!(
        wrong.iter().all(|one| one["detail"].as_str().is_some_and(|text| !text.is_empty())),
        "{answer:?}"
    );
    for name in [".hidden", "..", "a%2Fb", "a%00b", &"n".repeat(65), "%F0%9F%A6%80"] {
        let answer = daemon
            .ask(
                Method::POST,
                &format!("/overlays/{name}"),
                &daemon.rest_user(),
                &daemon.properties().to_string(),
            )
            .await;
        assert!([404, 405, 409].contains(&answer.status), "{name}: {answer:?}");
    }
    assert_eq!(daemon.overlays().await, ["main"]);
}

#[tokio::test]
async fn who_asks_without_credentials_is_told_how_to_show_them() {
    let daemon = Daemon::start().await;
    for (method, path, realm) in [
        (Method::GET, "/overlays", "gossiperl"),
        (Method::GET, "/tokens", "gossiperl"),
        (Method::GET, "/membership/main", "main"),
    ] {
        let answer = daemon.ask(method, path, &As::Nobody, "").await;
        answer.expect_problem(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), format!("Basic realm=\"{realm}\""));
    }
}

#[tokio::test]
async fn without_a_user_nobody_may_do_what_it_does() {
    let rest = "rest_user = false\nsuperuser = false".to_owned();
    let daemon = Daemon::start_with(Setup { rest, ..Setup::default() }).await;
    for (method, path) in [
        (Method::GET, "/overlays"),
        (Method::POST, "/overlays/fresh"),
        (Method::GET, "/metrics"),
        (Method::GET, "/tokens"),
        (Method::POST, "/reconfigure"),
    ] {
        for who in [As::Nobody, As::basic("rest_user", "password")] {
            let answer = daemon.ask(method.clone(), path, &who, "{}").await;
            answer.expect_problem(412, "no_user");
        }
    }
    assert!(!daemon.rest_file("rest_user").exists() && !daemon.rest_file("superuser").exists());
}

#[tokio::test]
async fn users_of_the_configuration_log_in_with_its_passwords() {
    let hash = gossiperl_daemon::rest::hash_password(b"open sesame").expect("hashed");
    let rest = format!(
        "rest_user = {{ username = \"reader\", password = \"a: plain one\" }}\nsuperuser = {{ username = \"root\", password = \"{hash}\" }}"
    );
    let daemon = Daemon::start_with(Setup { rest, ..Setup::default() }).await;
    let (reader, root) = (As::basic("reader", "a: plain one"), As::basic("root", "open sesame"));
    // Twice: what was right once takes another way from then on.
    for _ in 0..2 {
        daemon.get("/overlays", &reader).await.expect(200);
        daemon.get("/tokens", &root).await.expect(200);
        daemon.get("/tokens", &reader).await.expect_problem(401, "unauthorized");
        daemon.get("/overlays", &root).await.expect_problem(401, "unauthorized");
    }
    let hash: Value = json!(hash);
    daemon.get("/tokens", &As::basic("root", hash.as_str().expect("text"))).await.expect(401);
}
