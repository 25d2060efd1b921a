//! Users and certificates as the settings have them now, and certificates whose files have changed.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::sync::{mpsc, watch};

use super::{Files, Shared, tls};
use crate::{
    config::RestSettings,
    manage::{Reload, TakenOver},
    store::on_disk,
};

/// How often the operator's certificate files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Who sees to it.
pub(super) struct Renewing {
    pub(super) shared: Arc<Shared>,
    /// Those in force.
    pub(super) settings: RestSettings,
    /// Where the interface listens.
    pub(super) address: SocketAddr,
    pub(super) files: Files,
    pub(super) reloads: mpsc::Receiver<Reload>,
    /// How new connections are encrypted.
    pub(super) renew: watch::Sender<Option<Arc<ServerConfig>>>,
    pub(super) stamp: tls::Stamp,
    /// What a reload could not take over, so that the next one tries again.
    pub(super) behind: Behind,
}

#[derive(Default)]
pub(super) struct Behind {
    users: bool,
    certificate: bool,
}

impl Renewing {
    /// Takes over what each reload brings, and what stands in the certificates' files, for ever.
    pub(super) async fn run(mut self) {
        loop {
            tokio::select! {
                reload = self.reloads.recv() => match reload {
                    Some(reload) => {
                        let taken = self.take_over(reload.settings.rest.as_ref()).await;
                        reload.answer(taken);
                    }
                    None => return,
                },
                () = tokio::time::sleep(LOOK) => {
                    if self.look().await
                        && let Err(error) = self.renew().await
                    {
                        tracing::error!("{error}");
                    }
                }
            }
        }
    }

    async fn take_over(&mut self, now: Option<&RestSettings>) -> TakenOver {
        let mut taken = TakenOver::default();
        let moves = now.is_none_or(|now| now.address != self.settings.address);
        if moves {
            let what = "whether and where the management interface listens, and its certificate there";
            taken.restart.push(what.to_owned());
        }
        let Some(now) = now else { return taken };
        // Who may log in is never behind the file. Encryption goes with the address: what loopback may go without, another may not.
        let settings = match moves {
            true => {
                RestSettings { address: self.settings.address, ssl: self.settings.ssl.clone(), ..now.clone() }
            }
            false => now.clone(),
        };
        let same =
            settings.rest_user == self.settings.rest_user && settings.superuser == self.settings.superuser;
        let encrypts = settings.ssl != self.settings.ssl;
        self.settings = settings;
        if !same || self.behind.users {
            let (users, settings, files) =
                (self.shared.users.clone(), self.settings.clone(), self.files.clone());
            let reloaded = on_disk(move || users.reload(&settings, &files)).await;
            self.behind.users = reloaded.is_err();
            match reloaded {
                Ok(()) => {
                    tracing::info!("the management interface has the users that the configuration names now")
                }
                Err(error) => taken
                    .failed
                    .push(format!("the users of the management interface stay as they were: {error:#}")),
            }
        }
        if self.look().await || encrypts || self.behind.certificate {
            taken.failed.extend(self.renew().await.err());
        }
        taken
    }

    /// Whether the certificate's files have changed since it was last looked.
    async fn look(&mut self) -> bool {
        let ssl = self.settings.ssl.clone();
        let seen = on_disk(move || tls::stamp(&ssl)).await;
        let before = std::mem::replace(&mut self.stamp, seen);
        before != self.stamp
    }

    /// Encrypts new connections as the settings and files say now, or tells why it does so as before.
    async fn renew(&mut self) -> Result<(), String> {
        let (settings, files, address) = (self.settings.clone(), self.files.clone(), self.address);
        let renewed = on_disk(move || {
            let tls = tls::load(&settings, &files)?;
            let told = files.tell_address(tls.as_ref().map(|tls| &tls.certificate), address);
            let ends = tls.as_ref().and_then(|tls| tls::ends(&tls.certificate));
            Ok::<_, anyhow::Error>((tls.map(|tls| tls.config), ends, told))
        });
        let renewed = renewed.await;
        self.behind.certificate = renewed.is_err();
        let (config, ends, told) = renewed
            .map_err(|error| format!("the management interface keeps the certificate it has: {error:#}"))?;
        self.shared.counts.set_certificate_ends(ends);
        tracing::info!("the management interface's certificate was read");
        self.behind.certificate = told.is_err();
        let _ = self.renew.send(config);
        told.map_err(|error| format!("where the management interface is cannot be told anew: {error:#}"))
    }
}
