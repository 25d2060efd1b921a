//! The queries of the dashboards in `docs/grafana`.

use std::{fs, path::Path};

use serde_json::Value;

/// The queries of a dashboard, those of its panels and of its variables, with the variables set: any overlay, any daemon.
pub(crate) fn queries(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grafana").join(file);
    let text = fs::read_to_string(path).expect("read");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let queries =
        targets.map(|target| target.get("expr").unwrap_or(&target["query"]).as_str().expect("a query"));
    let queries: Vec<String> = queries.map(set).collect();
    assert!(queries.len() > 15, "{file} has {} queries", queries.len());
    queries
}

fn set(query: &str) -> String {
    let mut set = query.to_owned();
    for (variable, value) in [
        ("$overlay", ".*"),
        ("$instance", ".*"),
        ("$member", ".*"),
        ("$timeFilter", "time > now() - 1h"),
        ("$__rate_interval", "1m"),
        ("$__interval", "100ms"),
    ] {
        set = set.replace(variable, value);
    }
    assert!(!set.contains("$_") && !set.contains("$t"), "a variable is not set: {set}");
    set
}
