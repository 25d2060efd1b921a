//! What the client costs: messages a second from a publisher through the real overlay to a subscriber, and the CPU time of
//! each of the three threads a message. `cargo bench -p gossiperl-client -- [SIZE] [MESSAGES]`

#![allow(clippy::expect_used, clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use gossiperl_client::{Client, Options, SlowPolicy};
use support::Daemon;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let size = numbers.first().copied().unwrap_or(200) as usize;
    let messages = numbers.get(1).copied().unwrap_or(1_000_000);
    println!("{messages} messages of {size} bytes, one publisher, one subscriber; CPU time a message");
    for round in 0..3 {
        throughput(round, size, messages);
    }
    latency(size);
}

fn throughput(round: u32, size: usize, messages: u64) {
    let (port, daemon, stop) = start_daemon();
    let (ready, subscribed) = mpsc::channel();
    let subscriber = on_thread(async move {
        let client = connect(port, "subscriber").await;
        let mut subscription = client.subscribe(["n"], SlowPolicy::Wait).await.unwrap();
        ready.send(()).unwrap();
        let (mut count, before) = (0, cpu());
        while count < messages {
            count += subscription.next_batch(4_096).await.len() as u64;
        }
        (Instant::now(), cpu() - before)
    });
    subscribed.recv().unwrap();
    let publisher = on_thread(async move {
        let client = connect(port, "publisher").await;
        let publisher = client.publisher("n").unwrap();
        let payload = vec![b'.'; size];
        let (start, before) = (Instant::now(), cpu());
        for _ in 0..messages {
            publisher.send(&payload).await.unwrap();
        }
        publisher.flush().await.unwrap();
        (start, cpu() - before)
    });
    let (start, publishing) = publisher.join().unwrap();
    let (end, subscribing) = subscriber.join().unwrap();
    drop(stop);
    let serving = daemon.join().unwrap();
    let each = |time: Duration| time.as_nanos() as f64 / messages as f64;
    println!(
        "round {round}: {:.0} messages/s; publisher {:.0} ns, subscriber {:.0} ns, daemon {:.0} ns",
        messages as f64 / (end - start).as_secs_f64(),
        each(publishing),
        each(subscribing),
        each(serving)
    );
}

/// A thousand messages a second, each from the call to the reader's hand, and to the acknowledgement.
fn latency(size: usize) {
    let (port, daemon, stop) = start_daemon();
    let measured = on_thread(async move {
        let (a, b) = (connect(port, "publisher").await, connect(port, "subscriber").await);
        let mut subscription = b.subscribe(["n"], SlowPolicy::Wait).await.unwrap();
        let publisher = a.publisher("n").unwrap();
        let payload = vec![b'.'; size];
        let (mut delivered, mut acknowledged) = (Vec::new(), Vec::new());
        for _ in 0..2_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let start = Instant::now();
            let receipt = publisher.try_send(&payload).unwrap();
            let (_, ()) = tokio::join!(
                async {
                    receipt.await.unwrap();
                    acknowledged.push(start.elapsed());
                },
                async {
                    subscription.next().await.unwrap();
                    delivered.push(start.elapsed());
                }
            );
        }
        (delivered, acknowledged)
    });
    let (mut delivered, mut acknowledged) = measured.join().unwrap();
    drop(stop);
    daemon.join().unwrap();
    for (what, times) in [("delivered", &mut delivered), ("acknowledged", &mut acknowledged)] {
        times.sort_unstable();
        println!("{what}: p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
    }
}

async fn connect(port: u16, name: &str) -> Client {
    Client::connect(Options::new(port, name, Daemon::KEY)).await.unwrap()
}

/// Port, thread (its result: the CPU time of its messages), and what stops it when dropped.
fn start_daemon() -> (u16, thread::JoinHandle<Duration>, tokio::sync::oneshot::Sender<()>) {
    let (port_sender, port) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let thread = on_thread(async move {
        let daemon = Daemon::start().await;
        port_sender.send(daemon.port()).unwrap();
        let before = cpu();
        let _ = stopped.await;
        cpu() - before
    });
    (port.recv().unwrap(), thread, stop)
}

/// Runs it on a thread with a runtime of its own, so that its CPU time is its own.
fn on_thread<T: Send + 'static>(what: impl Future<Output = T> + Send + 'static) -> thread::JoinHandle<T> {
    thread::spawn(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(what)
    })
}

/// CPU time of this thread so far, where the system tells.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}
