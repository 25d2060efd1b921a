//! The limit: a source, a relay and sinks that do only what cannot be left out. Datagrams of up to 60,000 bytes filled with
//! whatever is due, sealed and opened with AES-256-GCM at each step, one acknowledgement for each datagram passed back, as
//! much in flight as gossiperl's window allows, and blocking sockets, the shortest way through the system.
//!
//! It knows no types, routes, names or queues, repeats nothing, and ends where a datagram is lost.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::{Context, ensure};
use clap::Args;
use gossiperl_idl::{
    Salt,
    sealed::{Header, KeyRing, OverlayKey, OverlaySecret, Role, Sealer, SenderKey},
};
use nix::sys::socket::{setsockopt, sockopt};

use crate::{
    children::{KEY, finish, ready},
    load::{Load, Receipts, mark},
    system,
};

/// As in gossiperl on loopback.
const DATAGRAM: usize = 60_000;
/// Cost in flight, where a message costs its length and 64 bytes: gossiperl's receive window.
const WINDOW: u64 = 1 << 20;
const COST: u64 = 64;
/// As gossiperl's `incoming_data_buffer_size`.
const BUFFER: usize = 16 << 20;

/// The relay's process.
#[derive(Args)]
pub(crate) struct Relay {
    #[arg(long)]
    sinks: u64,
}

/// The publisher's.
#[derive(Args)]
pub(crate) struct Source {
    #[arg(long)]
    port: u16,
    #[command(flatten)]
    load: Load,
}

/// The subscriber's, with any number of sinks, each with a socket and a key of its own.
#[derive(Args)]
pub(crate) struct Sink {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    sinks: u64,
    #[command(flatten)]
    load: Load,
}

/// The relay's place among the senders; source 1, then the sinks.
const RELAY: u64 = 0;
const SOURCE: u64 = 1;

impl Relay {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let socket = socket((Ipv4Addr::LOCALHOST, 0).into())?;
        println!("ready {}", socket.local_addr()?.port());
        // Ends with its standard input, in the middle of whatever it does.
        std::thread::spawn(|| {
            let _ = std::io::stdin().read_line(&mut String::new());
            std::process::exit(0);
        });
        let keys: Vec<SenderKey> = (SOURCE..SOURCE + 1 + self.sinks).map(key_of).collect();
        let mut addresses: Vec<Option<SocketAddr>> = vec![None; keys.len()];
        let mut acknowledged = vec![0_u64; self.sinks as usize];
        let mut told = 0;
        let mut sealer = sealer_of(RELAY);
        let (mut datagram, mut out) = (vec![0; 65_536], Vec::with_capacity(65_536));
        loop {
            let (len, from) = socket.recv_from(&mut datagram)?;
            let header = Header::parse(&datagram[..len]).context("not sealed")?;
            let sender = (header.salt.unix_micros() - SOURCE) as usize;
            let frames = keys.get(sender).context("a stranger")?.open(&mut datagram[..len])?;
            let mut pass = |frames: &[u8], to: SocketAddr| {
                seal(&mut sealer, frames, &mut out)?;
                socket.send_to(&out, to).map(drop).map_err(anyhow::Error::from)
            };
            if frames.is_empty() {
                // First contact: from here on it is reached there.
                addresses[sender] = Some(from);
                pass(&[], from)?;
            } else if sender == 0 {
                for to in addresses.iter().skip(1).flatten() {
                    forward(&mut sealer, frames, &mut out)?;
                    socket.send_to(&out, *to)?;
                }
            } else {
                acknowledged[sender - 1] = number_of(frames)?;
                let all = acknowledged.iter().copied().min().unwrap_or(0);
                if all > told {
                    told = all;
                    pass(&all.to_le_bytes(), addresses[0].context("no source")?)?;
                }
            }
        }
    }
}

impl Source {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut end = End::connect(self.port, SOURCE)?;
        ready("")?;
        let Load { messages, size, .. } = self.load;
        let mut payload = self.load.payload();
        let (mut sent, mut acknowledged) = (0, 0);
        let cost = size as u64 + COST;
        let mut frames = Vec::with_capacity(DATAGRAM);
        let start = system::now();
        while acknowledged < messages {
            let due = self.load.due(start);
            let room = (WINDOW / cost).max(1) - (sent - acknowledged);
            let upto = due.min(sent + room);
            while sent < upto {
                frames.clear();
                while sent < upto && frames.len() + 2 + size <= DATAGRAM {
                    mark(&mut payload, sent);
                    frames.extend_from_slice(&(size as u16).to_le_bytes());
                    frames.extend_from_slice(&payload);
                    sent += 1;
                }
                end.send(&frames)?;
            }
            if self.load.rate > 0 && sent == due && sent < messages {
                std::thread::sleep(self.load.tick());
                while let Some(frames) = end.try_receive()? {
                    acknowledged = number_of(frames)?;
                }
            } else {
                acknowledged = number_of(end.receive()?)?;
            }
        }
        finish(&start)
    }
}

