//! The commands of operators, against a daemon whose management interface is on.

use std::{
    fs,
    io::Write,
    net::IpAddr,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Daemon, GOSSIPERL, KEY, Running, ended, free_port, within_patience};

/// Runs an operator's command: exit code, standard output, standard error.
fn run(daemon: &Daemon, arguments: &[&str]) -> (i32, String, String) {
    daemon.run(arguments)
}

/// The same, which must succeed; what it prints.
fn done(daemon: &Daemon, arguments: &[&str]) -> String {
    let (code, printed, told) = run(daemon, arguments);
    assert_eq!(code, 0, "{arguments:?}: {told}");
    printed
}

/// The overlays' names.
fn overlays(daemon: &Daemon) -> Value {
    json(&done(daemon, &["overlay", "list", "--json"]))["overlays"].clone()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// A file with an overlay's properties, in a folder of its own.
fn properties(daemon: &Daemon, text: &str) -> String {
    let file = daemon.config().with_file_name("properties");
    fs::write(&file, text).expect("written");
    file.to_str().expect("a path").to_owned()
}

fn orders() -> (u16, String) {
    let ip: IpAddr = [127, 0, 0, 1].into();
    let port = free_port(&[ip]);
    (port, format!("ip = \"{ip}\"\nport = {port}\nsymmetric_key = \"{KEY}\"\nracks = {{ default = [] }}\n"))
}

#[test]
fn an_overlay_is_added_shown_changed_and_removed() {
    let daemon = Daemon::managed("127.0.0.1");
    assert_eq!(overlays(&daemon), json!(["main"]));
    let (port, text) = orders();
    let token = done(&daemon, &["overlay", "add", "orders", &properties(&daemon, &text)]);
    assert_eq!(token.trim().len(), 64);
    let listed = done(&daemon, &["overlay", "list"]);
    let rows: Vec<Vec<&str>> = listed.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[1][..2], ["main", "file"], "{listed}");
    let port_word = port.to_string();
    assert_eq!(
        rows[2],
        ["orders", "rest", &port_word, "serving", "waiting", "1", "reachable", "-"],
        "{listed}"
    );
    assert!(done(&daemon, &["tokens"]).contains(token.trim()));

    done(&daemon, &["overlay", "set", "orders", "quarantine_after", "3"]);
    done(&daemon, &["overlay", "set", "orders", "quarantine_after", "31.5", "preset", "wan"]);
    let both = ["overlay", "set", "orders", "quarantine_after", "7", "preset", "nonsense"];
    assert_eq!(run(&daemon, &both).0, 1, "both or none");
    let shown = json(&done(&daemon, &["overlay", "show", "orders", "--json"]));
    let shown = &shown["configuration"];
    assert_eq!(shown["quarantine_after"], json!(31.5));
    assert_eq!(shown["preset"], json!("wan"));
    assert_eq!(shown["port"], json!(port));
    assert_eq!(shown["symmetric_key"], json!("protected"));
    assert!(!shown.to_string().contains(KEY));
    let table = done(&daemon, &["overlay", "show", "orders"]);
    assert!(!table.contains("undefined") && table.contains("(changed by)"), "{table}");

    let removed = json(&done(&daemon, &["overlay", "remove", "orders", "--json"]));
    assert_eq!(removed["operation"], "remove_overlay");
    assert_eq!(overlays(&daemon), json!(["main"]));
    for command in
        [&["overlay", "show"][..], &["stats"], &["overlay", "remove"], &["subscriptions"], &["key", "list"]]
    {
        let (code, _, told) = run(&daemon, &[command, &["orders"]].concat());
        assert_eq!(code, 1);
        assert!(told.contains("no overlay \"orders\"; there are: main"), "{command:?}: {told}");
    }
}

