//! Properties as they are given to `overlay add` and `overlay set`: JSON or TOML, secrets never on the command line.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use crate::{cli::management::read_text, config::SECRETS};

/// What is to become of an overlay.
pub(super) enum Change {
    /// One property has this value.
    One(String, Value),
    /// Several properties do, and the others stay.
    Several(Map<String, Value>),
    /// All properties are these.
    All(Value),
}

impl Change {
    /// Of properties and their values, one after the other, as they stand on the command line; of a file the last value, or without a property everything.
    pub(super) fn read(overlay: &str, words: &[String], file: Option<&Path>) -> anyhow::Result<Self> {
        match (words, file) {
            ([], Some(file)) => Ok(Change::All(read(file)?)),
            ([property], Some(file)) => {
                let text = read_text(file)?;
                Ok(Change::One(property.clone(), one(property, text.trim_end_matches(['\r', '\n']))))
            }
            ([property, value], None) => Ok(Change::One(property.clone(), shown(overlay, property, value)?)),
            (words, None) => {
                let mut several = Map::new();
                for pair in words.chunks(2) {
                    let [property, value] = pair else {
                        bail!("the last property has no value: give PROPERTY VALUE PROPERTY VALUE …")
                    };
                    several.insert(property.clone(), shown(overlay, property, value)?);
                }
                Ok(Change::Several(several))
            }
            (_, Some(_)) => bail!("a file holds one property's value, or all properties"),
        }
    }
}

/// A value from the command line, which everybody sees.
fn shown(overlay: &str, property: &str, value: &str) -> anyhow::Result<Value> {
    // A default is no secret.
    if SECRETS.contains(&property) && value != "null" {
        bail!(
            "every user of this host can see the words of a command: write the value of {property} into a file, or give it on standard input, `gossiperl overlay set {overlay} {property} --file FILE` (- for standard input). The one just given is no secret any more"
        );
    }
    Ok(one(property, value))
}

/// One value: JSON, and what is none is a word. A key or secret is text, also one of digits alone.
fn one(property: &str, text: &str) -> Value {
    let word = || Value::from(text);
    match property {
        "symmetric_key" | "secret" if text != "null" => {
            serde_json::from_str::<String>(text).map_or_else(|_| word(), Value::from)
        }
        _ => serde_json::from_str(text).unwrap_or_else(|_| word()),
    }
}

/// All properties: a JSON object, or else TOML.
pub(super) fn read(file: &Path) -> anyhow::Result<Value> {
    let properties = read_text(file)?;
    if let Ok(object) = serde_json::from_str::<Map<String, Value>>(&properties) {
        return Ok(Value::Object(object));
    }
    // Only the message and the line: the error's own display quotes the line, which may hold a key.
    let table: toml::Table = toml::from_str(&properties).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| 1 + properties.get(..span.start).unwrap_or_default().matches('\n').count());
        anyhow::anyhow!(
            "{} is neither a JSON object nor TOML: line {line}: {}",
            file.display(),
            error.message()
        )
    })?;
    serde_json::to_value(table).with_context(|| format!("{} holds what JSON has not", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_json_or_a_word_and_a_secret_is_text() {
        assert_eq!(one("quarantine_after", "31.5"), json!(31.5));
        assert_eq!(one("preset", "wan"), json!("wan"));
        assert_eq!(one("racks", "{\"default\":[]}"), json!({ "default": [] }));
        for text in ["1234567890123456", "\"1234567890123456\""] {
            assert_eq!(one("symmetric_key", text), json!("1234567890123456"));
        }
        assert_eq!(one("secret", "null"), json!(null));
    }

    #[test]
    fn several_properties_are_pairs_and_no_secrets() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            Change::read("orders", &words, None).map_err(|error| error.to_string())
        };
        let Ok(Change::Several(several)) = read(&["port", "7", "preset", "wan"]) else {
            panic!("two properties")
        };
        assert_eq!(Value::Object(several), json!({ "port": 7, "preset": "wan" }));
        assert!(read(&["port", "7", "preset"]).is_err_and(|told| told.contains("no value")));
        assert!(
            read(&["port", "7", "secret", "known-to-all"]).is_err_and(|told| told.contains("--file FILE"))
        );
    }
}
