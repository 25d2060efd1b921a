//! Requests to the management interface, and what it refuses in words.

use std::{io, time::Duration};

use anyhow::{Context, anyhow, bail};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use serde_json::Value;

use super::credentials::{Management, Proof};
use crate::http;

/// Longest time for a request, its answer included; a little more than the daemon's own.
const WITHIN: Duration = Duration::from_secs(35);
/// Longest answer that is read.
const LONGEST: usize = 64 << 20;

/// A daemon's management interface.
pub(super) struct Server {
    client: Client,
    url: Url,
    /// The address is what the daemon of this host has said, and it takes it back when it ends in order.
    own: bool,
}

impl Server {
    /// The one that the options name. Nothing is sent.
    pub(super) fn of(management: &Management) -> anyhow::Result<Self> {
        Self::within(management, Some(WITHIN))
    }

    /// The same, for answers that do not end.
    pub(super) fn streaming(management: &Management) -> anyhow::Result<Self> {
        Self::within(management, None)
    }

    fn within(management: &Management, within: Option<Duration>) -> anyhow::Result<Self> {
        let (url, cacert) = management.server()?;
        let url: Url =
            url.parse().map_err(|_| anyhow!("{url:?} is no URL, such as https://127.0.0.1:8080"))?;
        let client = http::client(&url, cacert.as_deref(), within)?;
        Ok(Server { client, url, own: management.is_own() })
    }

    /// GET of a path whose parts are separated by slashes.
    pub(super) async fn get(&self, path: &str, proof: &Proof) -> anyhow::Result<Value> {
        self.send(Method::GET, path, proof, None).await
    }

    /// Any request with a JSON answer.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        proof: &Proof,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        self.send_query(method, path, "", proof, body).await
    }

    /// The same with a query, as it is written in an address.
    pub(super) async fn send_query(
        &self,
        method: Method,
        path: &str,
        query: &str,
        proof: &Proof,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut request = self.request(method, path, proof)?;
        let pairs: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        if !pairs.is_empty() {
            request = request.query(&pairs);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = self.answered(request).await?;
        let bytes = read(answer).await?;
        serde_json::from_slice(&bytes)
            .context("the answer is no JSON; is this gossiperld's management interface?")
    }

    /// A request that is not sent yet.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        proof: &Proof,
    ) -> anyhow::Result<RequestBuilder> {
        let mut url = self.url.clone();
        let parts = url.path_segments_mut();
        parts.map_err(|()| anyhow!("{} can have no path", self.url))?.pop_if_empty().extend(path.split('/'));
        let request = self.client.request(method, url);
        Ok(match proof {
            Proof::Basic(user, password) => request.basic_auth(user, Some(password.as_str())),
            Proof::Token(token) => request.header("x-session-token", token.as_str()),
        })
    }

    /// What it means that there is no answer.
    fn silence(&self, error: &reqwest::Error) -> String {
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            let refused = error.downcast_ref::<io::Error>().map(io::Error::kind);
            if self.own && refused == Some(io::ErrorKind::ConnectionRefused) {
                return format!(
                    "gossiperld is not running: it was at {} and has ended without leaving. Start it, or give --url",
                    self.url
                );
            }
            cause = error.source();
        }
        format!("the management interface at {} does not answer", self.url)
    }

    /// Sends it; what is refused is an error with the daemon's own words.
    pub(super) async fn answered(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let answer = request.send().await.map_err(reqwest::Error::without_url);
        let answer = answer.map_err(|error| {
            let what = self.silence(&error);
            anyhow::Error::new(error).context(what)
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let problem: Value = serde_json::from_slice(&read(answer).await?).unwrap_or_default();
        match problem["detail"].as_str() {
            Some(detail) => bail!(
                "{} ({status}, {})",
                crate::printable::Printable(detail),
                problem["code"].as_str().unwrap_or("-")
            ),
            None => bail!("refused: {status}"),
        }
    }
}

async fn read(mut answer: Response) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        bytes.extend_from_slice(&chunk);
        anyhow::ensure!(bytes.len() <= LONGEST, "the answer has more than {LONGEST} bytes");
    }
    Ok(bytes)
}
