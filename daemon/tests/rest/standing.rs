//! How overlays stand with other daemons, told by readiness and metrics: a host that nobody lets in runs, and is of no use.

use serde_json::{Value, json};

use crate::support::{As, Daemon, own_address, until};

/// Waits until the overlay `fresh` stands so.
async fn stands(daemon: &Daemon, standing: &str) {
    until(standing, async || {
        let listed = daemon.get("/overlays?details=true", &daemon.rest_user()).await.expect(200).json();
        let fresh = listed["details"].as_array()?.iter().find(|overlay| overlay["overlay"] == "fresh")?;
        (fresh["standing"] == standing).then_some(())
    })
    .await;
    // Who shows no credentials learns no names.
    let ready = daemon.get("/readyz", &As::Nobody).await.expect(200);
    let count = if standing == "waiting" { 2 } else { 1 };
    assert_eq!(ready.json()["overlays"][standing], count, "{ready:?}");
    assert!(!ready.body.contains("fresh"), "{ready:?}");
    let metrics = daemon.get("/metrics", &daemon.rest_user()).await.expect(200).body;
    let of_fresh = "gossiperl_overlay_standing{overlay=\"fresh\",standing=";
    let lines: Vec<&str> = metrics.lines().filter(|line| line.starts_with(of_fresh)).collect();
    let there: Vec<&&str> = lines.iter().filter(|line| line.ends_with(" 1")).collect();
    assert!(lines.len() == 5 && there.len() == 1 && there[0].contains(standing), "{lines:?}");
}

#[tokio::test]
async fn a_host_that_nobody_lets_in_says_so_and_why() {
    let (first, second) = (Daemon::start().await, Daemon::start().await);
    let of = |daemon: &Daemon, properties: &Value, seed: Option<std::net::Ipv4Addr>, name: &str| {
        let mut properties = properties.clone();
        properties["ip"] = json!(daemon.ip);
        properties["member_name"] = json!(name);
        properties["racks"] = json!({ "default": seed.iter().collect::<Vec<_>>() });
        properties
    };
    let properties = first.properties();
    first.add("fresh", &of(&first, &properties, None, "one")).await;
    stands(&first, "waiting").await;
    let add = async |properties: &Value, standing: &str| {
        let token = second.add("fresh", properties).await;
        stands(&second, standing).await;
        token
    };
    let remove = async |token: As| {
        second.ask(reqwest::Method::DELETE, "/overlays/fresh", &token, "").await.expect(202);
    };
    remove(add(&of(&second, &properties, Some(own_address()), "two"), "unanswered").await).await;
    let mut wrong = of(&second, &properties, Some(first.ip), "two");
    wrong["symmetric_key"] = json!("another key than theirs");
    remove(add(&wrong, "unanswered").await).await;
    remove(add(&of(&second, &properties, Some(first.ip), "one"), "name_taken").await).await;
    stands(&first, "waiting").await;
    add(&of(&second, &properties, Some(first.ip), "two"), "joined").await;
    stands(&first, "joined").await;
}
