//! Seeds become addresses, each time anew; SRV records come from a name server of the test's own.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use gossiperl_daemon::{config::Seed, lookup::Lookup};
use hickory_resolver::{
    config::{NameServerConfig, ResolverConfig},
    proto::{
        op::{Message, MessageType, ResponseCode},
        rr::{
            RData, Record, RecordType,
            rdata::{A, SRV},
        },
        xfer::Protocol,
    },
};
use tokio::net::UdpSocket;

fn seeds(texts: &[&str]) -> Vec<Seed> {
    texts.iter().map(|text| text.parse().expect("a seed")).collect()
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().expect("an address")).collect()
}

/// Answers SRV with two hosts, whose ports start at `port`, and A with 127.0.0.1 or 127.0.0.2.
async fn name_server(port: Arc<AtomicU16>) -> Lookup {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bound");
    let address = socket.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut buffer = [0; 1_500];
        while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            let question = Message::from_vec(&buffer[..len]).expect("a question");
            let answer = answer(&question, port.load(Ordering::Relaxed)).to_vec().expect("an answer");
            socket.send_to(&answer, from).await.expect("sent");
        }
    });
    let mut config = ResolverConfig::new();
    config.add_name_server(NameServerConfig::new(address, Protocol::Udp));
    Lookup::with_dns(config)
}

fn answer(question: &Message, port: u16) -> Message {
    let mut answer = Message::new();
    answer.set_id(question.id()).set_message_type(MessageType::Response).set_recursion_available(true);
    let Some(query) = question.queries().first() else { return answer };
    answer.add_query(query.clone());
    let name = query.name().clone();
    let host = |host: &str| format!("{host}.example.com.").parse().expect("a name");
    let text = name.to_utf8();
    match query.query_type() {
        RecordType::SRV if text.starts_with("_gossiperl._udp.") => {
            for (priority, target) in [(20, "second"), (10, "first")] {
                let record = SRV::new(priority, 0, port + priority, host(target));
                answer.add_answer(Record::from_rdata(name.clone(), 60, RData::SRV(record)));
            }
        }
        RecordType::A if text.starts_with("first.") || text.starts_with("second.") => {
            let last = if text.starts_with("first.") { 1 } else { 2 };
            let record = RData::A(A(Ipv4Addr::new(127, 0, 0, last)));
            answer.add_answer(Record::from_rdata(name, 60, record));
        }
        RecordType::AAAA => {}
        _ => {
            answer.set_response_code(ResponseCode::NXDomain);
        }
    }
    answer
}

#[tokio::test]
async fn addresses_take_the_default_port_and_come_once() {
    let seeds = seeds(&["127.0.0.9", "127.0.0.9:7", "[::1]:8", "127.0.0.9:5"]);
    let found = Lookup::default().addresses(&seeds, 5).await;
    assert_eq!(found.addresses, addresses(&["127.0.0.9:5", "127.0.0.9:7", "[::1]:8"]));
    assert!(found.failed.is_empty());
}

#[tokio::test]
async fn hosts_are_looked_up_as_the_system_does() {
    let found = Lookup::default().addresses(&seeds(&["localhost:77"]), 5).await;
    assert!(found.addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 77));
    assert!(!found.addresses.is_empty());
}

#[tokio::test]
async fn srv_records_name_hosts_and_ports_by_priority_and_are_read_anew() {
    let port = Arc::new(AtomicU16::new(100));
    let lookup = name_server(Arc::clone(&port)).await;
    let seeds = seeds(&["_gossiperl._udp.example.com"]);
    let found = lookup.addresses(&seeds, 5).await;
    assert_eq!(found.addresses, addresses(&["127.0.0.1:110", "127.0.0.2:120"]), "{:?}", found.failed);
    port.store(200, Ordering::Relaxed);
    let found = lookup.addresses(&seeds, 5).await;
    assert_eq!(found.addresses, addresses(&["127.0.0.1:210", "127.0.0.2:220"]));
}

#[tokio::test]
async fn a_name_that_fails_is_told_and_the_others_are_found() {
    let lookup = name_server(Arc::new(AtomicU16::new(100))).await;
    let asked = seeds(&["_other._udp.example.com", "127.0.0.9"]);
    let found = lookup.addresses(&asked, 5).await;
    assert_eq!(found.addresses, addresses(&["127.0.0.9:5"]));
    assert_eq!(found.failed.len(), 1);
    assert_eq!(found.failed[0].0, asked[0]);
}
