//! The program that every language has, in Rust: bindings/interop/README.md says what it does.
//!
//!     GOSSIPERL_KEY=… cargo run -p gossiperl-client --example peer -- receive PORT NAME

use std::{
    io::{BufRead, Write, stdin},
    time::Instant,
};

use gossiperl_client::{Client, CustomDigest, Delivery, Options, SlowPolicy, Value};

type Failure = Box<dyn std::error::Error>;

/// What event types of digests begin with.
const DIGESTS: &[u8] = b"digest.";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["publish", port, name] => publish(connect(port, name).await?).await,
        ["receive", port, name] => receive(connect(port, name).await?).await,
        ["bench-publish", port, name, count, size] => {
            bench_publish(connect(port, name).await?, count.parse()?, size.parse()?).await
        }
        ["bench-receive", port, name, count] => {
            bench_receive(connect(port, name).await?, count.parse()?).await
        }
        _ => Err("usage: peer publish|receive|bench-publish|bench-receive PORT NAME [COUNT [SIZE]]".into()),
    }
}

async fn connect(port: &str, name: &str) -> Result<Client, Failure> {
    let key =
        std::env::var("GOSSIPERL_KEY").map_err(|_| "GOSSIPERL_KEY is not set: give the overlay's key")?;
    Ok(Client::connect(Options::new(port.parse()?, name, key)).await?)
}

async fn publish(client: Client) -> Result<(), Failure> {
    let mut count = 0;
    for line in stdin().lines() {
        let line = line?;
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["bytes", event_type, payload] => client.publish(bytes(event_type)?, bytes(payload)?).await?,
            ["digest", event_type, fields] => {
                client.publish_digest(bytes(event_type)?, &digest(fields)?).await?;
            }
            _ => return Err(format!("no message: {line}").into()),
        }
        count += 1;
    }
    say(&format!("done {count}"))?;
    client.close().await;
    Ok(())
}

async fn receive(client: Client) -> Result<(), Failure> {
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let types: Vec<Vec<u8>> = line.trim_end().split(',').map(bytes).collect::<Result<_, _>>()?;
    let mut subscription = client.subscribe(types, SlowPolicy::Wait).await?;
    say("ready")?;
    let input = tokio::task::spawn_blocking(|| stdin().lock().lines().count());
    tokio::pin!(input);
    loop {
        tokio::select! {
            biased;
            Some(delivery) = subscription.next() => say(&shown(&delivery)?)?,
            _ = &mut input => break,
        }
    }
    client.close().await;
    Ok(())
}

async fn bench_publish(client: Client, count: u64, size: usize) -> Result<(), Failure> {
    let (publisher, payload) = (client.publisher("bench")?, vec![b'.'; size]);
    let start = Instant::now();
    for _ in 0..count {
        publisher.send(&payload).await?;
    }
    publisher.flush().await?;
    measured(count, start)?;
    client.close().await;
    Ok(())
}

async fn bench_receive(client: Client, count: u64) -> Result<(), Failure> {
    let mut subscription = client.subscribe(["bench"], SlowPolicy::Wait).await?;
    say("ready")?;
    let (mut taken, mut start) = (0, None);
    while taken < count {
        taken += subscription.next_batch(4_096).await.len() as u64;
        start.get_or_insert_with(Instant::now);
    }
    measured(count, start.unwrap_or_else(Instant::now))?;
    client.close().await;
    Ok(())
}

/// A delivery as a line.
fn shown(delivery: &Delivery) -> Result<String, Failure> {
    let event_type = hexadecimal(delivery.event_type());
    if !delivery.event_type().starts_with(DIGESTS) {
        return Ok(format!("bytes {event_type} {}", hexadecimal(delivery.payload())));
    }
    let digest = delivery.digest()?;
    let fields: Vec<String> = digest.fields().map(|(id, value)| format!("{id}:{}", field(value))).collect();
    Ok(format!("digest {event_type} {}", if fields.is_empty() { "-".to_owned() } else { fields.join(",") }))
}

fn field(value: &Value) -> String {
    let text = match value {
        Value::Bool(value) => value.to_string(),
        Value::Byte(value) => value.to_string(),
        Value::I16(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::Double(value) => format!("{:016x}", value.to_bits()),
        Value::String(bytes) => hexadecimal(bytes),
    };
    format!("{}:{text}", value.type_name())
}

fn digest(fields: &str) -> Result<CustomDigest, Failure> {
    let mut digest = CustomDigest::new();
    for text in fields.split(',').filter(|text| *text != "-") {
        let [id, kind, value] = text.split(':').collect::<Vec<_>>()[..] else {
            return Err(format!("no field: {text}").into());
        };
        let value = match kind {
            "bool" => Value::Bool(value.parse()?),
            "byte" => Value::Byte(value.parse()?),
            "i16" => Value::I16(value.parse()?),
            "i32" => Value::I32(value.parse()?),
            "i64" => Value::I64(value.parse()?),
            "double" => Value::Double(f64::from_bits(u64::from_str_radix(value, 16)?)),
            "string" => Value::String(bytes(value)?),
            _ => return Err(format!("no kind of field: {kind}").into()),
        };
        digest.set(id.parse()?, value);
    }
    Ok(digest)
}

fn bytes(text: &str) -> Result<Vec<u8>, Failure> {
    if text == "-" {
        return Ok(Vec::new());
    }
    let pairs = text.as_bytes().chunks(2).map(std::str::from_utf8);
    pairs.map(|pair| Ok(u8::from_str_radix(pair?, 16)?)).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn measured(count: u64, start: Instant) -> Result<(), Failure> {
    say(&format!("{{\"messages\": {count}, \"seconds\": {}}}", start.elapsed().as_secs_f64()))
}

fn say(line: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}