impl Sink {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let ends: anyhow::Result<Vec<End>> =
            (0..self.sinks).map(|sink| End::connect(self.port, SOURCE + 1 + sink)).collect();
        ready("")?;
        let load = self.load;
        let mut threads = Vec::new();
        for mut end in ends? {
            threads.push(std::thread::spawn(move || take_all(&mut end, load)));
        }
        let mut received = Vec::new();
        for thread in threads {
            received.push(thread.join().map_err(|_| anyhow::anyhow!("a sink failed"))??);
        }
        finish(&received)
    }
}

fn take_all(end: &mut End, load: Load) -> anyhow::Result<crate::load::Received> {
    let mut receipts = Receipts::new()?;
    while receipts.count() < load.messages {
        let frames = end.receive()?;
        let now = system::now();
        let mut rest: &[u8] = frames;
        while let Some((message, behind)) = split_message(rest) {
            receipts.take(now, &message[2..])?;
            rest = behind;
        }
        end.send(&receipts.count().to_le_bytes())?;
    }
    Ok(receipts.tell())
}

/// A source's or sink's socket and keys.
struct End {
    socket: UdpSocket,
    sealer: Sealer,
    relay: SenderKey,
    datagram: Vec<u8>,
    out: Vec<u8>,
}

impl End {
    /// Makes itself known to the relay.
    fn connect(port: u16, number: u64) -> anyhow::Result<Self> {
        let socket = socket((Ipv4Addr::LOCALHOST, 0).into())?;
        socket.connect((Ipv4Addr::LOCALHOST, port))?;
        let (datagram, out) = (vec![0; 65_536], Vec::with_capacity(65_536));
        let mut end = End { socket, sealer: sealer_of(number), relay: key_of(RELAY), datagram, out };
        end.send(&[])?;
        let welcome = end.receive()?;
        ensure!(welcome.is_empty(), "the relay's first word is not its welcome");
        Ok(end)
    }

    fn send(&mut self, frames: &[u8]) -> anyhow::Result<()> {
        seal(&mut self.sealer, frames, &mut self.out)?;
        self.socket.send(&self.out)?;
        Ok(())
    }

    fn receive(&mut self) -> anyhow::Result<&[u8]> {
        let len = self.socket.recv(&mut self.datagram)?;
        Ok(self.relay.open(&mut self.datagram[..len])?)
    }

    fn try_receive(&mut self) -> anyhow::Result<Option<&[u8]>> {
        self.socket.set_nonblocking(true)?;
        let received = self.socket.recv(&mut self.datagram);
        self.socket.set_nonblocking(false)?;
        match received {
            Ok(len) => Ok(Some(self.relay.open(&mut self.datagram[..len])?)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn seal(sealer: &mut Sealer, frames: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
    out.clear();
    let offset = sealer.start(out);
    out.extend_from_slice(frames);
    sealer.finish(0, out, offset)?;
    Ok(())
}

/// As [`seal`], message by message: to a relay of messages, no two in a row need have one way.
fn forward(sealer: &mut Sealer, frames: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
    out.clear();
    let offset = sealer.start(out);
    let mut rest = frames;
    while let Some((message, behind)) = split_message(rest) {
        out.extend_from_slice(message);
        rest = behind;
    }
    sealer.finish(0, out, offset)?;
    Ok(())
}

/// The first message with its length in front, and what stands behind it.
fn split_message(frames: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = frames.first_chunk::<2>()?;
    frames.split_at_checked(2 + usize::from(u16::from_le_bytes(*length)))
}

fn number_of(frames: &[u8]) -> anyhow::Result<u64> {
    Ok(u64::from_le_bytes(frames.try_into().context("not an acknowledgement")?))
}

fn sealer_of(number: u64) -> Sealer {
    let ring = KeyRing::new(OverlayKey::new(KEY.as_bytes()));
    Sealer::new(&ring, Role::DaemonToClient, Salt::new(number, 1), &OverlaySecret::none())
}

fn key_of(number: u64) -> SenderKey {
    let key = OverlayKey::new(KEY.as_bytes());
    SenderKey::derive(&key, Role::DaemonToClient, &Salt::new(number, 1), &OverlaySecret::none())
}

fn socket(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    // Where that needs more rights than we have, the system's limit must do.
    if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &BUFFER)?;
    }
    Ok(socket)
}
