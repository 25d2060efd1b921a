//! The sockets of an overlay with a group: what they hear, who may share their ports, where questions and answers leave.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use gossiperl_daemon::{
    config::Multicast,
    socket::{AddressError, At, BufferSizes, Buffers, Kept, Outgoing, Sent, Sockets},
};
use socket2::{Domain, Socket, Type};
use tokio::runtime::Runtime;

use super::segment::Segments;
use crate::support::soon;

const SIZES: BufferSizes = BufferSizes { receive: 1 << 20, send: 1 << 20 };
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 192, 79, 2);
const PORT: u16 = 6_000;

fn multicast(local_port: u16) -> Multicast {
    Multicast { ip: GROUP.into(), ttl: 3, local_iface_address: Some([10, 79, 0, 1].into()), local_port }
}

fn bind(ip: [u8; 4], local_port: u16) -> Result<Sockets, AddressError> {
    Sockets::bind_with_group((ip, PORT).into(), multicast(local_port), SIZES).map(|(sockets, _)| sockets)
}

/// A host, and a runtime that waits for its sockets from outside.
struct Stage {
    segments: Segments,
    runtime: Runtime,
}

impl Stage {
    fn new(hosts: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Stage { segments: Segments::new(hosts), runtime: runtime.expect("a runtime") }
    }

    /// Makes something on a host; sockets stay there.
    fn on<T: Send + 'static>(&self, host: usize, make: impl FnOnce() -> T + Send + 'static) -> T {
        let handle = self.runtime.handle().clone();
        self.segments.host(host).run(move || {
            let _entered = handle.enter();
            make()
        })
    }

    /// What arrives next at one of the sockets.
    fn next(&self, sockets: &mut Sockets, at: At) -> (SocketAddr, Vec<u8>) {
        self.runtime.block_on(soon("a datagram", next(sockets, at)))
    }

    /// What arrives next at a plain socket on a host.
    fn heard(&self, socket: &UdpSocket) -> (SocketAddr, Vec<u8>) {
        let mut buffer = [0; 64];
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
        let (length, from) = socket.recv_from(&mut buffer).expect("a datagram");
        (from, buffer[..length].to_vec())
    }
}

fn send(sockets: &mut Sockets, to: SocketAddr, contents: &[u8]) {
    let outgoing = Outgoing { destination: to, contents, segment_size: None };
    assert_eq!(sockets.send(outgoing), Sent::Done);
    assert_eq!(sockets.counts.unsent, 0);
}

fn group() -> SocketAddr {
    (GROUP, PORT).into()
}

/// Looks after the membership, which has to be done on the host.
fn keep(mut sockets: Sockets) -> (Sockets, Kept) {
    let kept = sockets.keep_group().expect("a group");
    (sockets, kept)
}

/// A socket of some other program that has joined a group.
fn joined(group: Ipv4Addr, interface: Ipv4Addr) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("made");
    socket.set_reuse_address(true).expect("set");
    socket.bind(&SocketAddr::from((group, PORT)).into()).expect("bound");
    socket.join_multicast_v4(&group, &interface).expect("joined");
    socket.into()
}

/// What arrives next at one of the sockets.
async fn next(sockets: &mut Sockets, at: At) -> (SocketAddr, Vec<u8>) {
    let mut buffers = Buffers::new(1);
    loop {
        let mut taken = None;
        sockets.receive_at(at, &mut buffers, |from, datagram| taken = Some((from, datagram.to_vec())));
        match taken {
            Some(taken) => return taken,
            // What waits at the others makes it ready at once: time must pass all the same.
            None => {
                sockets.ready(None).await.expect("ready");
                tokio::task::yield_now().await;
            }
        }
    }
}

#[test]
fn questions_leave_from_the_overlays_address_and_answers_to_clients_from_their_port() {
    for ip in [[10, 79, 0, 1], [0, 0, 0, 0]] {
        let stage = Stage::new(2);
        let mut sockets = stage.on(1, move || bind(ip, 7_000)).expect("bound");
        let other = stage.on(2, || joined(GROUP, Ipv4Addr::new(10, 79, 0, 2)));
        send(&mut sockets, group(), b"who is there");
        eprintln!("A {ip:?}");
        let (from, question) = stage.heard(&other);
        assert_eq!((from, &question[..]), (SocketAddr::from(([10, 79, 0, 1], PORT)), &b"who is there"[..]));
        // The sender hears itself, at the group's socket alone.
        assert_eq!(stage.next(&mut sockets, At::Group), (from, question));
        eprintln!("C");
        other.send_to(b"me", from).expect("sent");
        assert_eq!(stage.next(&mut sockets, At::Main).1, b"me");

        let client = stage.on(1, || {
            let client = UdpSocket::bind("127.0.0.1:0").expect("bound");
            client.connect("127.0.0.1:7000").expect("connected");
            client
        });
        client.send(b"a client").expect("sent");
        let (from, _) = stage.next(&mut sockets, At::Clients);
        send(&mut sockets, from, b"an answer");
        // It is connected: from anywhere else the answer would not reach it.
        assert_eq!(stage.heard(&client), (SocketAddr::from(([127, 0, 0, 1], 7_000)), b"an answer".to_vec()));
    }
}