#[test]
fn all_properties_are_set_at_once_and_what_is_shown_can_be_given_back() {
    let daemon = Daemon::managed("127.0.0.1");
    let (_, text) = orders();
    let added = done(&daemon, &["overlay", "add", "orders", &properties(&daemon, &text), "--json"]);
    assert_eq!(json(&added)["operation"], "add_overlay");
    let shown = || done(&daemon, &["overlay", "show", "orders", "--toml"]);
    let before = shown();
    assert!(before.contains("symmetric_key = \"protected\"") && !before.contains(KEY), "{before}");
    let changed = before.replace("quarantine_after = 20", "quarantine_after = 33");
    assert_ne!(before, changed);
    let answer =
        done(&daemon, &["overlay", "set", "orders", "--file", &properties(&daemon, &changed), "--json"]);
    assert_eq!(json(&answer)["operation"], "reconfigure_overlay");
    assert_eq!(shown(), changed);
    // With the key written out, and no other secret, it makes the overlay anew; what is not shown is not made up.
    done(&daemon, &["overlay", "remove", "orders"]);
    let with_key = changed.replace("symmetric_key = \"protected\"", &format!("symmetric_key = \"{KEY}\""));
    let (code, _, told) = run(&daemon, &["overlay", "add", "orders", &properties(&daemon, &with_key)]);
    assert!(code == 1 && told.lines().any(|line| line.starts_with("secret: reads \"protected\"")), "{told}");
    let whole: String = with_key
        .lines()
        .filter(|line| !line.contains("\"protected\""))
        .flat_map(|line| [line, "\n"])
        .collect();
    done(&daemon, &["overlay", "add", "orders", &properties(&daemon, &whole)]);
    assert_eq!(shown(), changed);
    let (code, _, told) =
        run(&daemon, &["overlay", "set", "orders", "--file", &properties(&daemon, "port = 1")]);
    assert_eq!(code, 1);
    assert!(told.contains("bad_property") && !told.contains("\\n"), "{told}");
    assert!(told.lines().any(|line| line.starts_with("symmetric_key: ")), "a line each: {told}");
}

#[test]
fn secrets_are_taken_from_files_alone() {
    let daemon = Daemon::managed("127.0.0.1");
    done(&daemon, &["overlay", "add", "orders", &properties(&daemon, &orders().1)]);
    for property in ["symmetric_key", "symmetric_keys", "secret", "client_secrets"] {
        let (code, _, told) = run(&daemon, &["overlay", "set", "orders", property, "known-to-all"]);
        assert_eq!(code, 1);
        assert!(
            told.contains("--file FILE` (- for standard input)") && !told.contains("known-to-all"),
            "{told}"
        );
    }
    done(&daemon, &["overlay", "set", "orders", "secret", "--file", &properties(&daemon, "1234567890\n")]);
    done(&daemon, &["overlay", "set", "orders", "secret", "null"]);
}

#[test]
fn an_overlay_made_over_rest_shows_its_members_and_subscriptions() {
    let daemon = Daemon::managed("127.0.0.1");
    let (port, text) = orders();
    let text = format!("{text}member_name = \"orders-1\"\n");
    done(&daemon, &["overlay", "add", "orders", &properties(&daemon, &text)]);
    let members = json(&done(&daemon, &["members", "--overlay", "orders", "--json"]));
    assert_eq!(members["members"][0]["name"], "orders-1");
    assert_eq!(members["members"][0]["address"], json!(format!("127.0.0.1:{port}")));
    let table = done(&daemon, &["members", "--overlay", "orders"]);
    assert!(table.starts_with("NAME") && table.contains("orders-1"), "{table}");
    let (code, _, told) = run(&daemon, &["members", "--overlay", "orders", "--watch"]);
    assert_eq!(code, 1);
    assert!(told.contains("gossiperl events orders"), "{told}");
    let (code, _, told) = run(&daemon, &["members", "--overlay", "nope"]);
    assert_eq!(code, 1);
    assert!(told.contains("there are: main, orders"), "{told}");

    let _subscriber =
        Running::start(daemon.command(&["subscribe", "news", "--name", "reader"]), "subscribed to");
    let subscriptions = json(&done(&daemon, &["subscriptions", "main", "--json"]));
    assert_eq!(subscriptions["subscriptions"][0]["member_name"], "reader");
    let table = done(&daemon, &["subscriptions", "main"]);
    assert!(table.lines().any(|row| row.starts_with("news  reader  host-1")), "{table}");
}

