//! A chat: publishes each line of standard input, and prints the others' lines and who comes and goes.
//!
//!     GOSSIPERL_KEY=… cargo run -p gossiperl-client --example chat -- PORT NAME
//!
//! `examples` has the same in each of the other languages; all of them talk to each other.

use std::{io::stdin, thread};

use gossiperl_client::{Client, CustomDigest, Delivery, Event, MemberChange, Options, SlowPolicy};
use tokio::sync::mpsc;

const TYPE: &str = "chat";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(name), Ok(key)) =
        (arguments.next(), arguments.next(), std::env::var("GOSSIPERL_KEY"))
    else {
        return Err("usage: GOSSIPERL_KEY=KEY chat PORT NAME".into());
    };
    let client = Client::connect(Options::new(port.parse()?, name.as_str(), key)).await?;
    let mut events = client.events();
    let mut subscription = client.subscribe([TYPE], SlowPolicy::Wait).await?;
    let mut members = client.watch_members().await?;
    for member in members.current() {
        println!("* {} is here", member.name);
    }
    let mut lines = lines();
    loop {
        tokio::select! {
            Some(delivery) = subscription.next() => show(&delivery),
            Some(event) = members.next() => println!("* {} {}", event.member.name, what(event.change)),
            Some(event) = events.next() => tell(&event),
            line = lines.recv() => {
                let Some(line) = line else { break };
                let mut said = CustomDigest::new();
                said.set(1, name.as_str());
                said.set(2, line);
                client.publish_digest(TYPE, &said).await?;
            }
        }
    }
    client.close().await;
    Ok(())
}

/// Reading a terminal blocks, so a thread does it.
fn lines() -> mpsc::Receiver<String> {
    let (typed, lines) = mpsc::channel(1);
    thread::spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn show(delivery: &Delivery) {
    let Ok(said) = delivery.digest() else { return };
    if let (Ok(name), Ok(line)) = (said.get::<&str>(1), said.get::<&str>(2)) {
        println!("<{name}> {line}");
    }
}

fn tell(event: &Event) {
    match event {
        Event::Connected { daemon, .. } => println!("* connected to {daemon}"),
        Event::Disconnected(reason) => println!("* disconnected: {reason}"),
        _ => {}
    }
}

fn what(change: MemberChange) -> &'static str {
    match change {
        MemberChange::In => "is here",
        MemberChange::Rejoin => "is back",
        MemberChange::Out => "has left",
        _ => "is silent",
    }
}
