//! The configuration: what is accepted, and that every refusal names line, property and what is allowed.

#![allow(clippy::panic, clippy::expect_used, reason = "a test stops at what it did not expect")]

mod files;
mod log;
mod multicast;
mod rest;
mod statistics;

use std::{net::IpAddr, path::Path, time::Duration};

use gossiperl_daemon::config::{Bind, LogFormat, Preset, Seed, Settings, template};

const KEY: &str = "a key of this test, long enough";
/// Protocol 1's, which everybody knows.
const DEFAULT_SECRET: &str = "default-overlay-secret";

/// An overlay with `extra` lines behind the required ones, which take lines 1 to 5.
fn overlay(extra: &str) -> String {
    format!(
        "[overlays.main]\nip = \"127.0.0.2\"\nport = 6666\nsymmetric_key = \"{KEY}\"\nracks = {{ default = [] }}\n{extra}"
    )
}

fn parse(text: &str) -> Result<Settings, Vec<(usize, String, String)>> {
    Settings::parse(text, Path::new("test.toml")).map_err(|error| {
        error.problems.into_iter().map(|problem| (problem.line, problem.property, problem.text)).collect()
    })
}

fn accepted(text: &str) -> Settings {
    parse(text).unwrap_or_else(|problems| panic!("refused: {problems:#?}"))
}

/// Asserts that `text` has exactly one problem, there, whose text has all these words.
fn refused(text: &str, line: usize, property: &str, words: &[&str]) {
    let problems = parse(text).err().unwrap_or_else(|| panic!("accepted: {text}"));
    assert_eq!(problems.len(), 1, "one problem expected: {problems:#?}");
    let (at, named, told) = &problems[0];
    assert_eq!((*at, named.as_str()), (line, property), "{told}");
    words.iter().for_each(|word| assert!(told.contains(word), "{word:?} is missing in: {told}"));
}

#[test]
fn the_least_configuration_has_the_defaults_of_protocol_1() {
    let settings = accepted(&overlay(""));
    let main = settings.overlay("main").expect("the overlay");
    assert_eq!(main.bind, Bind::Ip(IpAddr::from([127, 0, 0, 2])));
    assert_eq!((main.port, main.rack_name.as_str()), (6666, "default"));
    assert_eq!(main.secret.as_slice(), DEFAULT_SECRET.as_bytes());
    assert_eq!(main.quarantine_after, Duration::from_secs(20));
    assert_eq!(main.max_quarantined, Duration::from_secs(10));
    assert_eq!(main.drop_unreachable_after, Duration::from_secs(180));
    assert_eq!((main.redelivery_retry_every, main.redelivery_retry_max), (Duration::from_secs(5), 0));
    assert_eq!((main.incoming_data_buffer_size, main.outgoing_data_buffer_size), (16_777_216, 16_777_216));
    assert_eq!(main.read_packet_count, 5);
    assert!(main.legacy_clients && main.member_name.is_none() && main.ip_hint.is_none());
    assert_eq!(settings.data_dir, Path::new("/var/lib/gossiperl"));
}

