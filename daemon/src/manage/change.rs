//! Overlays added, changed and removed over REST.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    ChangeError, Host, MOST_OVERLAYS, Owner, Running, Token,
    kept::{self, Staged},
    token,
};
use crate::{
    config::{Change, OverlaySettings, Written, WrongProperty, bind_conflicts},
    store::{Store, StoreError, on_disk},
};

impl Host {
    /// Adds an overlay with these properties; it is kept and serves when this returns its token.
    pub async fn add(&self, name: &str, properties: &Map<String, Value>) -> Result<Token, ChangeError> {
        let _turn = self.turn().await.ok_or(ChangeError::Stopping)?;
        if self.get(name).is_some() {
            return Err(ChangeError::Taken(name.to_owned()));
        }
        if self.names().len() >= MOST_OVERLAYS {
            return Err(ChangeError::TooMany(MOST_OVERLAYS));
        }
        let written = Written::from_json(name, properties).map_err(ChangeError::Wrong)?;
        let settings = written.settings().map_err(ChangeError::Wrong)?;
        self.check_beside_others(&settings)?;
        let data_dir = self.shared.data_dir.clone();
        let (folder, overlay) = (data_dir.clone(), name.to_owned());
        let is_new = on_disk(move || !Store::exists(&folder, &overlay)).await;
        let added = self.start_and_keep(settings, written).await;
        if added.is_err() && is_new {
            let name = name.to_owned();
            on_disk(move || Store::remove(&data_dir, &name)).await;
        }
        added
    }

    async fn start_and_keep(
        &self,
        settings: OverlaySettings,
        written: Written,
    ) -> Result<Token, ChangeError> {
        let (staged, keys) =
            (Staged::new(&self.store(&settings.name).await?, &written).await?, settings.key_ids());
        let running = self.start_one(settings, Owner::Rest(written), token::make).await;
        let running = match running {
            Ok(running) => running,
            Err(error) => {
                staged.give_up().await;
                return Err(error.into());
            }
        };
        if let Err(error) = staged.commit(keys).await {
            self.end(&running).await;
            return Err(error.into());
        }
        Ok(running.token.clone())
    }

    /// Gives the overlay of this token all its properties anew.
    pub async fn replace(
        &self,
        name: &str,
        token: &Token,
        properties: &Map<String, Value>,
    ) -> Result<(), ChangeError> {
        self.rewrite(name, token, |running, written| {
            written.replaced(properties, &running.settings.shown(running.handle.member_name()))
        })
        .await
    }

    /// Changes one property of the overlay of this token; `null` takes it away.
    pub async fn set(
        &self,
        name: &str,
        token: &Token,
        property: &str,
        value: &Value,
    ) -> Result<(), ChangeError> {
        self.rewrite(name, token, |_, written| written.with(property, value)).await
    }

    /// Removes the overlay of this token and all that is kept of it.
    pub async fn remove(&self, name: &str, token: &Token) -> Result<(), ChangeError> {
        let _turn = self.turn().await.ok_or(ChangeError::Stopping)?;
        let (running, _) = self.made_over_rest(name, token)?;
        kept::forget(&self.store(name).await?).await?;
        self.end(&running).await;
        let (data_dir, name) = (self.shared.data_dir.clone(), name.to_owned());
        on_disk(move || Store::remove(&data_dir, &name)).await;
        Ok(())
    }

    async fn rewrite(
        &self,
        name: &str,
        token: &Token,
        rewritten: impl FnOnce(&Running, &Written) -> Result<Written, Vec<WrongProperty>>,
    ) -> Result<(), ChangeError> {
        let _turn = self.turn().await.ok_or(ChangeError::Stopping)?;
        let (running, before) = self.made_over_rest(name, token)?;
        let written = rewritten(&running, &before).map_err(ChangeError::Wrong)?;
        let settings = written.settings().map_err(ChangeError::Wrong)?;
        let change = settings.change_from(&self.as_running(&running, &settings).await);
        if let Change::Identity(property) = change {
            return Err(ChangeError::Identity(property));
        }
        self.check_beside_others(&settings)?;
        let store = self.store(name).await?;
        let (staged, keys) = (Staged::new(&store, &written).await?, settings.key_ids());
        if let Err(error) = self.bring_to(&running, settings, Owner::Rest(written), change).await {
            staged.give_up().await;
            return Err(error);
        }
        let Err(error) = staged.commit(keys).await else { return Ok(()) };
        // What was answered last is what is to be there, and to come back.
        if let Ok(staged) = Staged::new(&store, &before).await {
            let _ = staged.commit(running.settings.key_ids()).await;
        }
        if let Some(changed) = self.get(name) {
            self.bring_to(&changed, running.settings.clone(), Owner::Rest(before), change).await?;
        }
        Err(error.into())
    }

