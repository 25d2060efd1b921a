//! Properties as they are given to `overlay add` and `overlay set`: JSON or TOML, secrets never on the command line.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use crate::{cli::management::read_text, config::SECRETS};

/// What is to become of an overlay.
pub(super) struct Change {
    /// The one property; `None`: all of them.
    pub(super) property: Option<String>,
    /// Its value, or all properties.
    pub(super) value: Value,
}

impl Change {
    /// Of the words of the command line, of which those that are needed are there.
    pub(super) fn read(
        overlay: &str,
        property: Option<String>,
        value: Option<String>,
        file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let value = match (&property, value, file) {
            (None, _, Some(file)) => read(file)?,
            (Some(property), _, Some(file)) => one(property, read_text(file)?.trim_end_matches(['\r', '\n'])),
            // Its default is no secret.
            (Some(property), Some(value), None)
                if SECRETS.contains(&property.as_str()) && value != "null" =>
            {
                bail!(
                    "every user of this host can see the words of a command: write the value of {property} into a file, or give it on standard input, `gossiperl overlay set {overlay} {property} --file FILE` (- for standard input). The one just given is no secret any more"
                )
            }
            (Some(property), Some(value), None) => one(property, &value),
            (_, _, None) => bail!("give a property and its value, or --file FILE"),
        };
        Ok(Change { property, value })
    }
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
}
