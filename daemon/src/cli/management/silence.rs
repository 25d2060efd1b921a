//! What it means that the management interface has not answered, and what to do.

use std::{error::Error, io};

use reqwest::Url;
use rustls::{AlertDescription, CertificateError, InvalidMessage};

/// In words, without the chain of errors that led to it. `own`: the address is what the daemon of this host has said.
pub(super) fn meaning(url: &Url, own: bool, error: &(dyn Error + 'static)) -> String {
    if let Some(error) = find::<rustls::Error>(error) {
        return encrypted(url, own, error);
    }
    if url.scheme() == "http" && find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
        return format!(
            "{url} does not speak plain HTTP; gossiperld speaks TLS there: write https:// in place of http://"
        );
    }
    let refused = find::<io::Error>(error).map(io::Error::kind) == Some(io::ErrorKind::ConnectionRefused);
    match own && refused {
        true => format!(
            "gossiperld is not running: it was at {url} and has ended without leaving. Start it, or give --url"
        ),
        false => format!("the management interface at {url} does not answer"),
    }
}

/// Of an error of TLS.
fn encrypted(url: &Url, own: bool, error: &rustls::Error) -> String {
    let host = url.host_str().unwrap_or_default();
    match error {
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) if own => {
            format!(
                "what answers at {url} shows another certificate than gossiperld has written into data_dir/rest/served.pem: something else listens there, or data_dir is another daemon's"
            )
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => format!(
            "the certificate of {url} is signed by nobody who is trusted here: give --cacert FILE with the certificate of who signed it. Of one that gossiperld made that is itself, data_dir/rest/certificate.pem on its host"
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!(
            "the certificate of {url} is not for {host}: write one of the names that it is for into --url"
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => format!("the certificate of {url} has expired: renew it on the daemon's host"),
        rustls::Error::InvalidCertificate(_) => format!("the certificate of {url} is not accepted"),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)
        | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            format!(
                "{url} does not speak TLS as it is needed: if it is plain HTTP, write http:// in place of https://"
            )
        }
        _ => format!("{url} cannot be spoken with over TLS"),
    }
}

/// The first error of this kind among this one and its causes.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // What an I/O error carries is not among its causes.
        let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match carried {
            Some(carried) => Some(carried as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