#[test]
fn nothing_but_its_own_group_is_heard() {
    for ip in [[10, 79, 0, 1], [0, 0, 0, 0]] {
        let stage = Stage::new(2);
        let mut sockets = stage.on(1, move || bind(ip, 7_000)).expect("bound");
        let foreign = Ipv4Addr::new(239, 192, 79, 3);
        // Somebody else on the host has joined another group, at another port of the host's but the same traffic.
        let _elsewhere = stage.on(1, move || {
            let socket = UdpSocket::bind("0.0.0.0:0").expect("bound");
            socket.join_multicast_v4(&foreign, &Ipv4Addr::new(10, 79, 0, 1)).expect("joined");
            socket
        });
        let sender = stage.on(2, || {
            let socket = UdpSocket::bind("10.79.0.2:0").expect("bound");
            socket.set_multicast_ttl_v4(1).expect("set");
            socket
        });
        sender.send_to(b"foreign", (foreign, PORT)).expect("sent");
        sender.send_to(b"to one", "10.79.0.1:6000").expect("sent");
        sender.send_to(b"to the group", group()).expect("sent");
        assert_eq!(stage.next(&mut sockets, At::Main).1, b"to one");
        assert_eq!(stage.next(&mut sockets, At::Group).1, b"to the group");
    }
}

#[test]
fn daemons_of_one_host_share_the_groups_port_and_nobody_shares_theirs() {
    let stage = Stage::new(1);
    stage.segments.host(1).ip("address add 10.79.0.77/24 dev eth0");
    let mut first = stage.on(1, || bind([10, 79, 0, 1], 7_000)).expect("bound");
    let mut second = stage.on(1, || bind([10, 79, 0, 77], 7_001)).expect("bound");
    send(&mut first, group(), b"hello");
    assert_eq!(stage.next(&mut second, At::Group).1, b"hello");
    assert_eq!(stage.next(&mut first, At::Group).1, b"hello");
    let taken = |ip: [u8; 4]| {
        stage.on(1, move || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("made");
            socket.set_reuse_address(true).expect("set");
            socket.bind(&SocketAddr::from((ip, PORT)).into()).is_err()
        })
    };
    assert!(taken([10, 79, 0, 1]) && taken([10, 79, 0, 77]) && taken([0, 0, 0, 0]));
    let same_clients = stage.on(1, || bind([10, 79, 0, 1], 7_000)).err().expect("an error");
    assert!(same_clients.to_string().contains("10.79.0.1:6000"), "{same_clients}");
}

#[test]
fn the_port_of_a_daemon_on_all_addresses_is_its_own_too() {
    let stage = Stage::new(1);
    let _sockets = stage.on(1, || bind([0, 0, 0, 0], 7_000)).expect("bound");
    for ip in [[0, 0, 0, 0], [10, 79, 0, 1]] {
        let taken = stage.on(1, move || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("made");
            socket.set_reuse_address(true).expect("set");
            socket.bind(&SocketAddr::from((ip, PORT)).into()).is_err()
        });
        assert!(taken, "{ip:?}");
    }
    // A program that had the port first, though it shares, is not pushed aside unseen.
    let stage = Stage::new(1);
    let _other = stage.on(1, || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("made");
        socket.set_reuse_address(true).expect("set");
        socket.bind(&SocketAddr::from(([0, 0, 0, 0], PORT)).into()).expect("bound");
        socket
    });
    let error = stage.on(1, || bind([0, 0, 0, 0], 7_000)).err().expect("an error");
    assert!(error.to_string().contains("Another program"), "{error}");
}

#[test]
fn a_membership_ends_with_its_interface_and_begins_anew_with_the_next() {
    for ip in [[10, 79, 0, 1], [0, 0, 0, 0]] {
        let stage = Stage::new(2);
        let mut sockets = stage.on(1, move || bind(ip, 7_000)).expect("bound");
        let keep = |sockets: Sockets, expected: &str| {
            let (sockets, kept) = stage.on(1, move || keep(sockets));
            assert!(format!("{kept:?}").starts_with(expected), "{kept:?} instead of {expected}");
            sockets
        };
        sockets = keep(sockets, "Still");
        // More often than the system lets one socket join.
        for _ in 0..25 {
            stage.segments.plug_out(1);
            sockets = keep(sockets, "Lost");
            stage.segments.plug_in(1);
            sockets = keep(sockets, "Again");
            sockets = keep(sockets, "Still");
        }
        let other = stage.on(2, || joined(GROUP, Ipv4Addr::new(10, 79, 0, 2)));
        send(&mut sockets, group(), b"who is there");
        let (from, _) = stage.heard(&other);
        stage.next(&mut sockets, At::Group);
        let asked = stage.on(2, || UdpSocket::bind("10.79.0.2:0").expect("bound"));
        asked.send_to(b"a question", group()).expect("sent");
        assert_eq!(stage.next(&mut sockets, At::Group).1, b"a question");
        other.send_to(b"me", from).expect("sent");
        assert_eq!(stage.next(&mut sockets, At::Main).1, b"me");
    }
}

#[test]
fn a_cable_without_a_signal_costs_no_membership() {
    let stage = Stage::new(2);
    let sockets = stage.on(1, || bind([0, 0, 0, 0], 7_000)).expect("bound");
    stage.segments.connect(1, false);
    let (mut sockets, kept) = stage.on(1, move || keep(sockets));
    assert!(matches!(kept, Kept::Still), "{kept:?}");
    stage.segments.connect(1, true);
    let other = stage.on(2, || UdpSocket::bind("10.79.0.2:0").expect("bound"));
    other.send_to(b"a question", group()).expect("sent");
    assert_eq!(stage.next(&mut sockets, At::Group).1, b"a question");
}
