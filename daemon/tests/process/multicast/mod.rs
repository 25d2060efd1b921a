//! Daemons on hosts of their own that find each other through a multicast group, without a single seed.

mod segment;
mod sockets;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use segment::Segments;
use tempfile::TempDir;

use crate::support::{Daemon, GOSSIPERL, GOSSIPERLD, KEY, Running, ended, run, written};

const GROUP: &str = "239.192.79.1";
const PORT: u16 = 6_666;

/// Hosts, and the files of their daemons.
struct Overlay {
    segments: Segments,
    folder: TempDir,
}

impl Overlay {
    fn new(count: usize) -> Self {
        Overlay { segments: Segments::new(count), folder: tempfile::tempdir().expect("a folder") }
    }

    fn folder(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("host-{number}"))
    }

    /// The host's configuration, with these lines in the overlay's table.
    fn configure(&self, number: usize, lines: &str) -> PathBuf {
        let folder = self.folder(number);
        fs::create_dir_all(&folder).expect("made");
        let data = folder.join("data");
        let text = format!(
            "data_dir = {data:?}\nrest = false\n[overlays.main]\nport = {PORT}\nmember_name = \"host-{number}\"\npreset = \"local\"\n\
             symmetric_key = \"{KEY}\"\n{lines}\n"
        );
        written(&folder, &text)
    }

    /// Starts the host's daemon with these lines, and waits until it serves.
    fn start(&self, number: usize, lines: &str) -> Daemon {
        let config = self.configure(number, lines);
        let daemon = self.segments.host(number).run(move || Daemon::start(&config));
        daemon.wait_for("started");
        daemon
    }

    /// Starts it with the group and the host's one address.
    fn start_plain(&self, number: usize) -> Daemon {
        self.start(number, &format!("ip = \"10.79.0.{number}\"\nmulticast = {{ ip = \"{GROUP}\" }}"))
    }

    /// Forgets all that the host's daemon has learnt.
    fn forget(&self, number: usize) {
        fs::remove_dir_all(self.folder(number).join("data")).expect("removed");
    }

    /// A command on this host, with its daemon's configuration.
    fn command(&self, number: usize, arguments: &[&str]) -> Command {
        let mut command = Command::new(GOSSIPERL);
        command.args(arguments).arg("--config").arg(self.folder(number).join("gossiperl.toml"));
        command
    }

    /// Runs it to its end: exit code, standard output, standard error.
    fn run(&self, number: usize, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.command(number, arguments);
        self.segments.host(number).run(move || ended(command.output().expect("started")))
    }

    /// A subscriber on this host that is subscribed already.
    fn subscriber(&self, number: usize, arguments: &[&str]) -> Running {
        let command = self.command(number, &[&["subscribe"], arguments].concat());
        self.segments.host(number).run(move || Running::start(command, "subscribed to"))
    }
}

/// Waits until each of these daemons has said this of each other one, host numbers first.
fn each_says(daemons: &[(usize, &Daemon)], words: &str) {
    for (number, daemon) in daemons {
        for (other, _) in daemons.iter().filter(|(other, _)| other != number) {
            let member = format!("member=host-{other} ");
            while daemon.log().count(&[words, &member]) == 0 {
                daemon.wait_for(words);
            }
        }
    }
}

fn says(daemon: &Daemon, event: &str, number: usize) {
    daemon.log().wait_for(&[event, &format!("member=host-{number} ")]);
}

#[test]
fn three_hosts_find_each_other_without_seeds_and_exchange_messages_whatever_befalls_them() {
    let overlay = Overlay::new(3);
    // The three ways to say which interface: by its address, by the address bound, and by a route.
    let one =
        format!("multicast = {{ ip = \"{GROUP}\", local_iface_address = \"10.79.0.1\", local_port = 7000 }}");
    let two = format!("ip = \"10.79.0.2\"\nmulticast = {{ ip = \"{GROUP}\" }}");
    let three = format!("multicast = {{ ip = \"{GROUP}\", ttl = 1 }}");
    overlay.segments.host(3).ip("route add 224.0.0.0/4 dev eth0");
    let (first, second, third) = (overlay.start(1, &one), overlay.start(2, &two), overlay.start(3, &three));
    each_says(&[(1, &first), (2, &second), (3, &third)], "member_in");

    for (legacy, from, to) in [(false, 1, 3), (true, 3, 1), (false, 2, 1), (true, 1, 2)] {
        let protocol: &[&str] = if legacy { &["--legacy"] } else { &[] };
        let subscriber = overlay.subscriber(to, &[&["news", "--count", "1"], protocol].concat());
        // A subscription gets around with the gossip; until it has, nobody there hears a message.
        let told = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| subscriber.ended());
            while !waiting.is_finished() {
                let (code, _, errors) =
                    overlay.run(from, &[&["publish", "news", "hello"], protocol].concat());
                assert_eq!(code, 0, "{errors}");
            }
            waiting.join().expect("ended")
        });
        assert_eq!((told.0, told.1.as_str()), (0, "news  hello\n"), "{}", told.2);
    }
    let (code, table, errors) = overlay.run(1, &["members"]);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(table.matches("reachable").count(), 3, "{table}");
    let (code, _, errors) = overlay.run(1, &["members", "--port", "6666"]);
    assert_ne!(code, 0, "clients are served at local_port alone: {errors}");

    second.crash();
    says(&first, "member_unreachable", 2);
    says(&third, "member_unreachable", 2);
    overlay.forget(2);
    let second = overlay.start(2, &two);
    says(&first, "member_rejoin", 2);
    says(&third, "member_rejoin", 2);
    each_says(&[(2, &second), (1, &first), (3, &third)], "member_in");

    overlay.segments.connect(3, false);
    says(&first, "member_unreachable", 3);
    says(&third, "member_unreachable", 1);
    overlay.segments.connect(3, true);
    says(&first, "member_rejoin", 3);
    says(&third, "member_rejoin", 1);
}

