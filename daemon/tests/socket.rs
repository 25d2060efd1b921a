//! The sockets of an overlay: batches, trains of datagrams, closed ports, which address answers whom.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

use std::net::{IpAddr, SocketAddr, UdpSocket as Peer};

use gossiperl_daemon::{
    config::Bind,
    socket::{AddressError, BufferSizes, Buffers, Outgoing, Sent, Sockets, advertised, resolve},
};

const SIZES: BufferSizes = BufferSizes { receive: 4 << 20, send: 4 << 20 };

fn bind(address: &str) -> Sockets {
    Sockets::bind(address.parse().expect("an address"), SIZES).expect("bound").0
}

/// Receives until `count` datagrams are there.
async fn receive(sockets: &mut Sockets, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut buffers = Buffers::new(4);
    let mut taken = Vec::new();
    while taken.len() < count {
        sockets.ready(None).await.expect("ready");
        while sockets.receive(&mut buffers, |from, datagram| taken.push((from, datagram.to_vec()))) {}
    }
    taken
}

/// On an address that no other test binds.
fn closed_port() -> SocketAddr {
    Peer::bind("127.0.0.77:0").expect("bound").local_addr().expect("bound")
}

#[tokio::test]
async fn trains_of_datagrams_arrive_one_by_one_in_order() {
    let mut sender = bind("127.0.0.1:0");
    let mut receiver = bind("127.0.0.1:0");
    let segments = sender.max_segments().min(40);
    let contents: Vec<u8> = (0..segments).flat_map(|at| vec![at as u8; 1_000]).chain([255; 10]).collect();
    let segment_size = Some(1_000).filter(|_| segments > 1);
    let outgoing = Outgoing { destination: receiver.local_address(), contents: &contents, segment_size };
    assert_eq!(sender.send(outgoing), Sent::Done);
    let taken = receive(&mut receiver, if segments > 1 { segments + 1 } else { 1 }).await;
    let expected: Vec<&[u8]> = contents.chunks(segment_size.unwrap_or(contents.len())).collect();
    assert_eq!(taken.iter().map(|(_, datagram)| datagram.as_slice()).collect::<Vec<_>>(), expected);
    assert!(taken.iter().all(|(from, _)| *from == sender.local_address()));
}

#[tokio::test]
async fn the_largest_datagram_on_loopback_goes_through() {
    let mut sender = bind("127.0.0.1:0");
    let mut receiver = bind("127.0.0.1:0");
    let contents = vec![7; 60_000];
    let outgoing =
        Outgoing { destination: receiver.local_address(), contents: &contents, segment_size: None };
    assert_eq!(sender.send(outgoing), Sent::Done);
    assert_eq!(receive(&mut receiver, 1).await[0].1, contents);
}

#[tokio::test]
async fn empty_datagrams_do_no_harm() {
    let mut receiver = bind("127.0.0.1:0");
    let peer = Peer::bind("127.0.0.1:0").expect("bound");
    peer.send_to(&[], receiver.local_address()).expect("sent");
    peer.send_to(b"x", receiver.local_address()).expect("sent");
    assert_eq!(receive(&mut receiver, 1).await, [(peer.local_addr().expect("bound"), b"x".to_vec())]);
}

#[tokio::test]
async fn a_closed_port_of_this_host_is_reported_and_later_sends_still_go() {
    let mut sender = bind("127.0.0.1:0");
    let mut open = bind("127.0.0.1:0");
    let closed = closed_port();
    let outgoing = |destination| Outgoing { destination, contents: b"hello", segment_size: None };
    assert_eq!(sender.send(outgoing(closed)), Sent::Done);
    assert_eq!(sender.send(outgoing(open.local_address())), Sent::Done);
    assert_eq!(receive(&mut open, 1).await[0].1, b"hello");
    let mut buffers = Buffers::new(1);
    let refused = loop {
        sender.receive(&mut buffers, |_, _| {});
        if let Some(refused) = sender.pop_refused() {
            break refused;
        }
        sender.ready(None).await.expect("ready");
    };
    assert_eq!((refused, sender.pop_refused()), (closed, None));
    assert_eq!(sender.counts.unsent, 0);
}

