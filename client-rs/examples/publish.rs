//! Publishes the lines of standard input: `cargo run -p gossiperl-client --example publish -- PORT KEY NAME TYPE`

use std::io::BufRead;

use gossiperl_client::{Client, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(key), Some(name), Some(event_type)) =
        (arguments.next(), arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: publish PORT KEY NAME TYPE".into());
    };
    let client = Client::connect(Options::new(port.parse()?, name, key)).await?;
    let publisher = client.publisher(event_type)?;
    for line in std::io::stdin().lock().lines() {
        publisher.send(line?).await?;
    }
    // From here on the daemon is responsible for all of them.
    publisher.flush().await?;
    client.close().await;
    Ok(())
}
