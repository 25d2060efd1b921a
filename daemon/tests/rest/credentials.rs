//! Nothing without its credentials: every route of the OpenAPI document, tried with whatever is wrong.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU16, Ordering},
};

use reqwest::Method;
use serde_json::Value;

use crate::support::{Answer, As, Daemon, all, soon};

/// What everybody may ask. A route that is neither here nor refuses strangers fails these tests.
const FOR_EVERYBODY: [&str; 3] = ["/healthz", "/readyz", "/openapi.json"];

/// A route of the document.
struct Route {
    method: Method,
    path: String,
    /// The names of the ways to prove who one is.
    security: Vec<String>,
}

async fn routes(daemon: &Daemon) -> Vec<Route> {
    let document = daemon.get("/openapi.json", &As::Nobody).await.expect(200).json();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let security = operation["security"].as_array().cloned().unwrap_or_default();
            let security =
                security.iter().filter_map(Value::as_object).flat_map(|one| one.keys().cloned()).collect();
            routes.push(Route { method, path: path.clone(), security });
        }
    }
    assert!(routes.len() >= 18, "the document is short of routes");
    routes
}

impl Route {
    fn of(&self, overlay: &str) -> String {
        let path = self
            .path
            .replace("{overlay}", overlay)
            .replace("{window}", "total")
            .replace("{property}", "quarantine_after");
        // Whatever other parameters a new route has.
        path.split('/')
            .map(|part| if part.starts_with('{') { "some" } else { part })
            .collect::<Vec<_>>()
            .join("/")
    }

    fn is_host_wide(&self) -> bool {
        !self.path.contains("{overlay}") || self.security.iter().any(|name| name == "rest_user")
    }

    /// Asks from an address that has no failed login yet, so that nobody waits long.
    async fn ask(&self, daemon: &Daemon, overlay: &str, who: &As) -> Answer {
        static NEXT: AtomicU16 = AtomicU16::new(1);
        let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let client = daemon.client_from(Ipv4Addr::new(127, 80, high, low));
        let path = self.of(overlay);
        let asked = daemon.ask_over(&client, self.method.clone(), &path, who, "25");
        soon(&self.path, asked)
            .await
            .unwrap_or_else(|error| panic!("{} {}: {error:?}", self.method, self.path))
    }
}

#[tokio::test]
async fn every_route_with_credentials_says_what_becomes_of_wrong_ones() {
    let daemon = Daemon::start().await;
    let document = daemon.get("/openapi.json", &As::Nobody).await.expect(200).json();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            for status in ["401", "408", "429", "500", "503"] {
                let expected = status != "401" && status != "429" || !FOR_EVERYBODY.contains(&path.as_str());
                let told = operation["responses"].get(status);
                assert_eq!(told.is_some(), expected, "{method} {path} {status}");
                let body = told.map(|told| told["content"]["application/problem+json"]["schema"].clone());
                assert!(body.is_none_or(|body| body.is_object()), "{method} {path} {status}");
            }
        }
    }
}