#[tokio::test]
async fn a_sleeping_socket_wakes_for_a_closed_port() {
    let mut sender = bind("127.0.0.1:0");
    let closed = closed_port();
    let outgoing = Outgoing { destination: closed, contents: b"hello", segment_size: None };
    assert_eq!(sender.send(outgoing), Sent::Done);
    while sender.pop_refused().is_none_or(|refused| refused != closed) {
        sender.ready(None).await.expect("ready");
    }
}

#[tokio::test]
async fn what_the_system_cannot_send_is_counted_and_given_up() {
    let mut sender = bind("127.0.0.1:0");
    let outgoing = Outgoing {
        destination: "127.0.0.1:9".parse().expect("an address"),
        contents: &[0; 65_535],
        segment_size: None,
    };
    assert_eq!(sender.send(outgoing), Sent::Done);
    assert_eq!(sender.counts.unsent, 1);
}

#[tokio::test]
async fn beside_an_address_of_version_6_clients_are_served_at_127_0_0_1() {
    let Ok((mut sockets, _)) = Sockets::bind("[::1]:0".parse().expect("an address"), SIZES) else {
        eprintln!("skipped: this host has no IPv6");
        return;
    };
    let port = sockets.local_address().port();
    let client = Peer::bind("127.0.0.1:0").expect("bound");
    client.connect(("127.0.0.1", port)).expect("connected");
    client.send(b"a client").expect("sent");
    let other = Peer::bind("[::1]:0").expect("bound");
    other.connect(("::1", port)).expect("connected");
    other.send(b"a daemon").expect("sent");
    for (from, datagram) in receive(&mut sockets, 2).await {
        assert_eq!(from.is_ipv4(), datagram == b"a client");
        assert_eq!(
            sockets.send(Outgoing { destination: from, contents: &datagram, segment_size: None }),
            Sent::Done
        );
    }
    // Both are connected: an answer from any other address would not reach them.
    let mut buffer = [0; 16];
    assert_eq!(client.recv(&mut buffer).expect("an answer"), 8);
    assert_eq!(other.recv(&mut buffer).expect("an answer"), 8);
}

#[tokio::test]
async fn a_daemon_on_another_loopback_address_answers_from_there() {
    let mut sockets = bind("127.0.0.2:0");
    let client = Peer::bind("127.0.0.1:0").expect("bound");
    client.connect(sockets.local_address()).expect("connected");
    client.send(b"hello").expect("sent");
    let (from, datagram) = receive(&mut sockets, 1).await.remove(0);
    sockets.send(Outgoing { destination: from, contents: &datagram, segment_size: None });
    assert_eq!(client.recv(&mut [0; 16]).expect("an answer"), 5);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let taken = bind("127.0.0.1:0");
    let error = Sockets::bind(taken.local_address(), SIZES).err().expect("an error");
    let told = error.to_string();
    assert!(told.contains(&taken.local_address().to_string()) && told.contains("Another program"), "{told}");
}

#[test]
fn interfaces_are_found_by_name() {
    let loopback = resolve(&Bind::Interface("lo".to_owned()), 5).expect("lo has an address");
    assert_eq!(loopback, "127.0.0.1:5".parse().expect("an address"));
    let error = resolve(&Bind::Interface("nosuch0".to_owned()), 5).expect_err("an error");
    assert!(matches!(&error, AddressError::Interface(_, known) if known.contains(&"lo".to_owned())));
}

#[test]
fn the_hint_is_advertised_before_the_bound_address() {
    let bound = "127.0.0.2:7".parse().expect("an address");
    let hint = IpAddr::from([192, 0, 2, 1]);
    assert_eq!(advertised(bound, Some(hint)).0, SocketAddr::new(hint, 7));
    assert_eq!(advertised(bound, None), (bound, Vec::new()));
    let (any, _) = advertised("0.0.0.0:7".parse().expect("an address"), None);
    assert!(!any.ip().is_unspecified() && any.port() == 7);
}
