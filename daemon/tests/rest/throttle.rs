//! Failed logins wait, and who is right does not.

use std::{net::Ipv4Addr, sync::Arc};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use reqwest::Method;
use tokio::{sync::mpsc, task::JoinSet};

use crate::support::{As, Daemon, Setup, soon};

/// More at a time than may wait.
const MANY: usize = 64;
/// Those that may.
const WAITING: usize = 16;

/// How many were turned away. Over plain connections, so that many are there at a time on a slow machine too.
async fn guess_beside_who_is_right(
    many: usize,
    wrong: As,
    path: &'static str,
    right: impl AsyncFn(&Daemon) -> As,
) -> usize {
    let daemon = Arc::new(plain().await);
    let right = right(&daemon).await;
    let (told, mut answered) = mpsc::unbounded_channel();
    let mut guesses = JoinSet::new();
    let client = daemon.client_from(Ipv4Addr::LOCALHOST);
    for _ in 0..many {
        let (daemon, client, wrong, told) = (daemon.clone(), client.clone(), wrong.clone(), told.clone());
        guesses.spawn(async move {
            let answer = daemon.ask_over(&client, Method::GET, path, &wrong, "").await.expect("an answer");
            told.send(answer).expect("heard");
        });
    }
    drop(told);
    let mut turned_away = 0;
    let mut refused = 0;
    while let Some(answer) = soon("an answer", answered.recv()).await {
        // While others wait for theirs.
        daemon.get(path, &right).await.expect(200);
        match answer.status {
            429 => {
                answer.expect_problem(429, "too_many_attempts");
                assert!(
                    answer.header("retry-after").parse::<u64>().is_ok_and(|after| after >= 1),
                    "{answer:?}"
                );
                turned_away += 1;
            }
            _ => {
                answer.expect_problem(401, "unauthorized");
                refused += 1;
            }
        }
    }
    assert_eq!(turned_away + refused, many);
    // Nobody waits any more: a guess waits again rather than being turned away.
    daemon.get(path, &wrong).await.expect_problem(401, "unauthorized");
    daemon.get(path, &right).await.expect(200);
    turned_away
}

#[tokio::test]
async fn many_wrong_tokens_at_a_time_are_turned_away() {
    let token = async |daemon: &Daemon| daemon.token("main").await;
    let turned_away = guess_beside_who_is_right(MANY, As::token("a guess"), "/membership/main", token).await;
    assert!(turned_away > 0 && turned_away <= MANY - WAITING, "{turned_away}");
}

#[tokio::test]
async fn who_has_the_password_is_answered_beside_who_guesses_it() {
    // Who has not shown it since the start, and has as many neighbours who guess as it takes for turning away.
    let user = async |daemon: &Daemon| daemon.rest_user();
    let turned_away =
        guess_beside_who_is_right(MANY, As::basic("rest_user", "a guess"), "/overlays", user).await;
    assert!(turned_away > 0, "nobody was turned away");
}

async fn plain() -> Daemon {
    Daemon::start_with(Setup { rest: "ssl = false".to_owned(), ..Setup::default() }).await
}

#[tokio::test]
async fn another_address_does_not_wait_for_who_guesses() {
    let daemon = plain().await;
    let guesser = daemon.client_from(Ipv4Addr::new(127, 81, 0, 1));
    let wrong = As::token("a guess");
    let mut guesses = JoinSet::new();
    let daemon = Arc::new(daemon);
    for _ in 0..MANY {
        let (daemon, guesser, wrong) = (daemon.clone(), guesser.clone(), wrong.clone());
        guesses.spawn(async move {
            daemon
                .ask_over(&guesser, Method::GET, "/membership/main", &wrong, "")
                .await
                .map(|answer| answer.status)
        });
    }
    while soon("an answer", guesses.join_next()).await.expect("some").expect("no panic").expect("an answer")
        != 429
    {}
    let other = daemon.client_from(Ipv4Addr::new(127, 81, 0, 2));
    let answer =
        daemon.ask_over(&other, Method::GET, "/membership/main", &wrong, "").await.expect("an answer");
    answer.expect_problem(401, "unauthorized");
}

/// A hash of this password that takes long to make, in little memory.
fn slow_hash(password: &str) -> String {
    argon2(password, 64, 20_000)
}

fn argon2(password: &str, kib: u32, passes: u32) -> String {
    let params = Params::new(kib, passes, 1, None).expect("good ones");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password(password.as_bytes()).expect("hashed").to_string()
}

/// A daemon whose `rest_user` has such a hash, and what is answered to many guesses from one address, as it comes.
async fn guessed_at(password: &str) -> (Arc<Daemon>, mpsc::UnboundedReceiver<u16>, JoinSet<()>) {
    let user =
        format!("ssl = false\nrest_user = {{ username = \"one\", password = \"{}\" }}", slow_hash(password));
    let daemon = Arc::new(Daemon::start_with(Setup { rest: user, ..Setup::default() }).await);
    let (told, answered) = mpsc::unbounded_channel();
    let mut guesses = JoinSet::new();
    let client = daemon.client_from(Ipv4Addr::new(127, 81, 1, 1));
    for _ in 0..MANY {
        let (daemon, client, told) = (daemon.clone(), client.clone(), told.clone());
        guesses.spawn(async move {
            let wrong = As::basic("one", "a guess");
            if let Ok(answer) = daemon.ask_over(&client, Method::GET, "/overlays", &wrong, "").await {
                let _ = told.send(answer.status);
            }
        });
    }
    (daemon, answered, guesses)
}

#[tokio::test]
async fn too_many_guesses_are_turned_away_before_any_is_hashed() {
    let (_daemon, mut answered, _guesses) = guessed_at("the right one").await;
    assert_eq!(soon("an answer", answered.recv()).await, Some(429));
}

#[tokio::test]
async fn who_has_the_password_does_not_wait_for_guesses_from_elsewhere() {
    let (daemon, mut answered, _guesses) = guessed_at("the right one").await;
    // As many as may wait are there from now on.
    while soon("an answer", answered.recv()).await != Some(429) {}
    let other = daemon.client_from(Ipv4Addr::new(127, 81, 1, 2));
    let right = As::basic("one", "the right one");
    let answer = daemon.ask_over(&other, Method::GET, "/overlays", &right, "").await;
    answer.expect("an answer").expect(200);
    let mut hashed = 0;
    while let Ok(status) = answered.try_recv() {
        hashed += usize::from(status == 401);
    }
    assert!(hashed < WAITING / 2, "{hashed} guesses came first");
}

/// glibc keeps what is freed for the thread that had it, unless it is large.
#[tokio::test]
async fn guesses_leave_no_memory_behind() {
    let hash = argon2("the right one", 7 << 10, 1);
    let user = format!("ssl = false\nrest_user = {{ username = \"one\", password = \"{hash}\" }}");
    let daemon = Daemon::start_with(Setup { rest: user, ..Setup::default() }).await;
    let wrong = As::basic("one", "a guess");
    let held = async |addresses: std::ops::Range<u8>| {
        for last in addresses {
            let client = daemon.client_from(Ipv4Addr::new(127, 81, 2, last));
            let answer = daemon.ask_over(&client, Method::GET, "/overlays", &wrong, "").await;
            answer.expect("an answer").expect_problem(401, "unauthorized");
        }
        daemon.resident()
    };
    let before = held(1..3).await;
    let after = held(3..11).await;
    assert!(after < before + (4 << 20), "{before} bytes before, {after} after");
}