#[test]
fn a_broken_configuration_keeps_nobody_from_a_daemon_that_is_well() {
    let daemon = Daemon::managed("127.0.0.1");
    let mut file = fs::OpenOptions::new().append(true).open(daemon.config()).expect("opened");
    writeln!(file, "port = 5\nthis is = no TOML").expect("written");
    let (code, listed, told) = run(&daemon, &["overlay", "list", "--json"]);
    assert_eq!((code, &json(&listed)["overlays"]), (0, &json!(["main"])), "{told}");
    assert_eq!(told.matches("warning: ").count(), 1, "{told}");
    assert!(told.contains("gossiperl check"), "{told}");
}

#[test]
fn what_is_refused_is_told_with_its_remedy() {
    let daemon = Daemon::managed("127.0.0.1");
    let (_, text) = orders();
    for (wrong, words) in [
        (text.replace("port", "prot"), "did you mean `port`?"),
        (text.replace("symmetric_key", "# symmetric_key"), "`gossiperl keygen` makes one"),
        (text.replace("racks", "# racks"), "no_seeds"),
        ("not = toml = at all".to_owned(), "line 1"),
    ] {
        let (code, _, told) = run(&daemon, &["overlay", "add", "orders", &properties(&daemon, &wrong)]);
        assert_eq!(code, 1, "{wrong}");
        assert!(told.contains(words), "{words}: {told}");
        assert!(!told.contains(KEY), "{told}");
    }
    for (arguments, words) in [
        (&["overlay", "set", "main", "port", "1"][..], "overlay_of_file"),
        (&["overlay", "remove", "main"], "overlay_of_file"),
        (&["overlay", "add", "main", &properties(&daemon, &text)], "overlay_exists"),
        (&["stats", "main", "--window", "2h"], "unknown_window"),
    ] {
        let (code, _, told) = run(&daemon, arguments);
        assert_eq!(code, 1, "{arguments:?}");
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn credentials_come_from_files_and_the_environment() {
    let daemon = Daemon::managed("127.0.0.1");
    let data = daemon.config().with_file_name("data");
    let (url, certificate) = (data.join("rest/address"), data.join("rest/certificate.pem"));
    let url = fs::read_to_string(url).expect("an address");
    let from_elsewhere = |arguments: &[&str], variable: &str, value: &str| {
        let mut command = Command::new(GOSSIPERL);
        command.args(arguments).arg("--url").arg(url.trim()).arg("--cacert").arg(&certificate);
        // A configuration that is not there shows that none is read.
        command.env("GOSSIPERL_CONFIG", "/nowhere").env(variable, value);
        ended(command.output().expect("started"))
    };
    let user = fs::read_to_string(data.join("rest/rest_user")).expect("credentials");
    let token = fs::read_to_string(data.join("overlays/main/token")).expect("a token");
    let listed = from_elsewhere(&["overlay", "list"], "GOSSIPERL_REST_USER", user.trim()).1;
    assert!(listed.contains("main"), "{listed}");
    let (code, printed, _) = from_elsewhere(&["stats", "main"], "GOSSIPERL_TOKEN", token.trim());
    assert_eq!(code, 0);
    assert!(printed.starts_with("overlay main, ") && printed.contains("\nFIGURE"), "{printed}");
    // One that others can read is told of.
    let file = daemon.config().with_file_name("credentials");
    for (mode, warnings) in [(0o600, 0), (0o666, 1)] {
        fs::write(&file, &user).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("set");
        let command = ["overlay", "list", "--credentials", file.to_str().expect("text")];
        let (code, _, told) = from_elsewhere(&command, "GOSSIPERL_TOKEN", "");
        assert_eq!((code, told.matches("chmod 600").count()), (0, warnings), "{told}");
    }
    let (code, _, told) =
        from_elsewhere(&["overlay", "list"], "GOSSIPERL_REST_USER", "rest_user:wrong password");
    assert_eq!(code, 1);
    assert!(told.contains("unauthorized") && !told.contains("wrong password"), "{told}");
}

#[test]
fn a_reload_takes_over_a_changed_file() {
    let daemon = Daemon::managed("127.0.0.1");
    let (port, _) = orders();
    let mut file = fs::OpenOptions::new().append(true).open(daemon.config()).expect("opened");
    write!(
        file,
        "[overlays.second]\nip = \"127.0.0.1\"\nport = {port}\nsymmetric_key = \"{KEY}\"\nracks = {{ default = [] }}\n"
    )
    .expect("written");
    assert!(done(&daemon, &["reload"]).contains("taken over"));
    assert_eq!(json(&done(&daemon, &["reload", "--json"]))["status"], "reconfigured");
    assert_eq!(overlays(&daemon), json!(["main", "second"]));
    let good = fs::read(daemon.config()).expect("read");
    writeln!(file, "port = 5").expect("written");
    let (code, _, told) = run(&daemon, &["reload"]);
    assert_eq!(code, 1);
    assert!(told.contains("duplicate key") && !told.contains(KEY) && !told.contains("\\n"), "{told}");
    daemon.signal(Signal::SIGHUP);
    let log = daemon.wait_for("not taken over");
    assert!(!log.contains(KEY), "{log}");
    fs::write(daemon.config(), good).expect("written");
    assert_eq!(overlays(&daemon), json!(["main", "second"]), "as it was");
}

#[test]
fn a_password_is_hashed_and_never_shown() {
    let mut command = Command::new(GOSSIPERL);
    command.arg("hash-password").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut hashing = command.spawn().expect("started");
    hashing.stdin.take().expect("piped").write_all(b"correct horse\n").expect("read");
    let (code, printed, told) = ended(hashing.wait_with_output().expect("ended"));
    assert_eq!(code, 0, "{told}");
    assert!(printed.starts_with("$argon2id$") && !printed.contains("horse"), "{printed}");
}

#[test]
fn readiness_is_told_and_waited_for_without_credentials() {
    let mut before = Daemon::managed("127.0.0.1");
    assert_eq!(done(&before, &["ready"]), "ok\n");
    assert_eq!(json(&done(&before, &["ready", "--json"]))["status"], "ok");
    before.signal(Signal::SIGTERM);
    before.end();
    let (code, _, told) = run(&before, &["ready"]);
    assert_eq!(code, 1);
    assert!(told.contains("not running"), "{told}");
    let waits = Running::spawn(before.command(&["ready", "--within", "600"]));
    let daemon = Daemon::start(before.config());
    assert_eq!(waits.ended().0, 0);
    // What was drained is alive, and serves nothing.
    done(&daemon, &["drain"]);
    let (code, _, told) = run(&daemon, &["ready"]);
    assert_eq!(code, 1);
    assert!(told.contains("stopping"), "{told}");
}

#[test]
fn draining_waits_for_subscribers_and_then_nothing_is_served() {
    let daemon = Daemon::managed("127.0.0.1");
    let subscriber = Running::start(daemon.command(&["subscribe", "news"]), "subscribed to");
    subscriber.signal(Signal::SIGSTOP);
    for number in 0..20 {
        done(&daemon, &["publish", "news", &format!("message {number}")]);
    }
    let (code, printed, told) = run(&daemon, &["drain", "--within", "1", "--json"]);
    assert_eq!((code, &json(&printed)["end"]), (1, &json!("draining")));
    assert!(told.contains("still waits") && told.contains(" messages in overlay main"), "{told}");
    let (code, _, told) = run(&daemon, &["publish", "news", "too late", "--within", "1"]);
    assert_eq!(code, 1, "nothing new is taken: {told}");
    let (code, _, told) = run(&daemon, &["overlay", "add", "orders", &properties(&daemon, &orders().1)]);
    assert_eq!(code, 1);
    assert!(told.contains("stopping"), "{told}");

    subscriber.signal(Signal::SIGCONT);
    assert!(done(&daemon, &["drain"]).contains("can be stopped"));
    (0..20).for_each(|number| drop(subscriber.out.wait_for(&[&format!("message {number}")])));
    assert_eq!(overlays(&daemon), json!([]));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.code(), 0);
}

#[test]
fn a_drain_that_does_not_complete_is_called_off() {
    let daemon = Daemon::managed("127.0.0.1");
    let subscriber = Running::start(daemon.command(&["subscribe", "news"]), "subscribed to");
    subscriber.signal(Signal::SIGSTOP);
    done(&daemon, &["publish", "news", "before"]);
    let (code, _, told) = run(&daemon, &["drain", "--within", "1"]);
    assert_eq!(code, 1);
    assert!(told.contains("--cancel"), "{told}");
    assert!(done(&daemon, &["drain", "--cancel"]).contains("taken again"));
    done(&daemon, &["publish", "news", "after"]);
    done(&daemon, &["overlay", "add", "orders", &properties(&daemon, &orders().1)]);
    // So is one that is still waited for, also one that would leave in any case.
    for how in [&["--within", "60"][..], &["--within", "20", "--force"]] {
        let waits = Running::spawn(daemon.command(&[&["drain"], how].concat()));
        within_patience("the overlays drain", || {
            (run(&daemon, &["publish", "news", "held", "--within", "1"]).0 == 1).then_some(())
        });
        let taken = json(&done(&daemon, &["drain", "--cancel", "--json"]));
        assert_eq!(taken["operation"], "end_drain");
        let (code, printed, told) = waits.ended();
        assert_eq!((code, printed.as_str()), (1, ""), "{told}");
        assert!(told.contains("called off"), "{told}");
    }
    done(&daemon, &["publish", "news", "at last"]);

    subscriber.signal(Signal::SIGCONT);
    for message in ["before", "after", "at last"] {
        subscriber.out.wait_for(&[message]);
    }
    assert!(done(&daemon, &["drain"]).contains("can be stopped"));
    let (code, _, told) = run(&daemon, &["drain", "--cancel"]);
    assert_eq!(code, 1, "what is left is left");
    assert!(told.contains("stopping"), "{told}");
}

#[test]
fn a_drain_that_is_forced_tells_what_is_lost() {
    let daemon = Daemon::managed("127.0.0.1");
    let subscriber = Running::start(daemon.command(&["subscribe", "news"]), "subscribed to");
    subscriber.signal(Signal::SIGSTOP);
    done(&daemon, &["publish", "news", "lost"]);
    assert_eq!(run(&daemon, &["drain", "--within", "18446744073709551615"]).0, 2);
    let told = done(&daemon, &["drain", "--within", "0", "--force"]);
    assert!(told.contains("in overlay main") && told.contains("can be stopped"), "{told}");
    let log = daemon.wait_for("drained by force");
    // Frames that are no messages wait among them.
    assert!(log.contains("by=\"superuser\"") && log.contains("thrown_away="), "{log}");
}

#[test]
fn a_daemon_that_does_not_run_is_told_of_as_such() {
    // Ended in order, and not.
    for (signal, stays) in [(Signal::SIGTERM, false), (Signal::SIGKILL, true)] {
        let mut daemon = Daemon::managed("127.0.0.1");
        done(&daemon, &["overlay", "list"]);
        daemon.signal(signal);
        daemon.end();
        let address = daemon.config().with_file_name("data").join("rest/address");
        assert_eq!(address.exists(), stays, "{signal}");
        let (code, _, told) = run(&daemon, &["overlay", "list"]);
        assert_eq!(code, 1);
        assert!(told.contains("gossiperld is not running"), "{told}");
    }
}

#[test]
fn a_command_on_the_host_knows_the_daemon_whatever_its_certificate_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    // For a name that this host does not have; and one that was made before lies there still.
    let own = rcgen::generate_simple_self_signed(["gossiperl.example".to_owned()]).expect("made");
    fs::write(file("own.pem"), own.cert.pem()).expect("written");
    fs::write(file("own.key"), own.signing_key.serialize_pem()).expect("written");
    fs::create_dir_all(file("data/rest")).expect("made");
    fs::write(file("data/rest/certificate.pem"), "an old one").expect("written");
    let (certificate, key) = (file("own.pem"), file("own.key"));
    let rest = format!("ip = \"0.0.0.0\"\nssl = {{ certfile = {certificate:?}, keyfile = {key:?} }}");
    let daemon = Daemon::managed_with("127.0.0.1", folder, &rest);
    assert_eq!(overlays(&daemon), json!(["main"]));

    // From elsewhere the cause is told, and the remedy.
    let address = daemon.config().with_file_name("data").join("rest/address");
    let https = fs::read_to_string(address).expect("an address").trim().to_owned();
    let http = https.replace("https:", "http:");
    let certificate = certificate.to_str().expect("a path");
    for (options, words) in [
        (&["--url", &https][..], "--cacert FILE"),
        (&["--url", &https, "--cacert", certificate], "is not for 127.0.0.1"),
        (&["--url", &http], "write https://"),
    ] {
        let (code, _, told) = run(&daemon, &[&["overlay", "list"], options].concat());
        assert_eq!(code, 1);
        assert!(told.contains(words) && !told.contains("does not answer"), "{words}: {told}");
    }
    let other = rcgen::generate_simple_self_signed(["gossiperl.example".to_owned()]).expect("made");
    // What shows another certificate than it was said to is not trusted with anything.
    fs::write(daemon.config().with_file_name("data").join("rest/served.pem"), other.cert.pem())
        .expect("written");
    let (code, _, told) = run(&daemon, &["overlay", "list"]);
    assert_eq!(code, 1);
    assert!(told.contains("another certificate"), "{told}");
}

