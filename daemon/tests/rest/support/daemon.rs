//! gossiperld as a process, with the management interface.

use std::{
    fmt::Write,
    fs,
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use gossiperl_client::{Client, Options};
use gossiperl_daemon::http;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Answer, As, KEY, free_port, log::Log, own_address, soon, until};

/// What a daemon is started with.
pub(crate) struct Setup {
    /// Lines of `[rest]` beside its port.
    pub(crate) rest: String,
    /// Lines before all tables.
    pub(crate) top: String,
    /// The file's overlays, by name, with lines beside address, port, key and racks.
    pub(crate) overlays: Vec<(String, String)>,
    /// Descriptors it may open; `None`: as many as this process.
    pub(crate) descriptors: Option<u32>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            rest: String::new(),
            top: String::new(),
            overlays: vec![("main".to_owned(), "member_name = \"host-1\"".to_owned())],
            descriptors: None,
        }
    }
}

/// A running daemon; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    log: Log,
    setup: Setup,
    folder: TempDir,
    /// Where its overlays are.
    pub(crate) ip: Ipv4Addr,
    /// The ports of the file's overlays, by name.
    ports: Vec<(String, u16)>,
    url: Url,
    client: reqwest::Client,
    /// The certificate to trust, where it is not the one that is made.
    trusted: Option<PathBuf>,
    rest_user: As,
    superuser: As,
}

impl Daemon {
    /// Starts one with the overlay `main`, and waits until the interface answers.
    pub(crate) async fn start() -> Daemon {
        Daemon::start_with(Setup::default()).await
    }

    pub(crate) async fn start_with(setup: Setup) -> Daemon {
        let mut daemon = Daemon::prepared(setup);
        daemon.run().await;
        daemon
    }

    /// Starts one whose certificate is in this file.
    pub(crate) async fn start_trusting(setup: Setup, certificate: &Path) -> Daemon {
        let mut daemon = Daemon::prepared(setup);
        daemon.trusted = Some(certificate.to_owned());
        daemon.run().await;
        daemon
    }

