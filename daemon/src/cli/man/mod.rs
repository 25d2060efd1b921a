//! `gossiperl man FOLDER`, which packages call: the manual's pages, made of what the programs themselves say.
//!
//! Commands come from clap, gossiperl.toml(5) from the commented defaults ([`settings`]); only what neither of them knows
//! (files, signals, ends) is written here.

mod settings;

use std::{fs, io, path::Path};

use anyhow::Context;
use clap::Command;
use clap_mangen::{
    Man,
    roff::{Inline, Roff, bold, roman},
};

use crate::{cli::management::ENVIRONMENT as MANAGEMENT_ENVIRONMENT, service};

const MANUAL: &str = "gossiperl";
const SOURCE: &str = concat!("gossiperl ", env!("CARGO_PKG_VERSION"));
/// No date: it would be another with each build. Empty it would be left out, and what follows would be taken for it.
const DATE: &str = " ";

/// Writes all pages into a folder, which is made where it is missing.
pub(super) fn run(folder: &Path, gossiperl: Command) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let write = |name: &str, page: &[u8]| {
        let file = folder.join(name);
        fs::write(&file, page).with_context(|| format!("cannot write {}", file.display()))
    };
    write("gossiperld.8", &daemon(service::command())?)?;
    write("gossiperl.toml.5", &settings::page()?)?;
    let mut gossiperl = gossiperl.disable_help_subcommand(true);
    gossiperl.build();
    commands(&gossiperl, &write)
}

/// The page of a command and those of its subcommands.
fn commands(command: &Command, write: &impl Fn(&str, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    // What its help says of the environment has a section here.
    let man = Man::new(command.clone().after_help(None::<&str>)).date(DATE).manual(MANUAL).source(SOURCE);
    let mut page = Vec::new();
    man.render(&mut page)?;
    let mut end = Roff::new();
    let parent = command.get_name() == "gossiperl";
    let manages = command.get_arguments().any(|argument| argument.get_id() == "credentials");
    let of_clients: &[_] = if parent { &CLIENT_ENVIRONMENT } else { &[] };
    let of_managers: &[_] = if parent || manages { &MANAGEMENT_ENVIRONMENT } else { &[] };
    let environment = [of_managers, of_clients].concat();
    if !environment.is_empty() {
        section(&mut end, "ENVIRONMENT", &environment);
    }
    if parent {
        exits(&mut end);
    }
    let pages: &[&str] =
        if parent { &["gossiperld(8)", "gossiperl.toml(5)"] } else { &["gossiperl(1)", "gossiperl.toml(5)"] };
    see_also(&mut end, pages);
    end.to_writer(&mut page)?;
    write(&man.get_filename(), &page)?;
    command.get_subcommands().filter(|it| !it.is_hide_set()).try_for_each(|it| commands(it, write))
}

/// The variables that commands read which talk to the daemon as clients, beside the configuration's.
const CLIENT_ENVIRONMENT: [(&str, &str); 2] = [
    ("GOSSIPERL_KEY", "The overlay's key, where neither a file nor a configuration has it."),
    ("GOSSIPERL_SECRET", "The client's secret, likewise."),
];

/// gossiperld(8).
fn daemon(command: Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).section("8").date(DATE).manual(MANUAL).source(SOURCE).render(&mut page)?;
    let mut end = Roff::new();
    section(
        &mut end,
        "FILES",
        &[
            (
                "/etc/gossiperl/gossiperl.toml",
                "The configuration, with the keys of its overlays: nobody but root and the service may read it.",
            ),
            (
                "/var/lib/gossiperl",
                "What is kept between runs: our names, the last known members, overlays made over REST, and the management interface's certificate and passwords (in rest/). Property data_dir is another place.",
            ),
        ],
    );
    section(
        &mut end,
        "SIGNALS",
        &[
            (
                "SIGTERM, SIGINT",
                "Leave all overlays in order, which takes 3 s at most, and end. A second one ends at once.",
            ),
            ("SIGHUP", SIGHUP),
        ],
    );
    section(
        &mut end,
        "ENVIRONMENT",
        &[
            (
                "NOTIFY_SOCKET",
                "The service manager's socket (sd_notify(3)): it is told when all overlays serve, while a reload lasts, and of the end.",
            ),
            (
                "WATCHDOG_USEC, WATCHDOG_PID",
                "The service manager's watchdog: it is told at half of this time, for as long as every overlay answers.",
            ),
        ],
    );
    exits(&mut end);
    see_also(&mut end, &["gossiperl(1)", "gossiperl.toml(5)", "systemd.service(5)"]);
    end.to_writer(&mut page)?;
    Ok(page)
}

const SIGHUP: &str = "Read the configuration again, as POST /reconfigure does: overlays of the file are added, changed and left, and users and \
     certificates of the management interface replaced. A file that is refused changes nothing. The log's level and \
     [statistics] change at once; data_dir, the log's format and where the management interface listens at the next start.";

/// What both programs end with.
fn exits(page: &mut Roff) {
    section(
        page,
        "EXIT STATUS",
        &[
            ("0", "All went well."),
            ("1", "Something failed; standard error says what and what to do."),
            ("2", "The command line was wrong."),
            ("78", "The configuration was refused."),
        ],
    );
}

/// A section of things and what is to be said of each.
fn section(page: &mut Roff, heading: &str, items: &[(&str, &str)]) {
    page.control("SH", [heading]);
    for (item, text) in items {
        page.control("TP", []);
        page.text([bold(*item)]);
        page.text([roman(*text)]);
    }
}

fn see_also(page: &mut Roff, pages: &[&str]) {
    page.control("SH", ["SEE ALSO"]);
    let mut line: Vec<Inline> = Vec::new();
    for (index, name) in pages.iter().enumerate() {
        let (name, part) = name.split_once('(').unwrap_or((name, ""));
        line.extend([roman(if index > 0 { ", " } else { "" }), bold(name), roman(format!("({part}"))]);
    }
    page.text(line);
}
