//! Debian's Prometheus reads the metrics.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use gossiperl_daemon::http;
use reqwest::Url;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    dashboard,
    legacy::Legacy,
    support::{Host, TYPE, free_port, receive, soon, subscribe},
};

const USER: &str = "watching";
const PASSWORD: &str = "a password of this test";
/// Where the alerts are.
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/prometheus");
/// An InfluxDB that is not there.
const NOWHERE: &str = "[statistics.influxdb]\nurl = \"http://127.0.0.1:1\"\ndatabase = \"x\"";

/// A management interface for it.
fn rest() -> String {
    format!("[rest]\nport = 0\nrest_user = {{ username = \"{USER}\", password = \"{PASSWORD}\" }}")
}

/// A server that scrapes a service, and itself, each 200 ms; ended when dropped.
struct Prometheus {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Prometheus {
    /// One that scrapes this service's management interface, as its `rest_user`.
    async fn start(host: &Host) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (config, port) = (folder.path().join("prometheus.yml"), free_port());
        let target = host.service.management().expect("one").address();
        let certificate = host.data().join("rest/certificate.pem");
        let text = format!(
            "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}\n\
             scrape_configs:\n  - job_name: gossiperl\n    scheme: https\n    \
             basic_auth: {{ username: {USER}, password: {PASSWORD} }}\n    \
             tls_config: {{ ca_file: {certificate:?} }}\n    static_configs: [{{ targets: ['{target}'] }}]\n  \
             - job_name: prometheus\n    static_configs: [{{ targets: ['127.0.0.1:{port}'] }}]\n"
        );
        fs::write(&config, text).expect("written");
        let log = fs::File::create(folder.path().join("log")).expect("made");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus of Debian's package");
        Prometheus { child, port, folder }
    }

    /// What the query finds now; `None` before it serves.
    async fn find(&self, query: &str) -> Option<Vec<Value>> {
        let mut url =
            Url::parse(&format!("http://127.0.0.1:{}/api/v1/query", self.port)).expect("an address");
        url.query_pairs_mut().append_pair("query", query);
        let client = http::client(&url, None, Some(Duration::from_secs(30))).expect("a client");
        let text = client.get(url).send().await.ok()?.text().await.ok()?;
        let answer: Value = serde_json::from_str(&text).ok()?;
        assert_eq!(answer["status"], "success", "{query}: {text}");
        answer["data"]["result"].as_array().cloned()
    }

    /// Waits until the query finds something; its only value.
    async fn value(&self, query: &str, is_it: impl Fn(f64) -> bool) -> f64 {
        soon(query, async {
            loop {
                let found = self.find(query).await.unwrap_or_default();
                let value = found.first().and_then(|series| series["value"][1].as_str()?.parse().ok());
                if let Some(value) = value.filter(|value| is_it(*value)) {
                    assert_eq!(found.len(), 1, "{query} finds {found:?}");
                    return value;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.folder.path().join("log")).unwrap_or_default());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_tool_finds_no_fault_with_the_text() {
    let host = Host::start(NOWHERE).await;
    let text = host.metrics().await.0;
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool of Debian's package prometheus");
    tool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("read");
    let output = tool.wait_with_output().expect("ended");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
    host.service.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_scrapes_what_clients_counted_and_every_query_of_the_dashboard_finds_something() {
    const MESSAGES: usize = 1_000;
    let host = Host::start(&format!("{}\n{NOWHERE}", rest())).await;
    let prometheus = Prometheus::start(&host).await;
    for job in ["gossiperl", "prometheus"] {
        prometheus.value(&format!("up{{job=\"{job}\"}}"), |up| up == 1.0).await;
    }
    let (publisher, subscriber) = (host.client("publisher").await, host.client("subscriber").await);
    let mut reader = subscribe(&subscriber).await;
    host.publish(&publisher, MESSAGES).await;
    receive(&mut reader, MESSAGES).await;
    let mut old = Legacy::new(&host, "old");
    old.digest();
    old.hear(|heard| heard.contains_key("digestAck"));
    old.publish(TYPE, b"one more", "id");
    receive(&mut reader, 1).await;
    let all = (MESSAGES + 1) as f64;
    prometheus.value("gossiperl_messages_published_total{overlay=\"main\"}", |count| count == all).await;
    prometheus.value("gossiperl_messages_delivered_total", |count| count == all).await;
    prometheus.value("gossiperl_members{kind=\"client\",state=\"reachable\"}", |count| count == 3.0).await;
    prometheus.value("gossiperl_digests_total{direction=\"in\",type=\"digest\"}", |count| count == 1.0).await;
    let bytes = prometheus.value("process_resident_memory_bytes{job=\"gossiperl\"}", |_| true).await;
    assert!(bytes > 1e6, "{bytes}");
    for query in dashboard::queries("prometheus.json") {
        let mut found = prometheus.find(&query).await.expect("it serves");
        if found.is_empty() {
            // What has happened once only has no rate before it is seen a second time.
            soon(&query, async {
                while found.is_empty() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    found = prometheus.find(&query).await.expect("it serves");
                }
            })
            .await;
        }
        let processes = found.iter().filter(|series| series["metric"]["job"] == "prometheus").count();
        assert_eq!(processes, 0, "{query} finds another program: {found:?}");
    }
    for metric in in_rules() {
        let found = prometheus.find(&metric).await.expect("it serves");
        assert!(!found.is_empty(), "an alert is made of {metric}, which is not there");
    }
    for (labels, least) in
        [("route=\"/metrics\",method=\"GET\",status=\"200\"", 2.0), ("status=\"401\"", 1.0)]
    {
        // Prometheus itself; and once without credentials, here.
        let url = format!("https://{}/metrics", host.service.management().expect("one").address());
        let url = Url::parse(&url).expect("an address");
        let certificate = host.data().join("rest/certificate.pem");
        let client = http::client(&url, Some(&certificate), Some(Duration::from_secs(30))).expect("a client");
        assert_eq!(client.get(url).send().await.expect("an answer").status(), 401);
        let counted = format!("gossiperl_rest_requests_total{{{labels}}}");
        prometheus.value(&counted, |count| count >= least).await;
    }
    host.service.leave().await;
}

/// The names of our metrics in the alerts' expressions.
fn in_rules() -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(RULES).join("gossiperl.rules.yml")).expect("read");
    let expressions = text.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let words =
        expressions.flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric() && letter != '_'));
    let ours: BTreeSet<String> =
        words.filter(|word| word.starts_with("gossiperl_")).map(ToOwned::to_owned).collect();
    assert!(ours.len() > 12, "{ours:?}");
    ours
}

#[test]
fn its_tool_finds_no_fault_with_the_alerts_and_they_ring_when_they_should() {
    for (command, file) in [("check", "gossiperl.rules.yml"), ("test", "gossiperl.rules.test.yml")] {
        let output = Command::new("promtool")
            .args([command, "rules", file])
            .current_dir(RULES)
            .output()
            .expect("promtool of Debian's package prometheus");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "promtool {command} rules {file}: {said}");
    }
}
