//! One overlay's properties as somebody wrote them in JSON, on the way to validated settings.
//!
//! What comes over REST is turned into the TOML of a table `[overlays.NAME]` and read by what reads the file: one reader, one set of rules and messages.
//! That text is also what is kept on disk of an overlay made over REST.

use std::path::Path;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{OverlaySettings, Settings, check_name};
use crate::store::LONGEST_FILE;

/// What GET /configuration says in place of what it does not tell or what is not set; written back it means "as it was", or "not set".
pub(super) const PROTECTED: &str = "protected";
/// Of an address or interface that is not set.
pub(super) const UNDEFINED: &str = "undefined";
/// Of a group that is not set.
pub(super) const OFF: &str = "off";
/// Properties that are never told.
pub(crate) const SECRETS: [&str; 4] = ["symmetric_key", "symmetric_keys", "secret", "client_secrets"];

/// A property that is wrong, and why. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongProperty {
    /// Its name, with the tables it is in below the overlay's; empty where it is the whole.
    pub property: String,
    /// What is wrong and what is allowed.
    pub text: String,
    /// What is missing is seeds for the overlay's own rack.
    pub no_seeds: bool,
}

/// A table `[overlays.NAME]` as TOML. Holds secrets: has no `Debug`.
#[derive(Clone)]
pub struct Written {
    name: String,
    text: Zeroizing<String>,
}

impl Written {
    /// Of a JSON object. What GET /configuration shows for something unset is left out; what it shows for a secret is refused, as there is none that it could stand for.
    pub fn from_json(name: &str, properties: &Map<String, Value>) -> Result<Self, Vec<WrongProperty>> {
        check_name(name).map_err(|text| vec![wrong("", text)])?;
        let shown = properties.iter().filter(|(property, value)| stands_for_secret(property, value));
        let text =
            "reads \"protected\", which stands for a secret that is not shown; write the secret itself";
        let shown: Vec<WrongProperty> = shown.map(|(property, _)| wrong(property, text)).collect();
        if !shown.is_empty() {
            return Err(shown);
        }
        let mut table = toml::Table::new();
        for (property, value) in properties {
            if is_unset(property, value) {
                continue;
            }
            let value = to_toml(value).map_err(|text| vec![wrong(property, text)])?;
            table.insert(property.clone(), value);
        }
        Self::of(name, table)
    }

    /// The same overlay with all properties anew. Those that read as they are `shown` stay as they are written, or unwritten: what was shown and is sent back changes nothing, and
    /// a default that is shown does not become a property that is written. So do those given as "protected".
    pub fn replaced(
        &self,
        properties: &Map<String, Value>,
        shown: &Map<String, Value>,
    ) -> Result<Self, Vec<WrongProperty>> {
        let before = self.table()?;
        let mut table = toml::Table::new();
        for (property, value) in properties {
            if is_protected(property, value) {
                table.extend(before.get(property).map(|kept| (property.clone(), kept.clone())));
            } else if !is_unset(property, value) {
                let kept = kept(value, shown.get(property), before.get(property));
                let kept = kept.map_err(|text| vec![wrong(property, text)])?;
                table.extend(kept.map(|kept| (property.clone(), kept)));
            }
        }
        Self::of(&self.name, table)
    }

    /// The same overlay with one property anew; `null`, and what GET /configuration shows for something unset, take it away.
    pub fn with(&self, property: &str, value: &Value) -> Result<Self, Vec<WrongProperty>> {
        let mut table = self.table()?;
        if is_protected(property, value) {
            return Ok(self.clone());
        }
        if is_unset(property, value) {
            table.remove(property);
        } else {
            table.insert(property.to_owned(), to_toml(value).map_err(|text| vec![wrong(property, text)])?);
        }
        Self::of(&self.name, table)
    }

    /// Of a document kept earlier. `None` where it is none of this overlay alone.
    pub fn from_kept(name: &str, text: Zeroizing<String>) -> Option<Self> {
        let written = Written { name: name.to_owned(), text };
        written.table().ok().map(|_| written)
    }