#[test]
fn every_property_is_read() {
    let settings = accepted(
        r#"
data_dir = "/tmp/x"
log = { level = "debug", format = "json" }
[overlays.main]
iface = "lo"
port = 7000
ip_hint = "192.0.2.1"
rack_name = "a"
racks = { b = ["192.0.2.9"], a = ["192.0.2.2", "seed.example.com:7001", "_gossiperl._udp.example.com", "[2001:db8::1]:5", "192.0.2.3:9"] }
member_name = "me"
symmetric_key = "first key of the ring"
symmetric_keys = ["second key of the ring"]
secret = "s"
client_secrets = { alice = "in chains" }
legacy_clients = false
preset = "wan"
gossip_round_every = 2.5
quarantine_after = 0.5
max_quarantined = 0.25
drop_unreachable_after = 0
redelivery_retry_every = 1
redelivery_retry_max = 7
incoming_data_buffer_size = 100_000
outgoing_data_buffer_size = 200_000
read_packet_count = 32
limits = { members = 1, clients = 2, subscriptions_per_client = 3, queue_cost = 262_144, queue_frames = 17, receive_window = 131_072, prepared_keys = 9 }
"#,
    );
    assert_eq!((settings.log.level.as_str(), settings.log.format), ("debug", LogFormat::Json));
    let main = settings.overlay("main").expect("the overlay");
    assert_eq!(main.bind, Bind::Interface("lo".to_owned()));
    let seeds: Vec<String> = main.seeds().map(Seed::to_string).collect();
    let own = [
        "192.0.2.2",
        "seed.example.com:7001",
        "_gossiperl._udp.example.com",
        "[2001:db8::1]:5",
        "192.0.2.3:9",
    ];
    assert_eq!(seeds[..5], own, "own rack's seeds come first");
    assert_eq!(seeds[5..], ["192.0.2.9"]);
    assert_eq!(main.preset, Preset::Wan);
    let config = main.overlay_config("me", "192.0.2.1:7000".parse().expect("an address"));
    assert_eq!(config.symmetric_keys.len(), 2);
    assert_eq!(config.symmetric_keys[0].as_slice(), b"first key of the ring");
    assert_eq!(config.client_secrets[0].0, "alice");
    assert_eq!(config.detector.probe_every, Duration::from_millis(2_500));
    assert_eq!(config.detector.probe_timeout, Duration::from_millis(1_500), "keeps its ratio to the period");
    assert_eq!((config.detector.suspicion_mult, config.redelivery_retry_max), (6, 7));
    assert_eq!(config.quarantine_after, Duration::from_millis(500));
    assert_eq!(config.drop_unreachable_after, Duration::ZERO);
    assert!(!config.legacy_clients);
    assert_eq!((config.limits.clients, config.limits.receive_window), (2, 131_072));
    assert_eq!(config.limits.prepared_keys, 9);
}

#[test]
fn the_printed_configuration_parses_back_to_the_defaults() {
    let printed = accepted(&template(KEY, DEFAULT_SECRET));
    let printed = printed.overlay("main").expect("the overlay");
    let least = accepted(&overlay(""));
    let least = least.overlay("main").expect("the overlay");
    let address = "127.0.0.1:6666".parse().expect("an address");
    let (one, other) = (printed.overlay_config("me", address), least.overlay_config("me", address));
    assert_eq!((one.detector, one.limits), (other.detector, other.limits));
    assert_eq!(one.secret, other.secret);
    let times = |config: &gossiperl_overlay::Config| {
        [
            config.quarantine_after,
            config.max_quarantined,
            config.drop_unreachable_after,
            config.redelivery_retry_every,
        ]
    };
    assert_eq!(times(&one), times(&other));
    assert_eq!(
        (printed.port, printed.preset, printed.legacy_clients),
        (6666, least.preset, least.legacy_clients)
    );
    assert_eq!(printed.incoming_data_buffer_size, least.incoming_data_buffer_size);
    assert_eq!(printed.read_packet_count, least.read_packet_count);
}

#[test]
fn the_printed_configuration_names_every_property() {
    let known = parse(&overlay("nonsense = 1")).err().expect("a refusal").remove(0).2;
    let (_, known) = known.split_once("Allowed here: ").expect("the list");
    let printed = template(KEY, DEFAULT_SECRET);
    for property in known.split(", ").filter(|property| !["iface", "limits"].contains(property)) {
        let written =
            printed.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{property} = ")));
        assert!(written, "{property} is missing in the printed configuration");
    }
    // Commented-out properties parse, too.
    let uncommented: Vec<&str> = printed
        .lines()
        .map(|line| {
            let written = |rest: &&str| rest.starts_with('[') || rest.split(' ').nth(1) == Some("=");
            line.strip_prefix("# ").filter(written).unwrap_or(line)
        })
        .collect();
    accepted(&uncommented.join("\n"));
}

