//! Windows and metrics say what clients of both protocols counted.

use gossiperl_daemon::statistics::Window;

use crate::{
    legacy::{Counted, Legacy, told},
    support::{Host, TYPE, receive, subscribe},
};

/// Under the name that the statistics give to published messages of all types.
fn as_told(counted: &Counted, event_type: &str) -> Counted {
    let name =
        |payload_type: &String| if payload_type == event_type { "message" } else { payload_type }.to_owned();
    counted.iter().map(|(payload_type, counted)| (name(payload_type), *counted)).collect()
}

fn sum(one: &Counted, other: &Counted) -> Counted {
    let mut sum = one.clone();
    for (payload_type, (messages, bytes)) in other {
        let counted = sum.entry(payload_type.clone()).or_default();
        *counted = (counted.0 + messages, counted.1 + bytes);
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_protocol_2_counted_what_the_windows_say() {
    const MESSAGES: usize = 5_000;
    let host = Host::start("").await;
    let (publisher, near, far) =
        (host.client("publisher").await, host.client("near").await, host.client("far").await);
    let mut readers = [subscribe(&near).await, subscribe(&far).await];
    host.publish(&publisher, MESSAGES).await;
    for reader in &mut readers {
        receive(reader, MESSAGES).await;
    }
    let delivered = 2.0 * MESSAGES as f64;
    let metrics = host.wait_for("all acknowledgements", |metrics| {
        metrics.of("gossiperl_messages_delivered_total", "") == delivered
    });
    let metrics = metrics.await;
    assert_eq!(metrics.of("gossiperl_messages_published_total", ""), MESSAGES as f64);
    assert_eq!(metrics.of("gossiperl_messages_fanned_out_total", ""), delivered);
    assert_eq!(metrics.of("gossiperl_members", "kind=\"client\",state=\"reachable\""), 3.0);
    assert_eq!(metrics.of("gossiperl_subscriptions", "origin=\"local\""), 2.0);
    assert!(metrics.of("gossiperl_round_trip_seconds_count", "with=\"clients\"") > 0.0);
    for window in Window::ALL {
        let answer = host.service.host().collector().window("main", window).await.expect("an overlay");
        assert_eq!(answer.window, window);
        let statistics = &answer.statistics;
        assert_eq!(statistics["deliveries"]["published"], MESSAGES, "{window}");
        assert_eq!(statistics["deliveries"]["delivered"], 2 * MESSAGES, "{window}");
        // A frame that was lost on the way to a busy client goes twice.
        let frames =
            |direction: &str| statistics["frames"][direction]["Message"]["frames"].as_u64().expect("some");
        assert!(frames("in") >= MESSAGES as u64 && frames("out") >= 2 * MESSAGES as u64, "{window}");
        assert_eq!(statistics["queues"]["clients"]["messages"], 0);
        assert!(answer.seconds > 0.0 && statistics["from"] == answer.from, "{window}: {}", answer.seconds);
    }
    assert!(host.service.host().collector().window("other", Window::Total).await.is_none());
    host.service.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_protocol_1_counted_what_the_windows_say() {
    let host = Host::start("").await;
    let (mut publisher, mut subscriber) = (Legacy::new(&host, "publisher"), Legacy::new(&host, "subscriber"));
    for client in [&mut publisher, &mut subscriber] {
        client.digest();
        client.hear(|heard| heard.contains_key("digestAck"));
    }
    subscriber.subscribe(TYPE);
    subscriber.hear(|heard| heard.contains_key("digestSubscribeAck"));
    let is_there = |heard: &Counted, payload_type: &str, count| {
        heard.get(payload_type).is_some_and(|counted| counted.0 == count)
    };
    for number in 1..=50 {
        publisher.publish(TYPE, &vec![7; number], &format!("id-{number}"));
        publisher.hear(|heard| is_there(heard, "digestForwardedAck", number as u64));
        subscriber.hear(|heard| is_there(heard, TYPE, number as u64));
    }
    let metrics = host.wait_for("all acknowledgements", |metrics| {
        metrics.of("gossiperl_messages_delivered_total", "") == 50.0
    });
    let metrics = metrics.await;
    let answer = host.service.host().collector().window("main", Window::Minute).await.expect("an overlay");
    assert_eq!(told(&answer, "in"), as_told(&sum(&publisher.sent, &subscriber.sent), TYPE));
    assert_eq!(told(&answer, "out"), as_told(&sum(&publisher.heard, &subscriber.heard), TYPE));
    let (messages, bytes) = told(&answer, "in")["message"];
    assert_eq!(metrics.of("gossiperl_digests_total", "direction=\"in\",type=\"message\""), messages as f64);
    assert_eq!(metrics.of("gossiperl_digest_bytes_total", "direction=\"in\",type=\"message\""), bytes as f64);
    assert_eq!(answer.statistics["retries"]["redelivered"], 0);
    host.service.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlay_that_was_left_has_no_statistics_any_more() {
    let host = Host::start("").await;
    let collector = host.service.host().collector().clone();
    assert!(collector.window("main", Window::Minute).await.is_some());
    host.service.leave().await;
    // The collector finds out for itself, where nobody tells it.
    assert!(collector.window("main", Window::Minute).await.is_none());
    let text = collector.metrics(0).await;
    assert!(!text.contains("overlay=\"main\""), "{text}");
}