    /// The overlay's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The TOML document.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The validated settings, or all that is wrong.
    pub fn settings(&self) -> Result<OverlaySettings, Vec<WrongProperty>> {
        let read = Settings::parse(&self.text, Path::new(""));
        let settings = read.map_err(|error| {
            let of_this = |property: &str| {
                let below = property.strip_prefix("overlays.")?.strip_prefix(&*toml_key(&self.name))?;
                Some(below.strip_prefix('.').unwrap_or(below).to_owned())
            };
            error
                .problems
                .into_iter()
                .map(|problem| WrongProperty {
                    property: of_this(&problem.property).unwrap_or_default(),
                    no_seeds: problem.text.contains(super::overlay::NO_SEEDS),
                    text: problem.text,
                })
                .collect::<Vec<_>>()
        })?;
        settings.overlays.into_iter().next().ok_or_else(|| vec![wrong("", "no overlay")])
    }

    fn of(name: &str, table: toml::Table) -> Result<Self, Vec<WrongProperty>> {
        let named = toml::Table::from_iter([(name.to_owned(), toml::Value::Table(table))]);
        let document = toml::Table::from_iter([("overlays".to_owned(), toml::Value::Table(named))]);
        let text = toml::to_string(&document).map_err(|error| vec![wrong("", error.to_string())])?;
        let text = Zeroizing::new(text);
        if text.len() as u64 > LONGEST_FILE {
            let length = text.len();
            return Err(vec![wrong(
                "",
                format!("has {length} bytes as it is kept; at most {LONGEST_FILE} are allowed"),
            )]);
        }
        Ok(Written { name: name.to_owned(), text })
    }

    fn table(&self) -> Result<toml::Table, Vec<WrongProperty>> {
        let not_ours = || vec![wrong("", "what is kept of this overlay cannot be read")];
        let document: toml::Table = self.text.parse().map_err(|_| not_ours())?;
        let Some(toml::Value::Table(mut overlays)) = document.into_iter().next().map(|(_, value)| value)
        else {
            return Err(not_ours());
        };
        match overlays.remove(&self.name) {
            Some(toml::Value::Table(table)) if overlays.is_empty() => Ok(table),
            _ => Err(not_ours()),
        }
    }
}

/// A value as it is to be written, given how it is shown and was written before; in a table, value by value. `None`: it is not written.
fn kept(
    value: &Value,
    shown: Option<&Value>,
    before: Option<&toml::Value>,
) -> Result<Option<toml::Value>, String> {
    if shown == Some(value) {
        return Ok(before.cloned());
    }
    let (Value::Object(values), Some(Value::Object(shown))) = (value, shown) else {
        return to_toml(value).map(Some);
    };
    let before = before.and_then(toml::Value::as_table);
    let mut table = toml::Table::new();
    for (key, value) in values {
        let kept = kept(value, shown.get(key), before.and_then(|before| before.get(key)))?;
        table.extend(kept.map(|kept| (key.clone(), kept)));
    }
    Ok(Some(toml::Value::Table(table)))
}

/// Whether this is what is shown of a property that is not set.
pub(crate) fn is_unset(property: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => match property {
            "ip" | "ip_hint" | "iface" => text == UNDEFINED,
            "multicast" => text == OFF,
            _ => false,
        },
        _ => false,
    }
}

fn is_protected(property: &str, value: &Value) -> bool {
    SECRETS.contains(&property) && value.as_str() == Some(PROTECTED)
}

/// Whether a secret, or one of several, reads as GET /configuration shows them.
fn stands_for_secret(property: &str, value: &Value) -> bool {
    let is_shown = |value: &Value| value.as_str() == Some(PROTECTED);
    SECRETS.contains(&property)
        && match value {
            Value::Array(values) => values.iter().any(is_shown),
            Value::Object(values) => values.values().any(is_shown),
            value => is_shown(value),
        }
}

fn to_toml(value: &Value) -> Result<toml::Value, String> {
    Ok(match value {
        Value::Null => return Err("has null inside; leave out what is not set".to_owned()),
        Value::Bool(value) => toml::Value::Boolean(*value),
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => toml::Value::Integer(integer),
            (None, Some(float)) => toml::Value::Float(float),
            (None, None) => return Err(format!("{number} is out of range")),
        },
        Value::Array(values) => {
            toml::Value::Array(values.iter().map(to_toml).collect::<Result<Vec<_>, _>>()?)
        }
        Value::Object(values) => {
            let read = values.iter().map(|(key, value)| Ok((key.clone(), to_toml(value)?)));
            toml::Value::Table(read.collect::<Result<toml::Table, String>>()?)
        }
    })
}

/// The key as problems name it.
fn toml_key(name: &str) -> String {
    super::reader::qualified("", name)
}

fn wrong(property: &str, text: impl Into<String>) -> WrongProperty {
    WrongProperty { property: property.to_owned(), text: text.into(), no_seeds: false }
}
