//! Prints who is there, who comes and who goes: `cargo run -p gossiperl-client --example presence -- PORT KEY NAME`

use gossiperl_client::{Client, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(key), Some(name)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: presence PORT KEY NAME".into());
    };
    let client = Client::connect(Options::new(port.parse()?, name, key)).await?;
    let mut members = client.watch_members().await?;
    for member in members.current() {
        println!("{} is {:?}", member.name, member.state);
    }
    loop {
        tokio::select! {
            event = members.next() => {
                let Some(event) = event else { break };
                println!("{}: {}", event.change, event.member.name);
            }
            _ = tokio::signal::ctrl_c() => client.close().await,
        }
    }
    Ok(())
}
