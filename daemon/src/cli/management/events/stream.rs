//! The stream of events as it is read: server-sent events out of an answer that does not end.

use std::{collections::VecDeque, time::Duration};

use reqwest::Response;

/// Longest line of the stream that is read: an event with a message of the largest size.
const LONGEST_LINE: usize = 1 << 20;

/// An answer that is read event by event.
pub(super) struct Stream {
    answer: Response,
    reader: Reader,
    read: VecDeque<Told>,
    /// How long nothing may come, not even a sign of life.
    quiet: Duration,
}

/// One event of the stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Goes on behind it.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) data: String,
}

/// Why no more comes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cut {
    #[error("the stream has broken off")]
    BrokenOff,
    #[error("nothing has come for {0:?}, not even a sign of life: the daemon hangs, or the way to it is cut")]
    Silent(Duration),
    #[error("a line of the stream has more than {LONGEST_LINE} bytes")]
    TooLong,
}

impl Stream {
    pub(super) fn new(answer: Response, quiet: Duration) -> Self {
        Stream { answer, reader: Reader::default(), read: VecDeque::new(), quiet }
    }

    /// The next event.
    pub(super) async fn next(&mut self) -> Result<Told, Cut> {
        loop {
            if let Some(told) = self.read.pop_front() {
                return Ok(told);
            }
            let chunk = tokio::time::timeout(self.quiet, self.answer.chunk()).await;
            let chunk = chunk.map_err(|_| Cut::Silent(self.quiet))?;
            // How it broke off is of no use to anybody: servers that are killed say nothing sensible.
            let chunk = chunk.ok().flatten().ok_or(Cut::BrokenOff)?;
            self.read.extend(self.reader.take(&chunk)?);
        }
    }

    /// The id to come back with; empty where there was none.
    pub(super) fn last_id(&self) -> &str {
        &self.reader.event.id
    }
}

/// Takes a stream of server-sent events apart (HTML standard, section 9.2.6).
#[derive(Default)]
struct Reader {
    line: Vec<u8>,
    /// The event that is being read. Its id stays for those that have none.
    event: Told,
}

impl Reader {
    /// The events that these bytes complete.
    fn take(&mut self, bytes: &[u8]) -> Result<Vec<Told>, Cut> {
        let mut told = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() > LONGEST_LINE {
                    return Err(Cut::TooLong);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                let next = Told { id: self.event.id.clone(), ..Told::default() };
                let event = std::mem::replace(&mut self.event, next);
                told.extend(Some(event).filter(|event| !event.data.is_empty()));
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => self.event.id = value.to_owned(),
                "event" => self.event.name = value.to_owned(),
                "data" => self.event.data.push_str(value),
                _ => {}
            }
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Url;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::http;

    #[test]
    fn events_are_read_however_the_bytes_are_cut() {
        let stream = b": a comment\n\nid: 1-1\n\nid: 1-2\nevent: member_in\ndata: {\"a\":1}\n\nid: 1-3\r\nevent:gap\r\ndata:{}\r\n\r\nevent: x\n\nevent: y\ndata: 1\n\n";
        let expected = [("1-2", "member_in", "{\"a\":1}"), ("1-3", "gap", "{}"), ("1-3", "y", "1")];
        for size in 1..stream.len() {
            let mut reader = Reader::default();
            let told: Vec<Told> =
                stream.chunks(size).flat_map(|chunk| reader.take(chunk).expect("short lines")).collect();
            let told: Vec<_> = told.iter().map(|told| (&*told.id, &*told.name, &*told.data)).collect();
            assert_eq!(told, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_id_without_an_event_is_remembered() {
        let mut reader = Reader::default();
        assert_eq!(reader.take(b"id: 1-1\n\n"), Ok(vec![]));
        assert_eq!(reader.event.id, "1-1");
    }

    #[test]
    fn an_endless_line_ends_the_reading() {
        assert_eq!(Reader::default().take(&vec![b'x'; LONGEST_LINE + 1]), Err(Cut::TooLong));
    }

    /// A stream of these bytes, whose server then stays as it is.
    async fn served(bytes: &'static [u8], quiet: Duration) -> (Stream, impl Sized) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let url: Url = format!("http://{}", listener.local_addr().expect("bound")).parse().expect("a URL");
        let server = async {
            let (mut connection, _) = listener.accept().await.expect("accepted");
            connection.read_u8().await.expect("a request");
            connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("sent");
            connection.write_all(bytes).await.expect("sent");
            connection
        };
        let client = http::client(&url, None, None).expect("a client");
        let (connection, answer) = tokio::join!(server, client.get(url).send());
        (Stream::new(answer.expect("an answer"), quiet), connection)
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_any_more_is_noticed() {
        let quiet = Duration::from_millis(200);
        let (mut stream, _connection) = served(b": alive\n\n", quiet).await;
        assert_eq!(stream.next().await, Err(Cut::Silent(quiet)));
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_is_read_to_its_end() {
        let (mut stream, connection) =
            served(b"id: 1\nevent: x\ndata: 1\n\nid: 2\ndata: 2", Duration::from_secs(60)).await;
        drop(connection);
        assert_eq!(stream.next().await.expect("an event").data, "1");
        assert_eq!(stream.next().await, Err(Cut::BrokenOff));
    }
}
