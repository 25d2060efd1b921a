//! gossiperl.toml(5): the configuration's commented defaults, set as a manual's page.
//!
//! Comments become text, properties stand by themselves, tables become headings; a table's comment stands before its
//! heading in the file and behind it on the page.

use std::io;

use clap_mangen::roff::{Roff, bold, roman};

use super::{DATE, MANUAL, SOURCE, see_also};
use crate::config;

/// In place of the key and the secret that a printed configuration has.
const KEY: &str = "a fresh random key";
const SECRET: &str = "a fresh random secret";

pub(super) fn page() -> io::Result<Vec<u8>> {
    let mut page = Roff::new();
    page.control("TH", ["gossiperl.toml", "5", DATE, SOURCE, MANUAL]);
    page.control("SH", ["NAME"]);
    page.text([roman("gossiperl.toml - configuration of gossiperld")]);
    page.control("SH", ["DESCRIPTION"]);
    for text in DESCRIPTION {
        page.control("PP", []);
        page.text([roman(text)]);
    }
    page.control("SH", ["PROPERTIES"]);
    for block in blocks(&config::template(KEY, SECRET)) {
        match block {
            Block::Table(name) => page.control("SS", [name.as_str()]),
            Block::Text(text) => page.control("PP", []).text([roman(text)]),
            Block::Properties(lines) => {
                page.control("PP", []).control("RS", ["4"]).control("nf", []);
                for line in lines {
                    page.text([bold(line)]);
                }
                page.control("fi", []).control("RE", [])
            }
        };
    }
    see_also(&mut page, &["gossiperld(8)", "gossiperl(1)"]);
    let mut bytes = Vec::new();
    page.to_writer(&mut bytes)?;
    Ok(bytes)
}

const DESCRIPTION: [&str; 3] = [
    "gossiperld reads its configuration, a file of TOML (https://toml.io), from /etc/gossiperl/gossiperl.toml unless it is \
     told another. It holds the keys of overlays: whoever can read it can read and publish in them.",
    "What is wrong with a file, all of it at once, is said by `gossiperl check FILE`; a daemon refuses to start with it and \
     ends with 78. `gossiperld --print-config` prints the text below as a file that can be used.",
    "Below stands every property with its default. Those behind # have none, or one that depends on others.",
];

#[derive(Debug, PartialEq, Eq)]
enum Block {
    Table(String),
    Text(String),
    Properties(Vec<String>),
}

/// Cuts a commented configuration into its parts.
fn blocks(toml: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut text: Vec<&str> = Vec::new();
    let mut properties: Vec<&str> = Vec::new();
    let flush = |blocks: &mut Vec<Block>, text: &mut Vec<&str>| {
        let joined = std::mem::take(text).join(" ");
        blocks.extend((!joined.is_empty()).then_some(Block::Text(joined)));
    };
    for line in toml.lines().chain([""]) {
        let is_property = is_property(line);
        if !is_property && !properties.is_empty() {
            blocks.push(Block::Properties(
                std::mem::take(&mut properties).into_iter().map(str::to_owned).collect(),
            ));
        }
        if is_property {
            flush(&mut blocks, &mut text);
            properties.push(line);
        } else if line.starts_with('[') {
            blocks.push(Block::Table(line.to_owned()));
            flush(&mut blocks, &mut text);
        } else if let Some(comment) = line.strip_prefix('#') {
            text.push(comment.trim());
        } else {
            flush(&mut blocks, &mut text);
        }
    }
    blocks
}

/// Whether this line sets a property, or shows behind `#` how it would be set.
fn is_property(line: &str) -> bool {
    let line = line.strip_prefix("# ").unwrap_or(line);
    let Some((name, _)) = line.split_once(" = ") else { return false };
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_text_and_properties_stand_by_themselves() {
        let toml = "# Of the\n# file.\n\n# Of it.\nip = 1\n# port = 2\n# So\n# be it.\n[table]\nb = [1, 2]";
        let text = |text: &str| Block::Text(text.to_owned());
        let properties =
            |lines: &[&str]| Block::Properties(lines.iter().map(|line| (*line).to_owned()).collect());
        assert_eq!(
            blocks(toml),
            [
                text("Of the file."),
                text("Of it."),
                properties(&["ip = 1", "# port = 2"]),
                Block::Table("[table]".to_owned()),
                text("So be it."),
                properties(&["b = [1, 2]"]),
            ]
        );
    }

    #[test]
    fn every_property_of_the_defaults_is_on_the_page() {
        let page = String::from_utf8(page().expect("made")).expect("text").replace("\\-", "-");
        let defaults = config::template(KEY, SECRET);
        let missing: Vec<_> = defaults
            .lines()
            .filter(|line| is_property(line) && !page.contains(&line.replace('\\', "\\e")))
            .collect();
        assert!(missing.is_empty(), "{missing:?} are not in\n{page}");
        assert!(page.lines().filter(|line| line.starts_with(".SS")).count() >= 3, "{page}");
    }
}
