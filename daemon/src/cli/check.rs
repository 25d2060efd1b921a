//! `gossiperl check CONFIG` and `gossiperld --check`: the reading of the daemon, without its start.

use std::{net::SocketAddr, path::Path};

use super::output;
use crate::config::Settings;

/// Prints what the file holds, notes on standard error, or fails with all its problems.
pub(crate) fn run(config: &Path) -> anyhow::Result<()> {
    let settings = Settings::load(config)?;
    for note in &settings.notes {
        output::note(format_args!("{}:{note}", config.display()));
    }
    let names: Vec<&str> = settings.overlays.iter().map(|overlay| overlay.name.as_str()).collect();
    let what = match names.len() {
        0 => "without overlays".to_owned(),
        1 => format!("overlay {}", names.join(", ")),
        count => format!("{count} overlays: {}", names.join(", ")),
    };
    output::line(format_args!("{}: good, {what}", config.display()))?;
    for overlay in &settings.overlays {
        if let Some(multicast) = overlay.multicast {
            output::line(format_args!(
                "{}: group {} (ttl {}), clients at {}",
                overlay.name,
                SocketAddr::new(multicast.ip, overlay.port),
                multicast.ttl,
                multicast.client_address()
            ))?;
        }
    }
    Ok(())
}