    /// The folder of what is kept of an overlay.
    async fn store(&self, name: &str) -> Result<Store, StoreError> {
        let (data_dir, name) = (self.shared.data_dir.clone(), name.to_owned());
        on_disk(move || Store::open(&data_dir, &name)).await
    }

    /// Makes a running overlay what these settings say.
    pub(super) async fn bring_to(
        &self,
        running: &Arc<Running>,
        settings: OverlaySettings,
        owner: Owner,
        change: Change,
    ) -> Result<(), ChangeError> {
        match change {
            Change::Nothing => {}
            Change::Running => {
                let told = running.handle.reconfigure(settings.clone()).await;
                told.map_err(|_| ChangeError::Ended)?;
            }
            Change::Restart(property) | Change::Identity(property) => {
                tracing::info!(overlay = %settings.name, property, "starting anew for a changed property");
                return self.restart(running, settings, owner).await;
            }
        }
        let changed = running.changed(settings, owner);
        self.change(|overlays| overlays.insert(changed.settings.name.clone(), changed));
        Ok(())
    }

    async fn restart(
        &self,
        running: &Arc<Running>,
        settings: OverlaySettings,
        owner: Owner,
    ) -> Result<(), ChangeError> {
        // It stays in the table meanwhile: who asks for it hears that it is being left, not that there is none.
        running.close().await;
        let token = || {
            let token = running.token.clone();
            move |_: &Store| Ok(token)
        };
        let Err(wanted) = self.start_one(settings, owner, token()).await else { return Ok(()) };
        match self.start_one(running.settings.clone(), running.owner.clone(), token()).await {
            Ok(_) => Err(wanted.into()),
            Err(before) => {
                self.end(running).await;
                Err(ChangeError::Lost { wanted: wanted.into(), before: before.into() })
            }
        }
    }

    /// Leaves an overlay in order, and waits until its sockets are closed.
    pub(super) async fn end(&self, running: &Running) {
        self.change(|overlays| overlays.remove(&running.settings.name));
        self.shared.collector.forget(&running.settings.name);
        running.close().await;
    }

    /// The overlay of this name, where it is still the one that whoever has this token means: others may have had their turn since that was looked at.
    fn made_over_rest(&self, name: &str, token: &Token) -> Result<(Arc<Running>, Written), ChangeError> {
        let running = self.get(name).ok_or_else(|| ChangeError::Unknown(name.to_owned()))?;
        if !running.token.is(token.expose().as_bytes()) {
            return Err(ChangeError::Removed(name.to_owned()));
        }
        match &running.owner {
            Owner::File => Err(ChangeError::File(name.to_owned())),
            Owner::Rest(written) => {
                let written = written.clone();
                Ok((running, written))
            }
        }
    }

    /// Refuses settings whose address another overlay of this host has.
    fn check_beside_others(&self, settings: &OverlaySettings) -> Result<(), ChangeError> {
        let all = self.all();
        let other = all
            .iter()
            .find(|other| other.settings.name != settings.name && bind_conflicts(settings, &other.settings));
        match other {
            None => Ok(()),
            Some(other) => Err(ChangeError::Wrong(vec![WrongProperty {
                property: "port".to_owned(),
                text: format!(
                    "{} is taken by overlay {:?}; choose another",
                    settings.port, other.settings.name
                ),
                no_seeds: false,
            }])),
        }
    }
}

impl Host {
    /// The settings that `running` runs with, as `wanted` would spell them: a member name that was made is the same when it is written out, and when it is
    /// no longer.
    pub(super) async fn as_running(&self, running: &Running, wanted: &OverlaySettings) -> OverlaySettings {
        let mut settings = running.settings.clone();
        let name = running.handle.member_name();
        let is_same = match wanted.member_name.as_deref() {
            Some(wanted) => wanted == name,
            None => settings.member_name.is_none() || self.was_made(&settings.name, name).await,
        };
        if is_same {
            settings.member_name.clone_from(&wanted.member_name);
        }
        settings
    }

    /// Whether this is the name that is made, and kept, for the overlay where none is written.
    async fn was_made(&self, overlay: &str, name: &str) -> bool {
        let Ok(store) = self.store(overlay).await else { return false };
        let name = name.to_owned();
        on_disk(move || store.kept_member_name().is_some_and(|kept| kept == name)).await
    }
}