#[test]
fn placeholders_of_the_examples_are_refused_wherever_a_secret_stands() {
    const PLACEHOLDER: &str = "REPLACE with a line of: gossiperl keygen";
    let words = &["placeholder", "`gossiperl keygen`"];
    refused(&overlay("").replace(KEY, PLACEHOLDER), 4, "overlays.main.symmetric_key", words);
    for (line, property) in [
        (format!("secret = \"{PLACEHOLDER}\""), "secret"),
        (format!("symmetric_keys = [\"{PLACEHOLDER}\"]"), "symmetric_keys"),
        (format!("client_secrets = {{ alice = \"{PLACEHOLDER}\" }}"), "client_secrets"),
    ] {
        refused(&overlay(&line), 6, &format!("overlays.main.{property}"), words);
    }
    let user = format!("rest_user = {{ username = \"anna\", password = \"{PLACEHOLDER}\" }}");
    refused(&format!("overlays = {{}}\n[rest]\n{user}"), 3, "rest.rest_user.password", words);
}

#[test]
fn the_secret_that_everybody_knows_is_told_of_beyond_loopback() {
    let notes = |ip: &str, line: &str| {
        let settings = accepted(&overlay(line).replace("127.0.0.2", ip));
        settings.notes.iter().filter(|note| note.property == "overlays.main.secret").count()
    };
    let written = format!("secret = \"{DEFAULT_SECRET}\"");
    assert_eq!((notes("0.0.0.0", ""), notes("192.0.2.1", &written)), (1, 1));
    assert_eq!((notes("127.0.0.2", ""), notes("0.0.0.0", "secret = \"our own\"")), (0, 0));
}

#[test]
fn unknown_properties_are_refused_with_the_nearest_name() {
    refused(
        &overlay("quarantine_afer = 3"),
        6,
        "overlays.main.quarantine_afer",
        &["did you mean `quarantine_after`?"],
    );
    refused(&overlay("xyz = 3"), 6, "overlays.main.xyz", &["unknown property", "Allowed here:", "rack_name"]);
    refused("datadir = \"x\"\noverlays = {}", 1, "datadir", &["did you mean `data_dir`?"]);
    refused(&overlay("[overlays.main.limits]\nclient = 4"), 7, "overlays.main.limits.client", &["`clients`"]);
    refused(&overlay("[log]\nformatt = \"text\""), 7, "log.formatt", &["`format`"]);
}

#[test]
fn missing_properties_are_refused_with_what_to_write() {
    refused(
        "[overlays.main]\nip = \"127.0.0.1\"\nport = 1\nracks = { default = [] }",
        1,
        "overlays.main.symmetric_key",
        &["missing", "keygen"],
    );
    refused(
        "[overlays.main]\nip = \"127.0.0.1\"\nsymmetric_key = \"0123456789abcdef\"\nracks = { default = [] }",
        1,
        "overlays.main.port",
        &["missing"],
    );
    refused(
        "[overlays.main]\nport = 1\nsymmetric_key = \"0123456789abcdef\"\nracks = { default = [] }",
        1,
        "overlays.main.ip",
        &["missing", "0.0.0.0", "iface"],
    );
    refused(
        "[overlays.main]\nport = 1\nip = \"127.0.0.1\"\nsymmetric_key = \"0123456789abcdef\"",
        1,
        "overlays.main.racks",
        &["missing", "default"],
    );
}

