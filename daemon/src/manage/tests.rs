//! Changes whose turn comes when the overlay that was meant is another already, and what those are told who watch one.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{ChangeError, Host, Turn, failed::Wanted, token};
use crate::{config::Settings, statistics::Collector};

async fn host(data_dir: &Path) -> Host {
    let mut settings = Settings::parse("", Path::new("test")).unwrap_or_else(|error| panic!("{error}"));
    settings.data_dir = data_dir.to_owned();
    Host::start(&settings, None, Collector::new(None)).await.expect("started").0
}

fn properties() -> Map<String, Value> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("bound").port();
    let properties = json!({ "ip": "127.0.0.1", "port": port, "symmetric_key": "a key of this test", "racks": { "default": [] } });
    properties.as_object().expect("an object").clone()
}

#[tokio::test]
async fn a_token_changes_the_overlay_that_it_was_made_for_and_no_later_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = host(folder.path()).await;
    let first = host.add("fresh", &properties()).await.expect("added");
    host.remove("fresh", &first).await.expect("removed");
    let properties = properties();
    let second = host.add("fresh", &properties).await.expect("added");
    // As whoever showed the first token when it was right, and waited for a turn since.
    for refused in [
        host.remove("fresh", &first).await,
        host.replace("fresh", &first, &properties).await.map(drop),
        host.set("fresh", &first, "quarantine_after", &json!(30)).await.map(drop),
    ] {
        assert!(matches!(refused, Err(ChangeError::Removed(_))), "{refused:?}");
    }
    host.set("fresh", &second, "quarantine_after", &json!(30)).await.expect("changed");
    host.leave().await;
}

#[tokio::test]
async fn who_watches_an_overlay_is_told_of_restarts_failures_and_its_end_and_of_no_namesake() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = host(folder.path()).await;
    let properties = properties();
    let token = host.add("fresh", &properties).await.expect("added");
    let mut life = host.life(&host.get("fresh").expect("it runs"));
    host.set("fresh", &token, "quarantine_after", &json!(30)).await.expect("changed");
    host.set("fresh", &token, "secret", &json!("another secret")).await.expect("changed");
    let Turn::Again(again) = life.next().await else { panic!("it was started anew") };
    assert!(again.handle.is_same(&host.get("fresh").expect("it runs").handle));

    let (settings, owner) = (again.settings.clone(), again.owner.clone());
    host.fail("fresh", Wanted::Rest(None), Some(token.clone()), "a reason".to_owned());
    again.close().await;
    let Turn::Failed(failed) = life.next().await else { panic!("it failed") };
    assert_eq!(failed.why(), "a reason");
    host.start_one(settings, owner, token::load_or_make).await.expect("started");
    assert!(matches!(life.next().await, Turn::Again(_)), "with the token that is kept");

    host.remove("fresh", &token).await.expect("removed");
    host.add("fresh", &properties).await.expect("added");
    assert!(matches!(life.next().await, Turn::Gone), "though there is one of its name");
    host.leave().await;
}
