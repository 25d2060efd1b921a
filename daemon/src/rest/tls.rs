//! The certificate: the operator's own, or one made on first start.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use anyhow::Context;
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::Files;
use crate::config::{RestSettings, Ssl};

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// How connections are encrypted.
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// The certificate that is shown, without those that lead to its issuer.
    pub(super) certificate: CertificateDer<'static>,
}

/// How connections are encrypted; `None`: not at all. A certificate that the settings do not give is made, for this host's names, and again
/// where those have changed.
pub(super) fn load(settings: &RestSettings, files: &Files) -> anyhow::Result<Option<Tls>> {
    let (certfile, keyfile, cacertfile) = match &settings.ssl {
        Ssl::Off => return Ok(None),
        Ssl::Files { certfile, keyfile, cacertfile } => {
            (certfile.clone(), keyfile.clone(), cacertfile.clone())
        }
        Ssl::Made => {
            make(settings.address.ip(), files)?;
            (files.path(CERTIFICATE), files.path(KEY), None)
        }
    };
    let mut chain = certificates(&certfile)?;
    let certificate = chain.first().cloned().context("a certificate is missing")?;
    if let Some(file) = cacertfile {
        chain.extend(certificates(&file)?);
    }
    let key = PrivateKeyDer::from_pem_file(&keyfile)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .with_context(|| format!("no private key in {} (rest.ssl.keyfile)", keyfile.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("{} and {} do not go together", certfile.display(), keyfile.display()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Tls { config: Arc::new(config), certificate }))
}

/// When a certificate ends, Unix time in seconds; `None`: it cannot be read.
pub(super) fn ends(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, read) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(read.validity().not_after.timestamp())
}

/// What tells that a file has changed: when it was last written, and its length.
pub(super) type Stamp = Vec<(Option<SystemTime>, u64)>;

/// The stamps of the operator's files; empty where there are none.
pub(super) fn stamp(ssl: &Ssl) -> Stamp {
    let Ssl::Files { certfile, keyfile, cacertfile } = ssl else { return Vec::new() };
    let of = |file: &PathBuf| match std::fs::metadata(file) {
        Ok(metadata) => (metadata.modified().ok(), metadata.len()),
        Err(_) => (None, 0),
    };
    [Some(certfile), Some(keyfile), cacertfile.as_ref()].into_iter().flatten().map(of).collect()
}

fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| anyhow::anyhow!("{error}"));
    let found = read.with_context(|| format!("cannot read certificates from {}", file.display()))?;
    anyhow::ensure!(!found.is_empty(), "there is no certificate in {}", file.display());
    Ok(found)
}

/// Makes a certificate that signs itself, unless there is one for the same names.
fn make(ip: IpAddr, files: &Files) -> anyhow::Result<()> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !ip.is_loopback() && !ip.is_unspecified() {
        names.push(ip.to_string());
    }
    if let Ok(host) = nix::unistd::gethostname()
        && let Ok(host) = host.into_string()
        && !host.is_empty()
        && !names.contains(&host)
    {
        names.push(host);
    }
    // What stands outside of its blocks is a comment to who reads PEM.
    let heading = format!("gossiperld made this for {}\n", names.join(", "));
    let have = files.read(CERTIFICATE)?.is_some_and(|text| text.starts_with(&heading));
    if have && files.read(KEY)?.is_some() {
        return Ok(());
    }
    let key = KeyPair::generate().context("a key for the certificate cannot be made")?;
    let certificate = CertificateParams::new(names)
        .and_then(|params| params.self_signed(&key))
        .context("a certificate cannot be made")?;
    // The key first: a certificate of another key is found out and made anew at no start.
    files.keep(KEY, zeroize::Zeroizing::new(key.serialize_pem()).as_bytes())?;
    files.keep(CERTIFICATE, format!("{heading}{}", certificate.pem()).as_bytes())?;
    tracing::info!(file = %files.path(CERTIFICATE).display(), "a certificate was made; who trusts this file can check it");
    Ok(())
}