#[test]
fn wrong_values_are_refused_with_what_is_allowed() {
    let wrong: &[(&str, &str, &[&str])] = &[
        ("ip_hint = \"a.b.c\"", "ip_hint", &["a.b.c", "IP address"]),
        ("ip_hint = \"0.0.0.0\"", "ip_hint", &["other hosts can send to"]),
        ("ip_hint = 3", "ip_hint", &["a whole number", "IP address"]),
        ("rack_name = \"other\"", "rack_name", &["no seeds for our rack", "racks has default"]),
        ("rack_name = \"\"", "rack_name", &["empty", "1 to 255"]),
        ("member_name = \"\"", "member_name", &["1 to 255 bytes"]),
        ("member_name = \"a\\u001b[2J\"", "member_name", &["control characters"]),
        ("secret = \"\"", "secret", &["empty"]),
        ("secret = 5", "secret", &["a string"]),
        ("symmetric_keys = \"x\"", "symmetric_keys", &["a list"]),
        (
            "symmetric_keys = [\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]",
            "symmetric_keys",
            &["at most 7"],
        ),
        ("symmetric_keys = [\"abc\", 3]", "symmetric_keys", &["key 2"]),
        ("symmetric_keys = [\"abc\", \"abc\"]", "symmetric_keys", &["twice"]),
        ("client_secrets = { alice = 3 }", "client_secrets", &["alice", "a string"]),
        ("client_secrets = [1]", "client_secrets", &["a table"]),
        ("legacy_clients = \"yes\"", "legacy_clients", &["true or false"]),
        ("preset = \"wam\"", "preset", &["\"lan\", \"wan\", \"local\"", "did you mean"]),
        ("gossip_round_every = 0", "gossip_round_every", &["seconds from 0.01"]),
        ("quarantine_after = -1", "quarantine_after", &["-1", "seconds from"]),
        ("quarantine_after = \"20s\"", "quarantine_after", &["a string", "seconds"]),
        ("max_quarantined = nan", "max_quarantined", &["nan", "seconds"]),
        ("drop_unreachable_after = inf", "drop_unreachable_after", &["0 for never"]),
        ("redelivery_retry_every = 1e300", "redelivery_retry_every", &["seconds from"]),
        ("redelivery_retry_max = -5", "redelivery_retry_max", &["0 to 4294967295"]),
        ("redelivery_retry_max = 1.5", "redelivery_retry_max", &["whole number"]),
        ("drop_stale_subscriptions_after = 0", "drop_stale_subscriptions_after", &["seconds"]),
        ("incoming_data_buffer_size = 1", "incoming_data_buffer_size", &["65536"]),
        ("outgoing_data_buffer_size = 99999999999999999999999", "outgoing_data_buffer_size", &["1073741824"]),
        ("read_packet_count = 33", "read_packet_count", &["1 to 32"]),
        ("limits = 3", "limits", &["a table"]),
        ("limits = { clients = 0 }", "limits.clients", &["1 to 65535"]),
        ("iface = \"eth0\"", "iface", &["only one"]),
    ];
    for (line, property, words) in wrong {
        refused(&overlay(line), 6, &format!("overlays.main.{property}"), words);
    }
    refused("data_dir = 5\noverlays = {}", 1, "data_dir", &["a string"]);
    refused("overlays = 5", 1, "overlays", &["[overlays.NAME]"]);
    refused("[overlays]\nmain = 5", 2, "overlays.main", &["a table"]);
}

#[test]
fn wrong_ports_seeds_and_addresses_are_refused() {
    let with = |from: &str, to: &str| overlay("").replace(from, to);
    refused(&with("port = 6666", "port = 99999"), 3, "overlays.main.port", &["99999", "1 to 65535"]);
    refused(&with("port = 6666", "port = -5"), 3, "overlays.main.port", &["-5", "1 to 65535"]);
    refused(&with("127.0.0.2", "239.1.1.1"), 2, "overlays.main.ip", &["multicast"]);
    for seed in [
        "1.2.3",
        "a b",
        "host:0",
        "host:70000",
        "host:",
        "",
        "-x",
        "_gossiperl._udp.example.com:1",
        "1.2.3.4:0",
    ] {
        refused(
            &with("[]", &format!("[\"{seed}\"]")),
            5,
            "overlays.main.racks.default",
            &["host name", "SRV"],
        );
    }
    refused(&with("[]", "[5]"), 5, "overlays.main.racks.default", &["a string"]);
    refused(&with("[]", "\"host\""), 5, "overlays.main.racks.default", &["a list of seeds"]);
    refused(&with("{ default = [] }", "[]"), 5, "overlays.main.racks", &["a table of racks"]);
    refused(&with("{ default = [] }", "{}"), 5, "overlays.main.racks", &["no seeds for our rack"]);
}

