//! `gossiperl check CONFIG` and `gossiperld --check`: the reading of the daemon, without its start.

use std::{net::SocketAddr, path::Path};

use crate::config::Settings;

/// Prints what the file holds, notes on standard error, or fails with all its problems.
pub(crate) fn run(config: &Path) -> anyhow::Result<()> {
    let settings = Settings::load(config)?;
    for note in &settings.notes {
        eprintln!("{}:{note}", config.display());
    }
    let names: Vec<&str> = settings.overlays.iter().map(|overlay| overlay.name.as_str()).collect();
    match names.len() {
        0 => println!("{}: good, without overlays", config.display()),
        1 => println!("{}: good, overlay {}", config.display(), names.join(", ")),
        count => println!("{}: good, {count} overlays: {}", config.display(), names.join(", ")),
    }
    for overlay in &settings.overlays {
        if let Some(multicast) = overlay.multicast {
            println!(
                "{}: group {} (ttl {}), clients at {}",
                overlay.name,
                SocketAddr::new(multicast.ip, overlay.port),
                multicast.ttl,
                multicast.client_address()
            );
        }
    }
    Ok(())
}
