//! Debian's influxd, with a configuration and a folder of its own; ended when dropped.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use gossiperl_daemon::http;
use reqwest::{Client, Method, Url};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{free_port, soon};

/// The administrator's name and password: it has both from its first start on.
pub(crate) const ADMINISTRATOR: &str = "administrator";

/// One server. Its data stay when it is ended and started again.
pub(crate) struct Influx {
    folder: TempDir,
    ports: [u16; 2],
    /// File with its certificate, where it speaks TLS.
    certificate: Option<PathBuf>,
    running: Option<Child>,
}

impl Influx {
    /// One that asks for credentials; not started.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Influx { folder, ports: [free_port(), free_port()], certificate: None, running: None }
    }

    /// One that speaks TLS, with a certificate that nobody else has signed.
    pub(crate) fn with_tls() -> Self {
        let mut influx = Influx::new();
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("made");
        let file = influx.folder.path().join("certificate.pem");
        fs::write(&file, certified.cert.pem()).expect("written");
        fs::write(influx.folder.path().join("key.pem"), certified.signing_key.serialize_pem())
            .expect("written");
        influx.certificate = Some(file);
        influx
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.ports[0])
    }

    /// The file with its certificate.
    pub(crate) fn certificate(&self) -> &Path {
        self.certificate.as_deref().expect("it speaks TLS")
    }

    /// Starts it, again too, and waits until it serves.
    pub(crate) async fn start(&mut self) {
        let folder = self.folder.path();
        let [http, rpc] = self.ports;
        let tls = match &self.certificate {
            Some(file) => format!(
                "https-enabled = true\nhttps-certificate = {file:?}\nhttps-private-key = {:?}\n",
                folder.join("key.pem")
            ),
            None => String::new(),
        };
        let text = format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:{rpc}\"\n\
             [meta]\ndir = {:?}\n[data]\ndir = {:?}\nwal-dir = {:?}\n[monitor]\nstore-enabled = false\n\
             [http]\nenabled = true\nauth-enabled = true\nbind-address = \"127.0.0.1:{http}\"\n{tls}",
            folder.join("meta"),
            folder.join("data"),
            folder.join("wal")
        );
        let config = folder.join("influxdb.conf");
        fs::write(&config, text).expect("written");
        let log = fs::File::create(folder.join("log")).expect("made");
        let child = Command::new("influxd")
            .args(["run", "-config"])
            .arg(&config)
            .env("HOME", folder)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("influxd of Debian's package influxdb");
        self.running = Some(child);
        soon("influxd serves", async {
            while !self.is_served().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    /// What kill -9 does.
    pub(crate) fn crash(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().expect("killed");
            child.wait().expect("ended");
        }
    }

    /// Makes the administrator, who makes a database; once.
    pub(crate) async fn create(&self, database: &str) {
        let name = ADMINISTRATOR;
        self.query("", &format!("CREATE USER {name} WITH PASSWORD '{name}' WITH ALL PRIVILEGES")).await;
        self.query("", &format!("CREATE DATABASE {database}")).await;
    }

    /// Values of the only series that a query gives, row by row, without their times.
    pub(crate) async fn rows(&self, database: &str, query: &str) -> Vec<Vec<Value>> {
        let answer = self.query(database, query).await;
        let rows = answer["results"][0]["series"][0]["values"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row.as_array().expect("a row")[1..].to_vec()).collect()
    }

    /// The only number that a query gives.
    pub(crate) async fn number(&self, database: &str, query: &str) -> u64 {
        let rows = self.rows(database, query).await;
        assert_eq!(rows.len(), 1, "{query} gives {rows:?}");
        rows[0][0].as_u64().expect("a number")
    }

    /// Points in a database.
    pub(crate) async fn points(&self, database: &str) -> u64 {
        let mut points = 0;
        for (measurement, field) in [
            ("gossiperl_overlay", "published"),
            ("gossiperl_frames", "frames"),
            ("gossiperl_digests", "messages"),
            ("gossiperl_round_trips", "count"),
        ] {
            let query = format!("SELECT count(\"{field}\") FROM {measurement}");
            let rows = self.rows(database, &query).await;
            points += rows.first().map_or(0, |row| row[0].as_u64().expect("a number"));
        }
        points
    }

    async fn is_served(&self) -> bool {
        let asked = self.client().get(self.address("ping")).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    /// What the server answers to a query; not an error.
    pub(crate) async fn query(&self, database: &str, query: &str) -> Value {
        let mut url = self.address("query");
        url.query_pairs_mut().append_pair("db", database).append_pair("q", query);
        let request = self.client().request(Method::POST, url);
        let answer = request.basic_auth(ADMINISTRATOR, Some(ADMINISTRATOR)).send().await.expect("an answer");
        let text = answer.text().await.expect("text");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert!(!text.contains("\"error\""), "{query}: {text}");
        value
    }

    fn address(&self, path: &str) -> Url {
        Url::parse(&self.url()).and_then(|url| url.join(path)).expect("an address")
    }

    fn client(&self) -> Client {
        let url = self.address("");
        http::client(&url, self.certificate.as_deref(), Some(Duration::from_secs(30))).expect("a client")
    }
}

impl Drop for Influx {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprintln!("the log of influxd at {}:{}:\n{log}", Ipv4Addr::LOCALHOST, self.ports[0]);
        }
        self.crash();
    }
}
