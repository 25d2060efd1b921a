//! The stream of events, read over a plain connection.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;
use tokio::sync::mpsc;

use super::{As, Daemon, soon};

/// One event; without a name and data, an id alone.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// Opens a stream of a daemon whose connections are plain; each event, for as long as there are some.
pub(crate) fn stream(
    daemon: &Daemon,
    overlay: &str,
    who: &As,
    query: &str,
) -> impl Iterator<Item = Told> + use<> {
    let As::Token(token) = who else { panic!("streams are opened with tokens") };
    let mut stream = TcpStream::connect(daemon.address()).expect("connected");
    let request =
        format!("GET /events/{overlay}?{query} HTTP/1.1\r\nhost: h\r\nx-session-token: {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let status = lines.next().expect("an answer");
    assert!(status.contains("200"), "{status}");
    let mut told = Told { id: String::new(), name: String::new(), data: Value::Null };
    lines.filter_map(move |line| {
        let value = |field: &str| line.strip_prefix(field).map(|value| value.trim().to_owned());
        if let Some(id) = value("id:") {
            (told.id, told.name, told.data) = (id, String::new(), Value::Null);
        } else if let Some(name) = value("event:") {
            told.name = name;
        } else if let Some(data) = value("data:") {
            told.data = serde_json::from_str(&data).expect("JSON");
        }
        // Chunks of the connection have empty lines of their own; each event has an id.
        let is_whole = line.is_empty() && !told.id.is_empty();
        is_whole.then(|| {
            let told_now = told.clone();
            told.id.clear();
            told_now
        })
    })
}

/// A stream that is read as it comes.
pub(crate) struct Events(mpsc::UnboundedReceiver<Told>);

impl Events {
    /// Opens one; first, the id with which it begins.
    pub(crate) async fn open(daemon: &Daemon, overlay: &str, who: &As, query: &str) -> (String, Events) {
        let mut events = stream(daemon, overlay, who, query);
        let (told, read) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            // The test is over otherwise.
            while events.next().is_some_and(|event| told.send(event).is_ok()) {}
        });
        let mut events = Events(read);
        let first = events.next().await.expect("an id");
        assert!(first.name.is_empty(), "{first:?}");
        (first.id, events)
    }

    /// The next event; `None`: the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        soon("an event, or the end", self.0.recv()).await
    }

    /// The next event of this name that is like this; those before it go by.
    pub(crate) async fn find(&mut self, name: &str, like: impl Fn(&Value) -> bool) -> Told {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("the stream ended without {name}"));
            if event.name == name && like(&event.data) {
                return event;
            }
        }
    }

    /// What comes from now on to the stream's end.
    pub(crate) async fn rest(mut self) -> Vec<Told> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(event);
        }
        all
    }
}
