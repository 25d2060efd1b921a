//! Connections against the real overlay, over loopback sockets.

#![allow(clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../../../client-rs/tests/support/mod.rs"]
mod support;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use gossiperl_bindings::{Connection, Error, Event, Kind, MemberChange, Settings, State};
use support::Daemon;

/// Longer than anything here takes on a machine that is up.
const LONG: Duration = Duration::from_secs(20);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.expect("it happens")
}

fn settings(daemon: &Daemon, name: &str) -> Settings {
    let mut settings = Settings::new(i64::from(daemon.port()), name, Daemon::KEY);
    settings.secret = b"its own".to_vec().into();
    settings
}

/// A connection and what it has told but nobody has looked at.
struct Told {
    connection: Arc<Connection>,
    waiting: VecDeque<Event>,
}

impl Told {
    async fn connect(settings: &Settings) -> Told {
        let connection = Arc::new(soon(Connection::connect(settings)).await.expect("a session"));
        Told { connection, waiting: VecDeque::new() }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        if self.waiting.is_empty() {
            self.waiting = soon(self.connection.next_events(16, None)).await.expect("ours")?.into();
        }
        self.waiting.pop_front()
    }

    /// The names of the next events.
    async fn names(&mut self, count: usize) -> Vec<&'static str> {
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.next().await.expect("open").name());
        }
        names
    }
}