#[test]
fn names_of_overlays_that_cannot_be_folders_are_refused() {
    for name in ["\"\"", "\"a/b\"", "\"..\"", "\"ä\"", "\".hidden\""] {
        let text = overlay("").replace("overlays.main", &format!("overlays.{name}"));
        let problems = parse(&text).err().unwrap_or_else(|| panic!("{name} accepted"));
        assert!(problems[0].2.contains("an overlay's name has 1 to 64 letters"), "{problems:?}");
    }
}

#[test]
fn overlays_that_need_the_same_address_are_refused() {
    let two = |one: &str, other: &str, port: u16| {
        overlay("").replace("127.0.0.2", one)
            + &overlay("")
                .replace("127.0.0.2", other)
                .replace("main", "other")
                .replace("6666", &port.to_string())
    };
    refused(&two("127.0.0.2", "127.0.0.2", 6666), 6, "overlays.other.port", &["6666", "\"main\""]);
    refused(&two("0.0.0.0", "127.0.0.2", 6666), 6, "overlays.other.port", &["\"main\""]);
    refused(&two("192.0.2.1", "192.0.2.2", 6666), 6, "overlays.other.port", &["\"main\""]);
    accepted(&two("127.0.0.2", "127.0.0.3", 6666));
    accepted(&two("192.0.2.1", "192.0.2.1", 6667));
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_lines() {
    let text = overlay("secrte = \"x\"\npreset = 4\nquarantine_after = -1").replace("6666", "0");
    let lines: Vec<usize> = parse(&text).err().expect("a refusal").iter().map(|problem| problem.0).collect();
    assert_eq!(lines, [3, 6, 7, 8]);
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    refused("data_dir = \"x\"\n[overlays\n", 2, "", &["no TOML"]);
    let twice = parse(&overlay("port = 5")).err().expect("a refusal");
    assert!(twice.iter().any(|problem| problem.0 == 6 && problem.2.contains("duplicate")), "{twice:?}");
}

#[test]
fn no_error_shows_a_secret() {
    let hidden = "hunter2-hunter2-hunter2";
    for text in [
        overlay(&format!("secret = \"{hidden}\"\nsecret = \"{hidden}\"")),
        overlay(&format!("secret = \"{hidden}")),
        overlay(&format!("secret = {hidden}")),
        overlay(&format!("secret = [\"{hidden}\"]")),
        overlay(&format!("symmetric_keys = [\"{hidden}\", \"{hidden}\"]")),
        overlay(&format!("symmetric_keys = {{ a = \"{hidden}\" }}")),
        overlay(&format!("client_secrets = {{ a = [\"{hidden}\"] }}")),
        overlay("nonsense = 1").replace(KEY, hidden),
    ] {
        let error = Settings::parse(&text, Path::new("test.toml")).err().expect("a refusal");
        for told in [error.to_string(), format!("{error:?}")] {
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}

#[test]
fn weak_keys_and_useless_properties_are_noted_not_refused() {
    let text = overlay("drop_stale_subscriptions_after = 5").replace(KEY, "short");
    let notes = accepted(&text).notes;
    let noted: Vec<&str> = notes.iter().map(|note| note.property.as_str()).collect();
    let expected = ["symmetric_key", "racks", "drop_stale_subscriptions_after"];
    assert_eq!(noted, expected.map(|property| format!("overlays.main.{property}")));
}

#[test]
fn the_whole_error_names_file_line_and_property() {
    let error = Settings::parse(&overlay("prot = 5"), Path::new("dir/test.toml")).err().expect("a refusal");
    assert!(
        error.to_string().starts_with("dir/test.toml:6: overlays.main.prot: unknown property"),
        "{error}"
    );
}