#[test]
fn keys_are_listed_added_used_and_retired() {
    let daemon = Daemon::managed("127.0.0.1");
    let listed = |daemon: &Daemon| -> Value {
        serde_json::from_str(&done(daemon, &["key", "list", "main", "--json"])).expect("JSON")
    };
    let ids = |report: &Value| -> Vec<String> {
        let keys = report["daemons"][0]["keys"].as_array().expect("keys");
        keys.iter().map(|key| key["id"].as_str().expect("an id").to_owned()).collect()
    };
    let before = ids(&listed(&daemon));
    assert_eq!(before.len(), 1);
    let file = daemon.config().with_file_name("new.key");
    let file = file.to_str().expect("a path");
    done(&daemon, &["key", "add", "main", "--generate", file]);
    let mode = fs::metadata(file).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let both = ids(&listed(&daemon));
    assert_eq!((both.len(), &both[0]), (2, &before[0]));

    let (code, _, told) = run(&daemon, &["key", "retire", "main", &both[0]]);
    assert_eq!(code, 1);
    assert!(told.contains("keys_refused"), "the key that seals stays: {told}");
    done(&daemon, &["key", "use", "main", &both[1]]);
    done(&daemon, &["key", "retire", "main", &both[0]]);
    assert_eq!(ids(&listed(&daemon)), [both[1].clone()]);
    assert!(listed(&daemon)["timestamp"].is_u64());
    let (code, _, told) = run(&daemon, &["key", "retire", "main", "deadbeef"]);
    assert_eq!(code, 1);
    assert!(told.contains("no daemon of overlay main has a key deadbeef"), "{told}");
    let table = done(&daemon, &["key", "list", "main"]);
    assert!(table.contains("host-1") && table.contains(&format!("*{}", both[1])), "{table}");
    done(&daemon, &["publish", "news", "hello", "--key-file", file]);
    // Who watches messages goes along.
    let following = Running::spawn(daemon.command(&["events", "main", "--types", "news,member_in"]));
    following.out.wait_for(&["gossiperld-events-"]);
    let published = within_patience("a delivery", || {
        done(&daemon, &["publish", "news", "hello", "--key-file", file]);
        following.out.lines().into_iter().find(|line| line.contains("delivery"))
    });
    assert!(published.ends_with("news  hello"), "{published}");

    for (arguments, words) in [
        (&["key", "use", "main", "nonsense"][..], "bad_key"),
        (&["key", "use", "main", "00000000"], "keys_refused"),
        (&["key", "add", "main", &properties(&daemon, "short")], "keys_refused"),
    ] {
        let (code, _, told) = run(&daemon, arguments);
        assert_eq!(code, 1, "{arguments:?}");
        assert!(told.contains(words), "{words}: {told}");
    }
}
