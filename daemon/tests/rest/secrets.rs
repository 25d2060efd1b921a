//! Nothing secret is told by accident: not in the log at its most talkative, not in refusals, metrics, or the command line.

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::json;

use crate::support::{As, Daemon, KEY, Setup};

#[tokio::test]
async fn nothing_secret_is_told() {
    let rest = "superuser = { username = \"root\", password = \"canary-superuser\" }".to_owned();
    let lines =
        "member_name = \"host-1\"\nsecret = \"canary-secret\"\nclient_secrets = { x = \"canary-client\" }"
            .to_owned();
    let setup = Setup {
        rest,
        top: "log = { level = \"trace\" }".to_owned(),
        overlays: vec![("main".to_owned(), lines)],
        descriptors: None,
    };
    let mut daemon = Daemon::start_with(setup).await;
    let root = As::basic("root", "canary-superuser");
    let mut told = Vec::new();
    let mut properties = daemon.properties();
    properties["symmetric_key"] = json!("canary-new-key");
    properties["symmetric_keys"] = json!(["canary-old-key"]);
    properties["secret"] = json!("canary-new-secret");
    properties["client_secrets"] = json!({ "y": "canary-new-client" });
    let token = daemon.add("fresh", &properties).await;
    let As::Token(token) = token else { panic!("no token") };
    let fresh = As::token(&token);

    // What is refused for another reason, or for the secret itself.
    let post = async |name: &str, body: String| {
        daemon.ask(Method::POST, &format!("/overlays/{name}"), &daemon.rest_user(), &body).await.body
    };
    for (property, value) in [
        ("port", json!(0)),
        ("symmetric_key", json!({ "canary-key-as-a-name": "canary-nested" })),
        ("symmetric_keys", json!(["canary-new-key"])),
        ("symmetric_keys", json!("canary-string")),
        ("secret", json!(["canary-list"])),
        ("secret", json!("canary-long".repeat(1_000))),
        ("client_secrets", json!({ "y": "canary-long".repeat(1_000) })),
        ("client_secrets", json!({ "y": ["canary-list"] })),
        ("racks", json!(7)),
    ] {
        let mut wrong = properties.clone();
        wrong[property] = value;
        told.push(post("second", wrong.to_string()).await);
        let answer = daemon.put("/overlays/fresh", &fresh, &wrong).await;
        told.push(answer.body);
        told.push(daemon.put(&format!("/overlays/fresh/{property}"), &fresh, &wrong[property]).await.body);
    }
    told.push(post("fresh", properties.to_string()).await);
    told.push(post("second", format!("{{\"symmetric_key\": \"canary-broken\" {properties}")).await);
    daemon.put("/overlays/fresh/secret", &fresh, &json!("canary-changed")).await.expect(202);
    for key in ["canary-added-key of this test", "canary-short"] {
        let body = json!({ "key": key }).to_string();
        told.push(daemon.ask(Method::POST, "/keys/fresh", &fresh, &body).await.body);
    }
    told.push(daemon.get("/configuration/fresh", &fresh).await.body);
    told.push(daemon.get("/configuration/main", &daemon_token(&daemon, &root).await).await.body);
    told.push(daemon.get("/metrics", &daemon.rest_user()).await.body);
    told.push(daemon.get("/openapi.json", &As::Nobody).await.body);
    // Guesses may be near the truth, or be the password of something else.
    for who in
        [As::basic("root", "canary-guess"), As::basic("rest_user", "canary-guess"), As::token("canary-guess")]
    {
        told.push(daemon.get("/overlays", &who).await.body);
        told.push(daemon.get("/membership/main", &who).await.body);
    }
    let body =
        json!({ "t": [{ "canary-field": "canary-value", "string": 1 }, { "x": "canary-value", "i32": 2 }] });
    told.push(daemon.ask(Method::POST, "/digest/fresh", &fresh, &body.to_string()).await.body);

    // A file with a mistake in the line of a secret.
    let text = fs::read_to_string(daemon.config()).expect("a file");
    for broken in [
        text.replace("\"canary-secret\"", "\"canary-secret"),
        text.replace("\"canary-secret\"", "[\"canary-secret\"]"),
        text.replace("\"canary-superuser\"", "\"$argon2-canary-hash\""),
        text.replace("\"canary-superuser\"", "\"canary\""),
        text.replace("secret = ", "secrets = "),
    ] {
        fs::write(daemon.config(), broken).expect("written");
        told.push(daemon.ask(Method::POST, "/reconfigure", &root, "").await.body);
    }
    fs::write(daemon.config(), text).expect("written");
    let cmdline = fs::read(format!("/proc/{}/cmdline", daemon.pid())).expect("it runs");
    let environ = fs::read(format!("/proc/{}/environ", daemon.pid())).expect("it runs");
    told.push(String::from_utf8_lossy(&cmdline).into_owned());
    told.push(String::from_utf8_lossy(&environ).into_owned());

    let tokens = daemon.get("/tokens", &root).await.expect(200).json();
    let mains = tokens["tokens"][1]["main"].as_str().expect("a token").to_owned();
    let As::Basic(_, password) = daemon.rest_user() else { panic!("no user") };
    daemon.crash();
    let log = daemon.log().text();
    for line in ["serving", "overlay added", "overlay changed", "key ring changed", "failed login"] {
        assert!(log.contains(line), "{line}: {log}");
    }
    told.push(log);
    let key = fs::read_to_string(daemon.rest_file("key.pem")).expect("a key");
    let key = key.lines().nth(1).expect("base64").to_owned();
    let secrets = [KEY.to_owned(), "canary".to_owned(), token.clone(), mains, password.clone(), key];
    let encoded: Vec<String> = secrets.iter().map(|secret| BASE64_STANDARD.encode(secret)).collect();
    for told in &told {
        // The one name of a property that was made up for this.
        let told = told.replace("canary-key-as-a-name", "").replace("canary-field", "");
        for (secret, encoded) in secrets.iter().zip(&encoded) {
            let at = told.find(secret.as_str()).or_else(|| told.find(encoded.trim_end_matches('=')));
            assert!(at.is_none(), "{secret:?} is told: {:.400}", &told[at.unwrap_or(0).saturating_sub(0)..]);
        }
    }
}

