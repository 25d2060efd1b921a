//! When a server has begun to serve: it answers in its own protocol.

use std::{net::Ipv4Addr, time::Duration};

use gossiperl_client::{Client, Options};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{load::Target, system::System};

/// Between two tries: the resolution of the time a server takes to start.
const RETRY: Duration = Duration::from_millis(1);
/// For one try with gossiperl, whose answer takes a fraction of it; its client would be slower to try again by itself.
const TRY: Duration = Duration::from_millis(5);
/// CONNECT of MQTT 3.1.1: clean session, client id "x".
const MQTT_CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x";

/// Waits for the first answer.
pub(crate) async fn wait(target: &Target) -> anyhow::Result<()> {
    while !answers(target).await? {
        tokio::time::sleep(RETRY).await;
    }
    Ok(())
}

async fn answers(target: &Target) -> anyhow::Result<bool> {
    Ok(match target.system {
        System::Gossiperl => {
            let options = Options::new(target.port, "probe", &target.key).connect_timeout(TRY);
            Client::connect(options).await.is_ok()
        }
        System::Nats | System::Jetstream => greets(target.port, b"", b"INFO").await,
        System::Mosquitto => greets(target.port, MQTT_CONNECT, b"\x20").await,
        System::RedisPubsub | System::RedisStreams => greets(target.port, b"PING\r\n", b"+PONG").await,
    })
}

/// Whether the server answers `question` with something that begins like `answer`.
async fn greets(port: u16, question: &[u8], answer: &[u8]) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(question).await?;
        let mut answered = vec![0; answer.len()];
        stream.read_exact(&mut answered).await?;
        std::io::Result::Ok(answered)
    };
    asked.await.is_ok_and(|answered| answered == answer)
}