#[test]
fn halves_that_never_met_become_one_overlay_when_their_segments_do() {
    let overlay = Overlay::new(4);
    overlay.segments.move_to(3, 1);
    overlay.segments.move_to(4, 1);
    let daemons: Vec<Daemon> = (1..=4).map(|number| overlay.start_plain(number)).collect();
    each_says(&[(1, &daemons[0]), (2, &daemons[1])], "member_in");
    each_says(&[(3, &daemons[2]), (4, &daemons[3])], "member_in");
    assert_eq!(daemons[0].log().count(&["member_in"]), 1, "they are apart");
    overlay.segments.move_to(3, 0);
    overlay.segments.move_to(4, 0);
    let numbered: Vec<(usize, &Daemon)> = (1..).zip(&daemons).collect();
    each_says(&numbered, "member_in");
}

#[test]
fn daemons_of_one_host_meet_on_addresses_of_their_own() {
    let overlay = Overlay::new(1);
    overlay.segments.host(1).ip("address add 10.79.0.77/24 dev eth0");
    let lines = |ip: &str, local: u16, name: &str| {
        format!("ip = \"{ip}\"\nmulticast = {{ ip = \"{GROUP}\", ttl = 0, local_port = {local} }}\n# {name}")
    };
    let first = overlay.start(1, &lines("10.79.0.1", 7_000, "one"));
    let folder = overlay.folder.path().join("second");
    fs::create_dir_all(&folder).expect("made");
    let text = fs::read_to_string(overlay.folder(1).join("gossiperl.toml")).expect("text");
    let text = text
        .replace("host-1", "host-2")
        .replace("10.79.0.1\"", "10.79.0.77\"")
        .replace("local_port = 7000", "local_port = 7001");
    let config = written(&folder, &text);
    let second = overlay.segments.host(1).run(move || Daemon::start(&config));
    each_says(&[(1, &first), (2, &second)], "member_in");
}

#[test]
fn groups_of_version_6_work_alike() {
    let overlay = Overlay::new(2);
    let first = overlay.start(1, "ip = \"fd79::1\"\nmulticast = { ip = \"ff05::79\" }");
    let second = overlay.start(2, "multicast = { ip = \"ff05::79\", local_iface_address = \"fd79::2\" }");
    each_says(&[(1, &first), (2, &second)], "member_in");
    let (code, table, errors) = overlay.run(2, &["members"]);
    assert_eq!((code, table.matches("reachable").count()), (0, 2), "{table}{errors}");
}

#[test]
fn an_interface_that_goes_is_told_of_and_joined_again_when_it_is_back() {
    let overlay = Overlay::new(2);
    let first = overlay.start_plain(1);
    overlay.segments.plug_out(1);
    first.wait_for("the multicast group is lost");
    overlay.segments.plug_in(1);
    first.wait_for("the multicast group is joined again");
    let second = overlay.start_plain(2);
    each_says(&[(1, &first), (2, &second)], "member_in");
}

#[test]
fn a_group_that_cannot_be_joined_ends_the_start_with_the_remedy() {
    let overlay = Overlay::new(1);
    let fails = |lines: &str, words: &[&str]| {
        let config = overlay.configure(1, lines);
        let (code, _, errors) = overlay.segments.host(1).run(move || start(&config));
        assert_eq!(code, 1, "{errors}");
        for word in words {
            assert!(errors.contains(word), "{word:?} is missing in {errors}");
        }
    };
    let remedy: &[&str] =
        &["239.192.79.1:6666", "no route", "local_iface_address", "ip route add 239.192.79.1"];
    fails(&format!("multicast = {{ ip = \"{GROUP}\" }}"), remedy);
    fails(
        &format!("multicast = {{ ip = \"{GROUP}\", local_iface_address = \"10.79.0.9\" }}"),
        &["10.79.0.9", "ip address"],
    );
    fails("iface = \"eth0\"\nmulticast = { ip = \"ff05::79\" }", &["another IP version", "write an ip"]);
}

#[test]
fn check_says_where_the_group_and_the_clients_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "[overlays.main]\nport = {PORT}\nsymmetric_key = \"{KEY}\"\nmulticast = {{ ip = \"{GROUP}\" }}\n"
    );
    let config = written(folder.path(), &text);
    let (code, told, errors) = run(GOSSIPERL, &["check", config.to_str().expect("text")]);
    assert_eq!(code, 0, "{errors}");
    assert!(told.contains("main: group 239.192.79.1:6666 (ttl 4), clients at 127.0.0.1:6667"), "{told}");
}

/// A daemon that is to end by itself.
fn start(config: &Path) -> (i32, String, String) {
    ended(Command::new(GOSSIPERLD).arg("--config").arg(config).output().expect("started"))
}
