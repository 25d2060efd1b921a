//! Prints what is published: `cargo run -p gossiperl-client --example subscribe -- PORT KEY NAME TYPE...`

use gossiperl_client::{Client, Options, SlowPolicy};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(key), Some(name)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: subscribe PORT KEY NAME TYPE...".into());
    };
    let client = Client::connect(Options::new(port.parse()?, name, key)).await?;
    let mut subscription = client.subscribe(arguments, SlowPolicy::Wait).await?;
    loop {
        tokio::select! {
            delivery = subscription.next() => {
                let Some(delivery) = delivery else { break };
                println!("{}: {}", delivery.event_type_name(), String::from_utf8_lossy(delivery.payload()));
            }
            _ = tokio::signal::ctrl_c() => client.close().await,
        }
    }
    Ok(())
}
