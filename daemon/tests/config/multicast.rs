//! `multicast`: what is accepted, what the rest of the overlay's table then means, and what is refused.

use std::net::{IpAddr, SocketAddr};

use gossiperl_daemon::config::{Bind, Multicast, OverlaySettings, template};

use crate::{DEFAULT_SECRET, KEY, accepted, refused};

/// An overlay whose lines 4 and on are these.
fn table(lines: &str) -> String {
    format!("[overlays.main]\nport = 6666\nsymmetric_key = \"{KEY}\"\n{lines}")
}

fn main_of(lines: &str) -> OverlaySettings {
    accepted(&table(lines)).overlay("main").expect("the overlay").clone()
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn the_group_alone_is_enough_and_has_the_defaults_of_protocol_1() {
    let main = main_of("multicast = { ip = \"239.192.66.66\" }");
    let group = Multicast { ip: ip("239.192.66.66"), ttl: 4, local_iface_address: None, local_port: 6667 };
    assert_eq!(main.multicast, Some(group));
    assert_eq!(main.bind, Bind::Ip(ip("0.0.0.0")));
    assert!(main.racks.is_empty());
    let config = main.overlay_config("me", SocketAddr::new(ip("192.0.2.1"), 6666));
    assert_eq!(config.group, Some(SocketAddr::new(ip("239.192.66.66"), 6666)));
    assert_eq!(config.client_port, Some(6667));
    assert_eq!(main.client_address(), SocketAddr::new(ip("127.0.0.1"), 6667));
    assert_eq!(main_of("multicast = { ip = \"ff05::6666\" }").bind, Bind::Ip(ip("::")));
}

#[test]
fn every_property_of_it_is_read() {
    let main = main_of(
        "ip = \"192.0.2.1\"\nmulticast = { ip = \"239.0.0.1\", ttl = 255, local_iface_address = \"192.0.2.7\", local_port = 7000 }",
    );
    let group = Multicast {
        ip: ip("239.0.0.1"),
        ttl: 255,
        local_iface_address: Some(ip("192.0.2.7")),
        local_port: 7000,
    };
    assert_eq!((main.multicast, main.bind), (Some(group), Bind::Ip(ip("192.0.2.1"))));
    let main = main_of(
        "iface = \"eth0\"\nmulticast = { ip = \"239.0.0.1\", local_iface_address = \"0.0.0.0\", local_port = 0 }",
    );
    let group = main.multicast.expect("a group");
    assert_eq!((group.local_iface_address, group.local_port), (None, 6667));
    assert_eq!(main.bind, Bind::Interface("eth0".to_owned()));
}

#[test]
fn files_of_the_old_daemon_which_name_the_group_as_ip_mean_all_addresses() {
    let main = main_of("ip = \"239.0.0.1\"\nmulticast = { ip = \"239.0.0.1\" }");
    assert_eq!(main.bind, Bind::Ip(ip("0.0.0.0")));
}

#[test]
fn seeds_beside_a_group_need_not_be_of_our_rack() {
    let main =
        main_of("rack_name = \"b\"\nracks = { a = [\"192.0.2.2\"] }\nmulticast = { ip = \"239.0.0.1\" }");
    assert_eq!(main.seeds().count(), 1);
    let settings = accepted(&table(
        "racks = { default = [] }\nmulticast = { ip = \"239.0.0.1\" }\nsecret = \"our own\"",
    ));
    assert!(settings.notes.is_empty(), "{:?}", settings.notes);
}

#[test]
fn what_surprises_is_said() {
    for (group, property) in [("ip = \"239.0.0.1\", ttl = 0", "ttl"), ("ip = \"224.0.0.7\"", "ip")] {
        let settings = accepted(&table(&format!("multicast = {{ {group} }}\nsecret = \"our own\"")));
        assert_eq!(settings.notes[0].property, format!("overlays.main.multicast.{property}"));
        assert_eq!(settings.notes[0].line, 4);
    }
}

#[test]
fn wrong_values_are_refused_with_what_is_allowed() {
    let wrong: &[(&str, &str, &[&str])] = &[
        ("multicast = true", "multicast", &["a table", "239."]),
        ("multicast = {}", "multicast.ip", &["missing", "same on every host"]),
        ("multicast = { ip = \"192.0.2.1\" }", "multicast.ip", &["no multicast address", "224.0.0.0 to 239"]),
        ("multicast = { ip = \"239.1\" }", "multicast.ip", &["IP address"]),
        ("multicast = { ip = \"ff02::1\" }", "multicast.ip", &["one link", "ff05::"]),
        ("multicast = { ip = \"239.0.0.1\", ttl = 256 }", "multicast.ttl", &["0 to 255"]),
        ("multicast = { ip = \"239.0.0.1\", ttl = -1 }", "multicast.ttl", &["0 to 255"]),
        (
            "multicast = { ip = \"239.0.0.1\", local_iface_address = \"239.0.0.2\" }",
            "multicast.local_iface_address",
            &["multicast address"],
        ),
        (
            "multicast = { ip = \"239.0.0.1\", local_iface_address = \"::1\" }",
            "multicast.local_iface_address",
            &["different IP versions"],
        ),
        (
            "multicast = { ip = \"239.0.0.1\", local_port = 6666 }",
            "multicast.local_port",
            &["the overlay's port"],
        ),
        ("multicast = { ip = \"239.0.0.1\", local_port = 65536 }", "multicast.local_port", &["0 to 65535"]),
        (
            "multicast = { ip = \"239.0.0.1\", local_prot = 1 }",
            "multicast.local_prot",
            &["mean `local_port`"],
        ),
        ("multicast = { ip = \"239.0.0.1\" }\nrack = 1", "rack", &["unknown"]),
    ];
    for (lines, property, words) in wrong {
        let line = 3 + lines.lines().count();
        refused(&table(lines), line, &format!("overlays.main.{property}"), words);
    }
    let binds: &[(&str, &[&str])] = &[
        ("127.0.0.2", &["loopback", "leave ip out"]),
        ("::", &["different IP versions"]),
        ("239.0.0.9", &["multicast.ip"]),
    ];
    for (bind, words) in binds {
        let lines = format!("ip = \"{bind}\"\nmulticast = {{ ip = \"239.0.0.1\" }}");
        refused(&table(&lines), 4, "overlays.main.ip", words);
    }
    let last = table("multicast = { ip = \"239.0.0.1\" }").replace("6666", "65535");
    refused(&last, 4, "overlays.main.multicast.local_port", &["write the port"]);
}

#[test]
fn ports_of_clients_do_not_collide_with_those_of_other_overlays() {
    let two = |second: &str| {
        let first = table("ip = \"192.0.2.1\"\nmulticast = { ip = \"239.0.0.1\" }\n");
        format!("{first}[overlays.other]\nsymmetric_key = \"{KEY}\"\n{second}\n")
    };
    let other = "ip = \"192.0.2.2\"\nport = 6666\nmulticast = { ip = \"239.0.0.1\" }";
    refused(&two(other), 6, "overlays.other.port", &["local_port 6667", "\"main\""]);
    let plain = "ip = \"192.0.2.1\"\nport = 6667\nracks = { default = [] }";
    refused(&two(plain), 6, "overlays.other.port", &["6667", "\"main\""]);
    accepted(&two("ip = \"192.0.2.2\"\nport = 6666\nmulticast = { ip = \"239.0.0.1\", local_port = 6670 }"));
}

#[test]
fn the_printed_configuration_shows_it_and_what_it_shows_is_accepted() {
    let printed = template(KEY, DEFAULT_SECRET).replace("# multicast = {", "multicast = {");
    let group = accepted(&printed).overlay("main").expect("the overlay").multicast.expect("a group");
    let least = main_of("multicast = { ip = \"239.192.66.66\" }").multicast.expect("a group");
    assert_eq!(group, least, "the defaults are written out");
}
