//! One batch to the server, and what the server says to it. Its answers are hostile: slow, endless, or nonsense.

use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, Response, StatusCode, Url, header::CONTENT_TYPE};
use zeroize::Zeroizing;

use crate::{
    config::{InfluxSettings, Password},
    http,
    printable::Printable,
};

/// Longest time for a batch, the answer included.
const WITHIN: Duration = Duration::from_secs(10);
/// What of an answer is read, bytes: enough for the reason, whatever follows.
const READ: usize = 512;
/// Longest password file, bytes.
const LONGEST_PASSWORD: usize = 4_096;

/// The server, and who we are there. Holds a secret: has no `Debug`.
pub(super) struct Server {
    settings: InfluxSettings,
    client: Client,
    write: Url,
    credentials: Option<(String, Zeroizing<String>)>,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The server has it.
    Written,
    /// It is wrong, and will be.
    Refused(String),
    /// Not now: why, and whether it is our credentials that are refused.
    Failed { why: String, denied: bool },
}

impl Server {
    /// Reads the files that the settings name.
    pub(super) fn new(settings: &InfluxSettings) -> anyhow::Result<Self> {
        let client = http::client(&settings.url, settings.certificates.as_deref(), Some(WITHIN))
            .context("statistics.influxdb cannot be written to")?;
        let mut write = settings.url.clone();
        // An address of http or https has a path.
        if let Ok(mut path) = write.path_segments_mut() {
            path.pop_if_empty().push("write");
        }
        write.query_pairs_mut().append_pair("db", &settings.database).append_pair("precision", "ms");
        let credentials = match &settings.username {
            Some(username) => Some((username.clone(), password(settings.password.as_ref())?)),
            None => None,
        };
        Ok(Server { settings: settings.clone(), client, write, credentials })
    }

    /// What it was made of.
    pub(super) fn settings(&self) -> &InfluxSettings {
        &self.settings
    }

    /// Whether we are the same there as at the other.
    pub(super) fn has_credentials_of(&self, other: &Server) -> bool {
        self.credentials == other.credentials
    }

    /// Sends a batch.
    pub(super) async fn write(&self, lines: &str) -> Outcome {
        let mut request = self.client.post(self.write.clone());
        if let Some((username, password)) = &self.credentials {
            request = request.basic_auth(username, Some(password.as_str()));
        }
        let request = request.header(CONTENT_TYPE, "text/plain; charset=utf-8").body(lines.to_owned());
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Outcome::Written,
            Ok(answer) => outcome(answer).await,
            // The address is in the configuration; it would only repeat it.
            Err(error) => Outcome::Failed { why: chain(&error.without_url()), denied: false },
        }
    }
}

async fn outcome(mut answer: Response) -> Outcome {
    let status = answer.status();
    let mut begin = Vec::new();
    while begin.len() < READ
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        begin.extend_from_slice(&chunk[..chunk.len().min(READ - begin.len())]);
    }
    let text = String::from_utf8_lossy(&begin);
    let why = format!("{status}: {}", Printable(text.trim()));
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Outcome::Refused(why)
        }
        _ => Outcome::Failed {
            why,
            denied: matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
        },
    }
}

/// An error and its causes, which reqwest's own display leaves out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn password(password: Option<&Password>) -> anyhow::Result<Zeroizing<String>> {
    let bytes = match password {
        None => Zeroizing::new(Vec::new()),
        Some(Password::Plain(bytes)) => bytes.clone(),
        Some(Password::File(file)) => {
            let shown = file.display();
            let bytes = Zeroizing::new(
                std::fs::read(file)
                    .with_context(|| format!("cannot read statistics.influxdb.password_file {shown}"))?,
            );
            let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
            anyhow::ensure!(
                (1..=LONGEST_PASSWORD).contains(&line.len()),
                "the first line of statistics.influxdb.password_file {shown} must be a password of 1 to {LONGEST_PASSWORD} bytes"
            );
            Zeroizing::new(line.to_vec())
        }
    };
    let text =
        std::str::from_utf8(&bytes).ok().context("the password of statistics.influxdb is no UTF-8 text")?;
    Ok(Zeroizing::new(text.to_owned()))
}
