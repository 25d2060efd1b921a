//! The service manager: told how the service is, by sd_notify(3), where one started us and wants to know.
//!
//! A message is one datagram to the socket of `NOTIFY_SOCKET`. What cannot be sent within [`PATIENCE`] is logged and given
//! up: a manager that does not listen must not stop the overlays. What the manager then makes of it is its own affair.

use std::{
    ffi::OsString,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{ffi::OsStrExt, net as unix},
    },
    time::Duration,
};

use nix::time::{ClockId, clock_gettime};
use tokio::net::UnixDatagram;

/// Longest time for one message.
const PATIENCE: Duration = Duration::from_secs(1);
/// The shortest time of a watchdog; below it the machine would do nothing else.
const SHORTEST_WATCHDOG: Duration = Duration::from_millis(10);

/// Tells the service manager. Without one it does nothing.
#[derive(Clone, Debug)]
pub struct Manager {
    socket: Option<unix::SocketAddr>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// The manager that the environment names (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`), if any. A socket of a kind
    /// that Linux has not, or other than a path or an abstract name, is warned of and left alone.
    pub fn from_environment() -> Self {
        Self::new(|variable| std::env::var_os(variable))
    }

    fn new(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let socket = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let socket = socket.and_then(|name| match address(&name) {
            Ok(address) => Some(address),
            Err(error) => {
                tracing::warn!(?name, %error, "the service manager cannot be told anything: NOTIFY_SOCKET is no Unix socket");
                None
            }
        });
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        let ours =
            variable("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(std::process::id().into());
        let watchdog = number("WATCHDOG_USEC").filter(|micros| ours && *micros > 0);
        let watchdog = watchdog.map(|micros| Duration::from_micros(micros).max(SHORTEST_WATCHDOG));
        Manager { watchdog: watchdog.filter(|_| socket.is_some()), socket }
    }

    /// A manager at this socket, with a watchdog.
    #[cfg(test)]
    pub(super) fn at(socket: unix::SocketAddr, watchdog: Duration) -> Self {
        Manager { socket: Some(socket), watchdog: Some(watchdog) }
    }

    /// Within what time the manager wants to hear [`Manager::alive`] again before it ends the service. `None`: it does not.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The service is up, or up again after [`Manager::reloading`]. `status`: one line for people.
    pub async fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\n{}", status_line(status))).await;
    }

    /// The configuration is being read again. [`Manager::ready`] must follow, whatever came of it.
    pub async fn reloading(&self) {
        // The manager tells by the time which of its own requests this is the answer to.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
        let micros = now.unwrap_or_default().as_micros();
        let status = status_line("reloading the configuration");
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\n{status}")).await;
    }

    /// One line for people, which `systemctl status` shows.
    pub async fn status(&self, status: &str) {
        self.tell(&status_line(status)).await;
    }

    /// The service is about to end.
    pub async fn stopping(&self) {
        self.tell(&format!("STOPPING=1\n{}", status_line("leaving"))).await;
    }

    /// The service does its work: resets the watchdog.
    pub async fn alive(&self) {
        self.tell("WATCHDOG=1").await;
    }

    /// Sends one message. The socket is opened anew each time, since the manager may have made another meanwhile.
    async fn tell(&self, message: &str) {
        let Some(address) = &self.socket else { return };
        let sent = tokio::time::timeout(PATIENCE, send(address, message.as_bytes())).await;
        if let Err(error) = sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            tracing::warn!(%error, message, "the service manager could not be told");
        }
    }
}

async fn send(address: &unix::SocketAddr, message: &[u8]) -> io::Result<()> {
    let socket = unix::UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(address)?;
    UnixDatagram::from_std(socket)?.send(message).await?;
    Ok(())
}

/// The socket of this name: a path, or behind `@` a name in the abstract namespace.
fn address(name: &OsString) -> io::Result<unix::SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] if !name.is_empty() => unix::SocketAddr::from_abstract_name(name),
        [b'/', ..] => unix::SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "neither an absolute path nor @name")),
    }
}

