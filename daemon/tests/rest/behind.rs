//! A reader of the stream of events that does not read in time, over a connection like any other.

use serde_json::Value;
use tokio::sync::mpsc;

use crate::support::{Daemon, Setup, Told, soon, stream, until};

/// Messages, of this many bytes each: more than the history and the system's buffers hold.
const MESSAGES: u64 = 600;
const LENGTH: usize = 50_000;
/// Published before they are waited for, so that the daemon's own subscription keeps up.
const AT_A_TIME: u64 = 20;

/// The number in a delivery's text.
fn number(data: &Value) -> u64 {
    let text = data["text"].as_str().expect("text");
    text.split('>').next().expect("one").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_falls_behind_is_told_of_its_gap_and_goes_on() {
    let daemon = Daemon::start_with(Setup { rest: "ssl = false".to_owned(), ..Setup::default() }).await;
    let token = daemon.token("main").await;
    let [slow, quick] = [(); 2].map(|()| stream(&daemon, "main", &token, "types=big").skip(1));
    let (told, mut seen) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for Told { data, .. } in quick {
            // The test is over otherwise.
            let _ = told.send(number(&data));
        }
    });
    until("the streams' subscription", async || {
        let shown = daemon.get("/subscriptions/main", &token).await.expect(200).json();
        shown["subscriptions"].as_array().is_some_and(|all| !all.is_empty()).then_some(())
    })
    .await;
    let publisher = daemon.session(daemon.port("main"), "publisher").await;
    for number in 0..MESSAGES {
        let message = format!("{number}>{}", "x".repeat(LENGTH));
        soon("taken", publisher.publish("big", message)).await.expect("taken");
        if (number + 1) % AT_A_TIME == 0 {
            while soon("who reads in time has it", seen.recv()).await.expect("open") != number {}
        }
    }
    let reading = tokio::task::spawn_blocking(move || {
        let (mut read, mut missed) = (Vec::new(), 0);
        for Told { name, data, .. } in slow {
            match name.as_str() {
                "gap" => missed += data["missed"].as_u64().expect("a number"),
                _ => read.push(number(&data)),
            }
            if read.last() == Some(&(MESSAGES - 1)) {
                break;
            }
        }
        (read, missed)
    });
    let (read, missed) = soon("the last message", reading).await.expect("read");
    assert!(read.is_sorted() && missed > 0, "{missed} missed of {read:?}");
    // What is missed may have been of another type.
    assert!(read.len() as u64 + missed >= MESSAGES, "{missed} missed of {}", read.len());
}
