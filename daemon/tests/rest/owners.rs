//! The file's overlays and those made over the interface keep what they keep apart.

use std::fs;

use reqwest::Method;
use serde_json::json;

use crate::support::{As, Daemon};

/// Adds an overlay, and a key to its ring while it runs; its token and its daemons' rings.
async fn with_ring(daemon: &Daemon) -> (As, serde_json::Value) {
    let token = daemon.add("fresh", &daemon.properties()).await;
    let added = json!({ "key": "added while it ran" }).to_string();
    daemon.ask(Method::POST, "/keys/fresh", &token, &added).await.expect(200);
    let ring = ring(daemon, &token).await;
    assert_eq!(ring.as_array().map(Vec::len), Some(2), "{ring}");
    (token, ring)
}

async fn ring(daemon: &Daemon, token: &As) -> serde_json::Value {
    daemon.get("/keys/fresh", token).await.expect(200).json()["daemons"][0]["keys"].clone()
}

#[tokio::test]
async fn what_rest_made_returns_unharmed_once_the_file_has_no_overlay_of_its_name() {
    let mut daemon = Daemon::start().await;
    let (token, made) = with_ring(&daemon).await;
    daemon.crash();
    daemon.change_config(|setup| {
        setup.overlays.push(("fresh".to_owned(), "secret = \"the file's\"".to_owned()))
    });
    daemon.run().await;
    let of_file = daemon.token("fresh").await;
    daemon.get("/membership/fresh", &token).await.expect_problem(401, "unauthorized");
    daemon.ask(Method::DELETE, "/overlays/fresh", &of_file, "").await.expect_problem(409, "overlay_of_file");
    assert_eq!(
        ring(&daemon, &of_file).await.as_array().map(Vec::len),
        Some(1),
        "REST's ring is not the file's"
    );
    // At once by a reload, as at a start.
    daemon.change_config(|setup| drop(setup.overlays.pop()));
    daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await.expect(202);
    assert_eq!(ring(&daemon, &token).await, made);
    daemon.get("/membership/fresh", &of_file).await.expect_problem(401, "unauthorized");
    daemon.crash();
    daemon.run().await;
    assert_eq!(ring(&daemon, &token).await, made);
}

#[tokio::test]
async fn an_overlay_is_added_without_what_a_removal_that_was_cut_short_has_left() {
    let mut daemon = Daemon::start().await;
    let (token, _) = with_ring(&daemon).await;
    let name = async |token: &As| {
        daemon.get("/membership/fresh", token).await.expect(200).json()["membership"][0]["name"].clone()
    };
    let before = name(&token).await;
    daemon.crash();
    // What a removal does first of all.
    fs::remove_file(daemon.data_dir().join("rest/overlays/fresh/overlay.toml")).expect("removed");
    daemon.run().await;
    let again = daemon.add("fresh", &daemon.properties()).await;
    assert_eq!(ring(&daemon, &again).await.as_array().map(Vec::len), Some(1), "the former ring is back");
    let after =
        daemon.get("/membership/fresh", &again).await.expect(200).json()["membership"][0]["name"].clone();
    assert_ne!(before, after);
}

#[tokio::test]
async fn what_earlier_versions_kept_in_one_folder_is_taken_over() {
    let mut daemon = Daemon::start().await;
    let (token, made) = with_ring(&daemon).await;
    daemon.crash();
    let folders = ["rest/overlays/fresh", "overlays/fresh"].map(|folder| daemon.data_dir().join(folder));
    fs::rename(&folders[0], &folders[1]).expect("moved");
    daemon.run().await;
    assert_eq!(ring(&daemon, &token).await, made);
    assert!(folders[0].exists() && !folders[1].exists());
}
