//! Draining over the interface: how it ended is in the answer.

use reqwest::Method;
use serde_json::json;

use crate::support::Daemon;

#[tokio::test]
async fn the_answer_says_how_a_drain_ended() {
    let daemon = Daemon::start().await;
    let root = daemon.superuser();
    let drain = async |query: &str| daemon.ask(Method::POST, &format!("/drain?{query}"), &root, "").await;
    drain("within=26").await.expect_problem(400, "bad_request");
    drain("continued=perhaps").await.expect_problem(400, "bad_request");
    // There is none to go on with, as where one was called off: none is begun.
    let answer = drain("within=0&forced=true&continued=true").await.expect(200).json();
    assert_eq!(answer["end"], "called_off");
    daemon.add("fresh", &daemon.properties()).await;
    // It waits for nobody.
    let answer = drain("within=0").await.expect(200).json();
    assert_eq!(
        (&answer["end"], &answer["complete"], &answer["draining"]),
        (&json!("left"), &json!(true), &json!(false))
    );
    daemon.ask(Method::DELETE, "/drain", &root, "").await.expect_problem(503, "stopping");
}
