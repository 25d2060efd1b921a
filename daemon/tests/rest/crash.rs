//! kill -9 while overlays are added, changed and removed: what was answered is there, what was not is there as a whole or not at all.

use std::{collections::BTreeMap, fs, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{As, Daemon, all, soon};

/// Kills, unless `GOSSIPERL_REST_CRASHES` says otherwise; 200 take some minutes.
const CRASHES: usize = 12;
/// Overlays, each changed by somebody of its own.
const OVERLAYS: usize = 4;
/// The daemon is killed within so many milliseconds, so that changes are cut at every stage.
const WITHIN: u64 = 250;

/// What is to be found of an overlay.
#[derive(Clone, Debug, Default)]
struct Known {
    /// As it was answered last; `None`: there is none.
    sure: Option<u64>,
    /// A change that was not answered: what it would have made of it.
    maybe: Option<Option<u64>>,
    /// Told when it was added; `None` where that was not answered.
    token: Option<As>,
}

/// Everything is derived from one number, so that halves would show.
fn properties(base: &Value, number: u64) -> Value {
    let mut properties = base.clone();
    properties["quarantine_after"] = json!(number);
    properties["max_quarantined"] = json!(number + 1);
    properties["racks"] = json!({ "default": [], format!("rack-{number}"): ["192.0.2.1"] });
    if number.is_multiple_of(3) {
        // By a restart.
        properties["secret"] = json!(format!("secret {number}"));
    }
    properties
}

fn number_of(shown: &Value) -> u64 {
    let number = shown["quarantine_after"].as_u64().expect("a number");
    assert_eq!(shown["max_quarantined"], json!(number + 1), "by half: {shown}");
    assert_eq!(shown["racks"], properties(&json!({}), number)["racks"], "by half: {shown}");
    number
}

/// Changes one overlay, again and again, until nobody answers.
async fn change(
    daemon: &Daemon,
    overlay: &str,
    base: &Value,
    known: &mut Known,
    next: &mut u64,
    random: &mut ChaCha8Rng,
) {
    let path = format!("/overlays/{overlay}");
    loop {
        *next += 1;
        let body = properties(base, *next).to_string();
        let token = known.token.clone().unwrap_or(As::Nobody);
        let (to, method, who, expected) = match known.sure {
            None => (Some(*next), Method::POST, daemon.rest_user(), 201),
            Some(_) if random.random_ratio(1, 4) => (None, Method::DELETE, token, 202),
            Some(_) => (Some(*next), Method::PUT, token, 200),
        };
        known.maybe = Some(to);
        let Ok(answer) = daemon.try_ask(method.clone(), &path, &who, &body).await else { return };
        let answer = answer.expect(expected);
        *known = match (method, to) {
            (Method::POST, sure) => {
                let token = answer.json()["token"].as_str().map(As::token);
                Known { sure, maybe: None, token }
            }
            (_, None) => Known::default(),
            (_, sure) => Known { sure, maybe: None, token: known.token.take() },
        };
    }
}

/// Holds what there is against what is known, and knows it for sure from then on.
async fn check(daemon: &Daemon, known: &mut BTreeMap<String, Known>) {
    let names = daemon.overlays().await;
    for (overlay, known) in known {
        let there = names.contains(overlay);
        let found = match there {
            false => None,
            true => {
                let token = daemon.token(overlay).await;
                if let (Some(As::Token(before)), As::Token(now)) = (&known.token, &token)
                    && known.sure.is_some()
                {
                    assert_eq!(before, now, "the token of {overlay}");
                }
                let shown = daemon.get(&format!("/configuration/{overlay}"), &token).await.expect(200).json();
                known.token = Some(token);
                Some(number_of(&shown["configuration"]))
            }
        };
        let fits = found == known.sure || known.maybe == Some(found);
        assert!(fits, "{overlay} is {found:?}; known was {known:?}");
        (known.sure, known.maybe) = (found, None);
    }
    // The disk has what the daemon has.
    for entry in fs::read_dir(daemon.data_dir().join("rest/overlays")).into_iter().flatten() {
        let folder = entry.expect("an entry").path();
        let name = folder.file_name().and_then(|name| name.to_str()).expect("text").to_owned();
        assert_eq!(folder.join("overlay.toml").exists(), names.contains(&name), "{name}");
        for file in fs::read_dir(&folder).expect("a folder") {
            let file = file.expect("an entry").path();
            assert!(!file.to_string_lossy().ends_with(".damaged"), "{}", file.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_outlives_every_crash() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("GOSSIPERL_SEED").unwrap_or_else(rand_seed);
    let crashes =
        number("GOSSIPERL_REST_CRASHES").map_or(CRASHES, |count| usize::try_from(count).expect("few"));
    eprintln!("GOSSIPERL_SEED={seed}, {crashes} crashes");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut daemon = Daemon::start().await;
    let mut known: BTreeMap<String, Known> =
        (0..OVERLAYS).map(|number| (format!("overlay-{number}"), Known::default())).collect();
    let bases: Vec<Value> = (0..OVERLAYS).map(|_| daemon.properties()).collect();
    let mut next = vec![20_u64; OVERLAYS];
    let mut changes = 0;
    for crash in 0..crashes {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(daemon.pid()).expect("a pid"));
        let after = Duration::from_millis(random.random_range(0..WITHIN));
        let killed = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("killed");
        });
        let before: u64 = next.iter().sum();
        let changing = known.iter_mut().zip(&bases).zip(&mut next).map(|(((overlay, known), base), next)| {
            let mut own = ChaCha8Rng::seed_from_u64(random.random());
            let daemon = &daemon;
            async move { change(daemon, overlay, base, known, next, &mut own).await }
        });
        soon("the crash", all(changing)).await;
        killed.await.expect("killed");
        changes += next.iter().sum::<u64>() - before;
        daemon.crash();
        daemon.run().await;
        check(&daemon, &mut known).await;
        assert_eq!(daemon.log().count("cannot be read"), 0, "crash {crash}:\n{}", daemon.log().text());
    }
    eprintln!("{changes} changes");
}

fn rand_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