    /// Starts one that is to end by itself: its exit code and its log.
    pub(crate) fn fails(setup: Setup) -> (i32, String) {
        let daemon = Daemon::prepared(setup);
        let output = daemon.command().output().expect("started");
        (output.status.code().expect("no signal"), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn prepared(setup: Setup) -> Daemon {
        let folder = tempfile::tempdir().expect("a folder");
        let ip = own_address();
        let ports = setup.overlays.iter().map(|(name, _)| (name.clone(), free_port(ip))).collect();
        let daemon = Daemon {
            child: Command::new("true").spawn().expect("started"),
            log: Log::default(),
            setup,
            folder,
            ip,
            ports,
            url: Url::parse("https://127.0.0.1").expect("a URL"),
            client: plain_client(),
            trusted: None,
            rest_user: As::Nobody,
            superuser: As::Nobody,
        };
        daemon.write_config();
        daemon
    }

    /// What kill -9 does; everything it has kept stays.
    pub(crate) fn crash(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// Starts it (again), and waits until it is ready.
    pub(crate) async fn run(&mut self) {
        self.run_until_answered().await;
        until("readiness", async || {
            let answer = self.try_ask(Method::GET, "/readyz", &As::Nobody, "").await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// Starts it (again), and waits until the interface answers.
    pub(crate) async fn run_until_answered(&mut self) {
        let _ = self.child.wait();
        let address = self.rest_file("address");
        let _ = fs::remove_file(&address);
        let mut command = self.command();
        self.child = command.spawn().expect("started");
        self.log = Log::of(self.child.stderr.take().expect("piped"));
        // Its users and its certificate are there before it is.
        let url = until("the interface's address", async || {
            assert!(self.child.try_wait().expect("a child").is_none(), "it ended:\n{}", self.log.text());
            fs::read_to_string(&address).ok().filter(|url| url.ends_with('\n'))
        })
        .await;
        self.url = Url::parse(url.trim_end()).expect("a URL");
        let certificate = self.trusted.clone().unwrap_or_else(|| self.certificate());
        self.client = self.client_trusting(&certificate);
        let read = |name: &str| {
            let text = fs::read_to_string(self.rest_file(name)).unwrap_or_default();
            text.trim_end().split_once(':').map_or(As::Nobody, |(user, password)| As::basic(user, password))
        };
        (self.rest_user, self.superuser) = (read("rest_user"), read("superuser"));
        until("an answer", async || {
            self.try_ask(Method::GET, "/healthz", &As::Nobody, "").await.ok().map(|_| ())
        })
        .await;
    }

    /// What starts it.
    pub(crate) fn command(&self) -> Command {
        let gossiperld = env!("CARGO_BIN_EXE_gossiperld");
        let mut command = match self.setup.descriptors {
            None => Command::new(gossiperld),
            Some(limit) => {
                let mut command = Command::new("prlimit");
                command.arg(format!("--nofile={limit}:{limit}")).arg(gossiperld);
                command
            }
        };
        command.arg("--config").arg(self.config()).stderr(Stdio::piped());
        command
    }

    /// Writes the configuration as [`Setup`] has it now.
    pub(crate) fn write_config(&self) {
        let Setup { rest, top, overlays, .. } = &self.setup;
        let mut text = format!("data_dir = {:?}\n{top}\n[rest]\nport = 0\n{rest}\n", self.data_dir());
        for (name, lines) in overlays {
            let (ip, port) = (self.ip, self.port(name));
            let _ = write!(
                text,
                "[overlays.{name}]\nip = \"{ip}\"\nport = {port}\nsymmetric_key = \"{KEY}\"\nracks = {{ default = [] }}\n{lines}\n"
            );
        }
        let file = self.config();
        fs::write(&file, text).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    }

    /// Changes what the configuration is to say, and writes it.
    pub(crate) fn change_config(&mut self, change: impl FnOnce(&mut Setup)) {
        change(&mut self.setup);
        let new =
            self.setup.overlays.iter().filter(|(name, _)| !self.ports.iter().any(|(known, _)| known == name));
        let new: Vec<_> = new.map(|(name, _)| (name.clone(), free_port(self.ip))).collect();
        self.ports.extend(new);
        self.write_config();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("gossiperl.toml")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file of the interface.
    pub(crate) fn rest_file(&self, name: &str) -> PathBuf {
        self.data_dir().join("rest").join(name)
    }

    /// The certificate that was made.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.rest_file("certificate.pem")
    }

    /// The port of an overlay of the file.
    pub(crate) fn port(&self, name: &str) -> u16 {
        self.ports.iter().find(|(known, _)| known == name).expect("an overlay of the file").1
    }

    /// Where the interface is.
    pub(crate) fn address(&self) -> (Ipv4Addr, u16) {
        (Ipv4Addr::LOCALHOST, self.url.port_or_known_default().expect("a port"))
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).expect("a pid")), signal).expect("sent");
    }

    /// Resident memory, bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        1_024 * line.trim_end_matches("kB").trim().parse::<u64>().expect("a number")
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it runs").count()
    }

    /// The two users.
    pub(crate) fn rest_user(&self) -> As {
        self.rest_user.clone()
    }

    pub(crate) fn superuser(&self) -> As {
        self.superuser.clone()
    }

    /// An overlay's token, as GET /tokens tells it.
    pub(crate) async fn token(&self, overlay: &str) -> As {
        let tokens = self.ask(Method::GET, "/tokens", &self.superuser, "").await.expect(200).json();
        let all = tokens["tokens"].as_array().expect("a list");
        let token = all.iter().find_map(|token| token[overlay].as_str());
        As::token(token.unwrap_or_else(|| panic!("no token of {overlay}")))
    }

    /// A client of HTTP that trusts what is in this file alone.
    pub(crate) fn client_trusting(&self, certificates: &Path) -> reqwest::Client {
        let authority = (self.url.scheme() == "https").then_some(certificates);
        http::client(&self.url, authority, Some(Duration::from_secs(60))).expect("a client")
    }

    /// A client that comes from this address.
    pub(crate) fn client_from(&self, address: Ipv4Addr) -> reqwest::Client {
        let builder = reqwest::Client::builder().local_address(IpAddr::from(address)).no_proxy();
        let pem = fs::read(self.certificate()).unwrap_or_default();
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).expect("certificates");
        builder.tls_certs_only(certificates).build().expect("a client")
    }

    /// Asks; a body that is not empty is sent as it is, with no content type.
    pub(crate) async fn ask(&self, method: Method, path: &str, who: &As, body: &str) -> Answer {
        let asked = soon(path, self.try_ask(method, path, who, body)).await;
        asked.unwrap_or_else(|error| panic!("{path}: {error:?}\n{}", self.log.text()))
    }

    pub(crate) async fn try_ask(
        &self,
        method: Method,
        path: &str,
        who: &As,
        body: &str,
    ) -> reqwest::Result<Answer> {
        self.ask_over(&self.client, method, path, who, body).await
    }

    /// Asks over this client.
    pub(crate) async fn ask_over(
        &self,
        client: &reqwest::Client,
        method: Method,
        path: &str,
        who: &As,
        body: &str,
    ) -> reqwest::Result<Answer> {
        let url = format!("{}{path}", self.url.as_str().trim_end_matches('/'));
        let mut request = who.on(client.request(method, url));
        if !body.is_empty() {
            request = request.body(body.to_owned());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.text().await? })
    }

    pub(crate) async fn get(&self, path: &str, who: &As) -> Answer {
        self.ask(Method::GET, path, who, "").await
    }

    pub(crate) async fn put(&self, path: &str, who: &As, body: &Value) -> Answer {
        self.ask(Method::PUT, path, who, &body.to_string()).await
    }

    /// Adds an overlay over the interface; its token.
    pub(crate) async fn add(&self, overlay: &str, properties: &Value) -> As {
        let path = format!("/overlays/{overlay}");
        let added = self.ask(Method::POST, &path, &self.rest_user, &properties.to_string()).await;
        As::token(added.expect(201).json()["token"].as_str().expect("a token"))
    }

    /// Properties of a new overlay on a free port.
    pub(crate) fn properties(&self) -> Value {
        json!({ "ip": self.ip, "port": free_port(self.ip), "symmetric_key": KEY, "racks": { "default": [] } })
    }

    /// The names of all overlays.
    pub(crate) async fn overlays(&self) -> Vec<String> {
        let overlays = self.get("/overlays", &self.rest_user).await.expect(200).json();
        serde_json::from_value(overlays["overlays"].clone()).expect("a list of names")
    }

    /// A client of protocol 2 with a session, of the overlay at this port.
    pub(crate) async fn session(&self, port: u16, name: &str) -> Client {
        self.session_with(port, name, KEY).await
    }

    /// The same, of one whose key this is.
    pub(crate) async fn session_with(&self, port: u16, name: &str, key: &str) -> Client {
        let options = Options::new(port, name, key).address(self.ip.into());
        soon("a session", Client::connect(options)).await.expect("a session")
    }
}

/// A client until there is a certificate to trust.
fn plain_client() -> reqwest::Client {
    http::client(&Url::parse("http://127.0.0.1").expect("a URL"), None, Some(Duration::from_secs(1)))
        .expect("a client")
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of {}:\n{}", self.config().display(), self.log.text());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
