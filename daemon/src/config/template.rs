//! `gossiperld --print-config`: every default as commented TOML, ready to be used.

/// The commented file; `symmetric_key` and `secret` are the fresh ones put into it.
pub fn template(symmetric_key: &str, secret: &str) -> String {
    include_str!("default.toml").replace("{symmetric_key}", symmetric_key).replace("{secret}", secret)
}
