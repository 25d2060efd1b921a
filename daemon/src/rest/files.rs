//! `data_dir/rest/`: what the management interface keeps, readable by its owner only.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::store::{make_folder, replace};

/// Where the interface listens, for those who ask on this host.
const ADDRESS: &str = "address";
/// The certificate that the interface shows, by which those who ask on this host know it, whatever its names and whoever signed it.
const SERVED: &str = "served.pem";
/// Larger files are not ours.
const LONGEST: u64 = 1 << 20;

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    /// Opens it, making it where needed.
    pub(super) fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let folder = data_dir.join("rest");
        make_folder(&folder)
            .and_then(|()| fs::set_permissions(&folder, Permissions::from_mode(0o700)))
            .with_context(|| {
                format!("cannot keep state in {}; give the user who runs gossiperld write access there, or set data_dir to another folder", folder.display())
            })?;
        Ok(Files { folder })
    }

    /// Where a file is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file's text; `None` where there is none.
    pub(super) fn read(&self, name: &str) -> anyhow::Result<Option<Zeroizing<String>>> {
        let path = self.path(name);
        let mut text = Zeroizing::new(String::new());
        match File::open(&path).and_then(|file| file.take(LONGEST).read_to_string(&mut text)) {
            Ok(_) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Replaces a file as a whole, flushed to the disk.
    pub(super) fn keep(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        replace(&self.folder, name, bytes)
            .with_context(|| format!("cannot write {}", self.path(name).display()))
    }

    /// Says that the interface is nowhere any more.
    pub(super) fn forget_address(&self) {
        for name in [ADDRESS, SERVED] {
            if let Err(error) = self.forget(name) {
                let path = self.path(name);
                tracing::warn!(file = %path.display(), %error, "cannot be removed, and tells of an interface that is gone");
            }
        }
    }

    /// Says where the interface is, and how it is asked: encrypted where it shows a certificate. Where it is at all addresses of the host, the one
    /// for those on the host is named.
    pub(super) fn tell_address(
        &self,
        certificate: Option<&CertificateDer<'_>>,
        address: SocketAddr,
    ) -> anyhow::Result<()> {
        // The certificate first: who reads the address finds it.
        match certificate {
            Some(certificate) => self.keep(SERVED, pem(certificate).as_bytes())?,
            None => self
                .forget(SERVED)
                .with_context(|| format!("cannot remove {}", self.path(SERVED).display()))?,
        }
        let scheme = if certificate.is_some() { "https" } else { "http" };
        self.keep(ADDRESS, format!("{scheme}://{}\n", reached_here(address)).as_bytes())
    }

    fn forget(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

/// An address under which this host reaches what listens at `address`.
fn reached_here(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(all) if all.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, all.port()).into(),
        SocketAddr::V6(all) if all.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, all.port()).into(),
        one => one,
    }
}

/// A certificate as text (RFC 7468).
fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = BASE64_STANDARD.encode(certificate);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = text.as_str();
    while let Some((line, behind)) = rest.split_at_checked(64) {
        pem.extend([line, "\n"]);
        rest = behind;
    }
    if !rest.is_empty() {
        pem.extend([rest, "\n"]);
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
