//! Configuration files for daemons, with addresses that are free.

use std::{
    fs,
    net::{IpAddr, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The key of every overlay of these tests.
pub(crate) const KEY: &str = "a key of this test";

/// One table `[overlays.NAME]`.
pub(crate) struct Table<'a> {
    pub(crate) name: &'a str,
    pub(crate) ip: IpAddr,
    pub(crate) port: u16,
    /// Where to knock: `"127.0.1.1"`, `"127.0.1.1:7000"`.
    pub(crate) seeds: &'a [String],
    /// Further lines.
    pub(crate) more: &'a str,
}

impl Table<'_> {
    fn text(&self) -> String {
        let Table { name, ip, port, seeds, more } = self;
        format!(
            "[overlays.{name}]\nip = \"{ip}\"\nport = {port}\nsymmetric_key = \"{KEY}\"\nracks = {{ default = {seeds:?} }}\n{more}\n"
        )
    }
}

/// Writes a configuration with these tables, which keeps its data beside it, and says where it is.
pub(crate) fn write_config(folder: &Path, top: &str, tables: &[Table<'_>]) -> PathBuf {
    let tables: String = tables.iter().map(Table::text).collect();
    // Port 8080 is one for all daemons of a host; tests that are about the management interface say where theirs is.
    let rest = if top.contains("rest") { "" } else { "rest = false\n" };
    written(folder, &format!("data_dir = {:?}\n{rest}{top}\n{tables}", folder.join("data")))
}

/// Writes a file that only we may read, as configurations must be.
pub(crate) fn written(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("gossiperl.toml");
    fs::write(&file, text).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    file
}

/// A port that nobody uses at any of these addresses.
pub(crate) fn free_port(addresses: &[IpAddr]) -> u16 {
    let free = |port: &u16| addresses.iter().all(|address| UdpSocket::bind((*address, *port)).is_ok());
    let some = || UdpSocket::bind((addresses[0], 0)).expect("bound").local_addr().expect("bound").port();
    std::iter::repeat_with(some).take(64).find(free).expect("a port free on all addresses")
}
