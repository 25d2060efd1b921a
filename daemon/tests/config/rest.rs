//! The table `[rest]`.

use std::net::Ipv4Addr;

use gossiperl_daemon::config::{Account, Ssl, UserPassword};

use crate::{accepted, refused};

const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$y+lfm7aLvzXLOYVp/qpMiA$ZL6zBH4E9wrQoYGKIqyZ8WC1vksFrgRc3EQz0dh2q/Y";

#[test]
fn without_the_table_it_listens_on_loopback_with_all_made() {
    let rest = accepted("overlays = {}").rest.expect("on");
    assert_eq!(rest.address, (Ipv4Addr::LOCALHOST, 8_080).into());
    assert!(matches!((rest.rest_user, rest.superuser), (Account::Made, Account::Made)));
    assert_eq!(rest.ssl, Ssl::Made);
    assert!(accepted("rest = false\noverlays = {}").rest.is_none());
}

#[test]
fn users_have_passwords_or_hashes_or_are_switched_off() {
    let text = format!(
        "overlays = {{}}\n[rest]\nport = 0\nrest_user = {{ username = \"anna\", password = \"a password\" }}\n\
         superuser = {{ username = \"bert\", password = \"{HASH}\" }}\nssl = false"
    );
    let rest = accepted(&text).rest.expect("on");
    assert_eq!(rest.address.port(), 0);
    let (Account::Given(user), Account::Given(superuser)) = (rest.rest_user, rest.superuser) else {
        panic!("both are given");
    };
    assert_eq!((user.username.as_str(), superuser.username.as_str()), ("anna", "bert"));
    assert!(
        matches!(user.password, UserPassword::Plain(_))
            && matches!(superuser.password, UserPassword::Hash(_))
    );
    assert_eq!(rest.ssl, Ssl::Off);
    let rest = accepted("overlays = {}\n[rest]\nsuperuser = false").rest.expect("on");
    assert!(matches!(rest.superuser, Account::Off));
}

#[test]
fn what_is_wrong_is_told_and_no_password_shown() {
    let user = |password: &str| format!("rest_user = {{ username = \"anna\", password = \"{password}\" }}");
    for (line, property, words) in [
        ("ssl = false\nip = \"192.0.2.1\"".to_owned(), "rest.ssl", "loopback"),
        ("ssl = true".to_owned(), "rest.ssl", "certfile"),
        ("ssl = { certfile = \"x\" }".to_owned(), "rest.ssl.keyfile", "missing"),
        ("port = 65536".to_owned(), "rest.port", "0 to 65535"),
        (user("secret7"), "rest.rest_user.password", "8 to 1024"),
        (user("$argon2id$secret"), "rest.rest_user.password", "hash-password"),
        (
            "rest_user = { username = \"a:b\", password = \"a password\" }".to_owned(),
            "rest.rest_user.username",
            "colon",
        ),
        ("rest_user = true".to_owned(), "rest.rest_user", "false for nobody"),
        (
            format!(
                "{}\nsuperuser = {{ username = \"anna\", password = \"another one\" }}",
                user("a password")
            ),
            "rest.superuser",
            "different",
        ),
        ("prot = 1".to_owned(), "rest.prot", "did you mean `port`?"),
    ] {
        let text = format!("overlays = {{}}\n[rest]\n{line}");
        let at = if line.starts_with("ssl = { cert") || !line.contains("superuser") { 3 } else { 4 };
        refused(&text, at, property, &[words]);
    }
    refused("rest = true\noverlays = {}", 1, "rest", &["false"]);
}
