//! Requests to the management interface, and what it refuses in words.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use super::{
    credentials::{Management, Proof, Role, Trust},
    silence, text,
};
use crate::{http, printable::Printable};

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
        let (url, trust) = management.server()?;
        let url: Url =
            url.parse().map_err(|_| anyhow!("{url:?} is no URL, such as https://127.0.0.1:8080"))?;
        let client = match trust {
            Trust::System => http::client(&url, None, within),
            Trust::Authorities(file) => http::client(&url, Some(&file), within),
            Trust::This(file) => http::client_of(&file, within),
        }?;
        Ok(Server { client, url, own: management.is_own() })
    }

    /// GET of a path whose parts are separated by slashes.
    pub(super) async fn get(&self, path: &str, proof: &Proof) -> anyhow::Result<Value> {
        self.send(Method::GET, path, proof, None).await
    }

    /// GET of a path that is open to everybody.
    pub(super) async fn get_openly(&self, path: &str) -> anyhow::Result<Value> {
        parse(self.answered(self.client.get(self.url_of(path)?)).await?).await
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
        parse(self.answered(request).await?).await
    }

    /// What proves that an overlay is ours to manage. Where it is missing because there is no such overlay, that is told.
    pub(super) async fn token(&self, management: &Management, overlay: &str) -> anyhow::Result<Proof> {
        let missing = match management.token(overlay) {
            Ok(token) => return Ok(token),
            Err(missing) => missing,
        };
        // Whoever asks may learn that there is none.
        let asked = self.client.get(self.url_of(&format!("configuration/{overlay}"))?).send().await;
        if !asked.is_ok_and(|answer| answer.status() == StatusCode::NOT_FOUND) {
            return Err(missing);
        }
        let listed = match management.role(Role::RestUser) {
            Ok(user) => self.get("overlays", &user).await.ok(),
            Err(_) => None,
        };
        let names = listed.iter().flat_map(|listed| listed["overlays"].as_array()).flatten();
        let names: Vec<_> = names.filter_map(Value::as_str).map(|name| Printable(name).to_string()).collect();
        match names.is_empty() {
            true => bail!("there is no overlay {overlay:?}; `gossiperl overlay list` shows those there are"),
            false => bail!("there is no overlay {overlay:?}; there are: {}", names.join(", ")),
        }
    }

    /// The address of a path whose parts are separated by slashes.
    fn url_of(&self, path: &str) -> anyhow::Result<Url> {
        let mut url = self.url.clone();
        let parts = url.path_segments_mut();
        parts.map_err(|()| anyhow!("{} can have no path", self.url))?.pop_if_empty().extend(path.split('/'));
        Ok(url)
    }

    /// A request that is not sent yet.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        proof: &Proof,
    ) -> anyhow::Result<RequestBuilder> {
        let request = self.client.request(method, self.url_of(path)?);
        Ok(match proof {
            Proof::Basic(user, password) => request.basic_auth(user, Some(password.as_str())),
            Proof::Token(token) => request.header("x-session-token", token.as_str()),
        })
    }

    /// Sends it; what is refused is an error with the daemon's own words.
    pub(super) async fn answered(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let answer = request.send().await.map_err(reqwest::Error::without_url);
        let answer = answer.map_err(|error| {
            let what = silence::meaning(&self.url, self.own, &error);
            anyhow::Error::new(error).context(what)
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let problem: Value = serde_json::from_slice(&read(answer).await?).unwrap_or_default();
        let Some(detail) = problem["detail"].as_str() else {
            return Err(Refused { status, words: format!("refused: {status}") }.into());
        };
        // Several properties have a line each.
        let wrong: Vec<_> = problem["properties"].as_array().into_iter().flatten().collect();
        let lines: Vec<String> = match wrong.len() {
            0 | 1 => detail.lines().map(|line| Printable(line).to_string()).collect(),
            _ => {
                let wrong = wrong.into_iter();
                let told =
                    wrong.map(|wrong| format!("{}: {}", text(&wrong["property"]), text(&wrong["detail"])));
                std::iter::once("refused".to_owned()).chain(told).collect()
            }
        };
        let words = format!("{} ({status}, {})", lines.join("\n"), text(&problem["code"]));
        Err(Refused { status, words }.into())
    }
}

/// The daemon has refused a request.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub(super) struct Refused {
    status: StatusCode,
    words: String,
}

impl Refused {
    /// Whether it may do what was asked later.
    pub(super) fn is_passing(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }
}

async fn parse(answer: Response) -> anyhow::Result<Value> {
    serde_json::from_slice(&read(answer).await?)
        .context("the answer is no JSON; is this gossiperld's management interface?")
}

async fn read(mut answer: Response) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        bytes.extend_from_slice(&chunk);
        anyhow::ensure!(bytes.len() <= LONGEST, "the answer has more than {LONGEST} bytes");
    }
    Ok(bytes)
}