async fn daemon_token(daemon: &Daemon, root: &As) -> As {
    let tokens = daemon.get("/tokens", root).await.expect(200).json();
    As::token(tokens["tokens"][1]["main"].as_str().expect("a token"))
}

#[tokio::test]
async fn what_is_kept_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let daemon = Daemon::start().await;
    daemon.add("fresh", &daemon.properties()).await;
    let mut folders = vec![daemon.data_dir().join("rest"), daemon.data_dir().join("overlays")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        let mode = |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
                files += 1;
            }
        }
    }
    assert!(files >= 7, "{files} files");
    // Passwords are kept hashed; what people read stands in a file of its own, which may be deleted.
    let users = fs::read_to_string(daemon.rest_file("users.json")).expect("users");
    let As::Basic(_, password) = daemon.rest_user() else { panic!("no user") };
    assert!(users.contains("$hmac-sha256$") && !users.contains(&password), "{users}");
}

#[tokio::test]
async fn credentials_whose_files_are_removed_are_made_anew_and_the_old_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let mut daemon = Daemon::start().await;
    daemon.add("fresh", &daemon.properties()).await;
    let (user, root) = (daemon.rest_user(), daemon.superuser());
    let tokens = [daemon.token("main").await, daemon.token("fresh").await];
    daemon.crash();
    let token = |folder: &str| daemon.data_dir().join(folder).join("token");
    let files = [token("overlays/main"), token("rest/overlays/fresh"), daemon.rest_file("users.json")];
    files.iter().for_each(|file| fs::remove_file(file).expect("removed"));
    daemon.run().await;
    for file in files.iter().chain([&daemon.rest_file("rest_user"), &daemon.rest_file("superuser")]) {
        let mode = fs::metadata(file).expect("made anew").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    daemon.get("/overlays", &user).await.expect_problem(401, "unauthorized");
    daemon.get("/tokens", &root).await.expect_problem(401, "unauthorized");
    daemon.get("/overlays", &daemon.rest_user()).await.expect(200);
    for (overlay, old) in ["main", "fresh"].iter().zip(&tokens) {
        let path = format!("/membership/{overlay}");
        daemon.get(&path, old).await.expect_problem(401, "unauthorized");
        daemon.get(&path, &daemon.token(overlay).await).await.expect(200);
    }
}
