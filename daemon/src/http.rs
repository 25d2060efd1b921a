//! The HTTP client of this program, for whatever it asks of others: TLS by rustls with ring, no proxies, no redirects, every wait bounded.

mod pinned;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use reqwest::{Certificate, Client, ClientBuilder, Url, redirect::Policy};

/// Longest time until a connection stands.
const CONNECTING: Duration = Duration::from_secs(5);

/// A client for servers at this address. A request as a whole, answer included, takes `within` at most; `None`: an answer may go on for ever. `authority`: a file with certificates of
/// authorities to trust in place of the system's.
///
/// Redirects are not followed, since requests carry credentials that are for one server alone.
pub fn client(url: &Url, authority: Option<&Path>, within: Option<Duration>) -> anyhow::Result<Client> {
    trusting(builder(within), url, authority)?.build().context("cannot make an HTTP client")
}

/// The same for the one server that shows the very certificate in this file, whatever its names, its age and who signed it.
pub fn client_of(certificate: &Path, within: Option<Duration>) -> anyhow::Result<Client> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = pinned::Pinned::read(certificate, provider.clone())?;
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    builder(within).tls_backend_preconfigured(tls).build().context("cannot make an HTTP client")
}

fn builder(within: Option<Duration>) -> ClientBuilder {
    // Fails where one is installed already, which is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("gossiperl/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECTING)
        .redirect(Policy::none())
        .no_proxy();
    if let Some(within) = within {
        builder = builder.timeout(within);
    }
    builder
}

fn trusting(builder: ClientBuilder, url: &Url, authority: Option<&Path>) -> anyhow::Result<ClientBuilder> {
    if url.scheme() != "https" {
        // The system may have no authorities, and none are asked for.
        return Ok(builder.tls_certs_only([]));
    }
    let Some(file) = authority else { return Ok(builder) };
    let shown = file.display();
    let bytes = std::fs::read(file).with_context(|| format!("cannot read the certificates in {shown}"))?;
    let certificates = Certificate::from_pem_bundle(&bytes)
        .with_context(|| format!("{shown} holds no certificates in PEM form"))?;
    anyhow::ensure!(!certificates.is_empty(), "{shown} holds no certificate in PEM form");
    Ok(builder.tls_certs_only(certificates))
}
