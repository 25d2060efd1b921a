//! The last step of changing an overlay's keys: they are written down where the configuration is, and nothing else happens.

use std::fs;

use gossiperl_client::{Client, Event, Events, Options};
use reqwest::Method;
use serde_json::json;

use crate::support::{Daemon, KEY, soon, until};

async fn reconfigure(daemon: &Daemon) {
    daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await.expect(202);
}

/// A client that has both keys, and what it hears of its session from now on.
async fn with_both_keys(daemon: &Daemon, port: u16, new: &str) -> (Client, Events) {
    let options = Options::new(port, "reader", KEY).additional_key(new).address(daemon.ip.into());
    let client = soon("a session", Client::connect(options)).await.expect("a session");
    let mut events = client.events();
    while events.try_next().is_some() {}
    (client, events)
}

#[tokio::test]
async fn keys_that_were_changed_everywhere_are_written_down_without_a_restart() {
    let new = "the next key of this test";
    let mut daemon = Daemon::start().await;
    let properties = daemon.properties();
    let made = daemon.add("made", &properties).await;
    let ports =
        [daemon.port("main"), u16::try_from(properties["port"].as_u64().expect("a port")).expect("a port")];
    let tokens = [daemon.token("main").await, made];
    let kept =
        ["overlays/main/keys.json", "rest/overlays/made/keys.json"].map(|ring| daemon.data_dir().join(ring));
    let mut clients = Vec::new();
    for (port, (overlay, token)) in ports.into_iter().zip(["main", "made"].iter().zip(&tokens)) {
        clients.push(with_both_keys(&daemon, port, new).await);
        let path = format!("/keys/{overlay}");
        let ring = async || daemon.get(&path, token).await.expect(200).json()["daemons"][0]["keys"].clone();
        let id =
            |ring: &serde_json::Value, place: usize| ring[place]["id"].as_str().expect("an id").to_owned();
        let old = id(&ring().await, 0);
        daemon.ask(Method::POST, &path, token, &json!({ "key": new }).to_string()).await.expect(200);
        let id = id(&ring().await, 1);
        daemon.ask(Method::PUT, &format!("{path}/{id}"), token, "").await.expect(200);
        until("no client under the old key", async || {
            let ring = ring().await;
            let keys = ring.as_array().expect("keys");
            keys.iter().all(|key| key["id"] != old.as_str() || key["clients"] == 0).then_some(())
        })
        .await;
        daemon.ask(Method::DELETE, &format!("{path}/{old}"), token, "").await.expect(200);
    }
    assert!(kept.iter().all(|ring| ring.exists()));
    let config = fs::read_to_string(daemon.config()).expect("a file").replace(KEY, new);
    fs::write(daemon.config(), &config).expect("written");
    reconfigure(&daemon).await;
    daemon.put("/overlays/made/symmetric_key", &tokens[1], &json!(new)).await.expect(202);
    until("no ring of its own", async || kept.iter().all(|ring| !ring.exists()).then_some(())).await;
    assert_eq!(daemon.log().count("starting anew"), 0);
    for (client, events) in &mut clients {
        soon("taken", client.publish("t", b"still here")).await.expect("taken");
        while let Some(event) = events.try_next() {
            assert!(!matches!(event, Event::Disconnected(_) | Event::Connected { .. }), "{event:?}");
        }
    }
    // From there on rings are those of the new key's.
    for (overlay, token) in ["main", "made"].iter().zip(&tokens) {
        let another = json!({ "key": "one more key of this test" }).to_string();
        daemon.ask(Method::POST, &format!("/keys/{overlay}"), token, &another).await.expect(200);
    }
    daemon.crash();
    daemon.run().await;
    for (overlay, token) in ["main", "made"].iter().zip(&tokens) {
        let keys = daemon.get(&format!("/keys/{overlay}"), token).await.expect(200).json();
        assert_eq!(keys["daemons"][0]["keys"].as_array().map(Vec::len), Some(2), "{keys}");
    }
    // Others than the ring's start it anew, as ever.
    fs::write(daemon.config(), config.replace(new, "a key that nobody has")).expect("written");
    reconfigure(&daemon).await;
    assert_eq!(daemon.log().count("starting anew"), 1);
}