#[tokio::test]
async fn every_route_is_for_everybody_or_names_its_credentials() {
    let daemon = Daemon::start().await;
    for route in routes(&daemon).await {
        let open = FOR_EVERYBODY.contains(&route.path.as_str());
        assert_eq!(route.security.is_empty(), open, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn no_route_answers_strangers() {
    let daemon = Daemon::start().await;
    for route in routes(&daemon).await.iter().filter(|route| !FOR_EVERYBODY.contains(&route.path.as_str())) {
        let answer = route.ask(&daemon, "main", &As::Nobody).await;
        answer.expect_problem(401, "unauthorized");
        assert!(answer.header("www-authenticate").starts_with("Basic realm=\""), "{answer:?}");
    }
}

#[tokio::test]
async fn no_route_takes_the_credentials_of_another() {
    let daemon = Daemon::start().await;
    let other = daemon.add("other", &daemon.properties()).await;
    let removed = daemon.add("removed", &daemon.properties()).await;
    daemon.ask(Method::DELETE, "/overlays/removed", &removed, "").await.expect(202);
    let As::Token(token) = daemon.token("main").await else { panic!("no token") };
    let As::Token(others) = &other else { panic!("no token") };
    let (As::Basic(rest_user, rest_password), As::Basic(superuser, super_password)) =
        (daemon.rest_user(), daemon.superuser())
    else {
        panic!("no users")
    };
    for route in routes(&daemon).await.iter().filter(|route| !FOR_EVERYBODY.contains(&route.path.as_str())) {
        let mut wrong = vec![
            As::basic("", ""),
            As::token(""),
            As::token("wrong"),
            removed.clone(),
            other.clone(),
            As::basic("main", others),
            As::basic("other", others),
            As::basic("other", &token),
            As::basic(&rest_user, &super_password),
            As::basic(&superuser, &rest_password),
            As::basic(&rest_user, ""),
            As::basic(&rest_user.to_uppercase(), &rest_password),
            As::basic(&format!("{rest_user} "), &rest_password),
            As::basic(&rest_user, &format!("{rest_password}\0")),
            As::basic(&rest_user, &rest_password[..rest_password.len() - 1]),
            As::token(&token[..token.len() - 1]),
            As::token(&format!("{token}0")),
            As::token(&token.to_uppercase()),
        ];
        wrong.extend(match route.security.first().map(String::as_str) {
            Some("rest_user") => vec![daemon.superuser(), As::token(&token), As::basic("main", &token)],
            Some("superuser") => vec![daemon.rest_user(), As::token(&token), As::basic("main", &token)],
            _ => vec![daemon.rest_user(), daemon.superuser()],
        });
        let asked = wrong.iter().map(async |who| (who, route.ask(&daemon, "main", who).await));
        for (who, answer) in all(asked).await {
            assert_eq!(answer.status, 401, "{} {} as {who:?}: {answer:?}", route.method, route.path);
            answer.expect_problem(401, "unauthorized");
        }
    }
    assert_eq!(daemon.overlays().await, ["main", "other"]);
    let shown = daemon.get("/configuration/main", &As::token(&token)).await.expect(200).json();
    assert_eq!(shown["configuration"]["quarantine_after"], 20);
}

#[tokio::test]
async fn right_credentials_of_another_are_told_what_it_takes_and_a_guess_is_told_nothing_of_them() {
    let daemon = Daemon::start().await;
    let (user, root) = (daemon.rest_user(), daemon.superuser());
    for (path, who, is, takes) in [
        ("/tokens", &user, "rest_user", "the superuser's"),
        ("/overlays", &root, "superuser", "the rest_user's"),
        ("/membership/main", &user, "rest_user", "the token of overlay \"main\""),
    ] {
        let detail = daemon.get(path, who).await.expect_problem(401, "unauthorized");
        assert!(detail.contains(is) && detail.contains("and right") && detail.contains(takes), "{detail}");
        for guess in [As::basic(is, "a guess"), As::Nobody] {
            let detail = daemon.get(path, &guess).await.expect_problem(401, "unauthorized");
            assert!(!detail.contains("right") && detail.contains(takes), "{detail}");
        }
    }
}

#[tokio::test]
async fn an_overlay_that_is_none_is_unknown_to_everybody() {
    let daemon = Daemon::start().await;
    let token = daemon.add("removed", &daemon.properties()).await;
    daemon.ask(Method::DELETE, "/overlays/removed", &token, "").await.expect(202);
    for route in routes(&daemon).await.iter().filter(|route| !route.is_host_wide()) {
        for who in [As::Nobody, token.clone(), daemon.rest_user()] {
            let answer = route.ask(&daemon, "removed", &who).await;
            answer.expect_problem(404, "unknown_overlay");
        }
    }
}

#[tokio::test]
async fn a_method_that_a_route_has_not_is_refused_before_credentials_are_looked_at() {
    let daemon = Daemon::start().await;
    let all = routes(&daemon).await;
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
        Method::TRACE,
    ];
    for route in &all {
        for method in &methods {
            if all.iter().any(|other| other.of("main") == route.of("main") && other.method == *method) {
                continue;
            }
            let answer = daemon.ask(method.clone(), &route.of("main"), &As::Nobody, "").await;
            answer.expect_problem(405, "no_method");
            assert!(answer.header("allow").contains(route.method.as_str()), "{answer:?}");
        }
    }
}