/// A line of its own, whatever is in `status`.
fn status_line(status: &str) -> String {
    format!("STATUS={}", status.replace(|character: char| character.is_control(), " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager(variables: &[(&str, &str)]) -> Manager {
        Manager::new(|wanted| {
            variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| OsString::from(value))
        })
    }

    /// A manager at a socket of its own, which hears what it is told.
    fn heard(address: &unix::SocketAddr, name: &str, tell: impl AsyncFnOnce(Manager)) -> String {
        let socket = unix::UnixDatagram::bind_addr(address).expect("bound");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(tell(manager(&[("NOTIFY_SOCKET", name)])));
        let mut message = [0; 512];
        let length = socket.recv(&mut message).expect("told");
        String::from_utf8(message[..length].to_vec()).expect("text")
    }

    fn abstract_name(name: &str) -> String {
        format!("gossiperl-test-{}-{name}", std::process::id())
    }

    #[test]
    fn a_manager_at_a_path_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let address = unix::SocketAddr::from_pathname(&path).expect("an address");
        let told = heard(&address, path.to_str().expect("text"), async |manager| manager.ready("up").await);
        assert_eq!(told, "READY=1\nSTATUS=up");
    }

    #[test]
    fn a_manager_at_an_abstract_name_is_told() {
        let name = abstract_name("told");
        let address = unix::SocketAddr::from_abstract_name(&name).expect("an address");
        let told = heard(&address, &format!("@{name}"), async |manager| manager.stopping().await);
        assert_eq!(told, "STOPPING=1\nSTATUS=leaving");
    }

    #[test]
    fn a_reload_comes_with_the_monotonic_clock() {
        let name = abstract_name("reload");
        let address = unix::SocketAddr::from_abstract_name(&name).expect("an address");
        let clock = || Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock")).as_micros();
        let before = clock();
        let told = heard(&address, &format!("@{name}"), async |manager| manager.reloading().await);
        let micros =
            told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.split('\n').next());
        let micros: u128 = micros.and_then(|micros| micros.parse().ok()).expect(&told);
        assert!((before..=clock()).contains(&micros), "{told}");
    }

    #[test]
    fn a_status_cannot_say_anything_else() {
        assert_eq!(status_line("up\nREADY=1\0"), "STATUS=up READY=1 ");
    }

    #[test]
    fn the_watchdog_is_for_this_process_alone() {
        let socket = ("NOTIFY_SOCKET", "/run/systemd/notify");
        let own = std::process::id().to_string();
        let wanted = |more: &[(&str, &str)]| manager(&[&[socket], more].concat()).watchdog();
        let second = ("WATCHDOG_USEC", "1000000");
        assert_eq!(wanted(&[]), None);
        assert_eq!(wanted(&[second]), Some(Duration::from_secs(1)));
        assert_eq!(wanted(&[second, ("WATCHDOG_PID", &own)]), Some(Duration::from_secs(1)));
        assert_eq!(wanted(&[second, ("WATCHDOG_PID", "1")]), None);
        assert_eq!(wanted(&[second, ("WATCHDOG_PID", "")]), None);
        assert_eq!(wanted(&[("WATCHDOG_USEC", "0")]), None);
        assert_eq!(wanted(&[("WATCHDOG_USEC", "-1")]), None);
        assert_eq!(wanted(&[("WATCHDOG_USEC", "1")]), Some(SHORTEST_WATCHDOG));
        assert_eq!(manager(&[second]).watchdog(), None, "nobody would hear of it");
    }

    #[test]
    fn what_is_no_unix_socket_is_left_alone() {
        for name in ["", "@", "relative", "vsock:2:1234", &format!("/{}", "long".repeat(64))] {
            assert!(manager(&[("NOTIFY_SOCKET", name)]).socket.is_none(), "{name:?}");
        }
    }

    #[test]
    fn a_manager_that_does_not_listen_stops_nothing() {
        let name = abstract_name("deaf");
        let address = unix::SocketAddr::from_abstract_name(&name).expect("an address");
        let deaf = unix::UnixDatagram::bind_addr(&address).expect("bound");
        let other = unix::UnixDatagram::unbound().expect("a socket");
        other.set_nonblocking(true).expect("set");
        while other.send_to_addr(b"unread", &address).is_ok() {}
        let manager = manager(&[("NOTIFY_SOCKET", &format!("@{name}"))]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(manager.alive());
        drop(deaf);
        runtime.block_on(manager.alive());
    }
}