#[tokio::test]
async fn everything_comes_in_one_stream_and_in_order() {
    let daemon = Daemon::start().await;
    let mut told = Told::connect(&settings(&daemon, "told")).await;
    let publisher = Told::connect(&settings(&daemon, "publisher")).await.connection;
    assert_eq!(told.connection.state(), State::Connected("daemon".into()));
    soon(told.connection.subscribe(vec!["a".into(), "b".into()])).await.unwrap();
    soon(told.connection.subscribe(vec!["b".into(), "c".into()])).await.unwrap();
    assert_eq!(told.connection.subscriptions().await, ["a", "b", "c"]);
    assert_eq!(told.names(3).await, ["connected", "subscribed", "subscribed"]);

    soon(publisher.publish("c".into(), b"\xff\0")).await.unwrap();
    let Some(Event::Delivery(delivery)) = told.next().await else { panic!("no delivery") };
    assert_eq!((delivery.event_type(), delivery.payload()), (&b"c"[..], &b"\xff\0"[..]));

    soon(told.connection.unsubscribe(vec!["c".into(), "never".into()])).await.unwrap();
    let Some(Event::Unsubscribed { event_types }) = told.next().await else { panic!("still subscribed") };
    assert_eq!(event_types, ["c"]);
    soon(publisher.publish("c".into(), b"unheard")).await.unwrap();
    for payload in [&b"1"[..], b"2", b""] {
        soon(publisher.send("a".into(), payload)).await.unwrap();
    }
    soon(publisher.flush()).await.unwrap();
    for payload in [&b"1"[..], b"2", b""] {
        let Some(Event::Delivery(delivery)) = told.next().await else { panic!("no delivery") };
        assert_eq!(delivery.payload(), payload);
    }

    // What was delivered before closing is still read.
    soon(publisher.publish("a".into(), b"last")).await.unwrap();
    soon(told.connection.close()).await.unwrap();
    assert_eq!(told.connection.state(), State::Closed);
    let Some(Event::Delivery(delivery)) = told.next().await else { panic!("no delivery") };
    assert_eq!(delivery.payload(), b"last");
    assert!(told.next().await.is_none() && told.next().await.is_none());
    soon(told.connection.close()).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_waits_hears_of_the_first_subscription_and_of_members() {
    let daemon = Daemon::start().await;
    let mut told = Told::connect(&settings(&daemon, "told")).await;
    assert_eq!(told.names(1).await, ["connected"]);
    let connection = Arc::clone(&told.connection);
    let reading = tokio::spawn(async move {
        // Members and messages come on ways of their own, in whichever order.
        let (mut seen, mut delivered) = (Vec::new(), None);
        while seen.is_empty() || delivered.is_none() {
            match told.next().await.expect("open") {
                Event::Delivery(delivery) => delivered = Some(delivery),
                Event::Member(event) => seen.push((event.change, event.member.name.to_string())),
                _ => {}
            }
        }
        (seen, delivered.expect("delivered"))
    });
    let now = soon(connection.watch_members()).await.unwrap();
    assert!(now.iter().any(|member| member.name == "told"), "{now:?}");
    soon(connection.subscribe(vec!["news".into()])).await.unwrap();
    let other = soon(Connection::connect(&settings(&daemon, "other"))).await.unwrap();
    soon(other.publish("news".into(), b"hello")).await.unwrap();
    let (seen, delivery) = soon(reading).await.unwrap();
    assert_eq!(seen, [(MemberChange::In, "other".to_owned())]);
    assert_eq!(delivery.payload(), b"hello");
}

#[tokio::test]
async fn a_daemon_that_goes_and_comes_back_is_two_events_and_no_lost_subscription() {
    let daemon = Daemon::start().await;
    let mut told = Told::connect(&settings(&daemon, "told")).await;
    soon(told.connection.subscribe(vec!["news".into()])).await.unwrap();
    assert_eq!(told.names(2).await, ["connected", "subscribed"]);
    let port = daemon.port();
    daemon.crash().await;
    assert_eq!(told.names(1).await, ["disconnected"]);
    assert_eq!(told.connection.state(), State::Connecting);
    let daemon = Daemon::start_at(port, |_| {}).await;
    assert_eq!(told.names(2).await, ["connected", "subscribed"]);
    let other = soon(Connection::connect(&settings(&daemon, "other"))).await.unwrap();
    soon(other.publish("news".into(), b"still")).await.unwrap();
    assert_eq!(told.names(1).await, ["delivery"]);
}

#[tokio::test]
async fn draining_ends_subscriptions_and_waits_for_acknowledgements() {
    let daemon = Daemon::start().await;
    let mut told = Told::connect(&settings(&daemon, "told")).await;
    let publisher = Told::connect(&settings(&daemon, "publisher")).await.connection;
    soon(told.connection.subscribe(vec!["news".into()])).await.unwrap();
    for number in 0..1_000_u32 {
        soon(publisher.send("news".into(), &number.to_be_bytes())).await.unwrap();
    }
    soon(publisher.drain()).await.unwrap();
    soon(publisher.close()).await.unwrap();
    for number in 0..1_000_u32 {
        let delivery = loop {
            match told.next().await.expect("open") {
                Event::Delivery(delivery) => break delivery,
                _ => continue,
            }
        };
        assert_eq!(delivery.payload(), number.to_be_bytes());
    }
    soon(told.connection.drain()).await.unwrap();
    assert!(told.connection.subscriptions().await.is_empty());
    assert_eq!(told.names(1).await, ["unsubscribed"]);
}

#[tokio::test]
async fn many_are_handed_over_in_order_and_taken_without_waiting() {
    let daemon = Daemon::start().await;
    let mut settings = settings(&daemon, "sender");
    // Room for a few only: the rest waits its turn.
    settings.publish_window = Some(16);
    let sender = soon(Connection::connect(&settings)).await.expect("a session");
    let reader = Told::connect(&self::settings(&daemon, "reader")).await.connection;
    soon(reader.subscribe(vec!["a".into(), "b".into()])).await.unwrap();
    let messages = (0..1_000_u32).map(|number| {
        let event_type = if number % 3 == 0 { "a" } else { "b" };
        (event_type.into(), number.to_be_bytes().to_vec())
    });
    soon(sender.send_all(messages.collect())).await.unwrap();
    soon(sender.flush()).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 1_000 {
        let events = reader.try_next_events(7).unwrap();
        assert!(events.len() <= 7);
        if events.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        seen.extend(events.iter().filter_map(|event| match event {
            Event::Delivery(delivery) => Some(delivery.payload().to_vec()),
            _ => None,
        }));
    }
    let sent: Vec<Vec<u8>> = (0..1_000_u32).map(|number| number.to_be_bytes().to_vec()).collect();
    assert_eq!(seen, sent);
    let wrong = vec![("a".into(), vec![0; 60_001]), ("a".into(), Vec::new())];
    assert_eq!(soon(sender.send_all(wrong)).await.unwrap_err().kind, Kind::Argument);
    soon(sender.close()).await.unwrap();
    assert_eq!(sender.send_all(vec![("a".into(), Vec::new())]).await.unwrap_err().kind, Kind::Closed);
}

#[tokio::test]
async fn nothing_for_a_while_is_an_empty_batch() {
    let daemon = Daemon::start().await;
    let mut told = Told::connect(&settings(&daemon, "told")).await;
    assert_eq!(told.names(1).await, ["connected"]);
    let nothing = told.connection.next_events(16, Some(Duration::from_millis(20)));
    assert!(soon(nothing).await.unwrap().expect("open").is_empty());
}

#[tokio::test]
async fn a_closed_connection_says_so() {
    let daemon = Daemon::start().await;
    let connection = Told::connect(&settings(&daemon, "told")).await.connection;
    soon(connection.close()).await.unwrap();
    let closed = Kind::Closed;
    assert_eq!(connection.subscribe(vec!["a".into()]).await.unwrap_err().kind, closed);
    assert_eq!(connection.unsubscribe(vec!["a".into()]).await.unwrap_err().kind, closed);
    assert_eq!(connection.publish("a".into(), b"").await.unwrap_err().kind, closed);
    assert_eq!(connection.try_send("a".into(), b"").unwrap_err().kind, closed);
    assert_eq!(connection.members().await.unwrap_err().kind, closed);
    assert_eq!(connection.watch_members().await.err().map(|error| error.kind), Some(closed));
}

#[tokio::test]
async fn wrong_arguments_are_told_apart() {
    let daemon = Daemon::start().await;
    let connection = Told::connect(&settings(&daemon, "told")).await.connection;
    let wrong = [
        connection.publish("".into(), b"").await,
        connection.publish("member_in".into(), b"").await,
        connection.publish("a".into(), &[0; 60_001]).await,
        connection.subscribe(vec![]).await,
        connection.subscribe(vec!["x".repeat(256).into()]).await,
    ];
    for error in wrong.map(|result| result.expect_err("wrong")) {
        assert_eq!(error.kind, Kind::Argument, "{error}");
    }
    let other = Settings { secret: b"another".to_vec().into(), ..settings(&daemon, "told") };
    let refused = soon(Connection::connect(&other)).await.err().expect("a wrong secret");
    assert_eq!((refused.kind, refused.code.is_some()), (Kind::Refused, true), "{refused}");
}

#[tokio::test]
async fn a_wrong_option_is_named() {
    let good = || Settings::new(6_666, "name", "key");
    type Change = fn(&mut Settings);
    let wrong: [(&str, Change); 17] = [
        ("port", |settings| settings.port = 0),
        ("port", |settings| settings.port = 65_536),
        ("port", |settings| settings.port = i64::MIN),
        ("name", |settings| settings.name.clear()),
        ("name", |settings| settings.name = vec![0xff]),
        ("secret", |settings| settings.secret = vec![0; 256].into()),
        ("key", |settings| settings.key.clear()),
        ("additional_keys", |settings| settings.additional_keys = vec![b"more".to_vec().into(); 8]),
        ("additional_keys", |settings| settings.additional_keys = vec![Vec::new().into()]),
        ("protocol", |settings| settings.protocol = Some(3)),
        ("address", |settings| settings.address = Some("localhost".to_owned())),
        ("address", |settings| settings.address = Some("192.0.2.1".to_owned())),
        ("connect_timeout", |settings| settings.connect_timeout = Some(0.0)),
        ("close_timeout", |settings| settings.close_timeout = Some(f64::NAN)),
        ("publish_window", |settings| settings.publish_window = Some(0)),
        ("delivery_buffer_bytes", |settings| settings.delivery_buffer_bytes = Some(-1)),
        ("slow_policy", |settings| settings.slow_policy = Some("never".to_owned())),
    ];
    for (option, change) in wrong {
        let mut settings = good();
        change(&mut settings);
        let error = Connection::start(&settings).err().expect(option);
        assert_eq!((error.kind, error.option), (Kind::Option, Some(option)), "{error}");
        assert!(error.message.contains(option), "{error}");
    }
    assert!(!format!("{:?}", good()).contains("key"));
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_no_answer() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = i64::from(silent.local_addr().expect("an address").port());
    let settings = Settings { connect_timeout: Some(0.2), ..Settings::new(port, "name", "key") };
    let error = |result: Result<Connection, Error>| result.err().map(|error| error.kind);
    assert_eq!(error(soon(Connection::connect(&settings)).await), Some(Kind::Timeout));
    drop(silent);
    assert_eq!(error(soon(Connection::connect(&settings)).await), Some(Kind::Unreachable));
    let connection = Connection::start(&settings).expect("started");
    assert_eq!(connection.state(), State::Connecting);
}

/// Threads, and descriptors, of this process.
fn held() -> (usize, usize) {
    let count = |folder| std::fs::read_dir(folder).expect("a folder of the process").count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

#[tokio::test]
async fn a_thousand_connections_come_and_go_and_leave_nothing() {
    let daemon = Daemon::start().await;
    drop(soon(Connection::connect(&settings(&daemon, "first"))).await.unwrap());
    let before = held();
    for number in 0..1_000 {
        let name = format!("client {number}");
        let connection = soon(Connection::connect(&settings(&daemon, &name))).await.unwrap();
        soon(connection.subscribe(vec!["a".into()])).await.unwrap();
        // Every second one is only dropped.
        if number % 2 == 0 {
            soon(connection.close()).await.unwrap();
        }
    }
    // Other tests of this process have theirs.
    let after = async {
        loop {
            let now = held();
            if now.0 <= before.0 + 40 && now.1 <= before.1 + 40 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(after).await;
}
